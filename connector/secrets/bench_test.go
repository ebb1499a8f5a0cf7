package secrets

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"
)

// BenchmarkScan pairs both engines on the same text in one run: the sources of
// this repository.
func BenchmarkScan(b *testing.B) {
	text := sources(b, 2<<20)
	b.Run("retinue", func(b *testing.B) {
		s := floor(b)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			for _, part := range split(text) {
				s.Scan([]byte(part))
			}
		}
	})
	b.Run("gitleaks", func(b *testing.B) {
		d := gitleaks(b)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			for _, part := range split(text) {
				d.Detect(detect.Fragment{Raw: part})
			}
		}
	})
}

// split cuts a text into parts of the size of a source file, at line ends.
func split(text string) []string {
	var parts []string
	for len(text) > 32<<10 {
		i := strings.LastIndexByte(text[:32<<10], '\n') + 1
		if i == 0 {
			i = 32 << 10
		}
		parts = append(parts, text[:i])
		text = text[i:]
	}
	return append(parts, text)
}

func sources(tb testing.TB, limit int) string {
	var out strings.Builder
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules") {
			return fs.SkipDir
		}
		if out.Len() < limit && !e.IsDir() && (strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".md")) {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			out.Write(data)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out.String()
}
