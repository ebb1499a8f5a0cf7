package eventstream

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// validFilter reports whether a subject is one that NATS would take: tokens
// separated by dots, * for any one token, > for one or more at the end.
func validFilter(s string) bool {
	if s == "" || len(s) > 255 || strings.ContainsAny(s, " \t\r\n\x00") {
		return false
	}
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		if t == "" || t == ">" && i < len(tokens)-1 || len(t) > 1 && strings.ContainsAny(t, "*>") {
			return false
		}
	}
	return true
}

// overlap reports whether some subject matches both filters.
func overlap(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; ; i++ {
		switch {
		case i == len(x) || i == len(y):
			return len(x) == len(y)
		case x[i] == ">" || y[i] == ">":
			return true
		case x[i] != y[i] && x[i] != "*" && y[i] != "*":
			return false
		}
	}
}

// speaker returns the subject that a message is of, nil where the configuration
// names none.
func speaker(list []Subject, subject string) *Subject {
	i := slices.IndexFunc(list, func(s Subject) bool { return overlap(s.Filter, subject) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// speaksFor reports whether a subject may bring events of a realm.
func (s *Subject) speaksFor(realm retinue.Realm) bool {
	return slices.ContainsFunc(s.Realms, func(r string) bool {
		begin, all := strings.CutSuffix(r, "*")
		return string(realm) == r || all && strings.HasPrefix(string(realm), begin)
	})
}

// covers reports whether whatever b matches, a matches too.
func covers(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; ; i++ {
		switch {
		case i == len(x) || i == len(y):
			return len(x) == len(y)
		case x[i] == ">":
			return true
		case y[i] == ">" || x[i] != "*" && x[i] != y[i]:
			return false
		}
	}
}
