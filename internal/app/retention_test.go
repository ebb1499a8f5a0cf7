package app_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// What is deleted is kept on record, and the log still holds afterwards.
func TestPruneIsOnRecord(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg := app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	a, err := app.Open(t.Context(), cfg, app.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	admin := auth.System(retinue.Actor{Kind: "account", Name: "admin"})
	if _, err := a.SetRetention(t.Context(), admin, api.RetentionInput{Preset: "400-days"}, func(any) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.DB.Update(t.Context(), func(tx *app.Snapshot) error {
			tx.Record(admin.Actor, retinue.RecordRegistrationSet, "x", map[string]any{"owner": "c"})
			return tx.SetOwnershipRules([]byte(`{"rules":[]}`), admin.Actor)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if pruned, err := a.Prune(t.Context()); err != nil || len(pruned) != 0 {
		t.Errorf("deleted %+v, %v; nothing is old", pruned, err)
	}
	now = now.AddDate(2, 0, 0)
	pruned, err := a.Prune(t.Context())
	if err != nil || len(pruned) != 1 || pruned[0].Class != store.RetainGovernance || pruned[0].Rows != 1 {
		t.Fatalf("deleted %+v, %v", pruned, err)
	}
	found := false
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			found = found || r.Action == retinue.RecordPruned && r.Subject == "governance"
		}
		return nil
	})
	if err != nil || !found {
		t.Errorf("it is not on record (%v)", err)
	}
	if text, ok, err := a.VerifyAudit(t.Context(), "", ""); err != nil || !ok {
		t.Errorf("audit log: %s %v", text, err)
	}
	settings, err := a.Retention(t.Context())
	at := slices.IndexFunc(settings.Classes, func(c api.RetentionClass) bool { return c.Class == store.RetainGovernance })
	if err != nil || settings.Classes[at].LastRows != 1 {
		t.Errorf("settings %+v, %v", settings, err)
	}
}
