package awsiam

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
)

// maxSkipDepth bounds the nesting of elements that are read past.
const maxSkipDepth = 64

// maxErrorText bounds what an error repeats of a document.
const maxErrorText = 600

// scanner reads JSON (RFC 8259) in one pass without an intermediate tree. It is
// stricter than encoding/json where a security decision hangs on it: a key
// given twice is an error ("Grammar of the IAM JSON policy language": elements
// must not contain multiple instances of the same key), names are compared
// exactly, and invalid UTF-8 is refused.
type scanner struct {
	memory
	s string
	i int
	// place is the way to the present place, of so many steps.
	place [8]spot
	depth int
}

// spot is a step on the way to a place: a field, or the n-th of something.
type spot struct {
	name string
	n    int
}

// enter names the next step; leave ends it. After an error nobody leaves.
func (p *scanner) enter(name string, n int) {
	if p.depth < len(p.place) {
		p.place[p.depth] = spot{name, n}
	}
	p.depth++
}

func (p *scanner) leave() { p.depth-- }

// start prepares for a text.
func (p *scanner) start(text string) error {
	p.s, p.size = text, len(text)
	if !utf8.ValidString(text) {
		return p.fail("text is not UTF-8")
	}
	return nil
}

// fail is an error at the present place.
func (p *scanner) fail(format string, args ...any) error {
	var where []string
	for _, s := range p.place[:min(p.depth, len(p.place))] {
		if s.n > 0 {
			s.name += " " + strconv.Itoa(s.n)
		}
		where = append(where, s.name)
	}
	if where == nil {
		where = []string{"byte " + strconv.Itoa(p.i)}
	}
	text := strings.Join(where, ", ") + ": " + fmt.Sprintf(format, args...)
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return fmt.Errorf("%w: %s", retinue.ErrInvalid, retinue.CleanName(text))
}

// peek returns the next byte that is no white space, or 0 at the end.
func (p *scanner) peek() byte {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return c
		}
	}
	return 0
}

func (p *scanner) kind() string {
	switch p.peek() {
	case '{':
		return "object"
	case '[':
		return "list"
	case '"':
		return "text"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case 0:
		return "end of the text"
	}
	return "number or something else"
}

func (p *scanner) expect(c byte) error {
	if p.peek() != c {
		return p.unexpected(c)
	}
	p.i++
	return nil
}

func (p *scanner) unexpected(c byte) error {
	return p.fail("%s where %q is expected (byte %d)", p.kind(), string(c), p.i)
}

// end requires that nothing follows.
func (p *scanner) end() error {
	if p.peek() != 0 || p.i < len(p.s) {
		return p.fail("something follows the value (byte %d)", p.i)
	}
	return nil
}

// object calls each for every key, in order; each reads the value.
func (p *scanner) object(each func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	if p.peek() == '}' {
		p.i++
		return nil
	}
	var few [12]string
	var many map[string]bool
	seen := 0
	for {
		key, err := p.text()
		if err != nil {
			return err
		}
		if seen == len(few) && many == nil {
			many = make(map[string]bool, 2*seen)
			for _, k := range few {
				many[k] = true
			}
		}
		if many != nil && many[key] || many == nil && slices.Contains(few[:seen], key) {
			return p.fail("%q is given twice", key)
		}
		if many != nil {
			many[key] = true
		} else {
			few[seen] = key
			seen++
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := each(key); err != nil {
			return err
		}
		if p.peek() == ',' {
			p.i++
			continue
		}
		return p.expect('}')
	}
}

// list calls each for every element, in order; each reads the value.
func (p *scanner) list(each func(n int) error) error {
	if err := p.expect('['); err != nil {
		return err
	}
	if p.peek() == ']' {
		p.i++
		return nil
	}
	for n := 0; ; n++ {
		if err := each(n); err != nil {
			return err
		}
		if p.peek() == ',' {
			p.i++
			continue
		}
		return p.expect(']')
	}
}

// skip reads past any value.
func (p *scanner) skip(depth int) error {
	if depth > maxSkipDepth {
		return p.fail("nested deeper than %d", maxSkipDepth)
	}
	switch p.peek() {
	case '{':
		return p.object(func(string) error { return p.skip(depth + 1) })
	case '[':
		return p.list(func(int) error { return p.skip(depth + 1) })
	case 'n':
		if p.word("null") {
			return nil
		}
	}
	_, err := p.scalar()
	return err
}

// words reads a text or a list of texts.
func (p *scanner) words() ([]string, error) {
	return p.values(p.text)
}

func (p *scanner) values(read func() (string, error)) ([]string, error) {
	out := p.texts.room(1, p.share(64)+2)
	if p.peek() != '[' {
		one, err := read()
		if err != nil {
			return nil, err
		}
		return p.texts.taken(append(out, one)), nil
	}
	err := p.list(func(int) error {
		one, err := read()
		out = append(out, one)
		return err
	})
	return p.texts.taken(out), err
}
