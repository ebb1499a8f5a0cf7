package evidence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/retinue-id/retinue"
)

func testKey(t testing.TB) SigningKey {
	t.Helper()
	k, err := NewSigningKey("retinue/audit")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCheckpointText(t *testing.T) {
	c := Checkpoint{Origin: "retinue/audit", Size: 3, Head: strings.Repeat("00", 32), At: time.Date(2026, 3, 1, 2, 3, 4, 5000, time.UTC)}
	text, err := c.Text()
	if want := "retinue/audit\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ntime 2026-03-01T02:03:04.000005Z\n"; err != nil || text != want {
		t.Errorf("text %q, %v; want %q", text, err, want)
	}
	if back, err := parseCheckpoint(text); err != nil || back != c {
		t.Errorf("read back %+v, %v", back, err)
	}
	for _, bad := range []Checkpoint{
		{Origin: "", Head: c.Head}, {Origin: "a b", Head: c.Head}, {Origin: "a+b", Head: c.Head},
		{Origin: "a\nb", Head: c.Head}, {Origin: "a", Size: -1, Head: c.Head}, {Origin: "a", Head: "xy"},
	} {
		if _, err := bad.Text(); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", bad, err)
		}
	}
}

func TestSignedCheckpoint(t *testing.T) {
	k := testKey(t)
	c := Checkpoint{Origin: k.Origin(), Size: 9, Head: strings.Repeat("ab", 32), At: start}
	msg, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	back, err := OpenCheckpoint(msg, k.Public())
	if err != nil || back != c {
		t.Fatalf("opened %+v, %v", back, err)
	}
	// It is a signed note that other programs read.
	v, err := note.NewVerifier(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(msg, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
	if _, err := OpenCheckpoint(msg, testKey(t).Public()); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("another key of the same origin opens it: %v", err)
	}
	for i := range msg {
		for bit := range 8 {
			flipped := append([]byte(nil), msg...)
			flipped[i] ^= 1 << bit
			if _, err := OpenCheckpoint(flipped, k.Public()); err == nil {
				t.Fatalf("bit %d of byte %d flipped: it opens\n%s", bit, i, flipped)
			}
		}
	}
	c.Origin = "another/log"
	if _, err := k.Sign(c); err == nil {
		t.Error("a key signed for a log that is not its own")
	}
}

func TestSigningKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "audit.key")
	k, err := OpenSigningKey(path, "retinue/audit")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
	again, err := OpenSigningKey(path, "retinue/audit")
	if err != nil || again.Public() != k.Public() {
		t.Fatalf("read again: %v, %v", again, err)
	}
	msg, err := again.Sign(Checkpoint{Origin: "retinue/audit", Head: retinue.RecordGenesis})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(msg, k.Public()); err != nil {
		t.Error(err)
	}
	if _, err := OpenSigningKey(path, "another/log"); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("a key for another log: %v", err)
	}
	if err := k.WriteFile(path); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("it replaced a key: %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, k); strings.Contains(s, k.secret.Reveal()) || !strings.Contains(s, "retinue/audit") {
			t.Errorf("%s prints %q", verb, s)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSigningKey(path); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("a key that others can read: %v", err)
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	k := testKey(f)
	msg, err := k.Sign(Checkpoint{Origin: k.Origin(), Size: 1, Head: retinue.RecordGenesis})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("a\n1\n=\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := OpenCheckpoint(raw, k.Public()); err == nil && string(raw) != string(msg) {
			t.Fatalf("it opens without the key: %q", raw)
		}
		if c, err := parseCheckpoint(string(raw)); err == nil {
			text, err := c.Text()
			if err != nil {
				t.Fatal(err)
			}
			if back, err := parseCheckpoint(text); err != nil || back.Head != c.Head || !back.At.Equal(c.At) {
				t.Fatalf("%q reads as %+v and back as %+v, %v", raw, c, back, err)
			}
		}
	})
}
