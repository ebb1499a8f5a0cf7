package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/watch"
)

func watching(t *testing.T, compare bool) *watch.Watcher {
	t.Helper()
	w := watch.New(watch.Options{Quiet: 20 * time.Millisecond, Most: 200 * time.Millisecond, Poll: 30 * time.Millisecond, Compare: compare})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait() })
	return w
}

func write(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// told waits for a change of a set. While files are compared, the first look has
// to come before the change: so does the change again, until it is told.
func told(t *testing.T, w *watch.Watcher, name string, change func()) {
	t.Helper()
	for range 200 {
		change()
		select {
		case got := <-w.Changes():
			if got != name {
				t.Fatalf("a change of %q is told, want %q", got, name)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("no change of %q is told", name)
}

// TestChanges: what is written, made, rotated and truncated is told, in files,
// folders and patterns, watched and compared.
func TestChanges(t *testing.T) {
	for name, compare := range map[string]bool{"watched": false, "compared": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, folder := filepath.Join(dir, "audit.log"), filepath.Join(dir, "trail")
			write(t, file, "first\n")
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			w := watching(t, compare)
			w.Set("file", []string{file})
			told(t, w, "file", func() { write(t, file, "second\n") })
			told(t, w, "file", func() { // rotated
				if err := os.Rename(file, file+".1"); err != nil {
					t.Fatal(err)
				}
				write(t, file, "third\n")
			})
			told(t, w, "file", func() { // truncated in place
				write(t, file, "x")
				if err := os.Truncate(file, 0); err != nil {
					t.Fatal(err)
				}
			})
			w.Set("file", nil)
			w.Set("folder", []string{folder})
			day := filepath.Join(folder, "2026", "11")
			if err := os.MkdirAll(day, 0o700); err != nil {
				t.Fatal(err)
			}
			told(t, w, "folder", func() { write(t, filepath.Join(folder, "a.json"), "{}\n") })
			n := 0
			told(t, w, "folder", func() { n++; write(t, filepath.Join(day, "b.json"), "{}\n") })
			w.Set("folder", nil)
			w.Set("pattern", []string{filepath.Join(folder, "*.json")})
			write(t, filepath.Join(folder, "other.txt"), "nothing of ours\n")
			told(t, w, "pattern", func() { write(t, filepath.Join(folder, "c.json"), "{}\n") })
		})
	}
}

// TestQuiet: what changes and is not watched is not told, nor is reading.
func TestQuiet(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.log")
	write(t, file, "first\n")
	w := watching(t, false)
	w.Set("file", []string{file})
	w.Set("all", []string{dir})
	if _, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "other.log"), "second\n")
	if got := <-w.Changes(); got != "all" {
		t.Errorf("a change of %q is told", got)
	}
	w.Set("all", nil)
	write(t, filepath.Join(dir, ".hidden"), "x")
	told(t, w, "file", func() { write(t, file, "third\n") })
}
