package graph

import (
	"slices"

	"github.com/retinue-id/retinue"
)

// Graph is a built picture. It is never changed.
type Graph struct {
	nodes  []Node
	grants []Grant
	steps  []Step
	byRef  map[retinue.Ref]NodeID
	// out and in list the steps that leave and enter a node, by node: those of
	// node n stand in out[outAt[n]:outAt[n+1]].
	outAt, inAt []int32
	out, in     []StepID
}

func newGraph(nodes []Node, grants []Grant, steps []Step, byRef map[retinue.Ref]NodeID) *Graph {
	g := &Graph{nodes: nodes, grants: grants, steps: steps, byRef: byRef}
	g.outAt, g.out = adjacency(len(nodes), steps, func(s *Step) []NodeID { return s.From })
	g.inAt, g.in = adjacency(len(nodes), steps, func(s *Step) []NodeID { return []NodeID{s.To} })
	return g
}

// adjacency lists the steps by the nodes that they have at one end.
func adjacency(nodes int, steps []Step, ends func(*Step) []NodeID) ([]int32, []StepID) {
	at := make([]int32, nodes+1)
	total := 0
	for i := range steps {
		for _, n := range ends(&steps[i]) {
			at[n+1]++
			total++
		}
	}
	for i := range nodes {
		at[i+1] += at[i]
	}
	list, next := make([]StepID, total), slices.Clone(at)
	for i := range steps {
		for _, n := range ends(&steps[i]) {
			list[next[n]] = StepID(i)
			next[n]++
		}
	}
	return at, list
}

// Len is the number of nodes, whose ids go from 0.
func (g *Graph) Len() int { return len(g.nodes) }

// Node returns a node.
func (g *Graph) Node(id NodeID) Node { return g.nodes[id] }

// Find returns the node of a Ref, or None.
func (g *Graph) Find(ref retinue.Ref) NodeID {
	if id, ok := g.byRef[ref]; ok {
		return id
	}
	return None
}

// Grant returns a grant.
func (g *Graph) Grant(id GrantID) Grant { return g.grants[id] }

// Steps is the number of steps, whose ids go from 0.
func (g *Graph) Steps() int { return len(g.steps) }

// Step returns a step. The caller must not change its lists.
func (g *Graph) Step(id StepID) *Step { return &g.steps[id] }

// From lists the steps that leave a node, To those that enter it.
func (g *Graph) From(n NodeID) []StepID { return g.out[g.outAt[n]:g.outAt[n+1]] }

// To lists the steps that enter a node.
func (g *Graph) To(n NodeID) []StepID { return g.in[g.inAt[n]:g.inAt[n+1]] }
