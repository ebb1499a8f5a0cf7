package azurerbac

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Held lists what a principal can do, worst first.
func (e *Engine) Held(identity retinue.Ref) []access.Held { return nil }
