// Package connector is the contract between Retinue and a system that holds
// non-human identities. It can be read in one sitting; a connector implements
// [Connector], describes itself in a [Spec], and needs nothing else of
// Retinue's but the vocabulary in the root package.
//
// # What a connector does
//
// It reads one system, live or from files that the system's own tools
// exported, and states facts. It decides nothing about them, keeps no state
// between runs, writes nothing to the system and never tries a credential that
// it finds. Equal upstream state gives equal facts with equal refs, whichever
// way it was read: scanning an account live and again from an export states
// the same facts in the same scopes.
//
// # Scopes and completeness
//
// Every fact is emitted under the scope that lists it. A scope is completed
// only when its listing was whole and unfiltered; then, and only then, facts
// that the scope held before and does not hold now have ended. When anything
// fails inside a scope, the connector reports the problem and does not
// complete it: what was emitted is kept, and nothing ends.
//
// # Secrets
//
// A connector that reads a secret value calls [Env.Fingerprint] at once and
// drops the value. No value, and no part of one, enters a fact, an error, a
// log or a progress line.
package connector

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/retinue-id/retinue"
)

// Connector reads one system. Its methods are called from one goroutine; a
// connector may use more inside, and calls the Sink from any of them.
type Connector interface {
	// Check proves that the credentials or files can be read and says what
	// they cannot see. It makes few calls and emits nothing.
	Check(ctx context.Context) (Access, error)
	// Discover states everything that it can see. It returns an error only
	// when it could not go on at all; what failed inside a scope goes to
	// Sink.Problem. It returns ctx.Err() soon after ctx ends, with open scopes
	// left incomplete.
	Discover(ctx context.Context, req Request, sink Sink) error
	// Close releases what the connector holds. It is called once.
	Close() error
}

// Sink takes what Discover finds. It is safe for concurrent use. Emit and
// Complete return an error when the run cannot go on (the store is full, the
// context ended); Discover then returns it.
type Sink interface {
	// Emit states facts within a scope. A fact with the same type and ref may
	// be emitted once per scope and run; the facts of one scope may come in
	// any order.
	Emit(scope retinue.Scope, facts ...retinue.Fact) error
	// Complete says that everything in the scope has been emitted.
	Complete(scope retinue.Scope, c Completion) error
	// Problem says that something in the scope could not be read. The scope
	// cannot be completed any more in this run.
	Problem(scope retinue.Scope, err error)
	// Note passes on what is worth saying and is no fact.
	Note(n Note)
}

// Request is what a run asks for.
type Request struct {
	// Now is the time of the run.
	Now time.Time
	// DryRun asks the connector to say, by NoteWouldRead, what it would read,
	// and to emit nothing.
	DryRun bool
}

// Completion says when and why a scope's listing is complete.
type Completion struct {
	// ObservedAt is the time at which the system stood as stated: the server's
	// time for a live listing, the export's own time for a file (its embedded
	// time, else its modification time).
	ObservedAt time.Time
	// Basis says in one sentence why the listing was unfiltered, such as
	// "paged to the end with iam:GetAccountAuthorizationDetails".
	Basis string
	// Children are the scopes directly inside this one that exist now. With
	// ListsChildren, a child known from before and absent here has ended, with
	// all its facts.
	Children      []retinue.Scope
	ListsChildren bool
	// Authority ranks this scope's word on an attribute that several scopes
	// state about one thing; the highest wins.
	Authority Authority
}

// Authority ranks how much a scope's word on a thing counts.
type Authority int

// The authorities, from weak to strong. Facts of a scope with
// AuthorityDeclared or less do not make a thing exist: an identity that only
// such scopes state is "declared".
const (
	// AuthorityReference: the thing is only referred to (a key found in a
	// file, a trust that names an account).
	AuthorityReference Authority = 10
	// AuthorityDeclared: code or a template declares it.
	AuthorityDeclared Authority = 20
	// AuthorityReport: a report of the system about it (a credential report).
	AuthorityReport Authority = 30
	// AuthoritySystem: the system's own listing.
	AuthoritySystem Authority = 40
)

// Access is what the configured credentials or files allow.
type Access struct {
	// Realm is the system that was reached, Name its name for people, and
	// Principal who the connector is there.
	Realm     retinue.Realm `json:"realm"`
	Name      string        `json:"name,omitempty"`
	Principal string        `json:"principal,omitempty"`
	// Missing lists what cannot be seen. When it grows from one run to the
	// next, scopes that it names are partial although their listing ended
	// without an error.
	Missing []Missing `json:"missing,omitempty"`
	// NotCovered lists what this way of reading never contains, however it is
	// permitted (what an export leaves out).
	NotCovered []string `json:"notCovered,omitempty"`
	// Calls and Duration estimate a full scan; zero where that is not known.
	Calls    int           `json:"calls,omitempty"`
	Duration time.Duration `json:"durationNs,omitempty"`
	// CouldRead says what the credentials would allow beyond what the
	// connector reads (secret values, data), so that a person can narrow them.
	CouldRead []string `json:"couldRead,omitempty"`
}

// Missing is a permission or file that is not there.
type Missing struct {
	Permission string `json:"permission"`
	// Scope is what stays unseen.
	Scope retinue.Scope `json:"scope"`
	// Consequence says in words what is therefore not known.
	Consequence string `json:"consequence"`
}

// NoteKind says what sort of note it is.
type NoteKind string

// The kinds of note.
const (
	// NoteOffer: something found opens a system that Retinue can scan. Command
	// is the arguments of `retinue scan`, such as "aws=profile:dev". Retinue
	// offers it and never runs it unasked.
	NoteOffer NoteKind = "offer"
	// NoteFold: Count things of no interest were counted in one line (CA
	// bundles, packaged accounts that cannot log in).
	NoteFold NoteKind = "fold"
	// NoteBlindSpot: something that this connector cannot see in this system.
	NoteBlindSpot NoteKind = "blind_spot"
	// NoteNotCovered: something that the file read never contains.
	NoteNotCovered NoteKind = "not_covered"
	// NoteWouldRead: what a dry run would read.
	NoteWouldRead NoteKind = "would_read"
	// NoteCall: a call that a person asked for was made to the issuer of a
	// credential that was found. It is kept in the audit log.
	NoteCall NoteKind = "call"
	// NoteWarning: something that a person should change about how the source
	// is configured.
	NoteWarning NoteKind = "warning"
)

// Note is something worth telling the person who runs the scan.
type Note struct {
	Kind    NoteKind      `json:"kind"`
	Scope   retinue.Scope `json:"scope,omitzero"`
	Text    string        `json:"text"`
	Command string        `json:"command,omitempty"`
	Count   int           `json:"count,omitempty"`
}

// Progress is how far a scope is. Done and Total count Unit; Total is zero
// while it is not known.
type Progress struct {
	Scope retinue.Scope
	Stage string // a few words, such as "listing roles"
	Done  int64
	Total int64
	Unit  string // "pages", "files", "commits", "bytes"
}

// Env is what the host gives a connector. Every field but Dial is set.
type Env struct {
	// Now is the clock.
	Now func() time.Time
	// Log takes diagnostics. No secrets, no personal data.
	Log *slog.Logger
	// Fingerprint returns the fingerprints of a secret value under every key
	// that is in use, and none for low-entropy kinds unless the installation
	// asks for them.
	Fingerprint func(retinue.CredentialKind, retinue.Secret) []retinue.Fingerprint
	// FingerprintHash returns the fingerprints of a value of which only the
	// SHA-256 is known, because a system logs it so.
	FingerprintHash func(retinue.CredentialKind, [32]byte) []retinue.Fingerprint
	// Progress reports how far a scope is. It is cheap and may be called often.
	Progress func(Progress)
	// Getenv reads the environment of the person who scans.
	Getenv func(string) string
	// UserAgent is sent with every call to a vendor.
	UserAgent string
	// Dial makes every connection of the connector, over TCP. Nil, the only
	// field that may be unset, means the connector's own way with the proxies
	// of the environment; with Dial no proxy is used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}
