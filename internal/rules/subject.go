package rules

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Kind says what a subject is. A rule names the kind that it is over.
type Kind string

// The kinds of subject. A pipeline is an identity of kind pipeline: rules over
// identities see it too.
const (
	OverIdentity   Kind = "identity"
	OverCredential Kind = "credential"
	OverResource   Kind = "resource"
	OverTrust      Kind = "trust"
	OverPipeline   Kind = "pipeline"
	OverSource     Kind = "source"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{OverIdentity, OverCredential, OverResource, OverTrust, OverPipeline, OverSource}
}

// MaxAttached is how many things of one sort the inventory attaches to a
// subject at most. Counts are of everything, however much is attached.
const MaxAttached = 200

// Subject is everything that rules may ask about one thing. The inventory
// fills it, one at a time; its JSON names are the names that rules and their
// cases use.
//
// What is not known stays zero: a rule never fires on what no source said
// unless it asks for the absence by name.
type Subject struct {
	Kind   Kind             `json:"kind"`
	Entity retinue.EntityID `json:"entity,omitempty"`
	// Ref is the entity's first ref, which does not change when further
	// sources join: fingerprints of findings are made of it.
	Ref  retinue.Ref `json:"ref,omitzero"`
	Name string      `json:"name,omitempty"`
	Now  time.Time   `json:"now,omitzero"`

	// Exactly one of Credential, Resource, Trust and Source is set for the
	// kind of that name. Identity is the identity itself for OverIdentity and
	// OverPipeline; for OverCredential and OverTrust it is the identity that
	// the credential belongs to or the trust admits to, where that is known.
	// All are as merged over the sources.
	Identity   *retinue.Identity   `json:"identity,omitempty"`
	Credential *retinue.Credential `json:"credential,omitempty"`
	Resource   *retinue.Resource   `json:"resource,omitempty"`
	Trust      *retinue.Trust      `json:"trust,omitempty"`
	Source     *SourceRun          `json:"source,omitempty"`

	// Credentials are those of the identity, each with its placements and uses.
	Credentials []HeldCredential `json:"credentials,omitempty"`
	// Placements are where the credential lies; for an identity, those whose
	// consumer it is.
	Placements []retinue.Placement `json:"placements,omitempty"`
	// Attachments are the policies attached to the identity or resource,
	// directly or through groups and roles.
	Attachments []AttachedPolicy `json:"attachments,omitempty"`
	// Memberships are the groups and roles that it belongs to, directly or not.
	Memberships []Member        `json:"memberships,omitempty"`
	Grants      []retinue.Grant `json:"grants,omitempty"`
	// Trusts are who may become the identity.
	Trusts []retinue.Trust `json:"trusts,omitempty"`
	// Uses are the latest of each meaning.
	Uses         []retinue.Use         `json:"uses,omitempty"`
	OwnerSignals []retinue.OwnerSignal `json:"ownerSignals,omitempty"`
	Registration *retinue.Registration `json:"registration,omitempty"`
	// Owner is the person or team that answers for it, registered or settled
	// from signals, where one is known to the inventory.
	Owner *Owner `json:"owner,omitempty"`
	// Containers are what it lives in, the nearest first.
	Containers []retinue.Container `json:"containers,omitempty"`
	// Runners are the resources and workloads that run as the identity.
	Runners []Runner `json:"runners,omitempty"`
	Counts  Counts   `json:"counts,omitzero"`
	// Usage is what is concluded about its use, of identities and credentials.
	Usage *Usage `json:"usage,omitempty"`
	// KnownTo are the people who left and know the credential.
	KnownTo []Knower `json:"knownTo,omitempty"`
	// Labels are what the label rules gave it (see Set.Label). Evaluate fills
	// them where they are zero.
	Labels Labels `json:"labels,omitzero"`
	// Access answers what the identity can do, where policies are evaluated;
	// of a trust, the identity that it admits to. Cases state it as "access".
	Access Access `json:"-"`
}

// HeldCredential is a credential of an identity.
type HeldCredential struct {
	Credential retinue.Credential  `json:"credential"`
	Entity     retinue.EntityID    `json:"entity,omitempty"`
	Placements []retinue.Placement `json:"placements,omitempty"`
	Uses       []retinue.Use       `json:"uses,omitempty"`
}

// AttachedPolicy is a policy in force for a subject.
type AttachedPolicy struct {
	Policy   retinue.Ref            `json:"policy"`
	Name     string                 `json:"name,omitempty"`
	Language retinue.PolicyLanguage `json:"language,omitempty"`
	Managed  retinue.Management     `json:"managed,omitempty"`
	// Document is the content hash of the policy's text: equal documents
	// across accounts are one fix.
	Document string                 `json:"document,omitempty"`
	Role     retinue.AttachmentRole `json:"role"`
	// Within limits where it holds, such as a namespace.
	Within  retinue.Ref    `json:"within,omitzero"`
	Summary access.Summary `json:"summary,omitzero"`
	// Path is what it comes through, from the subject outwards: names of
	// groups or roles, and of the binding. Empty means attached directly.
	Path []string `json:"path,omitempty"`
}

// Member is a membership with the group's name.
type Member struct {
	retinue.Membership
	Name string `json:"name,omitempty"`
	// Path is what it comes through; empty means direct.
	Path []string `json:"path,omitempty"`
}

// Owner is who answers for a subject.
type Owner struct {
	Name string `json:"name"`
	// State is the state of the person, where a directory was scanned.
	State retinue.State `json:"state,omitempty"`
	// From says where it is known from: registration, tag, codeowners, …
	From string `json:"from,omitempty"`
}

// Runner is a resource or workload that runs as an identity.
type Runner struct {
	Ref         retinue.Ref         `json:"ref"`
	Name        string              `json:"name,omitempty"`
	Kind        string              `json:"kind,omitempty"`
	Container   retinue.Ref         `json:"container,omitzero"`
	Environment retinue.Environment `json:"environment,omitempty"`
	Public      bool                `json:"public,omitempty"`
}

// Counts are over everything that the inventory holds, beyond what is attached.
type Counts struct {
	// Places are the placements of the value of a credential (for an identity:
	// of its credentials), without references and without history.
	Places int `json:"places,omitempty"`
	// PlacesOutsideVault are those in no secret manager.
	PlacesOutsideVault int `json:"placesOutsideVault,omitempty"`
	// HistoricPlaces are those in history only.
	HistoricPlaces int `json:"historicPlaces,omitempty"`
	// References are the places where only its name stands.
	References int `json:"references,omitempty"`
	// Containers are the distinct hosts, repositories, namespaces and accounts
	// among the places.
	Containers int `json:"containers,omitempty"`
	// Holders are the distinct identities that use the same value or public
	// key, 1 where it is used by one.
	Holders int `json:"holders,omitempty"`
	// SamePublicKey are the other credentials that share the public key.
	SamePublicKey int `json:"samePublicKey,omitempty"`
	// SharedValues are the values of this identity's credentials that other
	// identities hold too.
	SharedValues int `json:"sharedValues,omitempty"`
	// Consumers are the distinct identities and resources known to read the
	// credential.
	Consumers int `json:"consumers,omitempty"`
	// Runners are the distinct resources and workloads that run as the
	// identity, RunnerContainers what they live in.
	Runners          int `json:"runners,omitempty"`
	RunnerContainers int `json:"runnerContainers,omitempty"`
	// Environments are the labelled environments in which the value lies, or
	// from which the identity runs, is used or is trusted; sorted. Where they
	// are nil, Evaluate asks the label rules about the attached places and
	// runners.
	Environments []string `json:"environments,omitempty"`
	// LongLived are the identity's active credentials that do not renew
	// themselves.
	LongLived int `json:"longLived,omitempty"`
	// Dependents are the identities and resources that would lose access if
	// the subject went.
	Dependents int `json:"dependents,omitempty"`
}

// SourceRun sums up how a source's latest run went.
type SourceRun struct {
	ID        retinue.SourceID `json:"id,omitempty"`
	Name      string           `json:"name"`
	Kind      string           `json:"kind"`
	Realm     retinue.Realm    `json:"realm,omitempty"`
	Principal string           `json:"principal,omitempty"`
	LastRun   time.Time        `json:"lastRun,omitzero"`
	// LastComplete is when every scope was last complete.
	LastComplete time.Time `json:"lastComplete,omitzero"`
	Failed       bool      `json:"failed,omitempty"`
	Scopes       int       `json:"scopes,omitempty"`
	Partial      int       `json:"partial,omitempty"`
	Held         int       `json:"held,omitempty"` // scopes whose endings wait for a person
	Problems     []string  `json:"problems,omitempty"`
	Missing      []string  `json:"missing,omitempty"`   // permissions
	CouldRead    []string  `json:"couldRead,omitempty"` // beyond what is read
	NotCovered   []string  `json:"notCovered,omitempty"`
}
