package graph

import (
	"slices"

	"github.com/retinue-id/retinue/internal/access"
)

// stepTable holds steps by columns. After Build the steps with one From come
// first, ordered by it, so that those of a node follow each other; then those
// with several.
type stepTable struct {
	from []NodeID // a node, or ^ the place in joint
	to   []NodeID
	// joint are the sources of the steps that have several.
	joint    [][]NodeID
	labelled column
	through  column // a text
	because  column
	rests    column // its needs

	labels  pool[label, label]
	remains pool[string, []access.Condition]
	unread  pool[string, []string]
	reasons pool[string, []access.Reason]
	needs   pool[string, [][]GrantID]
}

// label is what many steps have in common.
type label struct {
	verb               Verb
	technique, assumes string
	remains, unread    int32
}

// forget drops what only adding needs.
func (t *stepTable) forget() {
	t.labels.byKey, t.remains.byKey, t.unread.byKey, t.reasons.byKey, t.needs.byKey = nil, nil, nil, nil, nil
}

// Steps is the number of steps, whose ids go from 0.
func (g *Graph) Steps() int { return len(g.steps.to) }

// Step puts a step together. Its lists are the graph's and must not be changed.
func (g *Graph) Step(id StepID) Step {
	t := &g.steps
	l := t.labels.at(t.labelled.at(id))
	s := Step{
		From: g.sources(id), To: t.to[id], Verb: l.verb, Technique: l.technique, Assumes: l.assumes,
		Remains: t.remains.at(l.remains), Unread: t.unread.at(l.unread),
		Needs: t.needs.at(t.rests.at(id)), Because: t.reasons.at(t.because.at(id)),
	}
	if n := t.through.at(id); n != 0 {
		s.Through = g.texts[n-1]
	}
	if s.Because == nil {
		for _, need := range s.Needs {
			for _, grant := range need {
				if r := g.Grant(grant).Reason; !slices.Contains(s.Because, r) {
					s.Because = append(s.Because, r)
				}
			}
		}
	}
	return s
}

// sources are the nodes from which a step leaves.
func (g *Graph) sources(id StepID) []NodeID {
	if int(id) < g.single {
		return g.steps.from[id : id+1 : id+1]
	}
	return g.steps.joint[int(id)-g.single]
}

// needs are what a step rests on.
func (g *Graph) needs(id StepID) [][]GrantID { return g.steps.needs.at(g.steps.rests.at(id)) }

// Verb is the verb of a step.
func (g *Graph) Verb(id StepID) Verb { return g.steps.labels.at(g.steps.labelled[id]).verb }
