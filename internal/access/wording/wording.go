// Package wording puts what an identity holds into sentences that people read:
// what the engines of different clouds say in the same way.
package wording

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// maxNamed is how many kinds of thing a sentence names.
const maxNamed = 4

// Some names the first of several kinds of thing and counts the rest: "buckets,
// objects and 3 more kinds of thing". It sorts what it is given.
func Some(kinds []string) string {
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	if n := len(kinds) - maxNamed; n > 0 {
		return strings.Join(kinds[:maxNamed], ", ") + fmt.Sprintf(" and %d more kinds of thing", n)
	}
	return All(kinds)
}

// All names all of a list: "a, b and c".
func All(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// Words puts blanks into a name in camel case: "secretVersions" becomes "secret
// versions".
func Words(name string) string {
	var b strings.Builder
	for i, c := range name {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// verbs say for each consequence what is done to things.
func verbs() map[access.Consequence]string {
	return map[access.Consequence]string{
		access.ReadsSecrets: "reads the values of ", access.ExposesResources: "opens to others ", access.Destroys: "deletes ",
		access.ReadsData: "reads ", access.Changes: "makes or changes ", access.Looks: "lists and describes ",
	}
}

// Sentence says what is done to kinds of thing in a place. Of administering and
// escalating an engine says itself how.
func Sentence(c access.Consequence, kinds []string, place string) string {
	return verbs()[c] + Some(kinds) + " in " + place
}

// Sort puts the worst first, and what is sure before what is not.
func Sort(list []access.Held) {
	order := access.Consequences()
	slices.SortStableFunc(list, func(a, b access.Held) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Consequence), slices.Index(order, b.Consequence)),
			cmp.Compare(rank(a.Outcome), rank(b.Outcome)), strings.Compare(a.Sentence, b.Sentence), slices.Compare(a.Resources, b.Resources), slices.Compare(a.Actions, b.Actions))
	})
}

func rank(o access.Outcome) int {
	return slices.Index([]access.Outcome{access.Allowed, access.Conditional, access.Unknown}, o)
}

// Surer reports whether an outcome is a surer yes than another.
func Surer(a, b access.Outcome) bool {
	order := []access.Outcome{access.Allowed, access.Conditional, access.Unknown, access.ExplicitlyDenied, access.ImplicitlyDenied}
	return slices.Index(order, a) < slices.Index(order, b)
}

// SortHolders puts the surest first and leaves equals as they are.
func SortHolders(list []access.Holder) {
	slices.SortStableFunc(list, func(a, b access.Holder) int {
		switch {
		case Surer(a.Decision.Outcome, b.Decision.Outcome):
			return -1
		case Surer(b.Decision.Outcome, a.Decision.Outcome):
			return 1
		}
		return 0
	})
}

// Disabled adds to a yes that a disabled principal has to be enabled again; text
// says so in words.
func Disabled(d access.Decision, text string) access.Decision {
	if d.Outcome != access.Allowed && d.Outcome != access.Conditional {
		return d
	}
	d.Outcome = access.Conditional
	d.Remains = append(slices.Clone(d.Remains), access.Condition{Key: "state", Operator: "is", Values: []string{"enabled"}, Text: text})
	return d
}
