package aws

import (
	"slices"
	"time"
)

// span is a stretch of time that is proven.
type span struct{ from, to time.Time }

func (s span) empty() bool { return !s.to.After(s.from) }

// proof is what digest files prove of an account. Each stretch stands by itself.
type proof struct {
	// whole are the stretches over which nothing is missing, and signed those of
	// them over which signatures of CloudTrail say so.
	whole  []span
	signed []span
}

// cut takes the file before the next one out of a proof: the next one has it
// otherwise.
func (p *proof) cut(f *digestFile) {
	p.whole = cutEnd(p.whole, f)
	p.signed = cutEnd(p.signed, f)
}

func cutEnd(spans []span, f *digestFile) []span {
	n := len(spans)
	if n == 0 || !spans[n-1].to.Equal(f.End) {
		return spans
	}
	if spans[n-1].to = f.Start; spans[n-1].empty() {
		spans = spans[:n-1]
	}
	return spans
}

// follow adds the stretch of a digest file to the last of spans where it is
// linked with it, and else as one of its own.
func follow(spans []span, f *digestFile, linked bool) []span {
	if linked && reaches(spans, f) {
		spans[len(spans)-1].to = f.End
		return spans
	}
	return append(spans, span{f.Start, f.End})
}

// reaches reports whether the last of spans ends where a digest file begins.
func reaches(spans []span, f *digestFile) bool {
	n := len(spans)
	return n > 0 && spans[n-1].to.Equal(f.Start)
}

// intersect returns what lies in both.
func intersect(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			from, to := x.from, x.to
			if y.from.After(from) {
				from = y.from
			}
			if y.to.Before(to) {
				to = y.to
			}
			if to.After(from) {
				out = append(out, span{from, to})
			}
		}
	}
	return out
}

// merge sorts spans and joins those that touch.
func merge(s []span) []span {
	slices.SortFunc(s, func(a, b span) int { return a.from.Compare(b.from) })
	var out []span
	for _, x := range s {
		if n := len(out); n > 0 && !x.from.After(out[n-1].to) {
			if x.to.After(out[n-1].to) {
				out[n-1].to = x.to
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// without returns what of spans lies outside of holes. Both are merged.
func without(spans, holes []span) []span {
	var out []span
	for _, s := range spans {
		for _, h := range holes {
			if !h.to.After(s.from) {
				continue
			}
			if !h.from.Before(s.to) {
				break
			}
			if before := (span{s.from, h.from}); !before.empty() {
				out = append(out, before)
			}
			s.from = h.to
		}
		if !s.empty() {
			out = append(out, s)
		}
	}
	return out
}
