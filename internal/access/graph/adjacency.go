package graph

import (
	"slices"

	"github.com/retinue-id/retinue"
)

// Graph is a built picture. It is never changed.
type Graph struct {
	refs   refTable
	nodeOf []NodeID
	nodes  []node
	texts  []string
	grants grantTable
	steps  stepTable
	// single is the number of steps with one From, which come first. Those of
	// node n are leaveAt[n] to leaveAt[n+1].
	single  int
	leaveAt []int32
	// jointAt and jointOut list the other steps by each of their sources. They
	// are nil where there are none.
	jointAt  []int32
	jointOut []StepID
	// enterAt and enter list all steps by their To.
	enterAt []int32
	enter   []StepID
}

// order puts the steps in the order of their sources, and lists them by nodes.
func (g *Graph) order() {
	t := &g.steps
	g.single = len(t.from) - len(t.joint)
	g.leaveAt = make([]int32, len(g.nodes)+1)
	for _, n := range t.from {
		if n >= 0 {
			g.leaveAt[n+1]++
		}
	}
	for i := range g.nodes {
		g.leaveAt[i+1] += g.leaveAt[i]
	}
	order, next, joint := make([]StepID, len(t.from)), slices.Clone(g.leaveAt), g.single
	for i, n := range t.from {
		if n < 0 {
			order[joint] = StepID(i)
			joint++
			continue
		}
		order[next[n]] = StepID(i)
		next[n]++
	}
	from, to := make([]NodeID, g.single), make([]NodeID, len(t.to))
	for i, old := range order {
		to[i] = t.to[old]
		if i < g.single {
			from[i] = t.from[old]
		}
	}
	t.from, t.to = from, to
	t.labelled, t.through = t.labelled.ordered(order), t.through.ordered(order)
	t.because, t.rests = t.because.ordered(order), t.rests.ordered(order)
	g.enterAt, g.enter = listed(len(g.nodes), len(to), func(i int) []NodeID { return to[i : i+1] })
	if len(t.joint) > 0 {
		g.jointAt, g.jointOut = listed(len(g.nodes), len(t.joint), func(i int) []NodeID { return t.joint[i] })
		for i := range g.jointOut {
			g.jointOut[i] += StepID(g.single)
		}
	}
}

// listed lists steps by the nodes that they have at one end: those of node n
// stand from at[n] to at[n+1].
func listed(nodes, steps int, ends func(int) []NodeID) (at []int32, list []StepID) {
	at = make([]int32, nodes+1)
	total := 0
	for i := range steps {
		for _, n := range ends(i) {
			at[n+1]++
			total++
		}
	}
	for i := range nodes {
		at[i+1] += at[i]
	}
	list, next := make([]StepID, total), slices.Clone(at)
	for i := range steps {
		for _, n := range ends(i) {
			list[next[n]] = StepID(i)
			next[n]++
		}
	}
	return at, list
}

// Len is the number of nodes, whose ids go from 0.
func (g *Graph) Len() int { return len(g.nodes) }

// Node returns a node.
func (g *Graph) Node(id NodeID) Node {
	n := &g.nodes[id]
	return Node{
		Ref: g.refs.refs[n.ref], Kind: n.kind, Name: n.name, Admin: n.admin,
		Environment: retinue.Environment(g.text(n.environment)), DataClass: g.text(n.dataClass),
	}
}

func (g *Graph) text(n int32) string {
	if n == 0 {
		return ""
	}
	return g.texts[n-1]
}

// Kind returns a node's kind.
func (g *Graph) Kind(id NodeID) Kind { return g.nodes[id].kind }

// Find returns the node of a Ref, or None.
func (g *Graph) Find(ref retinue.Ref) NodeID {
	if n, ok := g.refs.find(ref); ok && int(n) < len(g.nodeOf) {
		return g.nodeOf[n]
	}
	return None
}

// Admins lists the nodes that are administrators of their realm.
func (g *Graph) Admins() []NodeID {
	var out []NodeID
	for i := range g.nodes {
		if g.nodes[i].admin {
			out = append(out, NodeID(i))
		}
	}
	return out
}

// From lists the steps that leave a node, also those that leave from others
// besides.
func (g *Graph) From(n NodeID) []StepID {
	var out []StepID
	for s := StepID(g.leaveAt[n]); s < StepID(g.leaveAt[n+1]); s++ {
		out = append(out, s)
	}
	return append(out, g.jointFrom(n)...)
}

// jointFrom lists the steps with several sources of which n is one.
func (g *Graph) jointFrom(n NodeID) []StepID {
	if g.jointAt == nil {
		return nil
	}
	return g.jointOut[g.jointAt[n]:g.jointAt[n+1]]
}

// To lists the steps that enter a node. The caller must not change the list.
func (g *Graph) To(n NodeID) []StepID { return g.enter[g.enterAt[n]:g.enterAt[n+1]] }
