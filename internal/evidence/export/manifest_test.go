package export

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
)

func testManifest() Manifest {
	return Manifest{Kind: "csv", CreatedAt: at, By: retinue.Actor{Kind: "os_user", Name: "ada"}, Tool: "retinue 0.1",
		Query: Query{Subject: "identities", Filters: map[string][]string{"class": {"non_human"}}}, AsOf: at,
		Sources: []Source{{Name: "aws-prod", Kind: "aws", Realm: "aws:1", ObservedAt: at, Complete: true, Scopes: 4}},
		Audit:   AuditHead{Seq: 9, Hash: strings.Repeat("ab", 32)}}
}

func TestWriteFileAndVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identities.csv")
	write := func(w io.Writer) (Written, error) {
		return WriteCSV(w, Table{Columns: columns, Rows: sampleRows()})
	}
	m, err := WriteFile(path, testManifest(), write)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows != 3 || m.File != "identities.csv" || !m.Complete || len(m.SHA256) != 64 {
		t.Errorf("%+v", m)
	}
	f, err := os.Open(path + ManifestSuffix)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read, err := ReadManifest(f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, read); d != "" {
		t.Errorf("the manifest reads back otherwise:\n%s", d)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Verify(bytes.NewReader(raw)); err != nil {
		t.Error(err)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if err := read.Verify(bytes.NewReader(changed)); !errors.Is(err, retinue.ErrConflict) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if err := read.Verify(bytes.NewReader(raw[:len(raw)-1])); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("cut: %v", err)
	}
	if info, err := os.Stat(path); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// A failure leaves what was there.
	boom := errors.New("disk full")
	if _, err := WriteFile(path, testManifest(), func(w io.Writer) (Written, error) { _, _ = w.Write([]byte("half")); return Written{}, boom }); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(after, raw) {
		t.Error("a failed export replaced the file")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 2 {
		t.Errorf("%d files are left, want the export and its manifest", len(left))
	}
}

func TestManifestSaysWhenASourceIsPartial(t *testing.T) {
	m := testManifest()
	m.Sources = append(m.Sources, Source{Name: "k8s", Complete: true, Skipped: []SkippedScope{{"kubernetes:x/namespace/pay", "partial", "forbidden"}}})
	if got := NewDigest(io.Discard).Finish(m, Written{}); got.Complete {
		t.Error("a manifest with a skipped scope is complete")
	}
}

func FuzzReadManifest(f *testing.F) {
	raw, err := testManifest().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := ReadManifest(bytes.NewReader(raw)); err == nil && m.Format != ManifestFormat {
			t.Fatalf("%q was read", raw)
		}
	})
}
