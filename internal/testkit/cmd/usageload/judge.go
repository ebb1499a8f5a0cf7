package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
)

// listing lists the identities of a load as a system would.
type listing struct {
	load *bench.Load
	n    int
}

func (listing) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: "aws:organization"}, nil
}
func (listing) Close() error { return nil }

// Discover implements connector.Connector.
func (l listing) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	byRealm := map[retinue.Realm][]retinue.Ref{}
	left := l.n
	for ref := range l.load.Identities() {
		if left--; left < 0 {
			break
		}
		byRealm[ref.Realm] = append(byRealm[ref.Realm], ref)
	}
	for realm, refs := range byRealm {
		scope := retinue.NewScope(realm, "iam", "roles")
		for _, ref := range refs {
			f := retinue.Identity{Ref: ref, Name: filepath.Base(ref.Key), Kind: retinue.IdentityRole, Subtype: "role", Class: retinue.ClassNonHuman, State: retinue.StateActive}
			if err := sink.Emit(scope, f); err != nil {
				return err
			}
		}
		if err := sink.Complete(scope, connector.Completion{ObservedAt: time.Now(), Basis: "the whole load"}); err != nil {
			return err
		}
	}
	return nil
}

// judge forms the verdicts on so many of the identities of a load that was counted.
// It calls start once they are listed. With few those that were formed by an earlier
// run stand.
func judge(ctx context.Context, addr string, o bench.LoadOptions, identities int, few bool, start func() error) error {
	load := bench.NewLoad(o)
	end := bench.DefaultEnd()
	spec := connector.Spec{Kind: "load", TargetOptional: true, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
		return listing{load, identities}, nil
	}}
	keys, drop, err := keysOf(addr)
	if err != nil {
		return err
	}
	defer drop()
	var hour sql.NullInt64
	a, err := app.Open(ctx, app.Config{Database: addr, KeyFile: filepath.Join(keys, "key"), SigningKeyFile: filepath.Join(keys, "sign")},
		app.Options{Specs: []connector.Spec{spec}, Now: func() time.Time { return end }})
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	// The load may have been stopped before its end.
	if err := a.DB.Handle().QueryRowContext(ctx, "SELECT max(hour) FROM usage_seen_hours").Scan(&hour); err != nil {
		return err
	}
	if hour.Valid {
		end = time.Unix(hour.Int64*3600+3600, 0).UTC()
	}
	if _, err := a.DB.PackUsage(ctx, end); err != nil {
		return err
	}
	if err := report(ctx, a.DB, addr); err != nil {
		return err
	}
	var listed int
	err = a.DB.Handle().QueryRowContext(ctx, "SELECT count(*) FROM usage_verdicts").Scan(&listed)
	if err == nil && listed < identities {
		err = step("list identities", func() (string, error) {
			_, err := a.Scan(ctx, []app.SourceConfig{{Name: "load", Kind: "load"}}, app.ScanOptions{Actor: app.Actor()})
			return fmt.Sprint(identities), err
		})
	} else if err == nil && !few { // by an earlier run
		_, err = a.DB.Handle().ExecContext(ctx, "UPDATE usage_verdicts SET due_at = 0")
	}
	if err == nil {
		err = cover(ctx, a, load, o, end)
	}
	if err == nil {
		err = start()
	}
	if err == nil {
		err = step("form the verdicts on all that are due", judging(ctx, a))
	}
	if err == nil {
		err = again(ctx, a, load, end)
	}
	return err
}

// keysOf is a folder for the keys of an installation: that of its database, or
// where that is no file one that drop removes.
func keysOf(addr string) (dir string, drop func(), err error) {
	if !strings.Contains(addr, "://") {
		return filepath.Dir(addr), func() {}, nil
	}
	dir, err = os.MkdirTemp("", "usageload-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// again forms verdicts where all were formed before: where nothing happened since,
// after batches that touch few, and after another day was covered, when pauses are
// learned anew.
func again(ctx context.Context, a *app.App, load *bench.Load, end time.Time) error {
	for range rounds {
		if err := step("look for verdicts to form where nothing happened", judging(ctx, a)); err != nil {
			return err
		}
	}
	for _, n := range []int{1, 10, 100, 1000} {
		for range rounds {
			if err := touch(ctx, a, load, n, end); err != nil {
				return err
			}
		}
	}
	if err := touched(ctx, a, load, 1, end); err != nil {
		return err
	}
	if _, err := a.DB.Handle().ExecContext(ctx, "DELETE FROM meta WHERE name = 'usage.pauses'"); err != nil {
		return err
	}
	return step("form the verdict on one, and learn of pauses anew", judging(ctx, a))
}

// rounds is how often each round of few verdicts is measured.
const rounds = 5

// cover says that the logs of all accounts are whole.
func cover(ctx context.Context, a *app.App, load *bench.Load, o bench.LoadOptions, end time.Time) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		done := map[retinue.Realm]bool{}
		for ref := range load.Identities() {
			if done[ref.Realm] {
				continue
			}
			done[ref.Realm] = true
			err := tx.AddCoverage(retinue.Coverage{Log: "aws.cloudtrail", Realm: ref.Realm, From: bench.DefaultEnd().AddDate(0, 0, -o.Days), To: end,
				Classes: []retinue.EventClass{retinue.EventManagement, retinue.EventData}, Proof: "made up whole", Authenticated: true})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func judging(ctx context.Context, a *app.App) func() (string, error) {
	return func() (string, error) {
		n, err := a.JudgeUsage(ctx)
		return fmt.Sprintf("%d verdicts", n), err
	}
}

// touch counts a batch that touches some identities, and forms their verdicts.
func touch(ctx context.Context, a *app.App, load *bench.Load, identities int, end time.Time) error {
	err := touched(ctx, a, load, identities, end)
	if err == nil {
		err = step("form their verdicts", judging(ctx, a))
	}
	if err != nil || identities != 1 {
		return err
	}
	return readOne(ctx, a)
}

// touched counts a batch of ten events of each of some identities.
func touched(ctx context.Context, a *app.App, load *bench.Load, identities int, end time.Time) error {
	var f usage.Folder
	n := 0
	for ref := range load.Identities() {
		if n++; n > identities {
			break
		}
		for k := range 10 {
			e := retinue.Event{Log: "aws.cloudtrail", ID: fmt.Sprint("touch-", time.Now().UnixNano(), "-", n, "-", k), At: end.Add(-time.Minute), Realm: ref.Realm, Class: retinue.EventManagement,
				Identity: ref, Action: "s3:ListBucket", Outcome: retinue.OutcomeSuccess, Region: "eu-west-1"}
			if err := f.Add(&e); err != nil {
				return err
			}
		}
	}
	b := f.Take()
	b.Log = "aws.cloudtrail"
	return step(fmt.Sprintf("count %d events of %d identities", len(b.Events), identities), func() (string, error) {
		got, err := a.DB.CountUsage(ctx, b)
		return fmt.Sprintf("%d new", got.New), err
	})
}

// readOne reads the verdict and the uses of who has the most.
func readOne(ctx context.Context, a *app.App) error {
	var id retinue.EntityID
	if err := a.DB.Handle().QueryRowContext(ctx, `SELECT e.public_id FROM usage_behaviours b JOIN refs r ON r.id = b.identity
		JOIN entities e ON e.id = r.entity_id GROUP BY e.id ORDER BY count(*) DESC LIMIT 1`).Scan(&id); err != nil {
		return err
	}
	return step("read the verdict and the uses of one", func() (string, error) {
		var used []store.Used
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
			if _, err := tx.Verdict(id); err != nil {
				return err
			}
			var err error
			used, err = tx.Usage(id)
			return err
		})
		return fmt.Sprintf("%d behaviours", len(used)), err
	})
}

// step does something and prints what it took.
func step(what string, do func() (string, error)) error {
	start, before := time.Now(), processors()
	came, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Printf("%s: %s in %s, %s of processors\n", what, came, time.Since(start).Round(100*time.Microsecond), (processors() - before).Round(100*time.Microsecond))
	return nil
}

// processors is the time of processors of this process.
func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
