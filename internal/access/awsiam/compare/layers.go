package compare

import "github.com/retinue-id/retinue/internal/access/awsiam"

// Layers reports whether an identity may make a request under the new layers
// that it may not under the old ones: its policies, boundary, session policies
// and the organisation's service control policies, of which each kind must
// allow and none may deny. With old and new exchanged it reports whether access
// is lost.
//
// What stands on the side of the resource plays no part: resource and resource
// control policies and those of endpoints are taken to allow everything, on both
// sides. Layers that were not read ([awsiam.Layers].Unread) are taken not to be
// there; the caller says so.
func Layers(old, next *awsiam.Layers) Result {
	c := comparison{}
	c.layers(old, false)
	c.layers(next, true)
	if c.principals {
		return Result{Answer: Unknown, Why: "a policy of an identity has a Principal element"}
	}
	return c.decide()
}

func (c *comparison) layers(l *awsiam.Layers, isNew bool) {
	c.add(l.Identity, isNew)
	// One that is not there limits nothing; a level without policies allows
	// nothing.
	for _, policies := range [][]*awsiam.Policy{l.Boundary, l.Session} {
		if len(policies) > 0 {
			c.add(policies, isNew)
		}
	}
	for _, level := range l.ServiceControl {
		c.add(level.Policies, isNew)
	}
	to := &c.old
	if isNew {
		to = &c.next
	}
	to.layers = l
}
