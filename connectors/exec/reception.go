package exec

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	// maxRealms bounds how many realms a program may speak for, maxScopes how
	// many scopes it may fill.
	maxRealms = 1024
	maxScopes = 1 << 20
	// maxText bounds texts for people, in bytes.
	maxText = 1000
)

// reception takes the lines of one run.
type reception struct {
	name string // of the program
	env  connector.Env
	sink connector.Sink
	red  *redactor

	realms map[retinue.Realm]bool
	scopes map[retinue.Scope]*scopeState
	order  []retinue.Scope // in which they were first named
	seed   maphash.Seed
}

// scopeState is what is known about one scope.
type scopeState struct {
	facts    map[uint64]uint64 // type and ref to content, hashed
	complete *connector.Completion
	failed   bool
}

func newReception(name string, env connector.Env, sink connector.Sink) *reception {
	return &reception{name: name, env: env, sink: sink, red: newRedactor(), realms: map[retinue.Realm]bool{},
		scopes: map[retinue.Scope]*scopeState{}, seed: maphash.MakeSeed()}
}

// take handles one line. An error ends the run: what follows a line that cannot
// be read may lean on it.
func (r *reception) take(n int, text []byte) error {
	l, err := parseLine(text)
	if err == nil {
		err = r.handle(n, l)
	}
	var stop errSink
	if err == nil || errors.As(err, &stop) {
		return err
	}
	return fmt.Errorf("run %s: line %d: %w", r.name, n, err)
}

func (r *reception) handle(n int, l line) error {
	switch l.Op {
	case "realm":
		return r.realm(l)
	case "fact":
		return r.fact(n, l)
	case "complete":
		return r.completed(n, l)
	case "problem":
		return r.reported(l)
	case "note":
		return r.note(l)
	case "missing":
		_, err := missing(l, r.red)
		return err
	case "progress":
		r.progress(l)
		return nil
	}
	return fmt.Errorf("%w: op %q: want realm, fact, complete, problem, note, missing or progress", retinue.ErrInvalid, retinue.CleanName(clip(l.Op, 64)))
}

func (r *reception) realm(l line) error {
	if err := checkRealm(l); err != nil {
		return err
	}
	if len(r.realms) == maxRealms {
		return fmt.Errorf("%w: more than %d realms", retinue.ErrInvalid, maxRealms)
	}
	r.realms[l.Realm] = true
	return nil
}

// scope returns the state of a line's scope, which must lie in a declared
// realm.
func (r *reception) scope(l line) (retinue.Scope, *scopeState, error) {
	if l.Scope == nil {
		return retinue.Scope{}, nil, fmt.Errorf("%w: %s: scope is missing", retinue.ErrInvalid, l.Op)
	}
	s := *l.Scope
	if err := s.Validate(); err != nil {
		return s, nil, err
	}
	if !r.realms[s.Realm] {
		return s, nil, fmt.Errorf("%w: %s: realm %s: not declared by a line with op realm before", retinue.ErrInvalid, l.Op, s.Realm)
	}
	state := r.scopes[s]
	if state == nil {
		if len(r.scopes) == maxScopes {
			return s, nil, fmt.Errorf("%w: more than %d scopes", retinue.ErrInvalid, maxScopes)
		}
		state = &scopeState{facts: map[uint64]uint64{}}
		r.scopes[s] = state
		r.order = append(r.order, s)
	}
	return s, state, nil
}

// fail reports a problem of a scope, which can then not be completed.
func (r *reception) fail(s retinue.Scope, state *scopeState, err error) {
	state.failed = true
	r.sink.Problem(s, err)
}

// fact passes a fact on. One that is refused makes its scope incomplete.
func (r *reception) fact(n int, l line) error {
	s, state, err := r.scope(l)
	if err != nil {
		return err
	}
	f, err := r.read(s, l)
	if err == nil && state.complete != nil {
		err = fmt.Errorf("%w: a fact after its scope was completed", retinue.ErrInvalid)
	}
	repeated := false
	if err == nil {
		repeated, err = r.seen(state, f)
	}
	if err != nil {
		r.fail(s, state, fmt.Errorf("run %s: line %d: %w", r.name, n, err))
		return nil
	}
	if repeated {
		return nil
	}
	if err := r.sink.Emit(s, f); err != nil {
		return errSink{err}
	}
	return nil
}

// read decodes and checks a fact, and exchanges a secret for its fingerprints.
func (r *reception) read(s retinue.Scope, l line) (retinue.Fact, error) {
	if l.Secret != nil {
		r.red.add(l.Secret.Secret)
	}
	f, err := retinue.UnmarshalFact(l.Fact)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", retinue.ErrInvalid, r.red.clean(clip(strings.TrimPrefix(err.Error(), retinue.ErrInvalid.Error()+": "), maxText)))
	}
	if c, ok := f.(retinue.Credential); ok {
		if len(c.Fingerprints) > 0 {
			return nil, fmt.Errorf("%w: credential %s: fingerprints are made by Retinue: pass the value as secret", retinue.ErrInvalid, r.red.clean(c.Ref.Key))
		}
		if l.Secret != nil {
			c.Fingerprints = r.env.Fingerprint(c.Kind, l.Secret.Secret)
		}
		f = c
	} else if l.Secret != nil {
		return nil, fmt.Errorf("%w: a secret beside a fact of type %s: only credentials have one", retinue.ErrInvalid, f.FactType())
	}
	if err := errors.Join(f.Validate(), f.FactRef().Validate()); err != nil {
		return nil, fmt.Errorf("%w: %s", retinue.ErrInvalid, r.red.clean(clip(strings.ReplaceAll(err.Error(), "\n", "; "), maxText)))
	}
	if realm := f.FactRef().Realm; realm != s.Realm {
		return nil, fmt.Errorf("%w: %s fact about realm %s in a scope of %s: a program speaks for the realms that it declares", retinue.ErrDenied, f.FactType(), realm, s.Realm)
	}
	if l.Secret != nil && holds(l.Fact, l.Secret.Reveal()) {
		return nil, fmt.Errorf("%w: credential: the value of its secret stands in the fact too", retinue.ErrInvalid)
	}
	return f, nil
}

// holds reports whether a fact's text has the value in it. Short values may
// stand there by chance.
func holds(fact []byte, value string) bool {
	value = strings.TrimSpace(value)
	return len(value) >= 8 && bytes.Contains(fact, []byte(value))
}

// seen reports a fact that the scope has already, and refuses one that says
// something else about the same thing.
func (r *reception) seen(state *scopeState, f retinue.Fact) (bool, error) {
	enc, err := retinue.MarshalFact(f)
	if err != nil {
		return false, err
	}
	key := maphash.String(r.seed, string(f.FactType())+"\x00"+f.FactRef().String())
	content := maphash.Bytes(r.seed, enc)
	have, ok := state.facts[key]
	if ok && have != content {
		return false, fmt.Errorf("%w: %s fact about %s: stated before with other content", retinue.ErrConflict, f.FactType(), r.red.clean(clip(f.FactRef().String(), maxText)))
	}
	state.facts[key] = content
	return ok, nil
}

// completed notes a completion. It is passed on when the program has ended.
func (r *reception) completed(n int, l line) error {
	s, state, err := r.scope(l)
	if err != nil {
		return err
	}
	rank, err := authority(l.Authority)
	if err != nil {
		return err
	}
	c := connector.Completion{
		ObservedAt: l.ObservedAt.UTC(), Basis: r.red.clean(clip(l.Basis, maxText)), Authority: rank,
		ListsChildren: l.ListsChildren || len(l.Children) > 0,
	}
	if c.Basis == "" {
		return fmt.Errorf("%w: complete: basis is missing: say why the listing was whole", retinue.ErrInvalid)
	}
	if l.ObservedAt.IsZero() {
		c.ObservedAt = r.env.Now().UTC()
	}
	for _, path := range l.Children {
		child := retinue.Scope{Realm: s.Realm, Path: path}
		if err := child.Validate(); err != nil || !s.Contains(child) || child == s {
			return fmt.Errorf("%w: complete: child %q does not lie inside %q", retinue.ErrInvalid, retinue.CleanName(clip(path, 200)), s.Path)
		}
		c.Children = append(c.Children, child)
	}
	if state.complete != nil {
		r.fail(s, state, fmt.Errorf("%w: run %s: line %d: the scope was completed before", retinue.ErrInvalid, r.name, n))
		return nil
	}
	state.complete = &c
	return nil
}

func (r *reception) reported(l line) error {
	s, state, err := r.scope(l)
	if err != nil {
		return err
	}
	r.fail(s, state, fmt.Errorf("%w: %s", problemKind(l.Kind), r.red.clean(clip(l.Message, maxText))))
	return nil
}

func (r *reception) note(l line) error {
	kind := connector.NoteKind(l.Kind)
	if !slices.Contains([]connector.NoteKind{connector.NoteOffer, connector.NoteFold, connector.NoteBlindSpot, connector.NoteNotCovered, connector.NoteWarning}, kind) || l.Text == "" {
		return fmt.Errorf("%w: note: want a text and the kind offer, fold, blind_spot, not_covered or warning", retinue.ErrInvalid)
	}
	if (kind == connector.NoteOffer) != (l.Command != "") || (kind == connector.NoteFold) != (l.Count > 0) {
		return fmt.Errorf("%w: note: an offer has a command, a fold a count, and no other note has", retinue.ErrInvalid)
	}
	note := connector.Note{Kind: kind, Text: r.red.clean(clip(l.Text, maxText)), Command: r.red.clean(clip(l.Command, maxText)), Count: l.Count}
	if l.Scope != nil && l.Scope.Validate() == nil {
		note.Scope = *l.Scope
	}
	r.sink.Note(note)
	return nil
}

func (r *reception) progress(l line) {
	p := connector.Progress{Stage: r.red.clean(clip(l.Stage, 100)), Done: l.Done, Total: l.Total, Unit: r.red.clean(clip(l.Unit, 30))}
	if l.Scope != nil && l.Scope.Validate() == nil {
		p.Scope = *l.Scope
	}
	r.env.Progress(p)
}

// finish completes what the program completed, and reports every other scope
// that it filled. cause is how the run failed, if it did: a line that could not
// be read taints all scopes, because it may have belonged to any.
func (r *reception) finish(cause error) error {
	if len(r.order) == 0 {
		if cause == nil && len(r.realms) == 0 {
			cause = fmt.Errorf("%w: run %s: it declared no realm", retinue.ErrInvalid, r.name)
		}
		return cause
	}
	tainted := cause != nil && errors.Is(cause, retinue.ErrInvalid)
	if cause != nil {
		r.sink.Note(connector.Note{Kind: connector.NoteWarning, Text: "the program did not end well: " + cause.Error()})
	}
	for _, s := range r.order {
		state := r.scopes[s]
		switch {
		case state.failed:
		case tainted, state.complete == nil && cause != nil:
			r.fail(s, state, cause)
		case state.complete == nil:
			r.fail(s, state, fmt.Errorf("%w: run %s: it ended without completing the scope", retinue.ErrUnavailable, r.name))
		default:
			if err := r.finishScope(s, *state.complete); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishScope completes one scope. A listing of children that leaves out one
// that the program itself filled is no listing.
func (r *reception) finishScope(s retinue.Scope, c connector.Completion) error {
	if c.ListsChildren {
		for _, other := range r.order {
			if other != s && s.Contains(other) && !slices.ContainsFunc(c.Children, func(ch retinue.Scope) bool { return ch.Contains(other) }) {
				r.fail(s, r.scopes[s], fmt.Errorf("%w: run %s: the scope's children leave out %s, in which it stated facts", retinue.ErrInvalid, r.name, other))
				return nil
			}
		}
	}
	return r.sink.Complete(s, c)
}
