package estate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/glob"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Standing is what the access of an identity comes to, so that two moments can
// be set side by side: documents that say the same in other words have one
// standing. It holds ways that are certain, and no others. Its encoding is kept
// by stores.
type Standing struct {
	// Administrator is true of who administers its own system.
	Administrator bool `json:"a,omitempty"`
	// Reaches are what it comes to beyond that, sorted.
	Reaches []Reached `json:"r,omitempty"`
	// Admits are who may become it, sorted.
	Admits []Admission `json:"t,omitempty"`
}

// Reached is a sort of target in a system.
type Reached struct {
	// Sort is "administrator", "production" or a class of data.
	Sort  string        `json:"s"`
	Realm retinue.Realm `json:"m"`
}

// The sorts of target that are no class of data.
const (
	ReachedAdministrator = "administrator"
	ReachedProduction    = "production"
)

// Admission is whom a trust admits.
type Admission struct {
	Kind retinue.TrusteeKind `json:"k"`
	// Name is the trustee; Subject and Audience are what is asked of a token,
	// and empty where nothing is.
	Name     string `json:"n"`
	Subject  string `json:"s,omitempty"`
	Audience string `json:"a,omitempty"`
	// Conditions are the keys that limit it, sorted.
	Conditions []string `json:"c,omitempty"`
}

// IsZero reports whether it is that of an identity without access.
func (s Standing) IsZero() bool { return !s.Administrator && len(s.Reaches) == 0 && len(s.Admits) == 0 }

// Covers reports whether an admission admits all that another one does, as far
// as their keys tell.
func (a Admission) Covers(o Admission) bool {
	if a.Kind == retinue.TrusteeAnyone && len(a.Conditions) == 0 {
		return true
	}
	if a.Kind != o.Kind || a.Name != o.Name || a.Audience != "" && a.Audience != o.Audience {
		return false
	}
	if a.Subject != "" && a.Subject != o.Subject && !glob.Match(a.Subject, o.Subject) {
		return false
	}
	return !slices.ContainsFunc(a.Conditions, func(c string) bool { return !slices.Contains(o.Conditions, c) })
}

// Standings returns the standings of the identities of the inventory that have
// any access. It makes one search for each system that has administrators,
// production or classed data.
func (e *Estate) Standings() map[retinue.Ref]Standing {
	g := e.Graph()
	targets := make(map[Reached][]graph.NodeID)
	out := make(map[retinue.Ref]Standing)
	for i := range g.Len() {
		id := graph.NodeID(i)
		n := g.Node(id)
		if n.Admin && n.Kind == graph.Identity {
			if e.joins.things[n.Ref].identity {
				s := out[n.Ref]
				s.Administrator = true
				out[n.Ref] = s
			}
		}
		if n.Admin {
			targets[Reached{ReachedAdministrator, n.Ref.Realm}] = append(targets[Reached{ReachedAdministrator, n.Ref.Realm}], id)
		}
		if n.Kind == graph.Set {
			continue
		}
		if n.Environment == retinue.EnvironmentProduction {
			at := Reached{ReachedProduction, n.Ref.Realm}
			targets[at] = append(targets[at], id)
		}
		if n.DataClass != "" {
			at := Reached{n.DataClass, n.Ref.Realm}
			targets[at] = append(targets[at], id)
		}
	}
	e.reaches(out, targets)
	for _, t := range e.joins.trusts {
		if claimed(t) || !e.joins.things[t.Subject].identity {
			continue
		}
		s := out[t.Subject]
		if a := admissionOf(t); !slices.ContainsFunc(s.Admits, func(o Admission) bool { return compareAdmissions(a, o) == 0 }) {
			s.Admits = append(s.Admits, a)
			out[t.Subject] = s
		}
	}
	for ref, s := range out {
		slices.SortFunc(s.Reaches, func(a, b Reached) int { return strings.Compare(a.Sort+" "+string(a.Realm), b.Sort+" "+string(b.Realm)) })
		slices.SortFunc(s.Admits, compareAdmissions)
		out[ref] = s
	}
	return out
}

// reaches adds to standings what is come to for certain, the targets themselves
// left out.
func (e *Estate) reaches(out map[retinue.Ref]Standing, targets map[Reached][]graph.NodeID) {
	g := e.Graph()
	var back *graph.Backward
	for at, nodes := range targets {
		if back == nil {
			back = g.Backward(graph.Options{Certain: true}, nodes...)
		} else {
			back.Again(graph.Options{Certain: true}, nodes...)
		}
		for _, id := range back.Nodes() {
			if g.Kind(id) != graph.Identity || back.Hops(id) == 0 {
				continue
			}
			ref := g.Node(id).Ref
			if !e.joins.things[ref].identity {
				continue
			}
			s := out[ref]
			s.Reaches = append(s.Reaches, at)
			out[ref] = s
		}
	}
}

func admissionOf(t retinue.Trust) Admission {
	a := Admission{Kind: t.Kind, Name: t.Name}
	if !t.Trustee.IsZero() {
		a.Name = t.Trustee.String()
	}
	if t.Federation != nil {
		a.Name, a.Subject, a.Audience = t.Federation.Issuer, t.Federation.Subject, t.Federation.Audience
	}
	a.Conditions = slices.Compact(slices.Sorted(slices.Values(t.Conditions)))
	return a
}

func compareAdmissions(a, b Admission) int {
	key := func(x Admission) string {
		return strings.Join(append([]string{string(x.Kind), x.Name, x.Subject, x.Audience}, x.Conditions...), "\x00")
	}
	return strings.Compare(key(a), key(b))
}
