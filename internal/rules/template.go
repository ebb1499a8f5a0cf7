package rules

import (
	"context"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
)

// template is a text with CEL expressions in {}; {{ and }} are braces.
type template struct {
	text  []string // one more than exprs
	exprs []cel.Program
}

func (c *compiler) template(s, where string) template {
	parts, exprs, err := splitTemplate(s)
	if err != nil {
		c.fail(where, "%v", err)
		return template{}
	}
	t := template{text: parts}
	for _, e := range exprs {
		prg := c.expression(e, where, nil)
		if prg == nil && e == "" {
			c.fail(where, "%q: empty expression {}", s)
		}
		t.exprs = append(t.exprs, prg)
	}
	return t
}

// splitTemplate returns the texts around the expressions and the expressions.
// Braces inside an expression's string literals and its own braces do not end
// it.
func splitTemplate(s string) (texts, exprs []string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "{{"), strings.HasPrefix(s[i:], "}}"):
			b.WriteByte(s[i])
			i++
		case s[i] == '{':
			n := expressionEnd(s[i+1:])
			if n < 0 {
				return nil, nil, fmt.Errorf("%q: { at byte %d has no }", s, i)
			}
			texts = append(texts, b.String())
			b.Reset()
			exprs = append(exprs, strings.TrimSpace(s[i+1:i+1+n]))
			i += n + 1
		case s[i] == '}':
			return nil, nil, fmt.Errorf("%q: } at byte %d has no {; write }} for a brace", s, i)
		default:
			b.WriteByte(s[i])
		}
	}
	return append(texts, b.String()), exprs, nil
}

// expressionEnd returns where the brace that closes an expression stands.
func expressionEnd(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

// render fills the template.
func (t template) render(ctx context.Context, vars *activation) (string, error) {
	if len(t.text) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString(t.text[0])
	for i, p := range t.exprs {
		v, err := eval(ctx, p, vars)
		if err != nil {
			return "", err
		}
		b.WriteString(show(v))
		b.WriteString(t.text[i+1])
	}
	return b.String(), nil
}

// show writes a value for people.
func show(v ref.Val) string {
	switch x := native(v).(type) {
	case string:
		return x
	case []any:
		words := make([]string, len(x))
		for i := range x {
			words[i] = fmt.Sprint(x[i])
		}
		return listWords(words, len(words))
	default:
		return fmt.Sprint(x)
	}
}

// listWords writes "a", "a and b", "a, b and 3 more".
func listWords(words []string, limit int) string {
	rest := 0
	if len(words) > limit {
		rest = len(words) - limit
		words = words[:limit]
	}
	if rest > 0 {
		return strings.Join(words, ", ") + fmt.Sprintf(" and %d more", rest)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
