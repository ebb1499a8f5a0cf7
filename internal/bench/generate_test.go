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

// TestPlantsCanBeLeftOut: without a plant there is nothing of it, and with all
// there is something of each.
func TestPlantsCanBeLeftOut(t *testing.T) {
	with, _ := generated(t, Options{})
	without, _ := generated(t, Options{Without: Plants()})
	for name, c := range map[string]func(Truth) int{
		"retirements": count(func(id Identity) bool {
			return !id.Alive && id.Rhythm.Class != RhythmNever && id.Rhythm.Class != RhythmOneOff
		}),
		"newcomers":   func(tr Truth) int { return count(func(id Identity) bool { return id.CreatedAt.After(tr.From) })(tr) },
		"shared":      count(func(id Identity) bool { return id.Shared }),
		"human":       count(func(id Identity) bool { return id.Human }),
		"attacked":    count(func(id Identity) bool { return id.Attacked }),
		"shadows":     count(func(id Identity) bool { return !id.Listed && !id.Unconnected }),
		"deployments": func(tr Truth) int { return len(tr.Deployments) },
		"leavers":     func(tr Truth) int { return len(tr.Leavers) },
		"incidents":   func(tr Truth) int { return len(tr.Incidents) },
		"gaps":        func(tr Truth) int { return len(tr.Gaps) },
		"blind spots": func(tr Truth) int { return len(tr.BlindSpots) },
		"disorder": func(tr Truth) int {
			n := 0
			for _, l := range tr.Logs {
				n += int(l.Records-l.Events) + int(l.Late)
			}
			return n
		},
	} {
		if c(with) == 0 || c(without) != 0 {
			t.Errorf("%s: %d with all plants, %d without any", name, c(with), c(without))
		}
	}
}

func count(ok func(Identity) bool) func(Truth) int {
	return func(tr Truth) int {
		n := 0
		for _, id := range tr.Identities {
			if ok(id) {
				n++
			}
		}
		return n
	}
}

// TestTruthAgreesWithItself checks what must hold of any truth.
func TestTruthAgreesWithItself(t *testing.T) {
	truth, out := generated(t, Options{Identities: 150, Days: 45})
	f, err := os.Open(filepath.Join(out, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	read, err := ReadTruth(f)
	if err != nil || len(read.Identities) != 150 || read.Seed != truth.Seed {
		t.Fatalf("read back: %v, %d identities", err, len(read.Identities))
	}
	refs := map[retinue.Ref]bool{}
	classes := map[RhythmClass]int{}
	for _, id := range read.Identities {
		var uses int64
		for _, c := range id.Consumers {
			uses += c.Uses
		}
		switch {
		case refs[id.Ref]:
			t.Errorf("%s is there twice", id.Ref)
		case id.Ref.Validate() != nil:
			t.Errorf("%s: %v", id.Ref, id.Ref.Validate())
		case id.Seen > id.Uses || id.Uses > uses:
			t.Errorf("%s: %d seen of %d uses, %d by consumers", id.Ref, id.Seen, id.Uses, uses)
		case (id.Uses > 0) == id.LastUse.IsZero(), id.LastUse.Before(id.FirstUse), id.LastSeen.After(id.LastUse):
			t.Errorf("%s: %d uses from %s to %s, seen to %s", id.Ref, id.Uses, id.FirstUse, id.LastUse, id.LastSeen)
		case id.Uses > 0 && (id.FirstUse.Before(read.From) || !id.LastUse.Before(read.To) || id.FirstUse.Before(id.CreatedAt)):
			t.Errorf("%s: used from %s to %s, outside its life", id.Ref, id.FirstUse, id.LastUse)
		case id.Alive && !id.MissedSince.IsZero(), !id.MissedSince.IsZero() && id.MissedSince.Before(id.DeadSince):
			t.Errorf("%s: alive %v, dead since %s, missed since %s", id.Ref, id.Alive, id.DeadSince, id.MissedSince)
		case id.Uses > id.Seen && len(id.Blind) == 0:
			t.Errorf("%s: %d of %d uses do not show, and nothing says why", id.Ref, id.Uses-id.Seen, id.Uses)
		}
		refs[id.Ref] = true
		classes[id.Rhythm.Class]++
	}
	if len(classes) < 9 {
		t.Errorf("rhythms %v", classes)
	}
}
