package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Paths answers which AWS identities can come to more than they were given.
type Paths struct {
	*escalate.State
	// Partial names the scopes that were not read whole: what they hold may open
	// further paths.
	Partial []string
}

// AccessPathsState answers from an export: the connector reads it into an
// inventory of its own, which is deleted before this returns.
func AccessPathsState(ctx context.Context, path string, opt ScanOptions) (p Paths, err error) {
	err = throwaway(ctx, []StateExport{{"aws", path}}, opt, func(a *App, _ []retinue.Realm) error {
		p, err = a.AccessPaths(ctx)
		return err
	})
	return p, err
}

// AccessPaths answers from what the inventory holds of all AWS accounts, since
// paths cross them.
func (a *App) AccessPaths(ctx context.Context) (Paths, error) {
	var p Paths
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		scopes, err := tx.Scopes()
		if err != nil {
			return err
		}
		var realms []retinue.Realm
		var read []string
		for _, s := range scopes {
			if s.Scope.Realm.Kind() != "aws" {
				continue
			}
			if !slices.Contains(realms, s.Scope.Realm) {
				realms = append(realms, s.Scope.Realm)
			}
			if s.State == store.ScopeComplete {
				read = append(read, s.Scope.Path)
			} else {
				p.Partial = append(p.Partial, fmt.Sprintf("%s is %s", s.Scope, s.State))
			}
		}
		if len(realms) == 0 {
			return fmt.Errorf("%w: the inventory holds no AWS account: scan one, or give --state", retinue.ErrNotFound)
		}
		if !slices.Contains(realms, managedByAWS) {
			realms = append(realms, managedByAWS)
		}
		var c escalate.Collector
		for _, realm := range realms {
			if err := factsOf(ctx, tx, escalate.Facts(), realm, c.Add); err != nil {
				return err
			}
		}
		p.State = c.State(read)
		return nil
	})
	return p, err
}
