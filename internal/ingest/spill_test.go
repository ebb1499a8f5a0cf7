package ingest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

func row(t testing.TB, key, text string) store.FactRow {
	t.Helper()
	r, err := canonical(retinue.Identity{Ref: retinue.NewRef("test:1", "role", key), Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, Description: text})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSpillSorts checks against a map and a sort, with runs of random length.
func TestSpillSorts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSpill(t.TempDir())
		defer s.close()
		want := map[string]string{}
		for i := range rapid.IntRange(0, 200).Draw(rt, "n") {
			key := fmt.Sprint("k", rapid.IntRange(0, 50).Draw(rt, "key"))
			text := fmt.Sprint("version ", i)
			if _, err := s.add(row(t, key, text)); err != nil {
				rt.Fatal(err)
			}
			want[key] = text
			if rapid.IntRange(0, 9).Draw(rt, "flush") == 0 {
				if _, err := s.flush(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		var last *store.FactRow
		n := 0
		for r, err := range s.sorted() {
			if err != nil {
				rt.Fatal(err)
			}
			n++
			if last != nil && compareRows(*last, r) >= 0 {
				rt.Fatal("out of order")
			}
			if !bytes.Contains(r.Body, []byte(`"`+want[r.Ref.Key]+`"`)) {
				rt.Fatalf("%s: %s, want %q: the last one added wins", r.Ref.Key, r.Body, want[r.Ref.Key])
			}
			last = &r
		}
		if n != len(want) {
			rt.Fatalf("%d rows, want %d", n, len(want))
		}
	})
}

func TestEqualFactsAreEqualBytes(t *testing.T) {
	labels := map[string]string{}
	for i := range 20 {
		labels[fmt.Sprint(i)] = "x"
	}
	f := retinue.Identity{Ref: retinue.NewRef("test:1", "role", "a"), Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, Labels: labels}
	a, err := canonical(f)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		b, err := canonical(f)
		if err != nil || a.Content != b.Content {
			t.Fatal("the content hash moves")
		}
	}
}

func TestFingerprintsAreNoContent(t *testing.T) {
	c := retinue.Credential{Ref: retinue.NewRef("test:1", "key", "a"), Kind: retinue.CredentialAPIKey}
	plain, err := canonical(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Fingerprints = []retinue.Fingerprint{retinue.NewFingerprintKey().Fingerprint(retinue.NewSecret("x"))}
	printed, err := canonical(c)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Content != printed.Content || len(printed.Fingerprints) != 1 || strings.Contains(string(printed.Body), "mac") {
		t.Errorf("fingerprints entered the body: %s", printed.Body)
	}
}

func TestReadRowRefusesWhatIsCutOff(t *testing.T) {
	s := newSpill(t.TempDir())
	defer s.close()
	rows := []string{"a", "b", "c"}
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, k := range rows {
		if _, err := s.add(row(t, k, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.file.Truncate(s.end - 3); err != nil {
		t.Fatal(err)
	}
	var failed bool
	for _, err := range s.sorted() {
		failed = failed || err != nil
	}
	if !failed {
		t.Error("a cut file read as a whole one")
	}
}

func FuzzHandIn(f *testing.F) {
	f.Add([]byte(`{"op":"begin","format":"retinue.handin.v1","kind":"host","name":"h","access":{"realm":"host:1"}}` + "\n" + `{"op":"end"}` + "\n"))
	f.Add([]byte("{\"op\":\"fact\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewHandInReader(bytes.NewReader(data), nil)
		for range 100 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
}
