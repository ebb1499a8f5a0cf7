package verdict

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Ground is what a verdict rests on, as far as a change of it can change the
// verdict. It is kept beside the verdict, to say of the next one why it differs.
type Ground struct {
	// First and Last are the first and last use that logs show, and By says of the
	// last what it was.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	By    string    `json:"by,omitempty"`
	// Field is what the source's own fields say of the last use: the latest time,
	// or that there was none.
	Field      time.Time `json:"field,omitzero"`
	FieldNever bool      `json:"fieldNever,omitempty"`
	// Made, State, Credentials and Grants are what the inventory says: Grants is a
	// digest, empty where what is granted is not known.
	Made        time.Time     `json:"made,omitzero"`
	State       retinue.State `json:"state,omitempty"`
	Credentials int           `json:"credentials,omitempty"`
	Grants      string        `json:"grants,omitempty"`
	Logs        []GroundLog   `json:"logs,omitempty"` // sorted by name
	IdleDays    int           `json:"idleDays,omitempty"`
	// Pauses is by what factor pauses are likelier here than is assumed; 0 is 1.
	Pauses float64 `json:"pauses,omitempty"`
}

// GroundLog is what a log covers.
type GroundLog struct {
	Log   string    `json:"log"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Parts int       `json:"parts"`
	// Whole is true where every part is known to be whole, and to come by a way to
	// which only the system can write.
	Whole bool `json:"whole,omitempty"`
	// Spots are the codes of its blind spots, sorted.
	Spots []string `json:"spots,omitempty"`
}

// GroundOf is the ground of a verdict on some evidence. by says what the last use
// was.
func GroundOf(e Evidence, by string) Ground {
	g := Ground{Made: e.Subject.CreatedAt, State: e.Subject.State, Credentials: len(e.Subject.Credentials), First: e.FirstUse, Last: e.LastUse,
		IdleDays: int(e.Limits.withDefaults().Idle / (24 * time.Hour)), Pauses: e.Limits.Pauses}
	if g.Pauses == 1 {
		g.Pauses = 0
	}
	if !g.Last.IsZero() {
		g.By = by
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Outcome == string(retinue.OutcomeDenied) || f.Meaning == "last_denied" {
			continue
		}
		g.Field, g.FieldNever = later(g.Field, f.At), g.FieldNever || f.Never
	}
	g.FieldNever = g.FieldNever && g.Field.IsZero()
	if e.GrantsKnown {
		sum := sha256.Sum256([]byte(strings.Join(e.Grants, "\n")))
		g.Grants = hex.EncodeToString(sum[:6])
	}
	for _, c := range e.Coverage {
		g.cover(c)
	}
	slices.SortFunc(g.Logs, func(a, b GroundLog) int { return strings.Compare(a.Log, b.Log) })
	return g
}

func (g *Ground) cover(c retinue.Coverage) {
	i := slices.IndexFunc(g.Logs, func(l GroundLog) bool { return l.Log == c.Log })
	if i < 0 {
		i = len(g.Logs)
		g.Logs = append(g.Logs, GroundLog{Log: c.Log, From: c.From, To: c.To, Whole: true})
	}
	l := &g.Logs[i]
	l.From, l.To, l.Parts, l.Whole = earlier(l.From, c.From), later(l.To, c.To), l.Parts+1, l.Whole && c.Proof != "" && c.Authenticated
	for _, b := range c.BlindSpots {
		if j, ok := slices.BinarySearch(l.Spots, b.Code); !ok {
			l.Spots = slices.Insert(l.Spots, j, b.Code)
		}
	}
}

// CauseKind is what sort of thing changed a verdict.
type CauseKind string

// The kinds of cause.
const (
	CauseEvents    CauseKind = "events"    // uses became known
	CauseSource    CauseKind = "source"    // the source's own field says something else
	CauseCoverage  CauseKind = "coverage"  // logs cover something else
	CauseInventory CauseKind = "inventory" // the thing itself changed
	CauseLimits    CauseKind = "limits"    // the installation's limits changed
	CauseTime      CauseKind = "time"      // nothing did: time went by
	CauseFirst     CauseKind = "first"     // there was no verdict before
)

// Cause is one reason why a verdict is another than before.
type Cause struct {
	Kind CauseKind `json:"kind" enum:"events,source,coverage,inventory,limits,time,first"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

// Causes say why a verdict on the second ground may differ from one on the first:
// what became known between them, weightiest first, and never nothing.
func Causes(before, after Ground) []Cause {
	var out []Cause
	add := func(kind CauseKind, format string, args ...any) {
		out = append(out, Cause{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	before.events(&after, add)
	before.inventory(&after, add)
	before.coverage(&after, add)
	if before.IdleDays != after.IdleDays {
		add(CauseLimits, "What is silent for %d days is idle; before, it was %d.", after.IdleDays, before.IdleDays)
	}
	if before.Pauses != after.Pauses {
		add(CauseLimits, "By what identities do here, a pause is %.3g times as likely as is assumed; before, it was %.3g times.", cmp.Or(after.Pauses, 1), cmp.Or(before.Pauses, 1))
	}
	if len(out) == 0 {
		add(CauseTime, "Nothing else became known: time went by.")
	}
	return out
}

type addCause func(kind CauseKind, format string, args ...any)

func (g *Ground) events(now *Ground, add addCause) {
	switch {
	case now.Last.After(g.Last):
		by := ""
		if now.By != "" {
			by = " (" + now.By + ")"
		}
		add(CauseEvents, "It was used at %s%s.", moment(now.Last), by)
	case now.Last.Before(g.Last) && now.Last.IsZero():
		add(CauseEvents, "What was known of its use is not kept any more.")
	case now.Last.Before(g.Last):
		add(CauseEvents, "What was known of its use since %s is not any more.", day(now.Last))
	}
	if !now.First.IsZero() && !g.First.IsZero() && now.First.Before(g.First) {
		add(CauseEvents, "Earlier uses became known, from %s on.", day(now.First))
	}
	switch {
	case now.Field.After(g.Field):
		add(CauseSource, "Its source says that it was last used at %s.", moment(now.Field))
	case now.FieldNever && !g.FieldNever:
		add(CauseSource, "Its source says that it was never used.")
	case now.Field.Before(g.Field), g.FieldNever && !now.FieldNever && now.Field.IsZero():
		add(CauseSource, "Its source does not say any more when it was last used.")
	}
}

func (g *Ground) inventory(now *Ground, add addCause) {
	if g.State != now.State {
		add(CauseInventory, "It is %s; before, it was %s.", stateWord(now.State), stateWord(g.State))
	}
	if !g.Made.Equal(now.Made) {
		if now.Made.IsZero() {
			add(CauseInventory, "It is not known any more when it was made.")
		} else {
			add(CauseInventory, "It is known to have been made on %s.", day(now.Made))
		}
	}
	if g.Credentials != now.Credentials {
		add(CauseInventory, "Of its credentials, %d are known; before, it was %d.", now.Credentials, g.Credentials)
	}
	switch {
	case g.Grants == now.Grants:
	case now.Grants == "":
		add(CauseInventory, "It is not known any more what it is granted.")
	case g.Grants == "":
		add(CauseInventory, "It became known what it is granted.")
	default:
		add(CauseInventory, "What it is granted changed.")
	}
}

func stateWord(s retinue.State) string {
	if s == "" {
		return "of no known state"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

func (g *Ground) coverage(now *Ground, add addCause) {
	for _, l := range now.Logs {
		i := slices.IndexFunc(g.Logs, func(o GroundLog) bool { return o.Log == l.Log })
		if i < 0 {
			add(CauseCoverage, "%s was read, from %s to %s.", l.Log, moment(l.From), moment(l.To))
			continue
		}
		was := &g.Logs[i]
		if !l.From.Equal(was.From) {
			add(CauseCoverage, "%s is known from %s on; before, it was from %s.", l.Log, moment(l.From), moment(was.From))
		}
		if !l.To.Equal(was.To) {
			add(CauseCoverage, "%s is known until %s; before, it was until %s.", l.Log, moment(l.To), moment(was.To))
		}
		if l.Whole != was.Whole {
			add(CauseCoverage, "%s is %s.", l.Log, map[bool]string{true: "known to be whole", false: "not known to be whole any more"}[l.Whole])
		}
		if l.Parts != was.Parts {
			add(CauseCoverage, "The number of gaps in %s is %d; before, it was %d.", l.Log, l.Parts-1, was.Parts-1)
		}
		if !slices.Equal(l.Spots, was.Spots) {
			add(CauseCoverage, "The blind spots of %s are others: %s.", l.Log, spotWords(l.Spots))
		}
	}
	for _, was := range g.Logs {
		if !slices.ContainsFunc(now.Logs, func(l GroundLog) bool { return l.Log == was.Log }) {
			add(CauseCoverage, "%s covers nothing any more.", was.Log)
		}
	}
}

func spotWords(codes []string) string {
	if len(codes) == 0 {
		return "it has none"
	}
	return strings.Join(codes, ", ")
}
