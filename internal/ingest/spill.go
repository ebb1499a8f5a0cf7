package ingest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// spill sorts the facts of one scope. They wait in memory until flush writes
// them, sorted, as a run into a file that has no name any more; sorted merges
// the runs. It is not safe for concurrent use.
type spill struct {
	dir   string
	rows  []store.FactRow
	bytes int
	file  *os.File
	w     *bufio.Writer
	end   int64
	runs  []int64 // offset of each run
}

func newSpill(dir string) *spill { return &spill{dir: dir} }

// rowOverhead is about what a row costs in memory beyond its text.
const rowOverhead = 256

// add takes a row and returns by how many bytes the memory in use grew.
func (s *spill) add(row store.FactRow) (int, error) {
	s.rows = append(s.rows, row)
	n := len(row.Body) + len(row.Document) + len(row.Ref.Key) + rowOverhead
	s.bytes += n
	return n, nil
}

func compareRows(a, b store.FactRow) int {
	return cmp.Or(cmp.Compare(store.TypeIndex(a.Type), store.TypeIndex(b.Type)), bytes.Compare(a.RefHash[:], b.RefHash[:]))
}

// flush writes what waits in memory and returns how many bytes that freed.
func (s *spill) flush() (int, error) {
	if len(s.rows) == 0 {
		return 0, nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "retinue-scan-*")
		if err != nil {
			return 0, fmt.Errorf("%w: keep facts: %v", retinue.ErrUnavailable, err)
		}
		_ = os.Remove(f.Name()) // the space is freed when the file is closed, even by a crash
		s.file, s.w = f, bufio.NewWriterSize(f, 1<<18)
	}
	slices.SortStableFunc(s.rows, compareRows)
	s.runs = append(s.runs, s.end)
	for i := range s.rows {
		n, err := writeRow(s.w, &s.rows[i])
		if err != nil {
			return 0, fmt.Errorf("%w: keep facts: %v", retinue.ErrUnavailable, err)
		}
		s.end += int64(n)
	}
	if err := s.w.Flush(); err != nil {
		return 0, fmt.Errorf("%w: keep facts: %v", retinue.ErrUnavailable, err)
	}
	freed := s.bytes
	s.rows, s.bytes = nil, 0
	return freed, nil
}

// sorted yields the rows in the store's order. Of rows with the same type and
// ref the last that was added wins.
func (s *spill) sorted() iter.Seq2[store.FactRow, error] {
	return func(yield func(store.FactRow, error) bool) {
		slices.SortStableFunc(s.rows, compareRows)
		heads, err := s.heads()
		if err != nil {
			yield(store.FactRow{}, err)
			return
		}
		var held *store.FactRow
		for {
			h := least(heads)
			if h == nil {
				break
			}
			row := h.row
			if err := h.advance(); err != nil {
				yield(store.FactRow{}, err)
				return
			}
			if held != nil && compareRows(*held, row) != 0 {
				if !yield(*held, nil) {
					return
				}
			}
			held = &row
		}
		if held != nil {
			yield(*held, nil)
		}
	}
}

// close frees memory and file, and returns the bytes of memory freed.
func (s *spill) close() int {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	freed := s.bytes
	s.rows, s.bytes, s.runs = nil, 0, nil
	return freed
}

// head is the next row of one run.
type head struct {
	row  store.FactRow
	rest []store.FactRow // of the run in memory
	r    *bufio.Reader   // of a run in the file
	ok   bool
}

func (s *spill) heads() ([]*head, error) {
	var out []*head
	for i, from := range s.runs {
		to := s.end
		if i+1 < len(s.runs) {
			to = s.runs[i+1]
		}
		out = append(out, &head{r: bufio.NewReaderSize(io.NewSectionReader(s.file, from, to-from), 1<<16)})
	}
	out = append(out, &head{rest: s.rows}) // added last, so it wins
	for _, h := range out {
		if err := h.advance(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (h *head) advance() error {
	if h.r == nil {
		h.ok = len(h.rest) > 0
		if h.ok {
			h.row, h.rest = h.rest[0], h.rest[1:]
		}
		return nil
	}
	row, err := readRow(h.r)
	if errors.Is(err, io.EOF) {
		h.ok = false
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: read kept facts: %v", retinue.ErrUnavailable, err)
	}
	h.row, h.ok = row, true
	return nil
}

// least returns the head with the smallest row; of equal ones the earliest
// run, so that later rows come after it.
func least(heads []*head) *head {
	var best *head
	for _, h := range heads {
		if h.ok && (best == nil || compareRows(h.row, best.row) < 0) {
			best = h
		}
	}
	return best
}

// writeRow writes a row as length-prefixed parts and returns its length.
func writeRow(w *bufio.Writer, r *store.FactRow) (int, error) {
	var prints []byte
	if len(r.Fingerprints) > 0 {
		var err error
		if prints, err = json.Marshal(r.Fingerprints); err != nil {
			return 0, err
		}
	}
	n := 0
	var num [4]byte
	part := func(b []byte) error {
		binary.BigEndian.PutUint32(num[:], uint32(len(b)))
		m, err := w.Write(num[:])
		n += m
		if err != nil {
			return err
		}
		m, err = w.Write(b)
		n += m
		return err
	}
	for _, b := range [][]byte{{byte(store.TypeIndex(r.Type))}, r.RefHash[:], r.Content[:], []byte(r.Ref.Realm),
		[]byte(r.Ref.Kind), []byte(r.Ref.Key), r.Body, []byte(r.Document), prints} {
		if err := part(b); err != nil {
			return n, err
		}
	}
	return n, nil
}

func readRow(r *bufio.Reader) (store.FactRow, error) {
	var parts [9][]byte
	var num [4]byte
	for i := range parts {
		if _, err := io.ReadFull(r, num[:]); err != nil {
			if i > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return store.FactRow{}, err
		}
		parts[i] = make([]byte, binary.BigEndian.Uint32(num[:]))
		if _, err := io.ReadFull(r, parts[i]); err != nil {
			return store.FactRow{}, io.ErrUnexpectedEOF
		}
	}
	row := store.FactRow{Type: store.TypeAt(int(parts[0][0])), RefHash: store.Hash(parts[1]), Content: store.ContentHash(parts[2]),
		Ref:  retinue.Ref{Realm: retinue.Realm(parts[3]), Kind: string(parts[4]), Key: string(parts[5])},
		Body: parts[6], Document: string(parts[7])}
	if len(parts[8]) > 0 {
		if err := json.Unmarshal(parts[8], &row.Fingerprints); err != nil {
			return row, err
		}
	}
	return row, nil
}
