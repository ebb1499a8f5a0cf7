package spread

import (
	"slices"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Take adds what one more call needs to an answer.
func (a *Answer) Take(sure bool, remains []access.Condition, unread []string, because []access.Reason, need []graph.GrantID) {
	a.Sure = a.Sure && sure
	a.Remains = append(a.Remains, remains...)
	a.Because = append(a.Because, because...)
	a.Needs = append(a.Needs, need)
	for _, u := range unread {
		if !slices.Contains(a.Unread, u) {
			a.Unread = append(a.Unread, u)
		}
	}
}

// Reached is what principals reach for certain, by their keys. The zero Reached
// is ready.
type Reached struct {
	to map[string]map[graph.NodeID]bool
}

func (r *Reached) has(key string, to graph.NodeID) bool { return r.to[key][to] }

func (r *Reached) add(key string, to graph.NodeID) {
	if r.to == nil {
		r.to = map[string]map[graph.NodeID]bool{}
	}
	if r.to[key] == nil {
		r.to[key] = map[graph.NodeID]bool{}
	}
	r.to[key][to] = true
}

// Steps are the steps of one principal. A step that says no more than another is
// left out: of several ways that rest on the same grants one is enough, and what
// a group of the principal reaches is reached through the group.
type Steps struct {
	B *graph.Builder
	// Key names the principal, From is its node.
	Key  string
	From graph.NodeID
	// Groups are the keys of the groups whose steps lead on from the principal;
	// with some, only what they and the principal alone do not reach is added.
	Groups  []string
	Reached *Reached

	seen Seen
}

// Add adds a step and reports whether it says something new.
func (s *Steps) Add(to graph.NodeID, verb graph.Verb, technique string, a Answer) (graph.Step, bool) {
	if len(s.Groups) > 0 && (s.Reached.has(s.Key, to) || slices.ContainsFunc(s.Groups, func(g string) bool { return s.Reached.has(g, to) })) {
		return graph.Step{}, false
	}
	if !s.seen.Add(to, a) {
		return graph.Step{}, false
	}
	step := graph.Step{From: []graph.NodeID{s.From}, To: to, Verb: verb, Technique: technique, Assumes: a.Assumes,
		Remains: a.Remains, Unread: a.Unread, Needs: a.Needs, Because: a.Because}
	s.B.Step(step)
	if a.Sure && a.Assumes == "" {
		s.Reached.add(s.Key, to)
	}
	return step, true
}
