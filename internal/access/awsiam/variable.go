package awsiam

import "strings"

// template is a pattern with policy variables ("IAM policy elements: Variables
// and tags"): ${key}, ${key, 'default'}, and ${*}, ${?} and ${$} for the
// characters themselves.
type template struct {
	parts []part
}

type part struct {
	// text is literal or, where key is empty and quoted false, a pattern.
	text string
	// quoted text stands for itself even where wildcards are understood.
	quoted bool
	// key is the variable in lower case; fallback its default value.
	key         string
	fallback    string
	hasFallback bool
}

// parseTemplate splits text at its variables; nil means that it has none.
func parseTemplate(text string) *template {
	if !strings.Contains(text, "${") {
		return nil
	}
	t := &template{}
	for text != "" {
		start := strings.Index(text, "${")
		if start < 0 {
			break
		}
		length := strings.IndexByte(text[start:], '}')
		if length < 0 {
			break
		}
		if start > 0 {
			t.parts = append(t.parts, part{text: text[:start]})
		}
		inside := text[start+2 : start+length]
		text = text[start+length+1:]
		switch inside {
		case "*", "?", "$":
			t.parts = append(t.parts, part{text: inside, quoted: true})
		default:
			t.parts = append(t.parts, parseVariable(inside))
		}
	}
	if text != "" {
		t.parts = append(t.parts, part{text: text})
	}
	return t
}

// parseVariable reads what stands between the braces. A default is set off by
// a comma and a space and stands in single quotes ("Specifying default
// values"); what has another form is a key that no request carries.
func parseVariable(inside string) part {
	p := part{key: lower(strings.TrimSpace(inside))}
	if i := strings.Index(inside, ", '"); i > 0 && strings.HasSuffix(inside, "'") && i+3 <= len(inside)-1 {
		p.key = lower(strings.TrimSpace(inside[:i]))
		p.fallback, p.hasFallback = inside[i+3:len(inside)-1], true
	}
	if p.key == "" {
		p.key = " " // no request has it
	}
	return p
}

// resolved is what became of a template.
type resolved uint8

const (
	// unresolvable: a variable has no value, so that nothing can match
	// ("If AWS cannot resolve a variable, this might cause the entire
	// statement to be invalid").
	unresolvable resolved = iota
	// undecided: a variable's value is open.
	undecided
	known
)

// value is what a variable stands for. Only keys with one value can be used; an
// empty text is no value.
func (p *part) value(q *question) (string, resolved) {
	v, state := q.lookup(p.key)
	switch {
	case state == keyOpen:
		return "", undecided
	case state == keyPresent && !v.isList && v.text != "":
		return v.text, known
	case p.hasFallback:
		return p.fallback, known
	}
	return "", unresolvable
}

// text substitutes the variables where wildcards have no meaning.
func (t *template) text(q *question) (string, resolved) {
	var b strings.Builder
	out := known
	for i := range t.parts {
		p := &t.parts[i]
		if p.key == "" {
			b.WriteString(p.text)
			continue
		}
		v, state := p.value(q)
		out = min(out, state)
		b.WriteString(v)
	}
	return b.String(), out
}

// glob substitutes the variables; their values stand for themselves. Where one
// is undecided it is taken as a star.
func (t *template) glob(q *question) (glob, resolved) {
	var b globBuilder
	out := known
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.key != "":
			v, state := p.value(q)
			out = min(out, state)
			if state == undecided {
				b.star()
			} else {
				b.literal(v)
			}
		case p.quoted:
			b.literal(p.text)
		default:
			b.pattern(p.text)
		}
	}
	return b.done(), out
}

// variables returns the keys that the template uses.
func (t *template) variables() []string {
	var out []string
	for i := range t.parts {
		if t.parts[i].key != "" {
			out = append(out, t.parts[i].key)
		}
	}
	return out
}
