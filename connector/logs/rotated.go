package logs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// imprint is by what content is known again wherever it lies: its beginning.
type imprint struct {
	Size int    `json:"n,omitempty"` // bytes; 0: there was nothing yet
	Sum  string `json:"sum,omitempty"`
}

// maxImprint bounds the beginning, in bytes.
const maxImprint = 8 << 10

func imprintOf(head []byte) imprint {
	beginning, _ := firstLines(head, 1)
	beginning = beginning[:min(len(beginning), maxImprint)]
	if len(beginning) == 0 {
		return imprint{}
	}
	return imprint{len(beginning), sumOf(beginning)}
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// begins reports whether content begins as the imprint says.
func (p imprint) begins(head []byte) bool {
	return p.Size > 0 && len(head) >= p.Size && sumOf(head[:p.Size]) == p.Sum
}

// weak reports an imprint that is too short to tell one log from the next.
func (p imprint) weak() bool { return p.Size < minBeginning }

// maxRotated bounds the files that are looked at beside one that is followed; of
// more, the newest.
const maxRotated = 200

// candidate is a file beside one that is followed, that may hold what it held.
type candidate struct {
	Input
	head       []byte // of the content, up to maxImprint bytes
	unreadable string // why the content cannot be read
	taken      bool
}

// rotatedBeside lists what a log's own rotation may have made of a file, oldest
// first, of those that were written at or after a time: FILE.1, FILE.2.gz,
// FILE-20261122, FILE-20261122.gz, and the same before the extension, in its folder.
func rotatedBeside(path string, since time.Time) []candidate {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil // that the file itself cannot be read is told elsewhere
	}
	var out []candidate
	for _, e := range entries {
		packed, ok := rotatedName(base, e.Name())
		if !ok {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(since) {
			continue
		}
		c := candidate{Input: file(filepath.Join(dir, e.Name()), info)}
		if packed != "" && packed != "gz" {
			c.unreadable = "is compressed in another way than gzip"
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b candidate) int {
		// Of one time, FILE.2 is older than FILE.1.
		return cmp.Or(a.Modified.Compare(b.Modified), cmp.Compare(len(b.Name), len(a.Name)), cmp.Compare(b.Name, a.Name))
	})
	return out[max(0, len(out)-maxRotated):]
}

// candidateAt is a file by its name.
func candidateAt(path string) (candidate, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return candidate{}, false
	}
	return candidate{Input: file(path, info)}, true
}

// rotatedName reports whether a name is one that rotation gives a file, and how
// such a file is compressed. (logrotate(8): rotate, dateext, extension, compress.)
func rotatedName(base, name string) (packed string, ok bool) {
	plain := name
	for _, ext := range []string{"gz", "xz", "zst", "bz2", "lz4", "lzma"} {
		if rest, found := strings.CutSuffix(name, "."+ext); found {
			plain, packed = rest, ext
		}
	}
	if stamp, found := strings.CutPrefix(plain, base); found && isStamp(stamp) {
		return packed, true
	}
	ext := filepath.Ext(base)
	rest, found := strings.CutPrefix(plain, strings.TrimSuffix(base, ext))
	stamp, closes := strings.CutSuffix(rest, ext)
	return packed, ext != "" && found && closes && isStamp(stamp)
}

// isStamp reports a number or a date as rotation appends it.
func isStamp(s string) bool {
	if s == ".old" {
		return true
	}
	return len(s) > 1 && strings.IndexByte("-._", s[0]) >= 0 && s[1] >= '0' && s[1] <= '9' && strings.Trim(s, "0123456789-._:TZ") == ""
}

// look reads the beginning of a candidate's content.
func (c *candidate) look(ctx context.Context) {
	if c.unreadable != "" || c.head != nil {
		return
	}
	content, err := openContent(ctx, c.Input)
	if err != nil {
		c.unreadable = "cannot be opened"
		return
	}
	defer content.close()
	head, err := io.ReadAll(io.LimitReader(content, maxImprint))
	if err != nil && !Cut(err) {
		c.unreadable = "cannot be read"
	}
	c.head = head
}
