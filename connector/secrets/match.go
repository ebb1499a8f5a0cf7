package secrets

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
)

// ScanText scans one text.
func (s *Scanner) ScanText(in Text) Result {
	if skipsText(s.set.allow, in.Path, in.Commit) {
		return Result{}
	}
	t := &text{Text: in, data: in.Data}
	hits, allowed := s.pass(t)
	for d, next := 0, t; d < s.depth; d++ {
		decoded, ok := next.decoded()
		if !ok {
			break
		}
		more, n := s.pass(decoded)
		hits, allowed, next = append(hits, more...), allowed+n, decoded
	}
	hits = dropCovered(hits)
	res := Result{Allowed: allowed}
	for _, h := range hits {
		res.Findings = append(res.Findings, finding(h))
	}
	slices.SortStableFunc(res.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Rule, b.Rule))
	})
	relate(t, res.Findings)
	return res
}

// pass scans a text as it stands. Of a decoded text, only what was encoded
// counts.
func (s *Scanner) pass(t *text) (hits []hit, allowed int) {
	p := s.index.find(s.set, t)
	for i, r := range s.set.rules {
		if r.skipReport || !s.index.admits(i, p.seen) || (r.expr == nil && t.parent != nil) {
			continue
		}
		found := s.matchRule(t, i, p)
		if len(r.required) > 0 && len(found) > 0 {
			found = s.withRequired(t, r, p, found)
		}
		for _, h := range found {
			if h.allowed {
				allowed++
				continue
			}
			hits = append(hits, h)
		}
	}
	return hits, allowed
}

// hit is a match that survived its rule's conditions.
type hit struct {
	rule    *rule
	in      *text
	match   span // without line feeds around it
	secret  span
	line    int
	entropy float64
	allowed bool // by a comment
}

// matchRule returns the hits of one rule, in order.
func (s *Scanner) matchRule(t *text, i int, p places) []hit {
	r := s.set.rules[i]
	if r.expr == nil {
		if r.path != nil && t.Path != "" && r.path.MatchString(t.Path) && !skipsText(r.allow, t.Path, t.Commit) {
			return []hit{{rule: r, in: t}}
		}
		return nil
	}
	if !p.whole && len(r.plan.literals) > 0 && len(p.spans[i]) == 0 {
		return nil
	}
	if (r.path != nil && !r.path.MatchString(t.Path)) || skipsText(r.allow, t.Path, t.Commit) {
		return nil
	}
	var hits []hit
	take := func(m, value span) {
		if h, ok := s.judge(t, r, m, value); ok {
			hits = append(hits, h)
		}
	}
	switch {
	case p.whole || len(r.plan.literals) == 0:
		matchExpr(r, t.data, span{0, len(t.data)}, take)
	case r.plan.byHand:
		matchGeneric(t.data, p.spans[i], take)
	default:
		for _, w := range p.spans[i] {
			matchExpr(r, t.data, w, take)
		}
	}
	return hits
}

// matchExpr runs a rule's expression on a stretch. It takes each match without
// its value, which judge finds.
func matchExpr(r *rule, data []byte, w span, take func(m, value span)) {
	for _, m := range r.expr.FindAllIndex(data[w.start:w.end], -1) {
		take(span{w.start + m[0], w.start + m[1]}, span{})
	}
}

// judge applies the conditions of a rule to a match, in gitleaks' terms: the
// secret is the group that the rule names, else the first that holds
// something, of the match without line feeds around it. The value is given
// where it is known already.
func (s *Scanner) judge(t *text, r *rule, m, known span) (hit, bool) {
	if t.parent != nil && !t.touches(m) {
		return hit{}, false
	}
	raw := t.data[m.start:m.end]
	lead := len(raw) - len(bytes.TrimLeft(raw, "\n"))
	match := bytes.Trim(raw, "\n")
	h := hit{rule: r, in: t, match: span{m.start + lead, m.start + lead + len(match)}}
	if h.secret = known; known == (span{}) {
		h.secret = secretIn(r, match, h.match)
	}
	value := string(h.value())
	h.entropy = entropy(value)
	if r.entropy != 0 && h.entropy <= r.entropy {
		return h, false
	}
	line := sync.OnceValue(func() string { return t.lineText(m.start, m.start+len(match)) })
	for _, lists := range [][]*allowlist{r.allow, s.set.allow} {
		for _, a := range lists {
			if a.skipsValue(value, match, line, t.Path, t.Commit) {
				return h, false
			}
		}
	}
	h.line, _ = t.root().line(t.original(m).start)
	h.allowed = !s.ignoreComments && (strings.Contains(line(), "gitleaks:allow") || strings.Contains(line(), "retinue:allow"))
	return h, true
}

// secretIn returns the place of the secret in a match that lies at a place.
func secretIn(r *rule, match []byte, at span) span {
	groups := r.expr.FindSubmatchIndex(match)
	if len(groups) <= 2 {
		return at
	}
	if r.secretGroup > 0 {
		return group(at.start, groups, r.secretGroup)
	}
	for g := 1; g < len(groups)/2; g++ {
		if sp := group(at.start, groups, g); sp.end > sp.start {
			return sp
		}
	}
	return at
}

// group returns the place of a group; an absent one is empty.
func group(base int, groups []int, g int) span {
	if groups[2*g] < 0 {
		return span{base, base}
	}
	return span{base + groups[2*g], base + groups[2*g+1]}
}

// lineText returns the lines that a match touches.
func (t *text) lineText(start, end int) string {
	_, begin := t.line(start)
	begin = min(begin, len(t.data))
	feeds := t.lineFeeds()
	i, _ := slices.BinarySearch(feeds, end)
	stop := len(t.data)
	if i < len(feeds) {
		stop = feeds[i]
	} else if cr := bytes.IndexByte(t.data[end:], '\r'); cr >= 0 {
		stop = end + cr
	}
	return string(t.data[begin:max(begin, stop)])
}

// withRequired keeps the hits of a composite rule that have, for each rule that
// it requires, a hit of that rule near by.
func (s *Scanner) withRequired(t *text, r *rule, p places, hits []hit) []hit {
	near := make([][]hit, len(r.required))
	for i, q := range r.required {
		other := slices.Index(s.set.rules, s.set.byID[q.ID])
		near[i] = s.matchRule(t, other, p)
	}
	return slices.DeleteFunc(hits, func(h hit) bool {
		for i, q := range r.required {
			if !slices.ContainsFunc(near[i], func(o hit) bool { return !o.allowed && isNear(t, h, o, q) }) {
				return true
			}
		}
		return false
	})
}

func isNear(t *text, a, b hit, q required) bool {
	if q.WithinLines != nil && abs(a.line-b.line) > *q.WithinLines {
		return false
	}
	if q.WithinColumns != nil {
		_, la := t.line(a.match.start)
		_, lb := t.line(b.match.start)
		if abs((a.match.start-la)-(b.match.start-lb)) > *q.WithinColumns {
			return false
		}
	}
	return true
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// dropCovered removes the hits of generic rules whose value a vendor's rule
// found on the same line.
func dropCovered(hits []hit) []hit {
	return slices.DeleteFunc(slices.Clone(hits), func(g hit) bool {
		return g.rule.generic && slices.ContainsFunc(hits, func(h hit) bool {
			return !h.rule.generic && h.line == g.line && bytes.Contains(h.value(), g.value())
		})
	})
}

// value is what was found.
func (h hit) value() []byte { return h.in.data[h.secret.start:h.secret.end] }

// finding makes the public form of a hit.
func finding(h hit) Finding {
	r := h.rule
	f := Finding{Rule: r.id, Description: r.description, Tags: r.tags, Kind: r.kind, Subtype: r.id, Generic: r.generic}
	if r.expr == nil {
		f.Confidence = retinue.ConfidenceMedium
		return f
	}
	t := h.in
	f.Start, f.End, f.MatchStart, f.MatchEnd = h.secret.start, h.secret.end, h.match.start, h.match.end
	f.MatchLine, f.Entropy = h.line, h.entropy
	f.Secret = retinue.NewSecret(string(h.value()))
	_, begin := t.line(f.Start)
	f.Field = fieldBefore(t.data[begin:f.Start], t.data[min(f.MatchStart, f.Start):f.Start])
	if r.id == "url-credentials" { // what stands before the password is the user
		f.Field = assigned(t.data[min(begin, f.MatchStart):f.MatchStart])
	}
	interpret(&f)
	if t.parent != nil {
		f.Encoded = true
		secret, match := t.original(h.secret), t.original(h.match)
		f.Start, f.End, f.MatchStart, f.MatchEnd = secret.start, secret.end, match.start, match.end
	}
	whole := t.root()
	f.Line, begin = whole.line(f.Start)
	f.Column = f.Start - begin + 1
	f.EndLine, _ = whole.line(max(f.Start, f.End-1))
	return f
}

// entropy returns the Shannon entropy of a value in bits. As in gitleaks, the
// characters are counted and the bytes divided by.
func entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var ascii [utf8.RuneSelf]int
	var other map[rune]int
	for _, c := range s {
		if c < utf8.RuneSelf {
			ascii[c]++
			continue
		}
		if other == nil {
			other = map[rune]int{}
		}
		other[c]++
	}
	sum, inverse := 0.0, 1/float64(len(s))
	for _, n := range ascii {
		if n > 0 {
			f := float64(n) * inverse
			sum -= f * math.Log2(f)
		}
	}
	for _, n := range other {
		f := float64(n) * inverse
		sum -= f * math.Log2(f)
	}
	return sum
}
