package store

import (
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// DefaultIdleDays is after how many days without a sight of use a thing is
// idle, where the installation says nothing else.
const DefaultIdleDays = 90

// IdleAfter is after how many days without a sight of use something is idle.
// The zero value is DefaultIdleDays for everything.
type IdleAfter struct {
	Days   int            `json:"days"`
	ByKind map[string]int `json:"byKind,omitempty"` // of identity, where it differs
}

// Of is the threshold of a kind of identity, in days. Credentials are of the
// kind "".
func (i IdleAfter) Of(kind string) int {
	if n := i.ByKind[kind]; n > 0 && kind != "" {
		return n
	}
	if i.Days > 0 {
		return i.Days
	}
	return DefaultIdleDays
}

// Since is the first moment that is not yet idle for a kind, seen from a time:
// the start of a UTC day, since use is counted by days.
func (i IdleAfter) Since(kind string, at time.Time) time.Time {
	return at.UTC().Truncate(24*time.Hour).AddDate(0, 0, -i.Of(kind))
}

// Latest is the latest Since of any kind: what was used since then is idle of
// no kind.
func (i IdleAfter) Latest(at time.Time) time.Time {
	latest := i.Since("", at)
	for kind := range i.ByKind {
		if s := i.Since(kind, at); s.After(latest) {
			latest = s
		}
	}
	return latest
}

// Kinds lists the kinds that have a threshold of their own, sorted.
func (i IdleAfter) Kinds() []string { return slices.Sorted(maps.Keys(i.ByKind)) }

// Measures are the counts behind the headline metrics. Unknown ones are those
// of which no use was ever told: never used, or not told by the source.
type Measures struct {
	IdleDays int `json:"idleDays"` // the threshold that they were counted with

	Privileged        int64 `json:"privileged"`        // non-human identities
	StrongCredentials int64 `json:"strongCredentials"` // of privileged ones
	StaticOld         int64 `json:"staticOld"`         // credentials, older than OldDays
	AgeUnknown        int64 `json:"ageUnknown"`

	IdleIdentities     int64 `json:"idleIdentities"`
	UnknownIdentities  int64 `json:"unknownIdentities"`
	IdleCredentials    int64 `json:"idleCredentials"`
	UnknownCredentials int64 `json:"unknownCredentials"`
	Workloads          int64 `json:"workloads"` // identities of machines
	DormantWorkloads   int64 `json:"dormantWorkloads"`
	UnknownWorkloads   int64 `json:"unknownWorkloads"`
}

// Add adds the counts of another source.
func (m *Measures) Add(o Measures) {
	m.IdleDays = o.IdleDays
	m.Privileged += o.Privileged
	m.StrongCredentials += o.StrongCredentials
	m.StaticOld += o.StaticOld
	m.AgeUnknown += o.AgeUnknown
	m.IdleIdentities += o.IdleIdentities
	m.UnknownIdentities += o.UnknownIdentities
	m.IdleCredentials += o.IdleCredentials
	m.UnknownCredentials += o.UnknownCredentials
	m.Workloads += o.Workloads
	m.DormantWorkloads += o.DormantWorkloads
	m.UnknownWorkloads += o.UnknownWorkloads
}

// WorkloadKinds are the kinds of identity that are machines' own.
func WorkloadKinds() []string {
	var out []string
	for _, k := range retinue.IdentityKinds() {
		if k.Category() == retinue.CategoryMachine {
			out = append(out, string(k))
		}
	}
	return out
}

// IdleChange is what another threshold of idleness would change.
type IdleChange struct {
	// Idle and IdleThen count identities that are idle now, and would be.
	Idle     int64 `json:"idle"`
	IdleThen int64 `json:"idleThen"`
	// Becoming and Ceasing are the identities that would change: to idle, and
	// from idle.
	Becoming int64 `json:"becoming"`
	Ceasing  int64 `json:"ceasing"`
	// Unknown identities are those of which no use was ever told: no threshold
	// says anything of them.
	Unknown int64 `json:"unknown"`
	// The same of credentials.
	Credentials         int64 `json:"credentials"`
	CredentialsThen     int64 `json:"credentialsThen"`
	CredentialsBecoming int64 `json:"credentialsBecoming"`
	CredentialsCeasing  int64 `json:"credentialsCeasing"`
	// ByKind counts the identities that would change, by their kind.
	ByKind map[string]int64 `json:"byKind"`
}

// Add adds things of one kind that are idle or not, now and then.
func (c *IdleChange) Add(kind string, credential, idle, then bool, n int64) {
	now, will, becoming, ceasing := &c.Idle, &c.IdleThen, &c.Becoming, &c.Ceasing
	if credential {
		now, will, becoming, ceasing = &c.Credentials, &c.CredentialsThen, &c.CredentialsBecoming, &c.CredentialsCeasing
	}
	if idle {
		*now += n
	}
	if then {
		*will += n
	}
	switch {
	case then && !idle:
		*becoming += n
	case idle && !then:
		*ceasing += n
	}
	if idle != then && !credential {
		c.ByKind[kind] += n
	}
}
