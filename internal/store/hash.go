package store

import (
	"crypto/sha256"

	"github.com/retinue-id/retinue"
)

// HashRef returns the hash of a ref. The parts are separated by zero bytes,
// which no valid ref contains.
func HashRef(r retinue.Ref) Hash {
	var buf [512]byte
	b := append(buf[:0], r.Realm...)
	b = append(b, 0)
	b = append(b, r.Kind...)
	b = append(b, 0)
	b = append(b, r.Key...)
	sum := sha256.Sum256(b)
	return Hash(sum[:20])
}

// HashContent returns the hash of a canonical body and what travels beside it.
func HashContent(body []byte, document string) ContentHash {
	if document == "" {
		sum := sha256.Sum256(body)
		return ContentHash(sum[:16])
	}
	h := sha256.New()
	h.Write(body)
	h.Write([]byte{0})
	h.Write([]byte(document))
	return ContentHash(h.Sum(nil)[:16])
}

// TypeIndex is the place of a fact type in FactTypes: its number in the store.
// It returns -1 for an unknown type.
func TypeIndex(t retinue.FactType) int {
	for i, x := range factTypes {
		if x == t {
			return i
		}
	}
	return -1
}

// TypeAt is the inverse of TypeIndex.
func TypeAt(i int) retinue.FactType {
	if i < 0 || i >= len(factTypes) {
		return ""
	}
	return factTypes[i]
}

// factTypes fixes the numbers: a new type is appended, never inserted.
var factTypes = []retinue.FactType{
	retinue.FactPerson, retinue.FactTeam, retinue.FactApplication, retinue.FactIdentity, retinue.FactGroup,
	retinue.FactContainer, retinue.FactPolicy, retinue.FactCredential, retinue.FactResource,
	retinue.FactMembership, retinue.FactAttachment, retinue.FactGrant, retinue.FactTrust, retinue.FactPlacement,
	retinue.FactOwnerSignal, retinue.FactUse,
}

// Edge roles: what a relation's refs are to it. Numbers are stored.
const (
	EdgeGroup = iota + 1
	EdgeMember
	EdgePolicy
	EdgeTarget
	EdgeSubject
	EdgeResource
	EdgeTrustee
	EdgeCredential
	EdgeConsumer
	EdgeIdentity
	EdgeRunsAs
	EdgeContainer
)

// Edge is a ref that a fact points at, with its role.
type Edge struct {
	Role int
	Ref  retinue.Ref
}

// Edges returns the refs that a fact points at and that questions are asked
// by. The container of an identity is a column, not an edge.
func Edges(f retinue.Fact) []Edge {
	var out []Edge
	add := func(role int, r retinue.Ref) {
		if !r.IsZero() {
			out = append(out, Edge{role, r})
		}
	}
	switch f := f.(type) {
	case retinue.Credential:
		add(EdgeIdentity, f.Identity)
	case retinue.Membership:
		add(EdgeGroup, f.Group)
		add(EdgeMember, f.Member)
	case retinue.Attachment:
		add(EdgePolicy, f.Policy)
		add(EdgeTarget, f.Target)
	case retinue.Grant:
		add(EdgeSubject, f.Subject)
		add(EdgeResource, f.Resource)
	case retinue.Trust:
		add(EdgeSubject, f.Subject)
		add(EdgeTrustee, f.Trustee)
	case retinue.Placement:
		add(EdgeCredential, f.Credential)
		add(EdgeConsumer, f.Consumer)
	case retinue.OwnerSignal:
		add(EdgeSubject, f.Subject)
	case retinue.Resource:
		for _, r := range f.RunsAs {
			add(EdgeRunsAs, r)
		}
	case retinue.Container:
		add(EdgeContainer, f.Parent)
	}
	return out
}
