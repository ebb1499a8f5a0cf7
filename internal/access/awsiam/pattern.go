package awsiam

// ActionPattern is a compiled pattern of an Action element, such as "s3:Get*".
type ActionPattern struct{ set actionSet }

// CompileAction compiles an action pattern; understood is false where AWS would
// not accept it, and it then covers nothing.
func CompileAction(pattern string) (p ActionPattern, understood bool) {
	st := Statement{}
	p.set = compileActions(&memory{}, &st, []string{pattern}, false)
	return p, len(st.Unclear) == 0
}

// Covers reports whether the pattern covers an action, whatever its case.
func (p *ActionPattern) Covers(action string) bool { return p.set.names(lower(action)) }
