package cli

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// estate answers what commands ask about the inventory: the database of this
// machine, or a server.
type estate interface {
	entities(ctx context.Context, q store.EntityQuery, fn func(iter.Seq2[store.Entity, error]) error) error
	// grants passes on what is granted to those that q selects, or to the one
	// that word names.
	grants(ctx context.Context, q store.EntityQuery, word string, fn func(iter.Seq2[inventory.Grant, error]) error) error
	show(ctx context.Context, t retinue.FactType, word string, history bool, when store.AsOf) (*shown, error)
	findings(ctx context.Context, q store.FindingQuery, fn func(iter.Seq2[retinue.Finding, error]) error) error
	finding(ctx context.Context, id retinue.FindingID) (retinue.Finding, error)
	decide(ctx context.Context, d app.Decision) (int, error)
	// register changes the registration of what word names, and returns its
	// name.
	register(ctx context.Context, word string, r app.RegistrationChange) (string, error)
}

// ledger is the audit log, here or of a server.
type ledger interface {
	records(ctx context.Context, from int64, fn func(iter.Seq2[retinue.Record, error]) error) error
	verify(ctx context.Context) (text string, ok bool, err error)
	changes(ctx context.Context, from, to time.Time) ([]store.Change, error)
}

// ask runs fn on what the command line names: a server, or the database of
// this machine.
func (e *env) ask(ctx context.Context, fn func(estate) error) error {
	if e.remote() {
		r, err := e.dial()
		if err != nil {
			return err
		}
		return fn(r)
	}
	return e.with(ctx, func(a *app.App) error { return fn(local{a}) })
}

// askLedger is ask for the audit log.
func (e *env) askLedger(ctx context.Context, fn func(ledger) error) error {
	if e.remote() {
		r, err := e.dial()
		if err != nil {
			return err
		}
		return fn(r)
	}
	return e.with(ctx, func(a *app.App) error { return fn(local{a}) })
}

// local is the database of this machine. Whoever can read the file sees all of
// it.
type local struct{ *app.App }

func (l local) view(ctx context.Context, fn func(*app.Snapshot) error) error {
	return l.View(ctx, store.Everything(), fn)
}

func (l local) entities(ctx context.Context, q store.EntityQuery, fn func(iter.Seq2[store.Entity, error]) error) error {
	return l.view(ctx, func(tx *app.Snapshot) error { return fn(tx.Entities(q)) })
}

func (l local) grants(ctx context.Context, q store.EntityQuery, word string, fn func(iter.Seq2[inventory.Grant, error]) error) error {
	return l.view(ctx, func(tx *app.Snapshot) error {
		if word != "" {
			x, err := find(tx, retinue.FactIdentity, word)
			if err != nil {
				return err
			}
			q = store.EntityQuery{Type: retinue.FactIdentity, ID: x.ID, Gone: true, AsOf: q.AsOf}
		}
		things, err := thingsAt(tx, q.AsOf)
		if err != nil {
			return err
		}
		return fn(things.Grants(tx, q))
	})
}

func (l local) show(ctx context.Context, t retinue.FactType, word string, history bool, when store.AsOf) (s *shown, err error) {
	err = l.view(ctx, func(tx *app.Snapshot) error {
		s, err = show(tx, t, word, history, when)
		return err
	})
	return s, err
}

func (l local) findings(ctx context.Context, q store.FindingQuery, fn func(iter.Seq2[retinue.Finding, error]) error) error {
	return l.view(ctx, func(tx *app.Snapshot) error { return fn(tx.Findings(q)) })
}

func (l local) finding(ctx context.Context, id retinue.FindingID) (retinue.Finding, error) {
	return l.Finding(ctx, id)
}

func (l local) decide(ctx context.Context, d app.Decision) (int, error) {
	return l.Decide(ctx, app.Actor(), d)
}

func (l local) register(ctx context.Context, word string, r app.RegistrationChange) (string, error) {
	var x store.Entity
	err := l.view(ctx, func(tx *app.Snapshot) (err error) {
		x, err = find(tx, retinue.FactIdentity, word)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := l.Register(ctx, app.Actor(), x, r); err != nil {
		return "", err
	}
	_, err = l.Settle(ctx)
	return x.Name, err
}

func (l local) records(ctx context.Context, from int64, fn func(iter.Seq2[retinue.Record, error]) error) error {
	return l.Records(ctx, from, func(rows func(func(retinue.Record, error) bool)) error { return fn(rows) })
}

func (l local) verify(ctx context.Context) (string, bool, error) { return l.VerifyAudit(ctx, "", "") }

func (l local) changes(ctx context.Context, from, to time.Time) (out []store.Change, err error) {
	err = l.view(ctx, func(tx *app.Snapshot) error {
		out, err = tx.Changes(from, to)
		return err
	})
	return out, err
}

// errLocal says that a command cannot be given to a server.
var errLocal = usageError{errors.New("this command works on the database itself: run it where that is, without --server")}
