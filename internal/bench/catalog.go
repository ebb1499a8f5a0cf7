package bench

import (
	"strings"
)

// action is one thing that an identity may do.
type action struct {
	// permission is the word for it in the truth, operation the log's own.
	permission, service, operation string
	// data says that it touches the data that a system holds: such calls are logged
	// only where that is switched on.
	data bool
	// write says that it changes something.
	write bool
	// resource is what it is done to; {app} and {account} stand for names.
	resource string
}

// on fills the names into an action's resource.
func (a *action) on(app, account string) string {
	return strings.NewReplacer("{app}", app, "{account}", account).Replace(a.resource)
}

// awsActions are what identities of an account do: first the ordinary ones.
func awsActions() []action {
	const region = "us-east-1:{account}:"
	return []action{
		{"s3:GetObject", "s3", "GetObject", true, false, "arn:aws:s3:::{app}-data/2026/part-0001.parquet"},
		{"s3:PutObject", "s3", "PutObject", true, true, "arn:aws:s3:::{app}-data/2026/part-0002.parquet"},
		{"s3:ListBucket", "s3", "ListObjects", true, false, "arn:aws:s3:::{app}-data"},
		{"dynamodb:GetItem", "dynamodb", "GetItem", true, false, "arn:aws:dynamodb:" + region + "table/{app}"},
		{"dynamodb:PutItem", "dynamodb", "PutItem", true, true, "arn:aws:dynamodb:" + region + "table/{app}"},
		{"lambda:InvokeFunction", "lambda", "Invoke", true, true, "arn:aws:lambda:" + region + "function:{app}-worker"},
		{"secretsmanager:GetSecretValue", "secretsmanager", "GetSecretValue", false, false, "arn:aws:secretsmanager:" + region + "secret:{app}/db-AbCdEf"},
		{"kms:Decrypt", "kms", "Decrypt", false, false, "arn:aws:kms:" + region + "key/11111111-2222-4333-8444-555555555555"},
		{"ec2:DescribeInstances", "ec2", "DescribeInstances", false, false, ""},
		{"ecr:GetAuthorizationToken", "ecr", "GetAuthorizationToken", false, false, ""},
		{"ecs:UpdateService", "ecs", "UpdateService", false, true, "arn:aws:ecs:" + region + "service/main/{app}"},
		{"ssm:GetParameter", "ssm", "GetParameter", false, false, "arn:aws:ssm:" + region + "parameter/{app}/endpoint"},
		{"logs:DescribeLogGroups", "logs", "DescribeLogGroups", false, false, ""},
		{"rds:DescribeDBInstances", "rds", "DescribeDBInstances", false, false, ""},
		{"cloudformation:DescribeStacks", "cloudformation", "DescribeStacks", false, false, ""},
		{"sqs:ListQueues", "sqs", "ListQueues", false, false, ""},
	}
}

// awsAttack are what attackers and people do beside that.
func awsAttack() []action {
	const role = "arn:aws:iam::{account}:role/{app}-admin"
	const trail = "arn:aws:cloudtrail:us-east-1:{account}:trail/main"
	return []action{
		{"sts:GetCallerIdentity", "sts", "GetCallerIdentity", false, false, ""},
		{"s3:ListAllMyBuckets", "s3", "ListBuckets", false, false, ""},
		{"iam:ListUsers", "iam", "ListUsers", false, false, ""},
		{"iam:ListRoles", "iam", "ListRoles", false, false, ""},
		{"ec2:DescribeSecurityGroups", "ec2", "DescribeSecurityGroups", false, false, ""},
		{"secretsmanager:ListSecrets", "secretsmanager", "ListSecrets", false, false, ""},
		{"iam:AttachRolePolicy", "iam", "AttachRolePolicy", false, true, role},
		{"iam:UpdateAssumeRolePolicy", "iam", "UpdateAssumeRolePolicy", false, true, role},
		{"iam:CreateAccessKey", "iam", "CreateAccessKey", false, true, "arn:aws:iam::{account}:user/{app}-legacy"},
		{"cloudtrail:StopLogging", "cloudtrail", "StopLogging", false, true, trail},
		{"cloudtrail:PutEventSelectors", "cloudtrail", "PutEventSelectors", false, true, trail},
	}
}

// kubernetesActions are verbs on resources of a namespace; the service is the
// API group.
func kubernetesActions() []action {
	return []action{
		{"get configmaps", "", "get", false, false, "configmaps/{app}-config"},
		{"list pods", "", "list", false, false, "pods"},
		{"watch pods", "", "watch", false, false, "pods"},
		{"get secrets", "", "get", false, false, "secrets/{app}-db"},
		{"update leases", "coordination.k8s.io", "update", false, true, "leases/{app}"},
		{"get leases", "coordination.k8s.io", "get", false, false, "leases/{app}"},
		{"patch deployments", "apps", "patch", false, true, "deployments/{app}"},
		{"list endpoints", "", "list", false, false, "endpoints"},
		{"create events", "", "create", false, true, "events"},
	}
}

func kubernetesAttack() []action {
	return []action{
		{"list secrets", "", "list", false, false, "secrets"},
		{"list nodes", "", "list", false, false, "nodes"},
		{"create pods", "", "create", false, true, "pods"},
		{"create rolebindings", "rbac.authorization.k8s.io", "create", false, true, "rolebindings/{app}-ops"},
		{"list serviceaccounts", "", "list", false, false, "serviceaccounts"},
	}
}

// postgresActions are commands on tables; the service is pgaudit's class.
func postgresActions() []action {
	return []action{
		{"SELECT", "READ", "SELECT", false, false, "public.{app}_items"},
		{"INSERT", "WRITE", "INSERT", false, true, "public.{app}_items"},
		{"UPDATE", "WRITE", "UPDATE", false, true, "public.{app}_items"},
		{"SELECT", "READ", "SELECT", false, false, "public.{app}_audit"},
	}
}

func postgresAttack() []action {
	return []action{
		{"SELECT", "READ", "SELECT", false, false, "public.customers"},
		{"SELECT", "READ", "SELECT", false, false, "pg_catalog.pg_roles"},
		{"GRANT", "ROLE", "GRANT ROLE", false, true, ""},
	}
}

func githubActions() []action {
	return []action{
		{"git.clone", "git", "git.clone", false, false, domainOrg + "/{app}"},
		{"git.fetch", "git", "git.fetch", false, false, domainOrg + "/{app}"},
		{"git.push", "git", "git.push", false, true, domainOrg + "/{app}"},
		{"workflows.created_workflow_run", "workflows", "workflows.created_workflow_run", false, true, domainOrg + "/{app}"},
		{"pull_request.merge", "pull_request", "pull_request.merge", false, true, domainOrg + "/{app}"},
	}
}

func githubAttack() []action {
	return []action{
		{"git.clone", "git", "git.clone", false, false, domainOrg + "/infrastructure"},
		{"repo.add_member", "repo", "repo.add_member", false, true, domainOrg + "/{app}"},
		{"protected_branch.destroy", "protected_branch", "protected_branch.destroy", false, true, domainOrg + "/{app}"},
	}
}

// domainOrg is the company's organisation on GitHub.
const domainOrg = "northwind"

func sshActions() []action {
	return []action{{"login", "ssh", "publickey", false, false, ""}}
}

// agents are the clients of a kind of consumer in a system.
func agents(system, kind string) []string {
	if kind == consumerWorkstation {
		return map[string][]string{
			kindAWS:        {"aws-cli/2.31.4 md/awscrt#0.28.1 ua/2.1 os/macos#25.0.0 md/arch#arm64 lang/python#3.13.7 md/prompt#off md/command#s3.ls"},
			kindKubernetes: {"kubectl/v1.34.1 (darwin/arm64) kubernetes/93248f9"},
			kindPostgres:   {"psql"},
			kindGitHub:     {"git/2.51.0"},
			kindHost:       {""},
		}[system]
	}
	return map[string][]string{
		kindAWS: {"Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.12.0 md/arch#x86_64 lang/python#3.13.5", "aws-sdk-go-v2/1.38.3 os/linux lang/go#1.26.0 md/GOOS#linux",
			"aws-sdk-java/2.33.4 md/io#sync ua/2.1 os/Linux#6.12 lang/java#21.0.8", "aws-sdk-js/3.879.0 ua/2.1 os/linux lang/js md/nodejs#24.7.0",
			"APN/1.0 HashiCorp/1.0 Terraform/1.13.1 (+https://www.terraform.io) terraform-provider-aws/6.11.0"},
		kindKubernetes: {"app/v0.0.0 (linux/amd64) kubernetes/$Format", "kubernetes-client-python/33.1.0", "okhttp/4.12.0", "helm/v3.19.0", "argocd-application-controller/v3.1.5"},
		kindPostgres:   {"PostgreSQL JDBC Driver", "worker", "dbt", "pg_dump", "sidekiq 8"},
		kindGitHub:     {"git/2.47.3", "actions-runner/2.328.0", "renovate/41.97.0", "python-requests/2.32.5"},
		kindHost:       {""},
	}[system]
}

// newVersion is the same client after an update.
func newVersion(agent string) string {
	i := strings.IndexByte(agent, '/')
	if i < 0 || i+1 == len(agent) {
		return agent
	}
	j := i + 1
	for j < len(agent) && agent[j] != '.' && agent[j] != ' ' {
		j++
	}
	return agent[:j] + ".99" + agent[j:]
}
