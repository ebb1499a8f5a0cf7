package logs

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
)

// Fields goes through the members of a JSON object without reflection and
// without copying. It is several times as fast as encoding/json where few of
// many members are wanted. It takes what is JSON and something beyond: it checks
// how values nest and strings end, and not how numbers and words are written.
//
//	f := logs.NewFields(record)
//	for f.Next() {
//		switch string(f.Key) { … f.Value.Text() … }
//	}
//	if f.Err() != nil { … }
type Fields struct {
	// Key is the name of the member, with its escapes undone.
	Key []byte
	// Value is its value. Both are valid while the object is.
	Value Value

	data []byte
	at   int
	err  error
}

// Value is a JSON value as it stands, without white space around it.
type Value []byte

// NewFields returns the members of an object. Of anything else there are none;
// what is not an object and not null is an error.
func NewFields(object []byte) Fields {
	f := Fields{data: object}
	f.at = skipSpace(object, 0)
	switch {
	case f.at < len(object) && object[f.at] == '{':
		f.at++
	case f.at == len(object) || string(object[f.at:]) == "null":
		f.at = len(object)
		f.data = nil
	default:
		f.data = nil
		f.fail("want an object")
	}
	return f
}

// Next goes to the next member and reports whether there is one.
func (f *Fields) Next() bool {
	if f.err != nil || f.data == nil {
		return false
	}
	d := f.data
	i := skipSpace(d, f.at)
	if i < len(d) && d[i] == ',' {
		i = skipSpace(d, i+1)
	}
	if i < len(d) && d[i] == '}' {
		f.data = nil
		return false
	}
	if i >= len(d) || d[i] != '"' {
		return f.fail("want a name")
	}
	end, escaped := stringEnd(d, i)
	if end < 0 {
		return f.fail("a name does not end")
	}
	f.Key = d[i+1 : end-1]
	if escaped {
		f.Key = unescape(f.Key)
	}
	i = skipSpace(d, end)
	if i >= len(d) || d[i] != ':' {
		return f.fail("want a colon")
	}
	i = skipSpace(d, i+1)
	end = valueEnd(d, i)
	if end < 0 {
		return f.fail("a value does not end")
	}
	f.Value = Value(d[i:end])
	f.at = end
	return true
}

// Err reports what is not JSON, without quoting it.
func (f *Fields) Err() error { return f.err }

func (f *Fields) fail(what string) bool {
	f.err = fmt.Errorf("%w: not JSON: %s at byte %d", retinue.ErrInvalid, what, f.at)
	return false
}

// IsNull reports null and absence.
func (v Value) IsNull() bool { return len(v) == 0 || string(v) == "null" }

// Text is the text of a string, and "" of anything else.
func (v Value) Text() string {
	raw, escaped := v.Raw()
	if escaped {
		return string(unescape(raw))
	}
	return string(raw)
}

// Raw is what stands between the quotes of a string, and whether there are
// escapes in it; nil of anything else.
func (v Value) Raw() (raw []byte, escaped bool) {
	if len(v) < 2 || v[0] != '"' {
		return nil, false
	}
	raw = v[1 : len(v)-1]
	return raw, bytes.IndexByte(raw, '\\') >= 0
}

// Word is Text for a string, and a number, true or false as it stands.
func (v Value) Word() string {
	if len(v) == 0 || v[0] == '{' || v[0] == '[' || string(v) == "null" {
		return ""
	}
	if v[0] == '"' {
		return v.Text()
	}
	return string(v)
}

// IsTrue reports true, also where it is written as text.
func (v Value) IsTrue() bool {
	return string(v) == "true" || len(v) == 6 && bytes.EqualFold(v, []byte(`"true"`))
}

// IsObject reports an object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// Fields goes through the members of an object; there are none of anything else.
func (v Value) Fields() Fields {
	if !v.IsObject() {
		return Fields{}
	}
	return NewFields(v)
}

// Get returns what stands under a path of names, nil where there is nothing.
func (v Value) Get(path ...string) Value {
	for _, name := range path {
		f := v.Fields()
		v = nil
		for f.Next() {
			if string(f.Key) == name {
				v = f.Value
				break
			}
		}
	}
	return v
}

// Elements gives the elements of an array; there are none of anything else.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if len(v) == 0 || v[0] != '[' {
			return
		}
		for i := skipSpace(v, 1); i < len(v) && v[i] != ']'; i = skipSpace(v, i) {
			if v[i] == ',' {
				i++
				continue
			}
			end := valueEnd(v, i)
			if end < 0 || !yield(v[i:end]) {
				return
			}
			i = end
		}
	}
}

func skipSpace(d []byte, i int) int {
	for i < len(d) && (d[i] == ' ' || d[i] == '\n' || d[i] == '\t' || d[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns where a string that begins at i ends, behind its quote.
func stringEnd(d []byte, i int) (end int, escaped bool) {
	for j := i + 1; j < len(d); j++ {
		switch d[j] {
		case '"':
			return j + 1, escaped
		case '\\':
			escaped = true
			j++
		}
	}
	return -1, false
}

// valueEnd returns where a value that begins at i ends, -1 where it does not.
func valueEnd(d []byte, i int) int {
	if i >= len(d) {
		return -1
	}
	switch d[i] {
	case '"':
		end, _ := stringEnd(d, i)
		return end
	case '{', '[':
		return nestEnd(d, i)
	}
	start := i
	for i < len(d) {
		switch d[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			if i == start {
				return -1
			}
			return i
		case '"', '{', '[', ':':
			return -1
		}
		i++
	}
	return i
}

// nestEnd returns where an object or array ends.
func nestEnd(d []byte, i int) int {
	depth := 0
	for i < len(d) {
		switch d[i] {
		case '"':
			end, _ := stringEnd(d, i)
			if end < 0 {
				return -1
			}
			i = end
			continue
		case '{', '[':
			if depth++; depth > MaxDepth {
				return -1
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// unescape undoes the escapes of a string.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r := hex4(raw, i+1)
			if r < 0 {
				out = utf8.AppendRune(out, utf8.RuneError)
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low = hex4(raw, i+3)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return out
}

func hex4(raw []byte, i int) rune {
	if i+4 > len(raw) {
		return -1
	}
	n, err := strconv.ParseUint(string(raw[i:i+4]), 16, 32)
	if err != nil {
		return -1
	}
	return rune(n)
}
