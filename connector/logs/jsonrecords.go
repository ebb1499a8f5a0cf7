package logs

import (
	"bytes"
	"io"
)

// jsonMode is where in a JSON input the reader stands between two records.
type jsonMode byte

const (
	betweenValues jsonMode = iota // at the top
	inArray                       // among the elements of an array at the top
	inEnvelope                    // among the elements of an envelope's array
	afterArray                    // in the envelope, behind its array
)

// nextJSON returns the next object.
func (r *Reader) nextJSON() (Record, error) {
	for {
		c, err := r.peek()
		if err != nil {
			return Record{}, err
		}
		switch {
		case r.mode == betweenValues && c == '[':
			r.w.pos++
			r.mode = inArray
		case r.mode == inArray && c == ']':
			r.w.pos++
			r.mode = betweenValues
		case r.mode == inEnvelope && c == ']':
			r.w.pos++
			r.mode = afterArray
		case r.mode == afterArray || c == '{':
			rec, ok, err := r.object()
			if ok || err != nil {
				return rec, err
			}
		default:
			r.num++
			line := r.line
			r.resync()
			return Record{}, r.bad(line, "want a JSON object")
		}
	}
}

// peek skips what stands between records.
func (r *Reader) peek() (byte, error) {
	for {
		rest := r.w.rest()
		for i, c := range rest {
			switch c {
			case '\n':
				r.line++
			case ' ', '\t', '\r', ',', 0x1e: // 0x1e: RFC 7464
				if r.mode == afterArray && c == ',' {
					r.w.pos += i
					return c, nil
				}
			default:
				r.w.pos += i
				return c, nil
			}
		}
		r.w.pos = r.w.end
		if !r.w.fill() {
			if r.w.failure() != nil || r.mode != betweenValues {
				return 0, r.cut()
			}
			return 0, io.EOF
		}
	}
}

// object reads the object at the position. It reports false for an envelope, of
// which the beginning or the end was passed.
func (r *Reader) object() (Record, bool, error) {
	s := jsonSplit{mode: r.mode, limit: r.opts.MaxRecord, envelopes: r.opts.Envelopes}
	if r.mode == afterArray {
		s.depth = 1
	}
	line := r.line
	for {
		switch s.scan(r.w.rest()) {
		case splitMore:
			if s.drop > 0 { // what is too long is not held
				r.line += int64(bytes.Count(r.w.rest()[:s.drop], []byte("\n")))
				r.w.pos += s.drop
				s.at -= s.drop
				s.drop = 0
			}
			if !r.w.fill() {
				if r.w.failure() == nil && !r.whole && !s.long && r.back(len(r.w.rest())) {
					return Record{}, false, r.bad(line, "not JSON: the line ends within the record")
				}
				r.num++
				return Record{}, false, r.cut()
			}
		case splitEnvelope:
			r.pass(s.at)
			r.mode = inEnvelope
			return Record{}, false, nil
		case splitEnd:
			data := r.pass(s.at)
			if r.mode == afterArray {
				r.mode = betweenValues
				return Record{}, false, nil
			}
			r.num++
			if s.long || len(data) > r.opts.MaxRecord {
				return Record{}, false, r.tooLong(line)
			}
			return Record{Data: data, Line: line, Number: r.num}, true, nil
		case splitBad:
			if !s.long && r.back(s.at) {
				return Record{}, false, r.bad(line, "not JSON: %s", s.reason)
			}
			r.pass(s.at)
			r.num++
			if r.mode == afterArray {
				r.mode = betweenValues
			}
			if !s.synced {
				r.resync()
			}
			return Record{}, false, r.bad(line, "not JSON: %s", s.reason)
		}
	}
}

// pass moves behind n bytes of the record and returns them.
func (r *Reader) pass(n int) []byte {
	data := r.w.rest()[:n]
	r.line += int64(bytes.Count(data, []byte("\n")))
	r.w.pos += n
	return data
}

// back looks among the n bytes of a damaged record for a line on which another
// seems to begin, and goes there. How much is read twice is bounded.
func (r *Reader) back(n int) bool {
	i := bytes.Index(r.w.rest()[:n], []byte("\n{"))
	r.again += int64(n)
	if i < 0 || r.mode == afterArray || r.again > r.w.offset()+maxAgain {
		return false
	}
	r.num++
	r.pass(i + 1)
	return true
}

// maxAgain is how many bytes beyond what was read may be read twice.
const maxAgain = 16 << 20

// resync moves to the next place where a record may begin: the next line, or in
// an array behind the next "},".
func (r *Reader) resync() {
	const end = "},"
	for {
		rest := r.w.rest()
		i := bytes.IndexByte(rest, '\n')
		if r.mode != betweenValues {
			if j := bytes.Index(rest, []byte(end)); j >= 0 && (i < 0 || j < i) {
				r.pass(j + len(end))
				return
			}
		}
		if i >= 0 {
			r.pass(i + 1)
			return
		}
		r.w.pos = max(r.w.pos, r.w.end-1)
		if !r.w.fill() {
			r.w.pos = r.w.end
			return
		}
	}
}

// splitResult says why a scan stopped.
type splitResult int

const (
	splitMore     splitResult = iota // at the end of what is held
	splitEnd                         // behind the object
	splitEnvelope                    // behind the "[" of an envelope's records
	splitBad                         // where it cannot be JSON
)

// jsonSplit finds the end of a JSON object without decoding it.
type jsonSplit struct {
	mode      jsonMode
	limit     int
	envelopes []string

	at     int    // how far it was scanned
	depth  int    // open brackets
	stack  uint64 // of the innermost 64, 1 for "["
	long   bool
	drop   int  // bytes that need not be held
	synced bool // at is where the next record may begin
	reason string
}

// scan goes on from where it was; b begins where the object does.
func (s *jsonSplit) scan(b []byte) splitResult {
	i := s.at
	for i < len(b) {
		switch b[i] {
		case '"':
			n, result := s.text(b, i)
			if result != splitEnd {
				return result
			}
			i = n
			continue
		case '{', '[':
			s.depth++
			s.stack <<= 1
			if b[i] == '[' {
				s.stack |= 1
			}
			if s.depth > MaxDepth {
				return s.fail(i+1, "nested too deeply")
			}
		case '}', ']':
			if s.depth <= 64 && (s.stack&1 == 1) != (b[i] == ']') {
				return s.fail(i+1, "brackets do not match")
			}
			s.depth--
			s.stack >>= 1
			if s.depth == 0 {
				s.at = i + 1
				return splitEnd
			}
		case '\n':
			if i+1 == len(b) {
				s.at = i
				return s.more(b)
			}
			if b[i+1] == '{' && !s.mayOpen(b[:i]) {
				s.synced = true
				return s.fail(i+1, "the line ends within the record")
			}
		}
		i++
	}
	s.at = i
	return s.more(b)
}

// text passes a string that begins at i. It reports splitMore when the string,
// or what decides whether it is an envelope's name, is not all there.
func (s *jsonSplit) text(b []byte, i int) (int, splitResult) {
	j := i + 1
	for ; j < len(b) && b[j] != '"'; j++ {
		if b[j] == '\\' {
			j++
		} else if b[j] < 0x20 {
			s.synced = b[j] == '\n'
			return 0, s.fail(j+1, "control character in a string")
		}
	}
	if j >= len(b) {
		s.at = i
		return 0, s.more(b)
	}
	if s.depth != 1 || (s.mode != betweenValues && s.mode != afterArray) || !s.named(b[i+1:j]) {
		return j + 1, splitEnd
	}
	colon := false
	for k := j + 1; k < len(b); k++ {
		switch c := b[k]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == ':' && !colon:
			colon = true
		case c == '[' && colon:
			s.at = k + 1
			return 0, splitEnvelope
		default:
			return j + 1, splitEnd
		}
	}
	s.at = i
	return 0, s.more(b)
}

func (s *jsonSplit) named(name []byte) bool {
	for _, e := range s.envelopes {
		if string(name) == e {
			return true
		}
	}
	return false
}

// more decides what is dropped of an object that is too long to be held.
func (s *jsonSplit) more(b []byte) splitResult {
	if s.long || len(b) > s.limit {
		s.long = true
		if s.at < len(b)/2 { // one string that does not end
			return s.fail(len(b), "longer than the limit")
		}
		s.drop = s.at
	}
	return splitMore
}

func (s *jsonSplit) fail(at int, reason string) splitResult {
	s.at, s.reason = at, reason
	return splitBad
}

// mayOpen reports whether an object may begin behind b, within the record.
func (s *jsonSplit) mayOpen(b []byte) bool {
	b = bytes.TrimRight(b, " \t\r\n")
	if len(b) == 0 {
		return true
	}
	last := b[len(b)-1]
	if s.stack&1 == 1 {
		return last == '[' || last == ','
	}
	return last == ':'
}
