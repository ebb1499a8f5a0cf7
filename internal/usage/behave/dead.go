package behave

import (
	"cmp"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// isDead reports whether the subject should not be used any more.
func (d *detector) isDead() bool {
	switch d.subject.State {
	case retinue.StateDisabled, retinue.StateExpired, retinue.StateRetired, retinue.StateGone:
		return true
	}
	switch d.subject.Credential {
	case retinue.CredentialInactive, retinue.CredentialExpired, retinue.CredentialRevoked:
		return true
	}
	return !d.subject.DeadSince.IsZero()
}

// dead tells attempts with what is dead: a consumer that was forgotten, or an
// attacker.
func (d *detector) dead() {
	if !d.isDead() {
		return
	}
	since, known := d.subject.DeadSince, true
	if since.IsZero() {
		// It worked until its last success; refusals since then came after its end,
		// or shortly before.
		known = false
		for _, x := range d.history.all {
			if x.behaviour.Outcome == retinue.OutcomeSuccess && x.last.After(since) {
				since = x.last
			}
		}
	}
	places := map[string]int{}
	for _, x := range d.history.all {
		if !x.first.After(since) {
			continue
		}
		where := cmp.Or(x.values[dimNetwork], x.behaviour.Consumer.Name)
		if i, told := places[where]; told {
			d.found[i].take(x)
		} else if d.add(d.attempt(x, since, known, where), []*observation{x}) {
			places[where] = len(d.found) - 1
		}
	}
}

func (d *detector) attempt(x *observation, since time.Time, known bool, where string) Signal {
	s := Signal{Kind: TombstoneUse, Severity: retinue.SeverityHigh, What: where,
		Compared: Comparison{From: d.history.start, To: since}}
	end := "was retired on " + date(since)
	if !known {
		end = "does not work any more, and last did on " + date(since)
		if since.IsZero() {
			end = "does not work any more"
		}
	}
	did := "was tried"
	if x.behaviour.Outcome == retinue.OutcomeSuccess {
		// It should not have worked.
		s.Severity, did = retinue.SeverityCritical, "was used with success"
	}
	s.Sentence = fmt.Sprintf("%s %s, and %s on %s from %s: %s. It is a consumer that was forgotten, or an attacker.",
		d.name(), end, did, minute(x.first), d.place(x), d.action(x))
	return s
}
