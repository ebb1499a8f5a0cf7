// Package graph is one picture of who can come to act as whom, across all
// systems: identities, credentials, the places where they lie, what runs, and
// the resources that are reached. The engines of the policy languages put
// their steps into a [Builder]; a [Graph] answers which way leads where
// (shortest and disjoint paths), how far a credential reaches (blast radius),
// who reaches a thing (the inverse), through what most ways lead (choke
// points), and which grants to take away to put a target out of reach (cuts).
//
// # Steps
//
// A step says that whoever acts as all of From can act as, hold or reach To. It
// mostly has one From; it has several where calls of several principals are
// needed together, so the graph is one of directed hyperedges and a path is a
// set of steps, each with all that it needs before it.
//
// A step rests on grants that can be taken away. Needs is what it needs of
// them: every element must be met, by any grant of the element. So a call that
// two statements allow survives the loss of one, and a step that makes two
// calls falls with either.
//
// A step into a Set, and one out of it, are one hop for people. Lengths are
// counted in hops: see [Reach.Hops].
//
// # Size
//
// Nodes, grants and steps are numbers in flat arrays (compressed adjacency);
// texts are kept once, and what a step does not have takes no room. What one
// permission gives over many principals is put in as one node of kind Set
// between both sides, so that the number of steps grows with what was written
// and not with its product.
//
// # Searching
//
// [Graph.Reach] searches forward, [Graph.Backward] from the targets. Both take
// time in proportion to what they look at. [Options] leave steps out: those that
// are only possible, those that fall with a grant, those at a node. Nodes of
// kind Anyone are nodes like others: what everybody may do leaves from them, and
// who wants it counted names them among the sources.
//
// Everything here is pure. A Graph is not changed after Build, and may be asked
// from several goroutines.
package graph

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// NodeID is a node's place in the graph.
type NodeID int32

// GrantID is a grant's place in the graph.
type GrantID int32

// StepID is a step's place in the graph.
type StepID int32

// None is the id of no node, grant or step.
const None = -1

// Kind says what a node is.
type Kind uint8

// The kinds of node.
const (
	// Identity is a principal of the inventory, a person's account included.
	Identity Kind = iota
	// Credential lets its holder act.
	Credential
	// Resource is acted on: data, a secret, code, a machine.
	Resource
	// Place is where a credential is stored or read, such as a host or a
	// repository.
	Place
	// Outside is a principal that no source lists: an account, a service, a
	// subject of another issuer.
	Outside
	// Anyone is everybody.
	Anyone
	// Set stands between principals and what one permission of theirs reaches.
	Set
)

// Node is one thing of the graph.
type Node struct {
	Ref  retinue.Ref
	Kind Kind
	// Name is for people where the key is not.
	Name string
	// Admin is true for principals that are administrators of their realm; what
	// that means for a language is documented in docs/access.md.
	Admin bool
	// Environment and DataClass are labels, empty where not known.
	Environment retinue.Environment
	DataClass   string
}

// Verb says what a step does.
type Verb string

// The verbs.
const (
	Assumes      Verb = "assumes"         // takes a role by the system's own means
	Impersonates Verb = "impersonates"    // acts as another in its own name
	Mints        Verb = "mints"           // makes a new credential of it
	ReadsSecret  Verb = "reads secret"    // reads the value of a credential
	ModifiesCode Verb = "modifies code"   // changes what runs as it
	PassesRole   Verb = "passes role"     // starts something new that runs as it
	Attaches     Verb = "attaches policy" // gives it, or itself, more rights
	ExecsInto    Verb = "execs into"      // runs commands in what runs as it
	Federates    Verb = "federates"       // comes with a token of another issuer
	SameKey      Verb = "same key"        // both sides hold one value
	PlacedAt     Verb = "placed at"       // whoever reads the place has the credential
	ActsAs       Verb = "acts as"         // the credential's or workload's identity
	MemberOf     Verb = "member of"
	Contains     Verb = "contains"    // everything in a set or container
	Administers  Verb = "administers" // may do everything to it
	Writes       Verb = "writes"      // changes a resource
	Reads        Verb = "reads"       // reads a resource
	SignsInAs    Verb = "signs in as" // a person's or a workload's way in
)

// Grant is one thing that can be taken away: a statement of a document as it
// is attached, a binding, a membership, a trust, a placement.
type Grant struct {
	// Subject is whose grant it is.
	Subject retinue.Ref
	// Reason names it as the engine does.
	Reason access.Reason
	// Fixed is true of what nobody of the organisation can take away, such as
	// what a provider manages.
	Fixed bool
	// Used says whether a use of it is on record: nil where that is not known.
	Used *bool
}

// Step says that who acts as all of From comes to To.
type Step struct {
	From []NodeID
	To   NodeID
	Verb Verb
	// Technique is the catalogue's name of the step, such as
	// "iam:CreateAccessKey", with the permission.
	Technique string
	// Through is the thing that is used for it, where it is one that exists.
	Through string
	// Assumes says what was not read and is taken to be there.
	Assumes string
	// Remains are conditions that the caller does not choose. A step that has
	// some is possible, not certain.
	Remains []access.Condition
	// Unread names layers that could still forbid it.
	Unread []string
	// Needs are the grants that it rests on; see the package comment. An empty
	// element needs nothing that could be taken away, and is left out.
	Needs [][]GrantID
	// Because are the deciding statements, for people. Where a step was added
	// without any, they are those of the grants in Needs.
	Because []access.Reason
}

// Possible reports whether the step is possible, not certain: a condition
// remains that the caller does not choose, or something is taken to be there
// that was not read.
func (s Step) Possible() bool { return len(s.Remains) > 0 || s.Assumes != "" }
