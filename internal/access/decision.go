package access

import "strings"

// Outcome is what an engine answers to one question.
type Outcome string

// The outcomes. Conditional is given only to questions whose context is open
// ("what can this identity do"); in a closed context an engine answers one of
// the others.
const (
	// Allowed is an unconditional yes.
	Allowed Outcome = "Allowed"
	// Conditional is a yes that holds only where the decision's Remains hold.
	Conditional Outcome = "Conditional"
	// ImplicitlyDenied is a no because nothing allows it.
	ImplicitlyDenied Outcome = "ImplicitlyDenied"
	// ExplicitlyDenied is a no because something denies it.
	ExplicitlyDenied Outcome = "ExplicitlyDenied"
	// Unknown means that the engine does not understand something that would
	// decide the question. It is never a guess in either direction.
	Unknown Outcome = "Unknown"
)

// Decision is an engine's answer with what it rests on.
type Decision struct {
	Outcome Outcome `json:"decision"`
	// Because are the statements, bindings or grants that decided, the deciding
	// ones first. For an implicit denial they are the layers that did not
	// allow, with what is missing in Text; for Unknown what was not understood.
	Because []Reason `json:"because"`
	// Remains are the conditions under which a Conditional answer is a yes. All
	// of them must hold.
	Remains []Condition `json:"remains,omitempty"`
	// Unread names the layers that could still forbid it and were not given to
	// the engine, such as "organisation policies". An Allowed with unread
	// layers is "allowed unless forbidden by …".
	Unread []string `json:"unread,omitempty"`
}

// Reason is one thing that a decision rests on.
type Reason struct {
	// Layer is the kind of document: "identity policy", "permissions
	// boundary", "service control policy", "role binding", "ownership", ….
	Layer string `json:"layer"`
	// Document names the document as its vendor does: an ARN, a binding's
	// namespace and name, an object of a database. It may be empty for
	// documents that came without a name.
	Document string `json:"document,omitempty"`
	// Statement is the statement in it: its id, else its place counted from 1
	// as "#2"; for other languages the rule or the access-list item.
	Statement string `json:"statement,omitempty"`
	// Effect is "allow", "deny" or, where nothing matched, "none".
	Effect string `json:"effect"`
	// Text says in a sentence what this contributed.
	Text string `json:"text,omitempty"`
}

// Condition is a requirement that an open question leaves undecided.
type Condition struct {
	// Key is the vendor's condition key, such as "aws:SourceIp", or the
	// variable of an expression.
	Key string `json:"key"`
	// Operator is the vendor's operator, such as "IpAddress"; for a denying
	// statement Negated is true and the condition must not hold.
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
	Negated  bool     `json:"negated,omitempty"`
	// Text is the condition in words.
	Text string `json:"text,omitempty"`
	// AnyOf and AllOf make a requirement of others, where one key does not
	// say it: at least one of AnyOf must hold, or every one of AllOf. Key,
	// Operator and Values are then empty; with Negated the whole must not
	// hold.
	AnyOf []Condition `json:"anyOf,omitempty"`
	AllOf []Condition `json:"allOf,omitempty"`
}

// Sentence is the decision in one sentence, as the command line prints it.
func (d Decision) Sentence() string {
	var b strings.Builder
	switch d.Outcome {
	case Allowed:
		b.WriteString("allowed")
	case Conditional:
		b.WriteString("allowed only if ")
		for i, c := range d.Remains {
			if i > 0 {
				b.WriteString(" and ")
			}
			b.WriteString(c.String())
		}
	case ExplicitlyDenied:
		b.WriteString("explicitly denied")
	case ImplicitlyDenied:
		b.WriteString("not allowed by anything")
	default:
		b.WriteString("unknown")
	}
	if len(d.Unread) > 0 && (d.Outcome == Allowed || d.Outcome == Conditional) {
		b.WriteString(", unless forbidden by " + strings.Join(d.Unread, ", ") + ", which were not read")
	}
	return b.String()
}

// String is the condition in words: its Text, or else the vendor's terms.
func (c Condition) String() string {
	if c.Text != "" {
		return c.Text
	}
	text := c.Key + " " + c.Operator + " " + strings.Join(c.Values, " or ")
	switch {
	case len(c.AnyOf) > 0:
		text = joined(c.AnyOf, " or ")
	case len(c.AllOf) > 0:
		text = joined(c.AllOf, " and ")
	}
	if c.Negated {
		return "not (" + text + ")"
	}
	return text
}

// joined puts requirements into one text, each in brackets where it is itself
// made of several.
func joined(list []Condition, word string) string {
	var b strings.Builder
	for i, c := range list {
		if i > 0 {
			b.WriteString(word)
		}
		if text := c.String(); len(c.AnyOf)+len(c.AllOf) > 1 && !c.Negated {
			b.WriteString("(" + text + ")")
		} else {
			b.WriteString(text)
		}
	}
	return b.String()
}
