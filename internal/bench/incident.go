package bench

import (
	"strconv"
	"time"

	"github.com/retinue-id/retinue"
)

func itoa(n int) string { return strconv.Itoa(n) }

// begin draws when an incident of an identity begins, with some days left.
func (e *enterprise) begin(d dice, id *identity) time.Time {
	at := e.within(d, 0.5, 0.9)
	if first := id.CreatedAt.AddDate(0, 0, 3); at.Before(first) && first.Before(e.to) {
		return first
	}
	return at
}

// stranger is an attacker's machine that uses an identity.
func (e *enterprise) stranger(d dice, id *identity) *consumer {
	c := e.consumer(d, id, consumerAttacker, RhythmNever)
	c.Attacker, id.Attacked = true, true
	switch id.sys.kind {
	case kindAWS:
		c.hosts[0].agent = "aws-cli/2.15.0 Python/3.11.6 Linux/6.6.9-amd64 exe/x86_64.kali.2024 prompt/off"
	case kindKubernetes:
		c.hosts[0].agent = "kubectl/v1.29.0 (linux/amd64) kubernetes/3f7a50f"
	case kindGitHub:
		c.hosts[0].agent = "curl/8.5.0"
	case kindPostgres:
		c.hosts[0].agent = "psql"
	}
	c.hosts[0].addresses = c.hosts[0].addresses[:1]
	return c
}

// attackActs gives an identity the acts of an attacker.
func attackActs(id *identity, want func(*action) bool) []int {
	var all []action
	switch id.sys.kind {
	case kindAWS:
		all = awsAttack()
	case kindKubernetes:
		all = kubernetesAttack()
	case kindPostgres:
		all = postgresAttack()
	case kindGitHub:
		all = githubAttack()
	case kindHost:
		all = sshActions()
	}
	var out []int
	for i := range all {
		if want(&all[i]) {
			out = append(out, id.addAct(all[i]))
		}
	}
	return out
}

func reads(a *action) bool  { return !a.write }
func writes(a *action) bool { return a.write }

// leak lets an attacker use a credential: looking around for an hour, then
// taking things for some days.
func (e *enterprise) leak(d dice, id *identity) {
	in, c := e.incident(id, IncidentLeak), e.stranger(d, id)
	at := e.begin(d, id)
	id.Credentials[0].Leaked = at.Add(-time.Duration(d.IntN(72)) * time.Hour)
	look := attackActs(id, reads)
	for range 8 + d.IntN(20) {
		outcome := retinue.OutcomeSuccess
		if d.chance(35) && id.sys.kind != kindGitHub {
			outcome = retinue.OutcomeDenied
		}
		c.does(in, at, pick(d, look), outcome)
		at = at.Add(time.Duration(2+d.IntN(200)) * time.Second)
	}
	for range d.IntN(4) {
		at = at.Add(time.Duration(10+d.IntN(30)) * time.Hour)
		for range 1 + d.IntN(12) {
			c.does(in, at, c.acts[d.IntN(len(c.acts))], retinue.OutcomeSuccess)
			at = at.Add(time.Duration(1+d.IntN(20)) * time.Second)
		}
	}
}

// escalate lets somebody widen permissions from where the identity runs.
func (e *enterprise) escalate(d dice, id *identity) {
	in := e.incident(id, IncidentEscalation)
	c, at := id.live[0], e.begin(d, id)
	id.Attacked = true
	acts := attackActs(id, func(a *action) bool { return writes(a) && a.service != "cloudtrail" })
	for range 1 + d.IntN(3) {
		c.does(in, at, pick(d, acts), retinue.OutcomeSuccess)
		at = at.Add(time.Duration(20+d.IntN(600)) * time.Second)
	}
}

// silence lets somebody stop the trail for some hours.
func (e *enterprise) silence(d dice, id *identity) {
	in := e.incident(id, IncidentSilence)
	c, at := id.live[0], e.begin(d, id)
	id.Attacked = true
	act := attackActs(id, func(a *action) bool { return a.service == "cloudtrail" })
	if d.chance(50) {
		c.does(in, at, act[0], retinue.OutcomeSuccess)
		from := at.Truncate(time.Hour).Add(time.Hour)
		if to := from.Add(time.Duration(3+d.IntN(6)) * time.Hour); to.Before(e.to) {
			e.gap(id.sys, from, to, false)
		}
		return
	}
	c.does(in, at, act[1], retinue.OutcomeSuccess)
}

// burst tries one thing after the other and is refused.
func (e *enterprise) burst(d dice, id *identity) {
	in := e.incident(id, IncidentBurst)
	c, at := id.live[0], e.begin(d, id)
	id.Attacked = true
	acts := attackActs(id, func(*action) bool { return true })
	for range 40 + d.IntN(80) {
		c.does(in, at, pick(d, acts), retinue.OutcomeDenied)
		at = at.Add(time.Duration(200+d.IntN(8000)) * time.Millisecond)
	}
}

// stuff guesses passwords from outside.
func (e *enterprise) stuff(d dice, id *identity) {
	in, c := e.incident(id, IncidentStuffing), e.stranger(d, id)
	at := e.begin(d, id)
	guess := id.addAct(guessAction())
	for range 30 + d.IntN(100) {
		c.does(in, at, guess, retinue.OutcomeDenied)
		at = at.Add(time.Duration(300+d.IntN(4000)) * time.Millisecond)
	}
}

// guessAction is an attempt to sign in with a password.
func guessAction() action {
	return action{permission: "login", service: "guess", operation: "password"}
}

// retiredAction is an attempt to sign in as a role that may not any more.
func retiredAction() action {
	return action{permission: "login", service: "retired", operation: "password"}
}

// tombstone disables what is dead, and lets a consumer that was forgotten try
// again.
func (e *enterprise) tombstone(d dice, id *identity) {
	last := id.live[0].to
	if id.Rhythm.Class == RhythmOneOff {
		last = id.live[0].rhythm.once
	}
	id.retired = latest(e.within(d, 0.5, 0.7), last.AddDate(0, 0, 1)).Truncate(time.Second)
	at := id.retired.Add(time.Duration(6+d.IntN(72)) * time.Hour)
	if !at.Before(e.to) {
		id.retired = time.Time{}
		return
	}
	in := e.incident(id, IncidentTombstone)
	c := e.consumer(d, id, consumerInstance, RhythmNever)
	c.Workload = "forgotten-" + itoa(id.n)
	acts := c.acts
	if id.sys.kind == kindPostgres {
		acts = []int{id.addAct(retiredAction())}
	}
	for range 2 + d.IntN(5) {
		c.does(in, at, pick(d, acts), retinue.OutcomeDenied)
		at = at.Add(time.Duration(1+d.IntN(12)) * time.Hour)
	}
}

// byHand lets a person of the team use a machine's credential on some days, in
// office hours.
func (e *enterprise) byHand(d dice, id *identity) {
	in := e.incident(id, IncidentHuman)
	c := e.consumer(d, id, consumerWorkstation, RhythmNever)
	c.Human, id.Human = true, true
	c.hosts[0].addresses = c.hosts[0].addresses[:1]
	acts := append(attackActs(id, func(a *action) bool { return reads(a) && a.service != "sts" }), c.acts...)
	zone := c.rhythm.zone
	day := e.begin(d, id).In(zone)
	for range 1 + d.IntN(4) {
		for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			day = day.AddDate(0, 0, 1)
		}
		at := time.Date(day.Year(), day.Month(), day.Day(), 9, d.IntN(7*60), d.IntN(60), 0, zone).UTC()
		for range 3 + d.IntN(12) {
			if at.Before(e.to) && !at.Before(e.from) {
				c.does(in, at, pick(d, acts), retinue.OutcomeSuccess)
			}
			at = at.Add(time.Duration(3+d.IntN(300)) * time.Second)
		}
		day = day.AddDate(0, 0, 1+d.IntN(3))
	}
}
