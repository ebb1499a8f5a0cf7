package pipelines

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// trust says that tokens of an issuer let their holder act as something.
type trust struct {
	target retinue.Ref
	kind   graph.Kind
	name   string
	issuer string
	judge  judge
	// technique is the call that exchanges the token.
	technique string
}

// judge decides in a trust's own language.
type judge interface {
	// wanted lists the texts that claims are compared with.
	wanted() []wanted
	// complete reports whether wanted lists all that tells tokens apart.
	complete() bool
	// may reports whether a subject that begins so could be admitted at all. It
	// only has to be right when it says no.
	may(begins string) bool
	// decide answers for one token; claims that are neither known nor absent
	// are open.
	decide(t *Token, c Claims) access.Decision
}

// match is a trust that admits tokens of a set, or may.
type match struct {
	trust    *trust
	token    *Token
	decision access.Decision
	// subject is one that is admitted, empty where it is not known.
	subject string
	// all is true where every token of the set is admitted.
	all bool
}

// rank orders outcomes by how sure a yes is.
func rank(o access.Outcome) int {
	switch o {
	case access.Allowed:
		return 3
	case access.Conditional:
		return 2
	case access.Unknown:
		return 1
	}
	return 0
}

// admits puts a set of tokens to the trust.
func (tr *trust) admits(t *Token) (match, bool) {
	below, ok := t.issuedBy(tr.issuer)
	if !ok || !tr.judge.may(t.begins) {
		return match{}, false
	}
	best := match{trust: tr, token: t, all: true}
	if len(t.Follows) > 0 && rank(tr.judge.decide(t, t.vague()).Outcome) == 0 {
		return match{}, false // whatever varies, it does not fit
	}
	complete := t.each(tr.judge.wanted(), func(c Claims) bool {
		if d := tr.judge.decide(t, c); rank(d.Outcome) > rank(best.decision.Outcome) {
			best.decision, best.subject = d, c[claimSubject]
		} else if d.Outcome != access.Allowed {
			best.all = false
		}
		best.all = best.all && best.decision.Outcome == access.Allowed
		return best.decision.Outcome != access.Allowed || t.guess != nil && best.all
	})
	best.all = best.all && complete
	if rank(best.decision.Outcome) == 0 && (!complete || len(t.Follows) > 0 && !tr.judge.complete()) {
		best.decision = access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: layerTrust, Document: tr.name, Effect: effectNone,
			Text: "whether some subject fits what the trust asks could not be decided"}}}
	}
	if rank(best.decision.Outcome) == 0 {
		return match{}, false
	}
	d := &best.decision
	if t.guess != nil && d.Outcome != access.Unknown {
		below = append(below, *t.guess)
	}
	if remains := append(append(d.Remains[:0:0], t.Remains...), below...); len(remains) > 0 {
		d.Remains = append(remains, d.Remains...)
		if d.Outcome == access.Allowed {
			d.Outcome = access.Conditional
		}
	}
	d.Unread = append(append(d.Unread[:0:0], d.Unread...), t.Unread...)
	return best, true
}

const layerTrust = "trust"

// issuedBy reports whether the tokens may come from an issuer, and what must hold
// for that. An enterprise at GitHub may have an issuer of its own below the
// common one ("OpenID Connect reference", customizing the issuer value).
func (t *Token) issuedBy(issuer string) ([]access.Condition, bool) {
	if issuer == t.Issuer && !t.AnyBelow {
		return nil, true
	}
	if !strings.HasPrefix(issuer, t.Issuer+"/") || !t.AnyBelow && t.Issuer != githubIssuer {
		return nil, false
	}
	return []access.Condition{{Key: "iss", Operator: "is", Values: []string{issuer}, Text: "its tokens are issued by " + issuer}}, true
}

// prepared notes of each token what its subjects begin with.
func prepared(tokens []Token) []Token {
	for i := range tokens {
		t := &tokens[i]
		s, ok := t.Fixed[claimSubject]
		if !ok {
			s = t.Follows[claimSubject]
		}
		t.begins, _, _ = strings.Cut(s, ownerMark)
	}
	return tokens
}

// sharedIssuer reports issuers at which anyone can open an account and get
// tokens, so that only the subject tells one customer from another. Below some of
// them a path names the customer.
func sharedIssuer(issuer string) bool {
	switch strings.TrimPrefix(issuer, "https://") {
	case "token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io", "accounts.google.com", "agent.buildkite.com", "oidc.vercel.com",
		"api.pulumi.com/oidc":
		return true
	}
	return false
}
