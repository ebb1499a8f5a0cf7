package export

import (
	"bytes"
	"cmp"
	"container/heap"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/retinue-id/retinue"
)

// Sample says how a sample was drawn, so that anyone with the same data can
// draw it again.
type Sample struct {
	// Size is what was asked for, Selected what there was.
	Size     int    `json:"size"`
	Selected int    `json:"selected"`
	Seed     string `json:"seed"`
	// Population is how many rows it was drawn from.
	Population int64  `json:"population"`
	Method     string `json:"method"`
}

// sampleMethod is written into manifests.
const sampleMethod = `the rows with the smallest SHA-256 of the netstrings "retinue.sample.v1", seed, id; in the order of the whole list`

// Draw returns size rows chosen by a seed, and how: those whose id has the
// smallest hash under the seed. The choice depends on the ids and the seed
// alone, not on the order of the rows or what else they hold, so that the same
// question gives the same sample. It keeps size rows in memory. The rows come
// back in their original order.
func Draw[T any](rows iter.Seq2[T, error], size int, seed string, id func(T) string) ([]T, Sample, error) {
	s := Sample{Size: size, Seed: seed, Method: sampleMethod}
	if size < 1 {
		return nil, s, fmt.Errorf("%w: draw sample of %d rows: want at least 1", retinue.ErrInvalid, size)
	}
	var h drawHeap[T]
	for row, err := range rows {
		if err != nil {
			return nil, s, fmt.Errorf("draw sample: row %d: %w", s.Population+1, err)
		}
		d := drawn[T]{key: drawKey(seed, id(row)), at: s.Population, row: row}
		s.Population++
		switch {
		case len(h) < size:
			heap.Push(&h, d)
		case d.compare(h[0]) < 0:
			h[0] = d
			heap.Fix(&h, 0)
		}
	}
	slices.SortFunc(h, func(a, b drawn[T]) int { return cmp.Compare(a.at, b.at) })
	out := make([]T, len(h))
	for i := range h {
		out[i] = h[i].row
	}
	s.Selected = len(out)
	return out, s, nil
}

func drawKey(seed, id string) [sha256.Size]byte {
	var b []byte
	for _, f := range []string{"retinue.sample.v1", seed, id} {
		b = strconv.AppendInt(b, int64(len(f)), 10)
		b = append(b, ':')
		b = append(b, f...)
		b = append(b, ',')
	}
	return sha256.Sum256(b)
}

type drawn[T any] struct {
	key [sha256.Size]byte
	at  int64
	row T
}

func (d drawn[T]) compare(o drawn[T]) int {
	if c := bytes.Compare(d.key[:], o.key[:]); c != 0 {
		return c
	}
	return cmp.Compare(d.at, o.at)
}

// drawHeap has the largest key first.
type drawHeap[T any] []drawn[T]

func (h drawHeap[T]) Len() int           { return len(h) }
func (h drawHeap[T]) Less(i, j int) bool { return h[i].compare(h[j]) > 0 }
func (h drawHeap[T]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *drawHeap[T]) Push(x any)        { *h = append(*h, x.(drawn[T])) }
func (h *drawHeap[T]) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// Each returns the sequence that the writers of this package read, of items
// that are in memory already, such as a sample.
func Each[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range items {
			if !yield(x, nil) {
				return
			}
		}
	}
}
