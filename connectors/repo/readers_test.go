package repo

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

func secretNames(p *pipeline) []string {
	var out []string
	for _, s := range p.secrets {
		out = append(out, s.name)
	}
	slices.Sort(out)
	return out
}

func TestPipelineReaders(t *testing.T) {
	tests := []struct {
		path, text string
		system     string
		secrets    []string
		unpinned   []string
		oidc       bool
		selfHosted bool
		check      func(*pipeline) bool
	}{
		{
			path: ".gitlab-ci.yml", system: gitlabCI,
			text: "include:\n  - project: sec/ci\n    file: a.yml\n    ref: main\n  - remote: https://x.example/a.yml\n" +
				"variables: {REGION: eu}\ndeploy:\n  id_tokens:\n    AWS_TOKEN: {aud: sts.amazonaws.com}\n  tags: [own]\n  environment: production\n" +
				"  script:\n    - deploy \"$DEPLOY_TOKEN\" $AWS_TOKEN ${REGION} $CI_JOB_TOKEN\n",
			secrets: []string{"DEPLOY_TOKEN"}, unpinned: []string{"https://x.example/a.yml", "sec/ci@main"}, oidc: true, selfHosted: true,
			check: func(p *pipeline) bool {
				return p.aud == "sts.amazonaws.com" && p.attrs["usesOwnToken"] == true && p.subject == "project_path:acme/pay:*"
			},
		},
		{
			path: "ci/Jenkinsfile", system: jenkins, selfHosted: true,
			text: "@Library('shared@main') _\npipeline {\n  agent { label 'big' }\n  environment { KEY = credentials('deploy-key') }\n" +
				"  // credentials('not-this')\n  /* credentials('nor-this') */\n  stages { stage('x') { steps {\n" +
				"    withCredentials([string(credentialsId: \"api\", variable: 'A')]) { sh 'x' }\n" +
				"    withAWS(role: 'arn:aws:iam::123456789012:role/ci') { sh 'y' }\n  } } }\n}\n",
			secrets: []string{"api", "deploy-key"}, unpinned: []string{"shared@main"},
			check: func(p *pipeline) bool {
				return len(p.grants) == 1 && p.grants[0].resource.Key == "arn:aws:iam::123456789012:role/ci" && slices.Equal(p.runners, []string{"big"})
			},
		},
		{
			path: ".circleci/config.yml", system: circleCI,
			text: "version: 2.1\norbs:\n  node: circleci/node@5\n  other: acme/tool@1\njobs:\n  go:\n    resource_class: acme/runner\n" +
				"    steps:\n      - run: push $NPM_TOKEN $CIRCLE_OIDC_TOKEN_V2\nworkflows:\n  main:\n    jobs:\n      - go:\n          context: [prod, shared]\n",
			secrets: []string{"NPM_TOKEN", "context/prod", "context/shared"}, unpinned: []string{"acme/tool@1"}, oidc: true, selfHosted: true,
		},
		{
			path: "azure-pipelines.yml", system: azurePipelines,
			text: "trigger: [main]\nresources:\n  repositories:\n    - repository: t\n      type: github\n      name: acme/templates\n      ref: refs/heads/main\n" +
				"variables:\n  - group: prod-secrets\n  - name: A\n    value: b\npool: own-pool\nsteps:\n  - task: AzureCLI@2\n    inputs: {azureSubscription: prod-sub}\n" +
				"    env: {T: $(System.AccessToken), K: $(API_KEY)}\n",
			secrets:  []string{"API_KEY", "service connection/prod-sub", "variable group/prod-secrets"},
			unpinned: []string{"acme/templates@refs/heads/main"}, selfHosted: true,
			check: func(p *pipeline) bool { return p.attrs["usesOwnToken"] == true },
		},
		{
			path: "bitbucket-pipelines.yml", system: bitbucketPipelines,
			text: "pipelines:\n  default:\n    - step:\n        oidc: true\n        runs-on: [self.hosted, linux]\n        deployment: production\n" +
				"        script:\n          - pipe: acme/deploy:1.0\n          - echo $AWS_SECRET_ACCESS_KEY\n",
			secrets: []string{"AWS_SECRET_ACCESS_KEY"}, unpinned: []string{"acme/deploy:1.0"}, oidc: true, selfHosted: true,
		},
		{
			path: ".github/workflows/x.yaml", system: githubActions,
			text: "on: [issue_comment]\njobs:\n  a:\n    uses: acme/flows/.github/workflows/b.yml@main\n    secrets: inherit\n  b:\n    runs-on: ubuntu-latest\n" +
				"    permissions: write-all\n    steps:\n      - run: echo '${{ github.event.comment.body }}' ${{ toJSON(secrets) }}\n      - uses: docker://alpine:3\n      - uses: ./local\n",
			unpinned: []string{"docker://alpine:3"}, oidc: true,
			check: func(p *pipeline) bool {
				return p.attrs["allSecrets"] == true && p.attrs["scriptInjection"] == true && p.subject == "repo:acme/pay:*"
			},
		},
	}
	for _, tt := range tests {
		read := pipelineReader(tt.path)
		if read == nil {
			t.Errorf("%s: no pipeline", tt.path)
			continue
		}
		host := "github.com"
		if tt.system == gitlabCI {
			host = "gitlab.example"
		}
		p, err := read(&tree{remotes: []string{host + "/acme/pay"}}, tt.path, []byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		slices.Sort(p.unpinned)
		if p.system != tt.system || !slices.Equal(secretNames(p), tt.secrets) || !slices.Equal(p.unpinned, tt.unpinned) ||
			p.oidc != tt.oidc || p.selfHosted != tt.selfHosted || (tt.check != nil && !tt.check(p)) {
			t.Errorf("%s: system %s, secrets %v, unpinned %v, oidc %v, self-hosted %v, issuer %s, subject %s, attrs %v, grants %v",
				tt.path, p.system, secretNames(p), p.unpinned, p.oidc, p.selfHosted, p.issuer, p.subject, p.attrs, p.grants)
		}
	}
	for _, p := range []string{"README.md", "workflows/x.yml", "src/config.yml", ".github/dependabot.yml"} {
		if pipelineReader(p) != nil {
			t.Errorf("%s is taken for a pipeline", p)
		}
	}
}

func TestDeclarationReaders(t *testing.T) {
	keys := func(found []declaration) string {
		var out []string
		for _, d := range found {
			out = append(out, string(d.kind)+" "+d.refKind+" "+d.key+" "+d.name)
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	tf := "# resource \"aws_iam_role\" \"no\" {}\nresource \"aws_iam_role\" \"ci\" {\n  name = \"ci-role\"\n  assume_role_policy = <<EOF\n" +
		"{ \"Principal\": { \"Service\": \"lambda.amazonaws.com\" }\nEOF\n}\nresource \"google_service_account\" \"sa\" {\n  account_id = \"pay\"\n}\n" +
		"resource \"aws_s3_bucket\" \"b\" {}\nresource \"aws_iam_access_key\" \"k\" {\n  user = aws_iam_user.x.name\n}\n"
	found := readTerraform("infra/a.tf", []byte(tf))
	want := " aws_iam_access_key infra/aws_iam_access_key.k k\nrole terraform_resource infra/aws_iam_role.ci ci-role\nservice_account terraform_resource infra/google_service_account.sa pay"
	if got := keys(found); got != want {
		t.Errorf("Terraform:\n%s", got)
	}
	if len(found[0].trust) != 1 || found[0].trust[0].name != "lambda.amazonaws.com" {
		t.Errorf("trust of the role: %v", found[0].trust)
	}
	cfn := "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: !Sub '${A}-x'\n" +
		"      ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess']\n      AssumeRolePolicyDocument:\n        Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com, AWS: '*'}}\n" +
		"  Fn: {Type: AWS::Lambda::Function, Properties: {FunctionName: pay}}\n  B: {Type: AWS::S3::Bucket}\n"
	docs, err := parseYAML([]byte(cfn))
	if err != nil || !isCloudFormation(docs[0]) {
		t.Fatalf("CloudFormation: %v", err)
	}
	found = readCloudFormation(docs[0])
	if got := keys(found); got != "function cloudformation_resource AWS::Lambda::Function/Fn pay\nrole cloudformation_resource AWS::IAM::Role/Role ${A}-x" {
		t.Errorf("CloudFormation:\n%s", got)
	}
	if len(found[0].trust) != 2 || len(found[0].grants) != 1 {
		t.Errorf("the role: %+v", found[0])
	}
	docs, _ = parseYAML([]byte("services:\n  web:\n    image: a\n    secrets: [db, {source: tls}]\n    environment: [\"K=${API_KEY}\", \"R=${REGION}\"]\n    volumes: ['/var/run/docker.sock:/s']\n"))
	found = readCompose("docker-compose.yml", docs[0])
	if len(found) != 1 || len(found[0].secrets) != 3 || found[0].attrs["dockerSocket"] != true {
		t.Errorf("Compose: %+v", found)
	}
	docs, _ = parseYAML([]byte("serviceAccount:\n  create: true\n  name: pay\n  annotations: {iam.gke.io/gcp-service-account: p@x.iam.gserviceaccount.com}\nsub:\n  serviceAccount: {create: false}\n"))
	found = readHelmValues("chart/values.yaml", docs[0])
	if got := keys(found); got != "service_account k8s_service_account chart/serviceAccount pay" || len(found[0].grants) != 1 {
		t.Errorf("Helm values: %s", got)
	}
	text := plainTemplate([]byte("{{- if .Values.x }}\nkind: ServiceAccount\napiVersion: v1\nmetadata:\n  name: {{ include \"a\" . }}-sa\n{{- end }}\n"))
	docs, err = parseYAML(text)
	if err != nil || len(readManifest(docs[0], 0)) != 1 {
		t.Errorf("a Helm template: %v: %s", err, text)
	}
}

func TestCodeOwners(t *testing.T) {
	rules := parseCodeOwners([]byte("# c\n* @a\n*.tf @infra # why\n/deploy/ @d1 @d2\n[Docs] @docs\nREADME.md\n/none\n"))
	for p, want := range map[string]string{"": "@a", "x/y.tf": "@infra", "deploy/sa.yaml": "@d1,@d2", "README.md": "@docs", "z.go": "@a"} {
		r, ok := ownerRule(rules, p)
		if got := strings.Join(r.owners, ","); !ok || got != want {
			t.Errorf("%q: got %s, want %s", p, got, want)
		}
	}
}

func TestYAMLBombsAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("pool: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		prev, next := string(rune('0'+i)), string(rune('1'+i))
		b.WriteString("a" + next + ": &a" + next + " [" + strings.Repeat("*a"+prev+", ", 8) + "*a" + prev + "]\n")
	}
	for name, text := range map[string]string{
		"aliases of aliases": b.String() + "jobs: *a9\n",
		"deep nesting":       strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"a huge file":        "a: " + strings.Repeat("x", maxYAML),
	} {
		if _, err := parseYAML([]byte(text)); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	docs, err := parseYAML([]byte("a: &a {b: c}\nd:\n  <<: *a\n"))
	if err != nil || textAt(docs[0], "d", "b") != "c" {
		t.Errorf("a merged mapping: %v", err)
	}
}

func TestSecretNamesAreReferencesOnly(t *testing.T) {
	r := &run{realm: "git:x"}
	for _, f := range r.references("github_actions", retinue.NewRef("git:x", "pipeline", "p"), "p", []secretName{{"KEY", 3}}, retinue.PlaceCIVariable) {
		if p, ok := f.(retinue.Placement); ok && (!p.Reference || p.Place.Line != 3) {
			t.Errorf("placement %+v", p)
		}
		if err := f.Validate(); err != nil {
			t.Error(err)
		}
	}
}
