package awsiam

import "strconv"

// The versions of the policy language ("IAM JSON policy elements: Version").
// A document without one is of the older, in which policy variables are plain
// text.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Effect is what a statement does.
type Effect string

// The effects; their case is fixed ("IAM JSON policy elements: Effect").
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Policy is a parsed and compiled document. It is immutable.
type Policy struct {
	name string
	doc  *compiled
}

// compiled is what policies of the same text share.
type compiled struct {
	version    string
	id         string
	statements []Statement
	// unclear says why nothing in the document is understood, such as an
	// unknown version.
	unclear string
	index   *index
	// memory is for preparing the statements when they are first needed; nil
	// where they are prepared.
	memory *memory
}

// Statement is one statement of a policy, as it was written. Its lists must
// not be changed.
type Statement struct {
	Sid    string
	Effect Effect
	// Principals and NotPrincipals are nil where the element is absent.
	Principals, NotPrincipals *Principals
	// Actions, NotActions, Resources and NotResources are nil where the
	// element is absent, and empty where its list is.
	Actions, NotActions     []string
	Resources, NotResources []string
	Conditions              []Condition
	// Unclear lists what is not understood in the statement, each with its
	// field. Where the statement would otherwise apply, the answer is Unknown.
	Unclear []string

	number int
	// targets and tests say that what the statement is about, and its
	// conditions, are prepared.
	targets, tests bool
	actions        actionSet
	resources      []resourcePattern
	named          []principalPattern
}

// Condition is one key under one operator. All conditions of a statement must
// hold; the values of one are alternatives ("Conditions with multiple context
// keys or values").
type Condition struct {
	Operator string
	Key      string
	Values   []string

	test test
}

// Principals are the names of a Principal or NotPrincipal element by type
// ("AWS JSON policy elements: Principal").
type Principals struct {
	// All is true where the element is the text "*".
	All                                    bool
	AWS, Service, Federated, CanonicalUser []string
}

// Problem is something in a policy that this engine does not understand.
type Problem struct {
	// Statement counts from 1; 0 is the document itself.
	Statement int
	Text      string
}

// Named returns the policy under a name, such as its ARN, by which decisions
// call it. It shares everything else with p.
func (p *Policy) Named(name string) *Policy { return &Policy{name: name, doc: p.doc} }

// Name is the name given by Named.
func (p *Policy) Name() string { return p.name }

// Version is the version of the language as written; empty where absent.
func (p *Policy) Version() string { return p.doc.version }

// ID is the document's Id element.
func (p *Policy) ID() string { return p.doc.id }

// Statements returns the statements in their order. The caller must not change
// them.
func (p *Policy) Statements() []Statement { return p.doc.statements }

// Problems returns what is not understood in the policy.
func (p *Policy) Problems() []Problem {
	var out []Problem
	if p.doc.unclear != "" {
		out = append(out, Problem{Text: p.doc.unclear})
	}
	for i := range p.doc.statements {
		for _, u := range p.doc.statements[i].Unclear {
			out = append(out, Problem{Statement: i + 1, Text: u})
		}
	}
	return out
}

// Place names the statement as decisions do: its Sid, else its number from 1.
func (st *Statement) Place() string {
	if st.Sid != "" {
		return st.Sid
	}
	const few = "#1#2#3#4#5#6#7#8#9"
	if at := 2 * st.number; at < len(few) {
		return few[at : at+2]
	}
	return "#" + strconv.Itoa(st.number+1)
}

// AppliesTo reports whether the statement's Action or NotAction element covers
// an action, leaving everything else aside. Actions are compared without
// regard to case.
func (st *Statement) AppliesTo(action string) bool {
	return st.actions.covers(lower(action))
}
