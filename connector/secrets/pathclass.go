package secrets

// PathClass names the decisions that depend on a path alone: equal content at
// two paths of one class has equal findings, so that it need be scanned once.
// Skip is true where no rule looks at the path.
func (s *Scanner) PathClass(path string) (class string, skip bool) {
	if s.SkipsPath(path) {
		return "", true
	}
	bits := make([]byte, (len(s.byPath)+7)/8)
	for i, decide := range s.byPath {
		if decide(path) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return string(bits), false
}

// pathDecisions lists what depends on a path.
func pathDecisions(set *ruleSet) []func(string) bool {
	var out []func(string) bool
	lists := append([]*allowlist(nil), set.allow...)
	for _, r := range set.rules {
		if r.path != nil {
			out = append(out, r.path.MatchString)
		}
		lists = append(lists, r.allow...)
	}
	for _, a := range lists {
		if a.paths != nil {
			out = append(out, a.paths.MatchString)
		}
	}
	return out
}
