package pipelines

import "strings"

// ownerMark and repositoryMark stand in a numbered token for the numbers of the
// owner and the repository, which no file holds.
const (
	ownerMark      = "\x01"
	repositoryMark = "\x02"
)

// ids are the numbers that stand for the marks.
type ids struct{ owner, repository string }

func (i ids) fill(s string) string {
	if !strings.ContainsAny(s, ownerMark+repositoryMark) {
		return s
	}
	return strings.NewReplacer(ownerMark, i.owner, repositoryMark, i.repository).Replace(s)
}

// maxIDs bounds the numbers that are tried for one trust.
const maxIDs = 50

// ids returns the numbers to try: those that a trust names beside this token's
// owner and repository, as they would be its own, and some that it does not.
func (t *Token) ids(want []wanted) []ids {
	if !t.numbered {
		return []ids{{}}
	}
	subject := t.Fixed[claimSubject]
	if subject == "" {
		subject = t.Follows[claimSubject]
	}
	before, rest, _ := strings.Cut(subject, ownerMark)
	between, _, _ := strings.Cut(rest, repositoryMark)
	var out []ids
	for _, w := range want {
		rest, ok := cutPrefix(w.pattern, before, w.fold)
		if w.claim != claimSubject || !ok || len(out) >= maxIDs {
			continue
		}
		owner, rest := digits(rest)
		if rest, ok = cutPrefix(rest, between, w.fold); !ok || owner == "" {
			continue
		}
		if repository, _ := digits(rest); repository != "" {
			out = append(out, ids{owner, repository})
		}
	}
	return append(out, ids{"1", "1"})
}

// digits splits a text behind the digits that it begins with.
func digits(s string) (number, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}
