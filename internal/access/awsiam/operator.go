package awsiam

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// fit is how one value of a request compares with one value of a policy.
type fit uint8

const (
	different fit = iota
	// undefined: there is nothing to compare, because the policy's value is
	// not of the operator's type, the request's is not, or a variable has no
	// value. Neither an operator nor its negation holds then.
	undefined
	// pending: the value of a variable is open.
	pending
	same
)

// matcher compares a request's value with one value of a policy.
type matcher interface {
	match(q *question, text string) fit
}

// operator is a condition operator ("IAM JSON policy elements: Condition
// operators").
type operator struct {
	negated bool
	// compile prepares a policy's value; variables says whether ${…} may be
	// substituted in the document.
	compile func(text string, variables bool) matcher
}

// operators returns the operator of a name in lower case.
func operatorOf(name string) (operator, bool) {
	switch name {
	case "stringequals":
		return operator{false, compileEqual}, true
	case "stringnotequals":
		return operator{true, compileEqual}, true
	case "stringequalsignorecase":
		return operator{false, compileFold}, true
	case "stringnotequalsignorecase":
		return operator{true, compileFold}, true
	case "stringlike":
		return operator{false, compileLike}, true
	case "stringnotlike":
		return operator{true, compileLike}, true
	case "arnequals", "arnlike":
		return operator{false, compileARN}, true
	case "arnnotequals", "arnnotlike":
		return operator{true, compileARN}, true
	case "bool":
		return operator{false, compileBool}, true
	case "binaryequals":
		return operator{false, compileBinary}, true
	case "ipaddress":
		return operator{false, compileAddress}, true
	case "notipaddress":
		return operator{true, compileAddress}, true
	}
	if rest, ok := strings.CutPrefix(name, "numeric"); ok {
		return orderOperator(rest, compileNumber)
	}
	if rest, ok := strings.CutPrefix(name, "date"); ok {
		return orderOperator(rest, compileDate)
	}
	return operator{}, false
}

func fitOf(b bool) fit {
	if b {
		return same
	}
	return different
}

// equalText is StringEquals: exact, with regard to case, no wildcards.
type equalText string

func (m equalText) match(_ *question, text string) fit { return fitOf(string(m) == text) }

func compileEqual(text string, variables bool) matcher {
	if variables {
		if t := parseTemplate(text); t != nil {
			return &variableText{vars: t}
		}
	}
	return equalText(text)
}

// foldText is StringEqualsIgnoreCase.
type foldText string

func (m foldText) match(_ *question, text string) fit {
	return fitOf(strings.EqualFold(string(m), text))
}

func compileFold(text string, variables bool) matcher {
	if variables {
		if t := parseTemplate(text); t != nil {
			return &variableText{vars: t, fold: true}
		}
	}
	return foldText(text)
}

// variableText is a text with variables, compared without wildcards.
type variableText struct {
	vars *template
	fold bool
}

func (m *variableText) match(q *question, text string) fit {
	want, state := m.vars.text(q)
	switch {
	case state == unresolvable:
		return undefined
	case state == undecided:
		return pending
	case m.fold:
		return fitOf(strings.EqualFold(want, text))
	}
	return fitOf(want == text)
}

// likeText is StringLike: with regard to case, * and ? anywhere, also across
// colons and slashes.
type likeText struct {
	glob glob
	vars *template
}

func (m *likeText) match(q *question, text string) fit {
	if m.vars == nil {
		return fitOf(m.glob.match(text))
	}
	g, state := m.vars.glob(q)
	return fitGlob(&g, state, text)
}

func fitGlob(g *glob, state resolved, text string) fit {
	switch {
	case state == unresolvable:
		return undefined
	case !g.match(text):
		return different
	case state == undecided:
		return pending
	}
	return same
}

func compileLike(text string, variables bool) matcher {
	if variables {
		if t := parseTemplate(text); t != nil {
			return &likeText{vars: t}
		}
	}
	return &likeText{glob: compileGlob(text)}
}

// arnText is ArnEquals and ArnLike, which behave identically: each of the six
// components is compared separately, with regard to case, and may hold
// wildcards.
type arnText struct {
	parts [arnSegments]glob
	vars  [arnSegments]*template
}

func compileARN(text string, variables bool) matcher {
	segments := cutSegments(text, variables)
	if len(segments) != arnSegments {
		return never{}
	}
	m := &arnText{}
	for i, s := range segments {
		if variables {
			m.vars[i] = parseTemplate(s)
		}
		if m.vars[i] == nil {
			m.parts[i] = compileGlob(s)
		}
	}
	return m
}

func (m *arnText) match(q *question, text string) fit {
	out := same
	for i := range arnSegments {
		segment, rest, more := strings.Cut(text, ":")
		if i == arnSegments-1 {
			segment = text
		} else if !more {
			return undefined
		}
		text = rest
		var one fit
		if t := m.vars[i]; t != nil {
			g, state := t.glob(q)
			one = fitGlob(&g, state, segment)
		} else {
			one = fitOf(m.parts[i].match(segment))
		}
		out = worse(out, one)
	}
	return out
}

// worse joins the parts of one comparison: nothing to compare beats
// everything, a difference beats what is open.
func worse(a, b fit) fit {
	switch {
	case a == undefined || b == undefined:
		return undefined
	case a == different || b == different:
		return different
	}
	return min(a, b)
}

// never is a policy's value that is not of the operator's type.
type never struct{}

func (never) match(*question, string) fit { return undefined }

// truthValue is Bool and Null.
type truthValue bool

func (m truthValue) match(_ *question, text string) fit {
	b, ok := parseBool(text)
	if !ok {
		return undefined
	}
	return fitOf(bool(m) == b)
}

func parseBool(text string) (value, ok bool) {
	switch {
	case strings.EqualFold(text, "true"):
		return true, true
	case strings.EqualFold(text, "false"):
		return false, true
	}
	return false, false
}

// variableBool is Bool with a variable: "You can use a policy variable with
// the Boolean condition operator".
type variableBool struct{ vars *template }

func (m variableBool) match(q *question, text string) fit {
	want, state := m.vars.text(q)
	if state == undecided {
		return pending
	}
	b, ok := parseBool(want)
	if state == unresolvable || !ok {
		return undefined
	}
	return truthValue(b).match(q, text)
}

func compileBool(text string, variables bool) matcher {
	if variables {
		if t := parseTemplate(text); t != nil {
			return variableBool{t}
		}
	}
	if b, ok := parseBool(text); ok {
		return truthValue(b)
	}
	return never{}
}

// binary is BinaryEquals: the policy's value is base64; so is the request's in
// a context written as text, as for "SimulatePrincipalPolicy".
type binary string

func (m binary) match(_ *question, text string) fit {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return undefined
	}
	return fitOf(string(b) == string(m))
}

func compileBinary(text string, _ bool) matcher {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return never{}
	}
	return binary(b)
}

// address is IpAddress: an IPv4 or IPv6 range in CIDR form; without a prefix
// length it is the one address.
type address netip.Prefix

func (m address) match(_ *question, text string) fit {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return undefined
	}
	return fitOf(netip.Prefix(m).Contains(a.WithZone("")))
}

func compileAddress(text string, _ bool) matcher {
	if p, err := netip.ParsePrefix(text); err == nil {
		return address(p)
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return never{}
	}
	return address(netip.PrefixFrom(a, a.BitLen()))
}
