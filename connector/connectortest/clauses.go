package connectortest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

func checkSpec(t testing.TB, s Subject) {
	spec := s.Spec
	for _, f := range []struct {
		name  string
		empty bool
	}{
		{"Kind", spec.Kind == ""}, {"Title", spec.Title == ""}, {"Summary", spec.Summary == ""},
		{"Open", spec.Open == nil}, {"Examples", len(spec.Examples) == 0}, {"Privileges", len(spec.Privileges) == 0},
		{"Sees", len(spec.Sees) == 0}, {"BlindSpots", len(spec.BlindSpots) == 0},
		{"Target (or TargetOptional)", len(spec.Target) == 0 && !spec.TargetOptional},
	} {
		if f.empty {
			t.Errorf("Spec.%s is empty", f.name)
		}
	}
	for _, f := range slices.Concat(spec.Target, spec.Examples) {
		if f.Form == "" || f.Help == "" {
			t.Errorf("form %q: form and help are both needed", f.Form)
		}
	}
	for _, d := range spec.Privileges {
		if d.Title == "" || d.Language == "" || strings.TrimSpace(d.Body) == "" {
			t.Errorf("privilege document %q: title, language and body are all needed", d.Title)
		}
	}
	names := map[string]bool{}
	for _, o := range spec.Options {
		if o.Name == "" || o.Help == "" || names[o.Name] {
			t.Errorf("option %q: a name of its own and a help text are needed", o.Name)
		}
		names[o.Name] = true
	}
	for _, e := range spec.Examples {
		kind, rest, _ := strings.Cut(e.Form, "=")
		if kind != spec.Kind {
			kind, rest, _ = strings.Cut(e.Form, ",") // "host,users=all"
		}
		if kind != spec.Kind {
			t.Errorf("example %q: want %s or %s=…", e.Form, spec.Kind, spec.Kind)
			continue
		}
		if _, err := spec.ParseArg(rest); err != nil {
			t.Errorf("example %q: %v", e.Form, err)
		}
	}
}

func checkCheck(t testing.TB, s Subject) {
	c := s.Open(t, Env(t))
	defer closed(t, c)
	a, err := c.Check(t.Context())
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	if err := a.Realm.Validate(); err != nil {
		t.Errorf("check: %v", err)
	}
	for _, m := range a.Missing {
		if m.Permission == "" || m.Consequence == "" {
			t.Errorf("check: missing %q: permission and consequence are both needed", m.Permission)
		}
		if err := m.Scope.Validate(); err != nil {
			t.Errorf("check: missing %q: %v", m.Permission, err)
		}
	}
	r := discover(t, s.Open, Env(t))
	if scopes := r.Scopes(); len(scopes) > 0 && !slices.ContainsFunc(scopes, func(sc retinue.Scope) bool { return sc.Realm == a.Realm }) {
		t.Errorf("check names realm %s, discovery has no scope in it; its first is %s", a.Realm, scopes[0])
	}
}

func checkName(t testing.TB, s Subject) {
	named := func(name string) func(testing.TB, connector.Env) connector.Connector {
		return func(t testing.TB, env connector.Env) connector.Connector { return s.Named(t, env, name) }
	}
	one, two := named("first-name"), named("some-other-name")
	sameFacts(t, "first-name", discover(t, one, Env(t)), "some-other-name", discover(t, two, Env(t)))
	var realms [2]retinue.Realm
	for i, open := range []func(testing.TB, connector.Env) connector.Connector{one, two} {
		c := open(t, Env(t))
		a, err := c.Check(t.Context())
		closed(t, c)
		if err != nil {
			t.Fatalf("check: %v", err)
		}
		realms[i] = a.Realm
	}
	if realms[0] != realms[1] {
		t.Errorf("realm %s under one name, %s under another", realms[0], realms[1])
	}
}

// checkRepeat runs twice, the second time an hour later: the time of the scan
// is part of no fact.
func checkRepeat(t testing.TB, s Subject) {
	a := discover(t, s.Open, Env(t))
	b := discover(t, s.Open, EnvAt(t, Epoch().Add(time.Hour)))
	if len(a.Emitted) == 0 {
		t.Errorf("the run stated no fact: the subject shows nothing")
	}
	sameFacts(t, "first run", a, "second run", b)
	sameCompleted(t, "first run", a, "second run", b)
}

func checkValid(t testing.TB, s Subject) {
	r := discover(t, s.Open, Env(t))
	violations(t, r, clauseValid)
	for _, e := range r.Emitted {
		if err := e.Fact.Validate(); err != nil {
			t.Errorf("scope %s: %v", e.Scope, err)
			continue
		}
		if err := e.Fact.FactRef().Validate(); err != nil {
			t.Errorf("scope %s: %s fact: %v", e.Scope, e.Fact.FactType(), err)
		}
		enc, err := retinue.MarshalFact(e.Fact)
		if err != nil {
			t.Errorf("scope %s: encode %s fact: %v", e.Scope, e.Fact.FactType(), err)
			continue
		}
		back, err := retinue.UnmarshalFact(enc)
		if err != nil {
			t.Errorf("scope %s: decode %s: %v", e.Scope, plain(enc), err)
			continue
		}
		again, err := retinue.MarshalFact(back)
		if err != nil || !bytes.Equal(enc, again) {
			t.Errorf("scope %s: %s does not survive encoding: %s (%v)", e.Scope, plain(enc), plain(again), err)
		}
	}
}

func checkScopes(t testing.TB, s Subject) {
	r := discover(t, s.Open, Env(t))
	for _, sc := range r.Scopes() {
		if err := sc.Validate(); err != nil {
			t.Errorf("scope %q: %v", sc.String(), err)
		}
	}
	for sc, c := range r.Completed {
		for _, child := range c.Children {
			if !sc.Contains(child) || child == sc {
				t.Errorf("scope %s lists child %s, which does not lie inside it", sc, child)
			}
		}
		if len(c.Children) > 0 && !c.ListsChildren {
			t.Errorf("scope %s has children and does not say that it lists them", sc)
		}
		if !c.ListsChildren {
			continue
		}
		for _, other := range r.Scopes() {
			if other != sc && sc.Contains(other) && !slices.ContainsFunc(c.Children, func(ch retinue.Scope) bool { return ch.Contains(other) }) {
				t.Errorf("scope %s lists its children and leaves out %s, whose facts would end", sc, other)
			}
		}
	}
}

func checkEnded(t testing.TB, s Subject) {
	r := discover(t, s.Open, Env(t))
	for _, sc := range r.Scopes() {
		if _, done := r.Completed[sc]; !done && len(r.Problems[sc]) == 0 {
			t.Errorf("scope %s has facts and was neither completed nor has a problem", sc)
		}
	}
	if len(r.Completed) == 0 {
		t.Errorf("no scope was completed")
	}
}

func checkExplained(t testing.TB, s Subject) {
	runs := []*Result{discover(t, s.Open, Env(t))}
	if s.Broken != nil {
		runs = append(runs, attempt(t.Context(), t, s.Broken, Env(t), newRecorder()))
	}
	for _, r := range runs {
		violations(t, r, clauseExplained)
		for sc, c := range r.Completed {
			if c.ObservedAt.IsZero() || c.Basis == "" || c.Authority <= 0 {
				t.Errorf("scope %s: completion %+v: observed at, basis and authority are all needed", sc, c)
			}
		}
		for sc, errs := range r.Problems {
			for _, err := range errs {
				if !isSentinel(err) {
					t.Errorf("scope %s: problem %q wraps none of the root package's errors", sc, err)
				}
				printable(t, "problem", err.Error())
			}
		}
		for _, n := range r.Notes {
			checkNote(t, n)
		}
	}
}

func checkNote(t testing.TB, n connector.Note) {
	known := []connector.NoteKind{connector.NoteOffer, connector.NoteFold, connector.NoteBlindSpot,
		connector.NoteNotCovered, connector.NoteWouldRead, connector.NoteCall, connector.NoteWarning}
	if !slices.Contains(known, n.Kind) || n.Text == "" {
		t.Errorf("note %+v: want one of the kinds and a text", n)
	}
	if (n.Kind == connector.NoteOffer) != (n.Command != "") {
		t.Errorf("note %q: an offer has a command and no other note has", n.Text)
	}
	if n.Kind == connector.NoteFold && n.Count <= 0 {
		t.Errorf("note %q: a fold counts something", n.Text)
	}
	if n.Scope != (retinue.Scope{}) {
		if err := n.Scope.Validate(); err != nil {
			t.Errorf("note %q: %v", n.Text, err)
		}
	}
	printable(t, "note", n.Text)
	printable(t, "note", n.Command)
}

// printable reports control characters: texts go to terminals.
func printable(t testing.TB, what, text string) {
	t.Helper()
	for _, c := range text {
		if (c < 0x20 && c != '\n') || c == 0x7f {
			t.Errorf("%s %q holds a control character", what, text)
			return
		}
	}
}

func checkOrder(t testing.TB, s Subject) {
	violations(t, discover(t, s.Open, Env(t)), clauseOrder)
}

func checkUnique(t testing.TB, s Subject) {
	type id struct {
		scope retinue.Scope
		ft    retinue.FactType
		ref   retinue.Ref
	}
	seen := map[id]bool{}
	for _, e := range discover(t, s.Open, Env(t)).Emitted {
		k := id{e.Scope, e.Fact.FactType(), e.Fact.FactRef()}
		if seen[k] {
			t.Errorf("scope %s: %s %s was stated twice", k.scope, k.ft, k.ref)
		}
		seen[k] = true
	}
}

func checkProblem(t testing.TB, s Subject) {
	violations(t, discover(t, s.Open, Env(t)), clauseProblem)
	if s.Broken != nil {
		violations(t, attempt(t.Context(), t, s.Broken, Env(t), newRecorder()), clauseProblem)
	}
}

func checkSame(t testing.TB, s Subject) {
	a, b := discover(t, s.Open, Env(t)), discover(t, s.Same, Env(t))
	common := 0
	for sc := range a.Completed {
		if _, ok := b.Completed[sc]; ok {
			common++
			sameIn(t, sc, "read one way", a, "read the other way", b)
		}
	}
	if common == 0 {
		t.Errorf("no scope was completed both ways: %v and %v", slices.Collect(maps.Keys(a.Completed)), slices.Collect(maps.Keys(b.Completed)))
	}
}

func isSentinel(err error) bool {
	for _, k := range []error{retinue.ErrInvalid, retinue.ErrNotFound, retinue.ErrConflict, retinue.ErrDenied,
		retinue.ErrUnsupported, retinue.ErrUnavailable} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

func violations(t testing.TB, r *Result, clause string) {
	t.Helper()
	for _, v := range r.Violations {
		if v.Clause == clause {
			t.Error(v.Text)
		}
	}
}

func closed(t testing.TB, c connector.Connector) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
