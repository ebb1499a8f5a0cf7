package pipelines

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// The claims that are spoken of by name.
const (
	claimSubject  = "sub"
	claimAudience = "aud"
	claimRef      = "ref"
)

// Token is a set of tokens: those that a job can be issued for one kind of
// event. The zero Token is empty.
type Token struct {
	// Issuer is the issuer's address. With AnyBelow it is the beginning of it,
	// and what follows is not known.
	Issuer   string
	AnyBelow bool
	// Fixed holds claims with the one value that they have.
	Fixed map[string]string
	// Follows holds claims that are a text followed by the name that varies.
	Follows map[string]string
	// Names says what the name that varies can be.
	Names Names
	// Audiences are the audiences that the token can have; nil where whoever
	// asks for it chooses.
	Audiences []string
	// Absent are claims that the tokens do not have. A claim that is neither
	// here nor in Fixed or Follows is not known.
	Absent []string
	// Remains says what must hold for the tokens to exist, Unread what was not
	// read and could keep them from being issued.
	Remains []access.Condition
	Unread  []string
	// Job is the job that gets it, and Event what starts it, for people.
	Job, Event string
	// guess is set where it is not known which of the tokens the job gets: unlike
	// a branch, nobody chooses. It is what must then hold.
	guess *access.Condition
	// begins is what all subjects begin with, where it is known.
	begins string
	// numbered tokens have the immutable ids of owner and repository in their
	// subject, in the place of two marks.
	numbered bool
}

// Names is a set of names of branches, tags or environments.
type Names struct {
	// Within are the patterns of the names, at least one of which fits; none
	// means any name.
	Within []glob.Pattern
	// parts are patterns that tell names apart further, so that accept is asked
	// of one of each class.
	parts []glob.Pattern
	// accept says it exactly where Within does not; nil accepts all.
	accept func(string) bool
	// samples are names that people would expect.
	samples []string
}

// Claims are the claims of one token; what is not there is not known, unless
// the token says that it is absent.
type Claims map[string]string

// wanted is a text that a trust compares a claim with.
type wanted struct {
	claim, pattern string
	fold           bool // either case
	wild           bool // * and ? are wildcards
}

// maxClasses bounds the classes of names that one trust tells apart.
const maxClasses = 2000

// each calls yield with one token of every class that the wanted texts can tell
// apart, until it returns false. It returns false where the classes are too many
// to look at, so that what was not found may be there.
func (t *Token) each(want []wanted, yield func(Claims) bool) bool {
	for _, ids := range t.ids(want) {
		base := make(Claims, len(t.Fixed)+len(t.Follows))
		for k, v := range t.Fixed {
			base[k] = ids.fill(v)
		}
		if len(t.Follows) == 0 {
			if !yield(base) {
				return true
			}
			continue
		}
		put := func(name string) bool {
			c := maps.Clone(base)
			for claim, before := range t.Follows {
				c[claim] = ids.fill(before) + name
			}
			return yield(c)
		}
		for _, name := range t.Names.samples { // mostly one of them will do
			if !put(name) {
				return true
			}
		}
		names, complete := t.names(want, ids)
		for _, name := range names {
			if !put(name) {
				return true
			}
		}
		if !complete {
			return false
		}
	}
	return true
}

// vague are the claims with what varies left open.
func (t *Token) vague() Claims {
	c := make(Claims, len(t.Fixed))
	for k, v := range t.Fixed {
		if !strings.ContainsAny(v, ownerMark+repositoryMark) {
			c[k] = v
		}
	}
	return c
}

// names returns one name of every class.
func (t *Token) names(want []wanted, ids ids) (names []string, complete bool) {
	patterns := slices.Concat(t.Names.Within, t.Names.parts)
	for _, w := range want {
		if before, ok := t.Follows[w.claim]; ok {
			patterns = append(patterns, w.after(ids.fill(before))...)
		}
	}
	classes, err := glob.Classes(patterns, nameText{}, maxClasses)
	if err != nil {
		return nil, false
	}
	for _, c := range slices.Backward(classes) { // whole texts come last
		ok := len(t.Names.Within) == 0
		for i := range t.Names.Within {
			ok = ok || c.Matches.Has(i)
		}
		name := turned(c.Witness)
		if ok && (t.Names.accept == nil || t.Names.accept(name)) {
			names = append(names, name)
		}
	}
	return names, true
}

// after returns the patterns that a name must fit for the text before it and the
// name together to fit what is wanted: its left quotient.
func (w wanted) after(before string) []glob.Pattern {
	if !w.wild {
		rest, ok := cutPrefix(w.pattern, before, w.fold)
		if !ok {
			return nil
		}
		return []glob.Pattern{w.of(rest)}
	}
	pattern := []rune(w.pattern)
	at := closure(pattern, map[int]bool{0: true})
	for _, r := range before {
		next := make(map[int]bool, len(at))
		for i := range at {
			if i >= len(pattern) {
				continue
			}
			switch p := pattern[i]; {
			case p == '*':
				next[i] = true
			case p == '?' || p == r || w.fold && strings.EqualFold(string(p), string(r)):
				next[i+1] = true
			}
		}
		at = closure(pattern, next)
	}
	var out []glob.Pattern
	for _, i := range slices.Sorted(maps.Keys(at)) {
		if i > 0 && i <= len(pattern) && pattern[i-1] == '*' && at[i-1] {
			continue // what the star before it covers
		}
		out = append(out, w.of(string(pattern[i:])))
	}
	return out
}

// closure adds the places behind stars, which can stand for nothing.
func closure(pattern []rune, at map[int]bool) map[int]bool {
	for i := range pattern {
		if at[i] && pattern[i] == '*' {
			at[i+1] = true
		}
	}
	return at
}

// of makes the pattern of a rest.
func (w wanted) of(rest string) glob.Pattern {
	rest = turned(rest)
	if !w.fold {
		if w.wild {
			return glob.Text(rest)
		}
		return glob.Exact(rest)
	}
	if !w.wild {
		return glob.Pattern{}.Fold(rest)
	}
	var p glob.Pattern
	for _, r := range rest {
		if r == '*' || r == '?' {
			p = p.Wild(string(r))
		} else {
			p = p.Fold(string(r))
		}
	}
	return p
}

// fits reports whether a value is what is wanted.
func (w wanted) fits(value string) bool {
	for _, p := range w.after("") {
		if p.Match(turned(value)) {
			return true
		}
	}
	return false
}

func cutPrefix(s, prefix string, fold bool) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix && (!fold || !strings.EqualFold(s[:len(prefix)], prefix)) {
		return "", false
	}
	return s[len(prefix):], true
}

// turned exchanges slashes and colons. Package glob has a wildcard that goes
// over no colon; filters of branches have one that goes over no slash.
func turned(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return ':'
		case ':':
			return '/'
		}
		return r
	}, s)
}

// nameText is the universe of names of branches, tags and environments, with
// slashes and colons exchanged: git allows no colon, no space and none of the
// characters below in the name of a reference (git-check-ref-format), and in the
// name of an environment a colon is escaped.
type nameText struct{}

// Start implements glob.Universe.
func (nameText) Start() int { return 0 }

// Step implements glob.Universe.
func (nameText) Step(_ int, r rune) int {
	if r <= ' ' || r == 0x7f || strings.ContainsRune(`/~^?*[\`, r) {
		return -1
	}
	return 1
}

// Accept implements glob.Universe.
func (nameText) Accept(state int) bool { return state == 1 }

// Fresh implements glob.Universe.
func (nameText) Fresh() []rune {
	return []rune("xyzwvutsrqponmlkjihgfedcba0123456789XYZWVUTSRQPONMLKJIHGFEDCBA-_.:éßñøλж中")
}
