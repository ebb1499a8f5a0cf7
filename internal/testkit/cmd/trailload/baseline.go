package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/retinue-id/retinue/internal/testkit"
)

// decodeAll decodes every file of a folder, as many at once as there are
// processors, and returns how many records there were.
func decodeAll(dir, kind string) (int64, error) {
	queue := make(chan string)
	var total atomic.Int64
	errs := make([]error, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			for name := range queue {
				n, err := decodeFile(name, kind)
				total.Add(int64(n))
				if err != nil {
					errs[i] = err
				}
			}
		})
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			queue <- path
		}
		return err
	})
	close(queue)
	group.Wait()
	for _, e := range errs {
		if err == nil {
			err = e
		}
	}
	return total.Load(), err
}

func decodeFile(name, kind string) (int, error) {
	f, err := os.Open(name) //nolint:gosec // the caller names the folder
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return 0, err
		}
		r = z
	}
	if kind == "kubernetes" {
		return decodeEvents(r)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	var w testkit.TrailRecords
	if err := json.Unmarshal(data, &w); err != nil {
		return 0, err
	}
	return len(w.Records), nil
}
