package usage

import (
	"cmp"
	"maps"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// What two consumers must have done to be called two and not one that changed.
const (
	// sharedSpan is for how many days they must have used a credential side by
	// side: a new version that is rolled out beside the old one takes days.
	sharedSpan = 14
	// sharedDays is on how many days each must have used it in that time.
	sharedDays = 3
	// sharedLately is how many days before the last use of all they may have
	// stopped doing so.
	sharedLately = 45
	// sharedNetworks is from how many blocks of addresses a client that the log
	// does not name may come to be told from others by its blocks.
	sharedNetworks = 8
	// maxSharers is how many consumers are named.
	maxSharers = 10
)

// Sharing says that consumers that have nothing to do with each other use one
// credential, or one identity of which the log names no credential.
type Sharing struct {
	// Credential is the one that is shared; zero where the log names none.
	Credential retinue.Ref `json:"credential,omitzero"`
	// Consumers are who shares it, the one that used it on most days first.
	Consumers []Sharer `json:"consumers"`
	// From and To are between which two of them used it side by side.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Sharer is one of those who share.
type Sharer struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Networks []string  `json:"networks,omitempty"`
	Agents   []string  `json:"agents,omitempty"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Uses     int64     `json:"uses"`
	Days     int       `json:"days"` // on how many days
}

// Shared concludes from all use of a credential or identity whether several
// consumers share it; nil: nothing says so. It is careful:
//
//   - replicas of one workload are one, and so are machines that run the same
//     client programs: they may be of one group;
//   - a client that the log does not name is known by its program. Two programs
//     are two consumers only where they never come from one block of addresses;
//     one program from several blocks is one;
//   - they used it side by side for a fortnight, each on three days of it. What
//     followed one upon the other is a move;
//   - people at a keyboard, services of the platform that act for somebody, and
//     attempts that were refused do not count.
func Shared(used []store.Used) *Sharing {
	groups := map[retinue.Ref]*clients{}
	for i := range used {
		b := &used[i].Behaviour
		if b.Class == retinue.EventUnknown || b.Class == retinue.EventInsight || b.Outcome == retinue.OutcomeDenied || b.Person || b.Interactive {
			continue
		}
		g := groups[b.Credential]
		if g == nil {
			g = &clients{all: map[string]*client{}}
			groups[b.Credential] = g
		}
		g.add(&used[i])
	}
	var best *Sharing
	for _, ref := range slices.SortedFunc(maps.Keys(groups), func(a, b retinue.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		if s := groups[ref].sharing(); s != nil && (best == nil || len(s.Consumers) > len(best.Consumers)) {
			s.Credential = ref
			best = s
		}
	}
	return best
}

// client is what used a credential, as far as it can be told from others.
type client struct {
	Sharer
	// named is true where the log says what it is, machine where it is one of
	// perhaps many alike.
	named, machine bool
	days           map[int64]struct{}
}

// clients are all that used one credential.
type clients struct {
	all  map[string]*client
	last int64 // day of the last use of all
}

// instancePart is the ordinal of one of several replicas.
var instancePart = regexp.MustCompile(`-\d{1,3}$`)

// who names the client of a behaviour; "" where nothing tells it from others.
func who(c *store.Consumer) (key, name string, named, machine bool) {
	switch c.Kind {
	case ConsumerPipeline:
		return "pipeline " + c.Name, c.Name, true, false
	case ConsumerWorkload:
		switch c.Workload.Kind {
		case "instance":
			return "machine " + c.Name, c.Name, true, true
		case "pod": // of a StatefulSet, or one that nothing made
			return "workload " + instancePart.ReplaceAllString(c.Name, ""), c.Name, true, false
		}
		return "workload " + c.Name, c.Name, true, false
	case ConsumerHost:
		return "machine " + c.Name, c.Name, true, true
	case ConsumerApplication:
		if family := AgentFamily(c.Name); family != "" && !InteractiveAgent(family) && c.Network != "" {
			return "program " + family, c.Name, false, false
		}
	case ConsumerNetwork:
		if c.Agent != "" && !InteractiveAgent(c.Agent) && c.Network != "" {
			return "program " + c.Agent, c.Agent, false, false
		}
	}
	return "", "", false, false
}

func (g *clients) add(u *store.Used) {
	c := &u.Behaviour.Consumer
	key, name, named, machine := who(c)
	for _, m := range u.Months {
		g.last = max(g.last, m.Last/86400)
	}
	if key == "" {
		return
	}
	x := g.all[key]
	if x == nil {
		x = &client{Sharer: Sharer{Kind: c.Kind, Name: name}, named: named, machine: machine, days: map[int64]struct{}{}}
		g.all[key] = x
	}
	x.Networks, x.Agents = withWord(x.Networks, c.Network), withWord(x.Agents, c.Agent)
	for _, m := range u.Months {
		x.Uses += m.N
		for _, d := range daysOf(m) {
			x.days[d] = struct{}{}
		}
		first, last := time.Unix(m.First, 0).UTC(), time.Unix(m.Last, 0).UTC()
		if x.First.IsZero() || first.Before(x.First) {
			x.First = first
		}
		if last.After(x.Last) {
			x.Last = last
		}
	}
	x.Days = len(x.days)
}

// daysOf are the days since 1970 on which there was use in a month.
func daysOf(m store.Month) []int64 {
	var out []int64
	for _, t := range m.Hours {
		if d := t.Hour / 24; len(out) == 0 || out[len(out)-1] != d {
			out = append(out, d)
		}
	}
	if len(m.Hours) > 0 {
		return out
	}
	start := store.MonthStart(m.Month) / 24
	for days := m.Days; days != 0; days &= days - 1 {
		out = append(out, start+int64(bits.TrailingZeros32(days)))
	}
	return out
}

// sharing names those who share, nil where nobody does.
func (g *clients) sharing() *Sharing {
	list := g.distinct()
	var out Sharing
	sharers := map[*client]bool{}
	for i, a := range list {
		for _, b := range list[i+1:] {
			if !a.differs(b) {
				continue
			}
			from, to, ok := sideBySide(a, b)
			if !ok || to < g.last-sharedLately {
				continue
			}
			sharers[a], sharers[b] = true, true
			if t := time.Unix(from*86400, 0).UTC(); out.From.IsZero() || t.Before(out.From) {
				out.From = t
			}
			if t := time.Unix((to+1)*86400, 0).UTC(); t.After(out.To) {
				out.To = t
			}
		}
	}
	if len(sharers) == 0 {
		return nil
	}
	for c := range sharers {
		out.Consumers = append(out.Consumers, c.Sharer)
	}
	slices.SortFunc(out.Consumers, func(a, b Sharer) int { return cmp.Or(cmp.Compare(b.Days, a.Days), strings.Compare(a.Name, b.Name)) })
	out.Consumers = out.Consumers[:min(len(out.Consumers), maxSharers)]
	return &out
}

// distinct are the clients, those machines being one that have a program in
// common, or of which it is not known what they run.
func (g *clients) distinct() []*client {
	var out []*client
	for _, k := range slices.Sorted(maps.Keys(g.all)) {
		c := g.all[k]
		if !c.machine {
			out = append(out, c)
			continue
		}
		c = c.clone()
		rest := out[:0:0]
		for _, o := range out { // one that has something in common with two joins them
			if o.machine && (len(o.Agents) == 0 || len(c.Agents) == 0 || common(o.Agents, c.Agents)) {
				c.join(o)
			} else {
				rest = append(rest, o)
			}
		}
		out = append(rest, c)
	}
	return out
}

func (c *client) clone() *client {
	x := *c
	x.days, x.Networks, x.Agents = maps.Clone(c.days), slices.Clone(c.Networks), slices.Clone(c.Agents)
	return &x
}

func (c *client) join(o *client) {
	maps.Copy(c.days, o.days)
	if o.Uses > c.Uses {
		c.Name = o.Name
	}
	for _, w := range o.Networks {
		c.Networks = withWord(c.Networks, w)
	}
	for _, w := range o.Agents {
		c.Agents = withWord(c.Agents, w)
	}
	c.Uses, c.Days = c.Uses+o.Uses, len(c.days)
	if o.First.Before(c.First) {
		c.First = o.First
	}
	if o.Last.After(c.Last) {
		c.Last = o.Last
	}
}

// differs reports whether two clients cannot be one and the same.
func (c *client) differs(o *client) bool {
	if c.named && o.named && (!c.machine || !o.machine) {
		// Of a machine and what runs somewhere, one may be the other's.
		return c.machine == o.machine || !common(c.Agents, o.Agents) && !common(c.Networks, o.Networks)
	}
	if common(c.Agents, o.Agents) || common(c.Networks, o.Networks) || len(c.Networks) == 0 || len(o.Networks) == 0 {
		return false
	}
	return (c.named || len(c.Networks) <= sharedNetworks) && (o.named || len(o.Networks) <= sharedNetworks)
}

// sideBySide reports between which days two clients used a credential side by
// side, and whether that was for long enough.
func sideBySide(a, b *client) (from, to int64, ok bool) {
	from = max(a.First.Unix()/86400, b.First.Unix()/86400)
	to = min(a.Last.Unix()/86400, b.Last.Unix()/86400)
	if to-from < sharedSpan {
		return from, to, false
	}
	within := func(c *client) (n int) {
		for d := range c.days {
			if d >= from && d <= to {
				n++
			}
		}
		return n
	}
	return from, to, within(a) >= sharedDays && within(b) >= sharedDays
}

func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(w string) bool { return slices.Contains(b, w) })
}

// withWord adds a word to a sorted list that lacks it; the empty word is none.
func withWord(list []string, word string) []string {
	if i, ok := slices.BinarySearch(list, word); !ok && word != "" {
		return slices.Insert(list, i, word)
	}
	return list
}
