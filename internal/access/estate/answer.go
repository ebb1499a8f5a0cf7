package estate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Estate answers for all systems of an inventory. It is not changed after it is
// made and may be asked from several goroutines.
type Estate struct {
	engines []Engine
	same    func(retinue.Ref) retinue.Ref
	names   map[retinue.Ref][]retinue.Ref
	joins   *joins
	labels  map[retinue.Ref]labels
	once    sync.Once
	graph   *graph.Graph
}

// Engines lists the engines, by language.
func (e *Estate) Engines() []Engine { return slices.Clone(e.engines) }

// Engine returns the engine of a language, or nil.
func (e *Estate) Engine(language string) Engine {
	for _, x := range e.engines {
		if x.Language() == language {
			return x
		}
	}
	return nil
}

// Languages names the languages that the estate has realms of.
func (e *Estate) Languages() []string {
	out := make([]string, len(e.engines))
	for i, x := range e.engines {
		out[i] = x.Language()
	}
	return out
}

// Gaps say of a realm, or of all with "", what was not read or not understood.
func (e *Estate) Gaps(realm retinue.Realm) []string {
	var out []string
	for _, x := range e.engines {
		for _, k := range x.Realms() {
			if realm != "" && k.Realm != realm {
				continue
			}
			for _, g := range slices.Concat(k.Gaps, k.Narrowing) {
				if !slices.Contains(out, g) {
					out = append(out, g)
				}
			}
		}
	}
	return out
}

// NothingHidden reports whether all that gives access in a realm was read. What
// was not may still take some away.
func (e *Estate) NothingHidden(realm retinue.Realm) bool {
	known := false
	for _, x := range e.engines {
		for _, k := range x.Realms() {
			if k.Realm == realm {
				known = true
				if len(k.Gaps) > 0 {
					return false
				}
			}
		}
	}
	return known
}

// Graph returns the picture of who comes to act as whom. It is built when it is
// first asked for.
func (e *Estate) Graph() *graph.Graph {
	e.once.Do(func() {
		b := &graph.Builder{Same: e.same, Describe: e.describe}
		for _, x := range e.engines {
			x.Steps(b)
		}
		e.joins.steps(b)
		e.graph = b.Build()
	})
	return e.graph
}

// Same returns the ref that stands for the thing that a ref names.
func (e *Estate) Same(ref retinue.Ref) retinue.Ref { return e.same(ref) }

// called lists every ref by which a thing is known.
func (e *Estate) called(ref retinue.Ref) []retinue.Ref {
	if names := e.names[e.same(ref)]; len(names) > 0 {
		return names
	}
	return []retinue.Ref{ref}
}

// Answer is the answer of one language.
type Answer struct {
	Language string `json:"language"`
	access.Decision
}

// Can answers whether an identity may do something, in the language of its own
// system, or else in every language that the question is of.
func (e *Estate) Can(identity retinue.Ref, action, resource string) ([]Answer, error) {
	engines, err := e.asking(action, resource)
	if err != nil {
		return nil, err
	}
	refs := e.called(identity)
	own := e.speaking(refs)
	if asked := slices.DeleteFunc(slices.Clone(engines), func(x Engine) bool { return !slices.Contains(own, x) }); len(asked) > 0 {
		return decide(asked, refs, action, resource), nil
	}
	// Somebody else's system may know the identity too.
	out := decide(engines, refs, action, resource)
	known := slices.DeleteFunc(slices.Clone(out), func(a Answer) bool { return a.Outcome == access.Unknown })
	switch {
	case len(known) > 0:
		return known, nil
	case len(own) > 0:
		return nil, fmt.Errorf("%w: %s is no question in %s, which %s is judged by: see docs/access.md", retinue.ErrInvalid,
			question(action, resource), strings.Join(languages(own), " or "), identity.Key)
	}
	return out, nil
}

// decide asks engines about a thing under each of its names.
func decide(engines []Engine, refs []retinue.Ref, action, resource string) []Answer {
	var out []Answer
	for _, x := range engines {
		best := access.Decision{Outcome: access.Unknown}
		for i, ref := range refs {
			if d := x.Can(ref, action, resource); i == 0 || rank(d.Outcome) < rank(best.Outcome) {
				best = d
			}
		}
		out = append(out, Answer{Language: x.Language(), Decision: best})
	}
	return out
}

// rank orders outcomes, the surest yes first. What is not known of one name of
// a thing gives way to what is known of another.
func rank(o access.Outcome) int {
	return slices.Index([]access.Outcome{access.Allowed, access.Conditional, access.ExplicitlyDenied, access.ImplicitlyDenied, access.Unknown}, o)
}

func question(action, resource string) string {
	if resource == "" {
		return fmt.Sprintf("%.200q", action)
	}
	return fmt.Sprintf("%.200q on %.200q", action, resource)
}

// asking lists the engines in whose words a question is.
func (e *Estate) asking(action, resource string) ([]Engine, error) {
	var out []Engine
	for _, x := range e.engines {
		if x.Asks(action, resource) {
			out = append(out, x)
		}
	}
	switch {
	case len(e.engines) == 0:
		return nil, fmt.Errorf("%w: the inventory holds no system whose access is evaluated: scan one", retinue.ErrNotFound)
	case len(out) == 0:
		return nil, fmt.Errorf("%w: %s is no question in %s: see docs/access.md for the forms", retinue.ErrInvalid, question(action, resource),
			strings.Join(languages(e.engines), ", "))
	}
	return out, nil
}

// speaking lists the engines that speak for the realms of some refs.
func (e *Estate) speaking(refs []retinue.Ref) []Engine {
	var out []Engine
	for _, x := range e.engines {
		if slices.ContainsFunc(x.Realms(), func(k access.Known) bool {
			return slices.ContainsFunc(refs, func(r retinue.Ref) bool { return r.Realm == k.Realm })
		}) {
			out = append(out, x)
		}
	}
	return out
}

func languages(list []Engine) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = x.Language()
	}
	return out
}

// Holder is someone who may do what was asked, by a language.
type Holder struct {
	Language string `json:"language"`
	access.Holder
}

// WhoCan lists who may do something in the systems of a realm and a language,
// either of which may be empty for all; the surest first.
func (e *Estate) WhoCan(realm retinue.Realm, language, action, resource string) ([]Holder, error) {
	engines, err := e.asking(action, resource)
	if err != nil {
		return nil, err
	}
	out := []Holder{}
	asked := 0
	for _, x := range engines {
		if language != "" && x.Language() != language ||
			realm != "" && !slices.ContainsFunc(x.Realms(), func(k access.Known) bool { return k.Realm == realm }) {
			continue
		}
		asked++
		for _, h := range x.WhoCan(realm, action, resource) {
			out = append(out, Holder{Language: x.Language(), Holder: h})
		}
	}
	if asked == 0 {
		return nil, fmt.Errorf("%w: no system %s %s of the inventory is asked in words like %s", retinue.ErrNotFound, language, realm, question(action, resource))
	}
	slices.SortStableFunc(out, func(a, b Holder) int { return cmp.Compare(rank(a.Decision.Outcome), rank(b.Decision.Outcome)) })
	return out, nil
}

// Held lists what an identity can do in every language that knows it, worst
// first.
func (e *Estate) Held(identity retinue.Ref) []access.Held {
	out := []access.Held{}
	for _, x := range e.engines {
		for _, ref := range e.called(identity) {
			out = append(out, x.Held(ref)...)
		}
	}
	order := access.Consequences()
	slices.SortStableFunc(out, func(a, b access.Held) int {
		return cmp.Compare(slices.Index(order, a.Consequence), slices.Index(order, b.Consequence))
	})
	return out
}

// Judged reports whether some engine speaks for the realm of an identity.
func (e *Estate) Judged(identity retinue.Ref) bool { return len(e.speaking(e.called(identity))) > 0 }

// Speaks returns whether a realm is one that a language speaks for; with an
// empty language, any is. A language that nothing is known in is refused.
func (e *Estate) Speaks(language string) (func(retinue.Realm) bool, error) {
	if language == "" {
		return func(retinue.Realm) bool { return true }, nil
	}
	x := e.Engine(language)
	if x == nil {
		return nil, fmt.Errorf("%w: the inventory holds no system of the language %.40q: there are %s", retinue.ErrNotFound, language, strings.Join(e.Languages(), ", "))
	}
	known := make(map[retinue.Realm]bool)
	for _, k := range x.Realms() {
		known[k.Realm] = true
	}
	return func(r retinue.Realm) bool { return known[r] }, nil
}
