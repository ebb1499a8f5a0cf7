package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"github.com/retinue-id/retinue"
)

// TextOptions say how a terminal report is written.
type TextOptions struct {
	// Width is the terminal's, in columns; 0: 80. Narrower than 40 counts as
	// 40.
	Width int
	// Color allows escape codes; false when the output is no terminal or
	// NO_COLOR is set.
	Color bool
}

// What a terminal report lists at most.
const (
	textFixes = 7
	textLines = 3
)

// WriteText writes the report that ends a scan. Without Color it is plain text:
// no escape codes, and nothing of a name can bring any in.
func WriteText(w io.Writer, d Data, o TextOptions) error {
	if o.Width == 0 {
		o.Width = 80
	}
	p := &printer{w: bufio.NewWriter(w), width: max(o.Width, 40), color: o.Color}
	p.head(d)
	p.sources(d)
	p.findings(d)
	p.folds(d)
	p.blindSpots(d)
	p.next(d)
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

type printer struct {
	w     *bufio.Writer // keeps the first error
	width int
	color bool
}

// The escape codes that are used (ECMA-48, select graphic rendition).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	yellow = "33"
	green  = "32"
	blue   = "34"
)

func (p *printer) styled(style, s string) string {
	if !p.color || style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// text writes words wrapped to the width, with indents for the first and the
// other lines. Control characters become visible escapes.
func (p *printer) text(first, rest, style, s string) {
	s = retinue.CleanName(strings.Join(strings.Fields(s), " "))
	room := p.width - max(columnsOf(first), columnsOf(rest))
	indent := first
	for _, line := range wrap(s, room) {
		_, _ = p.w.WriteString(indent + p.styled(style, line) + "\n")
		indent = rest
	}
}

func (p *printer) line(s string) { _, _ = p.w.WriteString(s + "\n") }

func (p *printer) title(s string) {
	p.line("")
	p.line(p.styled(bold, s))
}

func (p *printer) head(d Data) {
	head := d.Tool
	if !d.GeneratedAt.IsZero() {
		head += ", " + d.GeneratedAt.UTC().Format("2 January 2006 15:04 UTC")
	}
	if !d.AsOf.IsZero() {
		head += ", as of " + d.AsOf.UTC().Format(time.RFC3339)
	}
	p.text("", "", dim, head)
	if d.Title != "" {
		p.text("", "", bold, d.Title)
	}
	p.line("")
	p.text("", "", "", d.Sentence())
}

func (p *printer) sources(d Data) {
	if len(d.Sources) == 0 {
		return
	}
	p.title("Sources")
	for _, s := range d.Sources {
		word, text := s.state()
		style := map[string]string{"complete": green, "partial": yellow, "failed": red}[word]
		name := fit(retinue.CleanName(s.Name), 20)
		figures := plural(s.Identities, "identity", "identities") + ", " + plural(s.Credentials, "credential", "credentials")
		first := "  " + p.styled(style, pad(word, 9)) + pad(name, 21)
		rest := strings.Repeat(" ", 32)
		if p.width < 60 { // too narrow for columns
			p.line(strings.TrimRight(first, " "))
			first, rest = "    ", "    "
		}
		// The style has no width, so the line is wrapped by hand.
		for i, l := range wrap(figures+"; "+text, p.width-len(rest)) {
			if i > 0 {
				first = rest
			}
			p.line(first + l)
		}
		p.list("    problem: ", s.Problems)
		p.list("    cannot see: ", s.Missing)
		p.list("    never contains: ", s.NotCovered)
	}
}

// list writes the first lines of a list and counts the others.
func (p *printer) list(label string, items []string) {
	rest := strings.Repeat(" ", 6)
	for i, item := range items {
		if i == textLines {
			p.text(rest, rest, dim, fmt.Sprintf("and %s more", number(len(items)-i)))
			return
		}
		p.text(label, rest, dim, item)
	}
}

func severityStyle(s retinue.Severity) string {
	switch s {
	case retinue.SeverityCritical:
		return bold + ";" + red
	case retinue.SeverityHigh:
		return red
	case retinue.SeverityMedium:
		return yellow
	case retinue.SeverityLow:
		return blue
	}
	return dim
}

func (p *printer) findings(d Data) {
	p.title("Findings")
	if d.Findings.Total() == 0 {
		p.text("  ", "  ", "", "None open.")
	} else {
		var counts []string
		for _, s := range retinue.Severities() {
			if n := d.Findings.BySeverity[s]; n > 0 {
				counts = append(counts, number(n)+" "+string(s))
			}
		}
		p.text("  ", "  ", "", strings.Join(counts, ", ")+".")
	}
	if len(d.Fixes) == 0 {
		p.worst(d)
		return
	}
	if d.FixTotal > 0 {
		p.text("  ", "  ", "", plural(d.FixTotal, "fix settles", "fixes settle")+" them all; the ones that settle most:")
	}
	for i, f := range d.Fixes {
		if i == textFixes {
			break
		}
		p.line("")
		p.fix(f)
	}
	if more := d.FixTotal - min(len(d.Fixes), textFixes); more > 0 {
		p.line("")
		p.text("  ", "  ", dim, "and "+plural(more, "more fix", "more fixes")+": retinue findings list")
	}
}

// worst lists findings one by one, where they have no fix in common.
func (p *printer) worst(d Data) {
	shown := d.Worst[:min(len(d.Worst), textFixes)]
	for _, f := range shown {
		p.line("")
		p.heading(f.Severity, f.Title)
		indent := strings.Repeat(" ", 12)
		p.text(indent, indent, "", f.Message)
		for _, pl := range f.Places[:min(len(f.Places), textLines)] {
			p.text(indent, indent+"  ", dim, placeText(pl))
		}
		if f.Remediation != "" {
			p.text(indent+"-> ", indent+"   ", "", f.Remediation)
		}
	}
	if more := max(d.WorstTotal, len(d.Worst)) - len(shown); more > 0 {
		p.line("")
		p.text("  ", "  ", dim, "and "+plural(more, "more finding", "more findings")+": retinue findings list")
	}
}

// heading writes a title behind its severity, which has a column of its own.
func (p *printer) heading(s retinue.Severity, title string) {
	label := pad(strings.ToLower(mark(s).Word), 10)
	for i, l := range wrap(retinue.CleanName(title), p.width-12) {
		lead := strings.Repeat(" ", 10)
		if i == 0 {
			lead = p.styled(severityStyle(s), label)
		}
		p.line("  " + lead + p.styled(bold, l))
	}
}

func (p *printer) fix(f Fix) {
	p.heading(f.Severity, f.Title)
	indent := strings.Repeat(" ", 12)
	settles := plural(1, "fix", "") + ", " + plural(f.Identities, "identity", "identities")
	if f.Findings != f.Identities {
		settles += ", " + plural(f.Findings, "finding", "findings")
	}
	if len(f.Examples) > 0 {
		shown := f.Examples[:min(len(f.Examples), textLines)]
		settles += ": " + strings.Join(cutAll(shown, 48), ", ")
		if len(f.Examples) > len(shown) || f.Identities > len(shown) {
			settles += ", …"
		}
	}
	p.text(indent, indent, "", settles)
	if f.Action != "" {
		p.text(indent+"-> ", indent+"   ", "", f.Action)
	}
}

func (p *printer) folds(d Data) {
	f := d.Findings
	var parts []string
	if f.Suppressed > 0 {
		parts = append(parts, plural(f.Suppressed, "finding", "findings")+" about what a provider or package manages")
	}
	if f.Accepted > 0 {
		parts = append(parts, plural(f.Accepted, "accepted risk", "accepted risks"))
	}
	for _, c := range d.Folds {
		parts = append(parts, number(c.N)+" "+c.Label)
	}
	if len(parts) == 0 {
		return
	}
	p.title("Counted, not listed")
	for _, s := range parts {
		p.text("  ", "    ", dim, s)
	}
}

func (p *printer) blindSpots(d Data) {
	var spots []string
	for _, s := range d.Sources {
		for _, b := range s.BlindSpots {
			spots = append(spots, s.Name+": "+b)
		}
	}
	spots = append(spots, d.BlindSpots...)
	if len(spots) == 0 {
		return
	}
	p.title("Not seen")
	for i, s := range spots {
		if i == maxLines {
			p.text("  ", "    ", dim, fmt.Sprintf("and %s more: retinue report --html", number(len(spots)-i)))
			return
		}
		p.text("  ", "    ", "", s)
	}
}

func (p *printer) next(d Data) {
	if len(d.Offers) > 0 {
		p.title("Next (offered, never run unasked)")
		for _, o := range d.Offers {
			p.text("  ", "    ", "", o.Text)
			// A command stays on one line, so that it can be copied.
			p.line("      " + p.styled(bold, retinue.CleanName(o.Command)))
		}
	}
	if d.Database != "" {
		p.line("")
		p.line("Database: " + retinue.CleanName(d.Database))
	}
	if d.Audit.Seq > 0 {
		p.text("", "  ", dim, fmt.Sprintf("Audit log: %s, head %.16s; check it with: retinue audit verify", plural(int(d.Audit.Seq), "record", "records"), d.Audit.Hash))
	}
}

// columnsOf is how many terminal columns text takes.
func columnsOf(s string) int {
	n := 0
	for _, c := range s {
		n += runeColumns(c)
	}
	return n
}

func runeColumns(c rune) int {
	if unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-columnsOf(s), 0))
}

// fit cuts text in the middle to a number of columns.
func fit(s string, columns int) string {
	if columnsOf(s) <= columns {
		return s
	}
	runes := []rune(s)
	head, tail := 0, len(runes)
	for used := 1; head < tail; { // one column for the mark
		next := head
		if columnsOf(string(runes[:head])) > columnsOf(string(runes[tail:])) {
			next = tail - 1
		}
		used += runeColumns(runes[next])
		if used > columns {
			break
		}
		if next == head {
			head++
		} else {
			tail--
		}
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

func cutAll(names []string, columns int) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fit(retinue.CleanName(n), columns)
	}
	return out
}

// wrap breaks text into lines of at most the given columns: between words, and
// inside a word that is longer than a line.
func wrap(s string, columns int) []string {
	columns = max(columns, 8)
	var lines []string
	line, used := "", 0
	flush := func() {
		lines = append(lines, line)
		line, used = "", 0
	}
	for word := range strings.FieldsSeq(s) {
		n := columnsOf(word)
		if used > 0 && used+1+n > columns {
			flush()
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		for _, c := range word {
			if used+runeColumns(c) > columns {
				flush()
			}
			line, used = line+string(c), used+runeColumns(c)
		}
	}
	if line != "" || len(lines) == 0 {
		flush()
	}
	return lines
}
