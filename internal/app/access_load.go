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

// loadPaths reads what decides who can come to act as whom in AWS, which may be
// ten million attachments: documents once, and of each fact what is needed.
func loadPaths(ctx context.Context, tx *sqlstore.Tx) (p Paths, err error) {
	scopes, err := tx.Scopes()
	if err != nil {
		return p, err
	}
	var read []string
	some := false
	for _, s := range scopes {
		if s.Scope.Realm.Kind() != "aws" {
			continue
		}
		some = true
		if s.State == store.ScopeComplete {
			if !slices.Contains(read, s.Scope.Path) {
				read = append(read, s.Scope.Path)
			}
		} else {
			p.Partial = append(p.Partial, fmt.Sprintf("%s is %s", s.Scope, s.State))
		}
	}
	if !some {
		return p, fmt.Errorf("%w: the inventory holds no AWS account: scan one, or give --state", retinue.ErrNotFound)
	}
	var c escalate.Collector
	if err := tx.Documents(retinue.LanguageAWSIAM, func(hash, text []byte) error {
		c.Document(hash, text)
		return ctx.Err()
	}); err != nil {
		return p, err
	}
	if err := tx.Stated("aws", escalate.Facts(), func(f *sqlstore.Stated) error {
		return c.Stated(f.Type, f.Authority, f.Since, f.Body, f.Document)
	}); err != nil {
		return p, err
	}
	p.State = c.State(read)
	return p, ctx.Err()
}
