package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// trailCSV reads the CSV of a query of Athena or CloudTrail Lake: the columns
// of CloudTrail by their names in any case, with objects as JSON, as a struct of
// Hive ("{type=IAMUser, …}"), or spread over columns ("userIdentity.arn",
// "useridentity_arn").
type trailCSV struct {
	*trailDecoder
	columns []string
}

// newTrailCSV reads the header from the beginning of the content: reading may go
// on behind it.
func newTrailCSV(t *trailTables, head []byte) *trailCSV {
	c := &trailCSV{trailDecoder: newTrailDecoder(t)}
	line, err := logs.NewReader(bytes.NewReader(head), logs.ReaderOptions{Format: logs.CSV}).Next()
	if err != nil || line.Open {
		return c
	}
	for _, f := range line.Fields {
		c.columns = append(c.columns, strings.ToLower(strings.Trim(f, " \"\ufeff")))
	}
	return c
}

// Decode implements logs.Decoder.
func (c *trailCSV) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	switch {
	case c.columns == nil:
		return dst, fmt.Errorf("%w: the line of column names is too long, or the only one", retinue.ErrInvalid)
	case rec.Number == 1:
		return dst, nil
	}
	if len(rec.Fields) != len(c.columns) {
		return dst, fmt.Errorf("%w: %d values for %d columns", retinue.ErrInvalid, len(rec.Fields), len(c.columns))
	}
	object := map[string]any{}
	for i, v := range rec.Fields {
		if v == "" || v == "null" {
			continue
		}
		name := c.columns[i]
		outer, inner, nested := strings.Cut(name, ".")
		if !nested {
			if rest, ok := strings.CutPrefix(name, "useridentity_"); ok {
				outer, inner, nested = "useridentity", rest, true
			}
		}
		if !nested {
			object[name] = value(v)
			continue
		}
		o, ok := object[outer].(map[string]any)
		if !ok {
			o = map[string]any{}
			object[outer] = o
		}
		nest(o, inner, v)
	}
	data, err := json.Marshal(object)
	if err != nil {
		return dst, fmt.Errorf("%w: row: %v", retinue.ErrInvalid, err)
	}
	return c.decode(dst, data, maxNested)
}

// nest puts a value under a dotted name.
func nest(o map[string]any, name, v string) {
	for range 5 {
		outer, inner, more := strings.Cut(name, ".")
		if !more {
			break
		}
		next, ok := o[outer].(map[string]any)
		if !ok {
			next = map[string]any{}
			o[outer] = next
		}
		o, name = next, inner
	}
	o[name] = value(v)
}

// value is a column's value: an object or a list where it is one, else text.
func value(v string) any {
	if (v[0] == '{' || v[0] == '[') && json.Valid([]byte(v)) {
		return json.RawMessage(v)
	}
	if v[0] == '{' || v[0] == '[' {
		if out, rest, ok := hive(v, 0); ok && strings.TrimSpace(rest) == "" {
			return out
		}
	}
	return v
}

// maxHiveDepth bounds structs inside structs.
const maxHiveDepth = 16

// hive reads the text of a struct or an array as Athena writes it:
// {type=IAMUser, sessioncontext={attributes={…}}}. Values are not quoted there,
// so that one which holds ", " and "=" is misread as two.
func hive(s string, depth int) (v any, rest string, ok bool) {
	if depth > maxHiveDepth || s == "" {
		return nil, s, false
	}
	switch s[0] {
	case '{':
		return hiveStruct(s[1:], depth)
	case '[':
		var out []any
		for s = s[1:]; ; {
			s = strings.TrimLeft(s, " ,")
			if s == "" {
				return nil, s, false
			}
			if s[0] == ']' {
				return out, s[1:], true
			}
			e, after, ok := hive(s, depth+1)
			if !ok || len(after) == len(s) {
				return nil, s, false
			}
			out, s = append(out, e), after
		}
	}
	end := strings.IndexAny(s, ",}]")
	if end < 0 {
		return nil, s, false
	}
	if text := s[:end]; text != "null" {
		return text, s[end:], true
	}
	return nil, s[end:], true
}

func hiveStruct(s string, depth int) (any, string, bool) {
	out := map[string]any{}
	for {
		s = strings.TrimLeft(s, " ,")
		if s == "" {
			return nil, s, false
		}
		if s[0] == '}' {
			return out, s[1:], true
		}
		name, after, ok := strings.Cut(s, "=")
		if !ok || strings.ContainsAny(name, "{}[],") {
			return nil, s, false
		}
		v, rest, ok := hive(after, depth+1)
		if !ok {
			return nil, s, false
		}
		if v != nil {
			out[strings.TrimSpace(name)] = v
		}
		s = rest
	}
}
