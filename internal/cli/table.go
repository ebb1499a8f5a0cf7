package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/store"
)

// listFlags are the flags that every list has.
type listFlags struct {
	format string
	limit  int
	asOf   string
	known  string
}

func (f *listFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	c.Flags().IntVar(&f.limit, "limit", 0, "print at most so many rows (default: every row)")
	c.Flags().StringVar(&f.asOf, "as-of", "", "answer for a date: 2026-03-31, 2026-03-31T12:00:00Z, or an age such as 30d")
	c.Flags().StringVar(&f.known, "known-at", "", "with --as-of: by what had been recorded by this date")
}

func (f *listFlags) check() (store.AsOf, error) {
	if f.format != "table" && f.format != "json" && f.format != "csv" {
		return store.AsOf{}, usageError{fmt.Errorf("--format %q: want table, json or csv", f.format)}
	}
	if f.limit < 0 {
		return store.AsOf{}, usageError{fmt.Errorf("--limit %d: want 0 or more", f.limit)}
	}
	return asOf(f.asOf, f.known)
}

func asOf(observed, known string) (store.AsOf, error) {
	var a store.AsOf
	var err error
	if observed != "" {
		if a.Observed, err = parseTime("--as-of", observed); err != nil {
			return a, err
		}
	}
	if known != "" {
		a.Known, err = parseTime("--known-at", known)
	}
	return a, err
}

// parseTime reads a date, a time, or an age such as 36h or 30d. A date means
// its end, so that what happened on the day is included.
func parseTime(flag, s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse("2006-01-02", s); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Microsecond), nil
	}
	if n, ok := strings.CutSuffix(s, "d"); ok {
		var days int
		if _, err := fmt.Sscanf(n, "%d", &days); err == nil && fmt.Sprint(days) == n && days >= 0 {
			return time.Now().UTC().AddDate(0, 0, -days), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return time.Now().UTC().Add(-d), nil
	}
	return time.Time{}, usageError{fmt.Errorf("%s %q: want a date (2026-03-31), a time (2026-03-31T12:00:00Z) or an age (30d, 36h)", flag, s)}
}

// cell is one column of a table: its title and how a row shows it.
type cell[T any] struct {
	title string
	show  func(T) string
}

// list prints rows in the format that was asked for: JSON is an array of
// objects, CSV has the JSON names, a table has the columns given.
func list[T any](e *env, f listFlags, rows iter.Seq2[T, error], cells []cell[T], empty string) error {
	switch f.format {
	case "json":
		return listJSON(e, rows)
	case "csv":
		return listCSV(e, rows, cells)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	titles := make([]string, len(cells))
	for i, c := range cells {
		titles[i] = strings.ToUpper(c.title)
	}
	n := 0
	for r, err := range rows {
		if err != nil {
			return err
		}
		if n == 0 {
			_, _ = fmt.Fprintln(w, strings.Join(titles, "\t"))
		}
		n++
		line := make([]string, len(cells))
		for i, c := range cells {
			text := c.show(r)
			if i < len(cells)-1 { // the last column may be as long as it is
				text = middle(text, 60)
			}
			line[i] = retinue.CleanName(text)
		}
		_, _ = fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	if n == 0 {
		e.say("%s", empty)
	}
	return w.Flush()
}

func listJSON[T any](e *env, rows iter.Seq2[T, error]) error {
	e.printf("[")
	n := 0
	for r, err := range rows {
		if err != nil {
			return err
		}
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		sep := ",\n "
		if n == 0 {
			sep = "\n "
		}
		n++
		e.printf("%s%s", sep, b)
	}
	if n > 0 {
		e.printf("\n")
	}
	e.printf("]\n")
	return nil
}

func listCSV[T any](e *env, rows iter.Seq2[T, error], cells []cell[T]) error {
	w := csv.NewWriter(e.out)
	titles := make([]string, len(cells))
	for i, c := range cells {
		titles[i] = c.title
	}
	if err := w.Write(titles); err != nil {
		return err
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		line := make([]string, len(cells))
		for i, c := range cells {
			line[i] = export.SafeCell(c.show(r))
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// middle cuts a long text in its middle, where identifiers differ least.
func middle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n/2]) + "…" + string(r[len(r)-n/2+1:])
}

func day(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02")
}

func dash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}
