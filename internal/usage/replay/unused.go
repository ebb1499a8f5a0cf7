package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
	"github.com/retinue-id/retinue/internal/store"
)

// UnusedGrants are what is granted minus what was used. Its JSON names are a
// contract.
type UnusedGrants struct {
	// Known is false where what is granted, or what was used, is not known; Why
	// then says so.
	Known bool   `json:"known"`
	Why   string `json:"why,omitempty"`
	// Granted counts what is held.
	Granted int `json:"granted"`
	// Unused was not used, wholly or in part. Of Unseen the log cannot show the
	// use, so that it says nothing.
	Unused []UnusedGrant `json:"unused"`
	Unseen []UnusedGrant `json:"unseen"`
	// Recent was not used, and was granted so lately that this says nothing.
	Recent []UnusedGrant `json:"recent"`
	// GrantsKnownFrom is since when it is known what is granted, where that is
	// later than the uses reach back. What was granted then may be older.
	GrantsKnownFrom time.Time `json:"grantsKnownFrom,omitzero"`
}

// UnusedGrant is a part of what is held that no use on record needs.
type UnusedGrant struct {
	Sentence string `json:"sentence"`
	// Document and Statement name the grant.
	Document  string `json:"document,omitempty"`
	Statement string `json:"statement,omitempty"`
	// Actions are as the grant has them: those without a use, and patterns with
	// wildcards, of which Used is all that was used.
	Actions []string `json:"actions,omitempty"`
	Used    []string `json:"used,omitempty"`
	// Resources are those on which nothing was used, where the grant was used on
	// others.
	Resources []string `json:"resources,omitempty"`
	// Whole is true where nothing of it was used.
	Whole bool `json:"whole"`
	// Because says of what is unseen why the log cannot show it.
	Because string `json:"because,omitempty"`
	// GrantedSince is when it was first stated, where that is later than the uses
	// reach back; zero: for as long as they do, or as is known.
	GrantedSince time.Time `json:"grantedSince,omitzero"`

	held access.Held
}

// done is a permission that was used, on something.
type done struct{ action, resource string }

// Unused returns what of the things held no successful use needed. The blind
// spots are those of the verdict. Where a pattern of one grant is held for
// several consequences, kind says to which of them an action belongs; nil: to
// all.
func Unused(held []access.Held, used []store.Used, spots []retinue.BlindSpot, kind func(action string) access.Consequence) UnusedGrants {
	out := UnusedGrants{Known: true, Granted: len(held), Unused: []UnusedGrant{}, Unseen: []UnusedGrant{}, Recent: []UnusedGrant{}}
	uses := map[done]bool{}
	for i := range used {
		b := &used[i].Behaviour
		if !Use(b) || b.Class == retinue.EventUnknown {
			continue
		}
		if b.Action != "" {
			uses[done{b.Action, b.Resource.Key}] = true
		}
		for _, more := range strings.Fields(b.More) {
			uses[done{more, ""}] = true
		}
	}
	homes := map[home]bool{}
	for _, h := range held {
		document, statement := grantOf(h)
		for _, a := range h.Actions {
			homes[home{document, statement, a, h.Consequence}] = true
		}
	}
	for _, h := range held {
		document, statement := grantOf(h)
		belongs := func(pattern, action string) bool {
			if kind == nil {
				return true
			}
			k := kind(action)
			return k == h.Consequence || !homes[home{document, statement, pattern, k}]
		}
		out.take(h, uses, spots, belongs)
	}
	return out
}

// home is where a pattern of a grant is held for a consequence.
type home struct {
	document, statement, pattern string
	consequence                  access.Consequence
}

// grantOf names the grant that gives what is held.
func grantOf(h access.Held) (document, statement string) {
	for _, b := range h.Because {
		if b.Effect == "allow" {
			return b.Document, b.Statement
		}
	}
	return "", ""
}

// take sorts one thing that is held into what was used, what was not, and what
// does not show.
func (u *UnusedGrants) take(h access.Held, uses map[done]bool, spots []retinue.BlindSpot, belongs func(pattern, action string) bool) {
	g := UnusedGrant{Sentence: h.Sentence, held: h}
	g.Document, g.Statement = grantOf(h)
	unseen := g
	hit := make([]bool, len(h.Resources))
	some := false
	for _, pattern := range h.Actions {
		var did []string
		for d := range uses {
			if glob.MatchFold(pattern, d.action) && belongs(pattern, d.action) && on(h, d, hit) && !slices.Contains(did, d.action) {
				did = append(did, d.action)
			}
		}
		some = some || len(did) > 0
		if len(did) > 0 && !strings.ContainsAny(pattern, "*?") {
			continue // wholly used
		}
		part := &g
		if why := hides(spots, pattern); why != "" {
			part, unseen.Because = &unseen, why
		}
		part.Actions, part.Used = append(part.Actions, pattern), append(part.Used, did...)
	}
	for i, r := range h.Resources {
		if some && !hit[i] {
			g.Resources = append(g.Resources, r)
		}
	}
	if why := hides(spots, h.Actions...); why != "" && len(g.Resources) > 0 {
		unseen.Resources, unseen.Because, g.Resources = g.Resources, why, nil
	}
	u.Unseen = unseen.into(u.Unseen, !some && len(g.Actions) == 0)
	u.Unused = g.into(u.Unused, !some && len(unseen.Actions) == 0)
}

// into adds the part to a list, if there is some of it.
func (g UnusedGrant) into(list []UnusedGrant, whole bool) []UnusedGrant {
	if len(g.Actions) == 0 && len(g.Resources) == 0 {
		return list
	}
	slices.Sort(g.Used)
	g.Used, g.Whole = slices.Compact(g.Used), whole
	return append(list, g)
}

// on reports whether a use was, or may have been, on a resource that is held, and
// marks the resources that it was on.
func on(h access.Held, d done, hit []bool) bool {
	if len(h.Resources) == 0 {
		return true
	}
	found := false
	for i, r := range h.Resources {
		if d.resource == "" || meet(r, d.resource) {
			hit[i], found = true, true
		}
	}
	return found
}

// hides says why the use of some action of the patterns may not show, empty
// where it would.
func hides(spots []retinue.BlindSpot, patterns ...string) string {
	for _, b := range spots {
		if len(b.Actions) == 0 {
			return b.Text // it is about everything
		}
		for _, a := range b.Actions {
			for _, p := range patterns {
				if meet(strings.ToLower(a), strings.ToLower(p)) {
					return b.Text
				}
			}
		}
	}
	return ""
}

// meet reports whether two names with wildcards have a text in common.
func meet(a, b string) bool {
	switch {
	case !strings.ContainsAny(a, "*?"):
		return glob.Match(b, a)
	case !strings.ContainsAny(b, "*?"):
		return glob.Match(a, b)
	}
	const few = 16
	classes, err := glob.Classes([]glob.Pattern{glob.Text(a), glob.Text(b)}, glob.AnyText(), few)
	return err != nil || slices.ContainsFunc(classes, func(c glob.Class) bool { return c.Matches.Len() == 2 })
}
