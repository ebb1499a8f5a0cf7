package excess

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// consequenceWeight is how bad a consequence is where it holds for everything.
func consequenceWeight(c access.Consequence) float64 {
	switch c {
	case access.Administers:
		return 1
	case access.Escalates:
		return 0.8
	case access.ReadsSecrets:
		return 0.6
	case access.ExposesResources:
		return 0.45
	case access.Destroys:
		return 0.4
	case access.ReadsData:
		return 0.35
	case access.Changes:
		return 0.15
	}
	return 0.03
}

const (
	administratorsWeight      = 0.85
	maybeAdministratorsWeight = 0.5
	identitiesWeight          = 0.1 // for each power of ten
	identitiesMost            = 0.4
	resourcesMost             = 0.6
)

func severityWeight(s retinue.Severity) float64 {
	if s == retinue.SeverityHigh || s == retinue.SeverityCritical {
		return 0.5
	}
	return 0.3
}

func factors(list []held, in *Input, e *Excess) []Factor {
	var out []Factor
	if in.Administrator && !administers(list) {
		text := "is an administrator of its system"
		if h, ok := widest(list, access.Administers); ok {
			text = h.Sentence
		}
		out = append(out, Factor{string(access.Administers), 1, text})
	}
	for _, c := range access.Consequences() {
		if in.Administrator && c == access.Administers && !administers(list) {
			continue
		}
		if h, ok := widest(list, c); ok {
			out = append(out, Factor{string(c), consequenceWeight(c) * h.reach, h.Sentence})
		}
	}
	if in.Reach != nil {
		out = append(out, reachFactors(in.Reach)...)
	}
	if len(e.Combinations) > 0 {
		c := e.Combinations[0]
		out = append(out, Factor{"combination", severityWeight(c.Severity) * c.certainty, c.Title})
	}
	if len(e.Tokens) > 0 {
		t := e.Tokens[0]
		out = append(out, Factor{"token", severityWeight(t.Severity), fmt.Sprintf("holds a token whose scope %s %s", t.Scopes[0].Scope, t.Scopes[0].Gives)})
	}
	out = slices.DeleteFunc(out, func(f Factor) bool { return f.Weight <= 0 })
	for i := range out {
		out[i].Weight = math.Round(out[i].Weight*1e4) / 1e4
	}
	slices.SortStableFunc(out, func(a, b Factor) int { return cmp.Compare(b.Weight, a.Weight) })
	return out
}

// widest is the grant of a consequence that reaches furthest.
func widest(list []held, c access.Consequence) (held, bool) {
	var best held
	found := false
	for _, h := range list {
		if h.Consequence != c {
			continue
		}
		if !found || h.reach > best.reach || h.reach == best.reach && h.Sentence < best.Sentence {
			best, found = h, true
		}
	}
	return best, found
}

func reachFactors(r *Reach) []Factor {
	var out []Factor
	switch {
	case r.Administrators > 0:
		out = append(out, Factor{"reaches_administrators", administratorsWeight,
			"can come to act as " + plural(r.Administrators, "administrator", "administrators")})
	case r.MaybeAdministrators > 0:
		out = append(out, Factor{"reaches_administrators", maybeAdministratorsWeight,
			"may come to act as " + plural(r.MaybeAdministrators, "administrator", "administrators")})
	}
	if r.Identities > 0 {
		out = append(out, Factor{"reaches_identities", min(identitiesMost, identitiesWeight*math.Log10(1+float64(r.Identities))),
			"can come to act as " + plural(r.Identities, "other identity", "other identities")})
	}
	var worst Factor
	for _, x := range r.Resources {
		if x.Count <= 0 {
			continue
		}
		size := min(1, 0.5+0.5*math.Log10(float64(x.Count))/3)
		w := classWeight(x.DataClass) * environmentWeight(x.Environment) * size * resourcesMost
		if text := reachedText(x); w > worst.Weight || w == worst.Weight && text < worst.Text {
			worst = Factor{"reaches_resources", w, text}
		}
	}
	if worst.Weight > 0 {
		out = append(out, worst)
	}
	return out
}

func reachedText(x Reached) string {
	text := "reaches " + plural(x.Count, "resource", "resources")
	if x.DataClass != "" {
		text += " with " + retinue.CleanName(x.DataClass) + " data"
	}
	if x.Environment != "" {
		text += " in " + string(x.Environment)
	}
	return text
}

// classWeight reads a label of a data class. Organisations choose their own
// words; these are those of common schemes.
func classWeight(class string) float64 {
	word := strings.ToLower(class)
	for _, x := range []struct {
		weight float64
		words  []string
	}{
		{1, []string{"restricted", "secret", "pci", "cardholder", "phi", "health", "pii", "personal", "regulated", "high"}},
		{0.8, []string{"confidential", "sensitive"}},
		{0.4, []string{"internal"}},
		{0.1, []string{"public"}},
	} {
		for _, w := range x.words {
			if strings.Contains(word, w) {
				return x.weight
			}
		}
	}
	if class == "" {
		return 0.5
	}
	return 0.6
}

func environmentWeight(e retinue.Environment) float64 {
	switch e {
	case retinue.EnvironmentProduction:
		return 1
	case retinue.EnvironmentShared:
		return 0.8
	case retinue.EnvironmentStaging:
		return 0.5
	case retinue.EnvironmentTest, retinue.EnvironmentDevelopment:
		return 0.3
	case retinue.EnvironmentSandbox:
		return 0.2
	}
	return 0.6
}

func score(list []Factor) int {
	rest := 1.0
	for _, f := range list {
		rest *= 1 - f.Weight
	}
	// A little is added before rounding down, for 0.30000000000000004.
	return int(math.Floor(100*(1-rest) + 1e-9))
}

func level(score int) retinue.Severity {
	switch {
	case score >= 90:
		return retinue.SeverityCritical
	case score >= 70:
		return retinue.SeverityHigh
	case score >= 40:
		return retinue.SeverityMedium
	case score >= 15:
		return retinue.SeverityLow
	}
	return retinue.SeverityInfo
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
