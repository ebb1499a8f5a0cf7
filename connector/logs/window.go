package logs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
)

const (
	windowSize = 256 << 10
	// tailBytes is how much of the content before a position its digest covers.
	tailBytes = 1 << 10
)

// window is a buffer over a stream. It holds the record that is being read and
// the tailBytes before it.
type window struct {
	r    io.Reader
	buf  []byte
	pos  int   // where the record begins
	end  int   // where what was read ends
	base int64 // offset of buf[0] in the content
	err  error // why no more can be read
}

// fill reads more, and reports whether there was more. What lies before pos
// moves, so that indices are kept relative to pos.
func (w *window) fill() bool {
	if w.err != nil {
		return false
	}
	if keep := max(0, w.pos-tailBytes); keep > 0 && (w.end == len(w.buf) || w.pos > len(w.buf)/2) {
		copy(w.buf, w.buf[keep:w.end])
		w.base += int64(keep)
		w.pos -= keep
		w.end -= keep
	}
	if w.end == len(w.buf) {
		grown := make([]byte, max(windowSize, 2*len(w.buf)))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	from := w.end
	for empty := 0; w.end < len(w.buf) && w.err == nil; {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if empty++; n > 0 {
			empty = 0
		}
		if empty > 100 {
			w.err = io.ErrNoProgress
		}
	}
	return w.end > from
}

// rest is what is held from the record's beginning.
func (w *window) rest() []byte { return w.buf[w.pos:w.end] }

// offset is where the record begins in the content.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// digest identifies the bytes just before the record.
func (w *window) digest() string {
	sum := sha256.Sum256(w.buf[max(0, w.pos-tailBytes):w.pos])
	return hex.EncodeToString(sum[:16])
}

// skipTo drops what lies before an offset and reports whether the content goes
// that far and reads just before it as the digest says.
func (w *window) skipTo(offset int64, digest string) bool {
	for {
		if have := w.base + int64(w.end); have >= offset {
			w.pos = int(offset - w.base)
			return w.pos >= 0 && w.digest() == digest
		}
		w.pos = w.end
		if !w.fill() {
			return false
		}
	}
}

// skipLine drops everything up to and including the next end of line and reports
// how many bytes that were. At the end of the content all is dropped.
func (w *window) skipLine() {
	for {
		if i := bytes.IndexByte(w.rest(), '\n'); i >= 0 {
			w.pos += i + 1
			return
		}
		w.pos = w.end
		if !w.fill() {
			return
		}
	}
}

// failure is what ended the stream, nil when it ended as it should.
func (w *window) failure() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return w.err
}
