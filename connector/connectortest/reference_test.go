package connectortest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// fault is what a mutant of the reference connector does wrong.
type fault string

const (
	faultNone             fault = ""
	faultSpecBlind        fault = "spec has no blind spots"
	faultSpecExample      fault = "spec has an example that does not parse"
	faultCheckRealm       fault = "check names another realm"
	faultNameRealm        fault = "the realm holds the source name"
	faultClockFact        fault = "a fact holds the time of the scan"
	faultInvalidFact      fault = "an identity has no class"
	faultPointerFact      fault = "a fact is a pointer"
	faultForeignChild     fault = "a child lies outside its parent"
	faultForgottenChild   fault = "a parent forgets a child"
	faultOpenScope        fault = "a scope is never ended"
	faultNoBasis          fault = "a completion has no time and no basis"
	faultBareProblem      fault = "a problem wraps no kind of error"
	faultFoldWithoutCount fault = "a fold counts nothing"
	faultLateFact         fault = "a fact comes after completion"
	faultTwice            fault = "a fact is stated twice"
	faultProblemComplete  fault = "a scope with a problem is completed"
	faultBrokenComplete   fault = "the failed scope is completed and another blamed"
	faultBrokenParent     fault = "the parent drops the failed child"
	faultBrokenSilent     fault = "the failed scope has no problem"
	faultCancelStart      fault = "a cancelled run completes"
	faultCancelNil        fault = "a cancelled run returns no error"
	faultCancelMiddle     fault = "refused facts are counted as stated"
	faultLeak             fault = "a goroutine stays"
	faultSecretAttr       fault = "a secret in an attribute"
	faultSecretLog        fault = "a secret in the log"
	faultSecretHalf       fault = "half a secret in a note"
	faultSecretProblem    fault = "a secret in a problem"
	faultSecretHash       fault = "the plain hash of a secret"
	faultDryEmits         fault = "a dry run states facts"
	faultDrySilent        fault = "a dry run says nothing"
	faultSameDiffers      fault = "the other way states another name"
	faultCloseFresh       fault = "close fails on a fresh connector"
)

// memory is a small connector to a system held in memory: an account list and
// namespaces, one of which may fail half way.
type memory struct {
	fault  fault
	name   string
	broken bool // namespace/b fails
	other  bool // read the other way
	secret string
	stop   chan struct{}
	env    connector.Env
	used   bool
}

func (m *memory) realm() retinue.Realm {
	if m.fault == faultNameRealm {
		return retinue.NewRealm("memory", m.name)
	}
	return "memory:7"
}

// Check implements connector.Connector.
func (m *memory) Check(context.Context) (connector.Access, error) {
	m.used = true
	realm := m.realm()
	if m.fault == faultCheckRealm {
		realm = "memory:8"
	}
	return connector.Access{Realm: realm, Name: "memory", Missing: []connector.Missing{{
		Permission: "read namespace/c", Scope: retinue.NewScope(realm, "namespace", "c"), Consequence: "c is not known"}}}, nil
}

// Close implements connector.Connector.
func (m *memory) Close() error {
	if m.fault == faultCloseFresh && !m.used {
		return errors.New("close: nothing to close")
	}
	return nil
}

// Discover implements connector.Connector.
func (m *memory) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	m.used = true
	if req.DryRun {
		return m.dryRun(sink)
	}
	if m.fault == faultLeak {
		go func() { <-m.stop }()
	}
	if m.fault == faultSecretLog {
		m.env.Log.Debug("read", "value", m.secret)
	}
	for _, step := range []func(context.Context, connector.Sink) error{m.accounts, m.namespaceA, m.namespaceB, m.namespaces} {
		if err := ctx.Err(); err != nil && m.fault != faultCancelStart {
			if m.fault == faultCancelNil {
				return nil
			}
			return err
		}
		if err := step(ctx, sink); err != nil {
			return err
		}
	}
	m.notes(sink)
	return ctx.Err()
}

func (m *memory) dryRun(sink connector.Sink) error {
	if m.fault != faultDrySilent {
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: "accounts and two namespaces"})
	}
	if m.fault == faultDryEmits {
		return sink.Emit(retinue.NewScope(m.realm(), "accounts"), m.account("one"))
	}
	return nil
}

func (m *memory) notes(sink connector.Sink) {
	n := connector.Note{Kind: connector.NoteFold, Text: "3 packaged accounts", Count: 3}
	if m.fault == faultFoldWithoutCount {
		n.Count = 0
	}
	if m.fault == faultSecretHalf {
		n.Text += " " + m.secret[:len(m.secret)/2]
	}
	sink.Note(n)
}

func (m *memory) account(key string) retinue.Identity {
	id := retinue.Identity{Ref: retinue.NewRef(m.realm(), "account", key), Name: key,
		Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, Attrs: retinue.Attrs{"shell": "<none> & co"}}
	switch {
	case m.fault == faultClockFact:
		id.Attrs["scanned"] = m.env.Now().String()
	case m.fault == faultInvalidFact:
		id.Class = ""
	case m.fault == faultSecretAttr:
		id.Attrs["password"] = m.secret
	case m.fault == faultSecretHash:
		id.Attrs["hash"] = forms(m.secret)[5].text
	case m.fault == faultSameDiffers && m.other:
		id.Name = "other " + key
	}
	return id
}

// done completes a scope, unless emitting into it failed.
func (m *memory) done(sink connector.Sink, s retinue.Scope, emitErr error, children ...retinue.Scope) error {
	if emitErr != nil {
		if m.fault == faultCancelMiddle {
			_ = sink.Complete(s, connector.Completion{})
		}
		return emitErr
	}
	c := connector.Completion{ObservedAt: m.env.Now(), Basis: "all of it is in memory", Authority: connector.AuthoritySystem}
	if m.fault == faultNoBasis {
		c.Basis = ""
	}
	if children != nil {
		c.Children, c.ListsChildren = children, true
	}
	return sink.Complete(s, c)
}

func (m *memory) accounts(_ context.Context, sink connector.Sink) error {
	s := retinue.NewScope(m.realm(), "accounts")
	facts := []retinue.Fact{m.account("one"), m.account("two")}
	switch m.fault {
	case faultTwice:
		facts = append(facts, m.account("one"))
	case faultPointerFact:
		p := m.account("pointer")
		facts = append(facts, &p)
	case faultOpenScope:
		if err := sink.Emit(retinue.NewScope(m.realm(), "forgotten"), m.account("three")); err != nil {
			return err
		}
	}
	if err := m.done(sink, s, sink.Emit(s, facts...)); err != nil {
		return err
	}
	if m.fault == faultLateFact {
		return sink.Emit(s, m.account("late"))
	}
	return nil
}

func (m *memory) credential(key string) retinue.Credential {
	return retinue.Credential{Ref: retinue.NewRef(m.realm(), "key", key), Kind: retinue.CredentialAPIKey,
		Identity:     retinue.NewRef(m.realm(), "account", "one"),
		Fingerprints: m.env.Fingerprint(retinue.CredentialAPIKey, retinue.NewSecret(m.secret))}
}

func (m *memory) namespaceA(_ context.Context, sink connector.Sink) error {
	s := retinue.NewScope(m.realm(), "namespace", "a")
	if m.fault == faultProblemComplete {
		sink.Problem(s, fmt.Errorf("read a: %w", retinue.ErrUnavailable))
	}
	return m.done(sink, s, sink.Emit(s, m.credential("a1")))
}

func (m *memory) namespaceB(_ context.Context, sink connector.Sink) error {
	s := retinue.NewScope(m.realm(), "namespace", "b")
	if err := sink.Emit(s, m.credential("b1")); err != nil || !m.broken {
		if err != nil {
			return m.done(sink, s, err)
		}
		return m.done(sink, s, sink.Emit(s, m.credential("b2")))
	}
	cause := fmt.Errorf("read b: %w", retinue.ErrUnavailable)
	switch m.fault {
	case faultBrokenComplete:
		sink.Problem(retinue.NewScope(m.realm(), "elsewhere"), cause)
		return m.done(sink, s, nil)
	case faultBrokenSilent:
		return nil
	case faultBareProblem:
		cause = errors.New("read b: out of luck")
	case faultSecretProblem:
		cause = fmt.Errorf("read b with %s: %w", m.secret, retinue.ErrUnavailable)
	}
	sink.Problem(s, cause)
	return nil
}

func (m *memory) namespaces(_ context.Context, sink connector.Sink) error {
	s := retinue.NewScope(m.realm(), "namespace")
	children := []retinue.Scope{retinue.NewScope(m.realm(), "namespace", "a")}
	if m.fault != faultForgottenChild && (m.fault != faultBrokenParent || !m.broken) {
		children = append(children, retinue.NewScope(m.realm(), "namespace", "b"))
	}
	if m.fault == faultForeignChild {
		children = append(children, retinue.NewScope(m.realm(), "accounts"))
	}
	return m.done(sink, s, nil, children...)
}

// subject returns the reference connector with a fault, as a Subject.
func subject(t *testing.T, f fault) Subject {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	secret := "planted" + "-value-" + "0123456789abcdef"
	open := func(name string, broken, other bool) func(testing.TB, connector.Env) connector.Connector {
		return func(_ testing.TB, env connector.Env) connector.Connector {
			return &memory{fault: f, name: name, broken: broken, other: other, secret: secret, stop: stop, env: env}
		}
	}
	return Subject{
		Spec:   spec(f),
		Open:   open("memory", false, false),
		Broken: open("memory", true, false),
		Same:   open("memory", false, true),
		Named: func(t testing.TB, env connector.Env, name string) connector.Connector {
			return open(name, false, false)(t, env)
		},
		Secrets: []string{secret},
	}
}

func spec(f fault) connector.Spec {
	s := connector.Spec{
		Kind: "memory", Title: "Memory", Summary: "A system held in memory.", TargetOptional: true,
		Options:    []connector.Option{{Name: "depth", Help: "how deep"}},
		Examples:   []connector.TargetForm{{Form: "memory", Help: "all of it"}, {Form: "memory,depth=2", Help: "not so deep"}},
		Privileges: []connector.Document{{Title: "none", Language: "sh", Body: "true"}},
		Sees:       []string{"accounts"},
		BlindSpots: []string{"what happens elsewhere"},
		Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
			return nil, retinue.ErrUnsupported
		},
	}
	switch f {
	case faultSpecBlind:
		s.BlindSpots = nil
	case faultSpecExample:
		s.TargetOptional, s.Target = false, []connector.TargetForm{{Form: "PLACE", Help: "a place"}}
	}
	return s
}
