package api

import (
	"github.com/retinue-id/retinue"
	engine "github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// AccessThing is a thing that an answer about access names, as its reader may
// see it.
type AccessThing struct {
	// ID is its public id where the inventory has it.
	ID   retinue.EntityID `json:"id,omitempty"`
	Kind string           `json:"kind"`
	// Key is the vendor's own key, Name what people call it.
	Key   string        `json:"key"`
	Name  string        `json:"name,omitempty"`
	Realm retinue.Realm `json:"realm,omitempty"`
	// Administrator is true of who administers its system.
	Administrator bool                `json:"administrator,omitempty"`
	Environment   retinue.Environment `json:"environment,omitempty"`
	DataClass     string              `json:"dataClass,omitempty"`
	// Hidden is true of what the reader may not see; nothing else is said then.
	Hidden bool `json:"hidden,omitempty"`

	// Ref is its name inside, which is not shown.
	Ref retinue.Ref `json:"-"`
}

// AccessHop is one step of a way. Technique, From, To and Because are a
// contract, From and To being the vendor's keys.
type AccessHop struct {
	Technique string          `json:"technique"`
	From      string          `json:"from"`
	To        string          `json:"to"`
	Because   []engine.Reason `json:"because"`
	// Through is the thing that is used for it, Assumes what was not read and is
	// taken to be there.
	Through string `json:"through,omitempty"`
	Assumes string `json:"assumes,omitempty"`
	// Verb says in a word what the step does.
	Verb graph.Verb `json:"verb,omitempty"`
	// With are the others that the step needs besides From.
	With []string `json:"with,omitempty"`
	// Remains are conditions that the caller does not choose: the step is
	// possible, not certain. Unread are layers that could still forbid it.
	Remains []engine.Condition `json:"remains,omitempty"`
	Unread  []string           `json:"unread,omitempty"`
	// FromThing and ToThing are the ends as things of the inventory.
	FromThing *AccessThing `json:"fromThing,omitempty"`
	ToThing   *AccessThing `json:"toThing,omitempty"`
}

// AccessWay is a way from or to a thing.
type AccessWay struct {
	// Identity is the vendor's key of who is reached or who reaches.
	Identity string `json:"identity"`
	// Admin is true where that is an administrator.
	Admin bool        `json:"admin,omitempty"`
	Thing AccessThing `json:"thing"`
	// Possible is true where a step has conditions that the caller does not
	// choose, or assumes something.
	Possible bool        `json:"possible,omitempty"`
	Hops     []AccessHop `json:"hops"`
}

// BlastRadius is what the holder of a thing comes to, or who comes to it.
type BlastRadius struct {
	Of AccessThing `json:"of"`
	// Inverse is true where Things are those who come to it.
	Inverse bool `json:"inverse,omitempty"`
	Total   int  `json:"total"`
	// Certain is how many of them are come to without conditions.
	Certain        int            `json:"certain"`
	Administrators int            `json:"administrators"`
	Kinds          map[string]int `json:"kinds"`
	Environments   map[string]int `json:"environments"`
	DataClasses    map[string]int `json:"dataClasses"`
	// Things are the gravest, as many as were asked for.
	Things []BlastThing `json:"things"`
	// Hidden is true where there are things that the reader may not see.
	Hidden bool     `json:"hidden,omitempty"`
	Gaps   []string `json:"gaps,omitempty"`
}

// BlastThing is a thing within reach.
type BlastThing struct {
	AccessThing
	// Hops is how far it is, and Possible is true where a condition stands
	// between that the caller does not choose.
	Hops     int    `json:"hops"`
	Possible bool   `json:"possible,omitempty"`
	How      string `json:"how,omitempty"`
}

// CanAnswer answers whether an identity may do something.
type CanAnswer struct {
	Identity AccessThing `json:"identity"`
	Action   string      `json:"action"`
	Resource string      `json:"resource,omitempty"`
	// Answers has one answer for each language that the question is of, mostly
	// one.
	Answers []estate.Answer `json:"answers"`
	Gaps    []string        `json:"gaps,omitempty"`
}

// HeldAnswer is what an identity can do.
type HeldAnswer struct {
	Identity AccessThing `json:"identity"`
	// Judged is false where no engine speaks for its system, so that nothing
	// follows from an empty list.
	Judged bool          `json:"judged"`
	Held   []engine.Held `json:"held"`
	Gaps   []string      `json:"gaps,omitempty"`
}

// WhoCanAnswer is who may do something.
type WhoCanAnswer struct {
	Action   string         `json:"action"`
	Resource string         `json:"resource,omitempty"`
	Holders  []AccessHolder `json:"holders"`
	// Total is how many there are where not all are listed.
	Total int `json:"total,omitempty"`
	// Hidden is true where there are others that the reader may not see.
	Hidden bool     `json:"hidden,omitempty"`
	Gaps   []string `json:"gaps,omitempty"`
}

// AccessHolder is one who may do it.
type AccessHolder struct {
	Language string      `json:"language"`
	Identity AccessThing `json:"identity"`
	engine.Decision
}

// Cut is the smallest set of removals that takes a target out of reach.
type Cut struct {
	Targets []AccessThing `json:"targets"`
	// Remove is what to take away, that which most depend on first.
	Remove []CutGrant `json:"remove"`
	// Before is how many come to a target now; Open are those of them who keep a
	// way whatever is taken away.
	Before int         `json:"before"`
	Open   []AccessWay `json:"open"`
	// Exact is true where no fewer removals would do; else at least AtLeast are
	// needed.
	Exact   bool     `json:"exact"`
	AtLeast int      `json:"atLeast"`
	Gaps    []string `json:"gaps,omitempty"`
}

// CutGrant is one thing that can be taken away.
type CutGrant struct {
	Subject AccessThing   `json:"subject"`
	Reason  engine.Reason `json:"reason"`
	// Alone is how many lose every way if nothing but it is taken away; absent
	// where that was not found out.
	Alone *int `json:"alone,omitempty"`
	// Used says whether a use of it is on record; absent where that is not known.
	Used *bool `json:"used,omitempty"`
}

// ChokePoints are what most ways to a target lead through.
type ChokePoints struct {
	Targets []AccessThing `json:"targets"`
	// Sources is how many come to a target.
	Sources int          `json:"sources"`
	Things  []ChokeThing `json:"things"`
	Grants  []ChokeGrant `json:"grants"`
	// Exact is true where nothing that is missing has more than what is listed.
	Exact bool     `json:"exact"`
	Gaps  []string `json:"gaps,omitempty"`
}

// ChokeThing is a thing without which Loses others come to no target.
type ChokeThing struct {
	AccessThing
	Loses int `json:"loses"`
}

// ChokeGrant is a grant without which Loses come to no target.
type ChokeGrant struct {
	CutGrant
	Loses int `json:"loses"`
}

// Escalation is how an identity reaches a target. Its fields are a contract.
type Escalation struct {
	Identity string `json:"identity"`
	// Target is who it acts as in the end, which may be the identity itself
	// with more permissions.
	Target string `json:"target,omitempty"`
	// Already is true for an administrator; it needs no hops.
	Already bool        `json:"already,omitempty"`
	Hops    []AccessHop `json:"hops"`
	// Realm is the identity's system, where that is no AWS account: elsewhere
	// keys name it no more than within one.
	Realm retinue.Realm `json:"realm,omitempty"`
	// Possible is true where a hop has conditions that the caller does not
	// choose, or assumes something.
	Possible bool `json:"possible,omitempty"`
	// Thing is the identity as a thing of the inventory, where it was looked up.
	Thing *AccessThing `json:"thing,omitempty"`
}
