package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
)

//go:embed report.html.tmpl
var pageTemplate string

//go:embed report.css
var pageStyle string

// Write writes the report as one HTML file that needs nothing else: no script,
// no font, no picture from elsewhere, and a content security policy that allows
// none. It prints, follows the reader's light or dark setting, and is read by
// screen readers. Equal Data gives equal bytes.
func Write(w io.Writer, d Data) error {
	t, err := template.New("report").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	var b bytes.Buffer // as large as the lists that a report shows, which are bounded
	if err := t.Execute(&b, newPage(d)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	// The template escapes what HTML would take for markup. What is left is
	// text that looks like other text: control and direction characters in a
	// name become visible here, wherever the name stands.
	for line := range bytes.Lines(b.Bytes()) {
		text := retinue.CleanName(strings.TrimSuffix(string(line), "\n"))
		if _, err := io.WriteString(w, text+"\n"); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

// page is what the template shows: text, and numbers that are bounds of shapes.
type page struct {
	Style                               template.CSS
	StyleHash                           string
	Tool, Title, Meta, Sentence, Footer string
	Contents                            []content
	Figures                             []figure
	Fixes                               []fixRow
	FixesMore, NoFixes                  string
	FindingsNote, SeverityText          string
	Severities                          []segment
	Risks                               []riskRow
	IdentitiesNote, CredentialsNote     string
	IdentityBars, CredentialBars        []bars
	TrustsNote                          string
	Parties                             []partyRow
	WorstNote                           string
	Worst                               []findingRow
	CoverageNote                        string
	Sources                             []sourceRow
	Limits, Folds                       []string
	Offers                              []Offer
	Proof                               []fact
}

type content struct{ ID, Title string }

type figure struct{ Label, Value, Note string }

// severityMark is a severity as it is shown everywhere: a shape, a word and a
// colour, never the colour alone.
type severityMark struct{ Class, Icon, Word string }

func mark(s retinue.Severity) severityMark {
	switch s {
	case retinue.SeverityCritical:
		return severityMark{"critical", "◆", "Critical"}
	case retinue.SeverityHigh:
		return severityMark{"high", "▲", "High"}
	case retinue.SeverityMedium:
		return severityMark{"medium", "■", "Medium"}
	case retinue.SeverityLow:
		return severityMark{"low", "●", "Low"}
	}
	return severityMark{"info", "○", "Info"}
}

type stateMark struct{ Icon, Word string }

type fixRow struct {
	Severity                        severityMark
	Title, Action, Reason, Examples string
	Command, Identities             string
	Settles                         []string
}

type segment struct {
	Severity severityMark
	Class    string
	N        string
	X, Width string
}

type riskRow struct {
	ID, Name, Limit string
	NotMeasured     bool
	Cells           []riskCell
}

type riskCell struct {
	N        int
	Text     string
	Optional bool
}

type bars struct {
	Title string
	Rows  []barRow
}

type barRow struct{ Label, Class, Width, Value string }

type partyRow struct{ Name, Kind, Trusts, Without string }

type findingRow struct {
	Severity                                               severityMark
	Title, Message, Name, Key, ShortKey, Remediation, Line string
	Places                                                 []string
	Priority                                               int
}

type sourceRow struct {
	Name, Text string
	State      stateMark
	Facts      []fact
}

type fact struct {
	Label, Value  string
	List          []string
	Mono, Hatched bool
}

func newPage(d Data) page {
	sum := sha256.Sum256([]byte(pageStyle))
	p := page{
		Style:     template.CSS(pageStyle), //nolint:gosec // our own embedded file
		StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		Tool:      d.Tool, Title: d.Title, Sentence: d.Sentence(),
		Contents: []content{{"fixes", "What to do first"}, {"findings", "Findings"}, {"identities", "Identities"}, {"credentials", "Credentials"},
			{"trusts", "Third parties"}, {"worst", "Worst findings"}, {"coverage", "Coverage"}, {"limits", "Limits"}, {"proof", "Proof"}},
	}
	if p.Title == "" {
		p.Title = "Non-human identities"
	}
	p.Meta = meta(d)
	p.Footer = fmt.Sprintf("Written by %s. This file holds no secret value and loads nothing from elsewhere.", d.Tool)
	p.figures(d)
	p.fixes(d)
	p.findings(d)
	p.identities(d)
	p.credentials(d)
	p.trusts(d)
	p.worst(d)
	p.coverage(d)
	p.proof(d)
	return p
}

func meta(d Data) string {
	var parts []string
	if !d.GeneratedAt.IsZero() {
		parts = append(parts, d.GeneratedAt.UTC().Format("2 January 2006, 15:04 UTC"))
	}
	if d.AsOf.IsZero() {
		parts = append(parts, "as of now")
	} else {
		parts = append(parts, "as of "+d.AsOf.UTC().Format("2 January 2006, 15:04 UTC"))
	}
	if d.By.Name != "" {
		by := "by " + d.By.Name
		if d.By.Host != "" {
			by += " on " + d.By.Host
		}
		parts = append(parts, by)
	}
	if d.Tool != "" {
		parts = append(parts, d.Tool)
	}
	return strings.Join(parts, " · ")
}

func present(counts ...Count) []Count {
	var out []Count
	for _, c := range counts {
		if c.N > 0 {
			out = append(out, c)
		}
	}
	return out
}

// newBars makes bars relative to the longest. Beyond maxBars the rest is one
// bar of its own.
func newBars(title string, counts []Count) bars {
	b := bars{Title: title}
	longest, rest := 0, 0
	if len(counts) > maxBars {
		for _, c := range counts[maxBars-1:] {
			rest += c.N
		}
		counts = append(append([]Count{}, counts[:maxBars-1]...), Count{Label: fmt.Sprintf("%d others", len(counts)-maxBars+1), N: rest})
	}
	for _, c := range counts {
		longest = max(longest, c.N)
	}
	for _, c := range counts {
		r := barRow{Label: retinue.CleanName(c.Label), Class: "bar", Width: decimal(share(c.N, longest)), Value: number(c.N)}
		if c.Unknown {
			r.Class = "unknown"
		}
		b.Rows = append(b.Rows, r)
	}
	return b
}

func share(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(n) / float64(all)
}

func decimal(f float64) string { return fmt.Sprintf("%.2f", f) }
