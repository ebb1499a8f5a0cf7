package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue/internal/store"
)

// Recognised is what uses a credential or identity, as far as it can be told from
// all its use: who would notice.
type Recognised struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Networks are where it comes from, the one of most use first, and Agents are
	// its clients.
	Networks []string `json:"networks,omitempty"`
	Agents   []string `json:"agents,omitempty"`
	// Changes are when it moved or got another client, oldest first.
	Changes []Change `json:"changes,omitempty"`
	// Person is true where the log says that a person acted.
	Person bool      `json:"person,omitempty"`
	Uses   int64     `json:"uses"`
	Denied int64     `json:"denied,omitempty"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Change says when a consumer moved or got another client.
type Change struct {
	At time.Time `json:"at"`
	// What is "network" or "agent".
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

const (
	// changeGap is how long one may be silent that goes on elsewhere or with
	// another client, or three of its usual distances if that is longer.
	changeGap = 3 * 24 * 3600
	// changeOverlap is how long old and new may act side by side while a change is
	// rolled out.
	changeOverlap = 2 * 24 * 3600
	// accompanied is the share of the hours of what the log does not say whose it
	// is that must be hours of others, to be theirs.
	accompanied = 0.9
	// refusedGap is up to how long after each other refused attempts from several
	// places are of one client.
	refusedGap = 7 * 24 * 3600
	// maxPlaced is up to how many pairs of place and program are compared with
	// each other: of more, each is a consumer.
	maxPlaced = 64
)

// Recognise tells the consumers in all use of a credential or identity. Who is
// named by the log is one. The others are known by program and place, and of
// those are one:
//
//   - a program in several private places, unless it keeps different hours in
//     them; on the internet, where anybody has that program, only if it keeps the
//     same; and what is in more than eight places, which is a fleet;
//   - clients in several private places of which the log names no program, if they
//     keep the same hours;
//   - what follows another in the same place, with a new program;
//   - what the log names no program of, and the only program in its place;
//   - refused attempts of one program within a week.
//
// Of what the log does not say anything, like the end of a session, is taken that it
// was done by who acted in those hours. The second result says, for each use, the
// place of its consumer in the first, -1 where the log does not say.
func Recognise(used []store.Used) ([]Recognised, []int) {
	groups := unite(strands(used))
	out := make([]Recognised, len(groups))
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.last(), a.last()), strings.Compare(a.lead().key.kind, b.lead().key.kind), strings.Compare(a.lead().name, b.lead().name))
	})
	of := make([]int, len(used))
	for i := range of {
		of[i] = -1
	}
	names := map[[2]string]int{}
	for i, g := range groups {
		out[i] = g.recognised()
		names[[2]string{out[i].Kind, out[i].Name}]++
	}
	for i, g := range groups {
		if r := &out[i]; names[[2]string{r.Kind, r.Name}] > 1 && len(r.Networks) > 0 {
			r.Name += " from " + places(r.Networks)
		}
		for _, s := range g.members {
			for _, u := range s.of {
				of[u] = i
			}
		}
	}
	return out, of
}

// group are the strands of one consumer.
type group struct {
	members []*strand // in the order in which they began
	changes []Change
}

func (g *group) join(o *group) {
	g.members = append(g.members, o.members...)
	g.changes = append(g.changes, o.changes...)
	slices.SortStableFunc(g.members, func(a, b *strand) int { return int(a.first - b.first) })
	slices.SortStableFunc(g.changes, func(a, b Change) int { return a.At.Compare(b.At) })
}

// lead is the member of most use.
func (g *group) lead() *strand {
	return slices.MaxFunc(g.members, func(a, b *strand) int {
		return cmp.Or(cmp.Compare(a.uses, b.uses), cmp.Compare(a.denied, b.denied), strings.Compare(b.key.network, a.key.network))
	})
}

func (g *group) first() int64 { return g.members[0].first }

func (g *group) last() (at int64) {
	for _, s := range g.members {
		at = max(at, s.last)
	}
	return at
}

// all reports whether it holds for every member of a and every one of b.
func (g *group) all(o *group, holds func(a, b *strand) bool) bool {
	for _, a := range g.members {
		for _, b := range o.members {
			if !holds(a, b) {
				return false
			}
		}
	}
	return true
}

// unite makes groups of strands.
func unite(all []*strand) []*group {
	var named, placed, unknown []*group
	for _, s := range all {
		g := &group{members: []*strand{s}}
		switch {
		case s.placed():
			placed = append(placed, g)
		case s.key.kind == ConsumerUnknown:
			unknown = append(unknown, g)
		default:
			named = append(named, g)
		}
	}
	placed = fleets(placed)
	if len(placed) <= maxPlaced {
		for _, rule := range []func(a, b *group) bool{unsaid, refused, sameProgram, sameHours, (*group).follows} {
			placed = merge(placed, rule)
		}
	}
	out := append(merge(named, sameName), placed...)
	for _, u := range unknown {
		if !accompany(u.members[0], out) {
			out = append(out, u)
		}
	}
	return out
}

// fleets joins what one program does, or what was refused, in more places than
// can be told apart.
func fleets(list []*group) []*group {
	type sort struct {
		program                 string
		public, person, refused bool
	}
	of := func(g *group) (sort, bool) {
		s := g.members[0]
		return sort{s.key.program, s.public, s.person, s.uses == 0}, s.key.program != "" || s.uses == 0
	}
	places := map[sort]int{}
	for _, g := range list {
		k, _ := of(g)
		places[k]++
	}
	made := map[sort]*group{}
	var out []*group
	for _, g := range list {
		k, ok := of(g)
		switch {
		case !ok || places[k] <= sharedNetworks:
			out = append(out, g)
		case made[k] == nil:
			made[k] = g
			out = append(out, g)
		default:
			made[k].members = append(made[k].members, g.members...)
		}
	}
	return out
}

// merge joins groups of which a rule says that they are one, the oldest first.
func merge(list []*group, one func(a, b *group) bool) []*group {
	for i := 0; i < len(list); i++ {
		for k := i + 1; k < len(list); k++ {
			// Two people are two, however alike.
			if !list[i].members[0].person && !list[k].members[0].person && one(list[i], list[k]) {
				list[i].join(list[k])
				list = slices.Delete(list, k, k+1)
				k = i // what did not fit before may do now
			}
		}
	}
	return list
}

// program is the program of a group, "" where the log names none.
func (g *group) program() string {
	for _, s := range g.members {
		if s.key.program != "" {
			return s.key.program
		}
	}
	return ""
}

// sameName: the log says that they are one, inside and from the internet.
func sameName(a, b *group) bool {
	x, y := a.members[0].key, b.members[0].key
	return x.kind == y.kind && x.name == y.name
}

// unsaid: in one place the log names the program of some use and not of other.
func unsaid(a, b *group) bool {
	x, y := a.members[0], b.members[0]
	return x.key.network == y.key.network && x.key.network != "" && (a.program() == "") != (b.program() == "")
}

// refused: all was refused, of the same program, from places of one sort, within
// a week.
func refused(a, b *group) bool {
	return a.program() == b.program() && b.first()-a.last() <= refusedGap && a.all(b, func(x, y *strand) bool {
		return x.uses == 0 && y.uses == 0 && x.public == y.public
	})
}

// sameProgram: one program in several places of one sort.
func sameProgram(a, b *group) bool {
	program := a.program()
	return program != "" && program == b.program() && a.all(b, func(x, y *strand) bool {
		if x.key.program == "" || y.key.program == "" {
			return true // it belongs to another of its group
		}
		return x.public == y.public && (x.uses == 0) == (y.uses == 0) && !apart(x, y) && (!x.public || alike(x, y))
	})
}

// sameHours: the log names no program, and they keep the same hours.
func sameHours(a, b *group) bool {
	return a.program() == "" && b.program() == "" && a.all(b, func(x, y *strand) bool {
		return !x.public && !y.public && x.uses > 0 && y.uses > 0 && alike(x, y)
	})
}

// follows: in the same place another program takes over, and the old one is gone.
func (g *group) follows(o *group) bool {
	a, b := g.lead(), o.lead()
	if a.key.network != b.key.network || a.key.network == "" || g.program() == "" || o.program() == "" || a.uses == 0 || b.uses == 0 {
		return false
	}
	from, to := g.last(), o.first()
	if from-to > changeOverlap || o.last() <= from || from-g.first() < changeOverlap || to-from > max(changeGap, 3*g.usual()) {
		return false
	}
	g.changes = append(g.changes, Change{At: time.Unix(to, 0).UTC(), What: "agent", From: g.program(), To: o.program()})
	return true
}

// usual is about how many seconds lie between one day of its use and the next.
func (g *group) usual() int64 {
	days := map[int64]struct{}{}
	for _, s := range g.members {
		for _, h := range s.hours {
			days[h/24] = struct{}{}
		}
	}
	return (g.last() - g.first()) / int64(max(len(days), 1))
}

// accompany reports whether somebody known acted in nearly all hours of what the
// log does not say whose it is, or in the hour before, in which a session began.
func accompany(u *strand, known []*group) bool {
	if u.coarse || len(u.hours) == 0 {
		return false
	}
	with := map[int64]struct{}{}
	for _, g := range known {
		for _, m := range g.members {
			for _, h := range m.hours {
				with[h], with[h+1] = struct{}{}, struct{}{}
			}
		}
	}
	n := 0
	for _, h := range u.hours {
		if _, ok := with[h]; ok {
			n++
		}
	}
	return float64(n) >= accompanied*float64(len(u.hours))
}

// recognised is the group in the words of its consumer.
func (g *group) recognised() Recognised {
	lead := g.lead()
	r := Recognised{Kind: lead.key.kind, Name: lead.name, First: time.Unix(g.first(), 0).UTC(), Last: time.Unix(g.last(), 0).UTC(), Changes: g.changes}
	by := slices.Clone(g.members)
	slices.SortStableFunc(by, func(a, b *strand) int { return cmp.Or(cmp.Compare(b.uses, a.uses), cmp.Compare(b.denied, a.denied)) })
	for _, s := range by {
		r.Person = r.Person || s.person
		r.Uses, r.Denied = r.Uses+s.uses, r.Denied+s.denied
		r.Networks, r.Agents = withMore(r.Networks, s.networks), withMore(r.Agents, s.agents)
	}
	if lead.key.kind == ConsumerNetwork && len(r.Networks) > 1 {
		if r.Name = places(r.Networks); g.program() != "" {
			r.Name = g.program() + " from " + r.Name
		}
	}
	r.Changes = slices.Concat(g.moves(), g.changes)
	slices.SortStableFunc(r.Changes, func(a, b Change) int { return a.At.Compare(b.At) })
	return r
}

// places names networks by the first of them.
func places(networks []string) string {
	if n := len(networks) - 1; n > 0 {
		return fmt.Sprintf("%s and %d more", networks[0], n)
	}
	return networks[0]
}

// moves are when one of its places was left for another for good.
func (g *group) moves() []Change {
	var out []Change
	var before *strand
	for _, s := range g.members {
		if before != nil && s.key.network != before.key.network && before.last-s.first <= changeOverlap && before.last < s.last {
			out = append(out, Change{At: time.Unix(s.first, 0).UTC(), What: "network", From: before.key.network, To: s.key.network})
		}
		if before == nil || s.last > before.last {
			before = s
		}
	}
	return out
}

// withMore adds the words that a list lacks at its end.
func withMore(list, more []string) []string {
	for _, w := range more {
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}
