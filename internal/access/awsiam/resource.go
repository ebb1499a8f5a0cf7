package awsiam

import (
	"strings"

	globs "github.com/retinue-id/retinue/internal/access/glob"
)

// arnSegments is the number of parts that colons separate in an ARN; the last
// may itself hold colons.
const arnSegments = 6

// cutARN returns up to six segments of an ARN or of a pattern for one. Colons
// inside ${…} do not separate.
func cutARN(s string) []string {
	out := make([]string, 0, arnSegments)
	start, depth := 0, 0
	for i := 0; i < len(s) && len(out) < arnSegments-1; i++ {
		switch {
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{' && strings.IndexByte(s[i:], '}') > 0:
			depth = 1
		case s[i] == '}':
			depth = 0
		case s[i] == ':' && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// resourcePattern is one compiled value of a Resource or NotResource element.
type resourcePattern struct {
	raw string
	// One of these: everything; an exact text; a text to start with, which is
	// raw without its star; segments.
	all, exact, starts bool
	*segmented
}

// segmented is a pattern of several segments, or with variables.
type segmented struct {
	heads []glob
	last  glob
	vars  *template
	never bool
	// mixed is set where some wildcards go over colons and some do not.
	mixed *globs.Pattern
}

// compileResource prepares a resource pattern ("IAM JSON policy elements:
// Resource"): wildcards match within the segments of an ARN and do not span
// them, but a star that ends a segment "can expand to match beyond the colon
// boundaries". Variables are allowed in the last part of the ARN only ("Where
// you can use policy variables"); elsewhere they match nothing.
func compileResource(raw string, variables bool) resourcePattern {
	r := resourcePattern{raw: raw}
	var t *template
	if variables {
		t = parseTemplate(raw)
	}
	if t == nil {
		wild := strings.IndexAny(raw, "*?")
		switch {
		case wild < 0:
			r.exact = true
			return r
		case strings.Trim(raw, "*") == "":
			r.all = true
			return r
		case wild == len(raw)-1 && raw[wild] == '*':
			r.starts = true
			return r
		}
	}
	r.segmented = &segmented{}
	segments := cutSegments(raw, variables)
	heads, runsOn, keeps := segments[:len(segments)-1], false, false
	for _, head := range heads {
		if variables && strings.Contains(head, "${") {
			r.never = true
		}
		inner := strings.TrimSuffix(head, "*")
		runsOn = runsOn || inner != head
		keeps = keeps || strings.ContainsAny(inner, "*?")
		r.heads = append(r.heads, compileGlob(head))
	}
	tail := segments[len(segments)-1]
	switch {
	case runsOn && !keeps:
		// Every wildcard may go over colons.
		r.heads, tail = nil, raw
	case runsOn && t == nil:
		r.mixed = mixedPattern(heads, tail)
	}
	if t != nil {
		if r.vars = parseTemplate(tail); r.vars != nil && len(segments) < arnSegments {
			r.never = true
		}
	}
	if r.vars == nil {
		r.last = compileGlob(tail)
	}
	return r
}

// mixedPattern is for the rare pattern such as arn:aws:sqs:eu-*-1:*:jobs.
func mixedPattern(heads []string, tail string) *globs.Pattern {
	var p globs.Pattern
	for _, head := range heads {
		if inner, ok := strings.CutSuffix(head, "*"); ok {
			p = p.Part(inner).Wild("*")
		} else {
			p = p.Part(head)
		}
		p = p.Literal(":")
	}
	p = p.Wild(tail)
	return &p
}

// cutSegments is cutARN with or without regard to variables.
func cutSegments(s string, variables bool) []string {
	if variables {
		return cutARN(s)
	}
	return strings.SplitN(s, ":", arnSegments)
}

// match decides whether the pattern names the resource of the question.
func (r *resourcePattern) match(q *question) truth {
	resource := q.resource
	switch {
	case r.all:
		return yes
	case r.exact:
		return truthOf(r.raw == resource)
	case r.starts:
		return truthOf(strings.HasPrefix(resource, r.raw[:len(r.raw)-1]))
	case r.never:
		return no
	case r.mixed != nil:
		return truthOf(r.mixed.Match(resource))
	}
	for i := range r.heads {
		head, rest, ok := strings.Cut(resource, ":")
		if !ok || !r.heads[i].match(head) {
			return no
		}
		resource = rest
	}
	if r.vars == nil {
		return truthOf(r.last.match(resource))
	}
	g, state := r.vars.glob(q)
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
