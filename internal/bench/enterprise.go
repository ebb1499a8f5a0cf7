package bench

import (
	"time"

	"github.com/retinue-id/retinue"
)

// The kinds of system, as the connectors are called.
const (
	kindAWS        = "aws"
	kindKubernetes = "kubernetes"
	kindPostgres   = "postgres"
	kindGitHub     = "github"
	kindHost       = "host"
)

// Words that keep the draws of one part apart from those of another.
const (
	wordStaff uint64 = iota + 1
	wordSystem
	wordIdentity
	wordRhythm
	wordConsumer
	wordIncident
	wordDay
	wordDelivery
	_ // draws of the order in a file
	wordSigner
)

// enterprise is all that is fixed before the first day, and what is counted
// while the days go by.
type enterprise struct {
	opts     Options
	from, to time.Time
	zones    []*time.Location
	signer   *signer // of the trails' digests

	teams   []team
	people  []person
	apps    []application
	systems []*system
	ids     []*identity

	incidents   []*incident
	gaps        []*Gap
	blindSpots  []*BlindSpot
	deployments []Deployment
}

// system is one account, cluster, server, organisation or machine.
type system struct {
	kind, id, name string
	realm          retinue.Realm
	// folder is where its log is, below "logs".
	folder string
	stats  Log
	ids    []*identity
	// quiet is the blind spot of a trail without data events.
	quiet *BlindSpot
	gaps  []*Gap
}

// identity is the truth about one, and how it behaves.
type identity struct {
	Identity
	n    int
	sys  *system
	app  application
	user bool // of AWS: a user with a key, not a role
	// acts are what it ever does, ordinary ones first; used says which it did with
	// success. extra are permissions that it has and never uses.
	acts     []action
	ordinary int
	used     []bool
	extra    []action
	live     []*consumer
	// prior is its last use before the stretch, retired when its credential was
	// disabled, attempt its last refused one.
	prior, retired, attempt time.Time
	incidents               []*incident
}

// consumer is the truth about one, and how it behaves.
type consumer struct {
	Consumer
	id *identity
	// rhythm says when it acts, from and to within which bounds (zero: none), and
	// script what else it does.
	rhythm   rhythm
	from, to time.Time
	script   []deed
	acts     []int // of the identity's
	// hosts are its addresses and agents, the second pair from moved on.
	hosts [2]host
	moved time.Time
	words uint64
}

// host is where a consumer runs.
type host struct {
	addresses []string
	agent     string
}

// deed is one thing that was done or tried.
type deed struct {
	at       time.Time
	by       *consumer
	act      int
	outcome  retinue.Outcome
	incident *incident
	// word is the deed's own: its ids are drawn from it.
	word uint64
}

// incident is the truth about one while it is counted.
type incident struct{ Incident }

func newEnterprise(o Options) (*enterprise, error) {
	e := &enterprise{opts: o, from: o.start(), to: o.End}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Sydney"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, err
		}
		e.zones = append(e.zones, zone)
	}
	var err error
	if e.signer, err = newSigner(e.dice(wordSigner)); err != nil {
		return nil, err
	}
	e.staff()
	e.found()
	e.populate()
	e.plant()
	return e, nil
}

// dice returns the draws of a part of the enterprise.
func (e *enterprise) dice(words ...uint64) dice {
	return newDice(append([]uint64{e.opts.Seed}, words...)...)
}

// within draws a time in a part of the stretch.
func (e *enterprise) within(d dice, from, to float64) time.Time {
	span := float64(e.to.Sub(e.from))
	return e.from.Add(time.Duration(span * (from + d.Float64()*(to-from)))).Truncate(time.Millisecond)
}

// host returns where a consumer runs at a time.
func (c *consumer) host(at time.Time) *host {
	if !c.moved.IsZero() && !at.Before(c.moved) {
		return &c.hosts[1]
	}
	return &c.hosts[0]
}

// address is from where a deed was done.
func (d *deed) address() string {
	h := d.by.host(d.at)
	return h.addresses[d.word%uint64(len(h.addresses))]
}

// draw returns further draws of a deed.
func (d *deed) draw(n uint64) uint64 { return mix(d.word, n) }

func (d *deed) action() *action { return &d.by.id.acts[d.act] }

func (d *deed) resource() string { return d.action().on(d.by.id.app.id, d.by.id.sys.id) }
