package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// fingerprint names a finding for ever: it is made of the rule and the ref.
func fingerprint(rule string, ref retinue.Ref) string {
	return hash("finding", rule, string(ref.Realm), ref.Kind, ref.Key)
}

// family names the findings of one rule on things with one definition, in
// whatever account, cluster or namespace they are.
func family(rule string, sub *Subject, declared string) string {
	if declared == "" {
		declared = definition(sub)
	}
	return shortHash("family", rule, string(sub.Kind), declared)
}

// definition is what instances of one definition have in common: kind and name
// without what is unique to each.
func definition(sub *Subject) string {
	kind := sub.Ref.Kind
	if sub.Kind == OverCredential && sub.Credential != nil {
		kind = string(sub.Credential.Kind) + " " + sub.Credential.Subtype
	}
	name := sub.Name
	if name == "" {
		name = sub.Ref.Key
	}
	return kind + " " + unique.ReplaceAllString(name, "#")
}

// unique matches parts of names that differ between instances of a definition:
// account numbers, regions, UUIDs, and random suffixes with digits.
var unique = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d{6,}\b|` +
	`\b(?:us|eu|ap|sa|ca|me|af|il)-[a-z]+-\d\b|\b[0-9a-f]*\d[0-9a-f]*[a-f][0-9a-f]{5,}\b`)

// disabledReason says why a subject cannot act, and "" where it can.
func disabledReason(s *Subject) string {
	if c := s.Credential; c != nil && s.Kind == OverCredential {
		switch c.State {
		case retinue.CredentialInactive, retinue.CredentialExpired, retinue.CredentialRevoked:
			return "the credential is " + string(c.State)
		}
	}
	if i := s.Identity; i != nil {
		switch i.State {
		case retinue.StateDisabled, retinue.StateExpired, retinue.StateRetired, retinue.StateGone:
			return "the identity is " + string(i.State)
		}
	}
	return ""
}

func isPerson(s *Subject) bool {
	if s.Kind != OverIdentity && s.Kind != OverPipeline {
		return false
	}
	if r := s.Registration; r != nil && r.Class != "" {
		return r.Class == retinue.ClassPerson
	}
	return s.Identity != nil && s.Identity.Class == retinue.ClassPerson
}

// suppression says why a finding is noise, and "" where it is not.
func suppression(s *Subject) string {
	managed := retinue.Management("")
	switch {
	case s.Kind == OverCredential && s.Credential != nil && s.Credential.Managed != "":
		managed = s.Credential.Managed
	case s.Resource != nil && s.Resource.Managed != "":
		managed = s.Resource.Managed
	case s.Identity != nil:
		managed = s.Identity.Managed
	}
	switch managed {
	case retinue.ManagedByProvider:
		return "made and changed by the provider"
	case retinue.ManagedByPackage:
		return "made by a package of the operating system or application"
	case retinue.ManagedByPlatform:
		return "made by the platform itself"
	}
	return ""
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func shortHash(parts ...string) string { return hash(parts...)[:24] }

func sortedKeys(m map[string]bool) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func join(list []string) string { return strings.Join(list, "\x00") }
