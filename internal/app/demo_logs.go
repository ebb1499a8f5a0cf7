package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/demo"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// The part of the sample company whose logs are read: a company that it bought,
// which is an enterprise of NHI-Bench. It is small enough to be read in seconds.
// The seed is one with which there is something of everything to see: what
// stopped early enough to be called dormant, what is shared, what was retired
// and is tried again, what no export lists.
const (
	subsidiaryIdentities = 48
	subsidiaryDays       = 126
	subsidiarySeed       = 2369
)

// subsidiaryTarget is what is shown as the place where its exports lay.
const subsidiaryTarget = "sample:northwind/"

// demoAuditor is who retires what is dead and vouches for logs: without somebody's
// word none but CloudTrail's proves that it is whole.
func demoAuditor() retinue.Actor {
	return retinue.Actor{Kind: "person", Name: "auditor@northwind.example"}
}

// DemoLogsPending reports whether logs of the sample company are to be read.
func (a *App) DemoLogsPending(ctx context.Context) (bool, error) {
	at, _, err := a.demoLogs(ctx)
	return at != "", err
}

func (a *App) demoLogs(ctx context.Context) (at string, seed uint64, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if at, err = tx.Meta(metaDemoLogs); err != nil {
			return err
		}
		word, err := tx.Meta(metaDemo)
		seed, _ = strconv.ParseUint(word, 10, 64)
		return err
	})
	return at, seed, err
}

// ReadDemoLogs makes up the logs of the sample company, up to the midnight before
// it was made, and reads them as any others. When it is cut short the next one
// goes on: everything counts once. It may run beside the server. OnStep is called
// with what is done next, one of so many steps.
func (a *App) ReadDemoLogs(ctx context.Context, onStep func(what string, step, of int)) (err error) {
	at, seed, err := a.demoLogs(ctx)
	if err != nil || at == "" {
		return err
	}
	end, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return fmt.Errorf("%w: time of the sample company: %s", retinue.ErrInvalid, at)
	}
	dir, err := os.MkdirTemp("", "retinue-demo-")
	if err != nil {
		return fmt.Errorf("%w: make a folder for the logs of the sample company: %w", retinue.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &subsidiary{app: a, dir: dir, end: end, seed: seed, onStep: onStep}
	defer a.demoStep.Store(nil)
	if err := s.read(ctx); err != nil {
		return fmt.Errorf("read the logs of the sample company: %w", err)
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.SetMeta(metaDemoLogs, "") })
}

// DemoStep says what is being done to complete the sample company; "" when it is
// complete, or nothing is done.
func (a *App) DemoStep() string {
	if s := a.demoStep.Load(); s != nil {
		return *s
	}
	return ""
}

// subsidiary reads exports and logs in the formats of the vendors with the
// ordinary connectors.
type subsidiary struct {
	app      *App
	dir      string
	end      time.Time
	seed     uint64
	onStep   func(what string, step, of int)
	step, of int
}

func (s *subsidiary) next(what string) {
	s.step++
	word := fmt.Sprintf("%s (%d of %d)", what, s.step, s.of)
	s.app.demoStep.Store(&word)
	if s.onStep != nil {
		s.onStep(what, s.step, s.of)
	}
}

func (s *subsidiary) read(ctx context.Context) error {
	const fixed = 4 // steps beside the logs of each system
	s.of = fixed + 6
	s.next("concluding from what sources say of last use")
	if _, err := s.app.JudgeUsage(ctx); err != nil {
		return err
	}
	s.next("making up four months of logs")
	truth, err := bench.Generate(ctx, bench.Options{Seed: subsidiarySeed - 1 + s.seed, Identities: subsidiaryIdentities, Days: subsidiaryDays, End: s.end,
		Out: filepath.Join(s.dir, "northwind"), DigestHours: 24})
	if err != nil {
		return err
	}
	m, err := bench.ReadManifest(filepath.Join(s.dir, "northwind"))
	if err != nil {
		return err
	}
	s.of = fixed + len(m.Activity)
	s.next("reading the exports of their systems")
	if err := s.scan(ctx, m); err != nil {
		return err
	}
	if err := s.retire(ctx, m.Retired); err != nil {
		return err
	}
	for _, x := range m.Activity {
		s.next("reading the log of " + x.Kind)
		if err := s.log(ctx, sourceOf(x)); err != nil {
			return err
		}
	}
	if err := s.attest(ctx, truth.Gaps); err != nil {
		return err
	}
	s.next("reading who made keys and left")
	return s.leavers(ctx)
}

// scan reads the exports.
func (s *subsidiary) scan(ctx context.Context, m bench.Manifest) error {
	who := sampleCompany()
	for _, x := range m.Scans {
		c, err := s.app.connect(ctx, sourceOf(x), ScanOptions{Actor: who})
		if err != nil {
			return fmt.Errorf("read %s: %w", x.Name, err)
		}
		_, err = ingest.Run(ctx, s.app.DB, x.Kind, sourceOf(x).Name, subsidiaryTarget+x.Name, c, s.app.ingestOptions(sourceOf(x), ScanOptions{Actor: who}.withDefaults()))
		if err := errors.Join(err, c.Close()); err != nil {
			return fmt.Errorf("read %s: %w", x.Name, err)
		}
	}
	return nil
}

// retire registers what people retired with the date on which they did.
func (s *subsidiary) retire(ctx context.Context, list []bench.Retired) error {
	type retired struct {
		store.Entity
		at time.Time
	}
	var dead []retired
	err := s.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		for _, r := range list {
			for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, Realm: r.Ref.Realm, Key: r.Ref.Key, Limit: 1}) {
				if err != nil {
					return err
				}
				dead = append(dead, retired{e, r.At})
			}
		}
		return nil
	})
	for _, d := range dead {
		if err != nil {
			return err
		}
		ended := RegistrationChange{Registration: retinue.Registration{EndDate: d.at}, Changed: func(field string) bool { return field == "end-date" }}
		err = s.app.Register(ctx, demoAuditor(), d.Entity, ended)
	}
	return err
}

// attest has the auditor vouch for the logs that cannot prove that they are whole,
// since the last time that they were known to have failed.
func (s *subsidiary) attest(ctx context.Context, gaps []bench.Gap) error {
	for _, log := range []string{"kubernetes.audit", "postgres.log"} {
		of := CoverageOf{Name: log}
		for _, g := range gaps {
			if g.Log == log {
				of.From = laterOf(of.From, g.To)
			}
		}
		if _, err := s.app.Attest(ctx, demoAuditor(), of); err != nil {
			return err
		}
	}
	return nil
}

// log reads one log.
func (s *subsidiary) log(ctx context.Context, x SourceConfig) error {
	reads, err := s.app.ImportActivity(ctx, []SourceConfig{x}, ActivityOptions{Actor: sampleCompany()})
	for _, r := range reads {
		if err == nil && r.Error != "" {
			err = fmt.Errorf("%w: read logs of %s: %s", retinue.ErrUnavailable, r.Source, r.Error)
		}
	}
	return err
}

// leavers reads by which entries of its own trail people of the sample company
// made keys before they left.
func (s *subsidiary) leavers(ctx context.Context) error {
	dir := filepath.Join(s.dir, "tidewater")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "iam-event-history.json")) //nolint:gosec // in a folder of our own
	if err != nil {
		return err
	}
	n, err := demo.New(demo.Options{Seed: s.seed, Now: s.end}).WriteTrail(f)
	if err := errors.Join(err, f.Close()); err != nil || n == 0 {
		return err
	}
	return s.log(ctx, SourceConfig{Name: "tidewater-event-history", Kind: "aws", Target: dir})
}

// sampleCompany is who scans and reads in the sample company.
func sampleCompany() retinue.Actor { return retinue.Actor{Kind: "system", Name: "sample company"} }

// sourceOf is an entry of the manifest as a source.
func sourceOf(x bench.Source) SourceConfig {
	return SourceConfig{Name: "northwind-" + x.Name, Kind: x.Kind, Target: x.Target, Options: x.Options}
}
