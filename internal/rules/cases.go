package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// CaseNow is the time of every case that does not set "now".
func CaseNow() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// Failure is a case that did not come out as it says.
type Failure struct {
	Rule  string
	Case  string
	Where string // file:line of the case
	Text  string
}

// Error implements error.
func (f Failure) Error() string {
	return fmt.Sprintf("%s: rule %s, case %q: %s", f.Where, f.Rule, f.Case, f.Text)
}

// TestReport is the outcome of Test.
type TestReport struct {
	Rules    int
	Cases    int
	Failures []Failure
}

// Test runs the cases of every rule and label rule of a pack. A rule without a
// case that must fire and one that must not is a failure. The error is that of
// Compile: the pack itself is wrong.
func Test(p *Pack) (TestReport, error) {
	set, err := Compile(p, Options{})
	if err != nil {
		return TestReport{}, err
	}
	var t TestReport
	for i := range set.rules {
		t.Rules++
		t.rule(set, &set.rules[i])
	}
	for i := range set.labels {
		t.Rules++
		t.label(set, &set.labels[i])
	}
	return t, nil
}

func (t *TestReport) fail(rule string, at position, c *Case, format string, args ...any) {
	f := Failure{Rule: rule, Where: at.of("cases"), Text: fmt.Sprintf(format, args...)}
	if c != nil {
		f.Case = c.Name
		if c.Subject.Line > 0 {
			f.Where = fmt.Sprintf("%s:%d", at.file, c.Subject.Line)
		}
	}
	t.Failures = append(t.Failures, f)
}

func (t *TestReport) rule(set *Set, r *compiledRule) {
	if len(r.rule.Cases.Fire) == 0 || len(r.rule.Cases.Quiet) == 0 {
		t.fail(r.rule.ID, r.rule.at, nil, "want at least one case that must fire and one that must not")
	}
	alone := &Set{rules: []compiledRule{*r}, byKind: map[Kind][]int{r.rule.Over: {0}}, labels: set.labels}
	run := func(c *Case) (*Hit, bool) {
		t.Cases++
		sub, err := c.decode(r.rule.Over)
		if err != nil {
			t.fail(r.rule.ID, r.rule.at, c, "%v", err)
			return nil, false
		}
		hits, problems := alone.Evaluate(context.Background(), sub)
		for _, p := range problems {
			t.fail(r.rule.ID, r.rule.at, c, "%v", p)
		}
		if len(hits) == 0 {
			return nil, len(problems) == 0
		}
		return &hits[0], true
	}
	for i := range r.rule.Cases.Fire {
		c := &r.rule.Cases.Fire[i]
		hit, ok := run(c)
		if !ok {
			continue
		}
		if hit == nil {
			t.fail(r.rule.ID, r.rule.at, c, "must fire, and does not")
			continue
		}
		t.compare(r, c, hit.Finding)
	}
	for i := range r.rule.Cases.Quiet {
		c := &r.rule.Cases.Quiet[i]
		if hit, ok := run(c); ok && hit != nil {
			t.fail(r.rule.ID, r.rule.at, c, "must not fire, and says: %s", hit.Finding.Message)
		}
	}
}

func (t *TestReport) compare(r *compiledRule, c *Case, f retinue.Finding) {
	if c.Severity != "" && c.Severity != f.Severity {
		t.fail(r.rule.ID, r.rule.at, c, "severity is %s: want %s", f.Severity, c.Severity)
	}
	if c.Message != "" && c.Message != f.Message {
		t.fail(r.rule.ID, r.rule.at, c, "message is %q: want %q", f.Message, c.Message)
	}
	if c.Suppressed != (f.Suppressed != "") {
		t.fail(r.rule.ID, r.rule.at, c, "suppressed is %q: want suppressed %t", f.Suppressed, c.Suppressed)
	}
}

func (t *TestReport) label(set *Set, r *compiledLabel) {
	if len(r.rule.Cases.Set) == 0 || len(r.rule.Cases.Quiet) == 0 {
		t.fail(r.rule.ID, r.rule.at, nil, "want at least one case that must be set and one that must not")
	}
	alone := &Set{labels: []compiledLabel{*r}}
	run := func(c *Case, want bool) {
		t.Cases++
		sub, err := c.decode(OverIdentity)
		if err != nil {
			t.fail(r.rule.ID, r.rule.at, c, "%v", err)
			return
		}
		l, problems := alone.Label(sub)
		for _, p := range problems {
			t.fail(r.rule.ID, r.rule.at, c, "%v", p)
		}
		got := r.rule.ID == l.EnvironmentBy || r.rule.ID == l.CriticalityBy || r.rule.ID == l.DataClassBy
		if got != want {
			t.fail(r.rule.ID, r.rule.at, c, "assigned is %t: want %t", got, want)
		}
	}
	for i := range r.rule.Cases.Set {
		run(&r.rule.Cases.Set[i], true)
	}
	for i := range r.rule.Cases.Quiet {
		run(&r.rule.Cases.Quiet[i], false)
	}
}

// decode reads the case's subject strictly. Kind, time and the refs that a
// reader of the case does not care for are filled in.
func (c *Case) decode(over Kind) (*Subject, error) {
	var tree any
	if err := c.Subject.Decode(&tree); err != nil {
		return nil, fmt.Errorf("%w: subject: %s", retinue.ErrInvalid, yamlText(err))
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: subject: want a mapping", retinue.ErrInvalid)
	}
	now := CaseNow()
	data, err := json.Marshal(absolute(m, now))
	if err != nil {
		return nil, fmt.Errorf("%w: subject: %v", retinue.ErrInvalid, err)
	}
	var stated caseSubject
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&stated); err != nil {
		return nil, fmt.Errorf("%w: subject: %s", retinue.ErrInvalid, strings.TrimPrefix(err.Error(), "json: "))
	}
	sub := stated.subject()
	if sub.Kind == "" {
		sub.Kind = over
	}
	if sub.Now.IsZero() {
		sub.Now = now
	}
	if sub.Ref.IsZero() {
		sub.Ref = retinue.NewRef("example:case", string(sub.Kind), "case")
	}
	sub.FillCounts()
	return sub, nil
}

var relativeDays = regexp.MustCompile(`^[+-]\d{1,5}d$`)

// absolute turns -120d into the time so many days from now, and YAML's own
// times into RFC 3339.
func absolute(v any, now time.Time) any {
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			x[k] = absolute(x[k], now)
		}
	case []any:
		for i := range x {
			x[i] = absolute(x[i], now)
		}
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	case string:
		if relativeDays.MatchString(x) {
			days, _ := strconv.Atoi(strings.TrimSuffix(x, "d"))
			return now.AddDate(0, 0, days).Format(time.RFC3339)
		}
	}
	return v
}
