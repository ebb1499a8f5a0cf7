package app

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// seeElsewhere takes away the blind spots that the logs of other systems make good.
// Which systems there are is known where an organisation lists them: all that the
// inventory has of the kind must then be covered.
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
	systems, listed := map[string][]retinue.Realm{}, map[string]bool{}
	for _, kind := range []retinue.ContainerKind{retinue.ContainerOrganization, retinue.ContainerFolder, retinue.ContainerProject} {
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactContainer, Kind: string(kind)}) {
			if err != nil {
				return err
			}
			systems[e.Realm.Kind()] = append(systems[e.Realm.Kind()], e.Realm)
			listed[e.Realm.Kind()] = listed[e.Realm.Kind()] || kind == retinue.ContainerOrganization
		}
	}
	verdict.SeeElsewhere(coverage, func(kind string) []retinue.Realm {
		if !listed[kind] {
			return nil
		}
		return systems[kind]
	})
	return nil
}
