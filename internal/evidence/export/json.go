package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// WriteJSON writes a table as a JSON array of objects, one a line, each with
// every column in order; a value that is not known is null. Times are RFC 3339
// in UTC.
func WriteJSON(w io.Writer, t Table) (Written, error) {
	b := bufio.NewWriterSize(w, 64<<10)
	names := make([][]byte, len(t.Columns))
	for i, c := range t.Columns {
		name, err := json.Marshal(c.Name)
		if err != nil {
			return Written{}, fmt.Errorf("write JSON: column %q: %w", c.Name, err)
		}
		names[i] = append(name, ':')
	}
	sep := "[\n{"
	n, err := t.each("JSON", func(row Row) error {
		_, _ = b.WriteString(sep)
		sep = ",\n{"
		for i, v := range row {
			if i > 0 {
				_ = b.WriteByte(',')
			}
			_, _ = b.Write(names[i])
			raw, err := jsonValue(v)
			if err != nil {
				return fmt.Errorf("column %s: %w", t.Columns[i].Name, err)
			}
			_, _ = b.Write(raw)
		}
		return b.WriteByte('}') // a bufio.Writer keeps the first error
	})
	if err != nil {
		return Written{Rows: n}, err
	}
	if n == 0 {
		_, _ = b.WriteString("[")
	}
	_, _ = b.WriteString("\n]\n")
	if err := b.Flush(); err != nil {
		return Written{Rows: n}, fmt.Errorf("write JSON: %w", err)
	}
	return Written{Rows: n}, nil
}

func jsonValue(v any) ([]byte, error) {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return []byte("null"), nil
		}
		return json.Marshal(v.UTC())
	case []string:
		if v == nil {
			return []byte("[]"), nil
		}
		return json.Marshal(v)
	case json.RawMessage:
		if len(v) == 0 {
			return []byte("null"), nil
		}
		return json.Marshal(v)
	}
	if _, _, err := cellText(v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
