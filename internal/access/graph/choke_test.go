package graph

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestChokePointsAreWhatMostLose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := shape{nodes: 9, steps: 20, grants: 6, joint: rapid.Bool().Draw(t, "joint")}
		if rapid.IntRange(0, 4).Draw(t, "large?") == 0 {
			s = shape{nodes: 30, steps: 60, grants: 20}
		}
		d := draw(t, s)
		opt := ChokeOptions{Options: drawOptions(t, d.Graph), Most: rapid.IntRange(1, 4).Draw(t, "most")}
		targets := drawNodes(t, d.Graph)
		sources := d.sourcesLeft(opt.Options, d.Sources(targets), targets)
		got := d.ChokePoints(targets, opt)
		if got.Sources != len(sources) || !got.ExactNodes || !got.ExactGrants {
			t.Fatalf("%+v has not all of %v", got, sources)
		}
		var nodes []ChokeNode
		for n := range NodeID(d.Len()) {
			without := opt.Options
			without.Avoid = append(slices.Clone(without.Avoid), n)
			others := slices.DeleteFunc(slices.Clone(sources), func(s NodeID) bool { return s == n })
			loses := len(others) - len(d.sourcesLeft(without, others, targets))
			if loses > 0 && d.Kind(n) != Set && !slices.Contains(targets, n) {
				nodes = append(nodes, ChokeNode{n, loses})
			}
		}
		slices.SortStableFunc(nodes, func(a, b ChokeNode) int { return cmp.Compare(b.Loses, a.Loses) })
		if len(got.Nodes) != min(opt.Most, len(nodes)) {
			t.Fatalf("nodes are %v of %v", got.Nodes, nodes)
		}
		for i, n := range got.Nodes {
			if n.Loses != nodes[i].Loses || !slices.Contains(nodes, n) {
				t.Fatalf("nodes are %v of %v", got.Nodes, nodes)
			}
		}
		var grants []ChokeGrant
		for id := range GrantID(d.Grants()) {
			if loses := len(sources) - len(d.sourcesLeft(opt.Options, sources, targets, id)); loses > 0 {
				grants = append(grants, ChokeGrant{id, loses})
			}
		}
		slices.SortStableFunc(grants, func(a, b ChokeGrant) int { return cmp.Compare(b.Loses, a.Loses) })
		if len(got.Grants) != min(opt.Most, len(grants)) {
			t.Fatalf("grants are %v of %v", got.Grants, grants)
		}
		for i, id := range got.Grants {
			if id.Loses != grants[i].Loses || !slices.Contains(grants, id) {
				t.Fatalf("grants are %v of %v", got.Grants, grants)
			}
		}
	})
}

func TestChokePointsWithoutWork(t *testing.T) {
	var b Builder
	admin := b.Node(Node{Ref: ref(0), Admin: true})
	hub := b.Node(Node{Ref: ref(1)})
	grant := b.Grant(Grant{Subject: ref(1)})
	b.Step(Step{From: []NodeID{hub}, To: admin, Needs: [][]GrantID{{grant}}})
	for i := range 3 {
		user := b.Node(Node{Ref: ref(2 + i)})
		own := b.Grant(Grant{Subject: ref(2 + i)})
		b.Step(Step{From: []NodeID{user}, To: hub, Needs: [][]GrantID{{own}}})
	}
	g := b.Build()
	all := g.ChokePoints([]NodeID{admin}, ChokeOptions{})
	if len(all.Nodes) != 1 || all.Nodes[0] != (ChokeNode{hub, 3}) || len(all.Grants) != 4 || all.Grants[0] != (ChokeGrant{grant, 4}) {
		t.Errorf("choke points are %+v", all)
	}
	few := g.ChokePoints([]NodeID{admin}, ChokeOptions{Work: 1})
	if few.ExactGrants || len(few.Grants) != 1 || few.Grants[0] != all.Grants[0] || !few.ExactNodes {
		t.Errorf("with little work they are %+v", few)
	}
}
