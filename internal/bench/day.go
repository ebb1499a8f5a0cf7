package bench

import (
	"cmp"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// deeds returns what is done on a day in UTC, in the order of time. It uses the
// space of into.
func (e *enterprise) deeds(day time.Time, into []deed) []deed {
	all, end := into[:0], day.AddDate(0, 0, 1)
	for _, id := range e.ids {
		for _, c := range id.live {
			all = c.deeds(day, all)
			for _, s := range c.script {
				if !s.at.Before(day) && s.at.Before(end) {
					all = append(all, s)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b deed) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by.id.n, b.by.id.n), cmp.Compare(a.word, b.word))
	})
	return all
}

// deeds adds what follows from a consumer's rhythm. One attempt in three hundred
// is refused and as many fail: nothing is perfect.
func (c *consumer) deeds(day time.Time, all []deed) []deed {
	n := uint64(0)
	c.rhythm.times(day, func(at time.Time) {
		n++
		if at.Before(c.from) || (!c.to.IsZero() && !at.Before(c.to)) {
			return
		}
		word := mix(c.words, wordDay, uint64(at.UnixMilli()), n)
		d := deed{at: at.Truncate(time.Second), by: c, act: c.acts[word%uint64(len(c.acts))], outcome: retinue.OutcomeSuccess, word: word}
		switch fault := word >> 32 % 300; {
		case c.id.sys.kind == kindGitHub: // its log has only what was done
		case fault == 0:
			d.outcome = retinue.OutcomeDenied
		case fault == 1:
			d.outcome = retinue.OutcomeError
		}
		all = append(all, d)
	})
	return all
}

// hidden returns the name of what hides a deed from its log, empty where the log
// shows it.
func (d *deed) hidden() string {
	s := d.by.id.sys
	if s.quiet != nil && d.action().data {
		s.quiet.Lost++
		return s.quiet.Code
	}
	for _, g := range s.gaps {
		if !d.at.Before(g.From) && d.at.Before(g.To) {
			g.Lost++
			return "gap"
		}
	}
	return ""
}

// count keeps the truth of a deed.
func (d *deed) count(hidden string) {
	c := d.by
	id, seen := c.id, hidden == ""
	if c.First.IsZero() {
		c.First = d.at
	}
	c.Last = d.at
	c.Uses++
	if seen {
		c.Seen++
		if d.incident != nil {
			d.incident.Seen++
		}
	} else if !slices.Contains(id.Blind, hidden) {
		id.Blind = append(id.Blind, hidden)
	}
	if d.outcome == retinue.OutcomeDenied {
		id.attempt = d.at
		return
	}
	if id.FirstUse.IsZero() {
		id.FirstUse = d.at
	}
	id.LastUse = d.at
	id.Uses++
	if seen {
		id.LastSeen = d.at
		id.Seen++
	}
	if d.outcome == retinue.OutcomeSuccess {
		id.used[d.act] = true
	}
	if !id.Alive && !c.Attacker && !c.Human {
		id.DeadSince = d.at
	}
}

// truth is what is known at the end.
func (e *enterprise) truth() Truth {
	t := Truth{Format: Format, Seed: e.opts.Seed, From: e.from, To: e.to, Without: e.opts.Without, Deployments: e.deployments}
	for _, id := range e.ids {
		t.Identities = append(t.Identities, id.truth())
	}
	for _, in := range e.incidents {
		if in.To.After(e.to) {
			in.To = e.to
		}
		if !in.From.IsZero() && in.From.Before(e.to) {
			t.Incidents = append(t.Incidents, in.Incident)
		}
	}
	for _, g := range e.gaps {
		t.Gaps = append(t.Gaps, *g)
	}
	for _, b := range e.blindSpots {
		t.BlindSpots = append(t.BlindSpots, *b)
	}
	for _, s := range e.systems {
		t.Logs = append(t.Logs, s.stats)
	}
	t.Leavers = e.leavers()
	slices.SortFunc(t.Deployments, func(a, b Deployment) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Consumer, b.Consumer)) })
	return t
}

func (id *identity) truth() Identity {
	t := id.Identity
	for _, c := range id.live {
		if c.Uses == 0 {
			continue
		}
		k := c.Consumer
		for i, h := range c.hosts {
			if (i == 1 && (c.moved.IsZero() || !c.moved.Before(c.Last))) || (i == 0 && !c.moved.IsZero() && !c.First.Before(c.moved)) {
				continue
			}
			k.Addresses = appendNew(k.Addresses, h.addresses...)
			k.Agents = appendNew(k.Agents, h.agent)
		}
		t.Consumers = append(t.Consumers, k)
	}
	for i := range id.acts {
		if id.used[i] {
			t.Used = appendNew(t.Used, id.acts[i].permission)
		}
	}
	for _, a := range id.granted() {
		t.Granted = appendNew(t.Granted, a.permission)
	}
	slices.Sort(t.Used)
	slices.Sort(t.Granted)
	slices.Sort(t.Blind)
	return t
}

// granted are the actions that the identity is given: what it ever did with
// success, and what it never does.
func (id *identity) granted() []action {
	out := slices.Concat(id.acts[:id.ordinary], id.extra)
	for i := id.ordinary; i < len(id.acts); i++ {
		if id.used[i] {
			out = append(out, id.acts[i])
		}
	}
	return out
}

func appendNew(to []string, more ...string) []string {
	for _, m := range more {
		if m != "" && !slices.Contains(to, m) {
			to = append(to, m)
		}
	}
	return to
}

// leavers says who left, and of what they were the owner by any trace.
func (e *enterprise) leavers() []Leaver {
	var out []Leaver
	for i := range e.people {
		p := &e.people[i]
		if p.left.IsZero() {
			continue
		}
		l := Leaver{Person: p.email, Left: p.left}
		for _, id := range e.ids {
			for _, s := range id.Owner.Signals {
				if s.Candidate == p.email {
					l.Identities = append(l.Identities, id.Ref)
				}
			}
		}
		out = append(out, l)
	}
	return out
}
