package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// FactsInRealm yields the facts of a type that are in force in the scopes of a
// realm: the most authoritative first, then the newest, so that of several with
// one Ref the first counts.
func (tx *Tx) FactsInRealm(t retinue.FactType, realm retinue.Realm) iter.Seq2[store.Fact, error] {
	return func(yield func(store.Fact, error) bool) {
		l, err := tx.lens()
		if err != nil {
			yield(store.Fact{}, err)
			return
		}
		err = tx.query(func(rows *sql.Rows) error {
			f, err := scanFact(rows)
			if err != nil {
				return err
			}
			if !yield(f, nil) {
				return errStopped
			}
			return nil
		}, factColumns+` FROM facts f`+factJoins+` WHERE f.type = $1 AND f.rev_to IS NULL AND m.realm = $2`+and(l.seesFact())+`
			ORDER BY s.authority DESC, f.obs_from DESC, f.id`, store.TypeIndex(t), string(realm))
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.Fact{}, fmt.Errorf("list facts of %s: %w", realm, err))
		}
	}
}
