package pipelines

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// match puts the tokens of everything in the inventory to every trust.
func (e *Engine) match() {
	by := map[string][]*pipeline{}
	for _, ref := range e.order() {
		p := e.pipelines[ref]
		for _, issuer := range issuers(p.tokens) {
			by[issuer] = append(by[issuer], p)
		}
	}
	repos, workloads := map[string][]*repository{}, map[string][]*workload{}
	for _, realm := range sortedKeys(e.repos) {
		for _, issuer := range issuers(e.repos[realm].tokens) {
			repos[issuer] = append(repos[issuer], e.repos[realm])
		}
	}
	e.owned = map[string][]*repository{}
	for _, realm := range sortedKeys(e.repos) {
		r := e.repos[realm]
		if parts := strings.SplitN(r.address, "/", 3); len(parts) == 3 {
			e.owned[parts[0]] = append(e.owned[parts[0]], r)
			key := strings.ToLower(parts[0] + "/" + parts[1])
			e.owned[key] = append(e.owned[key], r)
		}
	}
	for _, w := range e.workloads {
		workloads[w.token.Issuer] = append(workloads[w.token.Issuer], w)
	}
	for _, tr := range e.trusts {
		reached := map[*repository]access.Outcome{}
		for _, issuer := range above(tr.issuer) {
			for _, p := range by[issuer] {
				if m, ok := best(tr, p.tokens); ok {
					p.ways = append(p.ways, m)
					r := e.repos[p.identity.Ref.Realm]
					if rank(m.decision.Outcome) > rank(reached[r]) {
						reached[r] = m.decision.Outcome
					}
				}
			}
			for _, r := range repos[issuer] {
				// What a workflow reaches as it stands is reached through it.
				if reached[r] == access.Allowed {
					continue
				}
				if m, ok := best(tr, r.tokens); ok && rank(m.decision.Outcome) > rank(reached[r]) {
					m.decision.Unread = append(m.decision.Unread, unreadRules)
					r.ways = append(r.ways, m)
				}
			}
			for _, w := range workloads[issuer] {
				if m, ok := tr.admits(&w.token); ok {
					w.ways = append(w.ways, m)
				}
			}
		}
		e.outside = append(e.outside, e.strangers(tr)...)
	}
}

// above are the issuers that a token of which could come from: the one itself,
// and those of which it is a part.
func above(issuer string) []string {
	out := []string{issuer}
	for _, common := range []string{githubIssuer, "https://oidc.circleci.com"} {
		if strings.HasPrefix(issuer, common+"/") {
			out = append(out, common)
		}
	}
	return out
}

func issuers(tokens []Token) []string {
	var out []string
	for i := range tokens {
		if !slices.Contains(out, tokens[i].Issuer) {
			out = append(out, tokens[i].Issuer)
		}
	}
	return out
}

// best returns the surest match of any of the tokens. Where it is not known which
// of several sets a job is issued tokens of, and all of all of them are admitted,
// it does not matter.
func best(tr *trust, tokens []Token) (match, bool) {
	var found match
	guesses := map[[3]string]int{}
	for i := range tokens {
		t := &tokens[i]
		m, ok := tr.admits(t)
		if t.guess != nil {
			key := [3]string{t.Job, t.Event, fmt.Sprint(t.numbered)}
			if guesses[key]++; ok && m.all && guesses[key] == sets(tokens, t) {
				m.decision.Remains = slices.DeleteFunc(slices.Clone(m.decision.Remains), func(c access.Condition) bool { return c.Text == t.guess.Text })
				if len(m.decision.Remains) == 0 {
					m.decision.Outcome = access.Allowed
				}
			} else if !ok || !m.all {
				guesses[key] = -len(tokens)
			}
		}
		if ok && surer(&m, &found) {
			found = m
		}
		if found.decision.Outcome == access.Allowed {
			break
		}
	}
	return found, found.trust != nil
}

// sets counts the sets of tokens of which a job may be issued one for an event.
func sets(tokens []Token, like *Token) int {
	n := 0
	for i := range tokens {
		if t := &tokens[i]; t.guess != nil && t.Job == like.Job && t.Event == like.Event && t.numbered == like.numbered {
			n++
		}
	}
	return n
}

// surer reports whether a match is a surer yes than another: by its outcome, then
// by how little must hold for it.
func surer(a, b *match) bool {
	if b.trust == nil {
		return true
	}
	return cmp.Or(rank(a.decision.Outcome)-rank(b.decision.Outcome), len(b.decision.Remains)-len(a.decision.Remains)) > 0
}
