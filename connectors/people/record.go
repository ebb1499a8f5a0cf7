package people

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
)

// Bounds of a file. A directory of 200,000 people with ten columns has about
// 30 MB, and a team of 5,000 members named by UUIDs takes 185 kB on one line.
const (
	maxFile        = 64 << 20 // bytes of a file
	maxLine        = 1 << 20  // bytes of a line, and of a record that spans lines
	maxRecordLines = 100      // lines that a quoted value may span
	maxCells       = 256      // values of a line
)

// mistake is something wrong at a place of the file. Its text holds nothing of
// what the file holds.
type mistake struct {
	line, column int // from 1; column counts characters, zero is the whole line
	text         string
	// fatal says that nothing after it can be read.
	fatal bool
}

// Error says place and text, without the file.
func (m *mistake) Error() string {
	if m.column == 0 {
		return fmt.Sprintf("%d: %s", m.line, m.text)
	}
	return fmt.Sprintf("%d:%d: %s", m.line, m.column, m.text)
}

// Unwrap makes a mistake wrong input.
func (*mistake) Unwrap() error { return retinue.ErrInvalid }

// record is one line of values, or several where a quoted value spans them.
type record struct {
	text  string
	line  int // of the first character
	cells []cell
}

// cell is one value, without surrounding white space.
type cell struct {
	text string
	at   int // where it begins in the record's text
}

// mistake returns a mistake at an offset of the record.
func (r record) mistake(at int, format string, args ...any) *mistake {
	before := r.text[:min(at, len(r.text))]
	line := r.line + strings.Count(before, "\n")
	before = before[strings.LastIndexByte(before, '\n')+1:]
	return &mistake{line: line, column: utf8.RuneCountInString(before) + 1, text: fmt.Sprintf(format, args...)}
}

// blank reports a record without a value: spreadsheets write lines of bare
// separators.
func (r record) blank() bool {
	for _, c := range r.cells {
		if c.text != "" {
			return false
		}
	}
	return true
}

// records reads a file line by line, as RFC 4180 with a separator of choice. It
// is written out, rather than taken from encoding/csv, because that bounds
// neither a record's bytes nor its fields, and because a quote that is never
// closed must cost its own line and not the rest of the file.
type records struct {
	in        *bufio.Reader
	separator byte
	line      int   // the last line taken
	read      int64 // bytes taken
	ahead     []physical
}

// physical is one line of the file, or why there is none. Those read in search
// of a closing quote that is not there are given back.
type physical struct {
	text string
	err  error
}

func newRecords(in io.Reader) *records {
	return &records{in: bufio.NewReaderSize(in, maxLine), separator: ','}
}

// take returns the next line without its end.
func (r *records) take() (string, error) {
	r.line++
	if len(r.ahead) > 0 {
		p := r.ahead[0]
		r.ahead = r.ahead[1:]
		return p.text, p.err
	}
	text, err := r.in.ReadSlice('\n')
	r.read += int64(len(text))
	if r.read > maxFile {
		return "", &mistake{line: r.line, text: fmt.Sprintf("the file is longer than %d MiB: export less of it", maxFile>>20), fatal: true}
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", r.skip()
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(text) == 0) {
		return "", err
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))), nil
}

// skip passes over the rest of a line that is too long.
func (r *records) skip() error {
	for {
		text, err := r.in.ReadSlice('\n')
		r.read += int64(len(text))
		switch {
		case r.read > maxFile || errors.Is(err, io.EOF), err == nil:
			return &mistake{line: r.line, text: fmt.Sprintf("the line is longer than %d KiB", maxLine>>10)}
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// next returns the next record that is not blank: io.EOF at the end, a mistake
// where it is wrong (the next call goes on at the line after), another error
// where the file cannot be read.
func (r *records) next() (record, error) {
	for {
		text, err := r.take()
		if err != nil {
			return record{}, err
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		rec, err := r.parse(text)
		if err != nil || !rec.blank() {
			return rec, err
		}
	}
}

// parse makes a record of a line and of those that a quoted value goes on in.
func (r *records) parse(text string) (record, error) {
	rec := record{text: text, line: r.line}
	wrong, open := rec.split(r.separator)
	if !open {
		if wrong != nil {
			return rec, wrong
		}
		return rec, nil
	}
	// A complete record holds an even number of quotes: lines are added until
	// that is so, and split once.
	whole, odd := []string{text}, true
	var taken []physical
	for size := len(text); odd && len(whole) < maxRecordLines && size < maxLine; {
		more, err := r.take()
		taken = append(taken, physical{more, err})
		if err != nil {
			break
		}
		whole = append(whole, more)
		size += len(more) + 1
		odd = odd == (strings.Count(more, `"`)%2 == 0)
	}
	if !odd {
		longer := record{text: strings.Join(whole, "\n"), line: rec.line}
		if amiss, _ := longer.split(r.separator); amiss == nil {
			return longer, nil
		}
	}
	r.ahead = append(taken, r.ahead...)
	r.line = rec.line
	return rec, wrong
}

// split finds the cells. It returns what is wrong, and open where that is a
// quote that may be closed on a later line.
func (r *record) split(separator byte) (wrong *mistake, open bool) {
	if !utf8.ValidString(r.text) {
		return r.mistake(firstInvalid(r.text), "not UTF-8: save the file as UTF-8"), false
	}
	r.cells = make([]cell, 0, 1+min(strings.Count(r.text, string(separator)), maxCells))
	for at := 0; ; at++ {
		if len(r.cells) == maxCells {
			return r.mistake(at, "more than %d values on one line", maxCells), false
		}
		var c cell
		var end int
		if at < len(r.text) && r.text[at] == '"' {
			if c.text, end = unquote(r.text, at); end < 0 {
				return r.mistake(at, `the quote that opens here is not closed: close it with ", and double every quote inside`), true
			}
			if end < len(r.text) && r.text[end] != separator {
				return r.mistake(end, "text after a closing quote: double every quote inside a quoted value"), false
			}
		} else {
			end = at + len(r.text[at:])
			if i := strings.IndexByte(r.text[at:], separator); i >= 0 {
				end = at + i
			}
			c.text = r.text[at:end]
			if i := strings.IndexByte(c.text, '"'); i >= 0 {
				return r.mistake(at+i, "a quote inside a value that is not quoted: quote the value and double the quote"), false
			}
		}
		c.at, c.text = at, strings.TrimSpace(c.text)
		r.cells = append(r.cells, c)
		if end >= len(r.text) {
			return nil, false
		}
		at = end
	}
}

// unquote reads the quoted value that begins at an offset and returns it with
// the offset after its closing quote, or -1 where it is not closed.
func unquote(text string, at int) (string, int) {
	for i := at + 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(text[at+1:i], `""`, `"`), i + 1
	}
	return "", -1
}

func firstInvalid(text string) int {
	for i, c := range text {
		if c == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return i
			}
		}
	}
	return len(text)
}
