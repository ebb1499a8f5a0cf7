package logs

import (
	"bytes"
	"strings"
)

// csvFields cuts a record into values, keeping the slice between records.
type csvFields struct {
	fields []string
}

// nextCSV returns the next record that is not empty: lines up to one at whose
// end all quotes are closed.
func (r *Reader) nextCSV() (Record, error) {
	scanned, quotes := 0, 0
	for {
		rest := r.w.rest()
		i := bytes.IndexByte(rest[scanned:], '\n')
		if i >= 0 {
			quotes += bytes.Count(rest[scanned:scanned+i], []byte(`"`))
			scanned += i + 1
			if quotes%2 == 1 && scanned <= r.opts.MaxRecord {
				continue
			}
			if scanned > r.opts.MaxRecord {
				return Record{}, r.unquoted()
			}
			line := r.line
			data := bytes.TrimRight(r.pass(scanned), "\r\n")
			scanned, quotes = 0, 0
			if len(data) == 0 {
				continue
			}
			return r.csvRecord(data, line, false)
		}
		if len(rest) > r.opts.MaxRecord {
			return Record{}, r.unquoted()
		}
		if !r.w.fill() {
			if quotes%2 == 1 && r.w.failure() == nil && !r.whole {
				return Record{}, r.unquoted()
			}
			rec, err := r.last()
			if err != nil {
				return rec, err
			}
			r.num--
			return r.csvRecord(rec.Data, rec.Line, true)
		}
	}
}

// unquoted gives up a record whose quotes do not close, at its first line.
func (r *Reader) unquoted() error {
	line := r.line
	r.num++
	r.line++
	r.w.skipLine()
	return r.bad(line, "no end of the record within %d bytes: a quote is not closed", r.opts.MaxRecord)
}

func (r *Reader) csvRecord(data []byte, line int64, open bool) (Record, error) {
	r.num++
	if !r.csv.cut(data) {
		return Record{}, r.bad(line, "quotes within a value are not doubled")
	}
	return Record{Data: data, Fields: r.csv.fields, Line: line, Number: r.num, Open: open}, nil
}

// cut makes fields of a record.
func (c *csvFields) cut(data []byte) bool {
	c.fields = c.fields[:0]
	text := string(data) // the values share it
	for {
		if !strings.HasPrefix(text, `"`) {
			value, rest, more := strings.Cut(text, ",")
			c.fields = append(c.fields, value)
			if !more {
				return true
			}
			text = rest
			continue
		}
		end, doubled := closingQuote(text)
		if end < 0 {
			return false
		}
		value := text[1:end]
		if doubled {
			value = strings.ReplaceAll(value, `""`, `"`)
		}
		c.fields = append(c.fields, value)
		text = text[end+1:]
		switch {
		case text == "":
			return true
		case text[0] != ',':
			return false
		}
		text = text[1:]
	}
}

// closingQuote finds the end of a value that begins with a quote.
func closingQuote(text string) (end int, doubled bool) {
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '"' {
			return i, doubled
		}
		doubled = true
		i++
	}
	return -1, false
}

// Header returns where each of the columns of a header line stands.
func Header(fields []string) map[string]int {
	columns := make(map[string]int, len(fields))
	for i, f := range fields {
		columns[strings.ToLower(strings.TrimSpace(f))] = i
	}
	return columns
}
