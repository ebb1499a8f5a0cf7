package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// keptAccounts is how many accounts hold a sealed secret in these tests: more
// than are sealed again in one transaction.
const keptAccounts = 230

// keep fills an installation with sealed secrets of every kind.
func keep(w *ownWorld, cfg app.Config) {
	w.t.Helper()
	sealer, err := app.OpenSealer(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	put := func(table, row, column string) []byte {
		b, err := sealer.Seal(w.t.Context(), []byte("kept for "+row), seal.Place{Table: table, Row: row, Column: column})
		if err != nil {
			w.t.Fatal(err)
		}
		return b
	}
	w.configure() // a source with a secret and a webhook, by the way that the interface takes
	w.update(func(tx *sqlstore.Tx) error {
		for i := range keptAccounts {
			a, err := tx.CreateAccount(store.Account{Login: fmt.Sprint("person", i), Origin: store.OriginLocal, Active: true})
			if err != nil {
				return err
			}
			if err := tx.SetTOTP(a.Key, put("accounts", string(a.ID), "totp"), 0); err != nil {
				return err
			}
		}
		p, err := tx.Providers()
		if err != nil {
			return err
		}
		p[0].Sealed = put("sso_providers", string(p[0].ID), "client_secret")
		if _, err := tx.PutProvider(p[0]); err != nil {
			return err
		}
		o, err := tx.Outlets(store.PurposeChannel)
		if err != nil {
			return err
		}
		o[0].Sealed = put("outlets", string(o[0].ID), "sealed")
		return tx.ChangeOutlet(&o[0])
	})
}

// allOpen opens every kept secret with the keys that lie in the file now, and
// counts them by key.
func allOpen(t *testing.T, a *app.App, cfg app.Config) map[string]int {
	t.Helper()
	sealer, err := app.OpenSealer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]int{}
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		all, err := tx.Sealed("", "", 10_000)
		for _, v := range all {
			if _, err := sealer.Open(t.Context(), v.Sealed, seal.Place{Table: v.Table, Row: v.Row, Column: v.Column}); err != nil {
				t.Errorf("%s %s: %v", v.Table, v.Row, err)
			}
			id, err := seal.KeyOf(v.Sealed)
			if err != nil {
				return err
			}
			by[id]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return by
}

// blocked is a log that stops the process at the first page.
type blocked struct{ slog.Handler }

func (blocked) Enabled(context.Context, slog.Level) bool { return true }
func (blocked) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "sealed secrets again") {
		fmt.Println("page")
		select {}
	}
	return nil
}

func resealChild() int {
	ctx := context.Background()
	a, err := app.Open(ctx, fleetConfig(os.Getenv("RETINUE_CRASH_DIR"), os.Getenv("RETINUE_CRASH_DB"), 0), app.Options{Log: slog.New(blocked{slog.DiscardHandler})})
	if err == nil {
		_, err = a.FinishReseal(ctx)
	}
	fmt.Fprintln(os.Stderr, "it was not stopped:", err)
	return 1
}

// TestResealSurvivesBeingKilled rotates the sealing key, kills the process that
// seals secrets again half way, and sees that every secret opens all the time,
// and that the next process goes on to the end.
func TestResealSurvivesBeingKilled(t *testing.T) {
	eachStore(t, func(t *testing.T, dir, db string) {
		ctx, cfg := t.Context(), fleetConfig(dir, db, 0)
		w := openOwnWorld(t, dir, db)
		keep(w, cfg)
		if by := allOpen(t, w.App, cfg); len(by) != 1 {
			t.Fatalf("under keys %v", by)
		}
		if err := w.RetireSealing(ctx, w.ada.Actor); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("retired the only key: %v", err)
		}
		if err := w.RotateSealing(ctx, w.ada.Actor); err != nil {
			t.Fatal(err)
		}

		c := exec.Command(os.Args[0], "-test.run=^$")
		c.Env = append(os.Environ(), "RETINUE_RESEAL_CHILD=1", "RETINUE_CRASH_DIR="+dir, "RETINUE_CRASH_DB="+db)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "page\n" {
			t.Fatalf("%q %v", line, err)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // it was killed

		if by := allOpen(t, w.App, cfg); len(by) != 2 {
			t.Errorf("half way secrets are under keys %v, want two", by)
		}
		s, err := w.Sealing(ctx)
		if err != nil || s.Stale == 0 || s.Reseal == nil || s.Reseal.State != "running" || s.Reseal.Done == 0 || len(s.Keys) != 2 {
			t.Fatalf("%+v %v", s, err)
		}
		if err := w.RetireSealing(ctx, w.ada.Actor); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("retired a key under which secrets are: %v", err)
		}
		next := serve(t, cfg, app.Options{}) // the job is still there
		for range 1600 {
			if s, err = w.Sealing(ctx); err != nil || s.Reseal.State == "done" {
				break
			}
			time.Sleep(25 * time.Millisecond) // the queue is other goroutines
		}
		next.stop()
		if err != nil || s.Stale != 0 || s.Reseal.State != "done" || s.Reseal.Done != s.Secrets || s.Reseal.Lost != 0 || s.Secrets != keptAccounts+4 {
			t.Fatalf("%+v %+v %v", s, s.Reseal, err)
		}
		if err := w.RetireSealing(ctx, w.ada.Actor); err != nil {
			t.Fatal(err)
		}
		if by := allOpen(t, w.App, cfg); len(by) != 1 || by[s.Key] != keptAccounts+4 {
			t.Errorf("under keys %v", by)
		}
		w.recorded("sealing_key.rotated", "sealing_key.resealed", "sealing_key.retired")
	})
}

func (w *ownWorld) recorded(want ...retinue.RecordAction) {
	w.t.Helper()
	var have []retinue.RecordAction
	err := w.View(w.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			have = append(have, r.Action)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range want {
		if !slices.Contains(have, a) {
			w.t.Errorf("no record %s", a)
		}
	}
}

// TestResealLeavesWhatNoKeyOpens takes the key away under which secrets are:
// they are counted and left, and all others are sealed again.
func TestResealLeavesWhatNoKeyOpens(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "r.db")
	cfg := fleetConfig(dir, db, 0)
	w := openOwnWorld(t, dir, db)
	keep(w, cfg)
	w.update(func(tx *sqlstore.Tx) error {
		o, err := tx.Outlets(store.PurposeChannel)
		if err != nil {
			return err
		}
		o[0].Sealed = []byte("not sealed at all")
		return tx.ChangeOutlet(&o[0])
	})
	if err := w.RotateSealing(t.Context(), w.ada.Actor); err != nil {
		t.Fatal(err)
	}
	r, err := w.FinishReseal(t.Context())
	if err != nil || r.State != "done" || r.Lost != 1 || r.Done != keptAccounts+3 {
		t.Errorf("%+v %v", r, err)
	}
}
