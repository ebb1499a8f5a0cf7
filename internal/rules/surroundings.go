package rules

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// environments returns the environments of the places where a credential lies
// or of the runners of an identity, as far as the label rules know them by
// container and path. One place alone tells nothing about isolation and is not
// asked about.
func (s *Set) environments(sub *Subject) []string {
	found := map[string]bool{}
	add := func(e retinue.Environment) {
		if e != "" {
			found[string(e)] = true
		}
	}
	switch sub.Kind {
	case OverCredential:
		if len(sub.Placements) > 1 {
			s.placeEnvironments(sub, add)
		}
	case OverIdentity, OverPipeline:
		for i := range sub.Runners {
			r := &sub.Runners[i]
			if r.Environment != "" || len(sub.Runners) == 1 {
				add(r.Environment)
				continue
			}
			add(s.environmentAt(sub, r.Ref, r.Name, r.Container, nil))
		}
	}
	return sortedKeys(found)
}

func (s *Set) placeEnvironments(sub *Subject, add func(retinue.Environment)) {
	type spot struct {
		container retinue.Ref
		path      string
	}
	asked := map[spot]bool{}
	for i := range sub.Placements {
		p := &sub.Placements[i]
		k := spot{p.Place.Container, p.Place.Path}
		if asked[k] || len(asked) == MaxAttached {
			continue
		}
		asked[k] = true
		add(s.environmentAt(sub, sub.Ref, p.Place.Path, p.Place.Container, sub.Placements[i:i+1]))
	}
}

// environmentAt asks the label rules about one place.
func (s *Set) environmentAt(sub *Subject, ref retinue.Ref, name string, container retinue.Ref, at []retinue.Placement) retinue.Environment {
	place := &Subject{Kind: OverCredential, Ref: ref, Name: name, Now: sub.Now, Placements: at}
	if at == nil {
		place.Kind = OverResource
	}
	if !container.IsZero() {
		c := retinue.Container{Ref: container, Name: container.Key[strings.LastIndexByte(container.Key, '/')+1:],
			Kind: retinue.ContainerKind(container.Kind)}
		for i := range sub.Containers { // what is attached says more than a ref
			if sub.Containers[i].Ref == container {
				c = sub.Containers[i]
			}
		}
		place.Containers = []retinue.Container{c}
	}
	l, _ := s.Label(place) // a rule that fails is reported for the subject itself
	return l.Environment
}
