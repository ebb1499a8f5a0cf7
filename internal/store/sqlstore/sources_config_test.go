package sqlstore_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

func (w *world) configured(name string) store.SourceConfig {
	w.t.Helper()
	var c store.SourceConfig
	w.update(func(tx *sqlstore.Tx) (err error) {
		c, err = tx.CreateSource(store.SourceConfig{Source: store.Source{Kind: "test", Name: name, Target: name}, Origin: store.OriginAPI,
			Target: name, Options: map[string]string{"regions": "a;b"}, Interval: time.Hour, Jitter: time.Minute, UpdatedBy: actor})
		return err
	})
	return c
}

func TestSourceConfig(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c := w.configured("prod")
		w.update(func(tx *sqlstore.Tx) error {
			if _, err := tx.CreateSource(c); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("a second source of the name: %v", err)
			}
			return errors.Join(tx.SetSourceSecret(c.Source.Key, "password", []byte("sealed 1"), actor),
				tx.SetSourceSecret(c.Source.Key, "password", []byte("sealed 2"), actor), tx.SetHook(c.Source.Key, []byte("hook"), actor))
		})
		w.update(func(tx *sqlstore.Tx) error {
			for _, by := range []string{"prod", string(c.Source.ID)} {
				got, err := tx.SourceConfig(by)
				if err != nil {
					return err
				}
				if got.Options["regions"] != "a;b" || got.Interval != time.Hour || got.Version != 1 || len(got.Secrets) != 1 || got.Hook == nil {
					t.Errorf("by %s: %+v", by, got)
				}
			}
			sealed, err := tx.SealedSecrets(c.Source.Key)
			if string(sealed["password"]) != "sealed 2" {
				t.Errorf("sealed %q", sealed)
			}
			c.Paused, c.Interval = true, 0
			c, err2 := tx.SaveSource(c)
			if c.Version != 2 {
				t.Errorf("version %d", c.Version)
			}
			return errors.Join(err, err2)
		})
		// Who may see one source sees no other.
		w.configured("dev")
		w.update(func(tx *sqlstore.Tx) error {
			return tx.Within(store.RowScope{Sources: []string{"dev"}}, func() error {
				list, err := tx.SourceConfigs()
				if len(list) != 1 || list[0].Source.Name != "dev" {
					t.Errorf("seen: %+v", list)
				}
				if _, err := tx.SourceConfig("prod"); !errors.Is(err, retinue.ErrNotFound) {
					t.Errorf("another source: %v", err)
				}
				return err
			})
		})
		w.update(func(tx *sqlstore.Tx) error {
			if err := tx.RemoveSourceSecret(c.Source.Key, "other"); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("a secret that is not set: %v", err)
			}
			return tx.RemoveSource(c, actor)
		})
		w.update(func(tx *sqlstore.Tx) error {
			got, err := tx.SourceConfig("prod")
			if got.Origin != "" || len(got.Secrets) != 0 || got.Hook != nil {
				t.Errorf("after removal: %+v", got)
			}
			return err
		})
	})
}

// TestConfiguredSourceKeepsItsName has a scan from the command line read the
// same target by another name.
func TestConfiguredSourceKeepsItsName(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c := w.configured("prod")
		w.update(func(tx *sqlstore.Tx) error {
			s, err := tx.EnsureSource("test", "test:prod", "prod")
			if s.ID == c.Source.ID {
				t.Error("the configured source was renamed")
			}
			return err
		})
	})
}

func TestScansOfOneSource(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c, other := w.configured("prod"), w.configured("dev")
		var first, second store.Scan
		w.update(func(tx *sqlstore.Tx) error {
			a, added, err := tx.AddScan(store.Scan{Source: c.Source, Reason: store.ScanDemanded, Actor: actor, DueAt: tx.At().Add(time.Hour)})
			b, again, err2 := tx.AddScan(store.Scan{Source: c.Source, Reason: store.ScanHooked, Actor: actor})
			if !added || again || a.ID != b.ID || !b.DueAt.Before(a.DueAt) {
				t.Errorf("%v %v %+v %+v: the second did not coalesce, or is not due earlier", added, again, a, b)
			}
			_, added, err3 := tx.AddScan(store.Scan{Source: other.Source, Reason: store.ScanDemanded, Actor: actor})
			if !added {
				t.Error("scans of two sources coalesced")
			}
			first = b
			return errors.Join(err, err2, err3)
		})
		w.update(func(tx *sqlstore.Tx) (err error) {
			first, err = tx.BeginScan(first, "host/1")
			return err
		})
		w.update(func(tx *sqlstore.Tx) (err error) {
			if _, err := tx.BeginScan(first, "host/2"); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("begun twice: %v", err)
			}
			var added bool
			second, added, err = tx.AddScan(store.Scan{Source: c.Source, Reason: store.ScanHooked, Actor: actor})
			if !added {
				t.Error("a request during a scan was taken to be answered by it")
			}
			if _, err := tx.BeginScan(second, "host/2"); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("two at once: %v", err)
			}
			return err
		})
		w.update(func(tx *sqlstore.Tx) error {
			first.Progress = []store.ScopeProgress{{Scope: "test:1/iam", Stage: "listing", Done: 3, Total: 9}}
			cancelled, err := tx.BeatScan(first)
			if cancelled {
				t.Error("cancelled by nobody")
			}
			stranger := first
			stranger.Holder = "host/9"
			if _, err := tx.BeatScan(stranger); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("a sign of life of another process: %v", err)
			}
			return err
		})
		w.update(func(tx *sqlstore.Tx) error {
			if _, err := tx.CancelScan(first, actor); err != nil {
				return err
			}
			cancelled, err := tx.BeatScan(first)
			if !cancelled {
				t.Error("the process is not told")
			}
			got, err2 := tx.Scan(first.ID)
			if len(got.Progress) != 1 || got.Progress[0].Done != 3 {
				t.Errorf("progress %+v", got.Progress)
			}
			first.State = store.ScanCancelled
			return errors.Join(err, err2, tx.EndScan(first))
		})
		w.update(func(tx *sqlstore.Tx) error {
			if _, err := tx.CancelScan(first, actor); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("cancelled after the end: %v", err)
			}
			if _, err := tx.BeginScan(second, "host/2"); err != nil {
				return err
			}
			list, err := tx.Scans(store.ScanQuery{Source: "prod"})
			if len(list) != 2 || list[0].ID != second.ID {
				t.Errorf("%+v", list)
			}
			page, err2 := tx.Scans(store.ScanQuery{Before: list[0].Key, Limit: 1})
			if len(page) != 1 || page[0].Key >= list[0].Key {
				t.Errorf("second page %+v", page)
			}
			var none []store.Scan
			err3 := tx.Within(store.RowScope{Sources: []string{"dev"}}, func() error {
				if _, err := tx.Scan(second.ID); !errors.Is(err, retinue.ErrNotFound) {
					t.Errorf("a scan of another source: %v", err)
				}
				none, err = tx.Scans(store.ScanQuery{Source: "prod"})
				return err
			})
			if len(none) != 0 {
				t.Errorf("seen %+v", none)
			}
			ended, open, err4 := tx.LastScans()
			if ended[c.Source.Key].ID != first.ID || open[c.Source.Key].ID != second.ID {
				t.Errorf("last %+v, open %+v", ended, open)
			}
			return errors.Join(err, err2, err3, err4)
		})
	})
}

func TestDeliveriesCountOnce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c := w.configured("prod")
		take := func(digest string, scan store.ScanID) (before store.ScanID) {
			w.update(func(tx *sqlstore.Tx) (err error) {
				before, err = tx.TakeDelivery(c.Source.Key, []byte(digest), scan, time.Hour)
				return err
			})
			return before
		}
		if b := take("a", "scn_1"); b != "" {
			t.Errorf("before: %s", b)
		}
		if b := take("a", "scn_2"); b != "scn_1" {
			t.Errorf("the second time: %q", b)
		}
		w.time = w.time.Add(2 * time.Hour)
		take("b", "scn_3")
		if b := take("a", "scn_4"); b != "" {
			t.Errorf("after it was forgotten: %q", b)
		}
	})
}

func TestUploads(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		var c store.Collector
		var u store.Upload
		w.update(func(tx *sqlstore.Tx) (err error) {
			c, err = tx.CreateCollector(store.Collector{Name: "dc1", Token: "tok_1", Realms: []retinue.Realm{"host:1"}, Enrolment: store.EnrolmentNone, CreatedBy: actor})
			return err
		})
		w.update(func(tx *sqlstore.Tx) (err error) {
			if _, err := tx.CreateCollector(store.Collector{Name: "dc1"}); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("a second collector of the name: %v", err)
			}
			if got, err := tx.CollectorOfToken("tok_1"); err != nil || got.ID != c.ID || got.Realms[0] != "host:1" {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := tx.CollectorOfToken(""); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("the collector of no token: %v", err)
			}
			u, err = tx.CreateUpload(c.Key, store.Upload{Digest: "d", Size: 25, ChunkSize: 10, ExpiresAt: tx.At().Add(time.Hour)})
			return err
		})
		w.update(func(tx *sqlstore.Tx) error {
			return errors.Join(tx.PutChunk(u.Key, 2, []byte("third")), tx.PutChunk(u.Key, 0, []byte("first")), tx.PutChunk(u.Key, 0, []byte("first")))
		})
		w.update(func(tx *sqlstore.Tx) error {
			got, err := tx.SameUpload(c.Key, "d")
			if got.Chunks() != 3 || !slices.Equal(got.Have, []int64{0, 2}) {
				t.Errorf("%+v", got)
			}
			data, err2 := tx.Chunk(u.Key, 2)
			if string(data) != "third" {
				t.Errorf("chunk %q", data)
			}
			if _, err := tx.Chunk(u.Key, 1); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("a chunk that has not come: %v", err)
			}
			return errors.Join(err, err2)
		})
		w.time = w.time.Add(2 * time.Hour)
		w.update(func(tx *sqlstore.Tx) error { return tx.ExpireUploads(tx.At().Add(-24 * time.Hour)) })
		w.update(func(tx *sqlstore.Tx) error {
			got, err := tx.Upload(u.ID)
			if got.State != store.UploadExpired || len(got.Have) != 0 {
				t.Errorf("%+v", got)
			}
			return err
		})
	})
}
