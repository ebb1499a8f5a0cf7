package awsiam

import (
	"bytes"
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
	kind    operatorKind
	negated bool
	order   comparison // of numbers and dates
}

type operatorKind uint8

const (
	kindEqual operatorKind = iota
	kindFold
	kindLike
	kindARN
	kindBool
	kindBinary
	kindAddress
	kindNumber
	kindDate
)

// operatorOf returns the operator of a name in lower case.
func operatorOf(name []byte) (operator, bool) {
	switch string(name) {
	case "stringequals":
		return operator{kind: kindEqual}, true
	case "stringnotequals":
		return operator{kind: kindEqual, negated: true}, true
	case "stringequalsignorecase":
		return operator{kind: kindFold}, true
	case "stringnotequalsignorecase":
		return operator{kind: kindFold, negated: true}, true
	case "stringlike":
		return operator{kind: kindLike}, true
	case "stringnotlike":
		return operator{kind: kindLike, negated: true}, true
	case "arnequals", "arnlike":
		return operator{kind: kindARN}, true
	case "arnnotequals", "arnnotlike":
		return operator{kind: kindARN, negated: true}, true
	case "bool":
		return operator{kind: kindBool}, true
	case "binaryequals":
		return operator{kind: kindBinary}, true
	case "ipaddress":
		return operator{kind: kindAddress}, true
	case "notipaddress":
		return operator{kind: kindAddress, negated: true}, true
	}
	if rest, ok := bytes.CutPrefix(name, []byte("numeric")); ok {
		return orderOperator(kindNumber, rest)
	}
	if rest, ok := bytes.CutPrefix(name, []byte("date")); ok {
		return orderOperator(kindDate, rest)
	}
	return operator{}, false
}

// compile prepares a policy's value, which stays where it is; variables says
// whether ${…} may be substituted in the document.
func (o operator) compile(text *string, variables bool) matcher {
	switch o.kind {
	case kindEqual, kindFold, kindLike, kindBool:
		if variables {
			if t := parseTemplate(*text); t != nil {
				return o.variable(t)
			}
		}
	}
	switch o.kind {
	case kindFold:
		return (*foldText)(text)
	case kindLike:
		return (*likeText)(text)
	case kindARN:
		return compileARN(text, variables)
	case kindBool:
		if b, ok := parseBool(*text); ok {
			return truthValue(b)
		}
		return never{}
	case kindBinary:
		return compileBinary(*text)
	case kindAddress:
		return compileAddress(*text)
	case kindNumber:
		return compileNumber(o.order, *text)
	case kindDate:
		return compileDate(o.order, *text)
	}
	return (*equalText)(text)
}

// variable is compile for a text with variables.
func (o operator) variable(t *template) matcher {
	switch o.kind {
	case kindLike:
		return &variableLike{t}
	case kindBool:
		return variableBool{t}
	}
	return &variableText{vars: t, fold: o.kind == kindFold}
}

func fitOf(b bool) fit {
	if b {
		return same
	}
	return different
}

// equalText is StringEquals: exact, with regard to case, no wildcards.
type equalText string

func (m *equalText) match(_ *question, text string) fit { return fitOf(string(*m) == text) }

// foldText is StringEqualsIgnoreCase.
type foldText string

func (m *foldText) match(_ *question, text string) fit {
	return fitOf(strings.EqualFold(string(*m), text))
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
type likeText string

func (m *likeText) match(_ *question, text string) fit {
	return fitOf(matchWild(string(*m), text))
}

// variableLike is StringLike with variables.
type variableLike struct{ vars *template }

func (m *variableLike) match(q *question, text string) fit {
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

// arnText is ArnEquals and ArnLike, which behave identically: each of the six
// components is compared separately, with regard to case, and may hold
// wildcards.
type arnText string

func compileARN(text *string, variables bool) matcher {
	if !variables || !strings.Contains(*text, "${") {
		if strings.Count(*text, ":") < arnSegments-1 {
			return never{}
		}
		return (*arnText)(text)
	}
	cut := cutARN(*text, true)
	if cut.n != arnSegments {
		return never{}
	}
	m := &variableARN{parts: cut.parts}
	for i, s := range m.parts {
		m.vars[i] = parseTemplate(s)
	}
	return m
}

func (m *arnText) match(_ *question, text string) fit {
	if strings.Count(text, ":") < arnSegments-1 {
		return undefined
	}
	return fitOf(matchParts(string(*m), text))
}

// variableARN is an ARN with variables.
type variableARN struct {
	parts [arnSegments]string
	vars  [arnSegments]*template
}

func (m *variableARN) match(q *question, text string) fit {
	out := same
	for i, part := range m.parts {
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
			one = fitOf(matchWild(part, segment))
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

func compileBinary(text string) matcher {
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

func compileAddress(text string) matcher {
	if p, err := netip.ParsePrefix(text); err == nil {
		return address(p)
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return never{}
	}
	return address(netip.PrefixFrom(a, a.BitLen()))
}
