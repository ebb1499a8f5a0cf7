package store

import (
	"time"

	"github.com/retinue-id/retinue"
)

// SortKey is a column that a list can be ordered by. Rows that lack a value
// come last, whichever way the list runs.
type SortKey string

// The columns that identities and credentials can be ordered by.
const (
	SortName        SortKey = "name" // the default; without regard to case
	SortKind        SortKey = "kind"
	SortSource      SortKey = "source"
	SortOwner       SortKey = "owner"
	SortEnvironment SortKey = "environment"
	SortCriticality SortKey = "criticality" // critical is the greatest
	SortCreated     SortKey = "created"
	SortExpires     SortKey = "expires"
	SortLastUsed    SortKey = "lastUsed"
	SortFirstSeen   SortKey = "firstSeen"
	SortPriority    SortKey = "priority"    // highest open finding
	SortCredentials SortKey = "credentials" // of an identity
)

// SortKeys lists the columns that identities and credentials can be ordered
// by.
func SortKeys() []SortKey {
	return []SortKey{SortName, SortKind, SortSource, SortOwner, SortEnvironment, SortCriticality, SortCreated,
		SortExpires, SortLastUsed, SortFirstSeen, SortPriority, SortCredentials}
}

// The columns that findings can be ordered by. SortPriority, highest first
// with Desc, is the default; SortName, SortSource, SortOwner and SortFirstSeen
// are offered too.
const (
	SortSeverity SortKey = "severity" // critical is the greatest
	SortState    SortKey = "state"
	SortRule     SortKey = "rule"
	SortLastSeen SortKey = "lastSeen"
	SortAssignee SortKey = "assignee"
)

// FindingSortKeys lists the columns that findings can be ordered by.
func FindingSortKeys() []SortKey {
	return []SortKey{SortPriority, SortSeverity, SortState, SortRule, SortName, SortSource, SortOwner, SortAssignee,
		SortFirstSeen, SortLastSeen}
}

// MaxPage is the largest page of a list, DefaultPage that of a query that
// names none.
const (
	MaxPage     = 500
	DefaultPage = 50
)

// MaxCount is where a count stops unless an exact one is asked for.
const MaxCount = 1000

// CountMode says how a list is counted.
type CountMode int

// The ways to count.
const (
	CountBounded CountMode = iota // up to MaxCount at most, then "more than"
	CountExact
	CountNone
)

// Window limits a time: From inclusive, To exclusive, a zero end is open. A
// row without a time is in no window but the zero one.
type Window struct{ From, To time.Time }

// IsZero reports whether the window limits nothing.
func (w Window) IsZero() bool { return w.From.IsZero() && w.To.IsZero() }

// None selects rows that have no value, in filters that say so.
const None = "none"

// Filter selects identities or credentials. Empty fields do not limit; several
// values of one field are alternatives.
type Filter struct {
	IDs           []retinue.EntityID
	Sources       []string // names or public ids
	Realms        []string // the systems themselves, such as aws:111122223333
	Kinds         []string
	Subtypes      []string
	Classes       []string // of a credential: the class of who holds it
	States        []string
	Environments  []string // None: without
	Criticalities []string // None: without
	Owners        []string // None: without; of a credential: of who holds it
	Units         []string // public ids of containers, with all inside them
	Tags          []string // key=value
	Managed       []string // None: by no one
	Holder        retinue.EntityID
	// Severity selects rows with an open finding at least this bad.
	Severity   retinue.Severity
	Privileged *bool
	ThirdParty *bool // of, or trusted by, another organisation, as far as known
	NeverUsed  *bool // true: no use was ever observed; false: one was
	// Static selects credentials that live until someone changes them.
	Static  *bool
	Created Window
	// Born limits since when a credential's value is what it is: when it was
	// last rotated, else made.
	Born      Window
	Expires   Window
	LastUsed  Window
	FirstSeen Window
	Text      string // in name or key, without regard to case
	// Gone selects what has ended instead of what exists.
	Gone bool
}

// ListQuery asks for a page of identities or credentials (or of another type
// of thing).
type ListQuery struct {
	Type   retinue.FactType
	Filter Filter
	Sort   SortKey
	Desc   bool
	// Cursor is the Next of the page before, empty for the first. It belongs
	// to the query that gave it but for Limit.
	Cursor string
	Limit  int // 0: DefaultPage; more than MaxPage is ErrInvalid
	Count  CountMode
	AsOf   AsOf
}

// ListRow is a row of a list.
type ListRow struct {
	Entity
	ContainerID   retinue.EntityID         `json:"containerId,omitempty"`
	ContainerName string                   `json:"containerName,omitempty"`
	Holder        retinue.EntityID         `json:"holder,omitempty"` // of a credential
	HolderName    string                   `json:"holderName,omitempty"`
	Priority      int                      `json:"priority"`           // the highest of its open findings
	Findings      map[retinue.Severity]int `json:"findings,omitempty"` // open ones
	Credentials   int                      `json:"credentials"`
	Privileged    bool                     `json:"privileged,omitempty"`
	ThirdParty    bool                     `json:"thirdParty,omitempty"`
}

// ListPage is a page of a list.
type ListPage struct {
	Items []ListRow
	Next  string // empty: this is the last page
	// Total counts the rows of the whole list; with TotalIsMore there are more
	// than that. It is -1 where no count was asked for. A count that is not
	// asked to be exact stops at MaxCount, or at the first page where counting
	// on would cost many times the page: for a text, several filters together
	// that are not kept as figures, and lists as of a date.
	Total       int64
	TotalIsMore bool
}

// FindingFilter selects findings. Empty fields do not limit; several values of
// one field are alternatives.
type FindingFilter struct {
	IDs         []retinue.FindingID
	Severities  []string
	States      []string // none given: every state but resolved
	Rules       []string
	OWASP       []string
	Sources     []string // names or public ids
	Owners      []string // of the subject; None: without
	Assignees   []string // None: without
	Kinds       []string // of the subject
	Entity      retinue.EntityID
	Families    []string
	Fixes       []string
	MinPriority int
	FirstSeen   Window
	LastSeen    Window
	Text        string // in the subject's name or key, or the message
	Suppressed  bool   // include what is noise
}

// FindingList asks for a page of findings.
type FindingList struct {
	Filter FindingFilter
	Sort   SortKey
	Desc   bool
	Cursor string
	Limit  int
	Count  CountMode
	AsOf   AsOf
}

// FindingRow is a row of a list of findings.
type FindingRow struct {
	retinue.Finding
	Source   string `json:"source,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Assignee string `json:"assignee,omitempty"`
}

// FindingPage is a page of findings.
type FindingPage struct {
	Items       []FindingRow
	Next        string
	Total       int64
	TotalIsMore bool
}

// Facet is a value of a column and how many rows of a filter have it. An empty
// value stands for none.
type Facet struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// FacetColumns lists the columns that rows can be counted by.
func FacetColumns() []string {
	return []string{"source", "kind", "subtype", "class", "state", "environment", "criticality", "owner", "managed", "severity"}
}

// MaxFacets bounds the values that a facet lists, the most frequent first.
const MaxFacets = 200

// Figures are the population's figures, kept while what they count changes.
// Maps leave out what is not there; "" stands for without.
type Figures struct {
	NonHuman      int64            `json:"nonHuman"`
	Persons       int64            `json:"persons"`
	Unclear       int64            `json:"unclear"`
	Owned         int64            `json:"owned"`    // of the non-human identities
	Disabled      int64            `json:"disabled"` // of the non-human identities
	ByKind        map[string]int64 `json:"byKind"`   // of the non-human identities
	BySource      map[string]int64 `json:"bySource"`
	ByEnvironment map[string]int64 `json:"byEnvironment"`
	ByState       map[string]int64 `json:"byState"`

	Credentials         int64            `json:"credentials"`
	CredentialsByKind   map[string]int64 `json:"credentialsByKind"`
	CredentialsBySource map[string]int64 `json:"credentialsBySource"`
	// Static credentials live until someone changes them. Old ones are older
	// than 90 days since they were made or rotated; AgeUnknown says of how many
	// that is not known.
	Static     int64 `json:"static"`
	StaticOld  int64 `json:"staticOld"`
	AgeUnknown int64 `json:"ageUnknown"`
	// Expired ones are past their end, Expiring ones end within 30 days. Both
	// count by UTC days.
	Expired  int64 `json:"expired"`
	Expiring int64 `json:"expiring"`

	// Findings counts open ones by severity, OWASP by risk and severity.
	Findings   map[retinue.Severity]int64                   `json:"findings"`
	OWASP      map[retinue.OWASP]map[retinue.Severity]int64 `json:"owasp"`
	Accepted   int64                                        `json:"accepted"`
	Resolved   int64                                        `json:"resolved"`
	Suppressed int64                                        `json:"suppressed"`
	Grants     int64                                        `json:"grants"`
	Entities   map[string]int64                             `json:"entities"` // by fact type
}

// OldDays is the age from which a static credential counts as old, the longest
// of the rotation intervals by criticality; ExpiringDays within which one
// counts as expiring.
const (
	OldDays      = 90
	ExpiringDays = 30
)

// DayCount is how many credentials have a date on a day (UTC).
type DayCount struct {
	Day string `json:"day"` // 2026-01-31
	N   int64  `json:"n"`
}

// PopulationDay is the population of a source on a day (UTC). A missed day was
// not written: its totals are not known.
type PopulationDay struct {
	Day      string           `json:"day"`
	Source   string           `json:"source,omitempty"`
	SourceID retinue.SourceID `json:"sourceId,omitempty"`
	Missed   bool             `json:"missed,omitempty"`
	// Complete is true where every scope of the source stood complete.
	Complete  bool             `json:"complete"`
	WrittenAt time.Time        `json:"writtenAt,omitzero"`
	Totals    PopulationTotals `json:"totals"`
}

// PopulationTotals are what is counted of a source on a day.
type PopulationTotals struct {
	NonHuman    int64            `json:"nonHuman"`
	Persons     int64            `json:"persons"`
	Unclear     int64            `json:"unclear"`
	Owned       int64            `json:"owned"`
	Credentials int64            `json:"credentials"`
	Static      int64            `json:"static"`
	ByKind      map[string]int64 `json:"byKind,omitempty"`
	// Measures is absent on days before it was recorded.
	Measures *Measures `json:"measures,omitempty"`
}
