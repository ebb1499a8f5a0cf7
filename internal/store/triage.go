package store

import (
	"time"

	"github.com/retinue-id/retinue"
)

// PastFinding is a state and content that a finding had.
type PastFinding struct {
	At      time.Time
	Until   time.Time // zero: it has it still
	Finding retinue.Finding
}
