// Package entry reads one entry of an audit log that is a JSON object, as SaaS
// products and collectors of logs write them: fields that are a number in one
// delivery and text in the next, times in several forms, names chosen by whoever
// made the entry. Everything that it returns is cleaned and bounded.
package entry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// Bounds on an entry. Real ones are a few kilobytes, a few levels deep.
const (
	MaxRecord = 1 << 20 // bytes
	MaxDepth  = 32      // objects and lists inside one another
)

// Object is an entry, or an object inside one, by the names of its fields. It is
// valid while the record is; texts that are taken of it stay valid. A nil Object
// has no fields.
type Object map[string]logs.Value

// Parse reads a record that is one JSON object. What is none, or exceeds the
// bounds, is ErrInvalid.
func Parse(record []byte) (Object, error) {
	record = bytes.TrimSpace(record)
	if len(record) > MaxRecord {
		return nil, fmt.Errorf("%w: record of %d bytes: at most %d are read", retinue.ErrInvalid, len(record), MaxRecord)
	}
	if len(record) == 0 || record[0] != '{' {
		return nil, fmt.Errorf("%w: record is no JSON object", retinue.ErrInvalid)
	}
	if depth(record) > MaxDepth {
		return nil, fmt.Errorf("%w: record nests deeper than %d", retinue.ErrInvalid, MaxDepth)
	}
	if !json.Valid(record) {
		return nil, fmt.Errorf("%w: record is no JSON: wrong at byte %d", retinue.ErrInvalid, wrongAt(record))
	}
	return fields(logs.NewFields(record)), nil
}

// wrongAt says where a record is wrong.
func wrongAt(record []byte) int64 {
	var v json.RawMessage
	var s *json.SyntaxError
	if err := json.Unmarshal(record, &v); errors.As(err, &s) {
		return s.Offset
	}
	return int64(len(record))
}

func fields(f logs.Fields) Object {
	o := Object{}
	for f.Next() {
		o[string(f.Key)] = f.Value
	}
	return o
}

// depth returns how deep objects and lists lie in one another.
func depth(record []byte) int {
	deep, most, text := 0, 0, false
	for i := 0; i < len(record); i++ {
		switch c := record[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			deep++
			most = max(most, deep)
		case c == '}' || c == ']':
			deep--
		}
	}
	return most
}

// value finds a field by its name, or by a path of names with dots between
// them. A name that itself holds dots ("meta.user") comes first.
func (o Object) value(path string) logs.Value {
	if v, ok := o[path]; ok {
		return v
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if in := inside(o[path[:i]], path[i+1:]); !in.IsNull() {
			return in
		}
	}
	return nil
}

// inside is value of an object that is not taken apart.
func inside(v logs.Value, path string) logs.Value {
	if !v.IsObject() {
		return nil
	}
	if in := v.Get(path); in != nil {
		return in
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if in := inside(v.Get(path[:i]), path[i+1:]); !in.IsNull() {
			return in
		}
	}
	return nil
}

// Has reports whether one of the paths leads to a value that is not null.
func (o Object) Has(paths ...string) bool {
	for _, p := range paths {
		if !o.value(p).IsNull() {
			return true
		}
	}
	return false
}

// Raw returns the text or number at the first path that has one that is not
// empty, as it stands.
func (o Object) Raw(paths ...string) string {
	for _, p := range paths {
		if s := raw(o.value(p)); s != "" {
			return s
		}
	}
	return ""
}

func raw(v logs.Value) string {
	switch {
	case len(v) == 0:
		return ""
	case v[0] == '"':
		return strings.TrimSpace(v.Text())
	case v[0] == '-', v[0] >= '0' && v[0] <= '9':
		return string(v)
	}
	return ""
}

// Text is Raw, cleaned and cut to [retinue.MaxEventText].
func (o Object) Text(paths ...string) string { return Text(o.Raw(paths...)) }

// ID is Text for numbers and names by which a product knows something: the 0 that
// stands for none in some products' logs is none here as well.
func (o Object) ID(paths ...string) string {
	for _, p := range paths {
		if v := o.Text(p); v != "" && v != "0" && v != "null" && v != "<nil>" {
			return v
		}
	}
	return ""
}

// Int returns the whole number at a path, also where it is written as text.
func (o Object) Int(path string) (int64, bool) {
	n, err := strconv.ParseInt(o.Raw(path), 10, 64)
	return n, err == nil
}

// Flag returns the truth value at a path, also where it is written as text, and
// whether there is one.
func (o Object) Flag(path string) (value, known bool) {
	v := o.value(path)
	if len(v) == 0 || v[0] != '"' && v[0] != 't' && v[0] != 'f' {
		return false, false
	}
	b, err := strconv.ParseBool(v.Word())
	return b, err == nil
}

// Object returns the object at a path; nil where there is none.
func (o Object) Object(path string) Object {
	if v := o.value(path); v.IsObject() {
		return fields(v.Fields())
	}
	return nil
}

// Objects returns the objects of the list at a path, or the one object that
// stands there in a list's place.
func (o Object) Objects(path string) []Object {
	v := o.value(path)
	if v.IsObject() {
		return []Object{fields(v.Fields())}
	}
	var out []Object
	for e := range v.Elements() {
		if e.IsObject() {
			out = append(out, fields(e.Fields()))
		}
	}
	return out
}

// Texts returns the texts and numbers of the list at a path, cleaned; a text in
// the list's place is a list of one.
func (o Object) Texts(path string) []string {
	v := o.value(path)
	if s := Text(raw(v)); s != "" {
		return []string{s}
	}
	var out []string
	for e := range v.Elements() {
		if s := Text(raw(e)); s != "" {
			out = append(out, s)
		}
	}
	return out
}
