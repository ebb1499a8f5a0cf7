package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// hops shows a path. What leads through something that the reader may not see
// says no more than that.
func (r *reader) hops(g *graph.Graph, path graph.Path) ([]AccessHop, error) {
	out := []AccessHop{}
	for _, h := range g.Hops(path) {
		main := g.Step(h.Main)
		x := AccessHop{Technique: main.Technique, Verb: main.Verb, Through: main.Through, Because: []access.Reason{}}
		hidden := false
		for i, n := range h.From {
			t, err := r.node(g, n)
			if err != nil {
				return nil, err
			}
			hidden = hidden || t.Hidden
			if i == 0 {
				x.From, x.FromThing = t.Key, &t
			} else {
				x.With = append(x.With, t.Key)
			}
		}
		to, err := r.node(g, h.To)
		if err != nil {
			return nil, err
		}
		x.To, x.ToThing = to.Key, &to
		if hidden = hidden || to.Hidden; hidden {
			x.Technique, x.Through = "through something you may not see", ""
		}
		for _, id := range h.Steps {
			s := g.Step(id)
			if !hidden {
				x.Because, x.Remains = append(x.Because, s.Because...), append(x.Remains, s.Remains...)
				x.Assumes = joinText(x.Assumes, s.Assumes)
			}
			for _, u := range s.Unread {
				if !slices.Contains(x.Unread, u) {
					x.Unread = append(x.Unread, u)
				}
			}
		}
		out = append(out, x)
	}
	return out, nil
}

func joinText(a, b string) string {
	if a == "" || b == "" || a == b {
		return a + strings.TrimPrefix(b, a)
	}
	return a + ", and " + b
}

// reached are the ways from one thing, the certain ones where there are both.
type reached struct {
	certain, possible *graph.Reach
}

func reachFrom(g *graph.Graph, from ...graph.NodeID) reached {
	return reached{g.Reach(graph.Options{Certain: true}, from...), g.Reach(graph.Options{}, from...)}
}

// path is the surest way to a node, and whether it is only possible.
func (w reached) path(n graph.NodeID) (path graph.Path, possible bool) {
	if w.certain.Reached(n) {
		return w.certain.Path(n), false
	}
	return w.possible.Path(n), true
}

// hopsTo is the length of that way.
func (w reached) hopsTo(n graph.NodeID) int {
	if w.certain.Reached(n) {
		return w.certain.Hops(n)
	}
	return w.possible.Hops(n)
}

func (r *reader) way(g *graph.Graph, n graph.NodeID, path graph.Path, possible bool) (w AccessWay, err error) {
	if w.Thing, err = r.node(g, n); err != nil {
		return w, err
	}
	w.Identity, w.Admin, w.Possible = w.Thing.Key, w.Thing.Administrator, possible
	w.Hops, err = r.hops(g, path)
	return w, err
}

// AttackPaths lists every identity that the holder of a thing can come to act
// as, in whatever system, nearest first; with to, only the way to that, which
// may be a thing of any kind. What the reader may not see is left out.
func (x *Access) AttackPaths(ctx context.Context, from string, realm retinue.Realm, to string) (out []AccessWay, gaps []string, err error) {
	err = x.read(ctx, func(r *reader) error {
		out, gaps = []AccessWay{}, x.gaps("")
		start, err := r.find(from, realm)
		if err != nil {
			return err
		}
		var target retinue.Ref
		if to != "" {
			t, err := r.find(to, "")
			if err != nil {
				return err
			}
			target = r.estate.Same(t.Ref)
		}
		g := r.estate.Graph()
		if n := g.Find(r.estate.Same(start.Ref)); n != graph.None {
			if out, err = r.attacks(g, n, target); err != nil {
				return err
			}
		}
		own, err := x.ownGains(ctx, r, start, target, out)
		out = append(out, own...)
		slices.SortStableFunc(out, func(a, b AccessWay) int { return len(a.Hops) - len(b.Hops) })
		return err
	})
	return out, gaps, err
}

// attacks lists the ways from a node to identities, or to one target.
func (r *reader) attacks(g *graph.Graph, n graph.NodeID, target retinue.Ref) ([]AccessWay, error) {
	out := []AccessWay{}
	all := reachFrom(g, n)
	for _, id := range all.possible.Nodes() {
		node := g.Node(id)
		if id == n || target.IsZero() && node.Kind != graph.Identity || !target.IsZero() && node.Ref != target {
			continue
		}
		path, possible := all.path(id)
		w, err := r.way(g, id, path, possible)
		if err != nil {
			return nil, err
		}
		if !w.Thing.Hidden {
			out = append(out, w)
		}
	}
	return out, nil
}

// ownGains adds to the ways of an AWS identity those by which it comes to more
// permissions of its own, or to somebody only after such a step: the search of
// package escalate follows them, and the picture of all systems does not.
func (x *Access) ownGains(ctx context.Context, r *reader, start AccessThing, target retinue.Ref, have []AccessWay) ([]AccessWay, error) {
	if !x.scope.All || !x.at.IsZero() || start.Realm.Kind() != "aws" {
		return nil, nil
	}
	p, err := x.app.AccessPaths(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, w := range have {
		known[w.Identity] = true
	}
	reached, _ := p.From(start.Key)
	var out []AccessWay
	for _, e := range reached {
		if known[e.ARN] || !target.IsZero() && target.Key != e.ARN {
			continue
		}
		known[e.ARN] = true
		w := AccessWay{Identity: e.ARN, Admin: e.Admin, Hops: hopsWithinAWS(e.Hops), Thing: AccessThing{Kind: "principal", Key: e.ARN, Realm: realmOfARN(e.ARN)}}
		if t, err := r.find(e.ARN, "", retinue.FactIdentity); err == nil {
			w.Thing = t
		} else if !errors.Is(err, retinue.ErrNotFound) {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// blastQuery is a question about reach, one way or the other.
type blastQuery struct {
	word    string
	realm   retinue.Realm
	inverse bool
	limit   int
}

// BlastRadius lists what the holder of a thing comes to (identities,
// credentials, data), gravest first: administrators, production, then the
// nearest. Limit is how many things are listed; 0 lists all.
func (x *Access) BlastRadius(ctx context.Context, word string, realm retinue.Realm, limit int) (BlastRadius, error) {
	return x.blast(ctx, blastQuery{word, realm, false, limit})
}

// Reachers lists who comes to a thing: the inverse of BlastRadius.
func (x *Access) Reachers(ctx context.Context, word string, realm retinue.Realm, limit int) (BlastRadius, error) {
	return x.blast(ctx, blastQuery{word, realm, true, limit})
}

func (x *Access) blast(ctx context.Context, q blastQuery) (out BlastRadius, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = BlastRadius{Inverse: q.inverse, Kinds: map[string]int{}, Environments: map[string]int{}, DataClasses: map[string]int{}, Things: []BlastThing{}, Gaps: x.gaps("")}
		if out.Of, err = r.find(q.word, q.realm); err != nil {
			return err
		}
		g := x.estate.Graph()
		n := g.Find(x.estate.Same(out.Of.Ref))
		if n == graph.None {
			return nil
		}
		if node := g.Node(n); node.Admin {
			out.Of.Administrator = true
		}
		near := nearOf(g, n, q.inverse)
		for _, id := range near.nodes {
			if k := g.Kind(id); id == n || k == graph.Set {
				continue
			}
			t, err := r.node(g, id)
			if err != nil {
				return err
			}
			if t.Hidden {
				out.Hidden = true
				continue
			}
			countBlast(&out, t, near.certain(id))
			out.Things = append(out.Things, BlastThing{AccessThing: t, Hops: near.hops(id), Possible: !near.certain(id), How: near.how(id)})
		}
		slices.SortStableFunc(out.Things, graver)
		if q.limit > 0 && len(out.Things) > q.limit {
			out.Things = out.Things[:q.limit]
		}
		return nil
	})
	return out, err
}

func countBlast(b *BlastRadius, t AccessThing, certain bool) {
	b.Total++
	b.Kinds[t.Kind]++
	if certain {
		b.Certain++
	}
	if t.Administrator {
		b.Administrators++
	}
	if t.Environment != "" {
		b.Environments[string(t.Environment)]++
	}
	if t.DataClass != "" {
		b.DataClasses[t.DataClass]++
	}
}

// graver orders administrators first, then production and classed data, then
// what is nearer.
func graver(a, b BlastThing) int {
	weight := func(t BlastThing) int {
		w := 0
		if t.Administrator {
			w -= 4
		}
		if t.Environment == retinue.EnvironmentProduction {
			w -= 2
		}
		if t.DataClass != "" {
			w--
		}
		return w
	}
	if c := weight(a) - weight(b); c != 0 {
		return c
	}
	return a.Hops - b.Hops
}

// near is who or what is near a node, whichever way was searched.
type near struct {
	nodes   []graph.NodeID
	certain func(graph.NodeID) bool
	hops    func(graph.NodeID) int
	how     func(graph.NodeID) string
}

func nearOf(g *graph.Graph, n graph.NodeID, inverse bool) near {
	if inverse {
		sure, all := g.Backward(graph.Options{Certain: true}, n), g.Backward(graph.Options{}, n)
		return near{all.Nodes(), sure.Reaches, func(id graph.NodeID) int {
			if sure.Reaches(id) {
				return sure.Hops(id)
			}
			return all.Hops(id)
		}, func(graph.NodeID) string { return "" }}
	}
	all := reachFrom(g, n)
	return near{all.possible.Nodes(), all.certain.Reached, all.hopsTo, func(id graph.NodeID) string {
		path, _ := all.path(id)
		hops := g.Hops(path)
		if len(hops) == 0 {
			return ""
		}
		s := g.Step(hops[len(hops)-1].Main)
		if s.Technique == "" {
			return string(s.Verb)
		}
		return fmt.Sprintf("%s (%s)", s.Verb, s.Technique)
	}}
}
