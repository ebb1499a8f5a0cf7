package app

import (
	"slices"
	"sync"
	"time"
)

// maxLogFiles bounds of how many files of a source it is remembered how they
// were when they were read.
const maxLogFiles = 500_000

// logFiles remembers how the files of a source's logs were when they were read.
// It implements connector.Files.
type logFiles struct {
	watch func(paths []string)

	mu   sync.Mutex
	seen map[string]logFile
}

type logFile struct {
	size     int64
	modified int64
}

func newLogFiles(watch func([]string)) *logFiles {
	return &logFiles{watch: watch, seen: map[string]logFile{}}
}

// Reading implements connector.Files.
func (f *logFiles) Reading(paths []string) { f.watch(slices.Clone(paths)) }

// Unchanged implements connector.Files.
func (f *logFiles) Unchanged(name string, size int64, modified time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	have, ok := f.seen[name]
	return ok && have == logFile{size, modified.UnixNano()}
}

// Read implements connector.Files.
func (f *logFiles) Read(name string, size int64, modified time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) >= maxLogFiles {
		clear(f.seen) // they are opened once more
	}
	f.seen[name] = logFile{size, modified.UnixNano()}
}
