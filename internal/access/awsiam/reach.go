package awsiam

import "strings"

// broad reports whether the statement is about more than resources that it
// names: "*", or every resource of a type. A pattern with a policy variable
// such as ${aws:username} is about the caller's own.
func (st *Statement) broad() bool {
	if len(st.NotResources) > 0 {
		return true
	}
	for _, r := range st.Resources {
		if broadResource(r) {
			return true
		}
	}
	return false
}

func broadResource(r string) bool {
	if strings.Contains(r, "${") {
		return false
	}
	if strings.Trim(r, "*") == "" && r != "" {
		return true
	}
	parts := strings.SplitN(r, ":", arnSegments)
	if len(parts) < arnSegments {
		return strings.HasPrefix(r, "arn:") && strings.HasSuffix(r, "*")
	}
	rest := parts[5]
	if strings.Trim(rest, "*") == "" {
		return true
	}
	_, name, found := cutAny(rest, "/:")
	return found && strings.Trim(name, "*") == "" && name != "" || !found && strings.HasSuffix(rest, "*") && len(rest) < 12
}

func cutAny(s, seps string) (before, after string, found bool) {
	if i := strings.IndexAny(s, seps); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
