// Package estate answers for all systems together what identities can do: the
// engines of the policy languages side by side (can, who can, what is held),
// and the graph of who can come to act as whom through all of them.
//
// An [Engine] speaks for the realms of one policy language. The engines bring
// their own steps; what joins systems (a credential that lies in a place, one
// key in two systems, a pipeline that a role trusts, a workload that runs as an
// identity) is added here from the facts.
//
// Everything here is pure: facts in, answers out. An Estate is not changed after
// it is built and may be asked from several goroutines.
package estate

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Engine answers for the realms of one policy language. Questions about an
// identity have an open context: what the caller or the circumstances decide
// stands in the decision's Remains.
type Engine interface {
	// Language names it as the command line does: "aws", "kubernetes",
	// "postgres", "gcp", "azure", "pipelines".
	Language() string
	// Realms are the systems that it knows, sorted, with what was not read of
	// each.
	Realms() []access.Known
	// Asks reports whether an action and a resource are words of the language.
	// The forms are in docs/access.md. An empty resource means any.
	Asks(action, resource string) bool
	// Can answers whether an identity may do something. For an identity that it
	// does not know it answers Unknown, with that as the reason.
	Can(identity retinue.Ref, action, resource string) access.Decision
	// WhoCan lists who may do something, surest first, with everyone whose
	// answer is Allowed, Conditional or Unknown. An empty realm means all.
	WhoCan(realm retinue.Realm, action, resource string) []access.Holder
	// Held lists what an identity can do, worst first.
	Held(identity retinue.Ref) []access.Held
	// Steps puts who can come to act as whom into a graph, with the
	// administrators marked.
	Steps(b *graph.Builder)
}
