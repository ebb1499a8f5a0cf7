package pipelines

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// exactTrust admits one subject, by equality: a federated credential of Entra, or
// any trust of which no more is known than issuer, subject and audience. With
// wild the subject is a pattern.
type exactTrust struct {
	layer, document   string
	subject, audience string
	wild              bool
}

func (x *exactTrust) wanted() []wanted {
	return []wanted{{claim: claimSubject, pattern: x.subject, wild: x.wild}}
}

func (x *exactTrust) complete() bool { return true }

func (x *exactTrust) may(begins string) bool {
	s := x.subject
	if x.wild {
		s = literalStart(s)
	}
	n := min(len(s), len(begins))
	return s[:n] == begins[:n]
}

func (x *exactTrust) decide(t *Token, c Claims) access.Decision {
	d := access.Decision{Outcome: access.ImplicitlyDenied}
	if x.audience != "" && t.Audiences != nil && !slices.Contains(t.Audiences, x.audience) {
		return d
	}
	d.Because = []access.Reason{{Layer: x.layer, Document: x.document, Effect: "allow", Text: "admits the subject " + x.subject}}
	subject, known := c[claimSubject]
	switch {
	case !known:
		d.Outcome = access.Conditional
		d.Remains = []access.Condition{{Key: claimSubject, Operator: "is", Values: []string{x.subject}, Text: "the token's subject is " + x.subject}}
	case x.wanted()[0].fits(subject):
		d.Outcome = access.Allowed
	}
	return d
}

// newEntraTrust reads a federated credential of an application or a managed
// identity.
func newEntraTrust(t retinue.Trust) *exactTrust {
	name, _ := t.Attrs["credential"].(string)
	if name == "" {
		name = t.Subject.Key
	}
	return &exactTrust{layer: "federated credential", document: name, subject: t.Federation.Subject, audience: t.Federation.Audience}
}
