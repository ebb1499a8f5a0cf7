package retinue

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxDocument bounds a policy document, in bytes. AWS's largest is 20,480
// characters; Kubernetes objects are limited by etcd to 1.5 MiB.
const MaxDocument = 4 << 20

type checker struct {
	what FactType
	err  error
}

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s fact: %s", ErrInvalid, c.what, fmt.Sprintf(format, args...))
	}
}

func (c *checker) ref(field string, r Ref, required bool) {
	if r.IsZero() {
		if required {
			c.fail("%s is missing", field)
		}
		return
	}
	if err := r.Validate(); err != nil {
		c.fail("%s: %v", field, err)
	}
}

func (c *checker) attrs(field string, a Attrs) {
	if err := a.Validate(); err != nil {
		c.fail("%s: %v", field, err)
	}
}

func (c *checker) text(field, s string) {
	if !utf8.ValidString(s) {
		c.fail("%s is not UTF-8", field)
	}
}

func (c *checker) time(field string, t time.Time) {
	if !t.IsZero() && (t.Year() < 1 || t.Year() > 9999) {
		c.fail("%s: year %d", field, t.Year())
	}
}

func enum[T ~string](c *checker, field string, v T, all []T, required bool) {
	if v == "" && !required {
		return
	}
	if !oneOf(v, all) {
		c.fail("%s %q: want one of %v", field, v, all)
	}
}

func classes() []Class { return []Class{ClassNonHuman, ClassPerson, ClassUnclear} }

// Validate implements Fact.
func (f Person) Validate() error {
	c := &checker{what: FactPerson}
	c.ref("ref", f.Ref, true)
	enum(c, "state", f.State, States(), false)
	for _, t := range f.Teams {
		c.ref("teams", t, true)
	}
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Team) Validate() error {
	c := &checker{what: FactTeam}
	c.ref("ref", f.Ref, true)
	for _, m := range f.Members {
		c.ref("members", m, true)
	}
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Application) Validate() error {
	c := &checker{what: FactApplication}
	c.ref("ref", f.Ref, true)
	c.ref("team", f.Team, false)
	enum(c, "criticality", f.Criticality, Criticalities(), false)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Identity) Validate() error {
	c := &checker{what: FactIdentity}
	c.ref("ref", f.Ref, true)
	c.text("name", f.Name)
	enum(c, "kind", f.Kind, IdentityKinds(), true)
	enum(c, "class", f.Class, classes(), true)
	enum(c, "state", f.State, States(), false)
	enum(c, "environment", f.Environment, Environments(), false)
	enum(c, "criticality", f.Criticality, Criticalities(), false)
	c.ref("container", f.Container, false)
	c.time("createdAt", f.CreatedAt)
	c.time("expiresAt", f.ExpiresAt)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Group) Validate() error {
	c := &checker{what: FactGroup}
	c.ref("ref", f.Ref, true)
	c.ref("container", f.Container, false)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Membership) Validate() error {
	c := &checker{what: FactMembership}
	c.ref("group", f.Group, true)
	c.ref("member", f.Member, true)
	c.ref("grantor", f.Grantor, false)
	c.attrs("options", f.Options)
	return c.err
}

// Validate implements Fact.
func (f Container) Validate() error {
	c := &checker{what: FactContainer}
	c.ref("ref", f.Ref, true)
	enum(c, "kind", f.Kind, []ContainerKind{ContainerOrganization, ContainerUnit, ContainerAccount, ContainerProject,
		ContainerCluster, ContainerNamespace, ContainerHost, ContainerServer, ContainerDatabase, ContainerRepository,
		ContainerFolder}, true)
	c.ref("parent", f.Parent, false)
	enum(c, "state", f.State, States(), false)
	enum(c, "environment", f.Environment, Environments(), false)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Policy) Validate() error {
	c := &checker{what: FactPolicy}
	c.ref("ref", f.Ref, true)
	enum(c, "language", f.Language, []PolicyLanguage{LanguageAWSIAM, LanguageK8sRBAC, LanguagePostgreSQL,
		LanguageGCPIAM, LanguageAzureRBAC, LanguageVault, LanguageSudoers, LanguageSSH, LanguageRetinue, LanguagePipeline, LanguageOther}, true)
	if len(f.Document) > MaxDocument {
		c.fail("document of %d bytes: the limit is %d", len(f.Document), MaxDocument)
	}
	c.text("document", f.Document)
	c.ref("container", f.Container, false)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Attachment) Validate() error {
	c := &checker{what: FactAttachment}
	c.ref("policy", f.Policy, true)
	c.ref("target", f.Target, true)
	c.ref("within", f.Within, false)
	c.ref("via", f.Via, false)
	enum(c, "role", f.Role, []AttachmentRole{AttachIdentity, AttachGroup, AttachBoundary, AttachSession,
		AttachServiceControl, AttachResourceControl, AttachResource, AttachTrust, AttachEndpoint, AttachDeny}, true)
	c.attrs("options", f.Options)
	return c.err
}

// Validate implements Fact.
func (f Credential) Validate() error {
	c := &checker{what: FactCredential}
	c.ref("ref", f.Ref, true)
	c.text("name", f.Name)
	enum(c, "kind", f.Kind, CredentialKinds(), true)
	enum(c, "state", f.State, []CredentialState{CredentialActive, CredentialInactive, CredentialExpired,
		CredentialRevoked, CredentialUnknown}, false)
	c.ref("identity", f.Identity, false)
	for _, p := range f.Fingerprints {
		if p.KeyID == "" || len(p.MAC) != 64 {
			c.fail("fingerprint under key %q: want a key id and 64 hexadecimal characters", p.KeyID)
		}
	}
	for _, j := range f.Joins {
		enum(c, "joins.kind", j.Kind, []JoinKind{JoinProviderID, JoinPublicKey, JoinCertificate}, true)
		if j.Value == "" {
			c.fail("joins: %s has no value", j.Kind)
		}
	}
	c.time("createdAt", f.CreatedAt)
	c.time("rotatedAt", f.RotatedAt)
	c.time("notBefore", f.NotBefore)
	c.time("expiresAt", f.ExpiresAt)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Resource) Validate() error {
	c := &checker{what: FactResource}
	c.ref("ref", f.Ref, true)
	if !isSnake(f.Kind) {
		c.fail("kind %q: want lower_snake_case", f.Kind)
	}
	c.ref("container", f.Container, false)
	for _, r := range f.RunsAs {
		c.ref("runsAs", r, true)
	}
	c.time("createdAt", f.CreatedAt)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Grant) Validate() error {
	c := &checker{what: FactGrant}
	c.ref("subject", f.Subject, true)
	if len(f.Privileges) == 0 {
		c.fail("privileges are missing")
	}
	c.ref("resource", f.Resource, false)
	c.ref("via", f.Via, false)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Trust) Validate() error {
	c := &checker{what: FactTrust}
	c.ref("subject", f.Subject, true)
	enum(c, "kind", f.Kind, []TrusteeKind{TrusteeService, TrusteeAccount, TrusteePrincipal, TrusteeFederated,
		TrusteeKey, TrusteeAnyone}, true)
	c.ref("trustee", f.Trustee, false)
	c.ref("via", f.Via, false)
	if f.Name == "" {
		c.fail("name is missing")
	}
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f Placement) Validate() error {
	c := &checker{what: FactPlacement}
	c.ref("credential", f.Credential, true)
	c.ref("consumer", f.Consumer, false)
	c.ref("place.container", f.Place.Container, false)
	enum(c, "place.kind", f.Place.Kind, []PlaceKind{PlaceFile, PlaceGit, PlaceCIVariable, PlaceKubernetes, PlaceVault,
		PlaceMCPConfig, PlaceEnvironment, PlaceCloudConfig, PlaceAuthorizedKeys, PlaceTrustStore, PlaceDatabase,
		PlaceMessage, PlaceImage, PlaceKeychain, PlaceInstanceStore}, true)
	if err := f.Place.Realm.Validate(); err != nil {
		c.fail("place.realm: %v", err)
	}
	if f.Place.Path == "" {
		c.fail("place.path is missing")
	}
	enum(c, "exposure", f.Exposure, []Exposure{ExposureOwner, ExposureGroup, ExposureWorld, ExposurePublic}, false)
	enum(c, "confidence", f.Confidence, []Confidence{ConfidenceCertain, ConfidenceHigh, ConfidenceMedium,
		ConfidenceLow}, false)
	c.attrs("attrs", f.Attrs)
	return c.err
}

// Validate implements Fact.
func (f OwnerSignal) Validate() error {
	c := &checker{what: FactOwnerSignal}
	c.ref("subject", f.Subject, true)
	if f.Candidate == "" || f.Signal == "" {
		c.fail("candidate and signal are required")
	}
	return c.err
}

// Validate implements Fact.
func (f Use) Validate() error {
	c := &checker{what: FactUse}
	c.ref("subject", f.Subject, true)
	if f.Meaning == "" {
		c.fail("meaning is missing")
	}
	if f.Never != f.At.IsZero() {
		c.fail("give at, or never, and not both")
	}
	c.time("at", f.At)
	enum(c, "grade", f.Grade, []Grade{GradeA, GradeB, GradeC, GradeD}, true)
	c.attrs("attrs", f.Attrs)
	return c.err
}
