package retinue

import "time"

// Use is an observation that a credential or identity acted, or that its
// source says when it last did. Uses are kept outside the content hashes of
// what they are about.
type Use struct {
	Subject Ref `json:"subject"` // identity or credential
	// Meaning says what the source's field means: "last_used",
	// "last_authenticated", "last_denied_or_used", "connected".
	Meaning string    `json:"meaning"`
	At      time.Time `json:"at"`
	// Never is true where the source says that it was never used; At is then
	// zero.
	Never bool `json:"never,omitempty"`
	// Precision is how exact At is, in seconds (a date is 86,400).
	Precision int    `json:"precision,omitempty"`
	Action    string `json:"action,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Outcome   string `json:"outcome,omitempty"` // success, denied, error; empty: not told apart
	Consumer  string `json:"consumer,omitempty"`
	Grade     Grade  `json:"grade"`
	Attrs     Attrs  `json:"attrs,omitempty"`
}

// Grade is the evidence of use, strongest first.
type Grade string

// The grades.
const (
	// GradeA (complete): the source's own complete event log covers every way
	// the credential can be used, without gaps in the window.
	GradeA Grade = "A"
	// GradeB (good): complete but for named blind spots that this identity's
	// grants do not touch.
	GradeB Grade = "B"
	// GradeC (weak): only a last-used field of the source.
	GradeC Grade = "C"
	// GradeD (none): no usage source at all.
	GradeD Grade = "D"
)

// OwnerSignal is evidence, with its quotation, that a person or team answers
// for a thing.
type OwnerSignal struct {
	Subject Ref `json:"subject"`
	// Candidate is the person's e-mail address, handle or team name.
	Candidate string `json:"candidate"`
	// Signal says what sort of evidence: codeowners, git_author, tag,
	// creator, label, directory.
	Signal string    `json:"signal"`
	Quote  string    `json:"quote,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Places []Place   `json:"places,omitempty"`
}
