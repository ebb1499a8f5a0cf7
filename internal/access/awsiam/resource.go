package awsiam

import (
	"strings"

	globs "github.com/retinue-id/retinue/internal/access/glob"
)

// arnSegments is the number of parts that colons separate in an ARN; the last
// may itself hold colons.
const arnSegments = 6

// segments are up to six parts of an ARN or of a pattern for one.
type segments struct {
	parts [arnSegments]string
	n     int
}

// cutARN cuts an ARN or a pattern for one at its colons. Where it may hold
// variables, colons inside ${…} do not separate.
func cutARN(s string, variables bool) (out segments) {
	start, inside := 0, false
	for i := 0; i < len(s) && out.n < arnSegments-1; i++ {
		switch c := s[i]; {
		case c == ':' && !inside:
			out.parts[out.n] = s[start:i]
			out.n++
			start = i + 1
		case c == '$' && variables && i+1 < len(s) && s[i+1] == '{' && strings.IndexByte(s[i:], '}') > 0:
			inside = true
		case c == '}':
			inside = false
		}
	}
	out.parts[out.n] = s[start:]
	out.n++
	return out
}

// resourcePattern is one compiled value of a Resource or NotResource element.
type resourcePattern struct {
	raw  string
	lead int // length of the text before the first wildcard
	form resourceForm
	*segmented
}

type resourceForm uint8

const (
	resourceExact resourceForm = iota
	resourceAll
	resourceStarts // its only wildcard is a star at the end
	// resourceWhole may be compared as one pattern, because the wildcards
	// before its last segment, if there are any, go over colons.
	resourceWhole
	// resourceParts has wildcards that do not.
	resourceParts
	// resourceSegmented has variables, or wildcards of both kinds.
	resourceSegmented
)

// segmented is a pattern with variables, or with wildcards of which some go over
// colons and some do not.
type segmented struct {
	heads []string
	last  string
	vars  *template
	never bool
	mixed *globs.Pattern
}

// compileResource prepares a resource pattern ("IAM JSON policy elements:
// Resource"): wildcards match within the segments of an ARN and do not span
// them, but a star that ends a segment "can expand to match beyond the colon
// boundaries". Variables are allowed in the last part of the ARN only ("Where
// you can use policy variables"); elsewhere they match nothing.
func compileResource(raw string, variables bool) resourcePattern {
	r := resourcePattern{raw: raw, lead: strings.IndexByte(raw, '*')}
	if strings.IndexByte(raw, '?') < 0 && (!variables || strings.IndexByte(raw, '$') < 0) {
		switch {
		case r.lead < 0:
			return r
		case r.lead == len(raw)-1 && len(raw) > 1:
			r.form = resourceStarts
			return r
		}
	}
	colons, wild, stars := 0, 0, 0
	runsOn, keeps := false, false // of the wildcards before the last segment
	last := 0                     // wildcards since the fifth colon or the last
	for i := range len(raw) {
		switch c := raw[i]; c {
		case '*', '?':
			if wild++; wild == 1 {
				r.lead = i
			}
			last++
			if c == '*' {
				stars++
			}
		case ':':
			if colons++; colons < arnSegments && last > 0 {
				ends := raw[i-1] == '*'
				runsOn = runsOn || ends
				keeps = keeps || !ends || last > 1
				last = 0
			}
		case '$':
			if variables && i+1 < len(raw) && raw[i+1] == '{' {
				r.form, r.segmented = resourceSegmented, segmentedWith(raw)
				return r
			}
		}
	}
	switch {
	case wild == 0:
	case stars == len(raw):
		r.form = resourceAll
	case wild == 1 && r.lead == len(raw)-1 && stars == 1: // with a $ before it
		r.form = resourceStarts
	case !keeps:
		r.form = resourceWhole
	case !runsOn:
		r.form = resourceParts
	default:
		r.form, r.segmented = resourceSegmented, &segmented{mixed: mixedPattern(raw)}
	}
	return r
}

// segmentedWith prepares a pattern with variables.
func segmentedWith(raw string) *segmented {
	out, runsOn, keeps := &segmented{}, false, false
	cut := cutARN(raw, true)
	heads, tail := cut.parts[:cut.n-1], cut.parts[cut.n-1]
	for _, head := range heads {
		out.never = out.never || strings.Contains(head, "${")
		inner := strings.TrimSuffix(head, "*")
		runsOn = runsOn || inner != head
		keeps = keeps || strings.ContainsAny(inner, "*?")
	}
	if runsOn && !keeps {
		// Every wildcard may go over colons.
		heads, tail = nil, raw
	}
	out.heads, out.last = append([]string(nil), heads...), tail
	if out.vars = parseTemplate(tail); out.vars != nil && cut.n < arnSegments {
		out.never = true
	}
	return out
}

// mixedPattern is for the rare pattern such as arn:aws:sqs:eu-*-1:*:jobs.
func mixedPattern(raw string) *globs.Pattern {
	var p globs.Pattern
	cut := cutARN(raw, false)
	for _, head := range cut.parts[:cut.n-1] {
		if inner, ok := strings.CutSuffix(head, "*"); ok {
			p = p.Part(inner).Wild("*")
		} else {
			p = p.Part(head)
		}
		p = p.Literal(":")
	}
	p = p.Wild(cut.parts[cut.n-1])
	return &p
}

// match decides whether the pattern names the resource of the question.
func (r *resourcePattern) match(q *question) truth {
	resource := q.resource
	switch r.form {
	case resourceExact:
		return truthOf(r.raw == resource)
	case resourceAll:
		return yes
	case resourceStarts:
		return truthOf(strings.HasPrefix(resource, r.raw[:r.lead]))
	case resourceWhole:
		return truthOf(strings.HasPrefix(resource, r.raw[:r.lead]) && matchWild(r.raw[r.lead:], resource[r.lead:]))
	case resourceParts:
		return truthOf(matchParts(r.raw, resource))
	}
	return r.segmented.match(q)
}

// matchParts compares segment by segment.
func matchParts(pattern, resource string) bool {
	for range arnSegments - 1 {
		part, rest, more := strings.Cut(pattern, ":")
		if !more {
			break
		}
		head, after, ok := strings.Cut(resource, ":")
		if !ok || part != head && !matchWild(part, head) {
			return false
		}
		pattern, resource = rest, after
	}
	return matchWild(pattern, resource)
}

func (s *segmented) match(q *question) truth {
	resource := q.resource
	switch {
	case s.never:
		return no
	case s.mixed != nil:
		return truthOf(s.mixed.Match(resource))
	}
	for _, part := range s.heads {
		head, rest, ok := strings.Cut(resource, ":")
		if !ok || !matchWild(part, head) {
			return no
		}
		resource = rest
	}
	if s.vars == nil {
		return truthOf(matchWild(s.last, resource))
	}
	g, state := s.vars.glob(q)
	switch {
	case state == unresolvable || !g.match(resource):
		return no
	case state == undecided:
		return open
	}
	return yes
}

// MatchResource reports whether a Resource pattern without policy variables,
// such as "arn:aws:s3:::logs/*", names a resource.
func MatchResource(pattern, resource string) bool {
	r := compileResource(pattern, false)
	return r.match(&question{resource: resource}) == yes
}
