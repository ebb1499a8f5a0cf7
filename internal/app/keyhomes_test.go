package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// keyed is an account of AWS that lists one access key.
type keyed struct {
	realm retinue.Realm
	id    string
}

func (k keyed) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: k.realm}, nil
}
func (keyed) Close() error { return nil }

func (k keyed) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(k.realm, "iam")
	user := retinue.Identity{Ref: retinue.NewRef(k.realm, "user", "ci"), Name: "ci", Kind: retinue.IdentityUser, Class: retinue.ClassNonHuman, State: retinue.StateActive}
	key := retinue.Credential{Ref: retinue.NewRef(k.realm, "access_key", k.id), Name: k.id, Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive, Identity: user.Ref,
		Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + k.id}}}
	if err := sink.Emit(scope, user, key); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: time.Now(), Basis: "all of it"})
}

// TestSendersUseNoKeysOfOthers pushes events of the sender's own account that name
// keys of another: one by what the inventory has, one by what its id says. They
// count, and the keys are as unused as before. A key of its own is used.
func TestSendersUseNoKeysOfOthers(t *testing.T) {
	const own, other, coded = retinue.Realm("aws:111122223333"), retinue.Realm("aws:444455556666"), "ASIA" + "QNZGKIQY56JQ7WML"
	ours, theirs := "AKIA"+"IAAAAAAAAAAAOURS", "AKIA"+"IAAAAAAAAATHEIRS"
	dir := t.TempDir()
	r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
	for _, k := range []keyed{{own, ours}, {other, theirs}} {
		kind := "keyed-" + strings.TrimPrefix(string(k.realm), "aws:")
		r.Specs = append(r.Specs, connector.Spec{Kind: kind, TargetOptional: true, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return k, nil }})
		runs, err := r.Scan(t.Context(), []app.SourceConfig{{Name: kind, Kind: kind}}, app.ScanOptions{Actor: operator().Actor})
		if err != nil || runs[0].State != store.RunComplete {
			t.Fatalf("%+v, %v", runs, err)
		}
	}
	c := r.collector("trail", string(own))
	n := 0
	push := func(id string) answer {
		t.Helper()
		n++
		join, _ := json.Marshal("aws:" + id)
		return r.push(pushing{token: c.Token, path: "/events?source=ndjson", body: fmt.Appendf(nil, `{"log":"aws.cloudtrail","id":"k-%d","at":%q,"realm":%q,"class":"management","action":"iam:ListUsers","outcome":"success","joins":[{"kind":"provider_id","value":%s}]}`+"\n",
			n, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), own, join)})
	}
	used := func(key string) int {
		t.Helper()
		return r.waysOf(store.EntityQuery{Type: retinue.FactCredential, Key: key})
	}
	for id, withheld := range map[string]int64{ours: 0, theirs: 1, coded: 1} {
		if a := push(id); a.status != 200 || a.Taken != 1 || a.Withheld != withheld {
			t.Errorf("%s: %d %s", id, a.status, a.text)
		}
	}
	if used(ours) != 1 || used(theirs) != 0 {
		t.Errorf("the own key has %d ways of use, the other's %d", used(ours), used(theirs))
	}
	// An account that sees both may tell of both.
	realms := []string{string(own), string(other)}
	if _, err := r.ChangeCollector(t.Context(), operator(), c.Collector.ID, api.CollectorChange{Realms: &realms}, func(api.Collector) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if a := push(theirs); a.Withheld != 0 || used(theirs) != 1 {
		t.Errorf("for both: %d %s, %d ways of use", a.status, a.text, used(theirs))
	}
}
