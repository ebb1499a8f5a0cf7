package access

import "github.com/retinue-id/retinue"

// Consequence groups what an identity can do by what follows from it, so that
// people read the worst first.
type Consequence string

// The consequences, worst first.
const (
	// Administers: may do everything, or grant itself everything.
	Administers Consequence = "administers"
	// Escalates: may come to more than it was given.
	Escalates Consequence = "escalates"
	// ReadsSecrets: reads values that let others act (credential exposure).
	ReadsSecrets Consequence = "reads_secrets"
	// ExposesResources: may open things to others (resource exposure).
	ExposesResources Consequence = "exposes_resources"
	// Destroys: deletes or overwrites what cannot be made again.
	Destroys Consequence = "destroys"
	// ReadsData: reads what is stored (data access).
	ReadsData Consequence = "reads_data"
	// Changes: changes something else.
	Changes Consequence = "changes"
	// Looks: lists and describes only.
	Looks Consequence = "looks"
)

// Consequences lists every consequence, worst first.
func Consequences() []Consequence {
	return []Consequence{Administers, Escalates, ReadsSecrets, ExposesResources, Destroys, ReadsData, Changes, Looks}
}

// Held is one thing that an identity can do, after everything that limits it:
// what stands in a grant, cut down to what an engine answers.
type Held struct {
	Consequence Consequence `json:"consequence"`
	// Sentence says it in words, such as "reads every object of the bucket
	// invoices".
	Sentence string `json:"sentence"`
	// Actions are as the grant has them, in the vendor's words; a wildcard is
	// kept, and Expands says how many known actions it is about.
	Actions []string `json:"actions"`
	Expands int      `json:"expands,omitempty"`
	// Resources are the vendor's names or patterns; empty where the language
	// has no resources or the grant holds for all.
	Resources []string `json:"resources,omitempty"`
	// Within limits where it holds, such as a namespace or a database.
	Within string `json:"within,omitempty"`
	// Outcome is Allowed, Conditional or Unknown. What is denied is not listed.
	Outcome Outcome     `json:"outcome"`
	Remains []Condition `json:"remains,omitempty"`
	// Because is the grant, and what it comes through.
	Because []Reason `json:"because"`
}

// Holder is an identity that may do what was asked, and why.
type Holder struct {
	// Subject is an identity or a group; Name stands for subjects that no
	// source lists, such as "anyone" or a principal of another account.
	Subject  retinue.Ref `json:"subject,omitzero"`
	Name     string      `json:"name"`
	Decision Decision    `json:"decision"`
}

// Known is a system that an engine speaks for.
type Known struct {
	Realm retinue.Realm `json:"realm"`
	// Gaps say what was not read or not understood, so that answers may miss
	// something; Narrowing what was not read and could only take access away.
	Gaps      []string `json:"gaps,omitempty"`
	Narrowing []string `json:"narrowing,omitempty"`
}
