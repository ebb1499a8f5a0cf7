package retinue

import "slices"

// IdentityKind says what sort of principal an identity is, in the field's own
// terms. The vendor's term goes into Identity.Subtype.
type IdentityKind string

// The kinds of identity. They cover what an organisation runs; an unknown one
// is reported as IdentityOther with its vendor's term, never left out.
const (
	// IdentityServiceAccount is an account made for software: Kubernetes,
	// Google Cloud, directory and operating-system service accounts.
	IdentityServiceAccount IdentityKind = "service_account"
	// IdentityUser is an account of the user kind whose class the source does
	// not decide, such as an IAM user or a database login.
	IdentityUser IdentityKind = "user"
	// IdentityRole is something that others assume: an AWS role, a database
	// role without login.
	IdentityRole IdentityKind = "role"
	// IdentityAPIClient is a client or consumer of an API, apart from its key.
	IdentityAPIClient IdentityKind = "api_client"
	// IdentityApp is an application registration that acts as itself.
	IdentityApp IdentityKind = "app"
	// IdentityOAuthApp is a third party's application that people or
	// administrators granted scopes to.
	IdentityOAuthApp IdentityKind = "oauth_app"
	// IdentityBot is a bot of a collaboration or help-desk product.
	IdentityBot IdentityKind = "bot"
	// IdentityRPABot is a robotic-process-automation bot, with the business
	// process that it runs.
	IdentityRPABot IdentityKind = "rpa_bot"
	// IdentityPipeline is a CI/CD pipeline or workflow.
	IdentityPipeline IdentityKind = "pipeline"
	// IdentityWorkload is a running workload, federated by a platform.
	IdentityWorkload IdentityKind = "workload"
	// IdentityContainer is a container or container service with an identity
	// of its own.
	IdentityContainer IdentityKind = "container"
	// IdentityFunction is a cloud function.
	IdentityFunction IdentityKind = "function"
	// IdentityService is a service: a microservice, or a unit of an operating
	// system's service manager.
	IdentityService IdentityKind = "service"
	// IdentityScript is a script or scheduled job.
	IdentityScript IdentityKind = "script"
	// IdentityIntegration is an app-to-app integration of a SaaS product.
	IdentityIntegration IdentityKind = "integration"
	// IdentityManagedIdentity is an Azure managed identity.
	IdentityManagedIdentity IdentityKind = "managed_identity"
	// IdentityServicePrincipal is an Entra service principal.
	IdentityServicePrincipal IdentityKind = "service_principal"
	// IdentityFederated is a subject of another issuer that a trust admits.
	IdentityFederated IdentityKind = "federated"
	// IdentityMachineAccount is a computer account of a directory.
	IdentityMachineAccount IdentityKind = "machine_account"
	// IdentityVirtualMachine is a virtual machine with an identity.
	IdentityVirtualMachine IdentityKind = "virtual_machine"
	// IdentityDevice is an IoT or hardware device.
	IdentityDevice IdentityKind = "device"
	// IdentityAgent is an AI agent, or a tool server that acts for one.
	IdentityAgent IdentityKind = "agent"
	// IdentityOther is a principal of none of these kinds.
	IdentityOther IdentityKind = "other"
)

// IdentityKinds lists every kind.
func IdentityKinds() []IdentityKind {
	return []IdentityKind{
		IdentityServiceAccount, IdentityUser, IdentityRole, IdentityAPIClient, IdentityApp, IdentityOAuthApp,
		IdentityBot, IdentityRPABot, IdentityPipeline, IdentityWorkload, IdentityContainer, IdentityFunction,
		IdentityService, IdentityScript, IdentityIntegration, IdentityManagedIdentity, IdentityServicePrincipal,
		IdentityFederated, IdentityMachineAccount, IdentityVirtualMachine, IdentityDevice, IdentityAgent, IdentityOther,
	}
}

// Category sets machine identities, those of a thing that runs, apart from the
// accounts and applications that software uses.
type Category string

// The categories.
const (
	CategoryAccount     Category = "account"
	CategoryApplication Category = "application"
	CategoryMachine     Category = "machine"
	CategoryAgent       Category = "agent"
)

// Category returns the taxonomy field of a kind.
func (k IdentityKind) Category() Category {
	switch k {
	case IdentityWorkload, IdentityContainer, IdentityFunction, IdentityService, IdentityMachineAccount,
		IdentityVirtualMachine, IdentityDevice:
		return CategoryMachine
	case IdentityAPIClient, IdentityApp, IdentityOAuthApp, IdentityBot, IdentityRPABot, IdentityPipeline,
		IdentityIntegration, IdentityScript, IdentityServicePrincipal:
		return CategoryApplication
	case IdentityAgent:
		return CategoryAgent
	}
	return CategoryAccount
}

// Class says whether a principal is a person. Only non-human ones are counted
// as NHIs; an unclear one is counted apart.
type Class string

// The classes.
const (
	ClassNonHuman Class = "non_human"
	ClassPerson   Class = "person"
	ClassUnclear  Class = "unclear"
)

// Environment is where an identity is used. The empty value means unlabelled.
type Environment string

// The environments.
const (
	EnvironmentProduction  Environment = "production"
	EnvironmentStaging     Environment = "staging"
	EnvironmentTest        Environment = "test"
	EnvironmentDevelopment Environment = "development"
	EnvironmentSandbox     Environment = "sandbox"
	EnvironmentShared      Environment = "shared"
)

// Environments lists every environment.
func Environments() []Environment {
	return []Environment{EnvironmentProduction, EnvironmentStaging, EnvironmentTest, EnvironmentDevelopment,
		EnvironmentSandbox, EnvironmentShared}
}

// Criticality is how much depends on an identity. The empty value means not
// set.
type Criticality string

// The criticalities, highest first.
const (
	CriticalityCritical Criticality = "critical"
	CriticalityHigh     Criticality = "high"
	CriticalityMedium   Criticality = "medium"
	CriticalityLow      Criticality = "low"
)

// Criticalities lists every criticality, highest first.
func Criticalities() []Criticality {
	return []Criticality{CriticalityCritical, CriticalityHigh, CriticalityMedium, CriticalityLow}
}

// State is where an identity stands in its life.
type State string

// The lifecycle states. A source states what it knows (active, disabled,
// expired, declared); the others come from governance.
const (
	// StateRequested: asked for, not made yet.
	StateRequested State = "requested"
	// StateDeclared: written down in code or a template, not seen deployed.
	StateDeclared State = "declared"
	// StateActive: exists and may act.
	StateActive State = "active"
	// StateDisabled: exists and may not act.
	StateDisabled State = "disabled"
	// StateExpired: its end date has passed and the system enforces it.
	StateExpired State = "expired"
	// StateRetiring: on the ladder of a decommissioning.
	StateRetiring State = "retiring"
	// StateRetired: kept as a tombstone that is watched.
	StateRetired State = "retired"
	// StateGone: a completed scope no longer lists it.
	StateGone State = "gone"
	// StateUnknown: the source does not say.
	StateUnknown State = "unknown"
)

// States lists every state.
func States() []State {
	return []State{StateRequested, StateDeclared, StateActive, StateDisabled, StateExpired, StateRetiring,
		StateRetired, StateGone, StateUnknown}
}

// Management says who made and changes a thing. What a provider or package
// manages is suppressed noise in findings: counted, never dropped.
type Management string

// The values of Management. The empty value means the customer.
const (
	// ManagedByProvider: made and changed by the vendor (service-linked roles,
	// AWS managed policies, system: roles of Kubernetes, pg_ roles).
	ManagedByProvider Management = "provider"
	// ManagedByPackage: made by an operating system's or application's package
	// (nologin system accounts, distribution CA bundles).
	ManagedByPackage Management = "package"
	// ManagedByPlatform: made by a controller or platform on a customer's
	// behalf (default service accounts).
	ManagedByPlatform Management = "platform"
)

// Federation is how an identity is known to systems that federate it.
type Federation struct {
	// Issuer is the token issuer's URL.
	Issuer string `json:"issuer,omitempty"`
	// Subject is the subject, or a pattern of subjects with * and ?.
	Subject string `json:"subject,omitempty"`
	// Audience is the audience the tokens are meant for, if fixed.
	Audience string `json:"audience,omitempty"`
}

func oneOf[T ~string](v T, all []T) bool { return slices.Contains(all, v) }
