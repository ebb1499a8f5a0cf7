package record

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Names reports whether a record has one of some words, in lower case, anywhere:
// as a word by itself, not as a part of one.
func Names(r *store.EventRecord, words []string) bool {
	e := &r.Event
	for _, s := range [...]string{r.Label, e.ID, e.Operation, e.Reason, e.Origin.Agent, e.Origin.Run, e.Origin.Host, e.Origin.Application, e.Origin.Service,
		e.Identity.Key, e.Credential.Key, e.OnBehalfOf.Key, e.Resource.Key, e.Origin.Workload.Key} {
		if Named(s, words) {
			return true
		}
	}
	in := func(refs ...retinue.Ref) bool {
		for _, x := range refs {
			if Named(x.Key, words) {
				return true
			}
		}
		return false
	}
	if in(e.Via...) {
		return true
	}
	for _, t := range e.Touches {
		if in(t.Target) {
			return true
		}
	}
	for _, c := range e.Context {
		if Named(c.Value, words) || Named(c.Key, words) {
			return true
		}
	}
	for _, j := range e.Joins {
		if Named(j.Value, words) {
			return true
		}
	}
	return false
}

// Named reports whether a text has one of some words, in lower case, as a word by
// itself: with neither a letter nor a digit before or behind it.
func Named(text string, words []string) bool {
	if text == "" {
		return false
	}
	text = strings.ToLower(text)
	for _, w := range words {
		if w == "" {
			continue
		}
		for at := 0; ; {
			i := strings.Index(text[at:], w)
			if i < 0 {
				break
			}
			i += at
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			behind, _ := utf8.DecodeRuneInString(text[i+len(w):])
			if !inWord(before) && !inWord(behind) {
				return true
			}
			_, size := utf8.DecodeRuneInString(text[i:])
			at = i + size
		}
	}
	return false
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
