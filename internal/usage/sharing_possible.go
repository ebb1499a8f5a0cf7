package usage

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// PossiblyShared concludes, where [Shared] finds nothing, whether several consumers
// may share a credential or identity; nil: nothing says so. It is weaker, since the
// log does not tell them apart by name or program: they come from different places
// all the time, and either keep different hours, or one is inside and the other on
// the internet. One consumer with two sites that take turns by the clock would look
// the same.
func PossiblyShared(used []store.Used) *Sharing {
	parts := map[retinue.Ref][]store.Used{}
	for i := range used {
		b := &used[i].Behaviour
		if b.Outcome == retinue.OutcomeDenied || b.Person || b.Interactive {
			continue
		}
		parts[b.Credential] = append(parts[b.Credential], used[i])
	}
	var best *Sharing
	for _, ref := range slices.SortedFunc(maps.Keys(parts), func(a, b retinue.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		if s := possible(parts[ref]); s != nil && (best == nil || len(s.Consumers) > len(best.Consumers)) {
			s.Credential = ref
			best = s
		}
	}
	return best
}

// possible names those who may share one credential.
func possible(used []store.Used) *Sharing {
	all := strands(used)
	var last int64
	for _, s := range all {
		last = max(last, s.last)
	}
	var groups []*group
	for _, g := range unite(all) {
		if g.members[0].placed() && !InteractiveAgent(AgentFamily(g.program())) {
			groups = append(groups, g)
		}
	}
	if len(groups) > maxPlaced {
		return nil
	}
	sharers := map[*group]bool{}
	var out Sharing
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			from, to := max(a.first(), b.first()), min(a.last(), b.last())
			if to-from < sharedSpan*86400 || to < last-sharedLately*86400 || !a.separate(b) {
				continue
			}
			sharers[a], sharers[b] = true, true
			if at := time.Unix(from, 0).UTC(); out.From.IsZero() || at.Before(out.From) {
				out.From = at
			}
			if at := time.Unix(to, 0).UTC(); at.After(out.To) {
				out.To = at
			}
		}
	}
	if len(sharers) == 0 {
		return nil
	}
	for g := range sharers {
		out.Consumers = append(out.Consumers, g.sharer())
	}
	slices.SortFunc(out.Consumers, func(a, b Sharer) int { return cmp.Or(cmp.Compare(b.Days, a.Days), strings.Compare(a.Name, b.Name)) })
	out.Consumers = out.Consumers[:min(len(out.Consumers), maxSharers)]
	return &out
}

// separate reports whether two groups that act side by side have no place in
// common, and keep different hours or are of different sorts of place.
func (g *group) separate(o *group) bool {
	a, b := g.whole(), o.whole()
	if common(a.networks, b.networks) || len(a.networks) == 0 || len(b.networks) == 0 || a.coarse || b.coarse {
		return false
	}
	x, y := sideClocks(a, b)
	if x.days < sharedDays || y.days < sharedDays {
		return false
	}
	return apart(a, b) || a.public != b.public && x.n >= clockHours && y.n >= clockHours
}

// whole is a group as one strand.
func (g *group) whole() *strand {
	lead := g.lead()
	w := &strand{key: lead.key, public: lead.public, first: g.first(), last: g.last()}
	for _, s := range g.members {
		w.hours = append(w.hours, s.hours...)
		w.coarse = w.coarse || s.coarse
		for _, n := range s.networks {
			w.networks = withWord(w.networks, n)
		}
	}
	slices.Sort(w.hours)
	w.hours = slices.Compact(w.hours)
	return w
}

// sharer is a group in the words of one who shares.
func (g *group) sharer() Sharer {
	r := g.recognised()
	return Sharer{Kind: r.Kind, Name: r.Name, Networks: r.Networks, Agents: r.Agents, First: r.First, Last: r.Last, Uses: r.Uses, Days: daysIn(g.whole().hours)}
}

// daysIn is on how many days hours, sorted, lie.
func daysIn(hours []int64) (n int) {
	for i, h := range hours {
		if i == 0 || h/24 != hours[i-1]/24 {
			n++
		}
	}
	return n
}
