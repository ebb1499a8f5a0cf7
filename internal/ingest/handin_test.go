package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// stating is a connector that states what a test says.
type stating struct {
	access connector.Access
	say    func(sink connector.Sink) error
}

func (s stating) Check(context.Context) (connector.Access, error) { return s.access, nil }
func (s stating) Close() error                                    { return nil }
func (s stating) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	return s.say(sink)
}

// heard is a sink that notes what it is told.
type heard struct {
	facts, problems, complete []string
	notes                     []connector.Note
	children                  int
}

func (h *heard) Emit(_ retinue.Scope, facts ...retinue.Fact) error {
	for _, f := range facts {
		h.facts = append(h.facts, f.FactRef().String())
	}
	return nil
}

func (h *heard) Complete(s retinue.Scope, c connector.Completion) error {
	h.complete = append(h.complete, s.String())
	h.children += len(c.Children)
	return nil
}

func (h *heard) Problem(s retinue.Scope, err error) {
	h.problems = append(h.problems, s.String()+": "+err.Error())
}
func (h *heard) Note(n connector.Note) { h.notes = append(h.notes, n) }

func handIn(t *testing.T, c connector.Connector) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewHandInWriter(&b)
	if _, err := w.Write(t.Context(), "test", "s", "", c, time.Now); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func role(realm retinue.Realm, key string) retinue.Identity {
	return retinue.Identity{Ref: retinue.NewRef(realm, "role", key), Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman}
}

// TestBoundHandIn hands in statements about a realm that the sender is not
// bound to, in every place where one can stand.
func TestBoundHandIn(t *testing.T) {
	mine, others := retinue.NewScope("test:1", "iam"), retinue.NewScope("test:2", "iam")
	data := handIn(t, stating{connector.Access{Realm: "test:1", Missing: []connector.Missing{{Permission: "p", Scope: mine}, {Permission: "p", Scope: others}}},
		func(sink connector.Sink) error {
			return errors.Join(
				sink.Emit(mine, role("test:1", "a"), role("test:2", "b")),
				sink.Emit(mine, retinue.Trust{Subject: retinue.NewRef("test:2", "role", "b"), Trustee: retinue.NewRef("test:1", "role", "a")}),
				sink.Emit(others, role("test:2", "c")),
				sink.Complete(others, connector.Completion{ListsChildren: true}),
				sink.Complete(mine, connector.Completion{ListsChildren: true, Children: []retinue.Scope{retinue.NewScope("test:1", "iam", "x"), retinue.NewScope("test:2", "y")}}))
		}})
	r := NewHandInReader(bytes.NewReader(data), nil)
	r.Bind(func(realm retinue.Realm) bool { return realm == "test:1" })
	c, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	access, err := c.Check(t.Context())
	if err != nil || len(access.Missing) != 1 {
		t.Fatalf("access %+v, %v", access, err)
	}
	var h heard
	if err := c.Discover(t.Context(), connector.Request{}, &h); err != nil {
		t.Fatal(err)
	}
	if len(h.facts) != 1 || !strings.Contains(h.facts[0], "test:1") {
		t.Errorf("facts passed on: %q", h.facts)
	}
	if len(h.complete) != 1 || h.children != 1 {
		t.Errorf("completed %q with %d children", h.complete, h.children)
	}
	if len(h.problems) != 3 {
		t.Errorf("problems %q, want one for each refused fact of the scope and one for the child", h.problems)
	}
	for _, p := range h.problems {
		if !strings.HasPrefix(p, mine.String()) {
			t.Errorf("problem of another realm's scope: %s", p)
		}
	}
	n, realms := c.Refused()
	if n != 5 || len(realms) != 1 || realms[0] != "test:2" {
		t.Errorf("refused %d of %v, want 5 of test:2", n, realms)
	}
}

func TestBoundHandInOfAnotherSystem(t *testing.T) {
	data := handIn(t, stating{connector.Access{Realm: "test:2"}, func(connector.Sink) error { return nil }})
	r := NewHandInReader(bytes.NewReader(data), nil)
	r.Bind(func(realm retinue.Realm) bool { return realm == "test:1" })
	c, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := c.Check(t.Context()); !errors.Is(err, retinue.ErrDenied) || a.Realm != "" {
		t.Errorf("%+v, %v, want ErrDenied and nothing of the access", a, err)
	}
}

func TestHandInDropsForeignFingerprints(t *testing.T) {
	ours, theirs := retinue.NewFingerprintKey(), retinue.NewFingerprintKey()
	secret := retinue.NewSecret("of the " + "test")
	data := handIn(t, stating{connector.Access{Realm: "test:1"}, func(sink connector.Sink) error {
		return sink.Emit(retinue.NewScope("test:1", "keys"), retinue.Credential{Ref: retinue.NewRef("test:1", "key", "k"), Kind: retinue.CredentialAPIKey,
			Fingerprints: []retinue.Fingerprint{ours.Fingerprint(secret), theirs.Fingerprint(secret)}})
	}})
	r := NewHandInReader(bytes.NewReader(data), []string{ours.ID})
	c, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	var h heard
	if err := c.Discover(t.Context(), connector.Request{}, &h); err != nil {
		t.Fatal(err)
	}
	if c.Dropped() != 1 {
		t.Errorf("dropped %d", c.Dropped())
	}
	if b, _ := json.Marshal(h.notes); !strings.Contains(string(b), "fingerprints") {
		t.Errorf("nothing is said: %s", b)
	}
}
