package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// WriteCSV writes a table as CSV (RFC 4180, UTF-8, lines ended by a newline),
// the titles first. Lists are joined by "; ".
//
// Text that a spreadsheet would take for a formula — beginning with = + - @, a
// tab, a carriage return or a line feed — gets an apostrophe in front, so that
// a hostile name cannot run anything in the program that opens the file (OWASP,
// "CSV Injection"). Numbers, booleans and times are written as they are. Whoever
// reads the file back takes one leading apostrophe off.
func WriteCSV(w io.Writer, t Table) (Written, error) {
	c := csv.NewWriter(w)
	cells := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		cells[i] = SafeCell(col.title())
	}
	if err := c.Write(cells); err != nil {
		return Written{}, fmt.Errorf("write CSV: %w", err)
	}
	n, err := t.each("CSV", func(row Row) error {
		for i, v := range row {
			text, free, err := cellText(v)
			if err != nil {
				return fmt.Errorf("column %s: %w", t.Columns[i].Name, err)
			}
			if free {
				text = SafeCell(text)
			}
			cells[i] = text
		}
		return c.Write(cells)
	})
	if err != nil {
		return Written{Rows: n}, err
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return Written{Rows: n}, fmt.Errorf("write CSV: %w", err)
	}
	return Written{Rows: n}, nil
}

// SafeCell puts an apostrophe in front of text that a spreadsheet would take
// for a formula, and in front of text that begins with one already, so that
// taking one off gives the text back.
func SafeCell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n'", s[0]) >= 0 {
		return "'" + s
	}
	return s
}
