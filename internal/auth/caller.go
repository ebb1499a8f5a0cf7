package auth

import (
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// FreshFor is how long a second factor counts as fresh: a sensitive operation
// must follow it within that time.
const FreshFor = 10 * time.Minute

// Kind is by what a caller proved who it is.
type Kind string

// The kinds of caller.
const (
	KindNone      Kind = ""          // nobody: a request without a session or token
	KindSession   Kind = "session"   // a person in a browser
	KindToken     Kind = "token"     // an API token
	KindCollector Kind = "collector" // a collector's token, bound to realms
	KindSystem    Kind = "system"    // the program itself, or its user on a local file
)

// Caller is who makes a request, and what they may do. It is made afresh for
// every request, so that a change of roles takes effect with the next one. The
// zero value is nobody and may nothing.
type Caller struct {
	Kind Kind
	// Actor is how the audit log names the caller.
	Actor retinue.Actor
	// Account is the account that acts or for which a token acts; empty for
	// the system and for collectors.
	Account store.AccountID
	// Session and Token are what was presented.
	Session store.SessionID
	Token   store.TokenID
	// Bindings are the roles of the account and of its groups.
	Bindings []Binding
	// Limit narrows the bindings: a token has the less of what it was made for
	// and what its account still has. Nil does not narrow.
	Limit *Limit
	// Fresh is when a second factor was last proven, zero where never. Tokens
	// have none, and so do no operation that needs one.
	Fresh time.Time
	// Realms are what a collector may write.
	Realms []retinue.Realm
	// Owners are the names under which things are registered as the caller's
	// own: e-mail address, user name, account id, and teams.
	Owners []string
	// Pending says what the session still lacks: "enrol" for a second factor.
	// Until then the caller is not signed in and may do nothing but that.
	Pending string
}

// PendingEnrol is the Pending of a session whose account has to set up a second
// factor first.
const PendingEnrol = "enrol"

// Binding is a role on a part of the inventory.
type Binding struct {
	ID    store.BindingID
	Role  Role
	Scope store.RowScope
}

// Limit is what a token is restricted to.
type Limit struct {
	Permissions []Permission
	Scope       store.RowScope
}

// System is the program itself: it may do everything.
func System(actor retinue.Actor) Caller {
	return Caller{Kind: KindSystem, Actor: actor, Bindings: []Binding{{Role: RoleAdmin, Scope: store.Everything()}}}
}

// Can reports whether the caller may do something somewhere. For a permission
// of the inventory ask Scope where.
func (c Caller) Can(p Permission) bool {
	s := c.Scope(p)
	return s.All || !p.InstallationWide() && !s.Empty()
}

// Scope returns the part of the inventory in which the caller has a
// permission: the union of the scopes of the bindings whose role has it. It is
// empty where there is none.
func (c Caller) Scope(p Permission) store.RowScope {
	var s store.RowScope
	for _, b := range c.Bindings {
		if b.Role.Has(p) {
			s = s.Union(b.Scope)
		}
	}
	if c.Limit == nil {
		return s
	}
	if !slices.Contains(c.Limit.Permissions, p) {
		return store.RowScope{}
	}
	return Intersect(s, c.Limit.Scope)
}

// Permissions lists what the caller may do somewhere.
func (c Caller) Permissions() []Permission {
	var out []Permission
	for _, p := range Permissions() {
		if c.Can(p) {
			out = append(out, p)
		}
	}
	return out
}

// Authorize returns ErrDenied, naming the permission, unless the caller has it.
func (c Caller) Authorize(p Permission) error {
	if c.Can(p) {
		return nil
	}
	return fmt.Errorf("%w: it needs the permission %s", retinue.ErrDenied, p)
}

// SignedIn reports whether the caller is somebody, with nothing pending.
func (c Caller) SignedIn() bool { return c.Kind != KindNone && c.Pending == "" }

// IsFresh reports whether a second factor was proven within FreshFor. The
// system needs none.
func (c Caller) IsFresh(now time.Time) bool {
	return c.Kind == KindSystem || !c.Fresh.IsZero() && !c.Fresh.After(now) && now.Sub(c.Fresh) <= FreshFor
}

// MayGrant reports, as ErrDenied, a role on a scope that is more than the
// caller has: each of its permissions must be the caller's own on at least
// that scope.
func (c Caller) MayGrant(r Role, on store.RowScope) error {
	if err := r.Validate(); err != nil {
		return err
	}
	return c.MayDelegate(r.Permissions(), on)
}

// MayDelegate reports, as ErrDenied, permissions on a scope that are more than
// the caller has.
func (c Caller) MayDelegate(perms []Permission, on store.RowScope) error {
	for _, p := range perms {
		if !Contains(c.Scope(p), on) {
			return fmt.Errorf("%w: nobody gives more than they have: %s on this scope is not yours", retinue.ErrDenied, p)
		}
	}
	return nil
}
