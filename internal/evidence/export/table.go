package export

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Column is one column of a table.
type Column struct {
	// Name is the name of the field in JSON: lower camel case, a contract.
	Name string
	// Title heads the column in CSV and XLSX; empty: the name.
	Title string
	// Width is how many characters wide a spreadsheet shows it; 0: by title.
	Width int
}

func (c Column) title() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}

// Row holds one value for each column: nil (not known), string, bool, int,
// int64, float64, time.Time (zero: not known), []string or json.RawMessage.
type Row []any

// Table is what the table writers write. Rows is read once.
type Table struct {
	Name    string
	Columns []Column
	Rows    iter.Seq2[Row, error]
}

// Written says what a writer wrote.
type Written struct {
	Rows int64
	// Cut counts values that did not fit into a cell of the format and were
	// cut, with a mark. Only XLSX has such a limit.
	Cut int64
}

// each calls f for every row, checked against the columns.
func (t Table) each(what string, f func(Row) error) (int64, error) {
	n := int64(0)
	for row, err := range t.Rows {
		if err == nil && len(row) != len(t.Columns) {
			err = fmt.Errorf("it has %d values for %d columns", len(row), len(t.Columns))
		}
		if err == nil {
			err = f(row)
		}
		if err != nil {
			return n, fmt.Errorf("write %s: row %d: %w", what, n+1, err)
		}
		n++
	}
	return n, nil
}

// listSeparator stands between the elements of a list in one cell.
const listSeparator = "; "

// cellText is a value as CSV and, where it has no type of its own there, XLSX
// show it. The second value is true for text, which may carry anything.
func cellText(v any) (string, bool, error) {
	switch v := v.(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	case bool:
		return strconv.FormatBool(v), false, nil
	case int:
		return strconv.Itoa(v), false, nil
	case int64:
		return strconv.FormatInt(v, 10), false, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), false, nil
	case time.Time:
		if v.IsZero() {
			return "", false, nil
		}
		return v.UTC().Format(time.RFC3339Nano), false, nil
	case []string:
		return strings.Join(v, listSeparator), true, nil
	case json.RawMessage:
		return string(v), true, nil
	}
	return "", false, fmt.Errorf("value of type %T: want one of those of a Row", v)
}
