package store

import (
	"time"

	"github.com/retinue-id/retinue"
)

// RegistrationVersion is one version of a governance record.
type RegistrationVersion struct {
	At           time.Time
	Until        time.Time // zero: in force
	By           retinue.Actor
	Registration retinue.Registration
}
