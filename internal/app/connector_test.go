package app_test

import (
	"context"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// scriptedConnector states facts of one realm in one scope.
type scriptedConnector struct {
	realm retinue.Realm
	facts []retinue.Fact
}

func connectorOf(realm retinue.Realm, facts ...retinue.Fact) connector.Connector {
	return scriptedConnector{realm, facts}
}

func (c scriptedConnector) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: c.realm}, nil
}
func (scriptedConnector) Close() error { return nil }
func (c scriptedConnector) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(c.realm, "all")
	if err := sink.Emit(scope, c.facts...); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: time.Now(), Authority: connector.AuthoritySystem, Basis: "scripted"})
}
