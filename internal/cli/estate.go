package cli

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/evidence/report"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// estate answers what commands ask about the inventory: the database of this
// machine, or a server.
type estate interface {
	stewardship
	witness
	alarm
	// things and grants yield every page of a list, findings too.
	things(ctx context.Context, q store.ListQuery) iter.Seq2[store.ListRow, error]
	grants(ctx context.Context, q store.ListQuery) iter.Seq2[inventory.Grant, error]
	findings(ctx context.Context, q store.FindingList) iter.Seq2[store.FindingRow, error]
	whole(ctx context.Context, t retinue.FactType, id retinue.EntityID, at store.AsOf, history bool) (app.Whole, error)
	finding(ctx context.Context, id retinue.FindingID) (retinue.Finding, error)
	decide(ctx context.Context, d app.Decision) (int, error)
	register(ctx context.Context, x store.Entity, r app.RegistrationChange) error
}

// ledger is the audit log, here or of a server.
type ledger interface {
	records(ctx context.Context, from int64, fn func(iter.Seq2[retinue.Record, error]) error) error
	verify(ctx context.Context) (text string, ok bool, err error)
	changes(ctx context.Context, from, to time.Time) ([]store.Change, error)
	// scopes lists how every scope of every source stands.
	scopes(ctx context.Context) ([]store.ScopeStatus, error)
	// rules lists the rules in force.
	rules(ctx context.Context) ([]app.RuleText, error)
	export(ctx context.Context, path string, o app.ExportOptions) (export.Manifest, error)
	report(ctx context.Context, o reportOptions) error
	archive(ctx context.Context, path string) (int64, error)
}

// ask runs fn on what the command line names: a server, or the database of
// this machine.
func (e *env) ask(ctx context.Context, fn func(estate) error) error {
	return e.at(ctx, func(r *remote) error { return fn(r) }, func(l local) error { return fn(l) })
}

// askLedger is ask for the audit log.
func (e *env) askLedger(ctx context.Context, fn func(ledger) error) error {
	return e.at(ctx, func(r *remote) error { return fn(r) }, func(l local) error { return fn(l) })
}

// at runs there on the server that the command line names, or here on the
// database of this machine.
func (e *env) at(ctx context.Context, there func(*remote) error, here func(local) error) error {
	if e.remote() {
		r, err := e.dial()
		if err != nil {
			return err
		}
		return there(r)
	}
	return e.with(ctx, func(a *app.App) error { return here(local{a}) })
}

// local is the database of this machine. Whoever can read the file sees all of
// it.
type local struct{ *app.App }

// pagesOf reads every page of a list, each in a transaction of its own, as
// requests to a server do.
func pagesOf[T any](read func(cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			items, next, err := read(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, x := range items {
				if !yield(x, nil) {
					return
				}
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	}
}

func (l local) things(ctx context.Context, q store.ListQuery) iter.Seq2[store.ListRow, error] {
	return pagesOf(func(cursor string) ([]store.ListRow, string, error) {
		q.Cursor = cursor
		p, err := l.ListThings(ctx, store.Everything(), q)
		return p.Items, p.Next, err
	})
}

func (l local) grants(ctx context.Context, q store.ListQuery) iter.Seq2[inventory.Grant, error] {
	return pagesOf(func(cursor string) ([]inventory.Grant, string, error) {
		q.Cursor = cursor
		p, err := l.ListGrants(ctx, store.Everything(), q)
		return p.Items, p.Next, err
	})
}

func (l local) findings(ctx context.Context, q store.FindingList) iter.Seq2[store.FindingRow, error] {
	return pagesOf(func(cursor string) ([]store.FindingRow, string, error) {
		q.Cursor = cursor
		p, err := l.ListFindings(ctx, store.Everything(), q)
		return p.Items, p.Next, err
	})
}

func (l local) whole(ctx context.Context, t retinue.FactType, id retinue.EntityID, at store.AsOf, history bool) (app.Whole, error) {
	return l.Whole(ctx, store.Everything(), t, id, at, history)
}

func (l local) finding(ctx context.Context, id retinue.FindingID) (retinue.Finding, error) {
	return l.Finding(ctx, id)
}

func (l local) decide(ctx context.Context, d app.Decision) (int, error) {
	return l.Decide(ctx, app.Actor(), d)
}

func (l local) register(ctx context.Context, x store.Entity, r app.RegistrationChange) error {
	if err := l.Register(ctx, app.Actor(), x, r); err != nil {
		return err
	}
	_, err := l.Settle(ctx)
	return err
}

func (l local) records(ctx context.Context, from int64, fn func(iter.Seq2[retinue.Record, error]) error) error {
	return l.Records(ctx, from, func(rows func(func(retinue.Record, error) bool)) error { return fn(rows) })
}

func (l local) verify(ctx context.Context) (string, bool, error) { return l.VerifyAudit(ctx, "", "") }

func (l local) changes(ctx context.Context, from, to time.Time) (out []store.Change, err error) {
	return l.Diff(ctx, store.Everything(), store.ChangeQuery{At: store.Window{From: from, To: to}})
}

// errLocal says that a command cannot be given to a server.
var errLocal = usageError{errors.New("this command works on the database itself: run it where that is, without --server")}

func (l local) scopes(ctx context.Context) ([]store.ScopeStatus, error) {
	return l.Scopes(ctx, store.Everything())
}

func (l local) rules(ctx context.Context) ([]app.RuleText, error) { return l.RuleTexts(ctx) }

func (l local) export(ctx context.Context, path string, o app.ExportOptions) (export.Manifest, error) {
	return l.Export(ctx, path, o)
}

func (l local) archive(ctx context.Context, path string) (int64, error) {
	return l.ExportAudit(ctx, path)
}

func (l local) report(ctx context.Context, o reportOptions) error {
	d, err := l.Report(ctx, o.at)
	if err != nil {
		return err
	}
	if o.html == "" {
		return report.WriteText(o.out, d, report.TextOptions{Width: o.width, Color: o.color})
	}
	m, err := l.WriteReport(ctx, o.html, d)
	if err == nil {
		o.written(m)
	}
	return err
}
