package behave

import "github.com/retinue-id/retinue"

// Of what is privileged less is borne: half the refusals of others are many, one
// action less is a search, and every signal is one step more severe, up to high.
// What is critical or high of anybody stays so. The bounds of what is new stay,
// too: they tell rare from usual, which privilege does not change.

// heavier is the severity of a signal about something privileged.
func heavier(s retinue.Severity) retinue.Severity {
	switch s {
	case retinue.SeverityInfo:
		return retinue.SeverityLow
	case retinue.SeverityLow:
		return retinue.SeverityMedium
	case retinue.SeverityMedium:
		return retinue.SeverityHigh
	}
	return s
}

// weigh makes the signals about something privileged more severe, and says why.
func (d *detector) weigh() {
	if !d.subject.Privileged {
		return
	}
	for i := range d.found {
		s := &d.found[i]
		s.Severity = heavier(s.Severity)
		s.Sentence += " It is privileged."
	}
}

// bursts are how many refusals in an hour are many, how many different actions
// refused in an hour are a search, and how many refusals it takes where there is
// one action less.
func (d *detector) bursts() (count int64, spread int, few int64) {
	if d.subject.Privileged {
		return burstCount / 2, burstSpread - 1, burstFew / 2
	}
	return burstCount, burstSpread, burstFew
}
