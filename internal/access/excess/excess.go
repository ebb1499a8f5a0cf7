// Package excess says how much more an identity can do than is good, and in a
// sentence why. [Of] takes what an identity holds, as the engines of the policy
// languages answer it, with what it reaches through others and the scopes of
// its tokens; it knows no policy language itself.
//
// # The score
//
// The score goes from 0 to 100 and measures reach, not the number of grants: a
// single grant of everything scores 100, and a thousand grants of one bucket
// each score as one does. It is made of factors, each between 0 and 1, which
// are put together as chances are that do not depend on each other:
//
//	score = 100 × (1 − (1−f₁) × (1−f₂) × …)
//
// rounded down, so that only the certain administrator of everything has 100.
// There is one factor for each [access.Consequence], from the grant of that
// consequence with the widest reach:
//
//	f = weight of the consequence × breadth of the resources × certainty
//
//	weight     administers 1, escalates 0.8, reads_secrets 0.6, exposes_resources 0.45,
//	           destroys 0.4, reads_data 0.35, changes 0.15, looks 0.03
//	breadth    everything 1, every resource of a type 0.8, a part of them 0.5,
//	           named ones 0.25; what holds within a namespace or a database
//	           counts at most 0.6
//	certainty  Allowed 1, Conditional 0.7, Unknown 0.4
//
// and one each for the worst risky combination (high 0.5, medium 0.3), the
// widest scope of a token (high 0.5, medium 0.3), and, where reach through
// others was worked out: administrators that it can become (0.85; 0.5 where
// only under conditions), other identities that it can act as (0.1 × log₁₀(1+n),
// at most 0.4), and the resources reached of the worst data class and
// environment (see [Reached]).
//
// Every factor is a maximum or grows with what it counts, so that one more
// grant, token or reached thing never lowers a score.
//
// Everything here is pure.
package excess

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Input is what is known of one identity.
type Input struct {
	// Held is what it can do by itself.
	Held []access.Held
	// Administrator is true where it is known to be an administrator of its
	// system, such as an owner of the whole hierarchy of a cloud; what that
	// means is the matter of each language.
	Administrator bool
	// Reach is what it comes to through others; nil where that was not worked
	// out.
	Reach *Reach
	// Tokens are its credentials that have scopes.
	Tokens []Token
	// Uses are what it was seen to do; nil where uses are not recorded, and
	// empty where they are and there is none.
	Uses []Use
}

// Reach is what an identity comes to through steps to others.
type Reach struct {
	// Administrators is how many administrators it can come to act as without
	// a condition, itself not counted; MaybeAdministrators how many more under
	// conditions or where something was not read.
	Administrators, MaybeAdministrators int
	// Identities is how many other identities it can come to act as.
	Identities int
	// Resources are what can be reached, by class and environment.
	Resources []Reached
}

// Reached counts resources of one data class in one environment. Its factor is
//
//	class × environment × (0.5 + 0.5 × log₁₀(n)/3, at most 1) × 0.6
//
// with class 1 for restricted, secret, PCI, health and personal data, 0.8 for
// confidential, 0.6 for other labels, 0.5 without one, 0.4 for internal and 0.1
// for public; and environment 1 for production, 0.8 for shared, 0.6 without
// one, 0.5 for staging, 0.3 for test and development, 0.2 for sandboxes.
type Reached struct {
	DataClass   string
	Environment retinue.Environment
	Count       int
}

// Token is a credential with scopes.
type Token struct {
	Name string
	// Vendor is who issued it, as [Vendor] names it; with an empty one only
	// scopes with unmistakable names are known.
	Vendor string
	Scopes []string
}

// Use is something that the identity did.
type Use struct {
	// Action and Resource are in the words of the language. An empty resource
	// means that it is not known on what.
	Action, Resource string
	Last             time.Time
}

// Excess is what an identity can do beyond what is good. Its JSON names are a
// contract.
type Excess struct {
	// Score goes from 0 to 100; the package comment has the formula.
	Score int `json:"score"`
	// Level is the score in a word: critical from 90, high from 70, medium
	// from 40, low from 15, else info.
	Level retinue.Severity `json:"level"`
	// Sentence says why.
	Sentence string `json:"sentence"`
	// Administrator is true where it may do everything, without a condition
	// and without a limit to a part.
	Administrator bool `json:"administrator"`
	// Factors are what the score is made of, greatest first.
	Factors []Factor `json:"factors"`
	// Wildcards are grants of patterns of actions.
	Wildcards []Wildcard `json:"wildcards,omitempty"`
	// Privileged are the grants that matter, by what follows from them, worst
	// first.
	Privileged []Privileged `json:"privileged,omitempty"`
	// Broad are grants to change or read on resources that are not named.
	Broad []Broad `json:"broad,omitempty"`
	// Combinations are grants that are harmless by themselves and not together.
	Combinations []Combination `json:"combinations,omitempty"`
	// Tokens are credentials with scopes wider than most uses need.
	Tokens []WideToken `json:"tokens,omitempty"`
	// Unused is what was granted and not used; nil where uses are not known.
	Unused *Unused `json:"unused,omitempty"`
	// Unsure says what the answer may miss.
	Unsure []string `json:"unsure,omitempty"`
}

// Factor is one part of a score.
type Factor struct {
	// Kind is a consequence, or "reaches_administrators", "reaches_identities",
	// "reaches_resources", "combination" or "token".
	Kind string `json:"kind"`
	// Weight is between 0 and 1.
	Weight float64 `json:"weight"`
	Text   string  `json:"text"`
}

// Wildcard is a grant whose actions are patterns.
type Wildcard struct {
	Actions []string `json:"actions"`
	// Expands is how many known actions they are about; 0 where not known.
	Expands     int                `json:"expands,omitempty"`
	Consequence access.Consequence `json:"consequence"`
	Sentence    string             `json:"sentence"`
}

// Privileged are the grants of one consequence.
type Privileged struct {
	Consequence access.Consequence `json:"consequence"`
	// Class is the public catalogues' word for it: "privilege escalation",
	// "credential exposure", "resource exposure", "data access" or empty.
	Class string `json:"class,omitempty"`
	// Grants is how many there are; Sentences the widest of them, at most
	// [MaxList].
	Grants    int      `json:"grants"`
	Sentences []string `json:"sentences"`
}

// Broad is a grant on resources that are not named.
type Broad struct {
	// Breadth is "everything", "type" or "part".
	Breadth     Breadth            `json:"breadth"`
	Resources   []string           `json:"resources,omitempty"`
	Consequence access.Consequence `json:"consequence"`
	Sentence    string             `json:"sentence"`
}

// MaxList bounds each list of an Excess.
const MaxList = 100

// Of computes the excess of one identity. The order of the input's lists plays
// no part but for the order of equal things.
func Of(in Input) Excess {
	held := make([]held, 0, len(in.Held))
	for i := range in.Held {
		held = append(held, measure(&in.Held[i]))
	}
	e := Excess{Administrator: in.Administrator || administers(held), Factors: []Factor{}}
	e.Wildcards = wildcards(held)
	e.Privileged = privileged(held)
	e.Broad = broad(held)
	e.Combinations = combined(held, e.Administrator)
	e.Tokens = wideTokens(in.Tokens)
	e.Factors = append(e.Factors, factors(held, &in, &e)...)
	e.Score = score(e.Factors)
	e.Level = level(e.Score)
	if in.Uses != nil {
		e.Unused = unused(held, in.Uses)
	}
	e.Unsure = unsure(held, &in)
	e.Sentence = sentence(&e)
	return e
}

func unsure(list []held, in *Input) []string {
	var out []string
	unknown := 0
	for _, h := range list {
		if h.Outcome == access.Unknown {
			unknown++
		}
	}
	if unknown > 0 {
		out = append(out, plural(unknown, "grant is", "grants are")+" not wholly understood")
	}
	if in.Reach == nil {
		out = append(out, "what it reaches through others was not worked out")
	}
	return out
}
