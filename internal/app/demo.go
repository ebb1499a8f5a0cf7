package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/demo"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// metaDemo marks a database that holds the sample company; its value is the
// seed.
const metaDemo = "demo"

// metaDemoLogs holds when the sample company was made while its logs, which go up
// to the midnight before, are not read to their end.
const metaDemoLogs = "demo.logs"

// demoUnfinished stands before the seed while the sample company is made.
const demoUnfinished = "unfinished "

// DemoOptions are how the sample company is made.
type DemoOptions struct {
	Seed uint64
	// OnScan is called before each day that is scanned.
	OnScan func(at time.Time, done, total int)
}

// demoRawDays is for how many days the sample company keeps events themselves: those
// for which the pages show what was unusual.
const demoRawDays = 30

// DemoConfig returns the configuration under which a sample company lives:
// its own database, with keys of its own beside it, in which events are kept. With
// an empty file it is the demo folder of the data folder.
func DemoConfig(file string, getenv func(string) string) (Config, error) {
	if file == "" {
		dir, err := dataDir(getenv)
		if err != nil {
			return Config{}, err
		}
		file = filepath.Join(dir, "demo", "retinue.db")
	}
	return Config{Database: file, KeyFile: keysBeside(file), SigningKeyFile: checkpointsBeside(file), Usage: UsageConfig{RawDays: demoRawDays}}, nil
}

// IsDemo reports whether the installation holds the sample company.
func (a *App) IsDemo(ctx context.Context) (bool, error) {
	v := ""
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		v, err = tx.Meta(metaDemo)
		return err
	})
	return v != "", err
}

// MakeDemo fills a fresh database with the sample company, but for its logs, which
// [App.ReadDemoLogs] reads: there is enough to look at meanwhile. A database that
// already holds it is left as it is, and made is false; one in which making it
// was cut short is made anew; one that holds anything else is refused.
func MakeDemo(ctx context.Context, cfg Config, opt Options, d DemoOptions) (made bool, err error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if d.Seed == 0 {
		d.Seed = 1
	}
	if have, err := demoExists(ctx, cfg, opt); err != nil || have {
		return false, err
	}
	clock := &shifted{real: opt.Now}
	company := demo.New(demo.Options{Seed: d.Seed, Now: opt.Now()})
	clock.set(company.Scans()[0])
	opt.Now = clock.now
	a, err := Open(ctx, cfg, opt)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.fillDemo(ctx, company, clock, d); err != nil {
		return false, fmt.Errorf("make the sample company: %w", err)
	}
	return true, nil
}

// demoExists reports whether the database holds the sample company, and
// refuses one that holds something else.
func demoExists(ctx context.Context, cfg Config, opt Options) (bool, error) {
	if _, err := os.Stat(cfg.Database); err != nil {
		return false, nil //nolint:nilerr // it is fresh, or Open says what is wrong
	}
	a, err := Open(ctx, cfg, Options{Now: opt.Now, Log: opt.Log, ReadOnly: true})
	if err != nil {
		return false, err
	}
	state := ""
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		state, err = tx.Meta(metaDemo)
		return err
	})
	if err = errors.Join(err, a.Close()); err != nil {
		return false, err
	}
	switch {
	case state == "":
		return false, fmt.Errorf("%w: make the sample company: %s is another database: give a file that does not exist", retinue.ErrConflict, cfg.Database)
	case !strings.HasPrefix(state, demoUnfinished):
		return true, nil
	}
	return false, discardUnfinished(ctx, cfg, opt)
}

// discardUnfinished removes a sample company that was not finished. That it can
// be opened for writing says that nobody is making it.
func discardUnfinished(ctx context.Context, cfg Config, opt Options) error {
	a, err := Open(ctx, cfg, Options{Now: opt.Now, Log: opt.Log})
	if err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(cfg.Database + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: remove the unfinished sample company: %w", retinue.ErrUnavailable, err)
		}
	}
	return nil
}

// settledAt reports whether the sample company's findings are judged after the
// scan so many days before the end. That takes as long as scanning: often enough
// for the life of findings. After the last scan whoever opens the database judges.
func settledAt(daysBefore int) bool { return slices.Contains([]int{demo.Days, 75, 14}, daysBefore) }

// fillDemo scans the company day by day at a clock that is set to each, and
// counts its population on every day.
func (a *App) fillDemo(ctx context.Context, company *demo.Company, clock *shifted, d DemoOptions) error {
	seed := strconv.FormatUint(d.Seed, 10)
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.SetMeta(metaDemo, demoUnfinished+seed) })
	if err != nil {
		return err
	}
	days := company.Scans()
	last := len(days) - 1
	for i, at := range days {
		if d.OnScan != nil {
			d.OnScan(at, i, len(days))
		}
		clock.set(at)
		if i > 0 { // the days since the scan before, as it left things
			if err := a.countDemo(ctx, company, days[i-1].AddDate(0, 0, 1), at); err != nil {
				return err
			}
		}
		if err := a.scanDemo(ctx, company, at); err != nil {
			return err
		}
		left := daysUntil(at, days[last])
		if err := a.governDemo(ctx, company, left); err != nil {
			return err
		}
		if settledAt(left) {
			if _, err := a.Settle(ctx); err != nil {
				return err
			}
		}
		if err := a.countDemo(ctx, company, at, at.AddDate(0, 0, 1)); err != nil {
			return err
		}
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		return errors.Join(tx.SetMeta(metaDemo, seed), tx.SetMeta(metaDemoLogs, days[last].UTC().Format(time.RFC3339)))
	})
}

// scanDemo scans the company's sources as they stood.
func (a *App) scanDemo(ctx context.Context, company *demo.Company, at time.Time) error {
	for _, s := range company.Sources() {
		opt := ingest.Options{Actor: sampleCompany(), Log: a.log, Now: a.now, Holder: holder(), HoldShare: -1}
		if _, err := ingest.Run(ctx, a.DB, s.Kind, s.Name, s.Target, s.Connector(at), opt); err != nil {
			return err
		}
	}
	return nil
}

func daysUntil(at, end time.Time) int { return int(end.Sub(at).Round(24*time.Hour) / (24 * time.Hour)) }

// countDemo writes the population of the days from one time until before
// another, as it stands.
func (a *App) countDemo(ctx context.Context, company *demo.Company, from, to time.Time) error {
	end := company.Scans()[len(company.Scans())-1]
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		idle, err := a.idleAfter(tx)
		for at := from; err == nil && at.Before(to); at = at.AddDate(0, 0, 1) {
			if company.Counted(daysUntil(at, end)) {
				err = tx.WritePopulation(at, idle)
			}
		}
		return err
	})
}

// shifted is a clock that goes on from wherever it was set.
type shifted struct {
	real func() time.Time
	from time.Time // real time of set
	to   time.Time
}

func (s *shifted) set(t time.Time) { s.from, s.to = s.real(), t }

func (s *shifted) now() time.Time { return s.to.Add(s.real().Sub(s.from)) }
