package steward

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Signal is one piece of evidence that somebody answers for an identity.
type Signal struct {
	// Kind is what sort of evidence it is: see [Weights].
	Kind      string
	Candidate string
	// Quote is what the source says, verbatim; About names the thing that the
	// evidence is about where it is not the identity itself.
	Quote string
	About string
	At    time.Time
	Place *retinue.Place
	// Share is how much of its weight it has, above 0 up to 1; 0 is all of it.
	Share float64
}

// Weight is how much one sort of evidence counts.
type Weight struct {
	Kind string
	// Words are how a summary calls it.
	Words string
	// Weight is between 0 and 1: how far the evidence alone would be believed.
	// The weights are judgement, put in order by how directly the evidence
	// speaks of ownership; they are no measured rate.
	Weight float64
}

// Weights lists the sorts of evidence, the strongest first.
func Weights() []Weight {
	return []Weight{
		{"tag", "tag", 0.85},
		{"label", "label", 0.85},
		{"comment", "comment", 0.8},
		{"codeowners", "CODEOWNERS", 0.75},
		{"application", "application's team", 0.7},
		{"namespace_label", "namespace label", 0.65},
		{"container_label", "label of the account or project around it", 0.55},
		{"workload_owner", "owner of the workload", 0.6},
		{"home", "home folder", 0.6},
		{"deployer", "last deployer", 0.55},
		{"approver", "who approved it", 0.5},
		{"sibling", "owner of the application's other identities", 0.5},
		{"creator", "creator", 0.45},
		{"log_made", "who made it, by the log", 0.45},
		{"directory", "directory", 0.45},
		{"git_author", "git author", 0.35},
		{"log_keyed", "who gave it keys, by the log", 0.35},
		{"log_changed", "who changed it, by the log", 0.3},
		{"key_comment", "holder of a key", 0.3},
		{"vault_path", "who reads its secret", 0.3},
	}
}

// otherWeight is that of evidence of a sort that is not listed.
const otherWeight = 0.3

func weightOf(kind string) Weight {
	for _, w := range Weights() {
		if w.Kind == kind {
			return w
		}
	}
	return Weight{Kind: kind, Words: strings.ReplaceAll(kind, "_", " "), Weight: otherWeight}
}

// What evidence loses on its way: for a person's team, for the successor of
// somebody who left, with age.
const (
	teamShare      = 0.6
	successorShare = 0.6
	afterOneYear   = 0.85
	afterTwoYears  = 0.7
)

// Confidence is how sure a suggestion is, in a word: it follows from how much
// evidence agrees and whether any speaks against it.
type Confidence string

// The confidences.
const (
	ConfidenceHigh   Confidence = "high"   // strong evidence of two sorts or more, and nothing as strong against it
	ConfidenceMedium Confidence = "medium" // one strong piece, or several weaker ones
	ConfidenceLow    Confidence = "low"    // a hint: ask before relying on it
)

// Evidence is one reason for a suggestion, in words.
type Evidence struct {
	Signal string         `json:"signal"`
	Text   string         `json:"text"`
	Quote  string         `json:"quote,omitempty"`
	At     time.Time      `json:"at,omitzero"`
	Place  *retinue.Place `json:"place,omitempty"`
}

// Suggestion is somebody who may answer for an identity, and why.
type Suggestion struct {
	Owner string `json:"owner"`
	Title string `json:"title,omitempty"`
	// Kind is person or team, empty where no directory knows the name.
	Kind       retinue.FactType `json:"kind,omitempty"`
	Confidence Confidence       `json:"confidence"`
	// Strength orders suggestions, 1 to 100. It is no probability.
	Strength int `json:"strength"`
	// Summary is one sentence: "three signals agree: tag, CODEOWNERS, creator".
	Summary  string     `json:"summary"`
	Evidence []Evidence `json:"evidence"`
}

// MaxSuggestions bounds what Suggest returns.
const MaxSuggestions = 5

// candidate is a suggestion being weighed.
type candidate struct {
	party Party
	known bool
	// belief is the best weight of each sort of evidence.
	belief   map[string]float64
	direct   map[string]bool // sorts that name the candidate itself
	evidence []Evidence
	// heir says that all of it comes from somebody who left.
	heir string
}

// Suggest ranks who may answer for an identity. Evidence that names somebody
// who left speaks, with less weight, for who leads them and for their team;
// evidence that names a person speaks, with less weight, for their team.
// Denied are owners that a person turned down for this identity.
func Suggest(signals []Signal, dir *Directory, denied []string, now time.Time) []Suggestion {
	w := weighing{dir: dir, now: now, by: map[string]*candidate{}}
	for _, s := range signals {
		w.weigh(s)
	}
	for _, d := range denied {
		delete(w.by, Fold(d))
	}
	out := w.ranked()
	return out[:min(len(out), MaxSuggestions)]
}

type weighing struct {
	dir *Directory
	now time.Time
	by  map[string]*candidate
}

func (w *weighing) weigh(s Signal) {
	if strings.TrimSpace(s.Candidate) == "" {
		return
	}
	wt := weightOf(s.Kind)
	weight := wt.Weight * age(s.At, w.now)
	if s.Share > 0 {
		weight *= s.Share
	}
	text := evidenceText(wt, s)
	e := Evidence{Signal: s.Kind, Text: text, Quote: s.Quote, At: s.At, Place: s.Place}
	p, known := w.dir.Find(s.Candidate)
	if !known {
		p = Party{Name: strings.TrimSpace(s.Candidate), Title: ""}
	}
	if p.Left {
		w.heirs(p, s.Kind, weight, e)
		return
	}
	w.add(p, known, s.Kind, weight, e, true, "")
	for _, t := range p.Teams {
		if team, ok := w.dir.Find(t); ok {
			e.Text = text + "; " + titleOf(p) + " is in this team"
			w.add(team, true, s.Kind, weight*teamShare, e, false, "")
		}
	}
}

// heirs lets evidence about somebody who left speak for who comes after them.
func (w *weighing) heirs(p Party, kind string, weight float64, e Evidence) {
	text := e.Text
	for _, t := range p.Teams {
		if team, ok := w.dir.Find(t); ok {
			e.Text = text + "; " + titleOf(p) + " left, this was their team"
			w.add(team, true, kind, weight*successorShare, e, false, titleOf(p))
		}
	}
	if boss, ok := w.dir.Find(p.Manager); ok && !boss.Left {
		e.Text = text + "; " + titleOf(p) + " left, and was led by " + titleOf(boss)
		w.add(boss, true, kind, weight*successorShare*0.9, e, false, titleOf(p))
	}
}

func (w *weighing) add(p Party, known bool, kind string, weight float64, e Evidence, direct bool, heir string) {
	key := Fold(p.Name)
	c := w.by[key]
	if c == nil {
		c = &candidate{party: p, known: known, belief: map[string]float64{}, direct: map[string]bool{}, heir: heir}
		w.by[key] = c
	}
	c.belief[kind] = max(c.belief[kind], weight)
	c.direct[kind] = c.direct[kind] || direct
	if heir == "" {
		c.heir = ""
	}
	if !slices.ContainsFunc(c.evidence, func(x Evidence) bool { return x.Signal == e.Signal && x.Text == e.Text && x.Quote == e.Quote }) {
		c.evidence = append(c.evidence, e)
	}
}

// strength combines the evidence as if its sorts were independent, which they
// are not quite: that is why it is called strength.
func (c *candidate) strength() float64 {
	doubt := 1.0
	for _, b := range c.belief {
		doubt *= 1 - b
	}
	return 1 - doubt
}

func (w *weighing) ranked() []Suggestion {
	type ranked struct {
		*candidate
		s float64
	}
	var list []ranked
	for _, c := range w.by {
		list = append(list, ranked{c, c.strength()})
	}
	slices.SortFunc(list, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.s, a.s), cmp.Compare(a.party.Name, b.party.Name))
	})
	out := make([]Suggestion, 0, len(list))
	for i, c := range list {
		rival := 0.0
		for j, o := range list {
			if i != j && !w.related(c.party, o.party) {
				rival = max(rival, o.s)
			}
		}
		out = append(out, c.suggestion(c.s, rival))
	}
	return out
}

// related reports that one of two parties is the other's team: evidence for
// either does not speak against the other.
func (w *weighing) related(a, b Party) bool {
	in := func(p, team Party) bool {
		return slices.ContainsFunc(p.Teams, func(t string) bool { return Fold(t) == Fold(team.Name) })
	}
	return in(a, b) || in(b, a)
}

func (c *candidate) suggestion(strength, rival float64) Suggestion {
	s := Suggestion{Owner: c.party.Name, Title: c.party.Title, Confidence: confidence(len(c.belief), strength, rival, c.known && c.heir == ""),
		Strength: max(1, min(100, int(math.Round(100*strength)))), Evidence: c.evidence}
	if c.known {
		s.Kind = c.party.Kind
	}
	slices.SortStableFunc(s.Evidence, func(a, b Evidence) int { return cmp.Compare(c.belief[b.Signal], c.belief[a.Signal]) })
	s.Summary = c.summary(rival >= strength*0.8)
	return s
}

func confidence(sorts int, strength, rival float64, sure bool) Confidence {
	contested := rival >= strength*0.8
	switch {
	case strength >= 0.85 && sorts >= 2 && !contested && sure:
		return ConfidenceHigh
	case strength >= 0.6 && (!contested || strength >= 0.85):
		return ConfidenceMedium
	}
	return ConfidenceLow
}

func (c *candidate) summary(contested bool) string {
	kinds := make([]string, 0, len(c.belief))
	for k := range c.belief {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Or(cmp.Compare(c.belief[b], c.belief[a]), cmp.Compare(a, b)) })
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = weightOf(k).Words
	}
	text := "one signal: " + words[0]
	if len(words) > 1 {
		text = number(len(words)) + " signals agree: " + strings.Join(words, ", ")
	}
	if c.heir != "" {
		text += "; in place of " + c.heir + ", who left"
	}
	if !c.known {
		text += "; no directory knows this name"
	}
	if contested {
		text += "; other evidence names somebody else"
	}
	return text
}

func number(n int) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}

func evidenceText(w Weight, s Signal) string {
	text := upperFirst(w.Words)
	if s.About != "" {
		text += " of " + s.About
	}
	return text + " names " + strings.TrimSpace(s.Candidate)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func titleOf(p Party) string { return cmp.Or(p.Title, p.Name) }

// age is what old evidence keeps of its weight.
func age(at, now time.Time) float64 {
	switch {
	case at.IsZero() || now.Sub(at) < 365*24*time.Hour:
		return 1
	case now.Sub(at) < 2*365*24*time.Hour:
		return afterOneYear
	}
	return afterTwoYears
}

// Succeed suggests who takes over what somebody who left answered for: the
// backup owner, their team, who led them. Without any of them the list is
// empty.
func Succeed(owner, backup string, dir *Directory) []Suggestion {
	left, _ := dir.Find(owner)
	var out []Suggestion
	add := func(p Party, c Confidence, strength int, why string) {
		if p.Left || Fold(p.Name) == Fold(owner) || slices.ContainsFunc(out, func(s Suggestion) bool { return Fold(s.Owner) == Fold(p.Name) }) {
			return
		}
		out = append(out, Suggestion{Owner: p.Name, Title: p.Title, Kind: p.Kind, Confidence: c, Strength: strength, Summary: why,
			Evidence: []Evidence{{Signal: "succession", Text: upperFirst(why)}}})
	}
	who := cmp.Or(left.Title, owner)
	if backup != "" {
		p, ok := dir.Find(backup)
		if !ok {
			p = Party{Name: backup}
		}
		add(p, ConfidenceHigh, 90, "registered as backup of "+who)
	}
	for _, t := range left.Teams {
		if p, ok := dir.Find(t); ok {
			add(p, ConfidenceMedium, 70, "the team of "+who)
			if boss, ok := dir.Find(p.Manager); ok {
				add(boss, ConfidenceLow, 40, "leads the team of "+who)
			}
		}
	}
	if p, ok := dir.Find(left.Manager); ok {
		add(p, ConfidenceMedium, 60, "led "+who)
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int { return cmp.Compare(b.Strength, a.Strength) })
	return out
}
