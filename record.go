package retinue

import (
	"encoding/json"
	"time"
)

// Actor is who did something: a person of the platform, a user of the
// operating system, or a part of Retinue itself.
type Actor struct {
	// Kind is "person", "os_user", "collector" or "system".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Host is where it was done, if that is known.
	Host string `json:"host,omitempty"`
}

// RecordAction says what a record is about.
type RecordAction string

// The actions that are recorded.
const (
	RecordScopeCompleted  RecordAction = "scope.completed"
	RecordScopePartial    RecordAction = "scope.partial"
	RecordScopeHeld       RecordAction = "scope.held"
	RecordScopeReleased   RecordAction = "scope.released"
	RecordSourceForgotten RecordAction = "source.forgotten"
	RecordScanStarted     RecordAction = "scan.started"
	RecordScanFinished    RecordAction = "scan.finished"
	RecordFindingOpened   RecordAction = "finding.opened"
	RecordFindingResolved RecordAction = "finding.resolved"
	RecordFindingReopened RecordAction = "finding.reopened"
	RecordFindingChanged  RecordAction = "finding.changed"
	RecordRegistrationSet RecordAction = "registration.set"
	RecordRulesChanged    RecordAction = "rules.changed"
	// RecordAccessChanged: a scan changed what identities can come to.
	RecordAccessChanged     RecordAction = "access.changed"
	RecordVerifyCalled      RecordAction = "credential.verified"
	RecordExported          RecordAction = "export.written"
	RecordCheckpointed      RecordAction = "checkpoint.signed"
	RecordFingerprintKey    RecordAction = "fingerprint_key.rotated"
	RecordCollectorEnrolled RecordAction = "collector.enrolled"
)

// Record is one entry of the audit log. The log is append-only: each record
// carries the hash of the one before it, and its own hash covers everything
// else in it.
type Record struct {
	ID     RecordID     `json:"id"`
	Seq    int64        `json:"seq"` // from 1, without gaps
	At     time.Time    `json:"at"`
	Actor  Actor        `json:"actor"`
	Action RecordAction `json:"action"`
	// Subject is what it was done to: a scope, an id, a file.
	Subject string `json:"subject"`
	// Details are the particulars as one JSON object. Personal data stands
	// here as salted commitments only.
	Details json.RawMessage `json:"details,omitempty"`
	// PrevHash and Hash are SHA-256, lower-case hexadecimal.
	PrevHash string `json:"prevHash"`
	Hash     string `json:"hash"`
}
