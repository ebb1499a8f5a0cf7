package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of consumer.
const (
	consumerPod         = "pod"
	consumerInstance    = "instance"
	consumerFunction    = "function"
	consumerPipeline    = "pipeline"
	consumerVendor      = "vendor"
	consumerWorkstation = "workstation"
	consumerAttacker    = "attacker"
)

// consume draws the consumers of an identity.
func (e *enterprise) consume(d dice, id *identity) {
	kinds := map[string][]string{
		kindAWS: {consumerInstance, consumerFunction, consumerPipeline, consumerVendor}, kindKubernetes: {consumerPod},
		kindPostgres: {consumerInstance, consumerPod}, kindGitHub: {consumerPipeline, consumerVendor}, kindHost: {consumerInstance, consumerPipeline},
	}[id.sys.kind]
	first := e.consumer(d, id, pick(d, kinds), id.Rhythm.Class)
	id.Rhythm = first.rhythm.truth()
	if id.Rhythm.Class == RhythmNever {
		id.MissedSince = latest(e.from, id.CreatedAt).AddDate(0, 0, 30)
		if !id.MissedSince.Before(e.to) {
			id.MissedSince = time.Time{}
		}
		return
	}
	if e.opts.plants(PlantShared) && id.Rhythm.Class != RhythmOneOff && d.chance(10) {
		other := e.consumer(d, id, pick(d, kinds), pick(d, []RhythmClass{RhythmNightly, RhythmWeekdays, RhythmHourly}))
		if !strings.HasPrefix(other.Workload, "i-") {
			other.Workload = pick(d, e.apps).id + "-" + other.Kind + "-2-" + fmt.Sprint(id.n)
		}
		id.Shared = true
		if longer := other.rhythm.truth(); longer.PeriodHours < id.Rhythm.PeriodHours {
			id.Rhythm = longer // it is used as often as the busier of both uses it
		}
	}
	e.end(id)
}

// end finds out when the first use is missed, and the last use before the
// stretch.
func (e *enterprise) end(id *identity) {
	const back = 400
	for _, c := range id.live {
		c.from = id.CreatedAt
		if !id.Alive && id.Rhythm.Class != RhythmOneOff {
			c.to = id.DeadSince
			missed := c.rhythm.firstAfter(latest(id.DeadSince, e.from), e.to)
			if id.MissedSince.IsZero() || (!missed.IsZero() && missed.Before(id.MissedSince)) {
				id.MissedSince = missed
			}
		}
		until := e.from
		if !c.to.IsZero() && c.to.Before(until) {
			until = c.to
		}
		start := latest(id.CreatedAt, e.from.AddDate(0, 0, -back))
		if start.Before(until) {
			id.prior = latest(id.prior, c.rhythm.lastBefore(until, start))
		}
	}
	if id.Rhythm.Class == RhythmIrregular && !id.Alive {
		// No single use is due; one in a hundred gaps is as long as the period.
		id.MissedSince = latest(id.DeadSince, e.from).Add(id.live[0].rhythm.period())
		if !id.MissedSince.Before(e.to) {
			id.MissedSince = time.Time{}
		}
	}
	id.DeadSince = time.Time{} // counted as the days go by
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// consumer makes one more consumer of an identity.
func (e *enterprise) consumer(d dice, id *identity, kind string, class RhythmClass) *consumer {
	c := &consumer{id: id, words: mix(e.opts.Seed, wordConsumer, uint64(id.n), uint64(len(id.live)))}
	c.ID = fmt.Sprintf("%d-%d", id.n, len(id.live))
	c.Kind = kind
	c.rhythm = newRhythm(d, class, pick(d, e.zones), c.words)
	c.rhythm.once = e.within(d, 0.02, 0.98).Truncate(time.Second)
	for i := range id.ordinary {
		c.acts = append(c.acts, i)
	}
	if !slices.Contains([]string{consumerWorkstation, consumerAttacker}, kind) {
		c.Workload = fmt.Sprintf("%s-%s-%d", id.app.id, kind, id.n)
		if kind == consumerInstance && id.sys.kind == kindAWS {
			c.Workload = "i-0" + d.word(lowerHex, 16)
		}
	}
	c.hosts[0] = host{agent: pick(d, agents(id.sys.kind, kind))}
	for range 1 + d.IntN(2) {
		c.hosts[0].addresses = append(c.hosts[0].addresses, address(d, kind))
	}
	id.live = append(id.live, c)
	if e.opts.plants(PlantDeployments) && c.Workload != "" && d.chance(15) {
		e.deploy(d, c)
	}
	return c
}

// address draws an address: private ones (RFC 1918) for what runs inside, those
// kept for documentation (RFC 5737) for the rest.
func address(d dice, kind string) string {
	switch kind {
	case consumerVendor:
		return fmt.Sprintf("192.0.2.%d", 1+d.IntN(254))
	case consumerWorkstation:
		return fmt.Sprintf("198.51.100.%d", 1+d.IntN(254))
	case consumerAttacker:
		return fmt.Sprintf("203.0.113.%d", 1+d.IntN(254))
	case consumerPod:
		return fmt.Sprintf("10.42.%d.%d", d.IntN(256), 1+d.IntN(254))
	}
	return fmt.Sprintf("10.%d.%d.%d", 43+d.IntN(200), d.IntN(256), 1+d.IntN(254))
}

// deploy changes where a consumer runs, or its client, within the stretch.
func (e *enterprise) deploy(d dice, c *consumer) {
	c.moved = e.within(d, 0.3, 0.9)
	c.hosts[1] = c.hosts[0]
	what := "agent"
	if d.chance(60) {
		what = "address"
		c.hosts[1].addresses = []string{address(d, c.Kind)}
	}
	if agent := newVersion(c.hosts[0].agent); what == "agent" || d.chance(30) {
		if what == "address" && agent != c.hosts[0].agent {
			what = "both"
		}
		c.hosts[1].agent = agent
	}
	e.deployments = append(e.deployments, Deployment{Identity: c.id.Ref, Consumer: c.ID, At: c.moved, What: what})
}
