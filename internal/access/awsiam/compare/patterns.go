package compare

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// actionText is the universe of actions: a service prefix of letters, digits
// and hyphens, a colon, and a name of letters and digits, in lower case since
// actions are compared without regard to it ("Grammar of the IAM JSON policy
// language", action_string).
type actionText struct{}

func (actionText) Start() int { return 0 }

func (actionText) Step(state int, c rune) int {
	name := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
	switch {
	case state <= 1 && (name || c == '-' && state == 1):
		return 1
	case state == 1 && c == ':':
		return 2
	case state >= 2 && name:
		return 3
	}
	return -1
}

func (actionText) Accept(state int) bool { return state == 3 }

func (actionText) Fresh() []rune { return freshAction }

var freshAction = []rune("xyzwvutsrqponmlkjihgfedcba0123456789:-")

// actionPattern is an element of Action or NotAction.
func actionPattern(text string) (glob.Pattern, bool) {
	p := strings.ToLower(text)
	service, name, colon := strings.Cut(p, ":")
	switch {
	case p != "" && strings.Trim(p, "*") == "", colon && service == "*" && name != "" && strings.Trim(name, "*") == "":
		return glob.Text("*"), true
	case !colon, strings.ContainsAny(service, "*?"):
		return glob.Pattern{}, false
	}
	return glob.Text(p), true
}

const arnSegments = 6

// resourcePattern is an element of Resource or NotResource. A policy variable
// in it stands for any text here; whether that text is the variable's value is
// a question of its own.
func resourcePattern(text string, variables bool) glob.Pattern {
	if !variables || !strings.Contains(text, "${") {
		if wild := strings.IndexAny(text, "*?"); wild < 0 {
			return glob.Exact(text)
		} else if wild == len(text)-1 && text[wild] == '*' {
			return glob.Text(text)
		}
	}
	var p glob.Pattern
	segments := cutSegments(text, variables)
	for i, segment := range segments {
		last := i == len(segments)-1
		for _, part := range cutVariables(segment, variables) {
			switch {
			case part.literal:
				p = p.Literal(part.text)
			case part.key != "" && (!last || len(segments) < arnSegments):
				return nothing() // variables are for the last part of an ARN
			case part.key != "":
				p = p.Wild("?*") // the value of a variable is some text
			case last:
				p = p.Wild(part.text)
			case strings.HasSuffix(part.text, "*"):
				// "If the * wildcard is the last character of a resource ARN
				// segment, it can expand to match beyond the colon boundaries."
				p = p.Part(strings.TrimRight(part.text, "*")).Wild("*")
			default:
				p = p.Part(part.text)
			}
		}
		if !last {
			p = p.Literal(":")
		}
	}
	return p
}

// nothing fits no string of a universe: the empty one is in none.
func nothing() glob.Pattern { return glob.Exact("") }

// arnPattern is a value of ArnLike and ArnEquals, whose parts are compared
// each by itself.
func arnPattern(text string) glob.Pattern {
	segments := strings.SplitN(text, ":", arnSegments)
	if len(segments) != arnSegments {
		return nothing()
	}
	var p glob.Pattern
	for _, segment := range segments[:arnSegments-1] {
		p = p.Part(segment).Literal(":")
	}
	return p.Wild(segments[arnSegments-1])
}

// part is a stretch of a text with policy variables.
type part struct {
	text    string // pattern, or literal text
	literal bool
	key     string // of a variable
	// fallback is a variable's default.
	fallback string
}

func hasVariable(text string) bool {
	return slices.ContainsFunc(cutVariables(text, true), func(p part) bool { return p.key != "" })
}

// cutVariables splits a text at its variables: ${key}, ${key, 'default'}, and
// ${*}, ${?} and ${$} for the characters themselves ("IAM policy elements:
// Variables and tags").
func cutVariables(text string, variables bool) []part {
	var out []part
	for variables {
		start := strings.Index(text, "${")
		if start < 0 {
			break
		}
		length := strings.IndexByte(text[start:], '}')
		if length < 0 {
			break
		}
		if start > 0 {
			out = append(out, part{text: text[:start]})
		}
		inside := text[start+2 : start+length]
		text = text[start+length+1:]
		switch inside {
		case "*", "?", "$":
			out = append(out, part{text: inside, literal: true})
			continue
		}
		key, fallback, _ := strings.Cut(inside, ", '")
		out = append(out, part{key: strings.ToLower(strings.TrimSpace(key)), fallback: strings.TrimSuffix(fallback, "'")})
		if out[len(out)-1].key == "" {
			out[len(out)-1].key = " " // a key that no request has
		}
	}
	if text != "" {
		out = append(out, part{text: text})
	}
	return out
}

// cutSegments returns up to six segments of an ARN's pattern. Colons inside
// ${…} do not separate.
func cutSegments(text string, variables bool) []string {
	if !variables {
		return strings.SplitN(text, ":", arnSegments)
	}
	var out []string
	start, inside := 0, false
	for i := 0; i < len(text) && len(out) < arnSegments-1; i++ {
		switch {
		case strings.HasPrefix(text[i:], "${") && strings.Contains(text[i:], "}"):
			inside = true
		case text[i] == '}':
			inside = false
		case text[i] == ':' && !inside:
			out = append(out, text[start:i])
			start = i + 1
		}
	}
	return append(out, text[start:])
}
