package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

// Disable is the change that makes an identity or a credential unusable: nothing
// that was done with it goes on.
type Disable struct {
	// Doubt says why it is not known whether a use was made with what is
	// disabled, and is empty where it was. Nil: it always was.
	Doubt func(b *store.Behaviour) string
}

// Judge implements Judge.
func (d Disable) Judge(b *store.Behaviour) (Fate, string) {
	if d.Doubt != nil {
		if why := d.Doubt(b); why != "" {
			return Unjudged, why
		}
	}
	return Refused, ""
}

// Decider answers what an identity may do. The context are the request
// conditions that are known; the others are open.
type Decider interface {
	Decide(action, resource string, context map[string]string) access.Decision
}

// Grants is the change of what an identity is granted.
type Grants struct {
	Before, After Decider
	// Instances returns the resources that stand for all that a name as the
	// history keeps it (with wildcards, or empty) may mean for an action, by
	// Before and After; false where that is not known.
	Instances func(action, resource string) ([]string, bool)
	// Direct reports whether the identity itself acted; nil: it always did. What
	// it did as another that it had come to act as hangs on the grants of that
	// other, and on the step to it, which is a use of its own.
	Direct func(b *store.Behaviour) bool
}

// Judge implements Judge.
func (g Grants) Judge(b *store.Behaviour) (Fate, string) {
	switch {
	case g.Direct != nil && !g.Direct(b):
		return Unjudged, "it was done as " + b.Identity.Key + ": that hangs on the step to it, which is judged by itself"
	case b.Action == "":
		return Unjudged, "the permission that the call needs is not known"
	}
	fate, why := g.one(b, b.Action, b.Resource.Key)
	for _, more := range strings.Fields(b.More) {
		// The log does not say on what it was checked besides.
		f, w := g.one(b, more, "")
		if rank(f) > rank(fate) {
			fate, why = f, w
		}
	}
	return fate, why
}

// rank orders fates by which decides where a call needs several permissions.
func rank(f Fate) int { return slices.Index([]Fate{GoesOn, Unjudged, Unexplained, Refused}, f) }

// one judges one permission: by every resource that it may have been on.
func (g Grants) one(b *store.Behaviour, action, resource string) (Fate, string) {
	on, ok := []string{resource}, true
	if g.Instances != nil {
		on, ok = g.Instances(action, resource)
	}
	if !ok || len(on) == 0 {
		return Unjudged, "the history keeps " + kept(resource) + ", and which is meant may decide"
	}
	context := contextOf(b.Context)
	var fate Fate
	var why, denied string
	partly := false
	for _, r := range on {
		before := g.Before.Decide(action, r, context)
		if isDenied(before) {
			denied = reason(before) // that it was this resource is ruled out by the success
			continue
		}
		f, w := compare(before, g.After.Decide(action, r, context))
		switch {
		case fate == "":
			fate, why = f, w
		case fate != f && fate != Refused && f != Refused:
			// Some of it goes on, the rest is not known.
			if f == Unjudged {
				why = w
			}
			fate, partly = Unjudged, true
		case fate != f:
			return Unjudged, "the history keeps " + kept(resource) + ", of which some would be refused and some not"
		}
	}
	switch {
	case partly:
		return fate, "the history keeps " + kept(resource) + ": some of it would go on; of the rest, " + why
	case fate != "":
		return fate, why
	case b.Outcome != retinue.OutcomeSuccess:
		return Unjudged, "the call failed or its outcome is not known, and by what is known of access it is not allowed now"
	}
	return Unexplained, "it succeeded, and by what is known of access it is denied already: " + denied
}

// kept is a resource as the history keeps it, in words.
func kept(resource string) string {
	if resource == "" {
		return "no resource of it"
	}
	return "of the resource only " + resource
}

// compare says what becomes of a use that was not denied before.
func compare(before, after access.Decision) (Fate, string) {
	if elsewhere(before, after) {
		return GoesOn, ""
	}
	switch after.Outcome {
	case access.Allowed:
		return GoesOn, ""
	case access.ImplicitlyDenied, access.ExplicitlyDenied:
		return Refused, reason(after)
	case access.Conditional:
		// What remains to hold now held when the use succeeded.
		if before.Outcome == access.Conditional && !slices.ContainsFunc(after.Remains, func(c access.Condition) bool {
			return !slices.ContainsFunc(before.Remains, func(o access.Condition) bool { return o.String() == c.String() })
		}) {
			return GoesOn, ""
		}
		return Unjudged, "it would be " + after.Sentence() + ", which the history does not show"
	}
	return Unjudged, "what decides it is not known: " + reason(after)
}

// elsewhere reports whether what allowed a use is none of what is changed: the
// identity's own policies allow it neither before nor after, what may allow it was
// not read, and all else is as it was.
func elsewhere(before, after access.Decision) bool {
	own := func(r access.Reason) bool { return r.Layer == ownLayer && r.Effect == "none" }
	return before.Outcome == access.Unknown && after.Outcome == access.Unknown && slices.Equal(before.Because, after.Because) && slices.ContainsFunc(before.Because, own)
}

// ownLayer are the policies of an identity itself, as decisions name them.
const ownLayer = "identity policy"

func isDenied(d access.Decision) bool {
	return d.Outcome == access.ImplicitlyDenied || d.Outcome == access.ExplicitlyDenied
}

func reason(d access.Decision) string {
	for _, b := range d.Because {
		if b.Text != "" {
			if d.Outcome == access.Unknown && b.Layer != "" {
				return b.Layer + " " + b.Text
			}
			return d.Sentence() + ": " + b.Text
		}
	}
	if len(d.Because) > 0 {
		return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", d.Sentence(), d.Because[0].Layer, d.Because[0].Document, d.Because[0].Statement))
	}
	return d.Sentence()
}

// contextOf reads a class of request conditions. Of one that was too long to
// keep, all are open.
func contextOf(class string) map[string]string {
	if class == "" || class == usage.ContextOverflow {
		return nil
	}
	out := map[string]string{}
	for line := range strings.SplitSeq(class, "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			out[key] = value
		}
	}
	return out
}

// Deny is the change that closes an environment to an identity.
type Deny struct {
	Environment retinue.Environment
	// Of returns the environment of what was acted on, and false where that is
	// not known. Resources are as the history keeps them.
	Of func(resource retinue.Ref) (retinue.Environment, bool)
}

// Judge implements Judge.
func (d Deny) Judge(b *store.Behaviour) (Fate, string) {
	if b.Resource.IsZero() {
		return Unjudged, "the log does not say on what it was done"
	}
	switch env, ok := d.Of(b.Resource); {
	case !ok:
		return Unjudged, "the environment of " + b.Resource.Key + " is not known"
	case env == d.Environment:
		return Refused, b.Resource.Key + " is in " + string(env)
	}
	return GoesOn, ""
}
