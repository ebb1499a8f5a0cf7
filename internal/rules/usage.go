package rules

import "time"

// Usage is what is concluded about the use of a subject from the logs of its
// system, and on what evidence (docs/usage.md).
type Usage struct {
	// Status is active, idle, dormant, never_used or unknown; empty: nobody looked.
	Status string `json:"status,omitempty"`
	// Grade is that of the evidence, A to D, and Evidence the word for it.
	Grade    string `json:"grade,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	// Reason is the verdict in a sentence.
	Reason      string    `json:"reason,omitempty"`
	LastUsed    time.Time `json:"lastUsed,omitzero"`
	SilentSince time.Time `json:"silentSince,omitzero"`
	SilentUntil time.Time `json:"silentUntil,omitzero"`
	// SharedBy are the consumers that share a credential of it, and SharedFrom and
	// SharedTo between which two days they used it side by side. Empty: nothing says
	// that it is shared.
	SharedBy   []Sharer  `json:"sharedBy,omitempty"`
	SharedFrom time.Time `json:"sharedFrom,omitzero"`
	SharedTo   time.Time `json:"sharedTo,omitzero"`
}

// Sharer is one of the consumers that share a credential.
type Sharer struct {
	Kind  string    `json:"kind,omitempty"`
	Name  string    `json:"name"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Uses  int       `json:"uses,omitempty"`
	Days  int       `json:"days,omitempty"`
}

// Knower is somebody who left and had a credential in hand before, as it is now.
type Knower struct {
	// Name is by what the person is registered.
	Name string `json:"name"`
	// How is created, read, rotated, used or changed; several are separated by commas.
	How string `json:"how"`
	// First and Last are when the person first and last had it.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Evidence says where that is known from.
	Evidence string `json:"evidence,omitempty"`
	// Grade is B where a log names the person, C where only the client did.
	Grade string `json:"grade,omitempty"`
}
