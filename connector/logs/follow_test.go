package logs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// follower reads one file again and again, as a server does that watches it.
type follower struct {
	*host
	t    *testing.T
	path string
	// once is true for somebody who imports it by hand.
	once bool
}

// Reading, Unchanged and Read implement connector.Files.
func (*follower) Reading([]string)                        {}
func (*follower) Unchanged(string, int64, time.Time) bool { return false }
func (*follower) Read(string, int64, time.Time)           {}

func newFollower(t *testing.T, name string) *follower {
	t.Helper()
	return &follower{host: newHost(), t: t, path: filepath.Join(t.TempDir(), name)}
}

// timed has event n happen n seconds after noon.
func timed(record []byte) ([]retinue.Event, error) {
	var r struct {
		ID string `json:"id"`
	}
	var n int
	if err := json.Unmarshal(record, &r); err != nil || r.ID == "" {
		return nil, fmt.Errorf("%w: record without id", retinue.ErrInvalid)
	}
	if _, err := fmt.Sscan(strings.TrimLeft(r.ID, "0")+"", &n); err != nil && strings.Trim(r.ID, "0") != "" {
		return nil, fmt.Errorf("%w: id is no number", retinue.ErrInvalid)
	}
	e := event(r.ID)
	e.At = noon.Add(time.Duration(n) * time.Second)
	return []retinue.Event{e}, nil
}

// read reads the file once; after says how long after now the clock stands.
func (f *follower) read(after time.Duration) error {
	f.t.Helper()
	req := connector.ActivityRequest{Now: time.Now().Add(after), Position: f.position, Files: f}
	if f.once {
		req.Files = nil
	}
	return logs.Read(f.t.Context(), req, f.host, logs.Options{Paths: []string{f.path}, Decode: timed, Cover: func(s logs.Seen) []retinue.Coverage { return s.Coverage() }})
}

// want reads and checks that the events up to a number were read, each once, and
// that nothing is told to be missing.
func (f *follower) want(upTo int, after time.Duration) {
	f.t.Helper()
	if err := f.read(after); err != nil {
		f.t.Fatal(err)
	}
	if got := f.sorted(); got != wantIDs(0, upTo) || len(f.faults) > 0 {
		f.t.Fatalf("have %d events %.60q…%.40q, want %d; faults %v", len(f.ids), got, got[max(0, len(got)-30):], upTo, f.faults)
	}
}

func (f *follower) append(name, text string) {
	f.t.Helper()
	out, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = out.WriteString(text)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *follower) rename(from, to string) {
	f.t.Helper()
	if err := os.Rename(from, to); err != nil {
		f.t.Fatal(err)
	}
}

// gzip compresses a file as gzip(1) does: the time stays.
func (f *follower) gzip(name string) {
	f.t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	write(f.t, name+".gz", zip(f.t, string(text)))
	if err := errors.Join(os.Chtimes(name+".gz", info.ModTime(), info.ModTime()), os.Remove(name)); err != nil {
		f.t.Fatal(err)
	}
}

// copyTruncate is what logrotate's copytruncate does.
func (f *follower) copyTruncate(to string) {
	f.t.Helper()
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	write(f.t, to, string(text))
	if err := os.Truncate(f.path, 0); err != nil {
		f.t.Fatal(err)
	}
}

// TestFollowed follows one file through the ways in which logs are rotated: what was
// written before and was not read is read where it lies now.
func TestFollowed(t *testing.T) {
	half := lines(320, 321)
	for name, c := range map[string]struct {
		file   string
		rotate func(f *follower) // with 300 lines read, and the file at 320
	}{
		"renamed": {"audit.log", func(f *follower) {
			f.rename(f.path, f.path+".1")
			f.append(f.path+".1", lines(320, 330)) // the writer has not opened the new one
			f.append(f.path, lines(330, 400))
		}},
		"renamed in mid line": {"audit.log", func(f *follower) {
			f.append(f.path, half[:9])
			f.want(320, 0)
			f.rename(f.path, f.path+".1")
			f.want(320, 0)
			f.append(f.path+".1", half[9:]+lines(321, 330))
			f.append(f.path, lines(330, 400))
		}},
		"renamed, and read before the new one was written to": {"audit.log", func(f *follower) {
			f.rename(f.path, f.path+".1")
			f.append(f.path, "")
			f.want(320, 0)
			f.append(f.path+".1", lines(320, 325))
			f.want(325, 0)
			f.append(f.path+".1", lines(325, 330))
			f.append(f.path, lines(330, 400))
		}},
		"renamed, and read before there was a new one": {"audit.log", func(f *follower) {
			f.rename(f.path, f.path+".1")
			f.want(320, 0)
			f.append(f.path+".1", lines(320, 330))
			f.append(f.path, lines(330, 400))
		}},
		"compressed": {"audit.log", func(f *follower) {
			f.append(f.path, lines(320, 330))
			f.rename(f.path, f.path+".1")
			f.gzip(f.path + ".1")
			f.append(f.path, lines(330, 400))
		}},
		"being compressed": {"audit.log", func(f *follower) {
			f.append(f.path, lines(320, 330))
			f.rename(f.path, f.path+".1")
			text, _ := os.ReadFile(f.path + ".1")
			packed := zip(f.t, string(text))
			write(f.t, f.path+".1.gz", packed[:len(packed)*2/3])
			f.append(f.path, lines(330, 400))
			f.want(400, 0)
			write(f.t, f.path+".1.gz", packed)
			_ = os.Remove(f.path + ".1")
		}},
		"dated": {"postgresql.csv", func(f *follower) {
			f.append(f.path, lines(320, 330))
			f.rename(f.path, f.path+"-20261122")
			f.append(f.path, lines(330, 400))
		}},
		"dated before the extension, compressed": {"postgresql.csv", func(f *follower) {
			f.append(f.path, lines(320, 330))
			f.rename(f.path, strings.TrimSuffix(f.path, ".csv")+"-20261122.csv")
			f.gzip(strings.TrimSuffix(f.path, ".csv") + "-20261122.csv")
			f.append(f.path, lines(330, 400))
		}},
		"copied and truncated": {"audit.log", func(f *follower) {
			f.append(f.path, lines(320, 330))
			f.copyTruncate(f.path + ".1")
			f.append(f.path, lines(330, 400))
		}},
		"copied before what was read last, and truncated": {"audit.log", func(f *follower) {
			f.append(f.path, lines(320, 330))
			text, _ := os.ReadFile(f.path)
			write(f.t, f.path+".1", string(text[:len(text)-30]))
			f.want(330, 0)
			if err := os.Truncate(f.path, 0); err != nil {
				f.t.Fatal(err)
			}
			f.append(f.path, lines(330, 400))
		}},
		"three times between two readings": {"audit.log", func(f *follower) {
			f.append(f.path, lines(320, 330))
			f.rename(f.path, f.path+".1")
			f.append(f.path, lines(330, 350))
			f.rename(f.path+".1", f.path+".2")
			f.gzip(f.path + ".2")
			f.rename(f.path, f.path+".1")
			f.append(f.path, lines(350, 370))
			f.rename(f.path+".2.gz", f.path+".3.gz")
			f.rename(f.path+".1", f.path+".2")
			f.gzip(f.path + ".2")
			f.rename(f.path, f.path+".1")
			f.append(f.path, lines(370, 400))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFollower(t, c.file)
			f.append(f.path, lines(0, 300))
			f.want(300, 0)
			f.append(f.path, lines(300, 320))
			c.rotate(f)
			f.want(400, 0)
			f.want(400, time.Hour)
			f.append(f.path, lines(400, 410))
			f.want(410, time.Hour)
		})
	}
}

// TestFollowedLink follows a link that is set to another file.
func TestFollowedLink(t *testing.T) {
	f := newFollower(t, "current")
	dir := t.TempDir()
	f.append(filepath.Join(dir, "a"), lines(0, 20))
	link := func(to string) {
		_ = os.Remove(f.path)
		if err := os.Symlink(filepath.Join(dir, to), f.path); err != nil {
			t.Skipf("no links here: %v", err)
		}
	}
	link("a")
	f.want(20, 0)
	f.append(filepath.Join(dir, "a"), lines(20, 30))
	f.append(filepath.Join(dir, "b"), lines(30, 50))
	link("b")
	f.want(50, 0)
}

// TestRotatedAway: where the rest is nowhere, the time for which events are missing
// is told as a fault, named in what the log covers, and the rest is read.
func TestRotatedAway(t *testing.T) {
	for name, c := range map[string]struct {
		rotate func(f *follower)
		says   string
	}{
		"removed":   {func(f *follower) { _ = os.Remove(f.path) }, "is not beside it"},
		"truncated": {func(f *follower) { _ = os.Truncate(f.path, 0) }, "is not beside it"},
		"compressed in another way": {func(f *follower) {
			write(f.t, f.path+".1.xz", "\xfd7zXZ\x00 "+strings.Repeat("x", 200))
			_ = os.Remove(f.path)
		}, "audit.log.1.xz is compressed in another way than gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFollower(t, "audit.log")
			f.append(f.path, lines(0, 100))
			f.want(100, 0)
			f.append(f.path, lines(100, 120))
			c.rotate(f)
			f.append(f.path, lines(150, 200))
			if err := f.read(0); err != nil {
				t.Fatal(err)
			}
			if got := f.sorted(); got != wantIDs(0, 100)+" "+wantIDs(150, 200) {
				t.Errorf("have %s", got)
			}
			from, to := noon.Add(99*time.Second), noon.Add(150*time.Second)
			if len(f.faults) != 1 || !f.faults[0].From.Equal(from) || !f.faults[0].To.Equal(to) || !strings.Contains(f.faults[0].Error(), c.says) ||
				!strings.Contains(f.faults[0].Error(), from.Format(time.RFC3339)) || f.faults[0].Label != f.path {
				t.Fatalf("faults %v, want one from %s to %s that says %q", f.faults, from, to, c.says)
			}
			spots := f.covers[len(f.covers)-1].BlindSpots
			if len(spots) != 1 || spots[0].Code != "log.rotated_away" || !spots[0].From.Equal(from) || !spots[0].To.Equal(to) {
				t.Errorf("coverage names %+v", spots)
			}
			f.append(f.path, lines(200, 210))
			if err := f.read(time.Hour); err != nil || len(f.faults) != 1 || len(f.ids) != 160 {
				t.Errorf("after that: %v, %d events, faults %v", err, len(f.ids), f.faults)
			}
		})
	}
}

// TestReplaced: an export that is written anew and reaches as far back leaves no
// gap, and to somebody who imports a file by hand it is a note.
func TestReplaced(t *testing.T) {
	f := newFollower(t, "export.json")
	f.append(f.path, lines(0, 100))
	f.want(100, 0)
	write(t, f.path, lines(50, 150))
	if err := f.read(0); err != nil || len(f.faults) > 0 {
		t.Errorf("%v, faults %v", err, f.faults)
	}
	f.once = true
	write(t, f.path, lines(500, 600))
	f.append(f.path+".1", lines(700, 800)) // of another log, as far as anybody knows
	if err := f.read(0); err != nil || len(f.faults) > 0 {
		t.Errorf("%v, faults %v", err, f.faults)
	}
	if !slices.ContainsFunc(f.notes, func(n connector.Note) bool { return strings.Contains(n.Text, "is missing") }) {
		t.Errorf("notes %+v", f.notes)
	}
	if slices.Contains(f.ids, "00700") {
		t.Error("a file of another log was read")
	}
}

// TestFollowedGone: a file that is not there after it was rotated is told, and
// after an hour it is a fault.
func TestFollowedGone(t *testing.T) {
	f := newFollower(t, "audit.log")
	f.append(f.path, lines(0, 100))
	f.want(100, 0)
	f.rename(f.path, f.path+".1")
	f.want(100, 0)
	if err := f.read(2 * time.Hour); !errors.Is(err, retinue.ErrInvalid) || len(f.faults) != 1 {
		t.Errorf("%v, faults %v, want that it is not there", err, f.faults)
	}
}

// TestFollowedByChance writes, rotates and reads a file by chance, by a reader that
// is killed now and then: every event is read, and nothing is told to be missing.
func TestFollowedByChance(t *testing.T) {
	for seed := range uint64(25) {
		f := newFollower(t, "audit.log")
		rng := rand.New(rand.NewPCG(seed, 3))
		written, kept := 1+rng.IntN(20), 0
		f.append(f.path, lines(0, written))
		if err := f.read(0); err != nil {
			t.Fatal(err)
		}
		var line string // of which a part is written
		for range 60 {
			switch n := rng.IntN(10); {
			case n < 4:
				more := 1 + rng.IntN(12)
				f.append(f.path, line+lines(written, written+more))
				line, written = "", written+more
			case n < 5 && line == "":
				whole := lines(written, written+1)
				cut := 1 + rng.IntN(len(whole)-1)
				f.append(f.path, whole[:cut])
				line, written = whole[cut:], written+1
			case n < 7:
				if _, err := os.Stat(f.path); err != nil {
					continue
				}
				for i := kept; i > 0; i-- {
					for _, ext := range []string{"", ".gz"} {
						if _, err := os.Stat(fmt.Sprintf("%s.%d%s", f.path, i, ext)); err == nil {
							f.rename(fmt.Sprintf("%s.%d%s", f.path, i, ext), fmt.Sprintf("%s.%d%s", f.path, i+1, ext))
						}
					}
				}
				kept++
				if rng.IntN(3) == 0 && line == "" {
					f.copyTruncate(f.path + ".1")
				} else {
					f.rename(f.path, f.path+".1")
					if line != "" { // the writer ends its line where it began
						f.append(f.path+".1", line)
						line = ""
					}
				}
				if _, err := os.Stat(f.path + ".2"); err == nil && rng.IntN(2) == 0 {
					f.gzip(f.path + ".2")
				}
			default:
				if rng.IntN(3) == 0 {
					f.dieAfter = f.batches + 1 + rng.IntN(3)
				}
				if err := f.read(0); err != nil && !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				f.dieAfter = 0
				f.faults = slices.DeleteFunc(f.faults, func(x connector.Fault) bool { return strings.Contains(x.Error(), "no such file") })
			}
		}
		f.append(f.path, line+lines(written, written+5))
		for range 2 {
			if err := f.read(time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		counts := map[string]int{}
		for _, id := range f.ids {
			counts[id]++
		}
		missing := []string{}
		for i := range written + 5 {
			if id := fmt.Sprintf("%05d", i); counts[id] == 0 {
				missing = append(missing, id)
			}
		}
		if len(missing) > 0 || len(f.faults) > 0 {
			t.Errorf("seed %d: %d of %d events are missing, such as %v; faults %v", seed, len(missing), written+5, missing[:min(3, len(missing))], f.faults)
		}
	}
}
