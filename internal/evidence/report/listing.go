package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

func (p *page) worst(d Data) {
	for _, f := range d.Worst[:min(len(d.Worst), maxFindings)] {
		p.Worst = append(p.Worst, newFindingRow(f))
	}
	total := max(d.WorstTotal, len(d.Worst))
	switch more := total - len(p.Worst); {
	case total == 0:
		p.WorstNote = "No finding is open."
	case more > 0:
		p.WorstNote = fmt.Sprintf("The first %s by priority; %s more are in the database: retinue findings list.", number(len(p.Worst)), number(more))
	default:
		p.WorstNote = "All " + plural(total, "open finding", "open findings") + ", by priority."
		if total == 1 {
			p.WorstNote = "The one open finding."
		}
	}
}

func newFindingRow(f retinue.Finding) findingRow {
	key := retinue.CleanName(f.Subject.Key)
	r := findingRow{Severity: mark(f.Severity), Title: f.Title, Message: f.Message, Name: retinue.CleanName(f.Name), Key: key,
		ShortKey: fit(key, 120), Remediation: f.Remediation, Priority: f.Priority}
	if r.Name == key {
		r.Name = ""
	}
	for i, pl := range f.Places {
		if i == 3 {
			r.Places = append(r.Places, fmt.Sprintf("and %s more places", number(len(f.Places)-i)))
			break
		}
		r.Places = append(r.Places, placeText(pl))
	}
	parts := []string{f.Rule}
	for _, o := range f.OWASP {
		parts = append(parts, string(o))
	}
	if f.State != "" && f.State != retinue.FindingOpen {
		parts = append(parts, string(f.State))
	}
	if !f.FirstSeen.IsZero() {
		parts = append(parts, "first seen "+f.FirstSeen.UTC().Format(time.DateOnly))
	}
	if f.PriorityReason != "" {
		parts = append(parts, f.PriorityReason)
	}
	r.Line = strings.Join(parts, " · ")
	return r
}

func placeText(p retinue.Place) string {
	s := p.Path
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	if p.Field != "" {
		s += " " + p.Field
	}
	if p.Commit != "" {
		s += fmt.Sprintf(" at %.12s", p.Commit)
	}
	return retinue.CleanName(s)
}

func (p *page) coverage(d Data) {
	p.CoverageNote = "What was read, when, and how whole. A figure is as good as the coverage behind it."
	for _, s := range d.Sources {
		word, text := s.state()
		row := sourceRow{Name: retinue.CleanName(s.Name), Text: text,
			State: stateMark{map[string]string{"complete": "●", "partial": "◐", "failed": "○"}[word], word}}
		add := func(f fact) {
			if f.Value != "" || len(f.List) > 0 {
				row.Facts = append(row.Facts, f)
			}
		}
		add(fact{Label: "System", Value: retinue.CleanName(string(s.Realm)), Mono: true})
		add(fact{Label: "Kind", Value: s.Kind})
		if s.ObservedAt.IsZero() {
			add(fact{Label: "Observed at", Value: "not known", Hatched: true})
		} else {
			add(fact{Label: "Observed at", Value: s.ObservedAt.UTC().Format("2006-01-02 15:04:05 UTC")})
		}
		add(fact{Label: "Found", Value: plural(s.Identities, "identity", "identities") + ", " + plural(s.Credentials, "credential", "credentials")})
		add(fact{Label: "Evidence of use", Value: gradeWords(s.Use), Hatched: s.Use == "" || s.Use == retinue.GradeD})
		add(fact{Label: "Problems", List: bounded(s.Problems)})
		add(fact{Label: "Missing permissions", List: bounded(s.Missing)})
		add(fact{Label: "Never contains", List: bounded(s.NotCovered)})
		add(fact{Label: "Cannot see", List: bounded(s.BlindSpots)})
		p.Sources = append(p.Sources, row)
	}
	if len(d.Sources) == 0 {
		p.CoverageNote = "No source was read, so every figure here is unknown."
	}
	if n := d.partial(); n > 0 {
		p.Limits = append(p.Limits, plural(n, "source was", "sources were")+" not read whole: what their unread parts hold is not in any figure.")
	}
	p.Limits = append(p.Limits, d.BlindSpots...)
	for _, c := range d.Folds {
		p.Folds = append(p.Folds, number(c.N)+" "+c.Label)
	}
	p.Offers = d.Offers
}

func gradeWords(g retinue.Grade) string {
	switch g {
	case retinue.GradeA:
		return "complete: its whole event log was read"
	case retinue.GradeB:
		return "good: complete but for named blind spots"
	case retinue.GradeC:
		return "weak: its last-used fields only"
	}
	return "none: whether anything is still used is not known"
}

func bounded(items []string) []string {
	if len(items) <= maxLines {
		return items
	}
	return append(append([]string{}, items[:maxLines]...), fmt.Sprintf("and %s more", number(len(items)-maxLines)))
}

func (p *page) proof(d Data) {
	add := func(label, value string, mono bool) {
		if value != "" {
			p.Proof = append(p.Proof, fact{Label: label, Value: value, Mono: mono})
		}
	}
	if d.Audit.Seq > 0 {
		add("Audit log", plural(int(d.Audit.Seq), "record", "records")+"; check it with: retinue audit verify", false)
		add("Its head", d.Audit.Hash, true)
	} else {
		add("Audit log", "empty", false)
	}
	add("Database", d.Database, true)
	if m := d.Manifest; m != nil {
		add("Question", m.Query.Subject, false)
		add("Rows", number(int(m.Rows)), false)
		add("SHA-256", m.SHA256, true)
	}
}
