package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// run is one discovery of one cluster: it passes the mapper's facts on and
// keeps track of which scopes may still be completed. It is safe for
// concurrent use.
type run struct {
	m    *mapper
	sink connector.Sink
	env  connector.Env

	mu         sync.Mutex
	failed     map[retinue.Scope]bool
	namespaces map[string]bool // that exist as far as it is known
}

func newRun(m *mapper, sink connector.Sink, env connector.Env) *run {
	return &run{m: m, sink: sink, env: env, failed: map[retinue.Scope]bool{}, namespaces: map[string]bool{}}
}

// listing is the reading of one kind, in one namespace or everywhere, from one
// goroutine.
type listing struct {
	r    *run
	k    kind
	from string    // where it is read, for messages
	time time.Time // at which the listing shows the system
	// want limits the namespaces; nil takes all.
	want map[string]bool

	seen   map[string]bool // objects, so that a second page of the same is not stated twice
	shared map[string]bool
	count  int64
	total  int64
	// bad is set by an object whose namespace cannot be told.
	bad error
}

func (r *run) listing(k kind, from string, at time.Time) *listing {
	return &listing{r: r, k: k, from: from, time: at, seen: map[string]bool{}, shared: map[string]bool{}}
}

// object states one object.
func (l *listing) object(raw json.RawMessage) error {
	l.count++
	h, err := decodeHead(raw)
	if err == nil {
		err = h.Metadata.check(l.k)
	}
	if err != nil {
		l.spoiled(h.Metadata.Namespace, fmt.Errorf("read %s: object %d: %w", l.from, l.count, err))
		return nil
	}
	md := h.Metadata
	if l.seen[md.key()] || (l.want != nil && l.k.namespaced && !l.want[md.Namespace]) {
		return nil
	}
	l.seen[md.key()] = true
	if md.Namespace != "" {
		l.r.exists(md.Namespace)
	} else if l.k.name == kindNamespace.name {
		l.r.exists(md.Name)
	}
	batches, err := l.r.m.facts(l.k, h, raw)
	if err != nil {
		l.spoiled(md.Namespace, fmt.Errorf("read %s: object %d: %w", l.from, l.count, err))
		return nil
	}
	return l.state(batches)
}

// state emits batches, dropping shared facts that the scope already has.
func (l *listing) state(batches []batch) error {
	for _, b := range batches {
		facts := b.facts
		for _, f := range b.shared {
			key := b.scope.Path + "\x00" + string(f.FactType()) + "\x00" + f.FactRef().String()
			if l.shared[key] {
				continue
			}
			l.shared[key] = true
			facts = append(facts, f)
		}
		facts, err := l.valid(b.scope, facts)
		if err != nil {
			return err
		}
		if len(facts) > 0 {
			if err := l.r.sink.Emit(b.scope, facts...); err != nil {
				return err
			}
		}
		if b.once {
			if err := l.r.complete(b.scope, l.time, "one object, read whole from "+l.from, connector.AuthoritySystem); err != nil {
				return err
			}
		}
	}
	return nil
}

// valid drops facts that hostile names made invalid, with a problem for each.
func (l *listing) valid(scope retinue.Scope, facts []retinue.Fact) ([]retinue.Fact, error) {
	out := facts[:0:0]
	for _, f := range facts {
		err := f.Validate()
		if err == nil {
			err = f.FactRef().Validate()
		}
		if err != nil {
			l.r.problem(scope, fmt.Errorf("read %s: object %d: %w", l.from, l.count, err))
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// spoiled reports an object that cannot be read. Without a namespace every
// namespace's listing of the kind may lack it.
func (l *listing) spoiled(namespace string, err error) {
	namespace = retinue.CleanName(namespace)
	if l.k.namespaced && (namespace == "" || len(namespace) > maxName || strings.Contains(namespace, "/")) {
		if l.bad == nil {
			l.bad = err
		}
		return
	}
	for _, scope := range l.scopes(namespace) {
		l.r.problem(scope, err)
	}
}

// scopes lists the scopes that the listing fills in a namespace.
func (l *listing) scopes(namespace string) []retinue.Scope {
	out := []retinue.Scope{l.k.scope(l.r.m.realm, namespace)}
	if namesSecrets(l.k) {
		out = append(out, referenceScope(l.r.m.realm, namespace, l.k))
	}
	return out
}

func (r *run) exists(namespace string) {
	r.mu.Lock()
	r.namespaces[namespace] = true
	r.mu.Unlock()
}

// known lists the namespaces that are known to exist, in order.
func (r *run) known() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.namespaces))
}

func (r *run) problem(scope retinue.Scope, err error) {
	r.mu.Lock()
	r.failed[scope] = true
	r.mu.Unlock()
	r.sink.Problem(scope, err)
}

// complete completes a scope unless something in it failed.
func (r *run) complete(scope retinue.Scope, at time.Time, basis string, authority connector.Authority) error {
	r.mu.Lock()
	failed := r.failed[scope]
	r.mu.Unlock()
	if failed {
		return nil
	}
	return r.sink.Complete(scope, connector.Completion{
		ObservedAt: at, Basis: basis, Authority: authority,
	})
}

// completeNamespaces says which namespaces there are. One that was made while
// the scan ran is among them.
func (r *run) completeNamespaces(at time.Time, basis string) error {
	scope := kindNamespace.scope(r.m.realm, "")
	r.mu.Lock()
	failed := r.failed[scope]
	r.mu.Unlock()
	if failed {
		return nil
	}
	var children []retinue.Scope
	for _, ns := range r.known() {
		children = append(children, namespaceScope(r.m.realm, ns))
	}
	return r.sink.Complete(scope, connector.Completion{
		ObservedAt: at, Basis: basis, Authority: connector.AuthoritySystem, Children: children, ListsChildren: true,
	})
}

// finish completes the listing of a kind in the given namespaces, or reports
// why it is not complete.
func (l *listing) finish(namespaces []string, basis string, cause error) error {
	if cause == nil {
		cause = l.bad
	}
	if !l.k.namespaced {
		namespaces = []string{""}
	}
	for _, ns := range namespaces {
		authority := connector.AuthoritySystem
		for _, scope := range l.scopes(ns) {
			if cause != nil {
				l.r.problem(scope, cause)
			} else if err := l.r.complete(scope, l.time, basis, authority); err != nil {
				return err
			}
			authority = connector.AuthorityReference // the second one holds names
		}
	}
	return nil
}

// progress reports how far a listing is.
func (l *listing) progress() {
	l.r.env.Progress(connector.Progress{
		Scope: retinue.NewScope(l.r.m.realm, l.k.element), Stage: "reading " + l.k.resource, Done: l.count, Total: max(l.total, l.count), Unit: "objects",
	})
}
