package graph

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// What is put in comes out, though a caller uses its lists again.
func TestStepsKeepTheirTexts(t *testing.T) {
	var b Builder
	from, to := b.Node(Node{Ref: ref(0)}), b.Node(Node{Ref: ref(1)})
	allow := []access.Reason{
		{Layer: "identity policy", Document: "p", Statement: "#1", Effect: "allow"},
		{Layer: "permissions boundary", Document: "q", Effect: "deny"},
		{Layer: "identity policy", Document: "p", Statement: "#2", Effect: "allow"},
		{Layer: "identity policy", Document: "p", Statement: "#1", Effect: "allow"},
	}
	need := b.GrantsOf(ref(0), allow)
	if !slices.Equal(need, []GrantID{0, 1}) || !slices.Equal(b.GrantsOf(ref(1), allow[:1]), []GrantID{2}) {
		t.Fatalf("grants are %v", need)
	}
	condition := access.Condition{Key: "aws:SourceIp", Operator: "IpAddress", Values: []string{"10.0.0.0/8"}, Negated: true}
	want := []Step{
		{From: []NodeID{from}, To: to, Verb: Assumes, Technique: "sts:AssumeRole", Through: "x", Unread: []string{"a", "b"}},
		{From: []NodeID{from}, To: to, Verb: Assumes, Technique: "sts:AssumeRole", Unread: []string{"ab"}},
		{From: []NodeID{from}, To: to, Remains: []access.Condition{condition}, Needs: [][]GrantID{{0, 1}}, Because: allow[:2]},
		{From: []NodeID{from}, To: to, Remains: []access.Condition{{AnyOf: []access.Condition{condition}}}, Needs: [][]GrantID{{1}, {2}}},
		{From: []NodeID{from}, To: to, Remains: []access.Condition{{AllOf: []access.Condition{condition}}}, Assumes: "a function"},
	}
	for _, s := range want {
		again := slices.Clone(s.From)
		s.From = again
		b.Step(s)
		again[0] = to
	}
	b.Step(Step{From: []NodeID{to, from}, To: to})
	b.Step(Step{To: to})
	g := b.Build()
	if g.Steps() != len(want) {
		t.Fatalf("%d steps are left of %d", g.Steps(), len(want))
	}
	want[3].Because = []access.Reason{g.Grant(1).Reason, g.Grant(2).Reason} // those of its grants
	for i, s := range want {
		if diff := cmp.Diff(s, g.Step(StepID(i))); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestNodesAreOneByRef(t *testing.T) {
	other := retinue.NewRef("test:2", "thing", "0")
	b := Builder{
		Same: func(r retinue.Ref) retinue.Ref {
			if r == other {
				return ref(0)
			}
			return r
		},
		Describe: func(n *Node) { n.DataClass = "customer" },
	}
	first := b.Node(Node{Ref: other, Kind: Outside})
	if second := b.Node(Node{Ref: ref(0), Kind: Identity, Name: "Anna", Admin: true}); second != first {
		t.Fatalf("%d and %d are one thing", first, second)
	}
	b.Node(Node{Ref: other, Name: "Berta", Environment: retinue.EnvironmentProduction})
	b.Grant(Grant{Subject: ref(7)}) // a subject that is no node
	yes, no := true, false
	unused := b.Grant(Grant{Subject: ref(8), Used: &no})
	used := b.Grant(Grant{Subject: ref(9), Used: &yes})
	b.Grant(Grant{Subject: ref(9), Used: &no, Fixed: true})
	for i := range 100 { // so that the table grows
		b.Node(Node{Ref: ref(100 + i)})
	}
	g := b.Build()
	want := Node{Ref: ref(0), Kind: Identity, Name: "Anna", Admin: true, Environment: retinue.EnvironmentProduction, DataClass: "customer"}
	if diff := cmp.Diff(want, g.Node(first)); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
	if g.Len() != 101 || g.Find(other) != first || g.Find(ref(0)) != first || g.Find(ref(7)) != None || g.Find(ref(3)) != None {
		t.Errorf("%d nodes; %d, %d, %d, %d", g.Len(), g.Find(other), g.Find(ref(0)), g.Find(ref(7)), g.Find(ref(3)))
	}
	for i := range 100 {
		if g.Find(ref(100+i)) != NodeID(1+i) {
			t.Errorf("node %d is found as %d", 1+i, g.Find(ref(100+i)))
		}
	}
	if !slices.Equal(g.Admins(), []NodeID{first}) || g.Grants() != 3 || g.Grant(0).Used != nil {
		t.Errorf("administrators %v, %d grants", g.Admins(), g.Grants())
	}
	if x := g.Grant(used); x.Used == nil || !*x.Used || !x.Fixed || x.Subject != ref(9) {
		t.Errorf("used grant is %+v", x)
	}
	if x := g.Grant(unused); x.Used == nil || *x.Used {
		t.Errorf("unused grant is %+v", x)
	}
}
