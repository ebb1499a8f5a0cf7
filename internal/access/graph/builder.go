package graph

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Builder collects nodes, grants and steps. The zero Builder is ready. It is
// used by one goroutine. What it is given is copied into its own arrays, so a
// caller may use its lists again.
type Builder struct {
	// Same says which Ref stands for a thing that is known by several, so that
	// it is one node; nil where each stands for itself.
	Same func(retinue.Ref) retinue.Ref
	// Describe completes a node that is new from what is known of it, such as
	// its labels; it may be nil.
	Describe func(*Node)

	refs   refTable
	nodeOf []NodeID // by the number of a Ref, which may be no node's
	nodes  []node
	texts  pool[string, string]
	grants grantTable
	steps  stepTable
	code   []byte
}

// node is a Node in few bytes.
type node struct {
	name                   string
	ref                    int32
	environment, dataClass int32 // texts
	kind                   Kind
	admin                  bool
}

// Node adds a node, or says where it is: nodes are told apart by their Ref. What
// an earlier call left empty is filled in; Admin stays true once it was.
func (b *Builder) Node(n Node) NodeID {
	called := b.ref(n.Ref)
	id := b.nodeOf[called]
	if id == None {
		id = b.newNode(&n, called)
	}
	have := &b.nodes[id]
	have.admin = have.admin || n.Admin
	if have.name == "" {
		have.name = n.Name
	}
	if have.environment == 0 {
		have.environment = b.text(string(n.Environment))
	}
	if have.dataClass == 0 {
		have.dataClass = b.text(n.DataClass)
	}
	if have.kind == Outside {
		have.kind = n.Kind // somebody lists it after all
	}
	return id
}

// newNode adds a node for a name that has none, unless another name of its
// thing has one.
func (b *Builder) newNode(n *Node, called int32) NodeID {
	ref := called
	if b.Same != nil {
		n.Ref = b.Same(n.Ref)
		ref = b.ref(n.Ref)
	}
	id := b.nodeOf[ref]
	if id == None {
		if b.Describe != nil {
			b.Describe(n)
		}
		id = NodeID(len(b.nodes))
		b.nodes = append(b.nodes, node{ref: ref, kind: n.Kind})
	}
	b.nodeOf[ref], b.nodeOf[called] = id, id
	return id
}

func (b *Builder) ref(ref retinue.Ref) int32 {
	n := b.refs.number(ref)
	for int(n) >= len(b.nodeOf) {
		b.nodeOf = append(b.nodeOf, None)
	}
	return n
}

// text numbers a text; the empty one is 0.
func (b *Builder) text(text string) int32 {
	if text == "" {
		return 0
	}
	n, isNew := b.texts.number(text)
	if isNew {
		b.texts.values = append(b.texts.values, text)
	}
	return n
}

// Grant adds a grant, or says where it is: grants are told apart by their
// subject and the place that their reason names.
func (b *Builder) Grant(g Grant) GrantID { return b.grants.add(b.ref(g.Subject), g) }

// GrantsOf adds the grants that allowing reasons name, all of one subject, and
// returns them as one need: any of them is enough. It is what most engines want
// for one call; for several calls they put several needs together.
func (b *Builder) GrantsOf(subject retinue.Ref, because []access.Reason) []GrantID {
	var out []GrantID
	for _, r := range because {
		if r.Effect != "allow" {
			continue
		}
		if id := b.Grant(Grant{Subject: subject, Reason: r}); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// Step adds a step. One that comes to what it leaves from, or that leaves from
// nowhere, is dropped: who may do what everybody may stands as a node of kind
// Anyone. Ids of steps are given by Build, in an order that depends only on
// what was added.
func (b *Builder) Step(s Step) {
	if len(s.From) == 0 || slices.Contains(s.From, s.To) {
		return
	}
	t := &b.steps
	id := len(t.to)
	t.to = append(t.to, s.To)
	from := s.From[0]
	if len(s.From) > 1 {
		if all := slices.Compact(slices.Sorted(slices.Values(s.From))); len(all) > 1 {
			from = ^NodeID(len(t.joint))
			t.joint = append(t.joint, all)
		}
	}
	t.from = append(t.from, from)
	t.labelled = append(t.labelled, b.label(s))
	t.through.set(id, b.text(s.Through))
	b.code = putReasons(b.code[:0], s.Because)
	t.because.set(id, listNumber(&t.reasons, b.code, s.Because))
	needs := s.Needs
	if slices.ContainsFunc(needs, empty) {
		needs = slices.DeleteFunc(slices.Clone(needs), empty)
	}
	b.code = putNeeds(b.code[:0], needs)
	n, isNew := int32(0), false
	if len(needs) > 0 {
		n, isNew = t.needs.number(string(b.code))
	}
	if isNew {
		t.needs.values = append(t.needs.values, cloned(needs))
	}
	t.rests.set(id, n)
}

func empty(need []GrantID) bool { return len(need) == 0 }

// cloned copies needs, every grant of one once.
func cloned(needs [][]GrantID) [][]GrantID {
	out := make([][]GrantID, len(needs))
	for i, need := range needs {
		out[i] = slices.Compact(slices.Sorted(slices.Values(need)))
	}
	return out
}

// label numbers what many steps have in common.
func (b *Builder) label(s Step) int32 {
	t := &b.steps
	b.code = putConditions(b.code[:0], s.Remains)
	remains := listNumber(&t.remains, b.code, s.Remains)
	b.code = putTexts(b.code[:0], s.Unread)
	unread := listNumber(&t.unread, b.code, s.Unread)
	l := label{s.Verb, s.Technique, s.Assumes, remains, unread}
	n, isNew := t.labels.number(l)
	if isNew {
		t.labels.values = append(t.labels.values, l)
	}
	return n
}

// Build makes the graph. The Builder must not be used any more.
func (b *Builder) Build() *Graph {
	g := &Graph{
		refs: b.refs, nodeOf: b.nodeOf, nodes: b.nodes, texts: b.texts.values,
		grants: b.grants, steps: b.steps,
	}
	g.grants.forget()
	g.steps.forget()
	g.order()
	*b = Builder{}
	return g
}
