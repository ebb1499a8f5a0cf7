package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// writer turns rows into facts and hands them to the sink in batches. It is
// used from one goroutine.
type writer struct {
	realm   retinue.Realm
	version int // major version; 0 where it is not known
	sink    connector.Sink
	// prefix sets the scopes of a poorer feed apart.
	prefix    []string
	authority connector.Authority
	observed  time.Time

	pending map[retinue.Scope][]retinue.Fact
	counts  map[retinue.Scope]int64
	seen    map[seenKey]bool
	env     connector.Env
}

// seenKey finds what an input states twice; only readers of files fill it.
type seenKey struct {
	scope retinue.Scope
	ref   retinue.Ref
	what  retinue.FactType
}

// batch is how many facts go to the sink at once.
const batch = 200

func newWriter(realm retinue.Realm, version int, observed time.Time, sink connector.Sink, env connector.Env) *writer {
	return &writer{realm: realm, version: version, observed: observed, sink: sink, env: env,
		authority: connector.AuthoritySystem,
		pending:   map[retinue.Scope][]retinue.Fact{}, counts: map[retinue.Scope]int64{}}
}

func (w *writer) scope(elem ...string) retinue.Scope {
	path := append(append([]string{}, w.prefix...), elem...)
	for i := range path {
		path[i] = boundKey(path[i])
	}
	return retinue.NewScope(w.realm, path...)
}

// The scopes. Predefined roles, and memberships among them, are apart because a
// dump leaves them out.
func (w *writer) rolesScope(name string) retinue.Scope {
	if predefined(name) {
		return w.scope("predefined-roles")
	}
	return w.scope("roles")
}

func (w *writer) membersScope(m member) retinue.Scope {
	if predefined(m.Role) && predefined(m.Member) {
		return w.scope("predefined-roles")
	}
	return w.scope("memberships")
}

// objectScope is the database's scope, and below it the one of objects of the
// system and of extensions whose privileges were changed.
func (w *writer) objectScope(db string, system bool) retinue.Scope {
	if system {
		return w.scope("databases", db, "system")
	}
	return w.scope("databases", db)
}

// emit queues facts. With dedupe, a fact that its scope already has is dropped:
// files of a hostile or careless hand may repeat themselves.
func (w *writer) emit(scope retinue.Scope, facts ...retinue.Fact) error {
	for _, f := range facts {
		if w.seen != nil {
			k := seenKey{scope, f.FactRef(), f.FactType()}
			if w.seen[k] {
				continue
			}
			w.seen[k] = true
		}
		w.pending[scope] = append(w.pending[scope], f)
	}
	if len(w.pending[scope]) >= batch {
		return w.flush(scope)
	}
	return nil
}

func (w *writer) flush(scope retinue.Scope) error {
	facts := w.pending[scope]
	if len(facts) == 0 {
		return nil
	}
	w.pending[scope] = nil
	w.counts[scope] += int64(len(facts))
	w.env.Progress(connector.Progress{Scope: scope, Stage: "reading", Done: w.counts[scope], Unit: "facts"})
	return w.sink.Emit(scope, facts...)
}

func (w *writer) flushAll() error {
	for scope := range w.pending {
		if err := w.flush(scope); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) complete(scope retinue.Scope, basis string, children ...retinue.Scope) error {
	if err := w.flush(scope); err != nil {
		return err
	}
	return w.sink.Complete(scope, connector.Completion{ObservedAt: w.observed, Basis: basis, Authority: w.authority,
		Children: children, ListsChildren: len(children) > 0})
}

func (w *writer) problem(scope retinue.Scope, err error) error {
	if ferr := w.flush(scope); ferr != nil {
		return ferr
	}
	w.sink.Problem(scope, err)
	return nil
}

// attach states a document and what it is attached to.
func (w *writer) attach(scope retinue.Scope, policy retinue.Policy, target retinue.Ref, as retinue.AttachmentRole) error {
	return w.emit(scope, policy, retinue.Attachment{Policy: policy.Ref, Target: target, Role: as})
}

// document encodes a policy document: equal content gives equal bytes.
func document(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "" // the document types hold nothing that JSON cannot
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// boundKey makes a name from foreign input fit for a key: clean, and bounded by
// the hash of its rest.
func boundKey(s string) string {
	s = retinue.CleanName(s)
	if len(s) <= maxKey {
		if s == "" {
			return "-"
		}
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:maxKey-66], "") + "~" + hex.EncodeToString(sum[:])
}

func cleanAll(in []string) []string {
	var out []string
	for _, s := range in {
		out = append(out, retinue.CleanName(s))
	}
	return out
}
