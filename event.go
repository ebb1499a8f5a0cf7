package retinue

import (
	"net/netip"
	"time"
)

// Bounds on what an event carries, in bytes and counts. A reader cuts or drops
// what is longer; the host refuses an event that exceeds them.
const (
	MaxEventText     = 512 // agent, operation, reason, region, application, and each value of Context
	MaxEventActions  = 16
	MaxEventVia      = 8
	MaxEventContext  = 16
	MaxEventTouches  = 16
	MaxEventUnknown  = 64 << 10 // raw record of an unknown event
	MaxEventIDLength = 256
)

// EventClass says what sort of entry it is. Logs differ in which classes they
// hold, and [Coverage] says which.
type EventClass string

// The classes of event.
const (
	// EventManagement: a call that changes or reads the configuration of a system.
	EventManagement EventClass = "management"
	// EventData: a call on the data that a system holds.
	EventData EventClass = "data"
	// EventSignIn: an identity proved who it is, or failed to; a token or
	// session was issued; a connection was opened.
	EventSignIn EventClass = "sign_in"
	// EventInsight: the log's own observation about others of its entries.
	EventInsight EventClass = "insight"
	// EventUnknown: an entry that the reader does not understand. It is kept and
	// counted, and never taken for use or for silence.
	EventUnknown EventClass = "unknown"
)

// EventClasses lists every class.
func EventClasses() []EventClass {
	return []EventClass{EventManagement, EventData, EventSignIn, EventInsight, EventUnknown}
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess Outcome = "success"
	// OutcomeDenied: refused for want of a permission or of valid proof.
	OutcomeDenied Outcome = "denied"
	// OutcomeError: failed for another reason (not found, throttled, malformed);
	// the credential itself worked.
	OutcomeError Outcome = "error"
	// OutcomeUnknown: the log does not say.
	OutcomeUnknown Outcome = "unknown"
)

// Outcomes lists every outcome.
func Outcomes() []Outcome {
	return []Outcome{OutcomeSuccess, OutcomeDenied, OutcomeError, OutcomeUnknown}
}

// Event is one entry of a system's own log: somebody did something there, or
// tried to. It holds names, never values: no statement text, no request body, no
// token.
type Event struct {
	// Log names the log in lower case with dots, such as "aws.cloudtrail".
	Log string `json:"log"`
	// ID is the log's own id of the entry, unique within Log and the same
	// however often and by whichever way the entry arrives. Where a log has none
	// it is empty, and Digest stands for it.
	ID string `json:"id,omitempty"`
	// Digest is the first half of the SHA-256 of the record's own bytes (a line
	// without its end, a JSON value without the white space around it). It is set
	// where ID is empty.
	Digest [16]byte `json:"digest,omitzero"`
	// At is when it happened, by the log, in UTC.
	At time.Time `json:"at"`
	// Realm is the system in which it happened.
	Realm Realm      `json:"realm"`
	Class EventClass `json:"class"`

	// Identity acted, as its own realm lists it: an assumed role's session names
	// the role. Zero where the log does not say.
	Identity Ref `json:"identity,omitzero"`
	// Person is true where the log itself says that a person acted (a console
	// sign-in, a user of the directory).
	Person bool `json:"person,omitempty"`
	// Credential is what it acted with, as its realm lists it, and Joins and
	// Fingerprints are by what the credential is known where the log gives an id
	// or a hash of it rather than its name. All may be empty.
	Credential   Ref           `json:"credential,omitzero"`
	Joins        []JoinKey     `json:"joins,omitempty"`
	Fingerprints []Fingerprint `json:"fingerprints,omitempty"`
	// Via are the identities through which it came to act, nearest first: who
	// assumed the role, the pipeline whose token was exchanged, the node whose pod
	// it was.
	Via []Ref `json:"via,omitempty"`
	// OnBehalfOf is for whom it acted, beside itself: the user whom an agent
	// serves, the account that an administrator impersonated.
	OnBehalfOf Ref `json:"onBehalfOf,omitzero"`

	// Action is the permission that the call needed, in the words in which the
	// access engine of the realm is asked (docs/access.md has them): "s3:GetObject",
	// "get", "SELECT", "storage.objects.get". Where no permission is known for a call
	// it is empty and Operation says what was called. More are permissions that the
	// same call needed besides.
	Action string   `json:"action,omitempty"`
	More   []string `json:"more,omitempty"`
	// Operation is the log's own word, where it is not Action.
	Operation string `json:"operation,omitempty"`
	// Resource is what was acted on: as the inventory lists it where the connector
	// lists such things, else with the Key in which the access engine takes it (an
	// ARN; "pay/secrets:db" of Kubernetes). Zero: none, or not said.
	Resource Ref     `json:"resource,omitzero"`
	Outcome  Outcome `json:"outcome"`
	// Reason is the log's own code of a refusal or error.
	Reason string `json:"reason,omitempty"`
	// Region is the part of the system in which it happened.
	Region string `json:"region,omitempty"`
	Origin Origin `json:"origin,omitzero"`
	// Context are request conditions as the log shows them, by the key that
	// policies test ("aws:SourceVpce", "aws:MultiFactorAuthPresent"), sorted by
	// Key. A key that the log shows to be absent is not listed.
	Context []ContextValue `json:"context,omitempty"`
	// Touches are the identities, credentials and controls that the call changed
	// or read.
	Touches []Touch `json:"touches,omitempty"`
	// Raw is the record of an EventUnknown, cut to MaxEventUnknown. The host
	// searches it for secrets and seals it before it is kept. Nil otherwise.
	Raw []byte `json:"raw,omitempty"`
}

// ContextValue is one request condition.
type ContextValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Origin is where a call came from, as far as the log says.
type Origin struct {
	// Address is the caller's, unmapped; invalid where the log gives none.
	Address netip.Addr `json:"address,omitzero"`
	// Agent is the user agent or client program as sent. It is the caller's own
	// word.
	Agent string `json:"agent,omitempty"`
	// Workload is what ran the caller by the log's word: a pod, an instance, a
	// function, a pipeline's run. Pipeline runs name the pipeline as Ref and the
	// run in Run.
	Workload Ref    `json:"workload,omitzero"`
	Run      string `json:"run,omitempty"`
	// Host is the name of the machine, Application the name that the client gave
	// itself (application_name of PostgreSQL), Service the platform's own service
	// that made the call for somebody ("cloudformation.amazonaws.com").
	Host        string `json:"host,omitempty"`
	Application string `json:"application,omitempty"`
	Service     string `json:"service,omitempty"`
	// Interactive is true where the log says that a terminal or browser session
	// was used.
	Interactive bool `json:"interactive,omitempty"`
}

// TouchKind says what a call did to something that governance is about.
type TouchKind string

// The kinds of touch.
const (
	TouchCreate  TouchKind = "create"  // made an identity
	TouchIssue   TouchKind = "issue"   // made a credential of it
	TouchRead    TouchKind = "read"    // read a secret or credential
	TouchRotate  TouchKind = "rotate"  // replaced a credential's value
	TouchEdit    TouchKind = "edit"    // changed its permissions, trust or settings
	TouchDisable TouchKind = "disable" // made it unusable without deleting it
	TouchEnable  TouchKind = "enable"
	TouchDelete  TouchKind = "delete"
	// TouchSilence: switched off or narrowed a log or a detector.
	TouchSilence TouchKind = "silence"
	// TouchExpose: opened a resource to others (a public snapshot, an open port).
	TouchExpose TouchKind = "expose"
	// TouchRun: started something that acts as the target (an instance, a function,
	// a command on a machine).
	TouchRun TouchKind = "run"
)

// Touch is what a call did, and to what. Target is zero where the log does not
// name it.
type Touch struct {
	Kind   TouchKind `json:"kind"`
	Target Ref       `json:"target,omitzero"`
}

// Coverage is what a reader says that a log shows for a stretch of time, and
// what it does not.
type Coverage struct {
	Log   string `json:"log"`
	Realm Realm  `json:"realm"`
	// From and To are the stretch that was read. Events before From or from To on
	// say nothing about silence.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Classes are the classes of event that the log holds.
	Classes []EventClass `json:"classes"`
	// Proof says in one sentence why nothing that the log held in the stretch is
	// missing ("digest files chain without a gap", "paged to the end of the live
	// log"). Empty: that is not known, and the evidence is weak at best.
	Proof string `json:"proof,omitempty"`
	// Authenticated is false where the way in could have been written to by
	// others than the system.
	Authenticated bool        `json:"authenticated"`
	BlindSpots    []BlindSpot `json:"blindSpots,omitempty"`
}

// SystemsListed is the path of the scope that a connector completes in the realm of
// an organisation when it has read which systems (projects, accounts) belong to it,
// to the end of the list.
const SystemsListed = "systems"

// BlindSpot is something that a log cannot show, and whom that concerns. With
// several of Actions, Resources, Identities, Credentials and Kinds set, all must
// apply; with none it concerns everyone of the realm.
type BlindSpot struct {
	// Code names it in lower snake case after the system: "aws.data_events_off".
	// The page of the connector lists its own.
	Code string `json:"code"`
	// Text says it in a sentence.
	Text string `json:"text"`
	// Actions are patterns (with *) of actions whose use does not show.
	Actions []string `json:"actions,omitempty"`
	// Resources are patterns (with *) of keys of resources on which use does not
	// show: where an action is a verb such as "get", it says little without them.
	Resources []string `json:"resources,omitempty"`
	// Identities are those whose use does not show.
	Identities []Ref `json:"identities,omitempty"`
	// Credentials are the kinds of credential whose use does not show.
	Credentials []CredentialKind `json:"credentials,omitempty"`
	// Kinds are the kinds of identity whose use does not show.
	Kinds []IdentityKind `json:"kinds,omitempty"`
	// Elsewhere is the kind of realm in whose other logs of the same name it shows
	// what this one does not ("gcp": calls in other projects). It goes away where the
	// logs of all of them are whole, and which these are is known: an organisation of
	// them completes the scope [SystemsListed]. Empty: other logs do not help.
	Elsewhere string `json:"elsewhere,omitempty"`
	// From and To bound it; zero means the whole stretch.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Raise says which setting would take it away, and Cost what that is likely
	// to cost. Empty where nothing would.
	Raise string `json:"raise,omitempty"`
	Cost  string `json:"cost,omitempty"`
}
