package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// moment is an estate at a time, as a connector reads it.
type moment struct {
	e  *estate
	at time.Time
}

// Check implements connector.Connector.
func (m *moment) Check(context.Context) (connector.Access, error) {
	a := m.e.access
	a.Realm, a.Name, a.Principal = m.e.realm, m.e.title, m.e.principal
	for _, o := range m.e.broken {
		if o.path == "" && o.at(m.at) {
			return connector.Access{}, o.cause
		}
	}
	return a, nil
}

// Discover implements connector.Connector.
func (m *moment) Discover(ctx context.Context, _ connector.Request, sink connector.Sink) error {
	facts := map[string][]retinue.Fact{}
	for _, it := range m.e.items {
		if (!it.from.IsZero() && m.at.Before(it.from)) || (!it.to.IsZero() && !m.at.Before(it.to)) {
			continue
		}
		f := it.fact
		if it.at != nil {
			f = it.at(m.at)
		}
		facts[it.path] = append(facts[it.path], f)
	}
	for _, path := range m.e.paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.scope(sink, path, facts[path]); err != nil {
			return err
		}
	}
	for _, n := range m.e.notes {
		sink.Note(n)
	}
	return nil
}

func (m *moment) scope(sink connector.Sink, path string, facts []retinue.Fact) error {
	scope := retinue.Scope{Realm: m.e.realm, Path: path}
	i := slices.IndexFunc(m.e.broken, func(o outage) bool { return o.path == path && o.at(m.at) })
	if i >= 0 {
		facts = facts[:len(facts)*2/3]
	}
	if err := sink.Emit(scope, facts...); err != nil {
		return fmt.Errorf("state %s: %w", scope, err)
	}
	if i >= 0 {
		sink.Problem(scope, m.e.broken[i].cause)
		return nil
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: m.at, Authority: m.e.authority[path],
		Basis: "the sample company states everything that it made up for this scope"})
}

// Close implements connector.Connector.
func (*moment) Close() error { return nil }
