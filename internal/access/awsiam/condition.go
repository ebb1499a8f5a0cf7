package awsiam

import "bytes"

// quantifier is the set operator before a condition operator ("Set operators
// for multivalued context keys").
type quantifier uint8

const (
	single quantifier = iota
	forAllValues
	forAnyValue
)

// test is a compiled condition.
type test struct {
	key        string // as keyName returns it
	quantifier quantifier
	ifExists   bool
	null       bool
	negated    bool
	unclear    bool
	matchers   []matcher
}

// compileTest prepares a condition. Operators are named without regard to
// case.
func compileTest(m *memory, st *Statement, c *Condition, variables bool) test {
	t := test{key: keyName(c.Key)}
	op, ok := t.operator(c.Operator)
	if !ok {
		t.unclear = true
		st.unclear("condition operator %q is not known", c.Operator)
		return t
	}
	t.negated = op.negated
	variables = variables && !t.null // "You can not use a policy variable with the Null condition operator"
	matchers := m.matchers.room(len(c.Values), m.share(400))
	for i := range c.Values {
		matchers = append(matchers, op.compile(&c.Values[i], variables))
	}
	t.matchers = m.matchers.taken(matchers)
	return t
}

// operator reads the name of an operator with what stands before and after it.
func (t *test) operator(text string) (operator, bool) {
	var buffer [64]byte
	name := appendLower(buffer[:0], text)
	if set, rest, ok := bytes.Cut(name, []byte(":")); ok {
		switch string(set) {
		case "forallvalues":
			t.quantifier = forAllValues
		case "foranyvalue":
			t.quantifier = forAnyValue
		default:
			return operator{}, false
		}
		name = rest
	}
	if string(name) == "null" {
		t.null = true
		return operator{kind: kindBool}, true
	}
	name, t.ifExists = bytes.CutSuffix(name, []byte("ifexists"))
	return operatorOf(name)
}

// holds evaluates the condition.
func (t *test) holds(q *question) truth {
	if t.unclear {
		return unclear
	}
	v, state := q.lookup(t.key)
	if t.null {
		return t.isNull(q, v, state)
	}
	switch state {
	case keyOpen:
		return t.unasked()
	case keyAbsent:
		return truthOf(t.withoutKey())
	}
	switch t.quantifier {
	case forAllValues:
		return t.all(q, v)
	case forAnyValue:
		return t.any(q, v)
	}
	if v.isList {
		// "You must use the ForAllValues or ForAnyValue set operators with
		// multivalued context keys": without one nothing is compared.
		return no
	}
	return t.one(q, v.text)
}

// isNull is the Null operator: "either true (the key doesn't exist — it is
// null) or false (the key exists and its value is not null)".
func (t *test) isNull(q *question, v *value, state keyState) truth {
	if state == keyOpen {
		return open
	}
	absent := "false"
	if state == keyAbsent || v.isList && len(v.list) == 0 {
		absent = "true"
	}
	out := no
	for _, m := range t.matchers {
		out = or(out, truthOf(m.match(q, absent) == same))
	}
	return out
}

// withoutKey is the value where the key is absent: "the values do not match
// and the condition is false. If the policy condition requires that the key is
// not matched, … the condition is true"; with IfExists it is true;
// ForAllValues "also returns true if there are no context keys in the
// request", ForAnyValue false.
func (t *test) withoutKey() bool {
	switch {
	case t.ifExists:
		return true
	case t.quantifier == forAllValues:
		return true
	case t.quantifier == forAnyValue:
		return false
	}
	return t.negated
}

// unasked is the value where nothing is known of the key. It is decided only
// where every value, and its absence, would give the same.
func (t *test) unasked() truth {
	if len(t.matchers) == 0 {
		if t.negated && t.withoutKey() && t.quantifier != forAnyValue {
			return yes
		}
		if !t.negated && !t.withoutKey() {
			return no
		}
		return open
	}
	if t.negated || !t.withoutKey() {
		return open
	}
	for _, m := range t.matchers {
		if like, ok := m.(*likeText); ok && onlyStars(string(*like)) && t.quantifier != forAnyValue {
			return yes
		}
	}
	return open
}

// one compares a single value: the policy's values are alternatives, or for a
// negated operator all of them must differ.
func (t *test) one(q *question, text string) truth {
	pendings := false
	for _, m := range t.matchers {
		switch m.match(q, text) {
		case same:
			return truthOf(!t.negated)
		case undefined:
			if t.negated {
				return no
			}
		case pending:
			pendings = true
		}
	}
	if pendings {
		return open
	}
	return truthOf(t.negated)
}

// all is ForAllValues: every value of the request must match; it "also returns
// true if … the context key value resolves to a null data set, such as an
// empty string".
func (t *test) all(q *question, v *value) truth {
	if v.empty() {
		return yes
	}
	if !v.isList {
		return t.one(q, v.text)
	}
	out := yes
	for _, s := range v.list {
		if out = and(out, t.one(q, s)); out == no {
			return no
		}
	}
	return out
}

// any is ForAnyValue: at least one value of the request must match; for no
// values, "or if the key value resolves to a null data set", it is false.
func (t *test) any(q *question, v *value) truth {
	if v.empty() {
		return no
	}
	if !v.isList {
		return t.one(q, v.text)
	}
	out := no
	for _, s := range v.list {
		if out = or(out, t.one(q, s)); out == yes {
			return yes
		}
	}
	return out
}
