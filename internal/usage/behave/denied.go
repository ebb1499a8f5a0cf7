package behave

import (
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
)

const (
	// burstCount is how many refusals in an hour are many, and burstFactor how many
	// times as many as in any hour before.
	burstCount, burstFactor = 20, 3
	// burstSpread is how many different actions refused in an hour are a search for
	// what is allowed, where there were never half as many.
	burstSpread = 4
	// burstFew is the same for burstSpread less one, with as many refusals.
	burstFew = 6
)

// denied tells bursts of refusals. It needs no baseline: who was never refused
// and now is fifty times in an hour is worth telling on the first day.
func (d *detector) denied() {
	if d.isDead() {
		return
	}
	var refused []*observation
	for _, x := range d.history.all {
		if x.denied() && !x.coarse {
			refused = append(refused, x)
		}
	}
	slices.SortStableFunc(refused, func(a, b *observation) int { return int(a.hour - b.hour) })
	var most int64
	var widest int
	told := int64(-1 << 40)
	count, spread, few := d.bursts()
	for i := 0; i < len(refused); {
		j := i
		var n int64
		actions := map[string]bool{}
		for j < len(refused) && refused[j].hour == refused[i].hour {
			n += refused[j].n
			actions[refused[j].values[dimAction]] = true
			j++
		}
		many := n >= count && n >= burstFactor*most
		wide := (len(actions) >= spread || len(actions) == spread-1 && n >= few) && len(actions) >= 2*widest
		if (many || wide) && refused[i].hour-told > 24 {
			d.burst(refused[i:j], n, len(actions), most, wide)
			told = refused[i].hour
		}
		most, widest = max(most, n), max(widest, len(actions))
		i = j
	}
}

func (d *detector) burst(of []*observation, n int64, actions int, most int64, wide bool) {
	severity := retinue.SeverityMedium
	if wide {
		severity = retinue.SeverityHigh
	}
	s := Signal{Kind: DeniedBurst, Severity: severity, What: of[0].first.Format("2006-01-02T15"),
		Compared: Comparison{From: d.history.start, To: of[0].first, Highest: most}}
	s.Sentence = fmt.Sprintf("%s was refused %d times within the hour of %s, over %d different actions such as %s, from %s; before, it was never refused more than %d times in an hour.",
		d.name(), n, minute(of[0].first.Truncate(3600e9)), actions, of[0].values[dimAction], d.place(of[0]), most)
	d.add(s, of)
}
