package people

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Bounds of what further columns may hold.
const (
	maxFurther     = 32   // columns that become attributes
	maxColumnName  = 64   // bytes
	maxFurtherText = 1024 // bytes of a value
)

// known lists the columns that have a meaning of their own.
func known() []string {
	return []string{"type", "id", "name", "email", "state", "teams", "members", "team", "criticality", "manager"}
}

// header is what the first line says.
type header struct {
	columns []string       // in the order of the file, in lower case; "" where a column is left out
	at      map[string]int // the place of a column
	further []string       // columns that become attributes, in the order of the file
	secret  []string       // columns left out because their name speaks of a secret
	unnamed []int          // columns without a name
}

// readHeader reads the first line and with it the separator: the comma, the
// semicolon or the tab that occurs most in it. Wanted limits the further
// columns where it is not empty.
func readHeader(in *records, wanted []string) (*header, error) {
	text, err := firstLine(in)
	if err != nil {
		return nil, err
	}
	in.separator = separatorOf(text)
	rec := record{text: text, line: in.line}
	if wrong, _ := rec.split(in.separator); wrong != nil {
		wrong.fatal = true
		return nil, wrong
	}
	h := &header{at: map[string]int{}}
	for i, c := range rec.cells {
		if err := h.add(rec, i, c, wanted); err != nil {
			err.fatal = true
			return nil, err
		}
	}
	if _, ok := h.at["id"]; !ok {
		return nil, &mistake{line: rec.line, fatal: true, text: "no column id: the first line names the columns, of which id is required; " +
			"the others are " + strings.Join(slices.DeleteFunc(known(), func(n string) bool { return n == "id" }), ", ")}
	}
	return h, nil
}

// firstLine returns the first line that is not blank, without a byte order
// mark.
func firstLine(in *records) (string, error) {
	for {
		text, err := in.take()
		if err != nil {
			return "", err
		}
		if in.line == 1 {
			if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
				return "", &mistake{line: 1, column: 1, text: "the file is UTF-16: save it as UTF-8", fatal: true}
			}
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if strings.TrimSpace(text) != "" {
			return text, nil
		}
	}
}

func separatorOf(text string) byte {
	best, most := byte(','), 0
	for _, c := range []byte{',', ';', '\t'} {
		if n := strings.Count(text, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// add takes the next column of the first line.
func (h *header) add(rec record, i int, c cell, wanted []string) *mistake {
	name := strings.ToLower(c.text)
	switch _, dup := h.at[name]; {
	case name == "":
		h.columns, h.unnamed = append(h.columns, ""), append(h.unnamed, i)
		return nil
	case dup || slices.Contains(h.secret, name):
		return rec.mistake(c.at, "two columns have this name: give each its own")
	case len(name) > maxColumnName:
		return rec.mistake(c.at, "the name of a column is longer than %d bytes: the first line names the columns", maxColumnName)
	case retinue.CleanName(name) != name:
		return rec.mistake(c.at, "the name of a column holds a control character: lines end in LF or CRLF")
	}
	if !slices.Contains(known(), name) {
		if speaksOfSecret(name) {
			h.columns, h.secret = append(h.columns, ""), append(h.secret, name)
			return nil
		}
		if len(wanted) == 0 || slices.Contains(wanted, name) {
			h.further = append(h.further, name)
		}
		if len(h.further) > maxFurther {
			return rec.mistake(c.at, "more than %d further columns: choose some with the option columns", maxFurther)
		}
	}
	h.columns = append(h.columns, name)
	h.at[name] = i
	return nil
}

// speaksOfSecret reports the name of a column whose values must not become
// attributes.
func speaksOfSecret(name string) bool {
	plain := strings.Map(func(c rune) rune {
		if strings.ContainsRune(" _-.", c) {
			return -1
		}
		return c
	}, name)
	return slices.ContainsFunc([]string{"password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "privatekey", "credential"},
		func(word string) bool { return strings.Contains(plain, word) })
}

// notCovered says what the file does not tell for want of a column.
func (h *header) notCovered() []string {
	var out []string
	if _, ok := h.at["state"]; !ok {
		out = append(out, "the file has no column state: who has left is known only by being listed no longer")
	}
	if _, ok := h.at["email"]; !ok {
		out = append(out, "the file has no column email: owners that are named by their address cannot be joined")
	}
	for _, name := range h.secret {
		out = append(out, fmt.Sprintf("column %q is left out: its name speaks of a secret", name))
	}
	return out
}
