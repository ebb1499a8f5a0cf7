//go:build live

package aws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/testkit"
)

const motoAccount = retinue.Realm("aws:123456789012")

// emulated are the services that the emulator has; it has no Roles Anywhere.
const emulated = "iam;organizations;sso;s3;ec2;lambda;secretsmanager;kms;sqs;sns;ecs;eks"

// seed fills the emulator with one thing of each kind and returns the id of the
// access key that it made.
func seed(t *testing.T, endpoint string) (keyID string) {
	t.Helper()
	ctx := t.Context()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint))
	must(t, err)
	i := iam.NewFromConfig(cfg)
	ok := func(_ any, err error) { t.Helper(); must(t, err) }
	ok(i.CreateUser(ctx, &iam.CreateUserInput{UserName: sdk.String("deploy"), Path: sdk.String("/ci/")}))
	ok(i.CreateUser(ctx, &iam.CreateUserInput{UserName: sdk.String("alice")}))
	ok(i.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: sdk.String("alice"), Password: sdk.String("Example-1-" + t.Name())}))
	k, err := i.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: sdk.String("deploy")})
	must(t, err)
	ok(i.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: sdk.String("builders")}))
	ok(i.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: sdk.String("builders"), UserName: sdk.String("deploy")}))
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`
	p, err := i.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: sdk.String("storage"), PolicyDocument: &policy})
	must(t, err)
	ok(i.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: sdk.String("builders"), PolicyArn: p.Policy.Arn}))
	ok(i.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: p.Policy.Arn, PolicyDocument: &policy, SetAsDefault: true}))
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::464622532012:root"},"Action":"sts:AssumeRole"}]}`
	ok(i.CreateRole(ctx, &iam.CreateRoleInput{RoleName: sdk.String("watch"), AssumeRolePolicyDocument: &trust}))
	ok(i.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: sdk.String("watch"), PolicyName: sdk.String("in"), PolicyDocument: &policy}))
	ok(i.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: sdk.String("watch")}))
	ok(i.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: sdk.String("watch"), RoleName: sdk.String("watch")}))
	ok(i.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: sdk.String("https://token.actions.githubusercontent.com"),
		ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{"6938fd4d98bab03faadb97b34396831e3780aea1"}}))
	ok(i.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: sdk.String("example-team")}))
	seedData(t, cfg)
	return sdk.ToString(k.AccessKey.AccessKeyId)
}

func seedData(t *testing.T, cfg sdk.Config) {
	t.Helper()
	ctx := t.Context()
	ok := func(_ any, err error) { t.Helper(); must(t, err) }
	b := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	ok(b.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: sdk.String("open-data")}))
	ok(b.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: sdk.String("plain")}))
	ok(b.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: sdk.String("open-data"),
		Policy: sdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open-data/*"}]}`)}))
	ok(secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: sdk.String("prod/db"), SecretString: sdk.String("value-" + t.Name())}))
	ok(kms.NewFromConfig(cfg).CreateKey(ctx, &kms.CreateKeyInput{}))
	ok(sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: sdk.String("jobs")}))
	ok(sns.NewFromConfig(cfg).CreateTopic(ctx, &sns.CreateTopicInput{Name: sdk.String("news")}))
	e := ecs.NewFromConfig(cfg)
	ok(e.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: sdk.String("main")}))
	ok(e.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: sdk.String("web"), TaskRoleArn: sdk.String("arn:aws:iam::123456789012:role/watch"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: sdk.String("web"), Image: sdk.String("nginx"), Memory: sdk.Int32(64)}}}))
	ok(e.CreateService(ctx, &ecs.CreateServiceInput{Cluster: sdk.String("main"), ServiceName: sdk.String("web"), TaskDefinition: sdk.String("web"), DesiredCount: sdk.Int32(0)}))
	o := organizations.NewFromConfig(cfg)
	ok(o.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll}))
	ok(o.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: sdk.String("prod"), Email: sdk.String("prod@example.com")}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// export runs the connector's own export script and returns its folder.
func export(t *testing.T, target, endpoint string, options ...string) string {
	t.Helper()
	sh := testkit.Need(t, "sh", "dash")
	testkit.Need(t, "aws", "awscli")
	text, err := aws.Spec().Script(settings(target, append([]string{"endpoint", endpoint, "regions", "us-east-1"}, options...)...))
	must(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "export.sh")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	out := filepath.Join(dir, "out")
	cmd := exec.Command(sh, file, out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("export: %v\n%s", err, text)
	} else {
		t.Logf("%s", text)
	}
	return out
}

func TestLiveConformance(t *testing.T) {
	endpoint := testkit.AWS(t)
	seed(t, endpoint)
	live := settings("env", "endpoint", endpoint, "regions", "us-east-1", "requests-per-second", "500", "services", emulated)
	out := export(t, "env", endpoint, "services", emulated)
	connectortest.Run(t, connectortest.Subject{
		Spec: aws.Spec(), Open: connectortest.OpenSpec(aws.Spec(), live), Named: connectortest.NameSpec(aws.Spec(), live),
		Same: connectortest.OpenSpec(aws.Spec(), settings(out)),
	})
	connectortest.Run(t, connectortest.Subject{Spec: aws.Spec(), Open: connectortest.OpenSpec(aws.Spec(), settings(out)),
		Named: connectortest.NameSpec(aws.Spec(), settings(out)), Secrets: []string{"value-" + t.Name(), "Example-1-" + t.Name()}})
}

func TestLiveFacts(t *testing.T) {
	endpoint := testkit.AWS(t)
	keyID := seed(t, endpoint)
	r := scan(t, "env", "endpoint", endpoint, "regions", "us-east-1", "requests-per-second", "500", "services", emulated)
	k := connectortest.Get[retinue.Credential](t, r, "access_key", keyID)
	if k.Identity.Key != "arn:aws:iam::123456789012:user/ci/deploy" {
		t.Errorf("access key belongs to %s", k.Identity)
	}
	for _, tr := range connectortest.All[retinue.Trust](r) {
		if tr.Subject.Key == "arn:aws:iam::123456789012:role/watch" && (tr.Vendor != "Datadog" || !tr.ThirdParty || tr.ExternalID) {
			t.Errorf("trust of role watch: %+v", tr)
		}
	}
	for scope, errs := range r.Problems {
		t.Errorf("scope %s: %v", scope, errs)
	}
	t.Log(r.Dump())
}

func TestLiveCheck(t *testing.T) {
	endpoint := testkit.AWS(t)
	seed(t, endpoint)
	c, err := aws.Spec().Open(t.Context(), settings("env", "endpoint", endpoint, "services", emulated, "requests-per-second", "200"), connectortest.Env(t))
	must(t, err)
	defer func() { must(t, c.Close()) }()
	a, err := c.Check(t.Context())
	must(t, err)
	if a.Realm != motoAccount || a.Calls == 0 || a.Duration == 0 {
		t.Errorf("access: %+v", a)
	}
	t.Logf("%+v", a)
}

// TestLiveOrganizationBothWays reads an organisation of the emulator live and
// from the script's export: the same accounts, with the same users.
func TestLiveOrganizationBothWays(t *testing.T) {
	endpoint := testkit.AWS(t)
	seed(t, endpoint)
	const services = "iam;organizations"
	live := scan(t, "org:env", "endpoint", endpoint, "services", services, "requests-per-second", "500", "external-id", "word")
	file := scan(t, export(t, "org:env", endpoint, "services", services, "external-id", "word"))
	users := func(r *connectortest.Result) (out []string) {
		for scope := range r.Completed {
			if scope.Path == "iam/users" {
				out = append(out, string(scope.Realm))
			}
		}
		slices.Sort(out)
		return out
	}
	if l, f := users(live), users(file); len(l) != 2 || !slices.Equal(l, f) {
		t.Errorf("accounts read live %v, from the export %v", l, f)
	}
	for _, r := range []*connectortest.Result{live, file} {
		for scope, errs := range r.Problems {
			t.Errorf("scope %s: %v", scope, errs)
		}
	}
}
