package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/retinue-id/retinue"
)

// Format is what truth files name as their format.
const Format = "nhi-bench/1"

// Truth is what is really so in a made-up enterprise.
type Truth struct {
	Format string `json:"format"`
	Seed   uint64 `json:"seed"`
	// From and To are the stretch that the logs cover.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Without are the plants that were left out.
	Without     []Plant      `json:"without,omitempty"`
	Identities  []Identity   `json:"identities"`
	Leavers     []Leaver     `json:"leavers,omitempty"`
	Incidents   []Incident   `json:"incidents,omitempty"`
	Gaps        []Gap        `json:"gaps,omitempty"`
	BlindSpots  []BlindSpot  `json:"blindSpots,omitempty"`
	Deployments []Deployment `json:"deployments,omitempty"`
	Logs        []Log        `json:"logs"`
}

// RhythmClass is how an identity's uses are spread over time.
type RhythmClass string

// The classes of rhythm.
const (
	RhythmContinuous RhythmClass = "continuous"
	RhythmHourly     RhythmClass = "hourly"
	RhythmNightly    RhythmClass = "nightly"
	RhythmWeekdays   RhythmClass = "weekdays"
	RhythmWeekly     RhythmClass = "weekly"
	RhythmMonthEnd   RhythmClass = "month_end"
	RhythmQuarterEnd RhythmClass = "quarter_end"
	RhythmYearly     RhythmClass = "yearly"
	RhythmIrregular  RhythmClass = "irregular"
	RhythmOneOff     RhythmClass = "one_off"
	RhythmNever      RhythmClass = "never"
)

// RhythmClasses lists every class.
func RhythmClasses() []RhythmClass {
	return []RhythmClass{RhythmContinuous, RhythmHourly, RhythmNightly, RhythmWeekdays, RhythmWeekly, RhythmMonthEnd,
		RhythmQuarterEnd, RhythmYearly, RhythmIrregular, RhythmOneOff, RhythmNever}
}

// Rhythm is when something is used.
type Rhythm struct {
	Class RhythmClass `json:"class"`
	// PeriodHours is the longest ordinary time between two uses; 0 where there is
	// none.
	PeriodHours float64 `json:"periodHours,omitempty"`
	// Zone is the civil zone whose clock it follows, an IANA name.
	Zone string `json:"zone,omitempty"`
	// At is the time of day in the zone, "02:30".
	At string `json:"at,omitempty"`
	// Day is the weekday, or the day of the year as "03-17".
	Day string `json:"day,omitempty"`
}

// Identity is the truth about one identity.
type Identity struct {
	Ref    retinue.Ref `json:"ref"`
	Name   string      `json:"name"`
	Log    string      `json:"log"`
	Rhythm Rhythm      `json:"rhythm"`
	// Listed is false of a shadow identity, which its system's export lacks.
	Listed bool `json:"listed"`
	// Unconnected says that no export of its system is there at all: it is neither
	// listed nor a shadow identity.
	Unconnected bool      `json:"unconnected,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
	// Alive says that it will be used again after the end.
	Alive bool `json:"alive"`
	// DeadSince is the last use by its own consumers where it is dead; zero where
	// there was none within the stretch.
	DeadSince time.Time `json:"deadSince,omitzero"`
	// MissedSince is when the first use was due that did not come because it is
	// dead: nobody can tell before. Zero where none was due within the stretch.
	MissedSince time.Time `json:"missedSince,omitzero"`
	// FirstUse, LastUse and Uses are what it did within the stretch, whoever did
	// it, refusals left out; LastSeen and Seen are of those that the log shows.
	FirstUse time.Time `json:"firstUse,omitzero"`
	LastUse  time.Time `json:"lastUse,omitzero"`
	Uses     int64     `json:"uses"`
	LastSeen time.Time `json:"lastSeen,omitzero"`
	Seen     int64     `json:"seen"`

	Credentials []Credential `json:"credentials,omitempty"`
	Owner       Owner        `json:"owner"`
	Consumers   []Consumer   `json:"consumers,omitempty"`
	// Shared says that consumers of several owners use one credential, Human that
	// a person used it by hand, Attacked that an attacker did.
	Shared   bool     `json:"shared,omitempty"`
	Human    bool     `json:"human,omitempty"`
	Attacked bool     `json:"attacked,omitempty"`
	Used     []string `json:"used,omitempty"`    // permissions, sorted
	Granted  []string `json:"granted,omitempty"` // permissions, sorted
	// Blind names the blind spots and gaps that hide some of its uses.
	Blind []string `json:"blind,omitempty"`
}

// Credential is by what an identity is known in its log.
type Credential struct {
	Kind retinue.CredentialKind `json:"kind"`
	// ID is the vendor's own: a key id, a fingerprint. Empty where the log shows
	// none.
	ID string `json:"id,omitempty"`
	// Leaked says when it got into other hands.
	Leaked time.Time `json:"leaked,omitzero"`
}

// Owner is who really answers for an identity.
type Owner struct {
	Person string `json:"person,omitempty"` // address
	Team   string `json:"team,omitempty"`   // id
	// Signals are what an export shows of it, some of them misleading.
	Signals []OwnerSignal `json:"signals,omitempty"`
}

// OwnerSignal is one trace of an owner.
type OwnerSignal struct {
	Kind      string `json:"kind"` // tag, label, creator, comment, codeowners
	Candidate string `json:"candidate"`
	Right     bool   `json:"right"`
}

// Consumer is what used an identity.
type Consumer struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"` // pod, instance, function, pipeline, vendor, workstation, attacker
	Workload string `json:"workload,omitempty"`
	// Addresses and Agents are all that it had, in order of time.
	Addresses []string `json:"addresses,omitempty"`
	Agents    []string `json:"agents,omitempty"`
	// First, Last and Uses are of what happened, Seen of what the log shows.
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Uses     int64     `json:"uses"`
	Seen     int64     `json:"seen"`
	Human    bool      `json:"human,omitempty"`
	Attacker bool      `json:"attacker,omitempty"`
}

// Leaver is a person who left, and what that person still could use.
type Leaver struct {
	Person     string        `json:"person"`
	Left       time.Time     `json:"left"`
	Identities []retinue.Ref `json:"identities,omitempty"`
}

// Incident is something that a product should notice.
type Incident struct {
	ID       string       `json:"id"`
	Kind     IncidentKind `json:"kind"`
	Identity retinue.Ref  `json:"identity"`
	From     time.Time    `json:"from"`
	To       time.Time    `json:"to"`
	// Signals are the kinds of signal that are right about it.
	Signals []SignalKind `json:"signals"`
	// Events are the ids of its entries in the log, at most 100 of them: PostgreSQL's
	// are "SESSION:LINE"; where a log has no ids, "digest:" and the first half of the
	// SHA-256 of the record.
	Events []string `json:"events,omitempty"`
	// Seen is how many of its events the log shows.
	Seen int64 `json:"seen"`
}

// IncidentKind says what happened.
type IncidentKind string

// The kinds of incident.
const (
	IncidentLeak       IncidentKind = "leaked_key"           // used by an attacker from elsewhere
	IncidentEscalation IncidentKind = "privilege_escalation" // permissions widened
	IncidentSilence    IncidentKind = "logging_disabled"
	IncidentBurst      IncidentKind = "denied_burst" // probing what it may do
	IncidentStuffing   IncidentKind = "credential_stuffing"
	IncidentTombstone  IncidentKind = "tombstone_use" // use of what was retired
	IncidentHuman      IncidentKind = "human_use"     // a person uses a machine's credential
)

// IncidentKinds lists every kind.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{IncidentLeak, IncidentEscalation, IncidentSilence, IncidentBurst, IncidentStuffing,
		IncidentTombstone, IncidentHuman}
}

// SignalKind is what a product may say of an identity's behaviour.
type SignalKind string

// The kinds of signal.
const (
	SignalFirstAction  SignalKind = "first_action"
	SignalFirstService SignalKind = "first_service"
	SignalFirstRegion  SignalKind = "first_region"
	SignalFirstNetwork SignalKind = "first_network"
	SignalFirstAgent   SignalKind = "first_agent"
	SignalVolume       SignalKind = "volume"
	SignalDenied       SignalKind = "denied_burst"
	SignalTwoPlaces    SignalKind = "two_places"
	SignalHuman        SignalKind = "human_use"
	SignalTombstone    SignalKind = "tombstone_use"
	SignalLogging      SignalKind = "logging_disabled"
	SignalPrivilege    SignalKind = "privilege_edit"
)

// rightSignals are the kinds of signal that are right about an incident.
func rightSignals(k IncidentKind) []SignalKind {
	switch k {
	case IncidentLeak:
		return []SignalKind{SignalFirstNetwork, SignalFirstAgent, SignalFirstAction, SignalFirstService, SignalFirstRegion,
			SignalTwoPlaces, SignalVolume, SignalDenied}
	case IncidentEscalation:
		return []SignalKind{SignalPrivilege, SignalFirstAction, SignalFirstService}
	case IncidentSilence:
		return []SignalKind{SignalLogging, SignalFirstAction, SignalFirstService}
	case IncidentBurst:
		return []SignalKind{SignalDenied, SignalFirstAction, SignalFirstService, SignalVolume}
	case IncidentStuffing:
		return []SignalKind{SignalDenied, SignalFirstNetwork, SignalVolume, SignalTwoPlaces}
	case IncidentTombstone:
		return []SignalKind{SignalTombstone, SignalFirstNetwork, SignalFirstAgent}
	case IncidentHuman:
		return []SignalKind{SignalHuman, SignalFirstNetwork, SignalFirstAgent, SignalFirstAction, SignalFirstService, SignalTwoPlaces}
	}
	return nil
}

// Gap is a stretch that a log lost.
type Gap struct {
	Log   string        `json:"log"`
	Realm retinue.Realm `json:"realm"`
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
	// Stated says that the log itself shows that something is missing.
	Stated bool  `json:"stated"`
	Lost   int64 `json:"lost"`
}

// BlindSpot is a sort of use that a log does not record.
type BlindSpot struct {
	Code  string        `json:"code"`
	Log   string        `json:"log"`
	Realm retinue.Realm `json:"realm"`
	// Actions are patterns of the permissions whose use does not show.
	Actions []string `json:"actions"`
	Lost    int64    `json:"lost"`
}

// Deployment is a change of a consumer that is nobody's attack.
type Deployment struct {
	Identity retinue.Ref `json:"identity"`
	Consumer string      `json:"consumer"`
	At       time.Time   `json:"at"`
	What     string      `json:"what"` // address, agent, both
}

// Log says what was written of one log.
type Log struct {
	Log     string        `json:"log"`
	Realm   retinue.Realm `json:"realm"`
	Folder  string        `json:"folder"`
	Events  int64         `json:"events"`  // distinct ones
	Records int64         `json:"records"` // with repetitions
	Late    int64         `json:"late"`
	Bytes   int64         `json:"bytes"` // uncompressed
}

// ReadTruth reads a truth file.
func ReadTruth(r io.Reader) (Truth, error) {
	var t Truth
	if err := json.NewDecoder(r).Decode(&t); err != nil {
		return t, fmt.Errorf("%w: read truth: %v", retinue.ErrInvalid, err)
	}
	if t.Format != Format {
		return t, fmt.Errorf("%w: read truth: format %q: want %s", retinue.ErrInvalid, t.Format, Format)
	}
	return t, nil
}
