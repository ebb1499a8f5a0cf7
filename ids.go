package retinue

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// Public ids are a prefix and a UUIDv7 (RFC 9562, section 5.7) in lower-case
// Crockford base 32, 26 characters: they sort by the time at which they were
// minted, are minted once and never reused. Each kind is a Go type of its own.
type (
	// EntityID names an entity of any kind: idn_ an identity, crd_ a
	// credential, and so on as EntityPrefix says.
	EntityID string
	// FindingID names a finding: fnd_.
	FindingID string
	// RecordID names an entry of the audit log: rec_.
	RecordID string
	// ChangeID names a change: chg_.
	ChangeID string
	// RunID names one run of a source: run_.
	RunID string
	// SourceID names a configured source: src_.
	SourceID string
)

// EntityPrefix returns the id prefix of the entities that facts of a type
// describe, and false for facts that describe a relation.
func EntityPrefix(t FactType) (string, bool) {
	switch t {
	case FactPerson:
		return "psn_", true
	case FactTeam:
		return "tem_", true
	case FactApplication:
		return "app_", true
	case FactIdentity:
		return "idn_", true
	case FactGroup:
		return "grp_", true
	case FactContainer:
		return "ctn_", true
	case FactPolicy:
		return "pol_", true
	case FactCredential:
		return "crd_", true
	case FactResource:
		return "res_", true
	}
	return "", false
}

// NewEntityID mints an id for an entity of the given fact type. It panics on a
// type that describes a relation, which is a fault of the program.
func NewEntityID(t FactType, now time.Time) EntityID {
	p, ok := EntityPrefix(t)
	if !ok {
		panic("retinue: no entity is described by facts of type " + string(t))
	}
	return EntityID(p + newUUIDv7(now))
}

// NewFindingID mints a finding's id.
func NewFindingID(now time.Time) FindingID { return FindingID("fnd_" + newUUIDv7(now)) }

// NewRecordID mints an audit record's id.
func NewRecordID(now time.Time) RecordID { return RecordID("rec_" + newUUIDv7(now)) }

// NewChangeID mints a change's id.
func NewChangeID(now time.Time) ChangeID { return ChangeID("chg_" + newUUIDv7(now)) }

// NewRunID mints a run's id.
func NewRunID(now time.Time) RunID { return RunID("run_" + newUUIDv7(now)) }

// NewSourceID mints a source's id.
func NewSourceID(now time.Time) SourceID { return SourceID("src_" + newUUIDv7(now)) }

// NewID mints an id with a prefix such as "acc_", for the kinds of thing that a
// package keeps for itself.
func NewID(prefix string, now time.Time) string { return prefix + newUUIDv7(now) }

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

func newUUIDv7(now time.Time) string {
	var u [16]byte
	if _, err := rand.Read(u[:]); err != nil {
		panic("retinue: no randomness: " + err.Error())
	}
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	// 128 bits in 26 characters of 5 bits, the first holding 3.
	var out [26]byte
	var acc uint32
	bits := 2 // two leading zero bits make 130
	o := 0
	for _, b := range u {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[o] = crockford[acc>>bits&31]
			o++
		}
		acc &= 1<<bits - 1
	}
	return string(out[:])
}

// CheckID reports an id that does not have the form of a prefix such as "fnd_"
// and 26 characters.
func CheckID(prefix, id string) error {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok || len(rest) != 26 || strings.Trim(rest, crockford) != "" {
		return fmt.Errorf("%w: id %q: want %s and 26 characters", ErrInvalid, id, prefix)
	}
	return nil
}
