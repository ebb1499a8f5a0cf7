package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/retinue-id/retinue"
)

// Format says how records stand in an input.
type Format int

// The formats.
const (
	// Auto is JSON where the first character that is not white space is "{" or
	// "[", else Lines.
	Auto Format = iota
	// Lines: a record is a line.
	Lines
	// JSON: a record is a JSON object: one a line or simply one after another, the
	// elements of an array, or those of the array that an enclosing object holds
	// under one of the names of ReaderOptions.Envelopes. Whichever it is shows from
	// the content.
	JSON
	// CSV: a record is a line of comma-separated values as RFC 4180 has them;
	// quoted values may hold line ends. Record.Fields has the values.
	CSV
)

const (
	// DefaultMaxRecord is the size limit of a record, in bytes, where none is given.
	DefaultMaxRecord = 4 << 20
	// MaxDepth is how deep JSON may nest.
	MaxDepth = 200
)

// Record is one record of an input. Data and Fields are valid until the next
// call of Next.
type Record struct {
	// Data is the record without its end of line.
	Data []byte
	// Fields are the values of a CSV record.
	Fields []string
	// Line is the line on which it begins and Number its number, both from 1.
	Line   int64
	Number int64
	// Open is true for a last line that has no end: there may be more to come.
	Open bool
}

// RecordError reports a record that could not be read; reading goes on behind
// it.
type RecordError struct {
	Line   int64
	Number int64
	Err    error
}

// Error says what is wrong and where.
func (e *RecordError) Error() string {
	return fmt.Sprintf("read record %d at line %d: %v", e.Number, e.Line, e.Err)
}

// Unwrap returns what is wrong.
func (e *RecordError) Unwrap() error { return e.Err }

// ReaderOptions say how to read records.
type ReaderOptions struct {
	Format    Format
	MaxRecord int
	// Envelopes are the names under which an object that is not a record itself
	// holds an array of records: "Records".
	Envelopes []string
	// As is put before the name of an input, where the same content is also read for
	// something else, by another connector or with other options: each then has its own
	// place in it. Only Options.Open may set it.
	As string
}

// Reader reads the records of one stream of uncompressed content. It is used
// from one goroutine.
type Reader struct {
	w    window
	opts ReaderOptions
	mode jsonMode
	line int64 // of the record at w.pos
	num  int64 // of the record before
	csv  csvFields
	// again counts bytes that were read a second time after damage.
	again int64
	// whole leaves a last line that has no end where it is, unless it is closed.
	whole bool
}

// NewReader returns a Reader of what r gives.
func NewReader(r io.Reader, opts ReaderOptions) *Reader {
	if opts.MaxRecord <= 0 {
		opts.MaxRecord = DefaultMaxRecord
	}
	return &Reader{w: window{r: r}, opts: opts, line: 1}
}

// Next returns the next record. It returns io.EOF at the end, a *RecordError for
// a record that cannot be read, after which it may be called again, and any other
// error when the stream broke off; a compressed stream that was cut gives one
// that unwraps to io.ErrUnexpectedEOF.
func (r *Reader) Next() (Record, error) {
	if r.w.offset() == 0 {
		r.begin()
	}
	switch r.opts.Format {
	case JSON:
		return r.nextJSON()
	case CSV:
		return r.nextCSV()
	}
	return r.nextLine()
}

// begin skips a byte order mark and finds the format.
func (r *Reader) begin() {
	for r.w.end < 4 && r.w.fill() {
	}
	if bytes.HasPrefix(r.w.rest(), []byte("\xef\xbb\xbf")) {
		r.w.pos += 3
	}
	if r.opts.Format != Auto {
		return
	}
	for i := 0; ; i++ {
		for i >= len(r.w.rest()) {
			if i > 4<<10 || !r.w.fill() {
				r.opts.Format = Lines
				return
			}
		}
		switch r.w.rest()[i] {
		case ' ', '\t', '\r', '\n':
		case '{', '[':
			r.opts.Format = JSON
			return
		default:
			r.opts.Format = Lines
			return
		}
	}
}

// nextLine returns the next line that is not empty.
func (r *Reader) nextLine() (Record, error) {
	scanned := 0
	for {
		rest := r.w.rest()
		i := bytes.IndexByte(rest[scanned:], '\n')
		switch {
		case i >= 0:
			data := bytes.TrimSuffix(rest[:scanned+i], []byte("\r"))
			r.w.pos += scanned + i + 1
			r.line++
			scanned = 0
			if len(bytes.TrimSpace(data)) == 0 {
				continue
			}
			r.num++
			if len(data) > r.opts.MaxRecord {
				return Record{}, r.tooLong(r.line - 1)
			}
			return Record{Data: data, Line: r.line - 1, Number: r.num}, nil
		case len(rest) > r.opts.MaxRecord:
			r.w.skipLine()
			r.num++
			r.line++
			return Record{}, r.tooLong(r.line - 1)
		}
		scanned = len(rest)
		if !r.w.fill() {
			return r.last()
		}
	}
}

// last returns what stands after the last end of line.
func (r *Reader) last() (Record, error) {
	if err := r.w.failure(); err != nil {
		return Record{}, fmt.Errorf("read after line %d: %w", r.line-1, err)
	}
	data := r.w.rest()
	if len(bytes.TrimSpace(data)) == 0 || r.whole && (r.opts.Format == CSV || !closed(data)) {
		return Record{}, io.EOF
	}
	r.w.pos = r.w.end
	r.num++
	return Record{Data: bytes.TrimSuffix(data, []byte("\r")), Line: r.line, Number: r.num, Open: true}, nil
}

func (r *Reader) bad(line int64, format string, args ...any) error {
	return &RecordError{Line: line, Number: r.num, Err: fmt.Errorf("%w: "+format, append([]any{retinue.ErrInvalid}, args...)...)}
}

func (r *Reader) tooLong(line int64) error {
	return r.bad(line, "longer than %d bytes", r.opts.MaxRecord)
}

// cut tells a stream that ended inside a record from one that broke.
func (r *Reader) cut() error {
	err := r.w.failure()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read after record %d: %w", r.num, err)
}

// Cut reports whether an error says that the content ended too early.
func Cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
