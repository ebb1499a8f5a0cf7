package excess

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// Unused is what was granted and, by the uses on record, not used.
type Unused struct {
	// Grants is how many grants there are, and Never how many of them no use
	// is on record for.
	Grants int `json:"grants"`
	Never  int `json:"never"`
	// Score is the score of the unused grants by themselves, by the same
	// formula: what is taken away for nothing.
	Score int `json:"score"`
	// Sentences are the unused grants, worst first, at most [MaxList].
	Sentences []string `json:"sentences,omitempty"`
}

// unused takes a grant for used where one of the uses is of one of its actions
// on one of its resources. It says nothing of parts of a grant: right-sizing
// does that.
func unused(list []held, uses []Use) *Unused {
	u := &Unused{}
	var never []held
	for _, h := range list {
		if h.reach == 0 {
			continue
		}
		u.Grants++
		if !h.used(uses) {
			never = append(never, h)
		}
	}
	u.Never = len(never)
	byReach(never)
	for _, h := range never[:min(len(never), MaxList)] {
		u.Sentences = append(u.Sentences, h.Sentence)
	}
	var parts []Factor
	for _, c := range access.Consequences() {
		if h, ok := widest(never, c); ok {
			parts = append(parts, Factor{Kind: string(c), Weight: consequenceWeight(c) * h.reach})
		}
	}
	u.Score = score(parts)
	return u
}

func (h held) used(uses []Use) bool {
	for _, u := range uses {
		if h.covers(u.Action) && h.about(u.Resource) {
			return true
		}
	}
	return false
}

// covers reports whether one of the grant's words is, or has a pattern that
// fits, the action ("get secrets" in Kubernetes). Case plays no part, as in every
// language that has it.
func (h held) covers(action string) bool {
	lower := strings.ToLower(action)
	for _, w := range h.words() {
		if glob.Match(w, lower) {
			return true
		}
	}
	return false
}

func (h held) about(resource string) bool {
	if resource == "" || len(h.Resources) == 0 || isKubernetes(h.Held) {
		return true
	}
	for _, r := range h.Resources {
		if glob.Match(r, resource) || strings.Contains(r, "${") {
			return true
		}
	}
	return false
}
