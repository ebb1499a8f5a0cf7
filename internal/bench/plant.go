package bench

import (
	"time"

	"github.com/retinue-id/retinue"
)

// plant plants what a product should notice or cope with.
func (e *enterprise) plant() {
	d := e.dice(wordIncident)
	if e.opts.plants(PlantHuman) {
		for _, id := range e.choose(d, 4, func(id *identity) bool { return id.Alive && id.sys.kind != kindGitHub }) {
			e.byHand(d, id)
		}
	}
	if e.opts.plants(PlantLeaks) {
		for _, id := range e.choose(d, 2, func(id *identity) bool {
			return id.Alive && (id.user || id.sys.kind == kindKubernetes || id.sys.kind == kindGitHub)
		}) {
			e.leak(d, id)
		}
	}
	if e.opts.plants(PlantAttacks) {
		e.attacks(d)
	}
	if e.opts.plants(PlantTombstones) {
		for _, id := range e.choose(d, 3, func(id *identity) bool {
			return !id.Alive && id.Listed && id.Rhythm.Class != RhythmNever && (id.sys.kind == kindAWS || id.sys.kind == kindPostgres)
		}) {
			e.tombstone(d, id)
		}
	}
	if e.opts.plants(PlantBlindSpots) {
		e.blind()
	}
	if e.opts.plants(PlantGaps) {
		e.holes(d)
	}
}

func (e *enterprise) attacks(d dice) {
	in := func(kinds ...string) func(*identity) bool {
		return func(id *identity) bool {
			for _, k := range kinds {
				if id.sys.kind == k && id.Alive {
					return true
				}
			}
			return false
		}
	}
	for _, id := range e.choose(d, 1, in(kindAWS, kindKubernetes)) {
		e.escalate(d, id)
	}
	for _, id := range e.choose(d, 0.5, in(kindAWS)) {
		e.silence(d, id)
	}
	for _, id := range e.choose(d, 1, in(kindAWS, kindKubernetes, kindPostgres)) {
		e.burst(d, id)
	}
	for _, id := range e.choose(d, 1, in(kindPostgres, kindHost)) {
		e.stuff(d, id)
	}
}

// choose draws identities without an incident: so many of a hundred of all, at
// least one where there is one that fits.
func (e *enterprise) choose(d dice, percent float64, fits func(*identity) bool) []*identity {
	var all []*identity
	for _, id := range e.ids {
		if len(id.incidents) == 0 && fits(id) {
			all = append(all, id)
		}
	}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), max(1, int(percent*float64(len(e.ids))/100)))]
}

// blind switches data events off in the second account.
func (e *enterprise) blind() {
	n := 0
	for _, s := range e.systems {
		if s.kind != kindAWS {
			continue
		}
		if n++; n != 2 {
			continue
		}
		s.quiet = &BlindSpot{Code: "aws.data_events_off", Log: s.stats.Log, Realm: s.realm, Actions: dataActions()}
		e.blindSpots = append(e.blindSpots, s.quiet)
	}
}

// dataActions are the permissions whose use CloudTrail records as data events
// only.
func dataActions() []string {
	var out []string
	for _, a := range awsActions() {
		if a.data {
			out = append(out, a.permission)
		}
	}
	return out
}

// holes plants a stretch that was lost in the log of the first account, cluster
// and machine. CloudTrail's digests name the files that are missing.
func (e *enterprise) holes(d dice) {
	hours := map[string]int{kindAWS: 30, kindKubernetes: 26, kindHost: 48}
	for _, s := range e.systems {
		n := hours[s.kind]
		if n == 0 {
			continue
		}
		delete(hours, s.kind)
		from := e.within(d, 0.2, 0.8).Truncate(time.Hour)
		if s.kind == kindHost {
			from = midnight(from)
		}
		to := from.Add(time.Duration(n) * time.Hour)
		if to.After(e.to) {
			to = e.to
		}
		e.gap(s, from, to, s.kind == kindAWS)
	}
}

func (e *enterprise) gap(s *system, from, to time.Time, stated bool) {
	g := &Gap{Log: s.stats.Log, Realm: s.realm, From: from, To: to, Stated: stated}
	s.gaps, e.gaps = append(s.gaps, g), append(e.gaps, g)
}

// addAct gives an identity one more thing that it does.
func (id *identity) addAct(a action) int {
	for i := range id.acts {
		if id.acts[i] == a {
			return i
		}
	}
	id.acts, id.used = append(id.acts, a), append(id.used, false)
	return len(id.acts) - 1
}

// incident begins an incident of an identity.
func (e *enterprise) incident(id *identity, kind IncidentKind) *incident {
	in := &incident{Incident{ID: string(kind) + "-" + itoa(len(e.incidents)+1), Kind: kind, Identity: id.Ref, Signals: rightSignals(kind)}}
	e.incidents, id.incidents = append(e.incidents, in), append(id.incidents, in)
	return in
}

// does adds a deed to what a consumer does beside its rhythm.
func (c *consumer) does(in *incident, at time.Time, act int, outcome retinue.Outcome) {
	at = at.Truncate(time.Second)
	c.script = append(c.script, deed{at: at, by: c, act: act, outcome: outcome, incident: in, word: mix(c.words, uint64(len(c.script)), 0x5c)})
	if in.From.IsZero() || at.Before(in.From) {
		in.From = at
	}
	in.To = latest(in.To, at)
}
