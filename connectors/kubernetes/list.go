package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/retinue-id/retinue"
)

// maxObject bounds one object, in bytes. etcd refuses requests of more than
// 1.5 MiB by default; printed with indentation that grows several times.
const maxObject = 16 << 20

// document is what is said once about a list or object of the API.
type document struct {
	Kind     string
	Metadata listMeta
	// Columns are the column names of a Table.
	Columns []string
	// List is true when there was an "items" or "rows" array.
	List bool
}

// listMeta is the metadata of a list.
type listMeta struct {
	Continue           string `json:"continue"`
	ResourceVersion    string `json:"resourceVersion"`
	RemainingItemCount int64  `json:"remainingItemCount"`
}

// errStop wraps what a visitor returned, so that it is not taken for a fault of
// the input.
type errStop struct{ err error }

func (e errStop) Error() string { return e.err.Error() }
func (e errStop) Unwrap() error { return e.err }

// decodeDocuments reads a stream of JSON values: lists of objects as the API
// serves or kubectl prints them, single objects, and arrays of objects. It
// calls visit for each object in the order of the stream, holding no more than
// one of them. What is known of the document when an object is visited depends
// on the order of its fields; done gets all of it when the document ends.
func decodeDocuments(r io.Reader, visit func(d *document, raw json.RawMessage) error, done func(d *document) error) error {
	in := &budget{r: r, left: maxObject}
	dec := json.NewDecoder(in)
	for {
		in.left = maxObject
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return syntax(dec, err)
		}
		d := &document{}
		switch tok {
		case json.Delim('{'):
			err = decodeObject(dec, in, d, visit)
		case json.Delim('['):
			d.List = true
			err = decodeItems(dec, in, d, visit)
		default:
			return fmt.Errorf("%w: byte %d: want a Kubernetes object or a list of them", retinue.ErrInvalid, dec.InputOffset())
		}
		if err == nil && done != nil {
			if err = done(d); err != nil {
				err = errStop{err}
			}
		}
		if err != nil {
			return err
		}
	}
}

// decodeObject reads the fields of an object whose brace was read. With an
// "items" or "rows" array it is a list, else it is handed on as one object.
func decodeObject(dec *json.Decoder, in *budget, d *document, visit func(*document, json.RawMessage) error) error {
	fields, kept := map[string]json.RawMessage{}, 0
	for dec.More() {
		in.left = maxObject
		tok, err := dec.Token()
		if err != nil {
			return syntax(dec, err)
		}
		name, _ := tok.(string)
		if name == "items" || name == "rows" {
			list, err := openList(dec)
			if err != nil {
				return err
			}
			d.List = true
			if list {
				if err := decodeItems(dec, in, d, visit); err != nil {
					return err
				}
			}
			continue
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return syntax(dec, err)
		}
		switch name {
		case "kind":
			_ = json.Unmarshal(raw, &d.Kind) // another type of value is no kind
		case "metadata":
			_ = json.Unmarshal(raw, &d.Metadata)
		case "columnDefinitions":
			d.Columns = columnNames(raw)
		}
		if kept += len(name) + len(raw); kept > maxObject {
			return fmt.Errorf("%w: byte %d: object of more than %d MiB", retinue.ErrInvalid, dec.InputOffset(), maxObject>>20)
		}
		if !d.List {
			fields[name] = raw
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return syntax(dec, err)
	}
	if d.List {
		return nil
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("%w: byte %d: %v", retinue.ErrInvalid, dec.InputOffset(), err)
	}
	if err := visit(d, raw); err != nil {
		return errStop{err}
	}
	return nil
}

// openList reads the opening bracket of an array; null stands for an empty one.
func openList(dec *json.Decoder) (bool, error) {
	tok, err := dec.Token()
	if err != nil {
		return false, syntax(dec, err)
	}
	switch tok {
	case json.Delim('['):
		return true, nil
	case nil:
		return false, nil
	}
	return false, fmt.Errorf("%w: byte %d: want an array of objects", retinue.ErrInvalid, dec.InputOffset())
}

func decodeItems(dec *json.Decoder, in *budget, d *document, visit func(*document, json.RawMessage) error) error {
	for dec.More() {
		in.left = maxObject
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return syntax(dec, err)
		}
		if err := visit(d, raw); err != nil {
			return errStop{err}
		}
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return syntax(dec, err)
	}
	return nil
}

func columnNames(raw json.RawMessage) []string {
	var defs []struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(raw, &defs)
	names := make([]string, len(defs))
	for i, d := range defs {
		names[i] = d.Name
	}
	return names
}

// syntax says where a stream stopped being JSON. A stream that ends too early
// keeps io.ErrUnexpectedEOF in its chain: asking again may help.
func syntax(dec *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: byte %d: the text ends in the middle: %w", retinue.ErrInvalid, dec.InputOffset(), io.ErrUnexpectedEOF)
	}
	var bad *json.SyntaxError
	if errors.As(err, &bad) {
		return fmt.Errorf("%w: byte %d: not JSON: %v", retinue.ErrInvalid, dec.InputOffset(), bad)
	}
	if errors.Is(err, retinue.ErrInvalid) {
		return fmt.Errorf("byte %d: %w", dec.InputOffset(), err)
	}
	return fmt.Errorf("read at byte %d: %w", dec.InputOffset(), err)
}

// budget bounds how much may be read before left is set again, so that one
// endless object does not fill the memory.
type budget struct {
	r    io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: object of more than %d MiB", retinue.ErrInvalid, maxObject>>20)
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
