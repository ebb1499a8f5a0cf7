package app

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/evidence/report"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Totals computes the population's main figures.
func (a *App) Totals(ctx context.Context) (t store.Totals, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		t, err = tx.Totals()
		return err
	})
	return t, err
}

// ForgetSource drops a source of which nothing was ever read.
func (a *App) ForgetSource(ctx context.Context, name string) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.ForgetSource(name, Actor()) })
}

// Finding returns a finding by its id.
func (a *App) Finding(ctx context.Context, id retinue.FindingID) (f retinue.Finding, err error) {
	found := false
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		for x, err := range tx.Findings(store.FindingQuery{ID: id, Resolved: true, Suppressed: true}) {
			if err != nil {
				return err
			}
			f, found = x, true
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: finding %s", retinue.ErrNotFound, id)
	}
	return f, err
}

// Decision is what a person decides about a finding, or about every finding of
// a family.
type Decision struct {
	What   string // a finding's id, or a family
	State  retinue.FindingState
	Reason string
	Until  time.Time
}

// Decide sets the state of findings and returns how many it set.
func (a *App) Decide(ctx context.Context, by retinue.Actor, d Decision) (int, error) {
	now := a.DB.Now()
	switch d.State {
	case retinue.FindingOpen, retinue.FindingAcknowledged, retinue.FindingResolved:
	case retinue.FindingAccepted:
		if strings.TrimSpace(d.Reason) == "" || !d.Until.IsZero() && !d.Until.After(now) {
			return 0, fmt.Errorf("%w: accept %s: give a reason, and a date in the future until which the risk is accepted", retinue.ErrInvalid, d.What)
		}
	default:
		return 0, fmt.Errorf("%w: set %s: state %q: want open, acknowledged or accepted; findings are resolved by fixing them", retinue.ErrInvalid, d.What, d.State)
	}
	n := 0
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		q := store.FindingQuery{Family: d.What, Suppressed: true}
		if strings.HasPrefix(d.What, "fnd_") {
			q = store.FindingQuery{ID: retinue.FindingID(d.What), Suppressed: true}
		}
		var hits []retinue.Finding
		for f, err := range tx.Findings(q) {
			if err != nil {
				return err
			}
			hits = append(hits, f)
		}
		if len(hits) == 0 {
			return fmt.Errorf("%w: no open finding or family %q", retinue.ErrNotFound, d.What)
		}
		on, err := decisionOn(api.FindingDecision{State: d.State, Until: d.Until}, rowsOf(hits), now)
		if err != nil {
			return fmt.Errorf("set %s: %w", d.What, err)
		}
		d.Until = on.Until
		acc := retinue.Acceptance{By: by.Name, Reason: d.Reason, Until: d.Until.UTC(), At: now}
		if q.Family != "" && d.State == retinue.FindingAccepted {
			if err := tx.Accept(q.Family, acc); err != nil {
				return err
			}
		}
		for _, f := range hits {
			var accepted *retinue.Acceptance
			if d.State == retinue.FindingAccepted {
				accepted = &acc
			}
			if err := a.setFinding(ctx, tx, by, f, d.State, accepted); err != nil {
				return err
			}
			n++
			tx.Record(by, retinue.RecordFindingChanged, string(f.ID), map[string]any{"state": d.State, "reason": d.Reason, "until": d.Until, "family": q.Family})
		}
		return nil
	})
	return n, err
}

func rowsOf(list []retinue.Finding) []store.FindingRow {
	out := make([]store.FindingRow, len(list))
	for i, f := range list {
		out[i].Finding = f
	}
	return out
}

// RegistrationChange is a change of some fields of a registration: those whose
// flag Changed reports.
type RegistrationChange struct {
	Registration retinue.Registration
	Changed      func(name string) bool
}

// Register changes the registration of an identity. Who owns it stands in the
// audit log as a commitment: the name lies beside it and can be erased.
func (a *App) Register(ctx context.Context, by retinue.Actor, e store.Entity, c RegistrationChange) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := tx.Registration(e.InternalKey)
		if err != nil {
			return err
		}
		g := retinue.Registration{Entity: e.ID}
		if have != nil {
			g = *have
		}
		c.apply(&g)
		if err := checkRegistration(g); err != nil {
			return err
		}
		if err := tx.Register(e.InternalKey, g, by); err != nil {
			return err
		}
		if err := settleRegistered(tx, by, e.InternalKey); err != nil {
			return err
		}
		details := g
		var payloads []sqlstore.Payload
		commit := func(field string, value *string) {
			if *value == "" {
				return
			}
			p := evidence.Commit(field, *value)
			*value = string(p.Commitment)
			payloads = append(payloads, sqlstore.Payload{Name: field, Salt: p.Salt, Data: p.Value})
		}
		commit("owner", &details.Owner)
		commit("backupOwner", &details.BackupOwner)
		tx.Record(by, retinue.RecordRegistrationSet, string(e.ID), details, payloads...)
		return nil
	})
}

func (c RegistrationChange) apply(g *retinue.Registration) {
	r := c.Registration
	set := func(flag string, to *string, v string) {
		if c.Changed(flag) {
			*to = v
		}
	}
	set("owner", &g.Owner, r.Owner)
	set("backup-owner", &g.BackupOwner, r.BackupOwner)
	set("purpose", &g.Purpose, r.Purpose)
	set("application", &g.Application, r.Application)
	set("data-class", &g.DataClass, r.DataClass)
	set("class-reason", &g.ClassReason, r.ClassReason)
	if c.Changed("environment") {
		g.Environment = r.Environment
	}
	if c.Changed("criticality") {
		g.Criticality = r.Criticality
	}
	if c.Changed("end-date") {
		g.EndDate = r.EndDate
	}
	if c.Changed("review-date") {
		g.ReviewDate = r.ReviewDate
	}
	if c.Changed("class") {
		g.Class = r.Class
	}
}

func checkRegistration(g retinue.Registration) error {
	probe := retinue.Identity{Ref: retinue.NewRef("retinue:probe", "identity", "probe"), Kind: retinue.IdentityOther,
		Class: g.Class, Environment: g.Environment, Criticality: g.Criticality}
	if probe.Class == "" {
		probe.Class = retinue.ClassNonHuman
	}
	if err := probe.Validate(); err != nil {
		return err
	}
	if g.Class != "" && strings.TrimSpace(g.ClassReason) == "" {
		return fmt.Errorf("%w: override class: give a reason", retinue.ErrInvalid)
	}
	return nil
}

// WriteReport writes the HTML report and its manifest, and keeps on record
// that it did.
func (a *App) WriteReport(ctx context.Context, path string, d report.Data) (export.Manifest, error) {
	var m export.Manifest
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		m, err = a.manifest(tx, Actor(), ExportOptions{Subject: "report", Format: "html", AsOf: store.AsOf{Observed: d.AsOf}})
		return err
	})
	if err != nil {
		return m, err
	}
	m, err = export.WriteFile(path, m, func(w io.Writer) (export.Written, error) {
		return export.Written{Rows: int64(d.WorstTotal)}, report.Write(w, d)
	})
	if err != nil {
		return m, fmt.Errorf("write report: %w", err)
	}
	return m, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordExported, m.File, map[string]any{"subject": "report", "format": "html", "sha256": m.SHA256})
		return nil
	})
}

// Records passes the audit log from a sequence number on to fn.
func (a *App) Records(ctx context.Context, from int64, fn func(iter func(func(retinue.Record, error) bool)) error) error {
	return a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error { return fn(tx.Records(from)) })
}

// signingKey opens the key that signs checkpoints, making it on first use.
func (a *App) signingKey(ctx context.Context) (evidence.SigningKey, error) {
	origin := ""
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var err error
		if origin, err = tx.Meta("installation"); err != nil || origin != "" {
			return err
		}
		origin = "retinue/" + strings.TrimPrefix(string(retinue.NewSourceID(tx.At())), "src_")
		return tx.SetMeta("installation", origin)
	})
	if err != nil {
		return evidence.SigningKey{}, err
	}
	return evidence.OpenSigningKey(a.Config.SigningKeyFile, origin)
}

// Checkpoint signs the head of the audit log, writes the signed note to a file
// and returns the public key.
func (a *App) Checkpoint(ctx context.Context, path string) (string, error) {
	key, err := a.signingKey(ctx)
	if err != nil {
		return "", err
	}
	var cp evidence.Checkpoint
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		seq, head, err := tx.Head()
		cp = evidence.Checkpoint{Origin: key.Origin(), Size: seq, Head: head, At: a.DB.Now()}
		return err
	})
	if err != nil {
		return "", err
	}
	signed, err := key.Sign(cp)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, signed, 0o600); err != nil {
		return "", fmt.Errorf("%w: write checkpoint: %v", retinue.ErrInvalid, err)
	}
	return key.Public(), a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordCheckpointed, filepath.Base(path), map[string]any{"size": cp.Size, "head": cp.Head})
		return nil
	})
}

// VerifyAudit verifies the chain, and holds it to a signed checkpoint where
// one is named. With an empty public key the installation's own is used.
func (a *App) VerifyAudit(ctx context.Context, checkpoint, public string) (string, bool, error) {
	var opts []evidence.VerifyOption
	if checkpoint != "" {
		msg, err := os.ReadFile(checkpoint)
		if err != nil {
			return "", false, fmt.Errorf("%w: read checkpoint: %v", retinue.ErrInvalid, err)
		}
		if public == "" {
			key, err := a.signingKey(ctx)
			if err != nil {
				return "", false, err
			}
			public = key.Public()
		}
		cp, err := evidence.OpenCheckpoint(msg, public)
		if err != nil {
			return "", false, err
		}
		opts = append(opts, evidence.Against(cp))
	}
	var v evidence.Verification
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		v, err = evidence.Verify(ctx, tx.Records(1), opts...)
		return err
	})
	return v.String(), v.OK(), err
}

// VerifyArchive verifies an exported log without a database.
func VerifyArchive(ctx context.Context, path, public string) (string, bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", false, fmt.Errorf("%w: read archive: %v", retinue.ErrInvalid, err)
	}
	defer func() { _ = f.Close() }()
	r, err := evidence.VerifyArchive(ctx, f, public)
	return r.String(), r.OK(), err
}

// ExportAudit writes the whole log with a signed checkpoint.
func (a *App) ExportAudit(ctx context.Context, path string) (int64, error) {
	key, err := a.signingKey(ctx)
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, fmt.Errorf("%w: export audit log: %v", retinue.ErrInvalid, err)
	}
	defer func() { _ = f.Close() }()
	var n int64
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		m := evidence.ArchiveManifest{CreatedAt: a.DB.Now(), By: Actor(), Tool: "retinue " + Version}
		_, err := evidence.WriteArchive(ctx, f, m, counted(tx.Records(1), &n), &key)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("export audit log: %w", err)
	}
	return n, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordExported, filepath.Base(path), map[string]any{"subject": "audit", "records": n})
		return nil
	})
}

func counted(rows iter.Seq2[retinue.Record, error], n *int64) iter.Seq2[retinue.Record, error] {
	return func(yield func(retinue.Record, error) bool) {
		for r, err := range rows {
			if err == nil {
				*n++
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// ExportKey returns the current fingerprint key in clear, to enrol a
// collector, and keeps on record that it did.
func (a *App) ExportKey(ctx context.Context) (string, error) {
	key := a.Keys.Current()
	return key.Encode(), a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordCollectorEnrolled, key.ID, map[string]any{"key": key.ID})
		return nil
	})
}

// RotateKey starts a new fingerprint key beside the old one.
func (a *App) RotateKey(ctx context.Context) (string, error) {
	if err := a.Keys.Rotate(); err != nil {
		return "", err
	}
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordFingerprintKey, a.Keys.Current().ID, map[string]any{"keys": a.Keys.IDs()})
		return tx.SetMeta("fingerprint.rotated", tx.At().Format(time.RFC3339Nano))
	})
	return "new key " + a.Keys.Current().ID + "; scan every source again, then run `retinue keys retire`", err
}

// RetireKeys drops old fingerprint keys, once every scope that stands was
// completed under the current one.
func (a *App) RetireKeys(ctx context.Context) (string, error) {
	if len(a.Keys.IDs()) == 1 {
		return "there is one key only", nil
	}
	var left []string
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		since, err := tx.Meta("fingerprint.rotated")
		if err != nil {
			return err
		}
		at, _ := time.Parse(time.RFC3339Nano, since)
		scopes, err := tx.Scopes()
		for _, s := range scopes {
			if s.State != store.ScopeEnded && s.RecordedAt.Before(at) {
				left = append(left, s.Scope.String())
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return "", fmt.Errorf("%w: retire fingerprint keys: %d scopes were not scanned since the rotation, such as %s", retinue.ErrConflict, len(left), left[0])
	}
	old, err := a.Keys.Retire()
	if err != nil {
		return "", err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, id := range old {
			if err := tx.DropFingerprints(id); err != nil {
				return err
			}
		}
		tx.Record(Actor(), retinue.RecordFingerprintKey, a.Keys.Current().ID, map[string]any{"retired": old})
		return nil
	})
	return fmt.Sprintf("dropped %d old keys", len(old)), err
}
