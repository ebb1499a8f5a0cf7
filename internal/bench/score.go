package bench

import (
	"time"

	"github.com/retinue-id/retinue"
)

// Result is how well conclusions fit a truth.
type Result struct {
	// Identities are those that sources list, Answered how many of them the
	// conclusions name.
	Identities int64    `json:"identities"`
	Answered   Rate     `json:"answered"`
	Dormancy   Dormancy `json:"dormancy"`
	Rhythm     Rate     `json:"rhythm"`
	Consumers  Found    `json:"consumers"`
	Shared     Found    `json:"shared"`
	// Possibly counts those called possibly shared as well.
	Possibly Found     `json:"possiblyShared"`
	Shadows  Found     `json:"shadows"`
	Owners   Ownership `json:"owners"`
	Signals  Alerts    `json:"signals"`
}

// Found is how much of what there is was found, and how much of what was found
// there is.
type Found struct {
	Precision Rate `json:"precision"`
	Recall    Rate `json:"recall"`
}

// Dormancy is about verdicts. An identity is dead where it will not be used
// again. One that an attacker used after its end is left out, as both answers
// are right about it.
type Dormancy struct {
	// Precision is how many of those called dormant or never used are dead. Recall
	// is how many of the dead were called so, of those with an answer and of which
	// a use was due that did not come; Overall counts unknown as not found.
	Precision Rate `json:"precision"`
	Recall    Rate `json:"recall"`
	Overall   Rate `json:"overall"`
	// Inactive counts idle as well: silent past the rhythm, and not sure yet.
	Inactive Found `json:"inactive"`
	// Unknown is how often the answer was unknown, or none.
	Unknown Rate `json:"unknown"`
	// Early are dead ones of which no use was due yet: nobody can tell.
	Early int64 `json:"early"`
	// WrongNever are those called never used that were used.
	WrongNever  int64          `json:"wrongNever"`
	WrongSilent WrongSilence   `json:"wrongSilent"`
	ByRhythm    []DormancyPart `json:"byRhythm"`
	ByGrade     []DormancyPart `json:"byGrade"`
}

// DormancyPart is the part of the identities with one rhythm, or of the verdicts
// with one grade.
type DormancyPart struct {
	Name      string `json:"name"`
	Precision Rate   `json:"precision"`
	Recall    Rate   `json:"recall"`
	Unknown   Rate   `json:"unknown"`
}

// WrongSilence counts statements "silent from … to …" with grade A or B about
// identities whose last use lies in that time. There must be none.
type WrongSilence struct {
	Stated int64 `json:"stated"`
	// Complete are wrong ones on complete logs, Holes where a gap or blind spot hid
	// what the identity did.
	Complete int64 `json:"complete"`
	Holes    int64 `json:"holes"`
	// Identities are the wrong ones, at most 20.
	Identities []retinue.Ref `json:"identities,omitempty"`
}

// Ownership is about owners. A candidate is right that is the person who
// answers for the identity, or that person's team.
type Ownership struct {
	Answered Rate `json:"answered"`
	// Accuracy is of those with an answer, Overall of all.
	Accuracy Rate `json:"accuracy"`
	Overall  Rate `json:"overall"`
	// Brier is the mean squared difference between the stated confidence and 1
	// where the candidate is right, 0 where it is wrong; -1 without answers.
	Brier float64 `json:"brier"`
}

// silenceTolerance is how far a stated beginning of silence may lie before the
// last use: the grain of hourly histories.
const silenceTolerance = time.Hour

// Score compares what was concluded with what is so.
func Score(t Truth, c Conclusions) Result {
	s := scorer{truth: t, said: make(map[retinue.Ref]*Conclusion, len(c.Identities))}
	for i := range c.Identities {
		s.said[c.Identities[i].Ref] = &c.Identities[i]
	}
	var answered tally
	for i := range t.Identities {
		if id := &t.Identities[i]; id.Listed {
			_, ok := s.said[id.Ref]
			answered.add(ok)
		}
	}
	return Result{
		Identities: answered.of, Answered: answered.rate(), Dormancy: s.dormancy(), Rhythm: s.rhythm(),
		Consumers: s.consumers(), Shared: s.shared(false), Possibly: s.shared(true), Shadows: s.shadows(c.Shadows), Owners: s.owners(), Signals: s.signals(c.Signals),
	}
}

type scorer struct {
	truth Truth
	said  map[retinue.Ref]*Conclusion
}

// listed calls fn for every identity that sources list; c is nil where nothing
// was concluded about it.
func (s *scorer) listed(fn func(id *Identity, c *Conclusion)) {
	for i := range s.truth.Identities {
		if id := &s.truth.Identities[i]; id.Listed {
			fn(id, s.said[id.Ref])
		}
	}
}

// verdicts counts one part of the identities.
type verdicts struct{ precision, recall, overall, unknown tally }

func (v *verdicts) part(name string) DormancyPart {
	return DormancyPart{Name: name, Precision: v.precision.rate(), Recall: v.recall.rate(), Unknown: v.unknown.rate()}
}

func (v *verdicts) add(id *Identity, status Status) {
	unknown := status == StatusUnknown || status == ""
	v.unknown.add(unknown)
	if status.silent() {
		v.precision.add(!id.Alive)
	}
	if id.Alive || id.MissedSince.IsZero() {
		return
	}
	v.overall.add(status.silent())
	if !unknown {
		v.recall.add(status.silent())
	}
}

func (s *scorer) dormancy() Dormancy {
	var d Dormancy
	var all verdicts
	var precision, recall tally
	rhythms := map[RhythmClass]*verdicts{}
	grades := map[retinue.Grade]*verdicts{}
	s.listed(func(id *Identity, c *Conclusion) {
		if id.afterlife() {
			return
		}
		var said Conclusion
		if c != nil {
			said = *c
		}
		all.add(id, said.Status)
		inactive := said.Status.silent() || said.Status == StatusIdle
		if inactive {
			precision.add(!id.Alive)
		}
		if !id.Alive && !id.MissedSince.IsZero() {
			recall.add(inactive)
		}
		of(rhythms, id.Rhythm.Class).add(id, said.Status)
		of(grades, said.Grade).add(id, said.Status)
		if !id.Alive && id.MissedSince.IsZero() {
			d.Early++
		}
		if said.Status == StatusNever && id.Uses > 0 {
			d.WrongNever++
		}
		d.WrongSilent.add(id, said, s.truth.From)
	})
	d.Precision, d.Recall, d.Overall, d.Unknown = all.precision.rate(), all.recall.rate(), all.overall.rate(), all.unknown.rate()
	d.Inactive = Found{precision.rate(), recall.rate()}
	for _, class := range RhythmClasses() {
		if v := rhythms[class]; v != nil {
			d.ByRhythm = append(d.ByRhythm, v.part(string(class)))
		}
	}
	for _, g := range []retinue.Grade{retinue.GradeA, retinue.GradeB, retinue.GradeC, retinue.GradeD, ""} {
		if v := grades[g]; v != nil {
			d.ByGrade = append(d.ByGrade, v.part(orWord(string(g), "none given")))
		}
	}
	return d
}

func of[K comparable](m map[K]*verdicts, k K) *verdicts {
	if m[k] == nil {
		m[k] = &verdicts{}
	}
	return m[k]
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// afterlife reports a dead identity that was used after its own consumers had
// stopped.
func (id *Identity) afterlife() bool {
	return !id.Alive && id.LastUse.After(id.DeadSince) && id.Uses > 0 && (id.Attacked || id.Human)
}

// add counts what a conclusion says of silence. "Never used" says that there
// was none from the beginning.
func (w *WrongSilence) add(id *Identity, c Conclusion, from time.Time) {
	since := c.SilentSince
	if since.IsZero() && c.Status == StatusNever {
		since = from
	}
	if since.IsZero() || (c.Grade != retinue.GradeA && c.Grade != retinue.GradeB) {
		return
	}
	w.Stated++
	if !id.LastUse.After(since.Add(silenceTolerance)) || (!c.SilentUntil.IsZero() && !id.LastUse.Before(c.SilentUntil)) {
		return
	}
	if len(id.Blind) > 0 {
		w.Holes++
	} else {
		w.Complete++
	}
	const most = 20
	if len(w.Identities) < most {
		w.Identities = append(w.Identities, id.Ref)
	}
}

// rhythm is how often a named rhythm is the true one.
func (s *scorer) rhythm() Rate {
	var t tally
	s.listed(func(id *Identity, c *Conclusion) {
		if c != nil && c.Rhythm != "" {
			t.add(c.Rhythm == id.Rhythm.Class)
		}
	})
	return t.rate()
}

// shared is about credentials that consumers of several owners use. One that an
// attacker or a person used besides is left out: it may well be called shared.
// possibly has those counted that are called so on weaker evidence.
func (s *scorer) shared(possibly bool) Found {
	var precision, recall tally
	s.listed(func(id *Identity, c *Conclusion) {
		if id.Attacked || id.Human {
			return
		}
		said := c != nil && (c.Shared || possibly && c.PossiblyShared)
		if said {
			precision.add(id.Shared)
		}
		if id.Shared && id.seenConsumers() > 1 {
			recall.add(said)
		}
	})
	return Found{precision.rate(), recall.rate()}
}

func (id *Identity) seenConsumers() int {
	n := 0
	for _, c := range id.Consumers {
		if c.Seen > 0 {
			n++
		}
	}
	return n
}

func (s *scorer) shadows(said []retinue.Ref) Found {
	hidden := map[retinue.Ref]bool{} // and whether it was found
	var precision, recall tally
	unconnected := map[retinue.Ref]bool{}
	for _, id := range s.truth.Identities {
		switch {
		case id.Unconnected:
			unconnected[id.Ref] = true
		case !id.Listed && id.Seen > 0:
			hidden[id.Ref] = false
		}
	}
	for _, ref := range said {
		if unconnected[ref] {
			continue
		}
		_, ok := hidden[ref]
		precision.add(ok)
		if ok {
			hidden[ref] = true
		}
	}
	for _, found := range hidden {
		recall.add(found)
	}
	return Found{precision.rate(), recall.rate()}
}

func (s *scorer) owners() Ownership {
	var answered, accuracy, overall tally
	var squares float64
	s.listed(func(id *Identity, c *Conclusion) {
		if id.Owner.Person == "" && id.Owner.Team == "" {
			return
		}
		named := c != nil && c.Owner != ""
		right := named && (c.Owner == id.Owner.Person || c.Owner == id.Owner.Team)
		answered.add(named)
		overall.add(right)
		if !named {
			return
		}
		accuracy.add(right)
		diff := c.OwnerConfidence
		if right {
			diff = 1 - c.OwnerConfidence
		}
		squares += diff * diff
	})
	o := Ownership{Answered: answered.rate(), Accuracy: accuracy.rate(), Overall: overall.rate(), Brier: -1}
	if accuracy.of > 0 {
		o.Brier = squares / float64(accuracy.of)
	}
	return o
}
