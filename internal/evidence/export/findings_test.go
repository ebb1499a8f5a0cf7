package export

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/retinue-id/retinue"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Findings of every severity and state, about files, commits, CI variables and
// identities, with hostile names.
func sampleFindings() []retinue.Finding {
	role := retinue.NewRef("aws:111111111111", "role", "arn:aws:iam::111111111111:role/billing")
	secret := retinue.NewRef("host:h1", "api_key", "/home/ada/.env#TOKEN")
	return []retinue.Finding{
		{ID: "fnd_1", Fingerprint: "f1", Rule: "trust-without-external-id", Title: "A third party is trusted without an external id",
			Severity: retinue.SeverityCritical, State: retinue.FindingOpen, OWASP: []retinue.OWASP{retinue.NHI3}, Controls: []string{"PCI 8.6.1"},
			Subject: role, Entity: "idn_1", Name: "billing", Message: "billing trusts account 222222222222 [click](http://evil) {0}",
			Remediation: "Ask for an external id.", Priority: 90, PriorityReason: "critical and in production", FirstSeen: at, LastSeen: at, Fix: "x1"},
		{ID: "fnd_2", Fingerprint: "f2", Rule: "secret-in-file", Title: "A secret in a file", Severity: retinue.SeverityHigh,
			State: retinue.FindingAccepted, OWASP: []retinue.OWASP{retinue.NHI2, retinue.NHI7}, Subject: secret, Message: "A key stands in .env",
			Accepted:  &retinue.Acceptance{By: "ada", Reason: "sandbox", Until: at.AddDate(0, 1, 0), At: at},
			Places:    []retinue.Place{{Kind: retinue.PlaceFile, Realm: "host:h1", Path: "/home/ada/a b#c/.env", Field: "TOKEN", Line: 3, Column: 7}},
			FirstSeen: at, LastSeen: at},
		{ID: "fnd_3", Fingerprint: "f3", Rule: "secret-in-file", Title: "A secret in a file", Severity: retinue.SeverityMedium,
			State: retinue.FindingReopened, Subject: secret, Message: "In history",
			Places: []retinue.Place{{Kind: retinue.PlaceGit, Realm: "git:abc", Path: "deploy/x:y?.yml", Line: 1, Commit: "0123456789abcdef0123456789abcdef01234567"},
				{Kind: retinue.PlaceCIVariable, Realm: "github:acme", Path: "acme/app/TOKEN"}}},
		{ID: "fnd_4", Fingerprint: "f4", Rule: "gone", Title: "t", Severity: retinue.SeverityLow, State: retinue.FindingResolved,
			Subject: role, ResolvedAt: at, FirstSeen: at},
		{ID: "fnd_5", Fingerprint: "f5", Rule: "secret-in-file", Title: "t", Severity: retinue.SeverityInfo, State: retinue.FindingAcknowledged,
			Subject: role, Suppressed: "made by the provider"},
	}
}

var testRules = []Rule{
	{ID: "trust-without-external-id", Title: "T", Description: "D", Remediation: "R", HelpURL: "https://example.com/r",
		Severity: retinue.SeverityCritical, OWASP: []retinue.OWASP{retinue.NHI3}, Controls: []string{"PCI 8.6.1"}},
	{ID: "secret-in-file", Title: "T2", Severity: retinue.SeverityHigh, OWASP: []retinue.OWASP{retinue.NHI2}},
}

func schema(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(t *testing.T, s *jsonschema.Schema, raw []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return s.Validate(doc)
}

func TestSARIFIsValid(t *testing.T) {
	s := schema(t, "testdata/sarif-2.1.0-rtm.5.schema.json")
	write := func() []byte {
		var b bytes.Buffer
		out, err := WriteSARIF(&b, SARIF{Tool: Tool{"Retinue", "0.1.0", "https://example.com"}, Category: "retinue/repo", Rules: testRules,
			Findings: Each(sampleFindings()), Started: at, Ended: at, Skipped: []SkippedScope{{"aws:1/iam", "partial", "access denied"}}})
		if err != nil || out.Rows != 5 {
			t.Fatal(out, err)
		}
		return b.Bytes()
	}
	raw := write()
	if err := check(t, s, raw); err != nil {
		t.Errorf("%v\n%s", err, raw)
	}
	if !bytes.Equal(raw, write()) {
		t.Error("equal findings give different bytes")
	}
	var empty bytes.Buffer
	if _, err := WriteSARIF(&empty, SARIF{Tool: Tool{Name: "Retinue"}, Findings: Each([]retinue.Finding(nil))}); err != nil || check(t, s, empty.Bytes()) != nil {
		t.Errorf("no findings: %v\n%s", err, empty.Bytes())
	}
	// The validator does refuse what is wrong.
	if check(t, s, bytes.Replace(raw, []byte(`"level":"error"`), []byte(`"level":"fatal"`), 1)) == nil {
		t.Error("a wrong level is valid: the schema is not in force")
	}
}

func TestSARIFResults(t *testing.T) {
	var b bytes.Buffer
	if _, err := WriteSARIF(&b, SARIF{Tool: Tool{Name: "Retinue"}, Rules: testRules, Findings: Each(sampleFindings())}); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []sarifResult
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	rs := run.Results
	if i := rs[0].RuleIndex; i == nil || run.Tool.Driver.Rules[*i].ID != "trust-without-external-id" {
		t.Errorf("rule index %v does not lead to the rule", i)
	}
	for i, want := range []struct{ level, kind string }{{"error", "fail"}, {"error", "fail"}, {"warning", "fail"}, {"none", "pass"}, {"note", "fail"}} {
		if rs[i].Level != want.level || rs[i].Kind != want.kind {
			t.Errorf("result %d: level %s, kind %s; want %v", i, rs[i].Level, rs[i].Kind, want)
		}
		if rs[i].Partial[sarifFingerprint] != sampleFindings()[i].Fingerprint {
			t.Errorf("result %d: fingerprints %v", i, rs[i].Partial)
		}
	}
	if m := rs[0].Message.Text; m != `billing trusts account 222222222222 \[click\](http://evil) {{0}}` {
		t.Errorf("a name makes a link or placeholder: %s", m)
	}
	if l := rs[0].Locations[0]; l.Physical != nil || l.Logical[0].Full != sampleFindings()[0].Subject.String() {
		t.Errorf("an identity's location: %+v", l)
	}
	if l := rs[1].Locations[0]; l.Physical.Artifact.URI != "file:///home/ada/a%20b%23c/.env" || l.Physical.Region.StartLine != 3 || l.Physical.Region.StartColumn != 7 {
		t.Errorf("a file's location: %+v", l.Physical)
	}
	if l := rs[2].Locations; l[0].Physical.Artifact.URI != "deploy/x:y%3F.yml" || l[1].Physical != nil {
		t.Errorf("a commit's and a variable's location: %+v", l)
	}
	if s := rs[1].Suppressions; len(s) != 1 || s[0].Justification != "sandbox (accepted by ada until 2026-04-01)" {
		t.Errorf("an accepted finding: %+v", s)
	}
	if s := rs[4].Suppressions; len(s) != 1 || s[0].Justification != "made by the provider" {
		t.Errorf("a suppressed finding: %+v", s)
	}
}

func TestFileURI(t *testing.T) {
	for in, want := range map[string]string{"a/b.go": "a/b.go", "c:d.yml": "./c:d.yml", "C:/x/y": "file:///C:/x/y", "/etc/a b": "file:///etc/a%20b"} {
		if got := fileURI(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestOCSFIsValid(t *testing.T) {
	s := schema(t, "testdata/ocsf-1.5.0.schema.json")
	o := OCSF{Tool: Tool{"Retinue", "0.1.0", ""}, Now: at}
	var b bytes.Buffer
	if out, err := o.WriteFindings(&b, Each(sampleFindings())); err != nil || out.Rows != 5 {
		t.Fatal(out, err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i, l := range lines {
		if err := check(t, s, []byte(l)); err != nil {
			t.Errorf("finding %d: %v\n%s", i, err, l)
		}
	}
	for i, want := range []string{`"type_uid":200401`, `"status_id":3`, `"type_uid":200402`, `"type_uid":200403`, `"status_id":3`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("finding %d has no %s: %s", i, want, lines[i])
		}
	}
	if check(t, s, bytes.Replace([]byte(lines[0]), []byte(`"severity_id"`), []byte(`"severity_no"`), 1)) == nil {
		t.Error("an unknown attribute is valid: the schema is not in force")
	}
	b.Reset()
	var rec []retinue.Record
	for i, k := range []string{"person", "os_user", "collector", "system"} {
		for _, a := range []retinue.RecordAction{retinue.RecordScopeCompleted, retinue.RecordExported, retinue.RecordFindingOpened, retinue.RecordRegistrationSet} {
			r, err := retinue.Record{ID: retinue.NewRecordID(at), At: at, Actor: retinue.Actor{Kind: k, Name: "n", Host: []string{"", "h"}[i%2]},
				Action: a, Subject: "aws:1/iam", Details: json.RawMessage(`{"a":1}`)}.Seal(retinue.RecordGenesis, int64(i))
			if err != nil {
				t.Fatal(err)
			}
			rec = append(rec, r)
		}
	}
	if out, err := o.WriteRecords(&b, Each(rec)); err != nil || out.Rows != 16 {
		t.Fatal(out, err)
	}
	for i, l := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if err := check(t, s, []byte(l)); err != nil {
			t.Errorf("record %d: %v\n%s", i, err, l)
		}
	}
}
