package exec

import (
	"crypto/sha256"
	"regexp"
	"strings"

	"github.com/retinue-id/retinue"
)

// word matches what a secret in running text looks like: no space and none of
// the characters that end a value in messages.
var word = regexp.MustCompile(`[A-Za-z0-9_+/=.~:@!#$%^&*-]{8,}`)

// part matches the pieces of a word that a value can be one of, as in
// "token=VALUE".
var part = regexp.MustCompile(`[A-Za-z0-9_+=.~-]{20,}`)

// redactor takes secrets out of what a program says. It knows the values that
// were passed as secrets by their hashes only, and takes out what looks random
// besides.
type redactor struct{ known map[[sha256.Size]byte]bool }

func newRedactor() *redactor { return &redactor{known: map[[sha256.Size]byte]bool{}} }

// add remembers a value's hash.
func (r *redactor) add(s retinue.Secret) {
	r.known[sha256.Sum256([]byte(strings.TrimSpace(s.Reveal())))] = true
}

// clean returns text that is safe to print.
func (r *redactor) clean(text string) string {
	text = word.ReplaceAllStringFunc(text, r.word)
	text = part.ReplaceAllStringFunc(text, func(p string) string {
		if looksRandom(p) {
			return "[redacted]"
		}
		return p
	})
	return retinue.CleanName(text)
}

// maxCuts bounds the stretches of a word that are looked up.
const maxCuts = 16

// word replaces a known value that is a word, or a stretch of one between
// separators: a value may hold separators itself. The longest stretch wins.
func (r *redactor) word(w string) string {
	if len(r.known) == 0 {
		return w
	}
	starts, ends := []int{0}, []int{}
	for i := range len(w) {
		if strings.IndexByte("=:@/#&", w[i]) >= 0 && len(starts) < maxCuts {
			starts, ends = append(starts, i+1), append(ends, i)
		}
	}
	ends = append(ends, len(w))
	for _, from := range starts {
		for i := len(ends) - 1; i >= 0 && ends[i] > from; i-- {
			if r.is(w[from:ends[i]]) {
				return w[:from] + "[redacted]" + r.word(w[ends[i]:])
			}
		}
	}
	return w
}

// is reports a known value, with or without the point or comma that ends a
// sentence.
func (r *redactor) is(w string) bool {
	return r.known[sha256.Sum256([]byte(w))] || r.known[sha256.Sum256([]byte(strings.TrimRight(w, ".,:;!")))]
}

// looksRandom reports a long run with both letters and digits well mixed, as
// tokens have and words, dates and versions do not.
func looksRandom(p string) bool {
	letters, digits, changes := 0, 0, 0
	last := byte(0)
	for i := range len(p) {
		class := byte('o')
		switch c := p[i]; {
		case c >= '0' && c <= '9':
			class, digits = 'd', digits+1
		case c >= 'a' && c <= 'z':
			class, letters = 'l', letters+1
		case c >= 'A' && c <= 'Z':
			class, letters = 'u', letters+1
		}
		if class != last {
			changes++
		}
		last = class
	}
	return letters >= 4 && digits >= 3 && changes*4 >= len(p)
}
