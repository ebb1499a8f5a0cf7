// Package report writes what a person reads: one self-contained, printable HTML
// file, and the text that ends a scan on a terminal. Both are made of the same
// [Data], of computed facts only, and both say what is not known as plainly as
// what is: a figure that could not be measured is shown hatched, with its
// reason, and never as nought.
package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence/export"
)

// The most that a report lists; what is beyond is counted.
const (
	maxFixes    = 10
	maxFindings = 100
	maxBars     = 12
	maxTrusts   = 20
	maxLines    = 20 // of a list under a source
)

// Data is what a report says. Counts are exact. Lists are in the order in which
// they are to be shown; Write and WriteText cut long ones and say so.
type Data struct {
	// Title is what the report is about, such as "Non-human identities of
	// build-7 and acme/app".
	Title       string
	Tool        string // program and version
	GeneratedAt time.Time
	// AsOf is the observed time that was asked for; zero means now.
	AsOf time.Time
	By   retinue.Actor

	Identities  Identities
	Credentials Credentials
	Trusts      Trusts
	Findings    Findings
	// OWASP has one row for each of the ten risks; a missing one is shown as
	// not measured.
	OWASP []Risk
	// Fixes come with the one that settles most first; Worst are the findings,
	// worst first. The totals count those that are not in the slices as well.
	Fixes      []Fix
	FixTotal   int
	Worst      []retinue.Finding
	WorstTotal int

	Sources []Source
	// Offers are commands that would show more; Folds what was counted and not
	// listed.
	Offers []Offer
	Folds  []Count
	// BlindSpots are what no source can see, beside those of each.
	BlindSpots []string

	// Database is where the inventory lies, for the person who scanned.
	Database string
	Audit    export.AuditHead
	// Manifest describes the export that the report stands for; nil: none.
	Manifest *export.Manifest
}

// Count is a number of something. Unknown marks a number of things of which
// something is not known; it is drawn hatched.
type Count struct {
	Label   string
	N       int
	Unknown bool
}

// Identities are the figures about principals.
type Identities struct {
	NonHuman, Unclear, People int
	// BySource, ByKind and ByEnvironment count non-human ones.
	BySource, ByKind, ByEnvironment []Count
	// Owned have a registered owner, Suggested evidence of one only; the rest
	// have neither.
	Owned, Suggested int
	Disabled         int
}

// Credentials are the figures about credentials.
type Credentials struct {
	Total int
	// Static ones do not end within hours by themselves.
	Static int
	// ByAge counts static ones by age; those whose age is not known are one
	// Count with Unknown.
	ByAge []Count
	// Old is how many static ones are known to be older than OldDays.
	Old, OldDays int
	// NeverExpire is how many are known to have no end; Expired how many ended
	// and still exist.
	NeverExpire, Expired int
	// InFiles is how many have a value in a place that is no secret manager.
	InFiles int
}

// Trusts are the figures about trusts.
type Trusts struct {
	Total, ThirdParty int
	// WithoutExternalID is how many third-party trusts of a kind that has
	// external ids lack one.
	WithoutExternalID int
	// Undecided is how many could not be told to be third parties or not.
	Undecided int
	// Parties lists third parties, the most trusted first.
	Parties []Party
}

// Party is a third party that is trusted.
type Party struct {
	Name              string // vendor's name where known, else account or issuer
	Kind              string
	Trusts            int
	WithoutExternalID int
}

// Findings are counts of findings that are open, acknowledged or reopened, by
// severity, and of the others.
type Findings struct {
	BySeverity map[retinue.Severity]int
	Accepted   int
	Suppressed int
	Resolved   int
	New        int // opened by the last scan
}

// Total returns the number of findings that stand.
func (f Findings) Total() int {
	n := 0
	for _, v := range f.BySeverity {
		n += v
	}
	return n
}

// Risk is one of the OWASP NHI Top 10.
type Risk struct {
	ID         retinue.OWASP
	BySeverity map[retinue.Severity]int
	// Limit says what of the risk was not measured; with NotMeasured, that
	// nothing was.
	Limit       string
	NotMeasured bool
}

// Fix is one change that settles one or more findings.
type Fix struct {
	Title      string
	Severity   retinue.Severity // of its worst finding
	Findings   int
	Identities int
	// Action says what to do, Reason why first.
	Action string
	Reason string
	// Examples are names of subjects.
	Examples []string
	Command  string // `retinue …` that lists them
}

// Source is how well a source was seen.
type Source struct {
	Name       string
	Kind       string
	Realm      retinue.Realm
	ObservedAt time.Time
	// Scopes by how they ended.
	Complete, Partial, Failed, Held int
	Identities, Credentials         int
	// Problems say what failed, with the place; Missing what permission was
	// lacking and what is therefore not known.
	Problems, Missing []string
	// NotCovered is what this way of reading never contains, BlindSpots what
	// the connector cannot see.
	NotCovered, BlindSpots []string
	// Use is the evidence of use that the source gives.
	Use retinue.Grade
}

// Whole reports whether every scope was complete.
func (s Source) Whole() bool {
	return s.Partial+s.Failed+s.Held == 0 && s.Complete > 0 && len(s.Problems) == 0
}

// state is one word and a sentence.
func (s Source) state() (word, text string) {
	all := s.Complete + s.Partial + s.Failed + s.Held
	switch {
	case all == 0:
		return "failed", "nothing was read"
	case s.Whole():
		return "complete", plural(all, "scope", "scopes")
	case s.Complete == 0 && s.Partial == 0:
		word = "failed"
	default:
		word = "partial"
	}
	parts := []string{fmt.Sprintf("%s of %s complete", number(s.Complete), plural(all, "scope", "scopes"))}
	for _, p := range []struct {
		n    int
		word string
	}{{s.Partial, "partial"}, {s.Failed, "failed"}, {s.Held, "held back"}} {
		if p.n > 0 {
			parts = append(parts, number(p.n)+" "+p.word)
		}
	}
	return word, strings.Join(parts, ", ")
}

// Offer is a command that would show more. Retinue never runs it unasked.
type Offer struct {
	Text    string
	Command string // the whole command line
}

// Sentence returns the report's facts in one sentence; only what is known is
// in it.
func (d Data) Sentence() string {
	parts := []string{plural(d.Identities.NonHuman, "non-human identity", "non-human identities") + " in " + plural(len(d.Sources), "system", "systems")}
	if n := d.Identities.NonHuman; n > 0 {
		parts = append(parts, percent(n-d.Identities.Owned, n)+" without an owner")
	}
	if c := d.Credentials; c.Old > 0 && c.OldDays > 0 {
		parts = append(parts, plural(c.Old, "static credential", "static credentials")+fmt.Sprintf(" older than %d days", c.OldDays))
	} else if c.Static > 0 {
		parts = append(parts, plural(c.Static, "static credential", "static credentials"))
	}
	if n := d.Trusts.ThirdParty; n > 0 {
		parts = append(parts, plural(n, "trust", "trusts")+" to third parties")
	}
	parts = append(parts, findingsClause(d.Findings))
	s := strings.Join(parts, "; ") + "."
	if n := d.partial(); n > 0 {
		s += " " + plural(n, "source was", "sources were") + " not read whole: the true figures may be higher."
	}
	return s
}

func findingsClause(f Findings) string {
	if f.Total() == 0 {
		return "no open findings"
	}
	s := plural(f.Total(), "open finding", "open findings")
	for _, sev := range []retinue.Severity{retinue.SeverityCritical, retinue.SeverityHigh} {
		if n := f.BySeverity[sev]; n > 0 {
			return s + ", " + number(n) + " of them " + string(sev)
		}
	}
	return s
}

func (d Data) partial() int {
	n := 0
	for _, s := range d.Sources {
		if !s.Whole() {
			n++
		}
	}
	return n
}

// number writes an integer with commas between thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// percent rounds to whole percents, and to neither 0 nor 100 unless it is so.
func percent(part, all int) string {
	if all == 0 {
		return "0 %"
	}
	p := (100*part + all/2) / all
	switch {
	case p == 0 && part > 0:
		return "under 1 %"
	case p == 100 && part < all:
		return "over 99 %"
	}
	return strconv.Itoa(p) + " %"
}
