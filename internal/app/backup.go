package app

import (
	"archive/tar"
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
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// backupFormat names the format of backups; it changes when older programs
// cannot read newer ones.
const backupFormat = "retinue-backup-v1"

// The names of the files in a backup.
const (
	backupManifest = "manifest.json"
	backupDatabase = "database.db"
	backupKeys     = "keys/"
)

// BackupManifest is what a backup holds; it comes first in it.
type BackupManifest struct {
	Format    string    `json:"format"`
	Tool      string    `json:"tool"`
	CreatedAt time.Time `json:"createdAt"`
	// Dialect is sqlite or postgres; a backup of PostgreSQL holds the keys, and
	// what the dump beside it must hold.
	Dialect string           `json:"dialect"`
	Schema  int64            `json:"schema"`
	Counts  map[string]int64 `json:"counts"`
	// Records and Head are the length of the audit log and its last hash.
	Records int64        `json:"records"`
	Head    string       `json:"head"`
	Files   []BackupFile `json:"files"`
}

// BackupFile is a file in a backup.
type BackupFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// BackupOptions are how a backup is made.
type BackupOptions struct {
	// Recipients may open it; at least one.
	Recipients []age.Recipient
	Now        func() time.Time
	Getenv     func(string) string
}

// keyFiles lists the files with keys of an installation, by their names in a
// backup. Sealing keys that come from the environment are in none.
func (c Config) keyFiles() map[string]string {
	return map[string]string{"fingerprint.key": c.KeyFile, "checkpoint.key": c.SigningKeyFile, "sealing.key": c.sealingKeyFile()}
}

func (c Config) sealingKeyFile() string {
	return filepath.Join(filepath.Dir(c.KeyFile), "sealing.key")
}

// Backup writes a backup of an installation to a file: a consistent copy of
// the database and the keys, encrypted. A server that holds the database goes
// on meanwhile. Warnings are what a person should know: what the backup does
// not hold.
func Backup(ctx context.Context, cfg Config, path string, opt BackupOptions) (m BackupManifest, warnings []string, err error) {
	if len(opt.Recipients) == 0 {
		return m, nil, fmt.Errorf("%w: back up: name who may open the backup: a recipient or a passphrase", retinue.ErrInvalid)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	if _, err := os.Lstat(path); err == nil {
		return m, nil, fmt.Errorf("%w: back up: %s exists: give another file", retinue.ErrConflict, path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".retinue-backup-")
	if err != nil {
		return m, nil, fmt.Errorf("%w: back up: %v", retinue.ErrDenied, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m = BackupManifest{Format: backupFormat, Tool: "retinue " + Version, CreatedAt: opt.Now().UTC().Truncate(time.Second)}
	files := map[string]string{}
	db, err := openForBackup(ctx, cfg, opt.Now)
	if err != nil {
		return m, nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := takeCopy(ctx, db, dir, &m, files); err != nil {
		return m, nil, err
	}
	if warnings, err = addKeys(cfg, opt.Getenv, files); err != nil {
		return m, nil, err
	}
	if m.Dialect == "postgres" {
		warnings = append(warnings, "the database is not in it: dump it with pg_dump at the same time, see docs/backup.md")
	}
	tmp := filepath.Join(dir, "backup.age")
	if err := writeBackup(tmp, &m, files, opt.Recipients); err != nil {
		return m, nil, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return m, nil, fmt.Errorf("%w: back up: %v", retinue.ErrDenied, err)
	}
	return m, append(warnings, recordBackup(ctx, db, m, path)...), nil
}

// openForBackup opens the database next to whoever holds it.
func openForBackup(ctx context.Context, cfg Config, now func() time.Time) (*sqlstore.DB, error) {
	if strings.Contains(cfg.Database, "://") {
		return sqlstore.Open(ctx, cfg.Database, sqlstore.Options{Now: now})
	}
	return sqlstore.Beside(ctx, cfg.Database, now)
}

// takeCopy copies the database and describes the copy: not the database, which
// goes on.
func takeCopy(ctx context.Context, db *sqlstore.DB, dir string, m *BackupManifest, files map[string]string) (err error) {
	m.Dialect = db.Dialect()
	described := db
	if m.Dialect == "sqlite" {
		dest := filepath.Join(dir, backupDatabase)
		if err := db.CopyTo(ctx, dest); err != nil {
			return err
		}
		if described, err = sqlstore.Beside(ctx, dest, time.Now); err != nil {
			return err
		}
		// Closed before the copy is packed, so that nothing of it is left in
		// a journal.
		defer func() { err = errors.Join(err, described.Close()) }()
		if err := described.Intact(ctx); err != nil {
			return err
		}
		files[backupDatabase] = dest
	}
	if m.Schema, err = described.SchemaVersion(ctx); err != nil {
		return err
	}
	if m.Counts, err = described.TableCounts(ctx); err != nil {
		return err
	}
	m.Records, m.Head, err = described.LogHead(ctx)
	return err
}

// addKeys adds the files with keys that there are.
func addKeys(cfg Config, getenv func(string) string, files map[string]string) (warnings []string, err error) {
	for name, path := range cfg.keyFiles() {
		switch _, err := os.Stat(path); {
		case err == nil:
			files[backupKeys+name] = path
		case !errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("%w: back up: %v", retinue.ErrDenied, err)
		case name == "fingerprint.key":
			return nil, fmt.Errorf("%w: back up: there are no fingerprint keys at %s: give the configuration under which the installation runs", retinue.ErrNotFound, path)
		}
	}
	if w := cfg.sealingWarning(getenv); w != "" {
		warnings = append(warnings, w)
	}
	return warnings, nil
}

// sealingWarning says where the sealing keys are that a backup does not hold;
// it is empty where it holds them.
func (c Config) sealingWarning(getenv func(string) string) string {
	const without = ": without it no kept secret opens after a restoration"
	switch t, k := c.Sealing.Transit, c.Sealing.KMS; {
	case t.Key != "":
		return "the sealing key " + t.Key + " is in the transit engine at " + t.Address + " and not in it: keep that key there, and allow its backup or replication" + without
	case k.Key != "":
		return "the sealing key " + k.Key + " is in AWS KMS and not in it: do not let it be deleted there" + without
	case getenv(sealKeysEnv) != "":
		return "the sealing keys come from the environment and are not in it: keep them elsewhere" + without
	}
	return ""
}

// recordBackup keeps on record that a backup was made. A database of an older
// schema is left as it is: it is backed up before the upgrade.
func recordBackup(ctx context.Context, db *sqlstore.DB, m BackupManifest, path string) []string {
	err := db.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordBackedUp, filepath.Base(path), map[string]any{"records": m.Records, "head": m.Head, "schema": m.Schema})
		return nil
	})
	if err != nil {
		return []string{"the backup is good, and is not on record: " + err.Error()}
	}
	return nil
}

// writeBackup packs and encrypts the files, the manifest first.
func writeBackup(path string, m *BackupManifest, files map[string]string, to []age.Recipient) (err error) {
	for _, name := range []string{backupDatabase, backupKeys + "fingerprint.key", backupKeys + "checkpoint.key", backupKeys + "sealing.key"} {
		from, ok := files[name]
		if !ok {
			continue
		}
		f, err := summed(name, from)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%w: back up: %v", retinue.ErrDenied, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sealed, err := age.Encrypt(out, to...)
	if err != nil {
		return fmt.Errorf("%w: back up: %v", retinue.ErrInvalid, err)
	}
	zip := gzip.NewWriter(sealed)
	pack := tar.NewWriter(zip)
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := packFile(pack, backupManifest, int64(len(body)), strings.NewReader(string(body))); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := packNamed(pack, f, files[f.Name]); err != nil {
			return err
		}
	}
	if err := errors.Join(pack.Close(), zip.Close(), sealed.Close(), out.Sync()); err != nil {
		return fmt.Errorf("%w: back up: %v", retinue.ErrUnavailable, err)
	}
	return nil
}

func summed(name, from string) (BackupFile, error) {
	in, err := os.Open(from)
	if err != nil {
		return BackupFile{}, fmt.Errorf("%w: back up: %v", retinue.ErrDenied, err)
	}
	defer func() { _ = in.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		return BackupFile{}, fmt.Errorf("%w: back up %s: %v", retinue.ErrUnavailable, name, err)
	}
	return BackupFile{Name: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

func packNamed(pack *tar.Writer, f BackupFile, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w: back up: %v", retinue.ErrDenied, err)
	}
	defer func() { _ = in.Close() }()
	return packFile(pack, f.Name, f.Size, in)
}

func packFile(pack *tar.Writer, name string, size int64, from io.Reader) error {
	err := pack.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, Format: tar.FormatPAX})
	if err == nil {
		_, err = io.Copy(pack, from)
	}
	if err != nil {
		return fmt.Errorf("%w: back up %s: %v", retinue.ErrUnavailable, name, err)
	}
	return nil
}

// Restored is what a restoration brought back.
type Restored struct {
	Manifest BackupManifest
	// Audit is what the verification of the audit log says.
	Audit string
	// Schema is the version to which the database was upgraded.
	Schema int64
	// Keys are the files with keys that were written; those that were there
	// already and are the same are left out.
	Keys []string
}

// verifyRestored holds a restored installation to the manifest of its backup:
// the log must be whole and the same up to where it was, and the counts must
// agree.
func (a *App) verifyRestored(ctx context.Context, m BackupManifest) (string, error) {
	text, ok, err := a.VerifyAudit(ctx, "", "")
	if err != nil {
		return text, err
	}
	if !ok {
		return text, fmt.Errorf("%w: restore: the audit log does not hold: %s", retinue.ErrInvalid, text)
	}
	return text, a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if m.Records == 0 {
			return nil
		}
		have, err := tx.RecordHash(m.Records)
		if err == nil && have != m.Head {
			err = fmt.Errorf("%w: restore: record %d of the audit log is not the one that was backed up", retinue.ErrInvalid, m.Records)
		}
		return err
	})
}
