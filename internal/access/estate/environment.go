package estate

import "github.com/retinue-id/retinue"

// Environment returns the environment of a thing: its label, what its source
// says, or that of the nearest container around it. False is returned where
// none of them says.
func (e *Estate) Environment(ref retinue.Ref) (retinue.Environment, bool) {
	at := ref
	const deep = 20
	for range deep {
		if l, ok := e.labels[at]; ok && l.environment != "" {
			return l.environment, true
		}
		t, ok := e.joins.things[at]
		switch {
		case !ok:
			return "", false
		case t.environment != "":
			return t.environment, true
		case t.container.IsZero():
			return "", false
		}
		at = t.container
	}
	return "", false
}
