package aws_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
)

const (
	account = "111111111111"
	realm   = retinue.Realm("aws:" + account)
)

// secretText builds a planted secret at test time, so that none stands here.
func secretText(seed string) string {
	return strings.Repeat(seed, 3) + "-planted-" + fmt.Sprint(len(seed)*7919)
}

// writeExport writes files below a new folder.
func writeExport(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := connectortest.Epoch().Add(-time.Hour)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// authz is a small account: a pipeline's user, a person, a group, roles trusted
// by a service, a vendor, GitHub and another account, and policies.
const authz = `{
  "UserDetailList": [
    {"Path": "/ci/", "UserName": "deploy", "UserId": "AIDAEXAMPLE1", "Arn": "arn:aws:iam::111111111111:user/ci/deploy", "CreateDate": "2024-01-02T03:04:05+00:00",
     "GroupList": ["builders"], "UserPolicyList": [{"PolicyName": "push", "PolicyDocument": "%7B%22Version%22%3A%20%222012-10-17%22%2C%20%22Statement%22%3A%20%5B%5D%7D"}],
     "AttachedManagedPolicies": [{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
     "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/edge"},
     "Tags": [{"Key": "Owner", "Value": "platform@example.com"}]},
    {"Path": "/", "UserName": "alice", "UserId": "AIDAEXAMPLE2", "Arn": "arn:aws:iam::111111111111:user/alice", "CreateDate": "2024-01-02T03:04:05+00:00", "GroupList": [], "AttachedManagedPolicies": []}
  ],
  "GroupDetailList": [
    {"Path": "/teams/", "GroupName": "builders", "GroupId": "AGPAEXAMPLE", "Arn": "arn:aws:iam::111111111111:group/teams/builders", "CreateDate": "2024-01-02T03:04:05Z",
     "GroupPolicyList": [], "AttachedManagedPolicies": [{"PolicyName": "edge", "PolicyArn": "arn:aws:iam::111111111111:policy/edge"}]}
  ],
  "RoleDetailList": [
    {"Path": "/", "RoleName": "web", "RoleId": "AROAEXAMPLE1", "Arn": "arn:aws:iam::111111111111:role/web", "CreateDate": "2020-01-02T03:04:05Z",
     "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}, "Action": "sts:AssumeRole"}]},
     "InstanceProfileList": [{"Path": "/", "InstanceProfileName": "web", "InstanceProfileId": "AIPAEXAMPLE", "Arn": "arn:aws:iam::111111111111:instance-profile/web", "CreateDate": "2020-01-02T03:04:05Z", "Roles": []}],
     "RolePolicyList": [], "AttachedManagedPolicies": [], "Tags": [], "RoleLastUsed": {"LastUsedDate": "2026-11-01T10:00:00+00:00", "Region": "eu-west-1"}},
    {"Path": "/aws-service-role/support.amazonaws.com/", "RoleName": "AWSServiceRoleForSupport", "RoleId": "AROAEXAMPLE2",
     "Arn": "arn:aws:iam::111111111111:role/aws-service-role/support.amazonaws.com/AWSServiceRoleForSupport", "CreateDate": "2020-01-02T03:04:05Z",
     "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "support.amazonaws.com"}, "Action": "sts:AssumeRole"}},
     "RolePolicyList": [], "AttachedManagedPolicies": [], "RoleLastUsed": {}},
    {"Path": "/", "RoleName": "ci", "RoleId": "AROAEXAMPLE3", "Arn": "arn:aws:iam::111111111111:role/ci", "CreateDate": "2020-01-02T03:04:05Z",
     "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"},
       "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}, "StringLike": {"token.actions.githubusercontent.com:sub": ["repo:acme/web:*", "repo:acme/api:ref:refs/heads/main"]}}}]},
     "RolePolicyList": [{"PolicyName": "in", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Sid": "B", "Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]}}], "AttachedManagedPolicies": []}
  ],
  "Policies": [
    {"PolicyName": "edge", "PolicyId": "ANPAEXAMPLE", "Arn": "arn:aws:iam::111111111111:policy/edge", "Path": "/", "DefaultVersionId": "v2", "AttachmentCount": 1, "IsAttachable": true,
     "CreateDate": "2020-01-02T03:04:05Z", "UpdateDate": "2020-02-02T03:04:05Z",
     "PolicyVersionList": [{"VersionId": "v2", "IsDefaultVersion": true, "CreateDate": "2020-02-02T03:04:05Z", "Document": {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "NotAction": "s3:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalTag/\u003cteam\u003e": "a"}}}]}},
                           {"VersionId": "v1", "IsDefaultVersion": false, "CreateDate": "2020-01-02T03:04:05Z", "Document": {"Version": "2012-10-17", "Statement": []}}]},
    {"PolicyName": "ReadOnlyAccess", "PolicyId": "ANPAAWS", "Arn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "Path": "/", "DefaultVersionId": "v9", "IsAttachable": true,
     "CreateDate": "2015-01-02T03:04:05Z", "PolicyVersionList": [{"VersionId": "v9", "IsDefaultVersion": true, "CreateDate": "2020-02-02T03:04:05Z", "Document": {"Version": "2012-10-17", "Statement": []}}]}
  ],
  "IsTruncated": false
}`

const credentialReport = `user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated
<root_account>,arn:aws:iam::111111111111:root,2020-01-01T00:00:00+00:00,not_supported,2026-01-01T00:00:00+00:00,not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
deploy,arn:aws:iam::111111111111:user/ci/deploy,2024-01-02T03:04:05+00:00,false,N/A,N/A,N/A,false,true,2024-01-02T03:04:06+00:00,2026-11-20T10:15:00+00:00,eu-west-1,s3,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
alice,arn:aws:iam::111111111111:user/alice,2024-01-02T03:04:05+00:00,true,no_information,2024-01-02T03:04:05+00:00,N/A,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
`

func accessKeys() string {
	id := "AKIA" + strings.Repeat("EXAMPLE7", 2)
	return `{"AccessKeyMetadata": [{"UserName": "deploy", "AccessKeyId": "` + id + `", "Status": "Active", "CreateDate": "2024-01-02T03:04:06+00:00"}]}`
}

func functions(secret string) string {
	return `{"Functions": [{"FunctionName": "resize", "FunctionArn": "arn:aws:lambda:eu-west-1:111111111111:function:resize", "Runtime": "python3.13", "Role": "arn:aws:iam::111111111111:role/web",
  "Environment": {"Variables": {"UPLOAD_TOKEN": "` + secret + `", "BUCKET_NAME": "pictures", "SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:x-AbCdEf"}}}]}`
}

// wholeExport is an export of the plain outputs of the AWS CLI.
func wholeExport(t testing.TB) string {
	t.Helper()
	return writeExport(t, map[string]string{
		"authz.json": authz, "report.csv": credentialReport, "keys/deploy.json": accessKeys(),
		"keys/alice.json": `{"AccessKeyMetadata": []}`, "lambda.json": functions(secretText("function")),
		"policy.json":  `{"Policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"arn:aws:lambda:eu-west-1:111111111111:function:resize\"}]}", "RevisionId": "1"}`,
		"secrets.json": `{"SecretList": [{"ARN": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-AbCdEf", "Name": "prod/db", "RotationEnabled": true, "RotationRules": {"AutomaticallyAfterDays": 30}, "LastRotatedDate": 1700000000.5, "LastAccessedDate": "2026-11-20T00:00:00+00:00", "CreatedDate": "2020-01-01T00:00:00+00:00"}]}`,
		"state.json": `{"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": [
  {"address": "aws_iam_access_key.ci", "mode": "managed", "type": "aws_iam_access_key", "name": "ci", "values": {"id": "` + "AKIA" + strings.Repeat("EXAMPLE6", 2) + `", "user": "deploy", "status": "Active", "secret": "` + secretText("state") + `"}}],
  "child_modules": [{"resources": [{"address": "module.a.aws_lambda_function.f", "mode": "managed", "type": "aws_lambda_function", "name": "f", "values": {"arn": "arn:aws:lambda:eu-west-1:111111111111:function:f", "function_name": "f", "role": "arn:aws:iam::111111111111:role/web"}}]}]}}}`,
		"README.md": "not an export", "other.json": `{"hello": {"world": []}}`,
	})
}

func TestConformance(t *testing.T) {
	dir := wholeExport(t)
	broken := writeExport(t, map[string]string{"authz.json": authz[:len(authz)*2/3], "report.csv": credentialReport, "lambda.json": functions(secretText("function"))})
	connectortest.Run(t, connectortest.Subject{
		Spec: aws.Spec(), Open: opened(t, dir), Named: connectortest.NameSpec(aws.Spec(), settings(dir)),
		Secrets: []string{secretText("function"), secretText("state")},
	})
	t.Run("broken", func(t *testing.T) {
		whole := writeExport(t, map[string]string{"authz.json": authz, "report.csv": credentialReport, "lambda.json": functions(secretText("function"))})
		connectortest.Run(t, connectortest.Subject{Spec: aws.Spec(), Open: opened(t, whole), Broken: opened(t, broken)})
	})
}

// try reads a target that may not be readable and returns the error.
func try(t testing.TB, target string, options ...string) (*connectortest.Result, error) {
	t.Helper()
	c := opened(t, target, options...)(t, connectortest.Env(t))
	t.Cleanup(func() { _ = c.Close() })
	r := connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch()})
	return r, r.Err
}
