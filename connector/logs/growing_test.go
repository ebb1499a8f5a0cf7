package logs_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestJustWritten reads files that were written a moment ago: what is closed is
// read, and what is not is told.
func TestJustWritten(t *testing.T) {
	array := "[" + strings.ReplaceAll(strings.TrimSpace(lines(0, 3)), "\n", ",") + "]"
	line := strings.Repeat("x", 200) + "\n"
	for name, c := range map[string]struct {
		text string
		want int    // events
		note string // what the only note says, "" for none
	}{
		"array":              {text: array, want: 3},
		"array, end of line": {text: array + "\n", want: 3},
		"pretty array":       {text: strings.NewReplacer("{", "\n {\n  ", "}", "\n }").Replace(array), want: 3},
		"envelope":           {text: `{"Records":` + array + `}`, want: 3},
		"byte order mark":    {text: "\xef\xbb\xbf" + array, want: 3},
		"one object":         {text: `{"id":"00000"}`, want: 1},
		"long array":         {text: "[" + strings.ReplaceAll(strings.TrimSpace(lines(0, 900)), "\n", ",") + "]", want: 900},
		"half an array":      {text: array[:len(array)-3], note: ": 43 bytes are too few yet"},
		"two lines":          {text: lines(0, 2), note: ": 30 bytes are too few yet"},
		"half a line":        {text: line + "half", want: 1, note: ": 4 bytes at the end are not a whole line yet"},
		"half an object":     {text: lines(0, 20) + `{"id":"0002`, want: 20, note: ": 11 bytes at the end are not a whole line yet"},
		"closed, no end":     {text: line + `{"id":"a"}`, want: 2},
		"whole":              {text: lines(0, 20), want: 20},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			write(t, path, c.text)
			h := newHost()
			for range 2 { // the second time there is nothing new
				h.notes = nil
				if err := h.read(t, time.Now(), path); err != nil {
					t.Fatal(err)
				}
			}
			if len(h.ids) != c.want || len(h.faults) > 0 {
				t.Errorf("%d events %v, faults %v, want %d", len(h.ids), h.ids, h.faults, c.want)
			}
			switch {
			case c.note == "" && len(h.notes) > 0:
				t.Errorf("notes %v, want none", h.notes)
			case c.note != "" && (len(h.notes) != 1 || !strings.Contains(h.notes[0].Text, path+c.note)):
				t.Errorf("notes %v, want %q", h.notes, c.note)
			}
		})
	}
}
