package azurerbac

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/retinue-id/retinue"
)

// Limits on conditions; Microsoft's own is 8 KB.
const (
	maxCondition = 32 << 10
	maxNesting   = 64
)

// condition is a role assignment condition, parsed: "Azure role assignment
// condition format and syntax".
type condition struct {
	root   expression
	text   string
	broken string
}

// expression is a node of a condition.
type expression interface {
	eval(*setting) truth
}

type (
	andOf struct{ all []expression }
	orOf  struct{ any []expression }
	notOf struct{ inner expression }
	// actionIs and subOperationIs are ActionMatches and SubOperationMatches.
	actionIs       struct{ pattern string }
	subOperationIs struct{ name string }
	exists         struct{ attribute string }
	comparison     struct {
		attribute  string
		quantifier string
		operator   operator
		values     []string
		other      string // an attribute in place of values
	}
)

func (e andOf) eval(s *setting) truth {
	out := yes
	for _, x := range e.all {
		out = min(out, x.eval(s))
	}
	return out
}

func (e orOf) eval(s *setting) truth {
	out := no
	for _, x := range e.any {
		out = max(out, x.eval(s))
	}
	return out
}

func (e notOf) eval(s *setting) truth { return e.inner.eval(s).not() }

func (e actionIs) eval(s *setting) truth { return truthOf(matchAction(e.pattern, s.action)) }

func (e subOperationIs) eval(s *setting) truth {
	if v, known := s.lookup("suboperation"); known {
		return truthOf(len(v) == 1 && strings.EqualFold(v[0], e.name))
	}
	if s.open {
		return maybe
	}
	return no
}

func (e exists) eval(s *setting) truth {
	v, known := s.lookup(e.attribute)
	if !known {
		return maybe
	}
	return truthOf(len(v) > 0)
}

func (e comparison) eval(s *setting) truth {
	left, known := s.lookup(e.attribute)
	right := e.values
	if e.other != "" {
		var ok bool
		right, ok = s.lookup(e.other)
		known = known && ok
	}
	if !known || len(left) == 0 || len(right) == 0 {
		return maybe
	}
	hit := func(l, r string) truth { return e.operator.compare(l, r) }
	some := func(list []string, f func(string) truth) truth {
		out := no
		for _, v := range list {
			out = max(out, f(v))
		}
		return out
	}
	all := func(list []string, f func(string) truth) truth {
		out := yes
		for _, v := range list {
			out = min(out, f(v))
		}
		return out
	}
	outer, inner := some, some
	switch e.quantifier {
	case "forallofanyvalues":
		outer = all
	case "foranyofallvalues":
		inner = all
	case "forallofallvalues":
		outer, inner = all, all
	}
	return outer(left, func(l string) truth { return inner(right, func(r string) truth { return hit(l, r) }) })
}

// setting is what a condition is evaluated against.
type setting struct {
	action  string // canonical
	context map[string][]string
	open    bool
}

// lookup finds an attribute. An attribute that is present without a value does
// not exist on what is asked about.
func (s *setting) lookup(name string) ([]string, bool) {
	v, ok := s.context[strings.ToLower(name)]
	return v, ok
}

// newSetting makes a setting from a context by attribute, such as
// "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]".
func newSetting(action string, context map[string]any, open bool) *setting {
	s := &setting{action: action, context: make(map[string][]string, len(context)), open: open}
	for k, v := range context {
		k = strings.ToLower(k)
		switch v := v.(type) {
		case nil:
			s.context[k] = nil
		case []any:
			list := make([]string, 0, len(v))
			for _, e := range v {
				list = append(list, fmt.Sprint(e))
			}
			s.context[k] = list
		case []string:
			s.context[k] = v
		default:
			s.context[k] = []string{fmt.Sprint(v)}
		}
	}
	return s
}

// parseCondition reads a condition. One that is not understood is kept with the
// reason; nil stands for none.
func parseCondition(text string) *condition {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	c := &condition{text: text}
	if len(text) > maxCondition {
		c.broken = fmt.Sprintf("the condition has %d bytes: the limit is %d", len(text), maxCondition)
		return c
	}
	tokens, err := scan(text)
	if err == nil {
		p := &parser{tokens: tokens}
		c.root, err = p.or(0)
		if err == nil && p.at < len(p.tokens) {
			err = p.wrong("the end")
		}
	}
	if err != nil {
		c.broken = "the condition is not understood: " + retinue.CleanName(err.Error())
	}
	return c
}

// token is a word, a symbol, an attribute, or a quoted text.
type token struct {
	text   string
	quoted bool
}

func scan(text string) ([]token, error) {
	var out []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case unicode.IsSpace(rune(c)):
			i++
		case strings.IndexByte("(){},", c) >= 0:
			out = append(out, token{text: text[i : i+1]})
			i++
		case strings.HasPrefix(text[i:], "&&"), strings.HasPrefix(text[i:], "||"):
			out = append(out, token{text: text[i : i+2]})
			i += 2
		case c == '!':
			out = append(out, token{text: "!"})
			i++
		case c == '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("a text that starts at %d does not end", i+1)
			}
			out = append(out, token{text: text[i+1 : i+1+end], quoted: true})
			i += end + 2
		case c == '@':
			end := strings.IndexByte(text[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("an attribute that starts at %d does not end", i+1)
			}
			out = append(out, token{text: text[i : i+end+1]})
			i += end + 1
		default:
			end := i
			for end < len(text) && !unicode.IsSpace(rune(text[end])) && strings.IndexByte("(){},!'@&|", text[end]) < 0 {
				end++
			}
			if end == i {
				return nil, fmt.Errorf("%q at %d is not understood", text[i:i+1], i+1)
			}
			out = append(out, token{text: text[i:end]})
			i = end
		}
	}
	return out, nil
}

type parser struct {
	tokens []token
	at     int
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) is(words ...string) bool {
	t := p.peek()
	if t.quoted {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			p.at++
			return true
		}
	}
	return false
}

func (p *parser) wrong(want string) error {
	if p.at >= len(p.tokens) {
		return fmt.Errorf("it ends where %s is wanted", want)
	}
	return fmt.Errorf("%q stands where %s is wanted", p.peek().text, want)
}

func (p *parser) expect(word string) error {
	if !p.is(word) {
		return p.wrong(fmt.Sprintf("%q", word))
	}
	return nil
}

func (p *parser) or(depth int) (expression, error) {
	first, err := p.and(depth)
	if err != nil {
		return nil, err
	}
	all := []expression{first}
	for p.is("OR", "||") {
		next, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	if len(all) == 1 {
		return first, nil
	}
	return orOf{all}, nil
}

func (p *parser) and(depth int) (expression, error) {
	first, err := p.unary(depth)
	if err != nil {
		return nil, err
	}
	all := []expression{first}
	for p.is("AND", "&&") {
		next, err := p.unary(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	if len(all) == 1 {
		return first, nil
	}
	return andOf{all}, nil
}

func (p *parser) unary(depth int) (expression, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("it nests more than %d levels", maxNesting)
	}
	switch {
	case p.is("!", "NOT"):
		inner, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return notOf{inner}, nil
	case p.is("("):
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case p.is("ActionMatches"):
		text, err := p.braced()
		return actionIs{canonical(text)}, err
	case p.is("SubOperationMatches"):
		text, err := p.braced()
		return subOperationIs{text}, err
	case p.is("Exists"):
		a, err := p.attribute()
		return exists{a}, err
	}
	return p.comparison()
}

func (p *parser) braced() (string, error) {
	if err := p.expect("{"); err != nil {
		return "", err
	}
	t := p.peek()
	if !t.quoted {
		return "", p.wrong("a text in quotes")
	}
	p.at++
	return t.text, p.expect("}")
}

func (p *parser) attribute() (string, error) {
	t := p.peek()
	if t.quoted || !strings.HasPrefix(t.text, "@") {
		return "", p.wrong("an attribute")
	}
	p.at++
	return t.text, nil
}

func (p *parser) comparison() (expression, error) {
	c := comparison{}
	var err error
	if c.attribute, err = p.attribute(); err != nil {
		return nil, err
	}
	name := p.peek().text
	if quantifier, rest, ok := strings.Cut(name, ":"); ok {
		c.quantifier, name = strings.ToLower(quantifier), rest
		switch c.quantifier {
		case "foranyofanyvalues", "forallofanyvalues", "foranyofallvalues", "forallofallvalues":
		default:
			return nil, fmt.Errorf("%q is not known", quantifier)
		}
	}
	op, ok := operatorOf(name)
	if !ok {
		return nil, p.wrong("an operator")
	}
	c.operator = op
	p.at++
	if t := p.peek(); !t.quoted && strings.HasPrefix(t.text, "@") {
		c.other, err = p.attribute()
		return c, err
	}
	c.values, err = p.values()
	return c, err
}

// values reads one value or a list in braces.
func (p *parser) values() ([]string, error) {
	if !p.is("{") {
		v, err := p.value()
		return []string{v}, err
	}
	var out []string
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if p.is("}") {
			return out, nil
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
}

func (p *parser) value() (string, error) {
	t := p.peek()
	if t.text == "" && !t.quoted || !t.quoted && strings.ContainsAny(t.text, "(){},!@&|") {
		return "", p.wrong("a value")
	}
	p.at++
	return t.text, nil
}
