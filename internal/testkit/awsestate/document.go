package awsestate

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// pool is the documents that identities share.
type pool struct {
	// harmless, near and privileged are policies: most, those that only look
	// as if they led somewhere, and those that do.
	harmless, near, privileged []string
	trusts                     []string
}

// newPool makes at most n documents, with room left for what accounts make of
// their own.
func newPool(r *rand.Rand, n int) pool {
	var p pool
	for i := range max(n*6/10, 50) {
		p.harmless = append(p.harmless, harmless(r, i))
	}
	for i := range max(n/20, 40) {
		p.near = append(p.near, near(r, i))
	}
	for i := range max(n/500, 10) {
		p.privileged = append(p.privileged, privileged(r, i))
	}
	for i := range max(n/50, 20) {
		p.trusts = append(p.trusts, trust(r, i))
	}
	return p
}

// one is a document that somebody has, a near miss in one of fifty.
func (p *pool) one(r *rand.Rand) string {
	if r.IntN(50) == 0 {
		return p.near[r.IntN(len(p.near))]
	}
	return p.harmless[r.IntN(len(p.harmless))]
}

func statement(effect, actions, resource, condition string) string {
	list := `"` + strings.Join(strings.Fields(actions), `","`) + `"`
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Effect":%q,"Action":[%s],"Resource":%q%s}`, effect, list, resource, condition)
}

func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func assumeOnly(role string) string { return policy(statement("Allow", "sts:AssumeRole", role, "")) }

const administrator = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// selfService is what everybody in a group may do with what is their own.
var selfService = policy(
	statement("Allow", "iam:CreateAccessKey iam:DeleteAccessKey iam:UpdateLoginProfile iam:GetUser", "arn:aws:iam::*:user/${aws:username}", ""),
	statement("Deny", "ec2:* s3:* rds:*", "*", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`))

// boundaries are the permissions boundaries of an organisation.
var boundaries = []string{
	policy(statement("Allow", "s3:* dynamodb:* sqs:* sns:* lambda:* logs:* cloudwatch:* ec2:Describe*", "*", "")),
	policy(statement("Allow", "*", "*", ""), statement("Deny", "iam:Create* iam:Put* iam:Attach* iam:Update* iam:Delete* iam:PassRole organizations:*", "*", "")),
	policy(statement("Allow", "*", "*", ""), statement("Deny", "iam:*", "*", `{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}`)),
}

// controls are the organisation's policies; the first is on every level.
var controls = []string{
	administrator,
	policy(statement("Allow", "*", "*", ""), statement("Deny", "organizations:LeaveOrganization account:CloseAccount", "*", "")),
	policy(statement("Allow", "*", "*", ""), statement("Deny", "cloudtrail:StopLogging cloudtrail:DeleteTrail guardduty:Delete*", "*",
		`{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/step-*"}}`)),
	policy(statement("Allow", "*", "*", ""), statement("Deny", "iam:CreateUser iam:CreateAccessKey", "arn:aws:iam::*:user/ops-*", "")),
}

func harmless(r *rand.Rand, i int) string {
	services := []string{"s3", "dynamodb", "sqs", "sns", "logs", "cloudwatch", "kms", "secretsmanager", "rds", "ecr", "ec2", "elasticloadbalancing", "route53", "athena"}
	verbs := []string{"Get*", "List*", "Describe*", "PutItem", "PutObject", "SendMessage", "Publish", "Query", "Decrypt", "GetSecretValue", "CreateLogStream", "PutLogEvents"}
	var list []string
	for range 1 + r.IntN(3) {
		service := services[r.IntN(len(services))]
		var actions []string
		for range 1 + r.IntN(5) {
			actions = append(actions, service+":"+verbs[r.IntN(len(verbs))])
		}
		list = append(list, statement("Allow", strings.Join(actions, " "), fmt.Sprintf("arn:aws:%s:*:*:thing-%d/*", service, i), ""))
	}
	switch r.IntN(25) {
	case 0:
		list = append(list, statement("Allow", "lambda:InvokeFunction states:StartExecution", "*", ""))
	case 1:
		list = append(list, statement("Allow", "ecs:RunTask codebuild:StartBuild", "*", `{"StringEquals":{"aws:ResourceTag/team":"team-01"}}`))
	case 2:
		list = append(list, statement("Deny", "s3:DeleteBucket", "*", ""))
	}
	return policy(list...)
}

// near is a way to more with something in the way.
func near(r *rand.Rand, i int) string {
	mfa := `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`
	office := `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`
	scope := fmt.Sprintf("arn:aws:iam::*:role/none-%d/*", i)
	switch r.IntN(9) {
	case 0:
		return policy(statement("Allow", "iam:PutUserPolicy iam:AttachUserPolicy", "*", mfa))
	case 1:
		return policy(statement("Allow", "iam:CreateAccessKey iam:UpdateLoginProfile", "*", office))
	case 2:
		return policy(statement("Allow", "iam:PassRole", scope, ""), statement("Allow", "lambda:CreateFunction lambda:InvokeFunction", "*", ""))
	case 3:
		return policy(statement("Allow", "iam:PassRole", "*", `{"StringEquals":{"iam:PassedToService":"monitoring.rds.amazonaws.com"}}`),
			statement("Allow", "lambda:* ec2:RunInstances glue:* codebuild:*", "*", ""))
	case 4:
		return policy(statement("Allow", "iam:*", "*", ""), statement("Deny", "iam:*", "*", fmt.Sprintf(`{"StringNotEquals":{"aws:PrincipalTag/clearance":"level-%d"}}`, i)))
	case 5:
		return policy(statement("Allow", "iam:CreatePolicyVersion iam:SetDefaultPolicyVersion", fmt.Sprintf("arn:aws:iam::*:policy/none-%d", i), ""))
	case 6:
		return policy(statement("Allow", "iam:AttachRolePolicy iam:PutRolePolicy iam:UpdateAssumeRolePolicy", scope, ""))
	case 7:
		return policy(statement("Allow", "sts:AssumeRole", fmt.Sprintf("arn:aws:iam::*:role/app-%04d", i%1000), ""))
	}
	return policy(statement("Allow", "iam:AttachUserPolicy", "*", `{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}`),
		statement("Allow", "s3:Get*", fmt.Sprintf("arn:aws:s3:::bucket-%d/*", i), ""))
}

// privileged is a way to more.
func privileged(r *rand.Rand, i int) string {
	own := statement("Allow", "s3:Get*", fmt.Sprintf("arn:aws:s3:::private-%d/*", i), "")
	switch r.IntN(5) {
	case 0:
		return policy(own, statement("Allow", "iam:PutRolePolicy iam:PutUserPolicy", "*", ""))
	case 1:
		return policy(own, statement("Allow", "iam:CreateAccessKey", "*", ""))
	case 2:
		return policy(own, statement("Allow", "iam:CreateUser iam:AttachUserPolicy iam:CreateAccessKey", "arn:aws:iam::*:user/bot-*", ""))
	case 3:
		return policy(own, statement("Allow", "iam:UpdateAssumeRolePolicy sts:AssumeRole", "*", ""))
	}
	return policy(own, statement("Allow", "iam:AttachRolePolicy iam:AttachUserPolicy", "*", ""))
}

func trustOf(principal, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + condition + `}]}`
}

func trustAccount(id string) string { return trustOf(`{"AWS":"arn:aws:iam::`+id+`:root"}`, "") }

func trustNamed(arn string) string { return trustOf(`{"AWS":"`+arn+`"}`, "") }

func trust(r *rand.Rand, i int) string {
	services := []string{"lambda", "ec2", "ecs-tasks", "glue", "codebuild", "states", "sagemaker", "events", "rds", "s3"}
	service := `{"Service":"` + services[r.IntN(len(services))] + `.amazonaws.com"}`
	switch r.IntN(4) {
	case 0:
		return trustOf(service, "")
	case 1:
		return trustOf(service, fmt.Sprintf(`{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:job-%d"}}`, i))
	case 2:
		return strings.Replace(trustOf(`{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}`,
			fmt.Sprintf(`{"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:example/repo-%d:ref:refs/heads/main"}}`, i)),
			"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", 1)
	}
	return trustOf(fmt.Sprintf(`{"AWS":"arn:aws:iam::%012d:root"}`, 900_000_000_000+i), `{"StringEquals":{"sts:ExternalId":"example"}}`)
}
