package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ReadSourceLogs implements api.SourceLogReader.
func (a *App) ReadSourceLogs(ctx context.Context, c auth.Caller, name string) (api.Source, error) {
	return a.changeLogs(ctx, c, auth.PermScansRun, name, func(tx *sqlstore.Tx, l store.SourceLogs) error {
		if l.Paused() {
			return fmt.Errorf("%w: read logs of %s: they are paused", retinue.ErrConflict, l.Source.Name)
		}
		return tx.AskSourceLogs(l.Source.Key, c.Actor)
	})
}

// PauseSourceLogs implements api.SourceLogReader.
func (a *App) PauseSourceLogs(ctx context.Context, c auth.Caller, name string) (api.Source, error) {
	return a.changeLogs(ctx, c, auth.PermSourcesManage, name, func(tx *sqlstore.Tx, l store.SourceLogs) error {
		if l.Paused() {
			return nil
		}
		tx.Record(c.Actor, retinue.RecordActivityPaused, l.Source.Name, map[string]any{"source": l.Source.ID})
		return tx.PauseSourceLogs(l.Source.Key, c.Actor)
	})
}

// ResumeSourceLogs implements api.SourceLogReader.
func (a *App) ResumeSourceLogs(ctx context.Context, c auth.Caller, name string) (api.Source, error) {
	return a.changeLogs(ctx, c, auth.PermSourcesManage, name, func(tx *sqlstore.Tx, l store.SourceLogs) error {
		if !l.Paused() {
			return nil
		}
		tx.Record(c.Actor, retinue.RecordActivityResumed, l.Source.Name, map[string]any{"source": l.Source.ID, "pausedSince": l.PausedAt.Format(time.RFC3339)})
		return tx.ResumeSourceLogs(l.Source.Key)
	})
}

func (a *App) changeLogs(ctx context.Context, c auth.Caller, p auth.Permission, name string, change func(*sqlstore.Tx, store.SourceLogs) error) (api.Source, error) {
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var l store.SourceLogs
		err := tx.Within(c.Scope(p), func() (err error) {
			if _, err = tx.SourceConfig(name); err != nil {
				return err
			}
			if l, err = tx.SourceLogsOf(name); errors.Is(err, retinue.ErrNotFound) {
				err = fmt.Errorf("%w: source %s: no logs of it are read", retinue.ErrConflict, name)
			}
			return err
		})
		if err != nil {
			return err
		}
		return change(tx, l)
	})
	if err != nil {
		return api.Source{}, err
	}
	a.logs.wakeUp()
	return a.Source(ctx, store.Everything(), name)
}

// checkLogs reports what of logs may not be named through the interface.
func checkLogs(spec connector.Spec, c store.SourceConfig, in api.SourceLogsInput) (interval time.Duration, err error) {
	if in.Interval != "" {
		if interval, err = time.ParseDuration(in.Interval); err != nil {
			return 0, fieldError("body.logs.interval", "%.20q: want a time such as 30s or 5m", in.Interval)
		}
		if err := checkLogsInterval(interval); err != nil {
			return 0, &retinue.FieldError{Field: "body.logs.interval", Err: err}
		}
	}
	if in.Target == "" {
		return interval, nil
	}
	if len(targetSecrets(in.Target)) > 0 {
		return 0, fieldError("body.logs.target", "it holds a password: give it as a secret")
	}
	return interval, spec.CheckRemoteLogs(connector.Config{Name: c.Source.Name, Target: in.Target, Options: c.Options, Remote: true})
}

// changedLogs returns which logs of a source are read after a change, and whether
// that is something else than before.
func changedLogs(tx *sqlstore.Tx, spec connector.Spec, c store.SourceConfig, in *api.SourceLogsInput) (logs store.SourceLogs, moved bool, err error) {
	have, err := tx.SourceLogsOf(string(c.Source.ID))
	if err != nil && !errors.Is(err, retinue.ErrNotFound) {
		return have, false, err
	}
	logs = have
	if in != nil {
		if in.Interval == "" && logs.Interval > 0 {
			in.Interval = logs.Interval.String()
		}
		logs.Target = in.Target
	}
	// The options may have changed in a way that the logs do not allow.
	now := api.SourceLogsInput{Target: logs.Target}
	if in != nil {
		now.Interval = in.Interval
	}
	every, err := checkLogs(spec, c, now)
	if in != nil {
		logs.Interval = every
	}
	return logs, logs.Target != have.Target && have.Target != "", err
}

// OnlyLogs reports that of a source of the configuration file only the logs are
// read, by the server.
func OnlyLogs(s SourceConfig) bool {
	spec, err := FindSpec(Specs(), s.Kind)
	return err == nil && logsOnly(spec, s.Target, s.Logs.Target)
}

// logsOnly reports that of a source only its logs are read: its kind describes no
// system, or it names none.
func logsOnly(spec connector.Spec, target, logs string) bool {
	return logs != "" && (spec.Open == nil || target == "" && !spec.TargetOptional)
}
