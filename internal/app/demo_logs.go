package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/ingest"
)

// The size of the part of the sample company whose logs are read: enough of
// every rhythm and of what is planted, read in seconds.
const (
	subsidiaryIdentities = 48
	subsidiaryDays       = 91
)

// subsidiary is a company that the sample company bought, and whose logs are
// read: an enterprise of NHI-Bench, which the ordinary connectors read from
// exports and logs in the formats of the vendors.
type subsidiary struct {
	dir  string
	made chan error
	stop context.CancelFunc
}

// subsidiaryTarget is what is shown as the place where its exports lay.
const subsidiaryTarget = "sample:northwind/"

// makeSubsidiary begins to write the exports and logs, up to the last midnight,
// into a folder of their own.
func makeSubsidiary(ctx context.Context, seed uint64, now time.Time) (*subsidiary, error) {
	dir, err := os.MkdirTemp("", "retinue-demo-")
	if err != nil {
		return nil, fmt.Errorf("%w: make a folder for the logs of the sample company: %w", retinue.ErrUnavailable, err)
	}
	ctx, stop := context.WithCancel(ctx)
	s := &subsidiary{dir: dir, made: make(chan error, 1), stop: stop}
	go func() {
		_, err := bench.Generate(ctx, bench.Options{Seed: seed, Identities: subsidiaryIdentities, Days: subsidiaryDays, End: now, Out: dir})
		s.made <- err
		close(s.made)
	}()
	return s, nil
}

// remove ends the writing and takes away what was written.
func (s *subsidiary) remove() error {
	s.stop()
	for range s.made { //nolint:revive // only its end is waited for
	}
	return os.RemoveAll(s.dir)
}

// connectSubsidiary scans the exports and reads the logs.
func (a *App) connectSubsidiary(ctx context.Context, s *subsidiary) error {
	if err := <-s.made; err != nil {
		return err
	}
	m, err := bench.ReadManifest(s.dir)
	if err != nil {
		return err
	}
	who := retinue.Actor{Kind: "system", Name: "sample company"}
	for _, x := range m.Scans {
		c, err := a.connect(ctx, sourceOf(x), ScanOptions{Actor: who})
		if err != nil {
			return fmt.Errorf("read %s: %w", x.Name, err)
		}
		_, err = ingest.Run(ctx, a.DB, x.Kind, sourceOf(x).Name, subsidiaryTarget+x.Name, c, a.ingestOptions(sourceOf(x), ScanOptions{Actor: who}.withDefaults()))
		if err := errors.Join(err, c.Close()); err != nil {
			return fmt.Errorf("read %s: %w", x.Name, err)
		}
	}
	var logs []SourceConfig
	for _, x := range m.Activity {
		logs = append(logs, sourceOf(x))
	}
	reads, err := a.ImportActivity(ctx, logs, ActivityOptions{Actor: who})
	for _, r := range reads {
		if err == nil && r.Error != "" {
			err = fmt.Errorf("%w: read logs of %s: %s", retinue.ErrUnavailable, r.Source, r.Error)
		}
	}
	return err
}

// sourceOf is an entry of the manifest as a source.
func sourceOf(x bench.Source) SourceConfig {
	return SourceConfig{Name: "northwind-" + x.Name, Kind: x.Kind, Target: x.Target, Options: x.Options}
}
