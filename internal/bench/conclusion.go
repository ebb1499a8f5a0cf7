package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/retinue-id/retinue"
)

// Conclusions is what a product found, in the words of this package.
type Conclusions struct {
	Identities []Conclusion `json:"identities"`
	Signals    []Signal     `json:"signals,omitempty"`
	// Shadows are identities that logs show and no source lists.
	Shadows []retinue.Ref `json:"shadows,omitempty"`
}

// Status is a verdict on the use of an identity.
type Status string

// The verdicts.
const (
	StatusActive  Status = "active"
	StatusIdle    Status = "idle"
	StatusDormant Status = "dormant"
	StatusNever   Status = "never_used"
	StatusUnknown Status = "unknown"
)

// silent reports the verdicts that say that an identity is not used any more.
func (s Status) silent() bool { return s == StatusDormant || s == StatusNever }

// Conclusion is what a product found about one identity.
type Conclusion struct {
	Ref    retinue.Ref   `json:"ref"`
	Status Status        `json:"status"`
	Grade  retinue.Grade `json:"grade,omitempty"`
	// SilentSince is from when on it is said to have done nothing, up to
	// SilentUntil, or the end of the stretch where that is zero. Zero: nothing is
	// said.
	SilentSince time.Time `json:"silentSince,omitzero"`
	SilentUntil time.Time `json:"silentUntil,omitzero"`
	// Rhythm is the class that it was taken to have, in the words of RhythmClass.
	Rhythm    RhythmClass         `json:"rhythm,omitempty"`
	Consumers []ConcludedConsumer `json:"consumers,omitempty"`
	Shared    bool                `json:"shared,omitempty"`
	// PossiblyShared is said of what may be shared, on weaker evidence.
	PossiblyShared bool `json:"possiblyShared,omitempty"`
	// Owner is the best candidate, an address or a team's id; empty where none is
	// named. OwnerConfidence is its probability, from 0 to 1.
	Owner           string  `json:"owner,omitempty"`
	OwnerConfidence float64 `json:"ownerConfidence,omitempty"`
}

// ConcludedConsumer is a consumer as a product names it.
type ConcludedConsumer struct {
	// Workload is its name, or ends in it; Address an address or a network in CIDR
	// notation, and Addresses the others where it has several; Agent a user agent or
	// its family. What is empty was not said.
	Workload  string    `json:"workload,omitempty"`
	Address   string    `json:"address,omitempty"`
	Addresses []string  `json:"addresses,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
}

// Signal is one alert.
type Signal struct {
	Kind     SignalKind  `json:"kind"`
	Identity retinue.Ref `json:"identity"`
	At       time.Time   `json:"at"`
}

// ReadConclusions reads conclusions from JSON.
func ReadConclusions(r io.Reader) (Conclusions, error) {
	var c Conclusions
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%w: read conclusions: %v", retinue.ErrInvalid, err)
	}
	return c, nil
}
