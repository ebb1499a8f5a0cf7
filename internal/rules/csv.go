package rules

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// LabelRow is one row of a label file. The first four are patterns in which *
// stands for anything; an empty one matches everything.
type LabelRow struct {
	Realm     string // such as aws:111111111111
	Container string // the name or key of any container of the subject
	Kind      string // the kind of its ref, such as role
	Name      string // its name or the key of its ref

	Environment retinue.Environment
	Criticality retinue.Criticality
	DataClass   string

	by string
}

// maxLabelRows bounds a label file.
const maxLabelRows = 100_000

// LabelColumns are the columns of a label file: the first line names the ones
// that the file has, in any order.
func LabelColumns() []string {
	return []string{"realm", "container", "kind", "name", "environment", "criticality", "data_class"}
}

// ReadLabels reads a label file. Errors name the line and what would be right.
func ReadLabels(name string, r io.Reader) ([]LabelRow, error) {
	c := csv.NewReader(r)
	c.TrimLeadingSpace = true
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: read the line of column names: %v", retinue.ErrInvalid, name, err)
	}
	for i, h := range head {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
		if !slices.Contains(LabelColumns(), head[i]) || slices.Contains(head[:i], head[i]) {
			return nil, fmt.Errorf("%w: %s:1: column %q: want each of %s at most once", retinue.ErrInvalid, name, h,
				strings.Join(LabelColumns(), ", "))
		}
	}
	var rows []LabelRow
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %v", retinue.ErrInvalid, name, err)
		}
		line, _ := c.FieldPos(0)
		if len(rows) == maxLabelRows {
			return nil, fmt.Errorf("%w: %s: more than %d rows", retinue.ErrInvalid, name, maxLabelRows)
		}
		row, err := labelRow(head, rec)
		if err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %v", retinue.ErrInvalid, name, line, err)
		}
		row.by = fmt.Sprintf("%s line %d", name, line)
		rows = append(rows, row)
	}
}

func labelRow(head, rec []string) (LabelRow, error) {
	var row LabelRow
	for i, column := range head {
		v := strings.TrimSpace(rec[i])
		if v == "" {
			continue
		}
		var err error
		switch column {
		case "realm":
			row.Realm = v
		case "container":
			row.Container = v
		case "kind":
			row.Kind = v
		case "name":
			row.Name = v
		case "environment":
			row.Environment, err = retinue.Environment(v), checkLabel(LabelEnvironment, v)
		case "criticality":
			row.Criticality, err = retinue.Criticality(v), checkLabel(LabelCriticality, v)
		case "data_class":
			row.DataClass, err = v, checkLabel(LabelDataClass, v)
		}
		if err != nil {
			return row, err
		}
	}
	if row.Realm == "" && row.Container == "" && row.Kind == "" && row.Name == "" {
		return row, errors.New("no pattern: a row for everything would label everything")
	}
	return row, nil
}

func (r *LabelRow) matches(s *Subject) bool {
	if !glob(r.Realm, string(s.Ref.Realm)) || !glob(r.Kind, s.Ref.Kind) {
		return false
	}
	if !glob(r.Name, s.Name) && !glob(r.Name, s.Ref.Key) {
		return false
	}
	return r.Container == "" || slices.ContainsFunc(s.Containers, func(c retinue.Container) bool {
		return glob(r.Container, c.Name) || glob(r.Container, c.Ref.Key)
	})
}

// glob matches a pattern in which * stands for any run of characters; the empty
// pattern matches everything.
func glob(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, p := range parts[:len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
