package rules

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// memory is a Store in memory.
type memory struct {
	subjects []*Subject
	ended    map[retinue.Ref]string
	findings map[string]retinue.Finding
	fail     error
}

func (m *memory) Touched(_ context.Context, fn func(*Subject) error) error {
	for _, s := range m.subjects {
		one := *s
		if err := fn(&one); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Findings(_ context.Context, s *Subject) ([]retinue.Finding, error) {
	return m.of(s.Ref), nil
}

func (m *memory) of(ref retinue.Ref) []retinue.Finding {
	var out []retinue.Finding
	for _, k := range slices.Sorted(maps.Keys(m.findings)) {
		if m.findings[k].Subject == ref {
			out = append(out, m.findings[k])
		}
	}
	return out
}

func (m *memory) Save(_ context.Context, changes []Change) error {
	for _, c := range changes {
		m.findings[c.Finding.Fingerprint] = c.Finding
	}
	return m.fail
}

func (m *memory) Ended(_ context.Context, fn func([]retinue.Finding, string) error) error {
	for ref, reason := range m.ended {
		if err := fn(m.of(ref), reason); err != nil {
			return err
		}
	}
	return nil
}

func compiled(t testing.TB, text string) *Set {
	t.Helper()
	p, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const twoRules = `
rules:
  - {id: t-old, title: t, over: credential, when: "age_days(credential) > 90", severity: high, message: "{name} is old", remediation: r}
  - {id: t-fails, title: t, over: credential, when: "placements[5].historic", severity: low, message: m, remediation: r}
`

func key(name string, age int) *Subject {
	return &Subject{Kind: OverCredential, Ref: retinue.NewRef("aws:1", "access_key", name), Name: name,
		Credential: &retinue.Credential{Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive, CreatedAt: CaseNow().AddDate(0, 0, -age)}}
}

func TestJudge(t *testing.T) {
	now := CaseNow()
	j := Judge{Set: compiled(t, twoRules), Now: func() time.Time { return now }}
	young, old, noise := key("young", 3), key("old", 300), key("noise", 300)
	noise.Credential.Managed = retinue.ManagedByProvider
	m := &memory{subjects: []*Subject{young, old, noise}, findings: map[string]retinue.Finding{}}
	run := func() Report {
		t.Helper()
		r, err := j.Run(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run()
	if r.Subjects != 3 || r.Opened != 2 || r.Suppressed != 1 || r.ErrorCount != 3 {
		t.Errorf("first run: %+v", r)
	}
	if len(r.Errors) != 3 || !strings.Contains(r.Errors[0], "t-fails") || !strings.Contains(r.Errors[0], "young") {
		t.Errorf("errors do not name rule and subject: %q", r.Errors)
	}
	now = now.Add(time.Hour)
	if r = run(); r.Opened != 0 || r.Unchanged != 2 {
		t.Errorf("second run: %+v", r)
	}
	old.Credential.State = retinue.CredentialInactive // disabling fixes it
	if r = run(); r.Resolved != 1 || r.Unchanged != 1 {
		t.Errorf("after disabling: %+v", r)
	}
	old.Credential.State = retinue.CredentialActive
	if r = run(); r.Reopened != 1 {
		t.Errorf("after enabling: %+v", r)
	}
	m.subjects, m.ended = []*Subject{young}, map[retinue.Ref]string{old.Ref: "gone", noise.Ref: "gone"}
	if r = run(); r.Resolved != 2 {
		t.Errorf("after the end: %+v", r)
	}
	if r = run(); r.Resolved != 0 {
		t.Errorf("resolved twice: %+v", r)
	}
}

// TestJudgeKeepsWhatItCannotJudge: a rule that fails leaves its finding alone.
func TestJudgeKeepsWhatItCannotJudge(t *testing.T) {
	s := key("k", 3)
	m := &memory{subjects: []*Subject{s}, findings: map[string]retinue.Finding{}}
	for _, rule := range []string{"t-fails", "t-gone"} {
		f := retinue.Finding{Rule: rule, Subject: s.Ref, Fingerprint: fingerprint(rule, s.Ref), State: retinue.FindingOpen}
		m.findings[f.Fingerprint] = f
	}
	j := Judge{Set: compiled(t, twoRules), Now: CaseNow}
	if _, err := j.Run(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := m.findings[fingerprint("t-fails", s.Ref)].State; got != retinue.FindingOpen {
		t.Errorf("finding of a rule that failed is %s: want open", got)
	}
	if got := m.findings[fingerprint("t-gone", s.Ref)].State; got != retinue.FindingResolved {
		t.Errorf("finding of a rule that was removed is %s: want resolved", got)
	}
}

func TestJudgeStops(t *testing.T) {
	full := errors.New("disk full")
	m := &memory{subjects: []*Subject{key("k", 300)}, findings: map[string]retinue.Finding{}, fail: full}
	j := Judge{Set: compiled(t, twoRules), Now: CaseNow}
	if _, err := j.Run(t.Context(), m); !errors.Is(err, full) {
		t.Errorf("error %v: want the store's", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Run(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v: want canceled", err)
	}
}

// BenchmarkEvaluate judges a mix of 10,000 subjects by the starting pack.
func BenchmarkEvaluate(b *testing.B) {
	set, err := Compile(starterPack(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	subjects := mixed(10_000)
	b.ResetTimer()
	hits := 0
	for b.Loop() {
		for _, s := range subjects {
			s.Labels.Done = false
			h, problems := set.Evaluate(context.Background(), s)
			if len(problems) > 0 {
				b.Fatal(problems[0])
			}
			hits += len(h)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(subjects)), "ns/subject")
	b.ReportMetric(float64(hits)/float64(b.N), "hits")
}
