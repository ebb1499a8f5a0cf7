package postgres

import (
	"slices"
	"strings"
)

// cursor walks over the tokens of one statement.
type cursor struct {
	statement
	i int
}

func (c *cursor) done() bool { return c.i >= len(c.tokens) }

func (c *cursor) peek() token {
	if c.done() {
		return token{}
	}
	return c.tokens[c.i]
}

// at reports whether the next tokens are the given words or marks.
func (c *cursor) at(words ...string) bool {
	for k, w := range words {
		if c.i+k >= len(c.tokens) {
			return false
		}
		t := c.tokens[c.i+k]
		if t.kind != tokenWord && t.kind != tokenPunct || t.text != w {
			return false
		}
	}
	return true
}

// take moves past the given words if they are next.
func (c *cursor) take(words ...string) bool {
	if !c.at(words...) {
		return false
	}
	c.i += len(words)
	return true
}

// takeAny moves past the next token while it is one of the words.
func (c *cursor) takeAny(words ...string) {
	for !c.done() && c.peek().kind == tokenWord && slices.Contains(words, c.peek().text) {
		c.i++
	}
}

// ident reads a name.
func (c *cursor) ident() string {
	t := c.peek()
	if c.done() || t.kind == tokenPunct || t.kind == tokenString {
		return ""
	}
	c.i++
	return t.text
}

// value reads a name or string.
func (c *cursor) value() string {
	if !c.done() && c.peek().kind == tokenString {
		c.i++
		return c.tokens[c.i-1].text
	}
	if c.take("-") {
		return "-" + c.ident()
	}
	return c.ident()
}

// qualified reads schema.name; the schema is empty where it is left out.
func (c *cursor) qualified() (schema, name string) {
	name = c.ident()
	for c.take(".") {
		schema, name = name, c.ident()
	}
	return schema, name
}

// parens reads a parenthesised text and returns what is between, as written.
func (c *cursor) parens() (string, bool) {
	if !c.at("(") {
		return "", false
	}
	open, depth := c.i, 0
	for ; !c.done(); c.i++ {
		switch t := c.peek(); {
		case t.kind != tokenPunct:
		case t.text == "(":
			depth++
		case t.text == ")":
			if depth--; depth == 0 {
				text := c.text[c.tokens[open].end:t.start]
				c.i++
				return strings.TrimSpace(text), true
			}
		}
	}
	return "", false
}

// find moves to the next occurrence of the words outside parentheses and past
// them.
func (c *cursor) find(words ...string) bool {
	depth := 0
	for i := c.i; i < len(c.tokens); i++ {
		if t := c.tokens[i]; t.kind == tokenPunct {
			switch t.text {
			case "(":
				depth++
			case ")":
				depth--
			}
		}
		if depth == 0 {
			probe := cursor{c.statement, i}
			if probe.take(words...) {
				c.i = probe.i
				return true
			}
		}
	}
	return false
}

// names reads a list of names separated by commas.
func (c *cursor) names() []string {
	var out []string
	for {
		c.takeAny("group")
		n := c.value()
		if n == "" {
			return out
		}
		out = append(out, n)
		if !c.take(",") {
			return out
		}
	}
}
