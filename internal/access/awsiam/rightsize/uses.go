package rightsize

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Use is one thing that an identity was seen to do.
type Use struct {
	// Action is service:Name, in any case.
	Action string `json:"action"`
	// Resource is the ARN, or "*" for actions without resources. Empty means
	// that it is not known on what, and the grant's resources then stay.
	Resource string `json:"resource,omitempty"`
	// Count and Last are how often and when last; they decide nothing.
	Count int       `json:"count,omitempty"`
	Last  time.Time `json:"last,omitzero"`
	// Context are condition keys of the request, as far as they are known.
	Context map[string][]string `json:"context,omitempty"`
}

// use is a use under examination.
type use struct {
	Use
	// resource is what is put to the engine; empty where it is not known.
	resource string
	before   access.Decision
}

// distinct are the different uses, in order.
func distinct(uses []Use) []*use {
	seen := make(map[string]bool)
	var out []*use
	for _, u := range uses {
		key, _ := json.Marshal([]any{strings.ToLower(u.Action), u.Resource, u.Context})
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, &use{Use: u})
		}
	}
	slices.SortStableFunc(out, func(a, b *use) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Action), strings.ToLower(b.Action)), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

// Problem is a line of a file of uses that is none.
type Problem struct {
	// Place is "line 3" or "element 3".
	Place string
	Text  string
}

// The bounds of a file of uses.
const (
	maxFile      = 256 << 20
	maxUses      = 1_000_000 // different ones
	maxLine      = 1 << 20
	maxProblems  = 1000
	maxUseText   = 4096 // of an action or resource
	maxUseValues = 1000 // of its context
)

// ReadUses reads a file of uses: JSON lines or a JSON array of {"action",
// "resource", "count", "last", "context"}, in which resource may be a list and
// the values of context texts or lists, or CSV with the columns action,
// resource, count and last, by a line of headings or in that order. The form is
// told by the first character. Equal uses are added up. What is no use is
// returned as a problem, at most 1000 of them; an error, which wraps
// retinue.ErrInvalid or retinue.ErrUnavailable, ends the reading.
func ReadUses(r io.Reader) ([]Use, []Problem, error) {
	limit := &io.LimitedReader{R: r, N: maxFile + 1}
	in := bufio.NewReaderSize(limit, 64<<10)
	c := collection{byKey: make(map[string]int)}
	first, err := firstByte(in)
	if errors.Is(err, io.EOF) {
		return nil, nil, nil
	}
	if err == nil {
		switch first {
		case '[':
			err = c.array(in)
		case '{':
			err = c.lines(in)
		default:
			err = c.csv(in)
		}
	}
	switch {
	case limit.N <= 0:
		err = fmt.Errorf("%w: read uses: more than %d bytes", retinue.ErrInvalid, int64(maxFile))
	case err != nil && !errors.Is(err, retinue.ErrInvalid):
		err = fmt.Errorf("%w: read uses: %v", retinue.ErrUnavailable, err)
	}
	return c.uses, c.problems, err
}

func firstByte(in *bufio.Reader) (byte, error) {
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	for {
		c, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, in.UnreadByte()
		}
	}
}

type collection struct {
	uses     []Use
	byKey    map[string]int
	problems []Problem
}

func (c *collection) problem(place string, err error) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, Problem{place, err.Error()})
	}
}

func (c *collection) add(u Use) error {
	key, err := json.Marshal([]any{strings.ToLower(u.Action), u.Resource, u.Context})
	if err != nil {
		return err
	}
	if i, ok := c.byKey[string(key)]; ok {
		c.uses[i].Count += u.Count
		if u.Last.After(c.uses[i].Last) {
			c.uses[i].Last = u.Last
		}
		return nil
	}
	if len(c.uses) == maxUses {
		return fmt.Errorf("%w: read uses: more than %d different ones", retinue.ErrInvalid, maxUses)
	}
	c.byKey[string(key)] = len(c.uses)
	c.uses = append(c.uses, u)
	return nil
}

func (c *collection) take(place string, text []byte) error {
	uses, err := parseUse(text)
	if err != nil {
		c.problem(place, err)
		return nil
	}
	for _, u := range uses {
		if err := c.add(u); err != nil {
			return err
		}
	}
	return nil
}

func (c *collection) lines(in *bufio.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		n++
		if text := bytes.TrimSpace(s.Bytes()); len(text) > 0 {
			if err := c.take(fmt.Sprintf("line %d", n), text); err != nil {
				return err
			}
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: read uses: line %d: longer than %d bytes", retinue.ErrInvalid, n+1, maxLine)
	}
	return s.Err()
}

func (c *collection) array(in *bufio.Reader) error {
	dec := json.NewDecoder(in)
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: read uses: %v", retinue.ErrInvalid, err)
	}
	for n := 1; dec.More(); n++ {
		var text json.RawMessage
		if err := dec.Decode(&text); err != nil {
			return fmt.Errorf("%w: read uses: element %d: %v", retinue.ErrInvalid, n, err)
		}
		if err := c.take(fmt.Sprintf("element %d", n), text); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: read uses: %v", retinue.ErrInvalid, err)
	}
	return nil
}

func (c *collection) csv(in *bufio.Reader) error {
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	columns := []string{"action", "resource", "count", "last"}
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var bad *csv.ParseError
			if !errors.As(err, &bad) {
				return err
			}
			c.problem(fmt.Sprintf("line %d", bad.Line), bad.Err)
			continue
		}
		if first && slices.ContainsFunc(record, func(f string) bool { return strings.EqualFold(strings.TrimSpace(f), "action") }) {
			columns = nil
			for _, f := range record {
				columns = append(columns, strings.ToLower(strings.TrimSpace(f)))
			}
			continue
		}
		u, err := useOf(columns, record)
		if err != nil {
			line, _ := r.FieldPos(0)
			c.problem(fmt.Sprintf("line %d", line), err)
			continue
		}
		if err := c.add(u); err != nil {
			return err
		}
	}
}

func useOf(columns, record []string) (Use, error) {
	var u Use
	for i, f := range record {
		if f = strings.TrimSpace(f); i >= len(columns) || f == "" {
			continue
		}
		var err error
		switch columns[i] {
		case "action":
			u.Action = f
		case "resource":
			u.Resource = f
		case "count":
			u.Count, err = strconv.Atoi(f)
		case "last":
			u.Last, err = timeOf(f)
		}
		if err != nil {
			return u, fmt.Errorf("%s: %.40q is no %s", columns[i], f, map[string]string{"count": "number", "last": "time"}[columns[i]])
		}
	}
	return u, u.check()
}

func timeOf(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("no time")
}

// texts is a text or a list of texts.
type texts []string

// UnmarshalJSON reads the text or the list; numbers and truth values are texts.
func (t *texts) UnmarshalJSON(data []byte) error {
	var list []any
	if err := json.Unmarshal(data, &list); err != nil {
		var one any
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		if one == nil {
			return nil
		}
		list = []any{one}
	}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			*t = append(*t, v)
		case bool:
			*t = append(*t, strconv.FormatBool(v))
		case float64:
			*t = append(*t, strconv.FormatFloat(v, 'f', -1, 64))
		default:
			return errors.New("want a text or a list of texts")
		}
	}
	return nil
}

func parseUse(text []byte) ([]Use, error) {
	var in struct {
		Action   string
		Resource texts
		Count    int
		Last     string
		Context  map[string]texts
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf(`want {"action", "resource"}: %w`, err)
	}
	u := Use{Action: strings.TrimSpace(in.Action), Count: in.Count}
	if in.Last != "" {
		var err error
		if u.Last, err = timeOf(in.Last); err != nil {
			return nil, fmt.Errorf("last: %.40q is no time", in.Last)
		}
	}
	if len(in.Context) > 0 {
		u.Context = make(map[string][]string, len(in.Context))
		for key, values := range in.Context {
			u.Context[key] = values
		}
	}
	if len(in.Resource) == 0 {
		in.Resource = texts{""}
	}
	var out []Use
	for _, r := range in.Resource {
		u.Resource = strings.TrimSpace(r)
		if err := u.check(); err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

func (u *Use) check() error {
	service, name, ok := strings.Cut(u.Action, ":")
	switch {
	case u.Action == "":
		return errors.New("it has no action")
	case !ok || !word(service, "-") || !word(name, ""):
		return fmt.Errorf("action %.60q: want service:Name, such as s3:GetObject", u.Action)
	case len(u.Action) > maxUseText || len(u.Resource) > maxUseText:
		return fmt.Errorf("an action or resource is longer than %d bytes", maxUseText)
	case strings.ContainsFunc(u.Resource, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return errors.New("the resource holds control characters")
	case len(u.Context) > maxUseValues:
		return fmt.Errorf("more than %d condition keys", maxUseValues)
	case u.Resource != "" && u.Resource != "*" && !strings.HasPrefix(u.Resource, "arn:"):
		return fmt.Errorf("resource %.60q: want an ARN, or * for actions without resources", u.Resource)
	}
	return nil
}

func word(s, more string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(more, c))
	})
}
