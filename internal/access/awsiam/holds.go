package awsiam

import "slices"

// Holds reports whether the condition holds of a complete context, in which an
// absent key is absent. understood is false where the operator is not known.
func (c *Condition) Holds(context *Context) (holds, understood bool) {
	q := question{request: &Request{}, layers: &Layers{}, context: context, mode: Closed}
	switch c.test.holds(&q) {
	case yes:
		return true, true
	case no:
		return false, true
	}
	return false, false
}

// Names reports whether the statement's Principal or NotPrincipal element
// covers a principal, in whatever way; certain is false where that cannot be
// told, as for canonical user ids. A statement without such an element covers
// everybody.
func (st *Statement) Names(p Principal) (names, certain bool) {
	if st.Principals == nil && st.NotPrincipals == nil {
		return true, true
	}
	q := question{request: &Request{Principal: p}, layers: &Layers{}, context: &Context{}, mode: Closed}
	switch q.grantOf(LayerResource, st) {
	case unnamed:
		return false, true
	case unsure:
		return false, false
	}
	return true, true
}

// NewCondition compiles a condition that stands by itself, with variables
// substituted as in documents of Version2012. Holds says whether it is
// understood.
func NewCondition(operator, key string, values ...string) *Condition {
	c := &Condition{Operator: operator, Key: key, Values: slices.Clone(values)}
	c.test = compileTest(&memory{}, &Statement{}, c, true)
	return c
}
