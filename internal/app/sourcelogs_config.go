package app

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

func checkLogsInterval(d time.Duration) error {
	if d != 0 && (d < minLogsInterval || d > 366*24*time.Hour) {
		return fmt.Errorf("%w: interval %s: want at least %s and at most a year, or none", retinue.ErrInvalid, d, minLogsInterval)
	}
	return nil
}

// setFileLogs keeps which logs of a source of the configuration file are read.
func (a *App) setFileLogs(tx *sqlstore.Tx, s SourceConfig, c store.SourceConfig) error {
	if s.Logs.Target != "" {
		spec, err := a.Spec(s.Kind)
		if err != nil {
			return err
		}
		if spec.Activity == nil {
			return fmt.Errorf("%w: source %s: sources of kind %s have no logs", retinue.ErrInvalid, s.Name, s.Kind)
		}
	}
	return setLogs(tx, c, displayTarget(s.Logs.Target), s.Logs.Interval, configActor())
}

// setLogs keeps which logs of a source are read, none where target is empty, and
// puts a change on record.
func setLogs(tx *sqlstore.Tx, c store.SourceConfig, target string, interval time.Duration, by retinue.Actor) error {
	interval = cmp.Or(interval, defaultLogsInterval)
	have, err := tx.SourceLogsOf(string(c.Source.ID))
	switch {
	case errors.Is(err, retinue.ErrNotFound) && target == "":
		return nil
	case err != nil && !errors.Is(err, retinue.ErrNotFound):
		return err
	case err == nil && have.Target == target && have.Interval == interval:
		return nil
	}
	details := map[string]any{"source": c.Source.ID, "target": target}
	if target == "" {
		tx.Record(by, retinue.RecordActivityConfigured, c.Source.Name, details)
		return tx.RemoveSourceLogs(c.Source.Key)
	}
	details["interval"] = interval.String()
	tx.Record(by, retinue.RecordActivityConfigured, c.Source.Name, details)
	return tx.SetSourceLogs(c.Source.Key, target, interval)
}
