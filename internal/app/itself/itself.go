// Package itself states what Retinue's own installation holds of non-human
// identities: its tokens, collectors and connections, and the secrets and keys
// behind them. It is a source as any other, of a system that needs no access to
// be configured; what it states goes through the same reconciliation and is
// judged by the same rules. It reads nothing: whoever wires the program hands
// it what stands in the installation.
package itself

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Kind is the kind of the source, and of the realm that it states facts of.
const Kind = "retinue"

// SourceName is what the source is called. A source that is configured through
// the interface cannot have a name with a space.
const SourceName = "Retinue itself"

// Realm is the realm of an installation.
func Realm(id string) retinue.Realm { return retinue.NewRealm(Kind, id) }

// Installation is what stands in an installation at one moment. It holds no
// secret value.
type Installation struct {
	ID string
	// Keys are those that the server itself holds.
	Keys       []Key
	Tokens     []Token
	Accounts   []Account
	Collectors []store.Collector
	Sources    []Source
	Clients    []store.SSOProvider
	Outlets    []store.Outlet
	// Logins name accounts by their ids, to say who made something.
	Logins map[string]string
}

// Key is a key of the server, or a secret by which it reaches what it needs.
type Key struct {
	// ID tells it from the others of its kind; it tells nothing of the key.
	ID      string
	Kind    retinue.CredentialKind
	Subtype string
	Name    string
	Since   time.Time // zero where that is not known
	Rotated time.Time
	// Old is true of keys that only open what was made before.
	Old bool
	// EndUnknown is true of what others gave out, so that only they know
	// whether it ends; the server's own keys have no end.
	EndUnknown bool
	Algorithm  string
	Attrs      retinue.Attrs
	Place      Place
}

// Place is where a key or secret lies.
type Place struct {
	Kind  retinue.PlaceKind // empty where it lies nowhere that is known
	Path  string
	Field string
	// At is when it was written, if that is known.
	At time.Time
	// Private is true where only the server's own account can read it.
	Private bool
}

// Token is a token with what it may do now.
type Token struct {
	store.Token
	// May are the rights that it has now, each on a part of the inventory.
	May []Right
	// Asleep is true where its account is deactivated: it works again when the
	// account does.
	Asleep bool
}

// Right is permissions on a part of the inventory.
type Right struct {
	Permissions []auth.Permission
	On          store.RowScope
}

// Account is an account that holds tokens, with its roles.
type Account struct {
	store.Account
	Bindings []Binding
}

// Binding is a role of an account, by way of a group or directly.
type Binding struct {
	Role  auth.Role
	On    store.RowScope
	Group string
}

// Source is a source that secrets are kept for, or that a webhook starts.
type Source struct {
	store.SourceConfig
	// Files say where the secrets of a source of the configuration file lie.
	Files map[string]Place
	// Realm is the system that it read last, LastRun when.
	Realm   retinue.Realm
	LastRun time.Time
}

// Connector states the facts of an installation.
type Connector struct {
	in    Installation
	realm retinue.Realm
}

// New returns the connector of an installation as it stands.
func New(in Installation) *Connector { return &Connector{in: in, realm: Realm(in.ID)} }

// Check implements connector.Connector.
func (c *Connector) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: c.realm, Name: "Retinue", Principal: "the server itself", NotCovered: []string{
		"passwords, passkeys and one-time codes of people: they are no non-human identities",
		"the key of the server's TLS certificate, and what a proxy in front of it holds",
		"the credentials that the machine itself has, such as those by which AWS KMS is called",
	}}, nil
}

// Close implements connector.Connector.
func (c *Connector) Close() error { return nil }

// Discover implements connector.Connector.
func (c *Connector) Discover(_ context.Context, req connector.Request, sink connector.Sink) error {
	for _, part := range []struct {
		path, basis string
		state       func() []retinue.Fact
	}{
		{"server", "every key that the server holds", c.server},
		{"tokens", "every token that works, from the table of tokens", c.tokens},
		{"collectors", "every collector that is not revoked", c.collectors},
		{"sources", "every source with a secret or a webhook", c.sources},
		{"sign-on", "every provider of single sign-on", c.clients},
		{"outlets", "every channel, tracker, stream and place for checkpoints", c.outlets},
	} {
		scope := retinue.NewScope(c.realm, part.path)
		if err := sink.Emit(scope, part.state()...); err != nil {
			return err
		}
		err := sink.Complete(scope, connector.Completion{ObservedAt: req.Now, Basis: part.basis, Authority: connector.AuthoritySystem})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Connector) ref(kind, key string) retinue.Ref { return retinue.NewRef(c.realm, kind, key) }

func (c *Connector) container() retinue.Ref { return c.ref("installation", c.realm.ID()) }

func (c *Connector) serverRef() retinue.Ref { return c.ref("server", c.realm.ID()) }

// place is a placement of a credential where it is known where it lies.
func (c *Connector) place(credential retinue.Ref, at Place, consumer retinue.Ref) []retinue.Fact {
	if at.Kind == "" {
		return nil
	}
	p := retinue.Placement{Credential: credential, Consumer: consumer, Confidence: retinue.ConfidenceCertain, Detector: "installation", At: at.At,
		Place: retinue.Place{Kind: at.Kind, Realm: c.realm, Container: c.container(), Path: at.Path, Field: at.Field}}
	if at.Private {
		p.Exposure = retinue.ExposureOwner
	}
	return []retinue.Fact{p}
}

// sealed is a place in the database that is sealed.
func sealed(path string) Place { return Place{Kind: retinue.PlaceVault, Path: path, Private: true} }

// used is an observation of use. What the installation notes is the latest use
// only: the grade is C whatever it is of.
func used(subject retinue.Ref, meaning string, at time.Time) retinue.Use {
	u := retinue.Use{Subject: subject, Meaning: meaning, At: at.UTC(), Never: at.IsZero(), Precision: int(auth.SeenEvery / time.Second), Grade: retinue.GradeC}
	if u.Never {
		u.At, u.Precision = time.Time{}, 0
	}
	return u
}

// owner is a signal of who answers for something: who made it, as long as they
// have an account.
func (c *Connector) owner(subject retinue.Ref, by, what string, at time.Time) []retinue.Fact {
	login := c.in.Logins[by]
	if login == "" {
		return nil
	}
	return []retinue.Fact{retinue.OwnerSignal{Subject: subject, Candidate: login, Signal: "creator", Quote: login + " " + what, At: at}}
}

// onWords says in words which part of the inventory a scope is.
func onWords(s store.RowScope) string {
	if s.All {
		return "everything"
	}
	text := ""
	for _, part := range []struct {
		what string
		list []string
	}{{"sources", s.Sources}, {"units", s.Units}, {"tags", s.Tags}, {"teams", s.Teams}, {"what belongs to", s.Owners}} {
		if len(part.list) == 0 {
			continue
		}
		if text != "" {
			text += "; "
		}
		text += part.what + " " + joined(part.list)
	}
	return cmp.Or(text, "nothing")
}

func joined(words []string) string {
	words = slices.Sorted(slices.Values(words))
	const most = 5
	more := ""
	if len(words) > most {
		words, more = words[:most], " and others"
	}
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return text + more
}
