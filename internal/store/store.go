// Package store holds the words in which the stages and the database speak to
// each other: what is written ([ScopeUpdate]), what is asked ([EntityQuery],
// [AsOf]) and what comes back. The database itself is package sqlstore; each
// stage names the few methods that it needs in an interface of its own.
package store

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Source is a configured source as the store knows it: provenance. Its id
// stays when its name changes.
type Source struct {
	ID     retinue.SourceID `json:"id"`
	Kind   string           `json:"kind"`
	Name   string           `json:"name"`
	Target string           `json:"target,omitempty"` // without secrets
	Key    int64            `json:"-"`
}

// RunState is how a run ended.
type RunState string

// The run states.
const (
	RunRunning  RunState = "running"
	RunComplete RunState = "complete" // every scope that was attempted was completed
	RunPartial  RunState = "partial"  // some scope was not
	RunFailed   RunState = "failed"   // nothing could be read
	RunRefused  RunState = "refused"  // another scan held the system; it says nothing about the source
	RunCrashed  RunState = "crashed"  // the process went away; found by a later run
)

// Run is one run of a source.
type Run struct {
	ID         retinue.RunID    `json:"id"`
	Source     Source           `json:"source"`
	State      RunState         `json:"state"`
	StartedAt  time.Time        `json:"startedAt"`
	FinishedAt time.Time        `json:"finishedAt,omitzero"`
	Actor      retinue.Actor    `json:"actor"`
	Access     connector.Access `json:"access"`
	Notes      []connector.Note `json:"notes,omitempty"`
	Error      string           `json:"error,omitempty"`
	Scopes     []ScopeRun       `json:"scopes,omitempty"`
	Key        int64            `json:"-"`
}

// ScopeState is how a scope stands after a run.
type ScopeState string

// The scope states.
const (
	ScopeComplete ScopeState = "complete"
	ScopePartial  ScopeState = "partial" // facts were kept, nothing was ended
	ScopeFailed   ScopeState = "failed"  // nothing was read
	ScopeHeld     ScopeState = "held"    // complete, but so much would end that it waits for a second scan or a person
	ScopeHistoric ScopeState = "historic"
	ScopeEnded    ScopeState = "ended" // its parent no longer lists it
)

// ScopeRun is the outcome of one scope in one run.
type ScopeRun struct {
	Scope      retinue.Scope `json:"scope"`
	State      ScopeState    `json:"state"`
	ObservedAt time.Time     `json:"observedAt,omitzero"`
	RecordedAt time.Time     `json:"recordedAt,omitzero"`
	Revision   int64         `json:"revision,omitempty"`
	Basis      string        `json:"basis,omitempty"`
	Counts     Counts        `json:"counts"`
	Problems   []string      `json:"problems,omitempty"`
}

// Counts says what an update changed.
type Counts struct {
	Facts     int64 `json:"facts"` // stated in this run
	Added     int64 `json:"added"`
	Changed   int64 `json:"changed"`
	Ended     int64 `json:"ended"`
	Unchanged int64 `json:"unchanged"`
	Uses      int64 `json:"uses"` // new observations of use
	Held      int64 `json:"held"` // would have ended
}

// Hash identifies a ref within the store: the first 20 bytes of the SHA-256 of
// its parts. Order and equality of refs inside the store are those of hashes.
type Hash [20]byte

// ContentHash identifies the content of a fact: the first 16 bytes of the
// SHA-256 of its canonical body.
type ContentHash [16]byte

// FactRow is a fact on its way into the store. Rows of an update come ordered
// by (Type's place in FactTypes, RefHash) and without duplicates.
type FactRow struct {
	Type    retinue.FactType
	RefHash Hash
	Content ContentHash
	Ref     retinue.Ref
	// Body is the canonical JSON of the fact without its policy document and
	// fingerprints, which travel beside it.
	Body         []byte
	Document     string
	Fingerprints []retinue.Fingerprint
}

// ScopeUpdate is the outcome of listing a scope. The store applies it in one
// transaction, so that the scope's changes become visible together with the
// record that proves them.
type ScopeUpdate struct {
	Run        Run
	Scope      retinue.Scope
	Completion connector.Completion
	// Complete says that the listing was whole. When it is false facts are
	// added and changed but none ends.
	Complete bool
	// Problems are why it is not complete, or what is worth knowing.
	Problems []string
	Facts    iter.Seq2[FactRow, error]
	// HoldShare is the share of a scope, 0 to 1, that may end at once; more
	// waits. AcceptEnded lets it end all the same, by a person's word.
	HoldShare   float64
	AcceptEnded bool
	// Lease is the fencing token under which the run holds the realm.
	Lease Lease
}

// Lease is the right to write a realm. A later holder has a greater fence, and
// an update under an older fence is refused.
type Lease struct {
	Realm retinue.Realm
	Fence int64
}

// AsOf asks a question about the past. The zero value means now. Observed is
// the date asked about; Known, if set, limits the answer to what had been
// recorded by then.
type AsOf struct {
	Observed time.Time
	Known    time.Time
}

// IsZero reports whether the question is about now.
func (a AsOf) IsZero() bool { return a.Observed.IsZero() && a.Known.IsZero() }

// Entity is the joined view of a thing.
type Entity struct {
	ID          retinue.EntityID    `json:"id"`
	Type        retinue.FactType    `json:"type"`
	Source      string              `json:"source"`
	Kind        string              `json:"kind"`
	Key         string              `json:"key"`
	Name        string              `json:"name"`
	Realm       retinue.Realm       `json:"realm"`
	RefKind     string              `json:"refKind"`
	Subtype     string              `json:"subtype,omitempty"`
	Class       retinue.Class       `json:"class,omitempty"`
	State       string              `json:"state,omitempty"`
	Environment retinue.Environment `json:"environment,omitempty"`
	Criticality retinue.Criticality `json:"criticality,omitempty"`
	DataClass   string              `json:"dataClass,omitempty"`
	Managed     retinue.Management  `json:"managed,omitempty"`
	Owner       string              `json:"owner,omitempty"`
	Container   string              `json:"container,omitempty"`
	CreatedAt   time.Time           `json:"createdAt,omitzero"`
	ExpiresAt   time.Time           `json:"expiresAt,omitzero"`
	LastUsed    time.Time           `json:"lastUsed,omitzero"`
	FirstSeen   time.Time           `json:"firstSeen,omitzero"`
	GoneAt      time.Time           `json:"goneAt,omitzero"`
	InternalKey int64               `json:"-"`
	// Privileged: it can administer, by the documents that are attached to it.
	Privileged bool `json:"-"`
}

// Ref returns the ref by which the entity is listed.
func (e Entity) Ref() retinue.Ref { return retinue.Ref{Realm: e.Realm, Kind: e.RefKind, Key: e.Key} }

// EntityQuery selects entities. Empty fields do not limit. Text is matched in
// the name or the key, without regard to case.
type EntityQuery struct {
	Type        retinue.FactType
	ID          retinue.EntityID
	Realm       retinue.Realm
	Source      string
	Kind        string
	Class       retinue.Class
	State       string
	Environment retinue.Environment
	Criticality retinue.Criticality
	Owner       string // "none" selects those without
	Key         string // exact
	Text        string
	Gone        bool // include what has ended
	Limit       int  // 0: every row
	AsOf        AsOf
}

// Fact is one version of a fact in the store.
type Fact struct {
	Type         retinue.FactType `json:"type"`
	Scope        retinue.Scope    `json:"scope"`
	Source       string           `json:"source,omitempty"`
	Ref          retinue.Ref      `json:"ref"`
	Entity       retinue.EntityID `json:"entity,omitempty"`
	Body         json.RawMessage  `json:"body"`
	ObservedFrom time.Time        `json:"observedFrom"`
	ObservedTo   time.Time        `json:"observedTo,omitzero"`
	RevisionFrom int64            `json:"revisionFrom"`
	RevisionTo   int64            `json:"revisionTo,omitempty"`
	Authority    int              `json:"authority"`
	EntityKey    int64            `json:"-"`
}

// Change is the difference of one fact between two times.
type Change struct {
	Kind   string           `json:"change"` // added, changed, ended
	Type   retinue.FactType `json:"type"`
	Ref    retinue.Ref      `json:"ref"`
	Entity retinue.EntityID `json:"entity,omitempty"`
	Name   string           `json:"name,omitempty"`
	Scope  retinue.Scope    `json:"scope"`
	Source string           `json:"source,omitempty"`
	At     time.Time        `json:"at"`
	Before json.RawMessage  `json:"before,omitempty"`
	After  json.RawMessage  `json:"after,omitempty"`
}

// ScopeStatus is how a scope stands now: the completeness of what is known.
type ScopeStatus struct {
	Scope          retinue.Scope `json:"scope"`
	Source         string        `json:"source"`
	SourceKind     string        `json:"sourceKind"`
	State          ScopeState    `json:"state"`
	Authority      int           `json:"authority"`
	ObservedAt     time.Time     `json:"observedAt,omitzero"`
	CompletedAt    time.Time     `json:"completedAt,omitzero"` // observed time of the last whole listing
	RecordedAt     time.Time     `json:"recordedAt,omitzero"`
	Facts          int64         `json:"facts"`
	Basis          string        `json:"basis,omitempty"`
	Problems       []string      `json:"problems,omitempty"`
	HeldEnds       int64         `json:"heldEnds,omitempty"`
	CompletedCount int64         `json:"completedCount"`
}

// Totals are the population's main figures, computed from what is current.
type Totals struct {
	NonHuman    int64            `json:"nonHuman"`
	Persons     int64            `json:"persons"`
	Unclear     int64            `json:"unclear"`
	Credentials int64            `json:"credentials"`
	Grants      int64            `json:"grants"`
	ByKind      map[string]int64 `json:"byKind"`
	BySource    map[string]int64 `json:"bySource"`
	ByClass     map[string]int64 `json:"byClass"`
	Entities    map[string]int64 `json:"entities"` // by fact type
}

// Match reports whether an entity passes the query's filters, as the database
// would decide; the type, and whether it is gone, are the caller's.
func (q EntityQuery) Match(e Entity) bool {
	eq := func(want, have string) bool { return want == "" || want == have }
	switch {
	case q.ID != "" && q.ID != e.ID,
		!eq(string(q.Realm), string(e.Realm)), !eq(q.Source, e.Source), !eq(q.Kind, e.Kind),
		!eq(string(q.Class), string(e.Class)), !eq(q.State, e.State), !eq(string(q.Environment), string(e.Environment)),
		!eq(string(q.Criticality), string(e.Criticality)), !eq(q.Key, e.Key):
		return false
	case q.Owner == "none" && e.Owner != "", q.Owner != "" && q.Owner != "none" && q.Owner != e.Owner:
		return false
	}
	text := strings.ToLower(q.Text)
	return text == "" || strings.Contains(strings.ToLower(e.Name), text) || strings.Contains(strings.ToLower(e.Key), text)
}

// FindingQuery selects findings. Empty fields do not limit; resolved and
// suppressed ones are left out unless asked for.
type FindingQuery struct {
	ID         retinue.FindingID
	Rule       string
	Severity   retinue.Severity // at least
	State      retinue.FindingState
	OWASP      retinue.OWASP
	Source     string
	Entity     retinue.EntityID
	Family     string
	Fix        string
	Text       string
	Resolved   bool
	Suppressed bool
	Limit      int
	AsOf       AsOf
}

// Match reports whether a finding passes the query's filters but the source.
func (q FindingQuery) Match(f retinue.Finding) bool {
	switch {
	case q.ID != "" && q.ID != f.ID, q.Rule != "" && q.Rule != f.Rule,
		q.Severity != "" && !f.Severity.AtLeast(q.Severity), q.State != "" && q.State != f.State,
		q.OWASP != "" && !slices.Contains(f.OWASP, q.OWASP), q.Entity != "" && q.Entity != f.Entity,
		q.Family != "" && q.Family != f.Family, q.Fix != "" && q.Fix != f.Fix,
		!q.Suppressed && f.Suppressed != "",
		!q.Resolved && q.State != retinue.FindingResolved && f.State == retinue.FindingResolved:
		return false
	}
	text := strings.ToLower(q.Text)
	return text == "" || strings.Contains(strings.ToLower(f.Name+" "+f.Subject.Key+" "+f.Message), text)
}

// Touched is an entity that findings must be judged for again.
type Touched struct {
	Key    int64
	ID     retinue.EntityID
	Type   retinue.FactType
	Labels string // what label rules gave it, as the database keeps it
}

// Placed is a placement with the entity of its credential.
type Placed struct {
	Entity    int64
	Placement retinue.Placement
}
