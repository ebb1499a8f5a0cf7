package aws_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/testkit"
)

var update = flag.Bool("update", false, "write the generated files under deploy and docs")

// TestDeployFilesAreUpToDate: the StackSet template, the Terraform module and
// the policies in deploy/aws are what the connector generates.
func TestDeployFilesAreUpToDate(t *testing.T) {
	root := filepath.Join("..", "..", "deploy", "aws")
	files := map[string]string{"stackset.yaml": aws.StackSetTemplate(), "terraform/main.tf": aws.TerraformModule()}
	for _, d := range aws.Spec().Privileges {
		switch d.Title {
		case "Policy for one account":
			files["account-policy.json"] = d.Body
		case "Further policy in the management account, for an organisation":
			files["organization-policy.json"] = d.Body
		}
	}
	if len(files) != 4 {
		t.Fatalf("%d files, want 4", len(files))
	}
	for name, want := range files {
		checkFile(t, filepath.Join(root, filepath.FromSlash(name)), want)
	}
}

func checkFile(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the connector generates: run go test ./connectors/aws -run %s -update", file, t.Name())
	}
}

// TestStackSetTemplateIsYAML reads the template and looks for what makes the
// role safe: the external id, and no action that changes or reads data.
func TestStackSetTemplateIsYAML(t *testing.T) {
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(aws.StackSetTemplate()), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(aws.StackSetTemplate(), "sts:ExternalId: !Ref ExternalId") {
		t.Error("the trust policy does not demand the external id")
	}
}

// TestPrivilegesOnlyRead: every action lists, describes or gets configuration,
// and none of those that return secrets or data is among them.
func TestPrivilegesOnlyRead(t *testing.T) {
	for _, d := range aws.Spec().Privileges {
		if d.Language != "json" || strings.Contains(d.Title, "enter") {
			continue
		}
		var p struct{ Statement []struct{ Action []string } }
		if err := json.Unmarshal([]byte(d.Body), &p); err != nil {
			t.Fatalf("%s: %v", d.Title, err)
		}
		for _, a := range p.Statement[0].Action {
			_, verb, _ := strings.Cut(a, ":")
			reads := strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "Get") || a == "iam:GenerateCredentialReport"
			for _, never := range []string{"GetSecretValue", "GetObject", "GetParameter", "Decrypt", "ReceiveMessage", "GetItem", "*"} {
				if strings.HasPrefix(verb, never) {
					reads = false
				}
			}
			if !reads {
				t.Errorf("%s: action %s does more than read configuration", d.Title, a)
			}
		}
	}
}

func TestScript(t *testing.T) {
	sh := testkit.Need(t, "sh", "dash")
	for _, cfg := range [][]string{{"env"}, {"env", "services", "iam"}, {"env", "services", "kms"}, {"profile:it's", "regions", "eu-west-1;us-east-1"}, {"org:profile:audit", "external-id", "a'b", "endpoint", "http://127.0.0.1:1"}} {
		text, err := aws.Spec().Script(settings(cfg[0], cfg[1:]...))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(sh, "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s\n%s", cfg, err, out, text)
		}
		for _, never := range []string{"get-secret-value", "get-object", "get-parameter"} {
			if strings.Contains(text, never) {
				t.Errorf("%v: the script calls %s", cfg, never)
			}
		}
	}
}

// TestPage: the connector's page holds every option, target, privilege and blind
// spot of the Spec.
func TestPage(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "connectors", "aws.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	s := aws.Spec()
	var want []string
	for _, o := range s.Options {
		want = append(want, "`"+o.Name+"=`", o.Help)
	}
	for _, f := range append(s.Target, s.Examples...) {
		want = append(want, f.Form, f.Help)
	}
	want = append(append(append(want, s.Sees...), s.BlindSpots...), s.CouldRead...)
	for _, d := range s.Privileges[:3] {
		want = append(want, d.Title, d.Body)
	}
	for _, w := range want {
		if !strings.Contains(string(text), w) {
			t.Errorf("%s does not contain %q: run go test ./connectors/aws -run TestWritePage -update", page, w)
		}
	}
}

// TestWritePage writes the page from the Spec when asked to.
func TestWritePage(t *testing.T) {
	if !*update {
		return // TestPage compares
	}
	s := aws.Spec()
	var b strings.Builder
	list := func(title string, items []string) {
		b.WriteString("\n## " + title + "\n\n")
		for _, i := range items {
			b.WriteString("- " + i + "\n")
		}
	}
	b.WriteString("# " + s.Title + " (`" + s.Kind + "`)\n\n" + s.Summary + "\n\n## What to scan\n\n| target | meaning |\n|---|---|\n")
	for _, f := range s.Target {
		b.WriteString("| `aws=" + f.Form + "` | " + f.Help + " |\n")
	}
	b.WriteString(pageFiles + "\n## Options\n\n| option | meaning | default |\n|---|---|---|\n")
	for _, o := range s.Options {
		b.WriteString("| `" + o.Name + "=` | " + o.Help + " | " + o.Default + " |\n")
	}
	b.WriteString("\n## Examples\n\n```\n")
	for _, e := range s.Examples {
		b.WriteString("# " + e.Help + "\nretinue scan '" + e.Form + "'\n")
	}
	b.WriteString("```\n")
	list("What it sees", s.Sees)
	list("Blind spots", s.BlindSpots)
	list("What the credentials could read", s.CouldRead)
	b.WriteString(pageUses + pageOrganization + "\n## Privileges\n")
	for _, d := range s.Privileges[:3] {
		b.WriteString("\n### " + d.Title + "\n\n```" + d.Language + "\n" + d.Body + "```\n")
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "connectors", "aws.md"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

const pageFiles = `
Files are recognised by what is in them, never by their names:

- the output of ` + "`aws iam get-account-authorization-details`" + `, whole or in pages, of any size; also AirIAM's account file
- the credential report, as CSV or as ` + "`aws iam get-credential-report`" + ` prints it
- ` + "`aws … list-*` and `describe-*`" + ` output of the services that a live scan reads
- ` + "`terraform show -json`" + ` of a state or a plan, a state file, or a list of objects with type, arn and attributes
- the folder that ` + "`retinue sources script aws`" + ` exports, of one account or an organisation

The account is the one that the ARNs inside name; where there is none, ` + "`account=`" + ` gives it. Files of one account that
were made within an hour count as one export; an older file beside a newer one of the same kind is not read, and named.
What the files never contain is listed as not covered.
`

const pageUses = `
## What its times of use mean

| meaning | of | what AWS says |
|---|---|---|
| ` + "`last_used`" + ` | access key | at most one use in 15 minutes is recorded; never used, or not since April 2015, look the same |
| ` + "`last_used`" + ` | console password | at most one use in 5 minutes is recorded |
| ` + "`last_used_in_400_days`" + ` | role | nothing older than 400 days is known |
| ` + "`last_denied_or_used`" + ` | user or role, by service | attempts that were denied count; up to 4 hours late |
| ` + "`last_read`" + ` | secret | a date, of the region asked |

All of them are weak evidence (grade C).
`

const pageOrganization = `
## Organisations

Deploy ` + "`deploy/aws/stackset.yaml`" + ` as a StackSet over the organisation, and once as a stack in the management account, which
service-managed StackSets leave out; or ` + "`deploy/aws/terraform`" + ` in each account. Then scan ` + "`aws=org:profile:NAME,external-id=…`" + ` with
credentials of the management account or a delegated administrator. Accounts that are suspended are skipped and named. Each
account is a realm of its own with its own request budget; one that cannot be entered is a problem of that account only.
`
