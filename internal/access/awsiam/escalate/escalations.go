package escalate

// Escalation is how a principal reaches an administrator.
type Escalation struct {
	Identity string `json:"identity"`
	// Target is the administrator that it acts as in the end, which may be the
	// identity itself with more permissions.
	Target string `json:"target,omitempty"`
	// Already is true for an administrator; it needs no hops.
	Already bool  `json:"already,omitempty"`
	Hops    []Hop `json:"hops"`
}

// Escalations returns every principal that is an administrator or can reach
// one, by its ARN, with a path of the fewest steps.
func (s *State) Escalations() []Escalation {
	a := newAsker(s)
	out := []Escalation{}
	for _, h := range a.list {
		for _, p := range ordered(h.users, h.roles) {
			start := a.as(p)
			if a.admin(start) {
				out = append(out, Escalation{Identity: p.ARN, Already: true, Hops: []Hop{}})
				continue
			}
			r := a.run(start, a.admin)
			if r.found != nil {
				out = append(out, Escalation{Identity: p.ARN, Target: r.found.ARN, Hops: r.path(r.found)})
			}
		}
	}
	return out
}
