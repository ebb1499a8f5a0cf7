package escalate

import (
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// Layers returns the policies that apply to what a user or role does, without
// those of the resource, and false for a principal that is not in the state.
// The caller may change the Layers but not what its lists hold.
func (s *State) Layers(arn string) (awsiam.Layers, bool) {
	p, ok := s.Principals[arn]
	if !ok {
		return awsiam.Layers{}, false
	}
	return *s.layers(&variant{Principal: p}), true
}

// Principal is who the engine takes the user or role for.
func (p *Principal) Principal() awsiam.Principal {
	parsed, err := awsiam.ParsePrincipal(p.ARN)
	if err != nil {
		return awsiam.Principal{} // for which nothing is answered
	}
	return parsed
}
