package estate

import "github.com/retinue-id/retinue"

// same says which refs name one thing. The zero same is ready.
type same struct {
	at     map[retinue.Ref]int
	refs   []retinue.Ref
	parent []int
	keys   map[string]int
}

// join says that a ref names the thing of a key, such as a provider's id of a
// key or the store's key of an entity.
func (s *same) join(key string, ref retinue.Ref) {
	if s.at == nil {
		s.at, s.keys = make(map[retinue.Ref]int), make(map[string]int)
	}
	i, ok := s.at[ref]
	if !ok {
		i = len(s.refs)
		s.at[ref] = i
		s.refs, s.parent = append(s.refs, ref), append(s.parent, i)
	}
	first, ok := s.keys[key]
	if !ok {
		s.keys[key] = i
		return
	}
	// The first that was named stands for all.
	a, b := s.root(first), s.root(i)
	s.parent[max(a, b)] = min(a, b)
}

func (s *same) root(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

// close makes of returns and names safe for several goroutines, by leaving
// nothing to be shortened, and returns the names of things that have several.
func (s *same) close() (of func(retinue.Ref) retinue.Ref, names map[retinue.Ref][]retinue.Ref) {
	stands := make(map[retinue.Ref]retinue.Ref)
	names = make(map[retinue.Ref][]retinue.Ref)
	for i, ref := range s.refs {
		if r := s.root(i); r != i {
			stands[ref] = s.refs[r]
			if names[s.refs[r]] == nil {
				names[s.refs[r]] = []retinue.Ref{s.refs[r]}
			}
			names[s.refs[r]] = append(names[s.refs[r]], ref)
		}
	}
	s.at, s.refs, s.parent, s.keys = nil, nil, nil, nil
	return func(ref retinue.Ref) retinue.Ref {
		if r, ok := stands[ref]; ok {
			return r
		}
		return ref
	}, names
}
