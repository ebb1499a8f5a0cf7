package escalate

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
)

// What is read of bodies as the inventory writes them: without white space, and
// each member once. What has another form is left to package json.

// members calls yield for the members of an object, whose values it does not
// check, and reports whether it could be taken apart.
func members(body []byte, yield func(name, value []byte) bool) bool {
	if len(body) < 2 || body[0] != '{' {
		return false
	}
	if body[1] == '}' {
		return len(body) == 2
	}
	for i := 1; ; i++ {
		name := quoted(body[i:])
		if name == 0 || i+name >= len(body) || body[i+name] != ':' {
			return false
		}
		start := i + name + 1
		length := extent(body[start:])
		if end := start + length; length == 0 || end >= len(body) || !yield(body[i+1:i+name-1], body[start:end]) {
			return false
		} else if i = end; body[i] != ',' {
			return body[i] == '}' && i == len(body)-1
		}
	}
}

// quoted is the length of the text that body begins with, 0 for none.
func quoted(body []byte) int {
	if len(body) == 0 || body[0] != '"' {
		return 0
	}
	for i := 1; ; i++ {
		n := bytes.IndexByte(body[i:], '"')
		if n < 0 {
			return 0
		}
		i += n
		slashes := 0
		for body[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}

// extent is the length of the value that body begins with, 0 for none.
func extent(body []byte) int {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			n := quoted(body[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return 0
}

// plain is what a text says that has nothing escaped.
func plain(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

// keptRef is a reference within a body.
type keptRef struct{ realm, kind, key []byte }

// scanRef reads a reference.
func scanRef(value []byte) (r keptRef, ok bool) {
	rest, ok := bytes.CutPrefix(value, []byte(`{"realm":"`))
	if !ok || bytes.IndexByte(value, '\\') >= 0 {
		return r, false
	}
	if r.realm, rest, ok = bytes.Cut(rest, []byte(`","kind":"`)); !ok {
		return r, false
	}
	if r.kind, rest, ok = bytes.Cut(rest, []byte(`","key":"`)); !ok {
		return r, false
	}
	r.key, ok = bytes.CutSuffix(rest, []byte(`"}`))
	for _, part := range [...][]byte{r.realm, r.kind, r.key} {
		ok = ok && bytes.IndexByte(part, '"') < 0
	}
	return r, ok
}

// scanPair reads a relation of two things, by the names of its members, and one
// more member, which is a text.
func scanPair(body []byte, one, other, more string) (a, b keptRef, what []byte, ok bool) {
	whole := members(body, func(name, value []byte) bool {
		fine := true
		switch string(name) {
		case one:
			a, fine = scanRef(value)
		case other:
			b, fine = scanRef(value)
		case more:
			what, fine = plain(value)
		}
		return fine
	})
	return a, b, what, whole && a.key != nil && b.key != nil
}

// keptIdentity is what is needed of an identity.
type keptIdentity struct {
	ref    keptRef
	kind   []byte
	labels []byte
}

func scanIdentity(body []byte) (f keptIdentity, ok bool) {
	whole := members(body, func(name, value []byte) bool {
		fine := true
		switch string(name) {
		case "ref":
			f.ref, fine = scanRef(value)
		case "kind":
			f.kind, fine = plain(value)
		case "labels":
			f.labels = value
		}
		return fine
	})
	return f, whole && f.ref.key != nil
}

// keptPolicy is what is needed of a policy.
type keptPolicy struct {
	ref               keptRef
	language, managed []byte
	attrs             []byte
}

func scanPolicy(body []byte) (f keptPolicy, ok bool) {
	whole := members(body, func(name, value []byte) bool {
		fine := true
		switch string(name) {
		case "ref":
			f.ref, fine = scanRef(value)
		case "language":
			f.language, fine = plain(value)
		case "managed":
			f.managed, fine = plain(value)
		case "attrs":
			f.attrs = value
		}
		return fine
	})
	return f, whole && f.ref.key != nil
}

// others are the other documents of a policy that its attributes hold.
func (f *keptPolicy) others() (map[string]any, error) {
	if !bytes.Contains(f.attrs, []byte("otherDocuments")) {
		return nil, nil
	}
	var attrs struct {
		Others map[string]any `json:"otherDocuments"`
	}
	if err := json.Unmarshal(f.attrs, &attrs); err != nil {
		return nil, fmt.Errorf("%w: read attributes: %v", retinue.ErrInvalid, err)
	}
	return attrs.Others, nil
}

// labelled are the labels of an object of texts; those that say the same share a map.
func (s *stated) labelled(value []byte) (map[string]string, error) {
	if len(value) == 0 {
		return nil, nil
	}
	if known, ok := s.labels[string(value)]; ok {
		return known, nil
	}
	var out map[string]string
	if err := json.Unmarshal(value, &out); err != nil {
		return nil, fmt.Errorf("%w: read labels: %v", retinue.ErrInvalid, err)
	}
	const most = 100_000 // that are kept to be shared
	if len(s.labels) < most {
		s.labels[string(value)] = out
	}
	return out, nil
}
