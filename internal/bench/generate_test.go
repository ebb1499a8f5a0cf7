package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue"
)

// small are the options of an enterprise that tests make in a moment.
func small(t testing.TB, o Options) Options {
	t.Helper()
	if o.Seed == 0 {
		o.Seed = 7
	}
	if o.Identities == 0 {
		o.Identities = 80
	}
	if o.Days == 0 {
		o.Days = 20
	}
	o.Out = filepath.Join(t.TempDir(), "out")
	return o
}

// make generates an enterprise and returns its truth and folder.
func generated(t testing.TB, o Options) (Truth, string) {
	t.Helper()
	o = small(t, o)
	truth, err := Generate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return truth, o.Out
}

// sums are the digests of the files of a folder.
func sums(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEqualOptionsGiveEqualBytes(t *testing.T) {
	_, a := generated(t, Options{Days: 6})
	_, b := generated(t, Options{Days: 6})
	_, c := generated(t, Options{Days: 6, Seed: 8})
	one, two, other := sums(t, a), sums(t, b), sums(t, c)
	if len(one) < 100 || len(one) != len(two) {
		t.Fatalf("%d and %d files", len(one), len(two))
	}
	for name, sum := range one {
		if two[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
	if other["truth.json"] == one["truth.json"] {
		t.Error("another seed makes the same truth")
	}
}

func TestRefusedOptions(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"few":     {Options{Identities: 3, Out: "x"}, retinue.ErrInvalid},
		"days":    {Options{Days: 1, Out: "x"}, retinue.ErrInvalid},
		"nowhere": {Options{}, retinue.ErrInvalid},
		"plant":   {Options{Out: "x", Without: []Plant{"trees"}}, retinue.ErrInvalid},
		"full":    {Options{Out: full}, retinue.ErrConflict},
	} {
		if _, err := Generate(t.Context(), c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
