package aws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestSampleResources reads the resources of every sample scenario: what the
// functions and instances act as is what escalation depends on.
func TestSampleResources(t *testing.T) {
	kinds := map[string]int{}
	withRole := 0
	for _, dir := range []string{"ecs_takeover", "lambda_privesc", "secrets_in_the_cloud", "glue_privesc", "codebuild_secrets", "sns_secrets", "cloud_breach_s3", "ecs_privesc_evade_protection"} {
		r := scan(t, testkit.Data(t, "aws/cloudgoat", dir))
		for scope, errs := range r.Problems {
			t.Errorf("%s: scope %s: %v", dir, scope, errs)
		}
		for _, e := range r.Emitted {
			if f, ok := e.Fact.(retinue.Resource); ok && e.Scope == scopeOf("terraform/default") {
				kinds[f.Kind]++
				if len(f.RunsAs) > 0 {
					withRole++
				}
			}
		}
	}
	for _, k := range []string{"lambda_function", "ec2_instance", "ecs_task_definition", "glue_job", "codebuild_project", "s3_bucket", "sns_topic", "secret"} {
		if kinds[k] == 0 {
			t.Errorf("no %s among %v", k, kinds)
		}
	}
	if withRole < 8 {
		t.Errorf("%d resources act as a role", withRole)
	}
}

func TestInstanceNamesItsProfileByName(t *testing.T) {
	r := scan(t, writeExport(t, map[string]string{"authz.json": strings.ReplaceAll(authz, "instance-profile/web", "instance-profile/servers/web"),
		"resources.json": `[{"account": "111111111111", "arn": "arn:aws:ec2:eu-west-1:111111111111:instance/i-1", "type": "aws_instance", "tfname": "a", "attributes": {"iam_instance_profile": "web"}}]`}))
	i := connectortest.Get[retinue.Resource](t, r, "ec2_instance", "arn:aws:ec2:eu-west-1:111111111111:instance/i-1")
	if want := retinue.NewRef(realm, "instance_profile", "arn:aws:iam::111111111111:instance-profile/servers/web"); !slices.Contains(i.RunsAs, want) {
		t.Errorf("acts as %v, want %v", i.RunsAs, want)
	}
}

// TestTerraformStateFile: a state file has a lineage, which names its scope, so
// that two states of one account do not end each other's facts.
func TestTerraformStateFile(t *testing.T) {
	state := func(lineage, user string) string {
		return `{"version": 4, "terraform_version": "1.9.0", "serial": 3, "lineage": "` + lineage + `", "outputs": {}, "resources": [{"mode": "managed", "type": "aws_iam_user", "name": "u",
  "instances": [{"attributes": {"name": "` + user + `", "arn": "arn:aws:iam::111111111111:user/` + user + `", "permissions_boundary": "arn:aws:iam::111111111111:policy/edge"}}]},
  {"mode": "managed", "type": "aws_iam_role", "name": "r", "instances": [{"attributes": {"name": "r", "arn": "arn:aws:iam::111111111111:role/r", "assume_role_policy": "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"}}]}"}}]},
  {"mode": "managed", "type": "aws_iam_role_policy_attachment", "name": "a", "instances": [{"attributes": {"role": "r", "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}}]},
  {"mode": "data", "type": "aws_iam_user", "name": "d", "instances": [{"attributes": {"name": "read", "arn": "arn:aws:iam::111111111111:user/read"}}]}]}`
	}
	r := scan(t, writeExport(t, map[string]string{"a.tfstate": state("l-1", "one"), "b.tfstate": state("l-2", "two")}))
	for path, user := range map[string]string{"terraform/l-1": "one", "terraform/l-2": "two"} {
		if _, ok := r.Completed[scopeOf(path)]; !ok {
			t.Errorf("scope %s: %v", path, r.Problems)
		}
		users := 0
		for _, f := range r.In(scopeOf(path)) {
			if id, ok := f.(retinue.Identity); ok && id.Ref.Kind == "user" {
				users++
				if id.Name != user || len(id.Declared) == 0 {
					t.Errorf("scope %s: %+v", path, id)
				}
			}
		}
		if users != 1 {
			t.Errorf("scope %s: %d users, want 1 (data sources declare nothing)", path, users)
		}
	}
	role := retinue.NewRef(realm, "role", "arn:aws:iam::111111111111:role/r")
	if !stated(r, retinue.Attachment{Policy: retinue.NewRef("aws:aws", "policy", "arn:aws:iam::aws:policy/AdministratorAccess"), Target: role, Role: retinue.AttachIdentity}) {
		t.Error("the attachment was not stated")
	}
}

func TestBareDescribeOutputs(t *testing.T) {
	r := scan(t, writeExport(t, map[string]string{
		"families.json": `{"families": ["web"]}`, "clusters.json": `{"clusterArns": ["arn:aws:ecs:eu-west-1:111111111111:cluster/main"]}`,
		"services.json": `{"serviceArns": ["arn:aws:ecs:eu-west-1:111111111111:service/main/web"]}`,
		"task.json":     `{"taskDefinition": {"taskDefinitionArn": "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:3", "family": "web", "taskRoleArn": "arn:aws:iam::111111111111:role/web", "containerDefinitions": [{"name": "c", "image": "nginx", "environment": [], "secrets": [{"name": "DB", "valueFrom": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-AbCdEf:password::"}]}]}}`,
		"service.json":  `{"services": [{"serviceArn": "arn:aws:ecs:eu-west-1:111111111111:service/main/web", "serviceName": "web", "clusterArn": "arn:aws:ecs:eu-west-1:111111111111:cluster/main", "taskDefinition": "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:3"}]}`,
		"ec2.json":      `{"Reservations": [{"OwnerId": "111111111111", "Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}, "SubnetArn": "arn:aws:ec2:eu-west-1:111111111111:subnet/s", "IamInstanceProfile": {"Arn": "arn:aws:iam::111111111111:instance-profile/web"}}]}]}`,
		"topic.json":    `{"Attributes": {"TopicArn": "arn:aws:sns:eu-west-1:111111111111:news", "Policy": "{\"Version\":\"2012-10-17\"}"}}`,
		"topics.json":   `{"Topics": [{"TopicArn": "arn:aws:sns:eu-west-1:111111111111:news"}]}`,
		"org.json":      `{"Organization": {"Id": "o-example", "Arn": "arn:aws:organizations::111111111111:organization/o-example", "MasterAccountId": "111111111111"}}`,
		"accounts.json": `{"Accounts": [{"Id": "111111111111", "Arn": "arn:aws:organizations::111111111111:account/o-example/111111111111", "Name": "main", "Status": "ACTIVE", "Email": "a@example.com"}]}`,
	}), "account", account)
	ecs := "region/eu-west-1/ecs"
	if _, ok := r.Completed[scopeOf(ecs)]; !ok {
		t.Errorf("scope %s: %v", ecs, r.Problems)
	}
	s := connectortest.Get[retinue.Resource](t, r, "ecs_service", "arn:aws:ecs:eu-west-1:111111111111:service/main/web")
	if len(s.RunsAs) != 1 || s.RunsAs[0].Key != "arn:aws:iam::111111111111:role/web" {
		t.Errorf("service acts as %v", s.RunsAs)
	}
	reads := connectortest.Select(r, func(p retinue.Placement) bool { return p.Reference })
	if len(reads) != 1 || reads[0].Credential.Key != "arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-AbCdEf" {
		t.Errorf("references: %+v", reads)
	}
	connectortest.Get[retinue.Resource](t, r, "ec2_instance", "arn:aws:ec2:eu-west-1:111111111111:instance/i-1")
	connectortest.Get[retinue.Resource](t, r, "sns_topic", "arn:aws:sns:eu-west-1:111111111111:news")
	main := connectortest.Select(r, func(c retinue.Container) bool { return c.Name == "main" })
	if len(main) != 1 {
		t.Errorf("the organisation's account: %+v; problems %v", main, r.Problems)
	}
}
