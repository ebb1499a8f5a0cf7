package sqlstore

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// use appends an observation of use. The same observation again (subject,
// meaning, time and the rest alike) adds nothing.
func (a *applier) use(row store.FactRow) error {
	f, err := retinue.DecodeFact(row.Type, row.Body)
	if err != nil {
		return err
	}
	u, ok := f.(retinue.Use)
	if !ok {
		return fmt.Errorf("%w: a fact of type use holds %T", retinue.ErrInvalid, f)
	}
	h := store.HashRef(u.Subject)
	known, err := a.tx.lookupRefs([]store.Hash{h})
	if err != nil {
		return err
	}
	if _, ok := known[h]; !ok {
		// The subject may be among the refs that wait to be written.
		if err := a.flushPending(); err != nil {
			return err
		}
		if err := a.w.flush(); err != nil {
			return err
		}
		if known, err = a.tx.lookupRefs([]store.Hash{h}); err != nil {
			return err
		}
	}
	subject, err := a.ref(u.Subject, h, known)
	if err != nil {
		return err
	}
	if err := a.w.refs.flush(); err != nil {
		return err
	}
	id, err := a.w.useKeys.take()
	if err != nil {
		return err
	}
	key := append(row.RefHash[:len(row.RefHash):len(row.RefHash)], row.Content[:]...)
	res, err := a.tx.execResult(`INSERT INTO uses (id, hash, subject_id, scope_id, meaning, at, observed_at, rev, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`, id, key, subject.id, a.scope.id, u.Meaning,
		micros(u.At), a.obs, a.rev, string(row.Body))
	if err != nil {
		return fmt.Errorf("write use: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		a.counts.Uses++
		if subject.entity != 0 {
			a.bumped[subject.entity] = struct{}{}
			if !u.At.IsZero() {
				return a.tx.used(subject.entity, u.At.UnixMicro())
			}
		}
	}
	return nil
}
