package store

import (
	"encoding/json"
	"time"

	"github.com/retinue-id/retinue"
)

// Ownership is who answers for an identity, from when until when, and why.
type Ownership struct {
	Entity int64
	From   time.Time
	To     time.Time // zero: in force
	Owner  string    // empty: nobody
	Backup string
	// How is "explicit", "rule" or "fallback"; Rule the id of the rule, Why a
	// sentence.
	How  string
	Rule string
	Why  string
	By   retinue.Actor
}

// Same reports whether two ownerships say the same, whenever they hold.
func (o Ownership) Same(p Ownership) bool {
	return o.Owner == p.Owner && o.Backup == p.Backup && o.How == p.How && o.Rule == p.Rule
}

// Ownable is an identity with what ownership rules ask about.
type Ownable struct {
	Key          int64
	ID           retinue.EntityID
	RefKey       string
	Realm        retinue.Realm
	Identity     retinue.Identity
	Sources      []string
	Containers   []OwnableContainer // the nearest first
	Registration *retinue.Registration
	Now          Ownership
}

// OwnableContainer is something around an identity.
type OwnableContainer struct {
	ID        retinue.EntityID
	Key       string
	Container retinue.Container
}

// OwnershipRules is a version of the list of ownership rules; Body is the
// steward's.
type OwnershipRules struct {
	From time.Time
	To   time.Time // zero: in force
	By   retinue.Actor
	Body json.RawMessage
}

// OwnerDenial is a suggested owner that somebody turned down.
type OwnerDenial struct {
	Entity    int64
	Candidate string
	Reason    string
	At        time.Time
	By        retinue.Actor
}

// OwnerFigures counts what an owner answers for; an empty owner stands for
// nobody.
type OwnerFigures struct {
	Owner      string
	Identities int64
	// Findings are open ones by severity.
	Findings map[retinue.Severity]int64
	// Explicit counts identities that a person assigned, the others are by
	// rule or fallback.
	Explicit int64
	// Unreviewed counts identities whose review date has passed or that never
	// had one.
	Unreviewed int64
	Privileged int64
	// BackupFor counts identities of which this is the backup owner.
	BackupFor int64
}

// StatedPerson is a person as a source states them, or stated them last.
type StatedPerson struct {
	Person retinue.Person
	// Gone is true where no source lists the person any more.
	Gone bool
}
