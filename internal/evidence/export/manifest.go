package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/retinue-id/retinue"
)

// ManifestFormat names the form of a manifest.
const ManifestFormat = "retinue.export.v1"

// ManifestSuffix is what a manifest's file name adds to that of its export.
const ManifestSuffix = ".manifest.json"

// maxManifest bounds a manifest that is read, in bytes.
const maxManifest = 64 << 20

// Manifest says what an exported file is: the question, the state that it was
// answered from, and the answer's size and hash.
type Manifest struct {
	Format string `json:"format"`
	// File is the base name of the export, Kind its format: json, csv, xlsx,
	// sarif, ocsf, html.
	File      string        `json:"file,omitempty"`
	Kind      string        `json:"kind"`
	CreatedAt time.Time     `json:"createdAt"`
	By        retinue.Actor `json:"by"`
	// Tool is the program and its version.
	Tool  string `json:"tool"`
	Query Query  `json:"query"`
	// AsOf is the observed time that was asked for, KnownAt what was known when
	// it was; zero means now.
	AsOf    time.Time `json:"asOf,omitzero"`
	KnownAt time.Time `json:"knownAt,omitzero"`

	Rows   int64   `json:"rows"`
	Cut    int64   `json:"cut,omitempty"` // values that did not fit into the format
	Bytes  int64   `json:"bytes"`
	SHA256 string  `json:"sha256"` // of the file, lower-case hexadecimal
	Sample *Sample `json:"sample,omitempty"`

	// Complete is true where every source's every scope was complete.
	Complete bool     `json:"complete"`
	Sources  []Source `json:"sources"`
	// NotCovered lists what an export of this kind never contains.
	NotCovered []string `json:"notCovered,omitempty"`
	// Audit is the head of the audit log when the export was made.
	Audit AuditHead `json:"audit"`
}

// Query is what was asked.
type Query struct {
	// Subject is what was listed: identities, credentials, findings, …
	Subject string              `json:"subject"`
	Filters map[string][]string `json:"filters,omitempty"`
	Order   string              `json:"order,omitempty"`
	Limit   int64               `json:"limit,omitempty"`
}

// Source says how complete a source was when the export was made.
type Source struct {
	Name       string        `json:"name"`
	Kind       string        `json:"kind"`
	Realm      retinue.Realm `json:"realm,omitempty"`
	ObservedAt time.Time     `json:"observedAt,omitzero"`
	Complete   bool          `json:"complete"`
	Scopes     int           `json:"scopes"` // complete ones
	// Skipped lists the scopes that were partial, failed or held back.
	Skipped []SkippedScope `json:"skipped,omitempty"`
	// Missing lists permissions that the source did not have.
	Missing    []string `json:"missing,omitempty"`
	NotCovered []string `json:"notCovered,omitempty"`
}

// SkippedScope is a scope whose state is not known to be whole.
type SkippedScope struct {
	Scope  string `json:"scope"`
	State  string `json:"state"` // partial, failed, held
	Reason string `json:"reason,omitempty"`
}

// AuditHead is the last record of an audit log.
type AuditHead struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash,omitempty"`
}

// Digest counts and hashes what is written through it.
type Digest struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

// NewDigest returns a Digest that passes everything on to w.
func NewDigest(w io.Writer) *Digest { return &Digest{w: w, sum: sha256.New()} }

// Write implements io.Writer.
func (d *Digest) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.sum.Write(p[:n])
	d.n += int64(n)
	return n, err
}

// Finish returns the manifest with its format, rows, bytes and SHA-256, and
// Complete computed from its sources.
func (d *Digest) Finish(m Manifest, out Written) Manifest {
	m.Format = ManifestFormat
	m.CreatedAt = m.CreatedAt.UTC()
	m.Rows, m.Cut, m.Bytes, m.SHA256 = out.Rows, out.Cut, d.n, hex.EncodeToString(d.sum.Sum(nil))
	m.Complete = true
	for _, s := range m.Sources {
		m.Complete = m.Complete && s.Complete && len(s.Skipped) == 0
	}
	if m.Sources == nil {
		m.Sources = []Source{}
	}
	return m
}

// Encode returns the manifest as it is written to a file.
func (m Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return b.Bytes(), nil
}

// WriteFile writes an export and its manifest: path and path with
// ManifestSuffix, both of mode 0600. The export gets its name only once it is
// whole, so a failure leaves what was there before.
func WriteFile(path string, m Manifest, write func(io.Writer) (Written, error)) (Manifest, error) {
	m.File = filepath.Base(path)
	err := replaceFile(path, func(w io.Writer) error {
		d := NewDigest(w)
		out, err := write(d)
		if err == nil {
			m = d.Finish(m, out)
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("write export %s: %w", path, err)
	}
	raw, err := m.Encode()
	if err == nil {
		err = replaceFile(path+ManifestSuffix, func(w io.Writer) error {
			_, err := w.Write(raw)
			return err
		})
	}
	if err != nil {
		return m, fmt.Errorf("write manifest of %s: %w", path, err)
	}
	return m, nil
}

// Receive writes an export that was made elsewhere, and its manifest: read
// passes the file on and then returns the manifest. A file that is not what its
// manifest says is ErrUnavailable, and leaves what was there before.
func Receive(path string, read func(io.Writer) (manifest []byte, err error)) (m Manifest, err error) {
	err = replaceFile(path, func(w io.Writer) error {
		d := NewDigest(w)
		raw, err := read(d)
		if err != nil {
			return err
		}
		if m, err = ReadManifest(bytes.NewReader(raw)); err != nil {
			return err
		}
		if sum := hex.EncodeToString(d.sum.Sum(nil)); m.Bytes != d.n || m.SHA256 != sum {
			return fmt.Errorf("%w: %d bytes came, and not those that the manifest names", retinue.ErrUnavailable, d.n)
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("receive export %s: %w", path, err)
	}
	m.File = filepath.Base(path)
	raw, err := m.Encode()
	if err == nil {
		err = replaceFile(path+ManifestSuffix, func(w io.Writer) error {
			_, err := w.Write(raw)
			return err
		})
	}
	if err != nil {
		return m, fmt.Errorf("write manifest of %s: %w", path, err)
	}
	return m, nil
}

func replaceFile(path string, write func(io.Writer) error) (err error) {
	// CreateTemp makes files of mode 0600.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err = write(f); err == nil {
		err = f.Sync()
	}
	// Closed before it is renamed, which Windows asks for.
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// ReadManifest reads a manifest.
func ReadManifest(r io.Reader) (Manifest, error) {
	var m Manifest
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if len(raw) > maxManifest {
		return m, fmt.Errorf("%w: read manifest: more than %d bytes", retinue.ErrInvalid, maxManifest)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("%w: read manifest: %w", retinue.ErrInvalid, err)
	}
	if m.Format != ManifestFormat {
		return m, fmt.Errorf("%w: read manifest: format %q: want %s", retinue.ErrInvalid, retinue.CleanName(m.Format), ManifestFormat)
	}
	return m, nil
}

// Verify reports a file that is not the one that the manifest is of, wrapping
// ErrConflict.
func (m Manifest) Verify(file io.Reader) error {
	d := NewDigest(io.Discard)
	if _, err := io.Copy(d, file); err != nil {
		return fmt.Errorf("verify export: %w", err)
	}
	if d.n != m.Bytes {
		return fmt.Errorf("%w: verify export: the file has %d bytes, its manifest says %d", retinue.ErrConflict, d.n, m.Bytes)
	}
	if got := hex.EncodeToString(d.sum.Sum(nil)); got != m.SHA256 {
		return fmt.Errorf("%w: verify export: the file has SHA-256 %s, its manifest says %s", retinue.ErrConflict, got, m.SHA256)
	}
	return nil
}
