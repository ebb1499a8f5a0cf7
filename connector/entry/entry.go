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
	"io"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
)

// Bounds on an entry. Real ones are a few kilobytes, a few levels deep.
const (
	MaxRecord = 1 << 20 // bytes
	MaxDepth  = 32      // objects and lists inside one another
)

// Object is an entry, or an object inside one. Its values are those of
// encoding/json with numbers as [json.Number]. A nil Object has no fields.
type Object map[string]any

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
	dec := json.NewDecoder(bytes.NewReader(record))
	dec.UseNumber()
	var o Object
	if err := dec.Decode(&o); err != nil {
		return nil, fmt.Errorf("%w: record is no JSON: %s", retinue.ErrInvalid, syntax(err, dec))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: record goes on after its JSON object", retinue.ErrInvalid)
	}
	return o, nil
}

// syntax says where a record is wrong and never what it holds.
func syntax(err error, dec *json.Decoder) string {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Sprintf("wrong at byte %d", s.Offset)
	}
	return fmt.Sprintf("it ends or is wrong at byte %d", dec.InputOffset())
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
func (o Object) value(path string) any {
	if v, ok := o[path]; ok {
		return v
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if in := object(o[path[:i]]); in != nil {
			if v := in.value(path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

func object(v any) Object {
	switch v := v.(type) {
	case map[string]any:
		return v
	case Object:
		return v
	}
	return nil
}

// Has reports whether one of the paths leads to a value that is not null.
func (o Object) Has(paths ...string) bool {
	for _, p := range paths {
		if o.value(p) != nil {
			return true
		}
	}
	return false
}

// Raw returns the text or number at the first path that has one that is not
// empty, as it stands.
func (o Object) Raw(paths ...string) string {
	for _, p := range paths {
		switch v := o.value(p).(type) {
		case string:
			if v = strings.TrimSpace(v); v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
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
	switch v := o.value(path).(type) {
	case bool:
		return v, true
	case string:
		b, err := strconv.ParseBool(v)
		return b, err == nil
	}
	return false, false
}

// Object returns the object at a path; nil where there is none.
func (o Object) Object(path string) Object { return object(o.value(path)) }

// Objects returns the objects of the list at a path, or the one object that
// stands there in a list's place.
func (o Object) Objects(path string) []Object {
	v := o.value(path)
	if one := object(v); one != nil {
		return []Object{one}
	}
	list, _ := v.([]any)
	var out []Object
	for _, e := range list {
		if in := object(e); in != nil {
			out = append(out, in)
		}
	}
	return out
}

// Texts returns the texts and numbers of the list at a path, cleaned; a text in
// the list's place is a list of one.
func (o Object) Texts(path string) []string {
	v := o.value(path)
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, e := range list {
		if s := (Object{"": e}).Text(""); s != "" {
			out = append(out, s)
		}
	}
	return out
}
