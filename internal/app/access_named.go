package app

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// hiddenThing stands for what a reader may not see.
func hiddenThing() AccessThing {
	return AccessThing{Kind: "hidden", Key: "something you may not see", Hidden: true}
}

// reader shows the things of an estate to one reader.
type reader struct {
	tx     *sqlstore.Tx
	all    bool
	estate *estate.Estate
	shown  map[retinue.Ref]AccessThing
}

func newReader(tx *sqlstore.Tx, scope store.RowScope, e *estate.Estate) *reader {
	return &reader{tx: tx, all: scope.All, estate: e, shown: make(map[retinue.Ref]AccessThing)}
}

// ref shows what a ref names.
func (r *reader) ref(ref retinue.Ref) (AccessThing, error) {
	if t, ok := r.shown[ref]; ok {
		return t, nil
	}
	t, err := r.look(ref)
	if err != nil {
		return t, err
	}
	if !r.all && t.ID == "" {
		t = hiddenThing()
	}
	r.shown[ref] = t
	return t, nil
}

func (r *reader) look(ref retinue.Ref) (AccessThing, error) {
	t := AccessThing{Kind: ref.Kind, Key: ref.Key, Realm: ref.Realm, Ref: ref}
	key, err := r.tx.Resolve(ref)
	if err != nil || key == 0 {
		return t, err
	}
	fact, facts, err := r.tx.Merged(key)
	if errors.Is(err, retinue.ErrNotFound) || err == nil && len(facts) == 0 {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	visible, err := r.tx.Visible(facts[0].Entity)
	if err != nil || !visible {
		return t, err
	}
	t.ID, t.Name = facts[0].Entity, factName(fact)
	return t, nil
}

// node shows a node of the graph. Everybody is known to all; who is outside of
// the inventory is shown to those who see all of it.
func (r *reader) node(g *graph.Graph, id graph.NodeID) (AccessThing, error) {
	n := g.Node(id)
	if n.Kind == graph.Anyone {
		return AccessThing{Kind: "anyone", Key: "anyone", Ref: n.Ref}, nil
	}
	t, err := r.ref(n.Ref)
	if err != nil || t.Hidden {
		return t, err
	}
	t.Name = cmp.Or(t.Name, n.Name)
	t.Administrator, t.Environment, t.DataClass = n.Admin, n.Environment, n.DataClass
	return t, nil
}

// namedTypes are the types of thing that a question may be about.
func namedTypes() []retinue.FactType {
	return []retinue.FactType{retinue.FactIdentity, retinue.FactCredential, retinue.FactResource, retinue.FactGroup, retinue.FactContainer}
}

// find finds what a word names: a public id, a vendor's key, or a name that
// only one thing has. A word that names several things is refused with the
// candidates.
func (r *reader) find(word string, realm retinue.Realm, types ...retinue.FactType) (AccessThing, error) {
	if len(types) == 0 {
		types = namedTypes()
	}
	for _, look := range []func(string, retinue.Realm, []retinue.FactType) ([]retinue.Ref, error){r.byID, r.byKey, r.byNode, r.byName} {
		refs, err := look(word, realm, types)
		if err != nil {
			return AccessThing{}, err
		}
		slices.SortFunc(refs, retinue.Ref.Compare)
		refs = slices.Compact(refs)
		switch {
		case len(refs) == 1:
			return r.ref(refs[0])
		case len(refs) > 1:
			return AccessThing{}, r.several(word, refs)
		}
	}
	return AccessThing{}, fmt.Errorf("%w: %.200q: the inventory names nothing so", retinue.ErrNotFound, retinue.CleanName(word))
}

func (r *reader) several(word string, refs []retinue.Ref) error {
	const most = 10
	var list []string
	for _, ref := range refs[:min(len(refs), most)] {
		t, err := r.ref(ref)
		if err != nil {
			return err
		}
		list = append(list, strings.TrimSpace(string(t.ID)+" "+ref.String()))
	}
	if len(refs) > most {
		list = append(list, fmt.Sprintf("and %d more", len(refs)-most))
	}
	return fmt.Errorf("%w: %.200q names several things: give an id, a key with its realm, or --realm: %s", retinue.ErrInvalid, retinue.CleanName(word), strings.Join(list, "; "))
}

func (r *reader) byID(word string, _ retinue.Realm, types []retinue.FactType) ([]retinue.Ref, error) {
	for _, t := range types {
		prefix, _ := retinue.EntityPrefix(t)
		if retinue.CheckID(prefix, word) == nil {
			return r.entities(store.EntityQuery{Type: t, ID: retinue.EntityID(word)}, nil)
		}
	}
	return nil, nil
}

func (r *reader) byKey(word string, realm retinue.Realm, types []retinue.FactType) (out []retinue.Ref, err error) {
	for _, t := range types {
		refs, err := r.entities(store.EntityQuery{Type: t, Key: word, Realm: realm}, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, refs...)
	}
	return out, nil
}

func (r *reader) byName(word string, realm retinue.Realm, types []retinue.FactType) (out []retinue.Ref, err error) {
	for _, t := range types {
		refs, err := r.entities(store.EntityQuery{Type: t, Text: word, Realm: realm}, func(e store.Entity) bool { return e.Name == word })
		if err != nil {
			return nil, err
		}
		out = append(out, refs...)
	}
	return out, nil
}

// byNode looks among the things of the graph by their keys, also with realm and
// kind before it, for those that are no entities of the inventory: places, and
// principals of elsewhere.
func (r *reader) byNode(word string, realm retinue.Realm, types []retinue.FactType) (out []retinue.Ref, err error) {
	if !r.all || !slices.Contains(types, retinue.FactContainer) {
		return nil, nil
	}
	g := r.estate.Graph()
	for i := range g.Len() {
		n := g.Node(graph.NodeID(i))
		if n.Kind != graph.Set && (n.Ref.Key == word || n.Ref.String() == word) && (realm == "" || realm == n.Ref.Realm) {
			out = append(out, n.Ref)
		}
	}
	return out, nil
}

func (r *reader) entities(q store.EntityQuery, keep func(store.Entity) bool) (out []retinue.Ref, err error) {
	for e, err := range r.tx.Entities(q) {
		if err != nil {
			return nil, err
		}
		if keep == nil || keep(e) {
			out = append(out, r.estate.Same(e.Ref()))
		}
	}
	return out, nil
}
