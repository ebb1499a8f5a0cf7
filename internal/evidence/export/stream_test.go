package export

import (
	"runtime"
	"testing"
)

// What is alive before the last of 30,000 rows is what is alive before the last
// of 300: nothing is kept.
func TestWritersUseConstantMemory(t *testing.T) {
	for _, w := range writers {
		live := func(n int) int64 {
			var m runtime.MemStats
			if _, err := w.write(n, func() { runtime.GC(); runtime.ReadMemStats(&m) }); err != nil {
				t.Fatal(err)
			}
			return int64(m.HeapAlloc)
		}
		live(300) // what is made once
		if few, many := live(300), live(30_000); many-few > 512<<10 {
			t.Errorf("%s: %d bytes are alive after 300 rows, %d after 30,000", w.name, few, many)
		}
	}
}
