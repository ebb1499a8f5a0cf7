package account

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Held lists what an identity can do, worst first.
func (e *Engine) Held(retinue.Ref) []access.Held { return nil }
