package excess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// wildcards are the grants that name actions by pattern, widest first.
func wildcards(list []held) []Wildcard {
	var found []held
	for _, h := range list {
		if h.reach > 0 && slices.ContainsFunc(h.Actions, isPattern) {
			found = append(found, h)
		}
	}
	byReach(found)
	var out []Wildcard
	for _, h := range found[:min(len(found), MaxList)] {
		actions := slices.Clone(h.Actions)
		actions = slices.DeleteFunc(actions, func(a string) bool { return !isPattern(a) })
		out = append(out, Wildcard{actions, h.Expands, h.Consequence, h.Sentence})
	}
	return out
}

func isPattern(action string) bool { return strings.ContainsAny(action, "*?") }

// class is the public catalogues' word for a consequence (the classes of AWS
// actions in the list that Cloudsplaining and others share).
func class(c access.Consequence) string {
	switch c {
	case access.Administers, access.Escalates:
		return "privilege escalation"
	case access.ReadsSecrets:
		return "credential exposure"
	case access.ExposesResources:
		return "resource exposure"
	case access.ReadsData:
		return "data access"
	}
	return ""
}

// privileged groups what matters by consequence. Merely changing or looking is
// not privileged.
func privileged(list []held) []Privileged {
	var out []Privileged
	for _, c := range access.Consequences() {
		if c == access.Changes || c == access.Looks {
			continue
		}
		var found []held
		for _, h := range list {
			if h.Consequence == c && h.reach > 0 {
				found = append(found, h)
			}
		}
		if len(found) == 0 {
			continue
		}
		byReach(found)
		p := Privileged{Consequence: c, Class: class(c), Grants: len(found)}
		for _, h := range found {
			if len(p.Sentences) < MaxList && !slices.Contains(p.Sentences, h.Sentence) {
				p.Sentences = append(p.Sentences, h.Sentence)
			}
		}
		out = append(out, p)
	}
	return out
}

// broad are the grants on resources that are not named, but for looking.
func broad(list []held) []Broad {
	var found []held
	for _, h := range list {
		if h.breadth != Named && h.Consequence != access.Looks && h.reach > 0 {
			found = append(found, h)
		}
	}
	slices.SortStableFunc(found, func(a, b held) int {
		return cmp.Or(cmp.Compare(b.breadth.weight(), a.breadth.weight()),
			cmp.Compare(consequenceWeight(b.Consequence), consequenceWeight(a.Consequence)), cmp.Compare(b.reach, a.reach),
			cmp.Compare(a.Sentence, b.Sentence))
	})
	var out []Broad
	for _, h := range found[:min(len(found), MaxList)] {
		out = append(out, Broad{h.breadth, h.Resources, h.Consequence, h.Sentence})
	}
	return out
}

// byReach sorts the worst and widest first.
func byReach(list []held) {
	slices.SortStableFunc(list, func(a, b held) int {
		return cmp.Or(cmp.Compare(consequenceWeight(b.Consequence)*b.reach, consequenceWeight(a.Consequence)*a.reach),
			cmp.Compare(b.Expands, a.Expands), cmp.Compare(a.Sentence, b.Sentence))
	})
}
