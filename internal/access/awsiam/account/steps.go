package account

import "github.com/retinue-id/retinue/internal/access/graph"

// Steps puts who can come to act as whom into a graph.
func (e *Engine) Steps(*graph.Builder) {}
