package aws

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/retinue-id/retinue"
)

// Limits on foreign input. An element is one user, role, policy or function; a
// real one is far below a megabyte (a role's inline policies are limited to
// 10,240 characters in total, a managed policy has at most five versions).
const (
	maxElement   = 32 << 20
	maxNesting   = 3 // how deep below the top a known section is looked for
	maxJSONDepth = 200
)

// jsonReader walks JSON of any size one element at a time: memory grows with
// the largest element and not with the file.
type jsonReader struct {
	dec *json.Decoder
	in  *meter
}

func newJSONReader(r io.Reader) *jsonReader {
	m := &meter{r: skipBOM(r)}
	return &jsonReader{dec: json.NewDecoder(m), in: m}
}

// skipBOM drops a UTF-8 byte order mark, which PowerShell writes.
func skipBOM(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	if p, err := b.Peek(3); err == nil && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf {
		_, _ = b.Discard(3)
	}
	return b
}

// meter fails when more is read for one element than an element may hold.
type meter struct {
	r     io.Reader
	n     int64
	until int64
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.until > 0 && m.n > m.until {
		return 0, fmt.Errorf("%w: an element of more than %d MiB", retinue.ErrInvalid, maxElement>>20)
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

func (j *jsonReader) token() (json.Token, error) {
	j.in.until = j.in.n + maxElement
	t, err := j.dec.Token()
	if err != nil {
		return nil, j.wrap(err)
	}
	return t, nil
}

func (j *jsonReader) decode(v any) error {
	j.in.until = j.in.n + maxElement
	if err := j.dec.Decode(v); err != nil {
		return j.wrap(err)
	}
	return nil
}

// wrap says where the JSON is wrong. A value of another type than expected is
// told from JSON that cannot be read on.
func (j *jsonReader) wrap(err error) error {
	if errors.Is(err, retinue.ErrInvalid) {
		return err
	}
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("%w: byte %d: field %q is a %s", errWrongType, j.dec.InputOffset(), retinue.CleanName(te.Field), te.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: byte %d: the JSON ends early", retinue.ErrInvalid, j.dec.InputOffset())
	}
	return fmt.Errorf("%w: byte %d: %s", retinue.ErrInvalid, j.dec.InputOffset(), retinue.CleanName(err.Error()))
}

// errWrongType wraps ErrInvalid: one element is not as it should be, and the
// reader stands behind it.
var errWrongType = fmt.Errorf("%w: JSON of another type", retinue.ErrInvalid)

// values calls fn for each value at the top, of which a file may hold several
// one after the other. The reader stands before the value.
func (j *jsonReader) values(fn func() error) error {
	for first := true; ; first = false {
		if !j.dec.More() {
			// More is false at the end of input and on a stray bracket.
			if _, err := j.dec.Token(); errors.Is(err, io.EOF) && !first {
				return nil
			} else if errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: the file is empty", retinue.ErrInvalid)
			} else if err != nil {
				return j.wrap(err)
			}
			return fmt.Errorf("%w: byte %d: a stray bracket", retinue.ErrInvalid, j.dec.InputOffset())
		}
		if err := fn(); err != nil {
			return err
		}
	}
}

// objectFrom calls fn for each member of the object of which t was the first
// token; fn must read the member's value. Another value is skipped.
func (j *jsonReader) objectFrom(t json.Token, fn func(name string) error) error {
	if t != json.Delim('{') {
		return j.skipFrom(t)
	}
	for j.dec.More() {
		t, err := j.token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if err := fn(name); err != nil {
			return err
		}
	}
	_, err := j.token()
	return err
}

// arrayFrom calls fn for each element of the array of which t was the first
// token; fn must read the element. Null is an empty array.
func (j *jsonReader) arrayFrom(t json.Token, fn func(i int) error) error {
	if t == nil {
		return nil
	}
	if t != json.Delim('[') {
		if err := j.skipFrom(t); err != nil {
			return err
		}
		return fmt.Errorf("%w: byte %d: want a list", errWrongType, j.dec.InputOffset())
	}
	for i := 0; j.dec.More(); i++ {
		if err := fn(i); err != nil {
			return err
		}
	}
	_, err := j.token()
	return err
}

// skip reads past the value that comes next.
func (j *jsonReader) skip() error {
	t, err := j.token()
	if err != nil {
		return err
	}
	return j.skipFrom(t)
}

// skipFrom reads past the rest of a value of which t was the first token.
func (j *jsonReader) skipFrom(t json.Token) error {
	depth := 0
	for {
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxJSONDepth {
				return fmt.Errorf("%w: byte %d: nested more than %d deep", retinue.ErrInvalid, j.dec.InputOffset(), maxJSONDepth)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
		var err error
		if t, err = j.token(); err != nil {
			return err
		}
	}
}

// listOf decodes the list under a member of each page. The member may stand up
// to maxNesting levels below the top, as it does in the export script's envelope
// and in files that people wrapped.
func listOf[T any](r io.Reader, member string, fn func(T) error) error {
	j := newJSONReader(r)
	return j.values(func() error {
		t, err := j.token()
		if err != nil {
			return err
		}
		return listIn(j, t, member, 0, fn)
	})
}

func listIn[T any](j *jsonReader, t json.Token, member string, depth int, fn func(T) error) error {
	switch {
	case depth <= maxNesting && t == json.Delim('['):
		return j.arrayFrom(t, func(int) error {
			t, err := j.token()
			if err != nil {
				return err
			}
			return listIn(j, t, member, depth+1, fn)
		})
	case depth > maxNesting || t != json.Delim('{'):
		return j.skipFrom(t)
	}
	return j.objectFrom(t, func(name string) error {
		t, err := j.token()
		if err != nil {
			return err
		}
		if !equalFold(name, member) || t == json.Delim('{') {
			return listIn(j, t, member, depth+1, fn)
		}
		return j.arrayFrom(t, func(int) error {
			var v T
			if err := j.decode(&v); err != nil {
				return err
			}
			return fn(v)
		})
	})
}

// equalFold compares two member names without regard to the case of the first
// letter, in which the AWS CLI and the SDK differ.
func equalFold(a, b string) bool {
	return len(a) == len(b) && len(a) > 0 && a[0]|0x20 == b[0]|0x20 && a[1:] == b[1:]
}

// one decodes a page that is one object, bare or in the export script's
// envelope.
func one[T any](r io.Reader, v *T) error {
	var raw json.RawMessage
	j := newJSONReader(r)
	if err := j.decode(&raw); err != nil {
		return err
	}
	var e struct {
		Mark   json.RawMessage `json:"retinueExport"`
		Output json.RawMessage `json:"output"`
	}
	if json.Unmarshal(raw, &e) == nil && e.Mark != nil {
		raw = e.Output
	}
	if len(raw) == 0 {
		raw = json.RawMessage("{}") // the CLI prints nothing for an empty answer
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: %s", errWrongType, retinue.CleanName(err.Error()))
	}
	return nil
}
