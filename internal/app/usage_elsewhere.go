package app

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// seeElsewhere takes away the blind spots that the logs of other systems make good.
// Which systems there are is known where the list of every organisation's was read to
// its end: all that the inventory has of the kind must then be covered.
func seeElsewhere(tx *sqlstore.Tx, coverage map[retinue.Realm][]retinue.Coverage) error {
	needed := false
	for _, list := range coverage {
		for _, c := range list {
			needed = needed || slices.ContainsFunc(c.BlindSpots, func(b retinue.BlindSpot) bool { return b.Elsewhere != "" })
		}
	}
	if !needed {
		return nil
	}
	var organisations []retinue.Realm
	systems, listed := map[string][]retinue.Realm{}, map[string]bool{}
	for _, kind := range []retinue.ContainerKind{retinue.ContainerOrganization, retinue.ContainerFolder, retinue.ContainerProject} {
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactContainer, Kind: string(kind)}) {
			if err != nil {
				return err
			}
			systems[e.Realm.Kind()] = append(systems[e.Realm.Kind()], e.Realm)
			if kind == retinue.ContainerOrganization {
				organisations = append(organisations, e.Realm)
			}
		}
	}
	for _, o := range organisations {
		whole, err := systemsListed(tx, o)
		if err != nil {
			return err
		}
		before, known := listed[o.Kind()]
		listed[o.Kind()] = whole && (before || !known)
	}
	verdict.SeeElsewhere(coverage, func(kind string) []retinue.Realm {
		if !listed[kind] {
			return nil
		}
		return systems[kind]
	})
	return nil
}

// systemsListed reports whether it is known of an organisation which systems are in it.
func systemsListed(tx *sqlstore.Tx, organisation retinue.Realm) (bool, error) {
	list, err := tx.Scope(retinue.NewScope(organisation, retinue.SystemsListed))
	return slices.ContainsFunc(list, func(s store.ScopeStatus) bool { return s.State == store.ScopeComplete }), err
}
