package rules

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

func evaluate(t *testing.T, s *Set, sub *Subject) []Hit {
	t.Helper()
	if sub.Now.IsZero() {
		sub.Now = CaseNow()
	}
	hits, problems := s.Evaluate(t.Context(), sub)
	for _, p := range problems {
		t.Error(p)
	}
	return hits
}

func rulesOf(hits []Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.Finding.Rule)
	}
	return out
}

const gates = `
rules:
  - {id: g-plain, title: t, over: identity, when: "true", severity: low, message: m, remediation: r}
  - {id: g-disabled, title: t, over: identity, when: "true", severity: low, message: m, remediation: r, while_disabled: true}
  - {id: g-persons, title: t, over: identity, when: "true", severity: low, message: m, remediation: r, persons: true}
  - {id: g-managed, title: t, over: identity, when: "true", severity: low, message: m, remediation: r, despite_managed: true}
  - {id: g-pipeline, title: t, over: pipeline, when: "true", severity: low, message: m, remediation: r}
  - {id: g-credential, title: t, over: credential, when: "true", severity: low, message: m, remediation: r}
`

func TestGates(t *testing.T) {
	s := compiled(t, gates)
	identity := func(f func(*retinue.Identity)) *Subject {
		i := retinue.Identity{Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		f(&i)
		return &Subject{Kind: OverIdentity, Ref: retinue.NewRef("aws:1", "role", "r"), Name: "r", Identity: &i}
	}
	tests := []struct {
		name string
		sub  *Subject
		want string
	}{
		{"active", identity(func(*retinue.Identity) {}), "g-plain g-disabled g-persons g-managed"},
		{"disabled", identity(func(i *retinue.Identity) { i.State = retinue.StateDisabled }), "g-disabled"},
		{"person", identity(func(i *retinue.Identity) { i.Class = retinue.ClassPerson }), "g-persons"},
		{"pipeline", identity(func(i *retinue.Identity) { i.Kind = retinue.IdentityPipeline }), "g-plain g-disabled g-persons g-managed g-pipeline"},
		{"credential", &Subject{Kind: OverCredential, Credential: &retinue.Credential{State: retinue.CredentialActive}}, "g-credential"},
		{"credential of a disabled identity", &Subject{Kind: OverCredential, Credential: &retinue.Credential{State: retinue.CredentialActive},
			Identity: &retinue.Identity{State: retinue.StateDisabled}}, ""},
		{"resource", &Subject{Kind: OverResource, Resource: &retinue.Resource{}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(rulesOf(evaluate(t, s, tt.sub)), " "); got != tt.want {
				t.Errorf("rules %q: want %q", got, tt.want)
			}
		})
	}
	person := identity(func(i *retinue.Identity) { i.Class = retinue.ClassUnclear })
	person.Registration = &retinue.Registration{Class: retinue.ClassPerson}
	if got := rulesOf(evaluate(t, s, person)); len(got) != 1 {
		t.Errorf("the registered class does not hold: %v", got)
	}
	for _, h := range evaluate(t, s, identity(func(i *retinue.Identity) { i.Managed = retinue.ManagedByPackage })) {
		if (h.Finding.Suppressed == "") != (h.Finding.Rule == "g-managed") {
			t.Errorf("%s: suppressed %q", h.Finding.Rule, h.Finding.Suppressed)
		}
	}
}

// TestOneFix: one policy on many identities is one fix and one family across
// accounts; different policies are not.
func TestOneFix(t *testing.T) {
	set, err := Compile(starterPack(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	admin := func(account, name, hash string) retinue.Finding {
		realm := retinue.NewRealm("aws", account)
		sub := &Subject{Kind: OverIdentity, Ref: retinue.NewRef(realm, "role", "arn:aws:iam::"+account+":role/"+name), Name: name,
			Identity:    &retinue.Identity{Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: retinue.StateActive},
			Attachments: []AttachedPolicy{{Role: retinue.AttachIdentity, Name: "power", Document: hash, Summary: access.Summary{Admin: true}}}}
		for _, h := range evaluate(t, set, sub) {
			if h.Finding.Rule == "nhi5-administrator" {
				return h.Finding
			}
		}
		t.Fatal("the rule did not fire")
		return retinue.Finding{}
	}
	a, b, c := admin("111111111111", "deploy", "h1"), admin("222222222222", "deploy", "h1"), admin("111111111111", "batch", "h2")
	if a.Fix != b.Fix || a.Family != b.Family {
		t.Error("one definition in two accounts is not one fix and one family")
	}
	if a.Fingerprint == b.Fingerprint {
		t.Error("two accounts share a fingerprint")
	}
	if a.Fix == c.Fix || a.Family == c.Family {
		t.Error("different policies and names share a fix or a family")
	}
	if a.FixTitle == "" || a.Evidence["through"] == nil {
		t.Errorf("no title or evidence: %+v", a)
	}
	if _, err := json.Marshal(a); err != nil {
		t.Error(err)
	}
}

// TestCostLimit: an expression that costs too much fails alone, and is
// reported with its rule.
func TestCostLimit(t *testing.T) {
	p, err := Parse("p.yaml", []byte(`
rules:
  - {id: c-dear, title: t, over: identity, when: "grants.all(a, grants.all(b, grants.all(c, a.privileges == b.privileges || c.condition != 'x')))", severity: low, message: m, remediation: r}
  - {id: c-cheap, title: t, over: identity, when: "true", severity: low, message: m, remediation: r}
`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(p, Options{CostLimit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	sub := &Subject{Kind: OverIdentity, Identity: &retinue.Identity{}, Now: CaseNow(), Grants: make([]retinue.Grant, MaxAttached)}
	hits, problems := set.Evaluate(context.Background(), sub)
	if len(hits) != 1 || hits[0].Finding.Rule != "c-cheap" || len(problems) != 1 || problems[0].Rule != "c-dear" {
		t.Errorf("hits %v, problems %v: want the cheap one and the dear one", rulesOf(hits), problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	set, err = Compile(p, Options{CostLimit: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, problems = set.Evaluate(ctx, sub); len(problems) == 0 || time.Since(begin) > time.Second {
		t.Errorf("an ended context did not stop the evaluation: %v after %v", problems, time.Since(begin))
	}
}

// TestStarterOnFullSubjects: no rule of the pack comes near the cost limit on
// the largest subject that the inventory makes.
func TestStarterOnFullSubjects(t *testing.T) {
	set, err := Compile(starterPack(t), Options{CostLimit: DefaultCostLimit / 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range mixed(8) {
		for range MaxAttached {
			s.Attachments = append(s.Attachments, AttachedPolicy{Role: retinue.AttachIdentity, Name: strings.Repeat("p", 60),
				Summary: access.Summary{Admin: true, Escalates: []string{"a", "b"}, WildcardActions: []string{"x:*"}}})
			s.Placements = append(s.Placements, retinue.Placement{Place: retinue.Place{Kind: retinue.PlaceGit, Path: strings.Repeat("a/", 40)}})
			s.Uses = append(s.Uses, retinue.Use{Meaning: "connected", Consumer: strings.Repeat("c", 60)})
			s.Trusts = append(s.Trusts, retinue.Trust{Kind: retinue.TrusteeAccount, Name: "111111111111", ThirdParty: true})
			s.Runners = append(s.Runners, Runner{Name: "r"})
			s.Credentials = append(s.Credentials, HeldCredential{Credential: retinue.Credential{Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive}})
			s.Memberships = append(s.Memberships, Member{Name: "docker"})
		}
		s.FillCounts()
		evaluate(t, set, s)
	}
}

func TestPriority(t *testing.T) {
	now := CaseNow()
	worst, text := Priority(PriorityInput{Severity: retinue.SeverityCritical, Exposure: retinue.ExposurePublic,
		Criticality: retinue.CriticalityCritical, LastUse: now, Now: now})
	if worst != 100 || text != "Priority 100: critical severity × open to anyone × critical × last used 0 days ago." {
		t.Errorf("worst is %d: %s", worst, text)
	}
	p, text := Priority(PriorityInput{Severity: retinue.SeverityHigh, Now: now})
	if p != 34 || text != "Priority 34: high severity × exposure not known × criticality and environment not set × use not known." {
		t.Errorf("unknown is %d: %s", p, text)
	}
	base := PriorityInput{Severity: retinue.SeverityHigh, Exposure: retinue.ExposureGroup, Criticality: retinue.CriticalityMedium,
		LastUse: now.AddDate(0, 0, -60), Now: now}
	of := func(f func(*PriorityInput)) int {
		in := base
		f(&in)
		n, _ := Priority(in)
		return n
	}
	same := of(func(*PriorityInput) {})
	for name, higher := range map[string]int{
		"severity":    of(func(i *PriorityInput) { i.Severity = retinue.SeverityCritical }),
		"exposure":    of(func(i *PriorityInput) { i.Exposure = retinue.ExposurePublic }),
		"criticality": of(func(i *PriorityInput) { i.Criticality = retinue.CriticalityCritical }),
		"use":         of(func(i *PriorityInput) { i.LastUse = now }),
	} {
		if higher <= same {
			t.Errorf("a worse %s gives %d, not above %d", name, higher, same)
		}
	}
	if d := of(func(i *PriorityInput) { i.Disabled = true }); d >= same || d < 1 {
		t.Errorf("disabled gives %d", d)
	}
}

// TestTestFails: the test of packs is worth something only if it can fail.
func TestTestFails(t *testing.T) {
	head := "rules:\n  - {id: f-x, title: t, over: identity, when: \"name == 'bad'\", severity: low, message: 'is {name}', remediation: r, cases: "
	fire, quiet := "{name: f, subject: {name: bad, identity: {}}}", "{name: q, subject: {name: good, identity: {}}}"
	tests := []struct{ name, cases, want string }{
		{"right", "{fire: [" + fire + "], quiet: [" + quiet + "]}", ""},
		{"no cases", "{}", "at least one case"},
		{"does not fire", "{fire: [" + quiet + "], quiet: [" + quiet + "]}", "must fire"},
		{"fires", "{fire: [" + fire + "], quiet: [" + fire + "]}", "must not fire, and says: is bad"},
		{"severity", "{fire: [{name: f, severity: high, subject: {name: bad, identity: {}}}], quiet: [" + quiet + "]}", "severity is low"},
		{"message", "{fire: [{name: f, message: x, subject: {name: bad, identity: {}}}], quiet: [" + quiet + "]}", "message is"},
		{"suppressed", "{fire: [{name: f, suppressed: true, subject: {name: bad, identity: {}}}], quiet: [" + quiet + "]}", "suppressed is"},
		{"unknown field", "{fire: [{name: f, subject: {nmae: bad}}], quiet: [" + quiet + "]}", "unknown field"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("p.yaml", []byte(head+tt.cases+"}\n"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Test(p)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if len(r.Failures) > 0 {
					t.Errorf("failures %v", r.Failures)
				}
				return
			}
			if len(r.Failures) == 0 || !strings.Contains(r.Failures[0].Error(), tt.want) || !strings.HasPrefix(r.Failures[0].Error(), "p.yaml:2") {
				t.Errorf("failures %v: want %q at p.yaml:2", r.Failures, tt.want)
			}
		})
	}
}
