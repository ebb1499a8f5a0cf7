package app

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// maxSmall bounds the manifest and files with keys, in bytes.
const maxSmall = 1 << 20

// Restore brings an installation back from a backup to where the configuration
// says: a place without a database, and with no other keys. The copy is checked
// and upgraded before it is put there; sessions have ended. For PostgreSQL the
// keys come back, and the database that the configuration names, restored from
// its dump before, is checked and upgraded.
func Restore(ctx context.Context, cfg Config, path string, open []age.Identity, now func() time.Time) (r Restored, err error) {
	if now == nil {
		now = time.Now
	}
	if err := restorable(cfg); err != nil {
		return r, err
	}
	in, err := os.Open(path)
	if err != nil {
		return r, fmt.Errorf("%w: restore: %v", retinue.ErrNotFound, err)
	}
	defer func() { _ = in.Close() }()
	home := filepath.Dir(cfg.KeyFile)
	if !strings.Contains(cfg.Database, "://") {
		home = filepath.Dir(cfg.Database)
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return r, fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
	}
	dir, err := os.MkdirTemp(home, ".retinue-restore-")
	if err != nil {
		return r, fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if r.Manifest, err = unpack(in, dir, open); err != nil {
		return r, err
	}
	if remote := strings.Contains(cfg.Database, "://"); remote != (r.Manifest.Dialect == "postgres") {
		return r, fmt.Errorf("%w: restore: the backup is of %s, and the configuration names another database", retinue.ErrInvalid, r.Manifest.Dialect)
	}
	if err := sameKeys(cfg, dir); err != nil {
		return r, err
	}
	if err := r.check(ctx, cfg, dir, now); err != nil {
		return r, err
	}
	return r, r.place(cfg, dir)
}

// restorable refuses a place where something is already.
func restorable(cfg Config) error {
	if strings.Contains(cfg.Database, "://") {
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if _, err := os.Lstat(cfg.Database + suffix); err == nil {
			return fmt.Errorf("%w: restore: %s exists: move it away first", retinue.ErrConflict, cfg.Database+suffix)
		}
	}
	return nil
}

// unpack decrypts a backup into a folder and checks each file against the
// manifest.
func unpack(in io.Reader, dir string, open []age.Identity) (m BackupManifest, err error) {
	bad := func(err error) error {
		return fmt.Errorf("%w: restore: it is no backup of Retinue, or was cut or changed: %v", retinue.ErrInvalid, err)
	}
	plain, err := age.Decrypt(in, open...)
	if noMatch := new(age.NoIdentityMatchError); errors.As(err, &noMatch) {
		return m, fmt.Errorf("%w: restore: neither the identity nor the passphrase opens it", retinue.ErrDenied)
	}
	if err != nil {
		return m, bad(err)
	}
	zip, err := gzip.NewReader(plain)
	if err != nil {
		return m, bad(err)
	}
	pack := tar.NewReader(zip)
	head, err := pack.Next()
	if err != nil || head.Name != backupManifest || head.Size > maxSmall {
		return m, bad(errors.Join(err, errors.New("the manifest does not come first")))
	}
	d := json.NewDecoder(io.LimitReader(pack, maxSmall))
	if err := d.Decode(&m); err != nil {
		return m, bad(err)
	}
	if m.Format != backupFormat {
		return m, fmt.Errorf("%w: restore: format %.40q: this program reads %s", retinue.ErrUnsupported, m.Format, backupFormat)
	}
	for _, f := range m.Files {
		head, err := pack.Next()
		if err != nil {
			return m, bad(err)
		}
		if head.Name != f.Name || head.Size != f.Size {
			return m, bad(fmt.Errorf("%.80q stands where the manifest names %.80q", head.Name, f.Name))
		}
		if err := unpackFile(pack, f, dir); err != nil {
			return m, err
		}
	}
	if _, err := pack.Next(); !errors.Is(err, io.EOF) {
		return m, bad(errors.New("more files than the manifest names"))
	}
	// To the very end: what was cut off there is noticed only there.
	if _, err := io.Copy(io.Discard, zip); err != nil {
		return m, bad(err)
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return m, bad(err)
	}
	return m, nil
}

// unpackFile writes one file; its name is one of those that a backup has.
func unpackFile(from io.Reader, f BackupFile, dir string) error {
	name := strings.TrimPrefix(f.Name, backupKeys)
	switch f.Name {
	case backupDatabase:
	case backupKeys + "fingerprint.key", backupKeys + "checkpoint.key", backupKeys + "sealing.key":
		if f.Size > maxSmall {
			return fmt.Errorf("%w: restore: %s has %d bytes", retinue.ErrInvalid, f.Name, f.Size)
		}
	default:
		return fmt.Errorf("%w: restore: a backup holds no %.80q", retinue.ErrInvalid, f.Name)
	}
	out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), from)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("%w: restore %s: %v", retinue.ErrUnavailable, f.Name, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: restore: %s is not what the manifest says", retinue.ErrInvalid, f.Name)
	}
	return nil
}

// sameKeys refuses to write over keys that are others.
func sameKeys(cfg Config, dir string) error {
	for name, path := range cfg.keyFiles() {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
		}
		have, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil || !bytes.Equal(have, want) {
			return fmt.Errorf("%w: restore: %s holds other keys: move it away first", retinue.ErrConflict, path)
		}
	}
	return nil
}

// check opens the unpacked installation, which upgrades it, and holds it to its
// manifest. Whatever is wrong is found before anything is put in its place.
func (r *Restored) check(ctx context.Context, cfg Config, dir string, now func() time.Time) (err error) {
	probe := cfg
	probe.KeyFile, probe.SigningKeyFile = filepath.Join(dir, "fingerprint.key"), filepath.Join(dir, "checkpoint.key")
	if r.Manifest.Dialect == "sqlite" {
		probe.Database = filepath.Join(dir, backupDatabase)
		if err := r.count(ctx, probe.Database); err != nil {
			return err
		}
	}
	a, err := Open(ctx, probe, Options{Now: now})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if r.Audit, err = a.verifyRestored(ctx, r.Manifest); err != nil {
		return err
	}
	if r.Schema, err = a.DB.SchemaVersion(ctx); err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordRestored, "installation", map[string]any{"madeAt": r.Manifest.CreatedAt, "records": r.Manifest.Records,
			"head": r.Manifest.Head, "schema": r.Schema})
		return tx.EndSignIns()
	})
}

// count holds the copy, as it was unpacked, to the counts of the manifest.
func (r *Restored) count(ctx context.Context, path string) (err error) {
	db, err := sqlstore.Beside(ctx, path, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Intact(ctx); err != nil {
		return err
	}
	counts, err := db.TableCounts(ctx)
	if err != nil {
		return err
	}
	for table, want := range r.Manifest.Counts {
		if counts[table] != want {
			return fmt.Errorf("%w: restore: %s has %d rows, and the manifest says %d", retinue.ErrInvalid, table, counts[table], want)
		}
	}
	return nil
}

// place moves the checked files to where the configuration says: the keys
// first, so that there is never a database without its keys.
func (r *Restored) place(cfg Config, dir string) error {
	for name, path := range cfg.keyFiles() {
		from := filepath.Join(dir, name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if _, err := os.Stat(path); err == nil {
			continue // the same, as sameKeys found
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
		}
		if err := moveFile(from, path); err != nil {
			return err
		}
		r.Keys = append(r.Keys, path)
	}
	if r.Manifest.Dialect == "sqlite" {
		return moveFile(filepath.Join(dir, backupDatabase), cfg.Database)
	}
	return nil
}

// moveFile moves a file, also to another file system.
func moveFile(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%w: restore: %v", retinue.ErrDenied, err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("%w: restore %s: %v", retinue.ErrUnavailable, to, err)
	}
	return nil
}
