package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/seal"
)

var place = seal.Place{Table: "accounts", Row: "acc_1", Column: "totp"}

func TestSealedValuesAreBound(t *testing.T) {
	ring, err := seal.OpenFile(filepath.Join(t.TempDir(), "keys", "sealing.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, plain := seal.New(ring), []byte("a value to keep")
	a, err := s.Seal(t.Context(), plain, place)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := s.Seal(t.Context(), plain, place)
	if bytes.Equal(a, b) || bytes.Contains(a, plain) {
		t.Error("two seals are alike, or hold the value")
	}
	if got, err := s.Open(t.Context(), a, place); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("open: %q %v", got, err)
	}
	for _, other := range []seal.Place{{Table: "accounts", Row: "acc_2", Column: "totp"}, {Table: "accounts", Row: "acc_1", Column: "x"},
		{Table: "b", Row: "acc_1", Column: "totp"}, {Table: "accountsacc_1", Row: "", Column: "totp"}, {}} {
		if _, err := s.Open(t.Context(), a, other); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("it opens at %s: %v", other, err)
		}
	}
	for i := range a {
		bad := bytes.Clone(a)
		bad[i] ^= 1
		if _, err := s.Open(t.Context(), bad, place); err == nil {
			t.Fatalf("with byte %d altered it opens", i)
		}
		if _, err := s.Open(t.Context(), a[:i], place); err == nil {
			t.Fatalf("the first %d bytes open", i)
		}
	}
	if _, err := s.Seal(t.Context(), make([]byte, seal.MaxPlaintext+1), place); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("too large: %v", err)
	}
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sealing.key")
	ring, err := seal.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := seal.New(ring)
	old, _ := s.Seal(t.Context(), []byte("v"), place)
	if err := ring.Rotate(); err != nil {
		t.Fatal(err)
	}
	again, changed, err := s.Reseal(t.Context(), old, place)
	if err != nil || !changed {
		t.Fatalf("reseal: %v %v", changed, err)
	}
	if _, changed, err := s.Reseal(t.Context(), again, place); err != nil || changed {
		t.Errorf("a second time: %v %v", changed, err)
	}
	if err := ring.Retire(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), old, place); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("under a key that is gone: %v", err)
	}
	reopened, err := seal.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.New(reopened).Open(t.Context(), again, place); err != nil || string(got) != "v" {
		t.Errorf("after a restart: %q %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenFile(path); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("a file that others read: %v", err)
	}
}

func TestParseRing(t *testing.T) {
	hex := func(b byte) string { return string(bytes.Repeat([]byte{b}, 64)) }
	ring, err := seal.ParseRing(hex('a') + ", " + hex('b'))
	if err != nil || len(ring.IDs()) != 2 || ring.IDs()[0] == ring.IDs()[1] {
		t.Fatalf("%v %v", ring, err)
	}
	if err := ring.Rotate(); !errors.Is(err, retinue.ErrUnsupported) {
		t.Errorf("rotating what the environment gives: %v", err)
	}
	for _, bad := range []string{"", "  ", hex('x'), hex('a')[1:]} {
		if _, err := seal.ParseRing(bad); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	ring, err := seal.ParseRing(string(bytes.Repeat([]byte{'a'}, 64)))
	if err != nil {
		f.Fatal(err)
	}
	s := seal.New(ring)
	good, err := s.Seal(f.Context(), []byte("v"), place)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("rsl1\xff"))
	f.Add([]byte("rsl1\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := s.Open(t.Context(), b, place); err == nil && string(out) != "v" {
			t.Error("something else opens")
		}
	})
}
