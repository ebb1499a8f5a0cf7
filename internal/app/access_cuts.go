package app

import (
	"context"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// maxOpen bounds the ways that are listed of those whom no removal helps.
const maxOpen = 100

// Cuts finds the fewest removals that put a target out of everyone's reach, of
// them those without a recorded use. A target is "admin", for the administrators
// of a realm or of all, or a thing.
func (x *Access) Cuts(ctx context.Context, target string, realm retinue.Realm) (out Cut, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = Cut{Remove: []CutGrant{}, Open: []AccessWay{}, Gaps: x.gaps("")}
		targets, things, err := r.targets(target, realm)
		if err != nil {
			return err
		}
		out.Targets = things
		g := r.estate.Graph()
		use, err := x.grantsUsed(ctx, r)
		if err != nil {
			return err
		}
		cut := g.Cuts(targets, graph.CutOptions{Used: use.of})
		if use != nil && use.err != nil {
			return use.err
		}
		out.Before, out.Exact, out.AtLeast = cut.Before, cut.Exact, cut.AtLeast
		for i, id := range cut.Grants {
			c, err := r.grant(g, id)
			if err != nil {
				return err
			}
			if c.Used == nil && !c.Subject.Hidden {
				c.Used = use.of(g.Grant(id))
			}
			if i < len(cut.Alone) && cut.Alone[i] != graph.None {
				c.Alone = &cut.Alone[i]
			}
			out.Remove = append(out.Remove, c)
		}
		for _, o := range cut.Open[:min(len(cut.Open), maxOpen)] {
			w, err := r.way(g, o.Source, o.Path, false)
			if err != nil {
				return err
			}
			out.Open = append(out.Open, w)
		}
		return nil
	})
	return out, err
}

// ChokePoints finds through what the ways to a target lead.
func (x *Access) ChokePoints(ctx context.Context, target string, realm retinue.Realm, most int) (out ChokePoints, err error) {
	err = x.read(ctx, func(r *reader) error {
		out = ChokePoints{Things: []ChokeThing{}, Grants: []ChokeGrant{}, Gaps: x.gaps("")}
		targets, things, err := r.targets(target, realm)
		if err != nil {
			return err
		}
		out.Targets = things
		g := r.estate.Graph()
		c := g.ChokePoints(targets, graph.ChokeOptions{Most: most})
		out.Sources, out.Exact = c.Sources, c.ExactNodes && c.ExactGrants
		for _, n := range c.Nodes {
			t, err := r.node(g, n.Node)
			if err != nil {
				return err
			}
			out.Things = append(out.Things, ChokeThing{AccessThing: t, Loses: n.Loses})
		}
		for _, n := range c.Grants {
			t, err := r.grant(g, n.Grant)
			if err != nil {
				return err
			}
			out.Grants = append(out.Grants, ChokeGrant{CutGrant: t, Loses: n.Loses})
		}
		return nil
	})
	return out, err
}

// targets finds what "admin", or a word for a thing, stands for.
func (r *reader) targets(word string, realm retinue.Realm) (nodes []graph.NodeID, things []AccessThing, err error) {
	g := r.estate.Graph()
	things = []AccessThing{}
	if word != "admin" {
		t, err := r.find(word, realm)
		if err != nil {
			return nil, nil, err
		}
		if n := g.Find(r.estate.Same(t.Ref)); n != graph.None {
			nodes = append(nodes, n)
		}
		return nodes, append(things, t), nil
	}
	for _, n := range g.Admins() {
		if realm != "" && g.Node(n).Ref.Realm != realm {
			continue
		}
		t, err := r.node(g, n)
		if err != nil {
			return nil, nil, err
		}
		if !t.Hidden {
			nodes, things = append(nodes, n), append(things, t)
		}
	}
	return nodes, things, nil
}

// grant shows a grant. Of a subject that the reader may not see, no more is said
// than that there is one.
func (r *reader) grant(g *graph.Graph, id graph.GrantID) (CutGrant, error) {
	x := g.Grant(id)
	who, err := r.ref(x.Subject)
	if err != nil {
		return CutGrant{}, err
	}
	if who.Hidden {
		return CutGrant{Subject: who, Reason: access.Reason{Layer: "hidden", Effect: "allow", Text: "through something you may not see"}}, nil
	}
	return CutGrant{Subject: who, Reason: x.Reason, Used: x.Used}, nil
}
