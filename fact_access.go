package retinue

import "time"

// Membership says that Member belongs to Group. Options carries what the
// system attaches to the membership (admin, inherit, set, grantor).
type Membership struct {
	Group     Ref       `json:"group"`
	Member    Ref       `json:"member"`
	Grantor   Ref       `json:"grantor,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Options   Attrs     `json:"options,omitempty"`
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
