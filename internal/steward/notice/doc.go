// Package notice decides who is told what, and when: routing by rules,
// deduplication, quiet hours, digests, and what happens when nobody acts. It
// is pure: everything comes in as values, the clock included, and nothing is
// sent from here.
package notice

import (
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// Kind is a kind of notice.
type Kind string

// The kinds of notices.
const (
	FindingOpened   Kind = "finding.opened"
	FindingReopened Kind = "finding.reopened"
	// SignalNoticed is about use, and about what happened lately only.
	SignalNoticed    Kind = "signal.noticed"
	AcceptanceEnding Kind = "acceptance.ending"
	ExpirySoon       Kind = "credential.expiring"
	ScanFailed       Kind = "scan.failed"
	ScanOverdue      Kind = "scan.overdue"
	SourcePartial    Kind = "source.partial"
	IdentityIdle     Kind = "identity.idle"
	// IdentityUnused comes again each period while it lasts.
	IdentityUnused   Kind = "identity.unused"
	PrivilegeGranted Kind = "privilege.granted"
	// What a scan changed in what identities can come to.
	AdministratorGained Kind = "administrator.gained"
	AdministratorLost   Kind = "administrator.lost"
	TrustWidened        Kind = "trust.widened"
	ProductionReached   Kind = "production.reached"
	PopulationMissed    Kind = "population.missed"
	CheckpointFailed    Kind = "checkpoint.failed"
	Test                Kind = "test"
)

// Kinds lists the kinds that routes can name, with what raises each.
func Kinds() []struct {
	Kind Kind
	Says string
} {
	return []struct {
		Kind Kind
		Says string
	}{
		{FindingOpened, "a rule found something new"},
		{FindingReopened, "something that was resolved, or accepted until a date, holds again"},
		{SignalNoticed, "something unusual was noticed in the use of an identity or credential that ended less than two days ago"},
		{AcceptanceEnding, "the time for which a risk was accepted ends in seven days, or in one"},
		{ExpirySoon, "a credential ends in 30, 14, 7 or 1 days"},
		{ScanFailed, "a source could not be read at all"},
		{ScanOverdue, "a source was not read for longer than it should be"},
		{SourcePartial, "a source could be read in part only"},
		{IdentityIdle, "an identity was last seen in use longer ago than the idle threshold"},
		{IdentityUnused, "an identity is not in use by its usage status, on good evidence: told once a period, of 30 days unless the configuration says another"},
		{PrivilegeGranted, "an identity that was known got a privilege"},
		{AdministratorGained, "an identity became an administrator, or can now come to one"},
		{AdministratorLost, "an identity is an administrator no more, or comes to none any more"},
		{TrustWidened, "an identity can be taken over by somebody who could not before"},
		{ProductionReached, "an identity now comes to production, or to classed data"},
		{PopulationMissed, "a day has no complete population record"},
		{CheckpointFailed, "a checkpoint of the audit log could not be put into its place"},
	}
}

// Known reports whether routes can name a kind.
func Known(k Kind) bool {
	for _, x := range Kinds() {
		if x.Kind == k {
			return true
		}
	}
	return false
}

// Subject is what routes look at.
type Subject struct {
	Kind        Kind
	Severity    retinue.Severity
	Owner       string
	BackupOwner string
	Tags        []string // key=value
	Source      string
	Environment retinue.Environment
	// News is false for a cause that is merely still there.
	News bool
}

// Receiver is one place where a notice arrives.
type Receiver struct {
	Channel retinue.ChannelID `json:"channel"`
	// Address is the receiver within the channel; empty for the channel's own.
	Address string `json:"address,omitempty"`
}

// Directory finds addresses. Its functions return "" for nobody.
type Directory struct {
	// Address returns the e-mail address of an owner, a person or a team.
	Address func(owner string) string
	// Lead returns the one who leads an owner's team.
	Lead func(owner string) string
}

// Tell is that a receiver is to be told, by which route.
type Tell struct {
	Receiver
	Route retinue.RouteID `json:"route"`
}

// Skip is a target of a route that names nobody, with the reason.
type Skip struct {
	Route  retinue.RouteID `json:"route"`
	Target Target          `json:"target"`
	Reason string          `json:"reason"`
}

// Outcome is what routing decided.
type Outcome struct {
	// Tells are who is told, each receiver once, in the order of the routes.
	Tells []Tell `json:"tells"`
	// Muted are those who would be told, were they not told a short while ago.
	Muted []Tell `json:"muted,omitempty"`
	Skips []Skip `json:"skips,omitempty"`
	// Routes are those that took the notice.
	Routes []retinue.RouteID `json:"routes"`
	// Ladder is who is told when nobody acts.
	Ladder []Rung `json:"ladder,omitempty"`
}

// Plan routes a notice. Told says when each receiver was last told of the same
// cause. Routes are asked in their order; the first that takes the notice ends
// the search, unless it says to go on. A route of which no target names anybody
// takes nothing, so that the next one is asked.
func Plan(routes []Route, s Subject, d Directory, told map[Receiver]time.Time, now time.Time) Outcome {
	var out Outcome
	seen := map[Receiver]bool{}
	for _, r := range routes {
		if !r.Enabled || !r.Match.takes(s) {
			continue
		}
		tells, skips := resolve(r, r.To, s, d)
		out.Skips = append(out.Skips, skips...)
		if len(tells) == 0 {
			continue
		}
		out.Routes = append(out.Routes, r.ID)
		for _, t := range tells {
			if seen[t.Receiver] {
				continue
			}
			seen[t.Receiver] = true
			last, was := told[t.Receiver]
			if !s.News && was && now.Before(last.Add(r.window())) {
				out.Muted = append(out.Muted, t)
				continue
			}
			out.Tells = append(out.Tells, t)
		}
		out.Ladder = climb(out.Ladder, r, s, d, &out.Skips)
		if !r.Continue {
			break
		}
	}
	slices.SortStableFunc(out.Ladder, func(a, b Rung) int { return int(a.After/time.Second) - int(b.After/time.Second) })
	return out
}

// Wanted reports whether some route takes a notice of this kind and severity,
// whatever else it looks at: where none does, nothing need be kept.
func Wanted(routes []Route, k Kind, sev retinue.Severity) bool {
	return slices.ContainsFunc(routes, func(r Route) bool {
		return r.Enabled && r.Match.takesKind(k) && r.Match.takesSeverity(sev)
	})
}

// Rung is one step of an escalation: after this long without anybody acting,
// these are told.
type Rung struct {
	After time.Duration `json:"after"`
	Tells []Tell        `json:"tells"`
}

// climb adds the steps of a route to a ladder; steps of equal time are one.
func climb(ladder []Rung, r Route, s Subject, d Directory, skips *[]Skip) []Rung {
	for _, step := range r.Escalate {
		tells, skipped := resolve(r, step.To, s, d)
		*skips = append(*skips, skipped...)
		after := time.Duration(step.AfterMinutes) * time.Minute
		i := slices.IndexFunc(ladder, func(x Rung) bool { return x.After == after })
		if i < 0 {
			ladder = append(ladder, Rung{After: after})
			i = len(ladder) - 1
		}
		for _, t := range tells {
			if !slices.ContainsFunc(ladder[i].Tells, func(x Tell) bool { return x.Receiver == t.Receiver }) {
				ladder[i].Tells = append(ladder[i].Tells, t)
			}
		}
	}
	return ladder
}

// Climb returns who is told at now of a notice raised at raised of which step
// rungs were climbed, the number of rungs climbed then, and when the next one
// is due, zero for never. Rungs that became due together are climbed together.
func Climb(ladder []Rung, raised time.Time, step int, now time.Time) (tells []Tell, climbed int, next time.Time) {
	for climbed = step; climbed < len(ladder); climbed++ {
		at := raised.Add(ladder[climbed].After)
		if now.Before(at) {
			return tells, climbed, at
		}
		for _, t := range ladder[climbed].Tells {
			if !slices.ContainsFunc(tells, func(x Tell) bool { return x.Receiver == t.Receiver }) {
				tells = append(tells, t)
			}
		}
	}
	return tells, max(climbed, step), time.Time{}
}

// Backoff returns how long to wait after a number of failures, from 1: twice as
// long each time, from half a minute to an hour.
func Backoff(failures int) time.Duration {
	d := 30 * time.Second
	for range max(failures, 1) - 1 {
		if d *= 2; d >= time.Hour {
			return time.Hour
		}
	}
	return d
}

// MaxAttempts is after how many failures a delivery is given up: with Backoff,
// about seven hours.
const MaxAttempts = 13
