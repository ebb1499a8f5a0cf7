package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// secretPlace is where a secret of a source stands sealed.
func secretPlace(id retinue.SourceID, name string) seal.Place {
	return seal.Place{Table: "source_secrets", Row: string(id) + "/" + name, Column: "sealed"}
}

// ConnectorSpecs implements api.Connectors.
func (a *App) ConnectorSpecs() []connector.Spec { return a.Specs }

func fieldError(field, format string, args ...any) error {
	return &retinue.FieldError{Field: field, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, fmt.Sprintf(format, args...))}
}

// maxSources bounds how many sources are configured through the API.
const maxSources = 10_000

// CreateSource implements api.Sources.
func (a *App) CreateSource(ctx context.Context, c auth.Caller, in api.SourceInput) (out api.Source, err error) {
	want := store.SourceConfig{Source: store.Source{Kind: in.Kind, Name: in.Name, Target: in.Target}, Origin: store.OriginAPI, Target: in.Target,
		Options: in.Options, Paused: in.Paused, UpdatedBy: c.Actor}
	if want.Options == nil {
		want.Options = map[string]string{}
	}
	spec, err := a.Spec(in.Kind)
	if err != nil {
		return out, &retinue.FieldError{Field: "body.kind", Err: err}
	}
	if err := setTimes(&want, in.Interval, in.Jitter); err != nil {
		return out, err
	}
	for name, v := range in.Secrets {
		if err := checkSecret(spec, name, v); err != nil {
			return out, err
		}
	}
	if in.Logs == nil {
		in.Logs = &api.SourceLogsInput{}
	}
	if err := checkConfigured(spec, want, in.Logs.Target); err != nil {
		return out, err
	}
	every, err := checkLogs(spec, want, *in.Logs)
	if err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		known, err := tx.SourceConfigs()
		if err != nil {
			return err
		}
		if len(known) >= maxSources {
			return fmt.Errorf("%w: there are %d sources, which is the most", retinue.ErrConflict, len(known))
		}
		made, err := tx.CreateSource(want)
		if err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordSourceConfigured, made.Source.Name, sourceDetails(made))
		for name, v := range in.Secrets {
			if err := a.sealSecret(ctx, tx, made, name, v, c.Actor); err != nil {
				return err
			}
		}
		return errors.Join(setLogs(tx, made, in.Logs.Target, every, c.Actor), a.schedule(ctx, tx, made))
	})
	if err != nil {
		return out, err
	}
	a.logs.wakeUp()
	return a.Source(ctx, store.Everything(), in.Name)
}

// checkConfigured is checkRemote of a source of which the logs may be all that is
// read.
func checkConfigured(spec connector.Spec, c store.SourceConfig, logs string) error {
	if !logsOnly(spec, c.Target, logs) {
		return checkRemote(spec, c)
	}
	switch {
	case c.Interval > 0:
		return fieldError("body.interval", "only the logs of the source are read: their interval is logs.interval")
	case c.Target != "":
		return fieldError("body.target", "sources of kind %s describe no system: name what is read as logs.target", spec.Kind)
	}
	return nil
}

// checkRemote reports what of a configuration may not come through the API, and
// secrets where none belong.
func checkRemote(spec connector.Spec, c store.SourceConfig) error {
	cfg := connector.Config{Name: c.Source.Name, Target: c.Target, Options: c.Options, Remote: true}
	if len(targetSecrets(c.Target)) > 0 {
		return fieldError("body.target", "it holds a password: give it as a secret")
	}
	for name, v := range c.Options {
		if len(v) > 4096 {
			return fieldError("body.options."+name, "longer than 4096 bytes")
		}
	}
	if err := spec.Validate(cfg); err != nil {
		return &retinue.FieldError{Field: "body", Err: err}
	}
	return spec.CheckRemote(cfg)
}

func checkSecret(spec connector.Spec, name, value string) error {
	i := slices.IndexFunc(spec.Options, func(o connector.Option) bool { return o.Name == name && o.Secret })
	if i < 0 {
		var names []string
		for _, o := range spec.Options {
			if o.Secret {
				names = append(names, o.Name)
			}
		}
		if len(names) == 0 {
			return fieldError("body.secrets", "sources of kind %s have no secrets", spec.Kind)
		}
		return fieldError("body.secrets", "no secret %.100q: sources of kind %s have %s", name, spec.Kind, strings.Join(names, ", "))
	}
	if spec.Options[i].Reach.FileOnly() {
		return fmt.Errorf("%w: secret %s can be set in retinue.yaml only", retinue.ErrDenied, name)
	}
	if value == "" || len(value) > 65536 {
		return fieldError("body.secrets."+name, "want 1 to 65536 bytes")
	}
	return nil
}

func (a *App) sealSecret(ctx context.Context, tx *sqlstore.Tx, c store.SourceConfig, name, value string, by retinue.Actor) error {
	sealer, err := a.fleet.sealing()
	if err != nil {
		return err
	}
	sealed, err := sealer.Seal(ctx, []byte(value), secretPlace(c.Source.ID, name))
	if err != nil {
		return fmt.Errorf("seal secret %s: %w", name, err)
	}
	tx.Record(by, retinue.RecordSecretSet, c.Source.Name, map[string]any{"source": c.Source.ID, "secret": name})
	return tx.SetSourceSecret(c.Source.Key, name, sealed, by)
}

// setTimes reads interval and jitter as they were typed.
func setTimes(c *store.SourceConfig, interval, jitter string) error {
	parse := func(field, text string) (time.Duration, error) {
		if text == "" {
			return 0, nil
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fieldError("body."+field, "%.20q: want a time such as 30m or 6h", text)
		}
		return d, nil
	}
	var err1, err2 error
	c.Interval, err1 = parse("interval", interval)
	c.Jitter, err2 = parse("jitter", jitter)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if err := checkInterval(c.Interval, c.Jitter); err != nil {
		return &retinue.FieldError{Field: "body.interval", Err: err}
	}
	c.Jitter = defaultJitter(c.Interval, c.Jitter)
	return nil
}

// apiSource returns a source that may be changed through the API.
func apiSource(tx *sqlstore.Tx, name string) (store.SourceConfig, error) {
	c, err := tx.SourceConfig(name)
	if err != nil {
		return c, err
	}
	switch c.Origin {
	case store.OriginAPI:
		return c, nil
	case store.OriginFile:
		return c, fmt.Errorf("%w: source %s is configured in retinue.yaml: change it there", retinue.ErrDenied, c.Source.Name)
	}
	return c, fmt.Errorf("%w: source %s is not configured here", retinue.ErrConflict, c.Source.Name)
}

// ChangeSource implements api.Sources.
func (a *App) ChangeSource(ctx context.Context, c auth.Caller, name string, in api.SourceChange, check func(api.Source) error) (out api.Source, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := a.checked(ctx, tx, name, check)
		if err != nil {
			return err
		}
		want, err := changed(have, in)
		if err != nil {
			return err
		}
		spec, err := a.Spec(want.Source.Kind)
		if err != nil {
			return err
		}
		logs, moved, err := changedLogs(tx, spec, want, in.Logs)
		if err != nil {
			return err
		}
		if err := checkConfigured(spec, want, logs.Target); err != nil {
			return err
		}
		// Whoever may change the target must not have the secret sent to a system
		// of their own.
		if (want.Target != have.Target || moved) && len(have.Secrets) > 0 {
			return fmt.Errorf("%w: change source %s: its secrets were set for the target that it has: remove them, then change it, then set them again", retinue.ErrConflict, have.Source.Name)
		}
		want.UpdatedBy = c.Actor
		if want, err = tx.SaveSource(want); err != nil {
			return err
		}
		tx.Record(c.Actor, retinue.RecordSourceChanged, want.Source.Name, sourceDetails(want))
		return errors.Join(setLogs(tx, want, logs.Target, logs.Interval, c.Actor), a.schedule(ctx, tx, want))
	})
	if err != nil {
		return out, err
	}
	return a.Source(ctx, store.Everything(), name)
}

func changed(c store.SourceConfig, in api.SourceChange) (store.SourceConfig, error) {
	if in.Target != nil {
		c.Target, c.Source.Target = *in.Target, *in.Target
	}
	if in.Options != nil {
		c.Options = *in.Options
	}
	if in.Paused != nil {
		c.Paused = *in.Paused
	}
	if in.Interval == nil && in.Jitter == nil {
		return c, nil
	}
	interval, jitter := c.Interval.String(), ""
	if in.Interval != nil {
		interval = *in.Interval
	}
	if in.Jitter != nil {
		jitter = *in.Jitter
	} else if in.Interval == nil {
		jitter = c.Jitter.String()
	}
	if interval == "0s" {
		interval = ""
	}
	return c, setTimes(&c, interval, jitter)
}

// checked returns a source that may be changed, after the caller's check.
func (a *App) checked(ctx context.Context, tx *sqlstore.Tx, name string, check func(api.Source) error) (store.SourceConfig, error) {
	c, err := apiSource(tx, name)
	if err != nil {
		return c, err
	}
	v, err := a.sourceIn(ctx, tx, name)
	if err != nil {
		return c, err
	}
	return c, check(v)
}

// RemoveSource implements api.Sources.
func (a *App) RemoveSource(ctx context.Context, c auth.Caller, name string, check func(api.Source) error) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := a.checked(ctx, tx, name, check)
		if err != nil {
			return err
		}
		return a.dropSource(ctx, tx, have, c.Actor)
	})
}

// dropSource removes a configuration with its schedule. A scan that runs is
// told to end.
func (a *App) dropSource(ctx context.Context, tx *sqlstore.Tx, c store.SourceConfig, by retinue.Actor) error {
	if err := a.queue.RemoveSchedule(ctx, queueTx(tx), scheduleName(c.Source.ID)); err != nil && !errors.Is(err, retinue.ErrNotFound) {
		return err
	}
	open, err := tx.OpenScans()
	if err != nil {
		return err
	}
	for _, s := range open {
		if s.Source.Key != c.Source.Key || s.State != store.ScanRunning {
			continue
		}
		if _, err := tx.CancelScan(s, by); err != nil {
			return err
		}
	}
	tx.Record(by, retinue.RecordSourceRemoved, c.Source.Name, map[string]any{"source": c.Source.ID})
	return tx.RemoveSource(c, by)
}

// SetSourceSecret implements api.Sources: nil removes.
func (a *App) SetSourceSecret(ctx context.Context, c auth.Caller, name, option string, value *retinue.Secret) (out api.Source, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := apiSource(tx, name)
		if err != nil {
			return err
		}
		spec, err := a.Spec(have.Source.Kind)
		if err != nil {
			return err
		}
		if value == nil {
			if err := tx.RemoveSourceSecret(have.Source.Key, option); err != nil {
				return err
			}
			tx.Record(c.Actor, retinue.RecordSecretRemoved, have.Source.Name, map[string]any{"source": have.Source.ID, "secret": option})
			return nil
		}
		if err := checkSecret(spec, option, value.Reveal()); err != nil {
			return err
		}
		return a.sealSecret(ctx, tx, have, option, value.Reveal(), c.Actor)
	})
	if err != nil {
		return out, err
	}
	return a.Source(ctx, store.Everything(), name)
}

// checkTimeout bounds a check of a source's access.
const checkTimeout = 45 * time.Second

// CheckSource implements api.Sources.
func (a *App) CheckSource(ctx context.Context, c auth.Caller, name string) (out api.SourceCheck, err error) {
	var cfg store.SourceConfig
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		return tx.Within(c.Scope(auth.PermScansRun), func() error {
			cfg, err = tx.SourceConfig(name)
			return err
		})
	})
	if err != nil {
		return out, err
	}
	if cfg.Origin != store.OriginAPI && cfg.Origin != store.OriginFile {
		return out, fmt.Errorf("%w: check source %s: it is not configured here", retinue.ErrConflict, cfg.Source.Name)
	}
	done := a.checkAccess(ctx, cfg)
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(c.Actor, retinue.RecordSourceChecked, cfg.Source.Name, map[string]any{"source": cfg.Source.ID, "ok": done.OK})
		return tx.NoteCheck(cfg.Source.Key, done)
	})
	return *sourceCheck(&done), err
}

func (a *App) checkAccess(ctx context.Context, cfg store.SourceConfig) store.Checked {
	done := store.Checked{At: a.DB.Now()}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := a.connectSource(ctx, cfg, &tracker{app: a, at: map[string]int{}})
	if err == nil {
		done.Access, err = conn.Check(ctx)
		err = errors.Join(err, conn.Close())
	}
	done.OK = err == nil
	if err != nil {
		redact := redactor(cfg.Target)
		if s, ok := a.fileSource(cfg); ok {
			redact = redactor(s.Target)
		}
		done.Error = retinue.CleanName(redact(err.Error()))
	}
	return done
}
