package graph

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Builder collects nodes, grants and steps. The zero Builder is ready. It is
// used by one goroutine.
type Builder struct {
	// Same says which Ref stands for a thing that is known by several, so that
	// it is one node; nil where each stands for itself.
	Same func(retinue.Ref) retinue.Ref
	// Describe completes a node that is new from what is known of it, such as
	// its labels; it may be nil.
	Describe func(*Node)

	nodes   []Node
	byRef   map[retinue.Ref]NodeID
	grants  []Grant
	byGrant map[grantKey]GrantID
	steps   []Step
}

type grantKey struct {
	subject                    retinue.Ref
	layer, document, statement string
}

// Node adds a node, or says where it is: nodes are told apart by their Ref. What
// an earlier call left empty is filled in; Admin stays true once it was.
func (b *Builder) Node(n Node) NodeID {
	if id, ok := b.find(n.Ref); ok {
		have := &b.nodes[id]
		have.Admin = have.Admin || n.Admin
		if have.Name == "" {
			have.Name = n.Name
		}
		if have.Environment == "" {
			have.Environment = n.Environment
		}
		if have.DataClass == "" {
			have.DataClass = n.DataClass
		}
		if have.Kind == Outside {
			have.Kind = n.Kind // somebody lists it after all
		}
		return id
	}
	if b.byRef == nil {
		b.byRef = make(map[retinue.Ref]NodeID)
	}
	id, called := NodeID(len(b.nodes)), n.Ref
	if b.Same != nil {
		n.Ref = b.Same(n.Ref)
	}
	if b.Describe != nil {
		b.Describe(&n)
	}
	b.nodes = append(b.nodes, n)
	b.byRef[n.Ref], b.byRef[called] = id, id
	return id
}

// find looks a node up by any of the names of its thing.
func (b *Builder) find(ref retinue.Ref) (NodeID, bool) {
	id, ok := b.byRef[ref]
	if ok || b.Same == nil {
		return id, ok
	}
	if id, ok = b.byRef[b.Same(ref)]; ok {
		b.byRef[ref] = id
	}
	return id, ok
}

// Grant adds a grant, or says where it is: grants are told apart by their
// subject and the place that their reason names.
func (b *Builder) Grant(g Grant) GrantID {
	key := grantKey{g.Subject, g.Reason.Layer, g.Reason.Document, g.Reason.Statement}
	if id, ok := b.byGrant[key]; ok {
		return id
	}
	if b.byGrant == nil {
		b.byGrant = make(map[grantKey]GrantID)
	}
	id := GrantID(len(b.grants))
	b.grants = append(b.grants, g)
	b.byGrant[key] = id
	return id
}

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

// Step adds a step. One whose only source is its own target is dropped.
func (b *Builder) Step(s Step) {
	if len(s.From) == 1 && s.From[0] == s.To {
		return
	}
	b.steps = append(b.steps, s)
}

// Build makes the graph. The Builder must not be used any more.
func (b *Builder) Build() *Graph {
	return newGraph(b.nodes, b.grants, b.steps, b.byRef)
}
