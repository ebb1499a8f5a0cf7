package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// estates keeps the estate of the inventory as it stands, until that changes:
// one, however many ask. Its room is that of one inventory's access.
type estates struct {
	// turn is held by the one who looks or builds, so that an estate is built
	// once while others wait.
	turn  chan struct{}
	stamp estateStamp
	kept  *estate.Estate
}

// estateStamp tells inventories apart: facts by their revision, labels by what
// judged them last, and the reference data by its day.
type estateStamp struct {
	revision  int64
	judged    string
	pack      string
	reference string
}

func newEstates() *estates { return &estates{turn: make(chan struct{}, 1)} }

// Estate returns what answers questions of access about the whole inventory,
// now or as of a date. What a reader may see of an answer is decided where it
// is shown.
func (a *App) Estate(ctx context.Context, at store.AsOf) (e *estate.Estate, err error) {
	if !at.IsZero() {
		err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
			e, err = loadEstate(ctx, tx, at)
			return err
		})
		return e, err
	}
	select {
	case a.estates.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-a.estates.turn }()
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		stamp, err := a.estateStamp(tx)
		if err != nil {
			return err
		}
		if a.estates.kept != nil && a.estates.stamp == stamp {
			e = a.estates.kept
			return nil
		}
		a.estates.kept = nil // so that two are not held at once
		if e, err = loadEstate(ctx, tx, at); err != nil {
			return err
		}
		a.estates.kept, a.estates.stamp = e, stamp
		return nil
	})
	return e, err
}

func (a *App) estateStamp(tx *sqlstore.Tx) (s estateStamp, err error) {
	if s.revision, err = tx.MaxRevision(); err != nil {
		return s, err
	}
	s.pack = a.packID
	if s.judged, err = tx.Meta(metaJudged); err != nil {
		return s, err
	}
	s.reference, err = tx.Meta(metaReference)
	return s, err
}

// loadEstate reads all facts that play a part in access.
func loadEstate(ctx context.Context, tx *sqlstore.Tx, at store.AsOf) (*estate.Estate, error) {
	data, _, err := awsReferenceOf(tx)
	if err != nil {
		return nil, err
	}
	c := estate.Collector{AWS: data}
	scopes, err := tx.Scopes()
	if err != nil {
		return nil, err
	}
	var realms []retinue.Realm
	for _, s := range scopes {
		if !slices.Contains(realms, s.Scope.Realm) {
			realms = append(realms, s.Scope.Realm)
		}
		c.Scope(s.Scope, gapOf(s))
	}
	add := func(stored store.Fact) error {
		f, err := retinue.DecodeFact(stored.Type, stored.Body)
		if err != nil {
			return fmt.Errorf("read inventory: %w", err)
		}
		if stored.Type == retinue.FactCredential && stored.EntityKey != 0 {
			c.Same(stored.EntityKey, stored.Ref)
		}
		return errors.Join(c.Add(stored.Scope.Realm, f), ctx.Err())
	}
	if at.IsZero() {
		err = factsNow(tx, realms, add)
	} else {
		err = factsThen(tx, at, add)
	}
	if err != nil {
		return nil, err
	}
	if err := labelsInto(tx, &c, at); err != nil {
		return nil, err
	}
	return c.Estate()
}

// gapOf says why not all of a scope was read, or nothing.
func gapOf(s store.ScopeStatus) string {
	if s.State == store.ScopeComplete {
		return ""
	}
	text := fmt.Sprintf("%s is %s", s.Scope, s.State)
	if len(s.Problems) > 0 {
		text += ": " + s.Problems[0]
	}
	return text
}

// managedByAWS is the realm of the policies that AWS manages for all accounts.
// No scope may be of it.
const managedByAWS = retinue.Realm("aws:aws")

func factsNow(tx *sqlstore.Tx, realms []retinue.Realm, add func(store.Fact) error) error {
	if !slices.Contains(realms, managedByAWS) {
		realms = append(realms, managedByAWS)
	}
	for _, realm := range realms {
		for _, t := range estate.Facts() {
			for f, err := range tx.FactsInRealm(t, realm) {
				if err == nil {
					err = add(f)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// factsThen yields the facts that held at a date, in the order of factsNow.
func factsThen(tx *sqlstore.Tx, at store.AsOf, add func(store.Fact) error) error {
	byRealm := map[retinue.Realm][]store.Fact{}
	for _, t := range estate.Facts() {
		for f, err := range tx.FactsOfType(t, at) {
			if err != nil {
				return err
			}
			byRealm[f.Scope.Realm] = append(byRealm[f.Scope.Realm], f)
		}
	}
	realms := make([]retinue.Realm, 0, len(byRealm))
	for r := range byRealm {
		realms = append(realms, r)
	}
	slices.Sort(realms)
	order := estate.Facts()
	for _, r := range realms {
		slices.SortStableFunc(byRealm[r], func(x, y store.Fact) int {
			return cmp.Or(cmp.Compare(slices.Index(order, x.Type), slices.Index(order, y.Type)), cmp.Compare(y.Authority, x.Authority),
				y.ObservedFrom.Compare(x.ObservedFrom))
		})
		for _, f := range byRealm[r] {
			if err := add(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// labelsInto tells the labels of things, which rules and registrations give
// where a source does not.
func labelsInto(tx *sqlstore.Tx, c *estate.Collector, at store.AsOf) error {
	for _, t := range []retinue.FactType{retinue.FactIdentity, retinue.FactResource} {
		for e, err := range tx.Entities(store.EntityQuery{Type: t, AsOf: at}) {
			if err != nil {
				return err
			}
			if e.Environment != "" || e.DataClass != "" {
				c.Label(e.Ref(), e.Environment, e.DataClass)
			}
		}
	}
	return nil
}

// StateExport is an export that answers rest on, in place of the inventory.
type StateExport struct {
	// Kind is the connector that reads it, Path where it lies.
	Kind, Path string
}

// throwaway makes an inventory of its own out of exports, which their
// connectors read, and deletes it when fn returns. The realms are those of the
// exports, in their order.
func throwaway(ctx context.Context, exports []StateExport, opt ScanOptions, fn func(a *App, realms []retinue.Realm) error) (err error) {
	defer func() {
		if cause := ctx.Err(); cause != nil {
			err = fmt.Errorf("read state: %w", cause)
		}
	}()
	// In the temporary folder of the system, readable by its owner only.
	dir, err := os.MkdirTemp("", "retinue-state-")
	if err != nil {
		return fmt.Errorf("%w: make inventory: %v", retinue.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := sqlstore.Open(ctx, filepath.Join(dir, "state.db"), sqlstore.Options{Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a := &App{Specs: Specs(), DB: db, now: time.Now, log: discard(), estates: newEstates()}
	var realms []retinue.Realm
	for i, x := range exports {
		realm, err := a.readState(ctx, fmt.Sprintf("state %d", i+1), x, opt)
		if err != nil {
			return err
		}
		realms = append(realms, realm)
	}
	return fn(a, realms)
}

// readState scans an export into the inventory and says which system it is of.
func (a *App) readState(ctx context.Context, name string, x StateExport, opt ScanOptions) (retinue.Realm, error) {
	opt = opt.withDefaults()
	s := SourceConfig{Name: name, Kind: x.Kind, Target: x.Path}
	conn, err := a.connect(ctx, s, opt)
	if err != nil {
		return "", fmt.Errorf("read state: %w", err)
	}
	defer func() { _ = conn.Close() }()
	run, err := ingest.Run(ctx, a.DB, s.Kind, s.Name, s.target(), conn, a.ingestOptions(s, opt))
	switch {
	case err != nil:
		return "", err
	case run.Error != "":
		return "", fmt.Errorf("%w: read state: %s", retinue.ErrInvalid, run.Error)
	}
	return run.Access.Realm, ctx.Err()
}
