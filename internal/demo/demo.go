// Package demo makes a sample company: a synthetic estate of cloud accounts,
// clusters, databases, repositories and machines with a good year of history,
// for looking at Retinue before any system of one's own is connected.
//
// Everything in it is invented. It goes through the ordinary ingest, one
// connector a source, at a clock that the caller moves, so that history,
// findings and totals come about as they do from real systems. Equal options
// give equal facts. There is no secret value anywhere, nor anything that looks
// like one: credentials are named by their owner and date.
package demo

import (
	"math/rand/v2"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Name is the name of the sample company, Domain its mail domain (reserved for
// examples by RFC 2606).
const (
	Name   = "Tidewater Freight"
	Domain = "tidewater.example"
)

// Days is how far back the history of the sample company goes; most of what
// happens in it happens within the days of lately.
const (
	Days   = 400
	lately = 120
)

// Options are how a company is made.
type Options struct {
	// Seed fixes everything that is drawn; 0 means 1.
	Seed uint64
	// Now is the day on which the history ends.
	Now time.Time
}

// Company is a sample company.
type Company struct {
	end     time.Time
	rng     *rand.Rand
	people  []person
	teams   []team
	apps    []app
	sources []*estate
	keys    []madeKey
}

// New makes a company.
func New(opt Options) *Company {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	c := &Company{end: opt.Now.UTC().Truncate(time.Minute), rng: rand.New(rand.NewPCG(opt.Seed, 0x7ea))} //nolint:gosec // a sample company is to be the same for the same seed
	c.staff()
	c.clouds()
	c.clusters()
	c.databases()
	c.forge()
	c.machines()
	return c
}

// Source is one source of the company.
type Source struct {
	Name, Kind, Target string
	e                  *estate
}

// Sources lists the company's sources.
func (c *Company) Sources() []Source {
	out := make([]Source, len(c.sources))
	for i, e := range c.sources {
		out[i] = Source{Name: e.name, Kind: e.kind, Target: e.target, e: e}
	}
	return out
}

// Scans lists the times at which the company's sources were scanned, the first
// one first: a few times a year at first, and more often lately. Each takes as
// long as any scan of a company of its size, and somebody waits.
func (c *Company) Scans() []time.Time {
	var out []time.Time
	for _, d := range []int{Days, 310, 220, 150, 105, 75, 60, 30, 14, 3, 0} {
		out = append(out, c.ago(d))
	}
	return out
}

// Counted reports whether the company's server counted the population so many
// days before the end: it stood still when it was moved.
func (c *Company) Counted(daysBefore int) bool { return daysBefore < 71 || daysBefore > 73 }

// ago is a time of day on an earlier day.
func (c *Company) ago(days int) time.Time { return c.end.AddDate(0, 0, -days) }

// Connector returns the connector of a source as it stood at a time.
func (s Source) Connector(at time.Time) connector.Connector { return &moment{s.e, at} }

// estate is one system with everything that it ever held.
type estate struct {
	name, kind, target string
	realm              retinue.Realm
	title              string
	principal          string
	paths              []string // in the order in which they were first used
	authority          map[string]connector.Authority
	items              []item
	access             connector.Access
	notes              []connector.Note
	// broken says why a scope cannot be read from a time on.
	broken []outage
}

// item is a fact that held from one time until another; zero times are before
// and after everything.
type item struct {
	path     string
	from, to time.Time
	fact     retinue.Fact
	// at makes the fact of a moment, for uses, which move; nil where it is
	// fact.
	at func(time.Time) retinue.Fact
}

// outage is a scope that cannot be read from a time on; without a path the
// whole system cannot be reached.
type outage struct {
	path  string
	from  time.Time
	to    time.Time
	cause error
}

func (o outage) at(t time.Time) bool {
	return !t.Before(o.from) && (o.to.IsZero() || t.Before(o.to))
}

func (c *Company) estate(kind, name, target string, realm retinue.Realm, title string) *estate {
	e := &estate{name: name, kind: kind, target: target, realm: realm, title: title, authority: map[string]connector.Authority{}}
	c.sources = append(c.sources, e)
	return e
}

func (e *estate) ref(kind, key string) retinue.Ref { return retinue.NewRef(e.realm, kind, key) }

// always adds facts that hold through the whole history.
func (e *estate) always(path string, facts ...retinue.Fact) {
	e.during(path, time.Time{}, time.Time{}, facts...)
}

// during adds facts that hold from one time until another.
func (e *estate) during(path string, from, to time.Time, facts ...retinue.Fact) {
	e.path(path)
	for _, f := range facts {
		e.items = append(e.items, item{path: path, from: from, to: to, fact: f})
	}
}

func (e *estate) path(path string) {
	if _, ok := e.authority[path]; !ok {
		e.authority[path] = connector.AuthoritySystem
		e.paths = append(e.paths, path)
	}
}

// rhythm is how something is used: every so often since start, until stop.
type rhythm struct {
	every       time.Duration
	start, stop time.Time
	never       bool
	meaning     string
	consumer    string
	action      string
}

// used adds the observation of use that the source makes of subject.
func (e *estate) used(path string, life span, subject retinue.Ref, r rhythm) {
	e.path(path)
	e.items = append(e.items, item{path: path, from: life.from, to: life.to, at: func(t time.Time) retinue.Fact {
		u := retinue.Use{Subject: subject, Meaning: r.meaning, Grade: retinue.GradeC, Consumer: r.consumer, Action: r.action}
		if !r.stop.IsZero() && t.After(r.stop) {
			t = r.stop
		}
		gone := t.Sub(r.start)
		if r.never || gone < r.every {
			u.Never, u.Consumer, u.Action = true, "", ""
			return u
		}
		u.At = r.start.Add(gone.Truncate(r.every)).Truncate(time.Minute)
		return u
	}})
}

// span is a life; zero times are before and after the history.
type span struct{ from, to time.Time }
