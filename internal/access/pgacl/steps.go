package pgacl

import "github.com/retinue-id/retinue/internal/access/graph"

// Steps puts the roles of every server into a graph, with its administrators
// marked.
func (e *Engine) Steps(b *graph.Builder) {
	for _, s := range e.servers {
		for _, r := range s.roles {
			b.Node(graph.Node{Ref: s.refOf(r), Kind: graph.Identity, Admin: s.index.graph.superuser(r)})
		}
	}
}
