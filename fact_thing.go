package retinue

import "time"

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
