package retinue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
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

// Person is a human being that a source knows.
type Person struct {
	Ref    Ref               `json:"ref"`
	Name   string            `json:"name,omitempty"`
	Email  string            `json:"email,omitempty"`
	State  State             `json:"state,omitempty"`
	Teams  []Ref             `json:"teams,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Attrs  Attrs             `json:"attrs,omitempty"`
}

// Team is a group of persons that can answer for identities.
type Team struct {
	Ref     Ref    `json:"ref"`
	Name    string `json:"name,omitempty"`
	Email   string `json:"email,omitempty"`
	Members []Ref  `json:"members,omitempty"`
	Attrs   Attrs  `json:"attrs,omitempty"`
}

// Application is a business application that identities belong to.
type Application struct {
	Ref         Ref         `json:"ref"`
	Name        string      `json:"name,omitempty"`
	Team        Ref         `json:"team,omitzero"`
	Criticality Criticality `json:"criticality,omitempty"`
	Attrs       Attrs       `json:"attrs,omitempty"`
}

// Identity is a principal. Class says whether it is a person, with the reason.
type Identity struct {
	Ref  Ref          `json:"ref"`
	Name string       `json:"name,omitempty"`
	Kind IdentityKind `json:"kind"`
	// Subtype is the vendor's own term, such as "iam_role".
	Subtype string `json:"subtype,omitempty"`
	Class   Class  `json:"class"`
	// ClassReason is one sentence: why the class was given.
	ClassReason string `json:"classReason,omitempty"`
	State       State  `json:"state,omitempty"`
	// StateReason says what makes it disabled, expired, …
	StateReason string      `json:"stateReason,omitempty"`
	Environment Environment `json:"environment,omitempty"`
	Criticality Criticality `json:"criticality,omitempty"`
	// Container is the account, namespace, project or host it lives in.
	Container Ref       `json:"container,omitzero"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// Temporary marks project-based identities, for which an end date is
	// mandatory.
	Temporary   bool              `json:"temporary,omitempty"`
	Managed     Management        `json:"managed,omitempty"`
	Description string            `json:"description,omitempty"`
	Federation  *Federation       `json:"federation,omitempty"`
	Publisher   string            `json:"publisher,omitempty"` // of a third party's app
	Declared    []Place           `json:"declared,omitempty"`  // where code declares it
	Labels      map[string]string `json:"labels,omitempty"`
	Attrs       Attrs             `json:"attrs,omitempty"`
}

// Group is a set of principals that policies can be attached to.
type Group struct {
	Ref       Ref               `json:"ref"`
	Name      string            `json:"name,omitempty"`
	Container Ref               `json:"container,omitzero"`
	Managed   Management        `json:"managed,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Attrs     Attrs             `json:"attrs,omitempty"`
}

// Membership says that Member belongs to Group. Options carries what the
// system attaches to the membership (admin, inherit, set, grantor).
type Membership struct {
	Group     Ref       `json:"group"`
	Member    Ref       `json:"member"`
	Grantor   Ref       `json:"grantor,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Options   Attrs     `json:"options,omitempty"`
}

// ContainerKind says what sort of container it is.
type ContainerKind string

// The container kinds.
const (
	ContainerOrganization ContainerKind = "organization"
	ContainerUnit         ContainerKind = "unit"
	ContainerAccount      ContainerKind = "account"
	ContainerProject      ContainerKind = "project"
	ContainerCluster      ContainerKind = "cluster"
	ContainerNamespace    ContainerKind = "namespace"
	ContainerHost         ContainerKind = "host"
	ContainerServer       ContainerKind = "server"
	ContainerDatabase     ContainerKind = "database"
	ContainerRepository   ContainerKind = "repository"
	ContainerFolder       ContainerKind = "folder"
)

// Container holds other things: organisation, unit, account, project,
// namespace, host, repository.
type Container struct {
	Ref         Ref               `json:"ref"`
	Name        string            `json:"name,omitempty"`
	Kind        ContainerKind     `json:"kind"`
	Parent      Ref               `json:"parent,omitzero"`
	State       State             `json:"state,omitempty"`
	Environment Environment       `json:"environment,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Attrs       Attrs             `json:"attrs,omitempty"`
}

// PolicyLanguage names the language of a policy document.
type PolicyLanguage string

// The policy languages.
const (
	LanguageAWSIAM     PolicyLanguage = "aws-iam"      // an IAM policy document, JSON
	LanguageK8sRBAC    PolicyLanguage = "k8s-rbac"     // the rules of a Role or ClusterRole, JSON
	LanguagePostgreSQL PolicyLanguage = "postgres-acl" // role attributes and access lists, JSON
	LanguageGCPIAM     PolicyLanguage = "gcp-iam"
	LanguageAzureRBAC  PolicyLanguage = "azure-rbac"
	LanguageVault      PolicyLanguage = "vault"
	LanguageSudoers    PolicyLanguage = "sudoers"
	LanguageSSH        PolicyLanguage = "ssh-authorized-key" // the options of an authorized_keys line
	LanguageRetinue    PolicyLanguage = "retinue"            // permissions in Retinue itself, JSON
	LanguagePipeline   PolicyLanguage = "pipeline"           // what starts a pipeline and what its jobs may do, JSON
	LanguageOther      PolicyLanguage = "other"
)

// Policy is a policy document, verbatim: the engines read it, nothing
// flattens it. The store keeps a document once by content hash.
type Policy struct {
	Ref      Ref            `json:"ref"`
	Name     string         `json:"name,omitempty"`
	Language PolicyLanguage `json:"language"`
	// Document is the verbatim text.
	Document  string            `json:"document,omitempty"`
	Container Ref               `json:"container,omitzero"`
	Managed   Management        `json:"managed,omitempty"`
	Version   string            `json:"version,omitempty"` // the version in force
	CreatedAt time.Time         `json:"createdAt,omitzero"`
	Labels    map[string]string `json:"labels,omitempty"`
	Attrs     Attrs             `json:"attrs,omitempty"`
}

// AttachmentRole says in which role a policy is attached.
type AttachmentRole string

// The attachment roles.
const (
	AttachIdentity        AttachmentRole = "identity"
	AttachGroup           AttachmentRole = "group"
	AttachBoundary        AttachmentRole = "boundary"
	AttachSession         AttachmentRole = "session"
	AttachServiceControl  AttachmentRole = "service_control"
	AttachResourceControl AttachmentRole = "resource_control"
	AttachResource        AttachmentRole = "resource"
	AttachTrust           AttachmentRole = "trust"
	AttachEndpoint        AttachmentRole = "endpoint"
	AttachDeny            AttachmentRole = "deny"
)

// Attachment attaches a policy to a subject, resource or container.
type Attachment struct {
	Policy Ref            `json:"policy"`
	Target Ref            `json:"target"`
	Role   AttachmentRole `json:"role"`
	// Within limits where the policy holds, such as the namespace of a
	// RoleBinding.
	Within Ref `json:"within,omitzero"`
	// Via is the object that makes the attachment, such as a RoleBinding.
	Via     Ref   `json:"via,omitzero"`
	Options Attrs `json:"options,omitempty"`
}

// Grant is stated directly only by sources without a policy language, such as
// OAuth scopes, a pipeline's declared token permissions or a sudo rule.
type Grant struct {
	Subject    Ref      `json:"subject"`
	Privileges []string `json:"privileges"`
	Resource   Ref      `json:"resource,omitzero"`
	// ResourceName describes the resource where no Ref names it.
	ResourceName string `json:"resourceName,omitempty"`
	Condition    string `json:"condition,omitempty"`
	Via          Ref    `json:"via,omitzero"`
	Attrs        Attrs  `json:"attrs,omitempty"`
}

// TrusteeKind says who a trust admits.
type TrusteeKind string

// The trustee kinds.
const (
	TrusteeService   TrusteeKind = "service"   // a provider's service principal
	TrusteeAccount   TrusteeKind = "account"   // a whole account
	TrusteePrincipal TrusteeKind = "principal" // one named principal
	TrusteeFederated TrusteeKind = "federated" // subjects of another issuer
	TrusteeKey       TrusteeKind = "key"       // the holder of a key
	TrusteeAnyone    TrusteeKind = "anyone"
)

// Trust says who may become, or mint a credential of, Subject.
type Trust struct {
	Subject Ref         `json:"subject"`
	Kind    TrusteeKind `json:"kind"`
	// Trustee names who is admitted where a Ref can.
	Trustee Ref `json:"trustee,omitzero"`
	// Name is the trustee in words: a service name, account id, issuer.
	Name       string      `json:"name"`
	Federation *Federation `json:"federation,omitempty"`
	// ThirdParty is true where the trustee lies outside the organisation as
	// far as it is known, OrganizationKnown where that could be decided.
	ThirdParty        bool   `json:"thirdParty,omitempty"`
	OrganizationKnown bool   `json:"organizationKnown,omitempty"`
	Vendor            string `json:"vendor,omitempty"` // of a known third party
	ExternalID        bool   `json:"externalId,omitempty"`
	// Conditions are the condition keys that limit the trust.
	Conditions []string `json:"conditions,omitempty"`
	Via        Ref      `json:"via,omitzero"`
	Attrs      Attrs    `json:"attrs,omitempty"`
}

// Resource is something that identities act on or that acts as them.
type Resource struct {
	Ref       Ref    `json:"ref"`
	Name      string `json:"name,omitempty"`
	Kind      string `json:"kind"` // vendor's term in lower snake case, such as "s3_bucket"
	Container Ref    `json:"container,omitzero"`
	Region    string `json:"region,omitempty"`
	// RunsAs are the identities that the resource acts as.
	RunsAs []Ref `json:"runsAs,omitempty"`
	// Public is true where the source says that anyone can reach it.
	Public    bool              `json:"public,omitempty"`
	DataClass string            `json:"dataClass,omitempty"`
	Managed   Management        `json:"managed,omitempty"`
	CreatedAt time.Time         `json:"createdAt,omitzero"`
	Declared  []Place           `json:"declared,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Attrs     Attrs             `json:"attrs,omitempty"`
}

// Use is an observation that a credential or identity acted, or that its
// source says when it last did. Uses are kept outside the content hashes of
// what they are about.
type Use struct {
	Subject Ref `json:"subject"` // identity or credential
	// Meaning says what the source's field means: "last_used",
	// "last_authenticated", "last_denied_or_used", "connected".
	Meaning string    `json:"meaning"`
	At      time.Time `json:"at"`
	// Never is true where the source says that it was never used; At is then
	// zero.
	Never bool `json:"never,omitempty"`
	// Precision is how exact At is, in seconds (a date is 86,400).
	Precision int    `json:"precision,omitempty"`
	Action    string `json:"action,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Outcome   string `json:"outcome,omitempty"` // success, denied, error; empty: not told apart
	Consumer  string `json:"consumer,omitempty"`
	Grade     Grade  `json:"grade"`
	Attrs     Attrs  `json:"attrs,omitempty"`
}

// Grade is the evidence of use, strongest first.
type Grade string

// The grades.
const (
	// GradeA (complete): the source's own complete event log covers every way
	// the credential can be used, without gaps in the window.
	GradeA Grade = "A"
	// GradeB (good): complete but for named blind spots that this identity's
	// grants do not touch.
	GradeB Grade = "B"
	// GradeC (weak): only a last-used field of the source.
	GradeC Grade = "C"
	// GradeD (none): no usage source at all.
	GradeD Grade = "D"
)

// OwnerSignal is evidence, with its quotation, that a person or team answers
// for a thing.
type OwnerSignal struct {
	Subject Ref `json:"subject"`
	// Candidate is the person's e-mail address, handle or team name.
	Candidate string `json:"candidate"`
	// Signal says what sort of evidence: codeowners, git_author, tag,
	// creator, label, directory.
	Signal string    `json:"signal"`
	Quote  string    `json:"quote,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Places []Place   `json:"places,omitempty"`
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

// MarshalFact encodes a fact as one JSON object with a leading "type". Equal
// facts encode to equal bytes.
func MarshalFact(f Fact) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"type":"`)
	b.WriteString(string(f.FactType()))
	b.WriteByte('"')
	enc, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode %s fact: %w", f.FactType(), err)
	}
	if len(enc) > 2 {
		b.WriteByte(',')
	}
	b.Write(enc[1:])
	return b.Bytes(), nil
}

// UnmarshalFact decodes what MarshalFact writes. Unknown fields and unknown
// types are errors that name them.
func UnmarshalFact(data []byte) (Fact, error) {
	var head struct {
		Type FactType `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: fact: %v", ErrInvalid, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%w: fact: %v", ErrInvalid, err)
	}
	delete(fields, "type")
	bare, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("%w: fact: %v", ErrInvalid, err)
	}
	return DecodeFact(head.Type, bare)
}

// DecodeFact decodes a fact's JSON without its "type", as json.Marshal of the
// fact writes it.
func DecodeFact(t FactType, body []byte) (Fact, error) {
	dec, ok := decoders[t]
	if !ok {
		return nil, fmt.Errorf("%w: fact type %q: want one of %v", ErrInvalid, t, FactTypes())
	}
	return dec(body)
}

var decoders = map[FactType]func([]byte) (Fact, error){
	FactPerson:      decodeBody[Person],
	FactTeam:        decodeBody[Team],
	FactApplication: decodeBody[Application],
	FactIdentity:    decodeBody[Identity],
	FactGroup:       decodeBody[Group],
	FactContainer:   decodeBody[Container],
	FactPolicy:      decodeBody[Policy],
	FactCredential:  decodeBody[Credential],
	FactResource:    decodeBody[Resource],
	FactMembership:  decodeBody[Membership],
	FactAttachment:  decodeBody[Attachment],
	FactGrant:       decodeBody[Grant],
	FactTrust:       decodeBody[Trust],
	FactPlacement:   decodeBody[Placement],
	FactOwnerSignal: decodeBody[OwnerSignal],
	FactUse:         decodeBody[Use],
}

func decodeBody[T Fact](body []byte) (Fact, error) {
	var f T
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %s fact: %v", ErrInvalid, f.FactType(), err)
	}
	return f, nil
}
