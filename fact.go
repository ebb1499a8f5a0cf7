package retinue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// FactType names the types of Fact in JSON and in the store.
type FactType string

// The fact types. The first nine describe entities, the others relations and
// observations.
const (
	FactPerson      FactType = "person"
	FactTeam        FactType = "team"
	FactApplication FactType = "application"
	FactIdentity    FactType = "identity"
	FactGroup       FactType = "group"
	FactContainer   FactType = "container"
	FactPolicy      FactType = "policy"
	FactCredential  FactType = "credential"
	FactResource    FactType = "resource"
	FactMembership  FactType = "membership"
	FactAttachment  FactType = "attachment"
	FactGrant       FactType = "grant"
	FactTrust       FactType = "trust"
	FactPlacement   FactType = "placement"
	FactOwnerSignal FactType = "owner_signal"
	FactUse         FactType = "use"
)

// FactTypes lists every type.
func FactTypes() []FactType {
	return []FactType{FactPerson, FactTeam, FactApplication, FactIdentity, FactGroup, FactContainer, FactPolicy,
		FactCredential, FactResource, FactMembership, FactAttachment, FactGrant, FactTrust, FactPlacement,
		FactOwnerSignal, FactUse}
}

// Fact is one thing that a source says. The set of implementations is closed:
// the types of this package named after the FactTypes, as values.
type Fact interface {
	// FactType returns the type.
	FactType() FactType
	// FactRef returns what the fact is about. Within a scope, type and ref
	// identify a fact: stating it again with other content is a new version.
	FactRef() Ref
	// Validate reports what is wrong, wrapping ErrInvalid.
	Validate() error
	sealed()
}

// Attrs holds what the vendor says beyond the fields: strings, booleans,
// numbers and lists of strings. No secret value, and nothing that moves by
// itself (counters, last use): those are Use facts.
type Attrs map[string]any

// Validate reports values of other types.
func (a Attrs) Validate() error {
	for k, v := range a {
		switch v.(type) {
		case string, bool, int, int64, float64, []string, json.Number:
		case []any: // as decoded from JSON
			for _, e := range v.([]any) {
				if _, ok := e.(string); !ok {
					return fmt.Errorf("%w: attribute %q: list of %T, want strings", ErrInvalid, k, e)
				}
			}
		default:
			return fmt.Errorf("%w: attribute %q: %T, want string, bool, number or list of strings", ErrInvalid, k, v)
		}
	}
	return nil
}

// FactType implements Fact.
func (Person) FactType() FactType { return FactPerson }

// FactType implements Fact.
func (Team) FactType() FactType { return FactTeam }

// FactType implements Fact.
func (Application) FactType() FactType { return FactApplication }

// FactType implements Fact.
func (Identity) FactType() FactType { return FactIdentity }

// FactType implements Fact.
func (Group) FactType() FactType { return FactGroup }

// FactType implements Fact.
func (Container) FactType() FactType { return FactContainer }

// FactType implements Fact.
func (Policy) FactType() FactType { return FactPolicy }

// FactType implements Fact.
func (Credential) FactType() FactType { return FactCredential }

// FactType implements Fact.
func (Resource) FactType() FactType { return FactResource }

// FactType implements Fact.
func (Membership) FactType() FactType { return FactMembership }

// FactType implements Fact.
func (Attachment) FactType() FactType { return FactAttachment }

// FactType implements Fact.
func (Grant) FactType() FactType { return FactGrant }

// FactType implements Fact.
func (Trust) FactType() FactType { return FactTrust }

// FactType implements Fact.
func (Placement) FactType() FactType { return FactPlacement }

// FactType implements Fact.
func (OwnerSignal) FactType() FactType { return FactOwnerSignal }

// FactType implements Fact.
func (Use) FactType() FactType { return FactUse }

// FactRef implements Fact.
func (f Person) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Team) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Application) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Identity) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Group) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Container) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Policy) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Credential) FactRef() Ref { return f.Ref }

// FactRef implements Fact.
func (f Resource) FactRef() Ref { return f.Ref }

// FactRef implements Fact: the group's realm, and group, member and grantor.
func (f Membership) FactRef() Ref {
	return relation(FactMembership, f.Group.Realm, f.Group, f.Member, f.Grantor)
}

// FactRef implements Fact: the target's realm, and policy, target, role, the
// limit and what makes the attachment.
func (f Attachment) FactRef() Ref {
	return relation(FactAttachment, f.Target.Realm, f.Policy, f.Target, Ref{Kind: string(f.Role)}, f.Within, f.Via)
}

// FactRef implements Fact: the subject's realm, and subject, resource,
// condition and what makes the grant.
func (f Grant) FactRef() Ref {
	return relation(FactGrant, f.Subject.Realm, f.Subject, f.Resource, Ref{Kind: f.ResourceName, Key: f.Condition}, f.Via)
}

// FactRef implements Fact: the subject's realm, and subject, trustee and what
// makes the trust.
func (f Trust) FactRef() Ref {
	fed := Federation{}
	if f.Federation != nil {
		fed = *f.Federation
	}
	return relation(FactTrust, f.Subject.Realm, f.Subject, f.Trustee, Ref{Kind: string(f.Kind), Key: f.Name},
		Ref{Kind: fed.Issuer, Key: fed.Subject + "\x1f" + fed.Audience}, f.Via)
}

// FactRef implements Fact: the place's realm, and credential and place.
func (f Placement) FactRef() Ref {
	return relation(FactPlacement, f.Place.Realm, f.Credential, Ref{Kind: string(f.Place.Kind), Key: f.Place.key()}, f.Consumer)
}

// FactRef implements Fact: the subject's realm, and subject, candidate and
// signal.
func (f OwnerSignal) FactRef() Ref {
	return relation(FactOwnerSignal, f.Subject.Realm, f.Subject, Ref{Kind: f.Signal, Key: f.Candidate})
}

// FactRef implements Fact: the subject's realm, and subject, meaning, action,
// resource and consumer.
func (f Use) FactRef() Ref {
	return relation(FactUse, f.Subject.Realm, f.Subject, Ref{Kind: f.Meaning, Key: f.Action},
		Ref{Kind: f.Resource, Key: f.Consumer})
}

func (Person) sealed()      {}
func (Team) sealed()        {}
func (Application) sealed() {}
func (Identity) sealed()    {}
func (Group) sealed()       {}
func (Container) sealed()   {}
func (Policy) sealed()      {}
func (Credential) sealed()  {}
func (Resource) sealed()    {}
func (Membership) sealed()  {}
func (Attachment) sealed()  {}
func (Grant) sealed()       {}
func (Trust) sealed()       {}
func (Placement) sealed()   {}
func (OwnerSignal) sealed() {}
func (Use) sealed()         {}

// relation makes the ref of a fact about several things. The key is the parts
// joined by "|", in which "|" and "\" are escaped; a part in the same realm
// leaves its realm out.
func relation(t FactType, realm Realm, parts ...Ref) Ref {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('|')
		}
		if p.Realm != "" && p.Realm != realm {
			escapePart(&b, string(p.Realm)+"/")
		}
		if p.Kind != "" || p.Key != "" {
			escapePart(&b, p.Kind)
			b.WriteByte(':')
			escapePart(&b, p.Key)
		}
	}
	return Ref{Realm: realm, Kind: string(t), Key: shorten(CleanName(b.String()))}
}

// escapePart writes a part with "|", "\" and the unit separator escaped. It
// stands in the way of every relation, so it allocates nothing.
func escapePart(b *strings.Builder, s string) {
	for {
		i := strings.IndexAny(s, "\\|\x1f")
		if i < 0 {
			b.WriteString(s)
			return
		}
		b.WriteString(s[:i])
		b.WriteByte('\\')
		if s[i] == '\\' {
			b.WriteByte('\\')
		} else {
			b.WriteByte('|')
		}
		s = s[i+1:]
	}
}

// shorten bounds a key that is made of others: a longer one keeps its head and
// ends in the hash of the whole.
func shorten(key string) string {
	if len(key) <= MaxRefKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	head := strings.ToValidUTF8(key[:MaxRefKey-66], "")
	return head + "~" + hex.EncodeToString(sum[:])
}
