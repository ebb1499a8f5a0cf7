package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/estate"
)

// attachedOf returns AWS's engine and the policies of an identity, nil where it
// is none of AWS.
func attachedOf(e *estate.Estate, ref retinue.Ref) (*account.Engine, []account.Attached) {
	engine, ok := e.Engine("aws").(*account.Engine)
	if !ok {
		return nil, nil
	}
	have, ok := engine.Attached(ref)
	if !ok {
		return nil, nil
	}
	return engine, have
}

// isCalled reports whether a word names a policy: by its key, or by what stands
// behind the last slash of it.
func isCalled(p account.Attached, word string) bool {
	key := p.Ref.Key
	return key == word || key[strings.LastIndexByte(key, '/')+1:] == word
}

func policiesOf(have []account.Attached) []*awsiam.Policy {
	out := make([]*awsiam.Policy, len(have))
	for i, p := range have {
		out[i] = p.Policy
	}
	return out
}

func attachedNames(have []account.Attached) []string {
	var out []string
	for _, p := range have {
		out = append(out, p.Ref.Key)
	}
	return out
}

// maxGrantsNamed is how many grants an error names.
const maxGrantsNamed = 10

func noGrant(identity, grant string, known []string) error {
	words := "nothing is granted to it"
	if len(known) > 0 {
		words = "there are " + strings.Join(known[:min(len(known), maxGrantsNamed)], ", ")
	}
	return fmt.Errorf("%w: %s has no grant %.200q: %s", retinue.ErrNotFound, identity, grant, words)
}

// documentsHeld names the documents that give an identity something.
func documentsHeld(e *estate.Estate, ref retinue.Ref) []string {
	var out []string
	for _, h := range e.Held(ref) {
		for _, b := range allowing(h.Because) {
			if !slices.Contains(out, b.Document) {
				out = append(out, b.Document)
			}
		}
	}
	slices.Sort(out)
	return out
}

// heldBy answers as things stand, in whatever language.
type heldBy struct {
	estate *estate.Estate
	ref    retinue.Ref
}

// Decide implements replay.Decider.
func (h heldBy) Decide(action, resource string, _ map[string]string) access.Decision {
	answers, err := h.estate.Can(h.ref, action, resource)
	if err != nil || len(answers) == 0 {
		text := "no language has the question"
		if err != nil {
			text = err.Error()
		}
		return undecided(text)
	}
	best := answers[0].Decision
	for _, a := range answers[1:] {
		if a.Outcome == access.Allowed {
			best = a.Decision
		}
	}
	return best
}

func undecided(text string) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Effect: "none", Text: text}}}
}

// without answers as if some documents gave nothing.
type without struct {
	heldBy
	documents []string
}

// allReasons is how many reasons an engine of any language names at least, if
// there are so many. With fewer, they are all.
const allReasons = 5

// Decide implements replay.Decider.
func (w without) Decide(action, resource string, context map[string]string) access.Decision {
	d := w.heldBy.Decide(action, resource, context)
	if d.Outcome != access.Allowed && d.Outcome != access.Conditional {
		return d
	}
	grants := allowing(d.Because)
	taken := 0
	for _, g := range grants {
		if slices.Contains(w.documents, g.Document) {
			taken++
		}
	}
	switch {
	case len(grants) == 0:
		return undecided("the answer names no grant")
	case resource == "" && taken < len(grants):
		return undecided("on what it was done is not known, and another grant may have given it")
	case taken == 0 || taken < len(grants) && d.Outcome == access.Allowed:
		return d
	case taken < len(grants):
		return undecided("what else gives it hangs on conditions")
	case len(grants) >= allReasons:
		return undecided("there may be more grants than the answer names")
	}
	return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: grants[0].Layer, Document: grants[0].Document, Effect: "none",
		Text: "nothing but " + grants[0].Document + " allows it"}}}
}

// anyOf is how a name that the history generalised is asked about in languages
// other than AWS's: as any resource. Of that, only a no is an answer about each.
func anyOf(_, resource string) ([]string, bool) {
	if strings.ContainsAny(resource, "*?…") {
		return []string{""}, true
	}
	return []string{resource}, true
}
