package awsiam

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
)

// The bounds of a document. AWS's largest policies are 32 kB (a key policy);
// the rest leaves room for white space.
const (
	maxDocument  = 1 << 20
	maxWildcards = 40960
	// maxStatements bounds the statements: AWS's largest document holds fewer.
	maxStatements = 2000
)

// Parse reads and compiles a policy document. Text that is no policy at all,
// or that exceeds the bounds, is an error that wraps retinue.ErrInvalid and
// names the statement and the field. What has the form of a policy but is not
// understood (an element, operator or version that is not known, or something
// that AWS would not have accepted) is kept: see Policy.Problems.
func Parse(document []byte) (*Policy, error) {
	return ParseText(string(document))
}

// ParseText is Parse for a document that is a string.
func ParseText(document string) (*Policy, error) {
	if len(document) > maxDocument {
		return nil, fmt.Errorf("%w: policy document of %d bytes: the limit is %d", retinue.ErrInvalid, len(document), maxDocument)
	}
	s, err := newScanner(document)
	if err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	p, err := s.policy()
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	return p, nil
}

// policy reads a document that may be part of a larger text.
func (p *scanner) policy() (*Policy, error) {
	made := &struct {
		policy Policy
		doc    compiled
	}{}
	made.policy.doc = &made.doc
	d := &made.doc
	if cap(p.free) == 0 {
		p.free = make([]Statement, 0, 6)
	}
	d.statements = p.free
	start, hasStatement := p.i, false
	err := p.object(func(key string) error {
		switch key {
		case "Version":
			return p.within("Version", func() (err error) {
				d.version, err = p.text()
				if err == nil && d.version != Version2008 && d.version != Version2012 {
					d.unclear = "Version " + strconv.Quote(retinue.CleanName(d.version)) + " of the policy language is not known"
				}
				return err
			})
		case "Id":
			return p.within("Id", func() (err error) { d.id, err = p.text(); return err })
		case "Statement":
			hasStatement = true
			return p.statements(d)
		}
		if d.unclear == "" {
			d.unclear = "element " + strconv.Quote(retinue.CleanName(key)) + " of the document is not known"
		}
		return p.within(strconv.Quote(retinue.CleanName(key)), func() error { return p.skip(0) })
	})
	if err != nil {
		return nil, err
	}
	if !hasStatement {
		return nil, p.fail("no Statement")
	}
	if p.i-start > maxDocument {
		return nil, p.fail("policy document of %d bytes: the limit is %d", p.i-start, maxDocument)
	}
	n := len(d.statements)
	p.free = d.statements[n:] // with the room that is left
	d.statements = d.statements[:n:n]
	return &made.policy, p.compile(d)
}

func (p *scanner) statements(d *compiled) error {
	if p.peek() != '[' {
		return p.statement(d)
	}
	return p.list(func(int) error { return p.statement(d) })
}

func (p *scanner) statement(d *compiled) error {
	n := len(d.statements)
	if n == maxStatements {
		return p.fail("more than %d statements", maxStatements)
	}
	p.enter("statement", n+1)
	d.statements = append(d.statements, Statement{number: n})
	st := &d.statements[n]
	if err := p.object(func(key string) error { return p.element(st, key) }); err != nil {
		return err
	}
	p.leave()
	return nil
}

// element reads one element of a statement.
func (p *scanner) element(st *Statement, key string) (err error) {
	p.enter(key, 0)
	switch key {
	case "Sid":
		st.Sid, err = p.text()
	case "Effect":
		var e string
		e, err = p.text()
		st.Effect = Effect(e)
	case "Principal":
		st.Principals, err = p.principals(st)
	case "NotPrincipal":
		st.NotPrincipals, err = p.principals(st)
	case "Action":
		st.Actions, err = p.words()
	case "NotAction":
		st.NotActions, err = p.words()
	case "Resource":
		st.Resources, err = p.words()
	case "NotResource":
		st.NotResources, err = p.words()
	case "Condition":
		err = p.conditions(st)
	default:
		st.unclear("element %q is not known", key)
		err = p.skip(0)
	}
	if err == nil {
		p.leave()
	}
	return err
}

func (st *Statement) unclear(format string, args ...any) {
	const maxUnclear = 20
	if len(st.Unclear) < maxUnclear {
		st.Unclear = append(st.Unclear, retinue.CleanName(fmt.Sprintf(format, args...)))
	}
}

func (p *scanner) principals(st *Statement) (*Principals, error) {
	out := &Principals{}
	if p.peek() == '"' {
		s, err := p.text()
		if s == "*" {
			out.All = true
		} else if err == nil {
			st.unclear("Principal %q is neither \"*\" nor a map", s)
		}
		return out, err
	}
	return out, p.object(func(key string) (err error) {
		switch key {
		case "AWS":
			out.AWS, err = p.words()
		case "Service":
			out.Service, err = p.words()
		case "Federated":
			out.Federated, err = p.words()
		case "CanonicalUser":
			out.CanonicalUser, err = p.words()
		default:
			st.unclear("principal type %q is not known", key)
			err = p.skip(0)
		}
		return err
	})
}

func (p *scanner) conditions(st *Statement) error {
	return p.object(func(operator string) error {
		p.enter(operator, 0)
		err := p.object(func(key string) error {
			p.enter(key, 0)
			values, err := p.values(p.scalar)
			if err == nil {
				p.leave()
				st.Conditions = append(st.Conditions, Condition{Operator: operator, Key: key, Values: values})
			}
			return err
		})
		if err == nil {
			p.leave()
		}
		return err
	})
}

// compile checks the statements and prepares them for evaluation.
func (p *scanner) compile(d *compiled) error {
	wildcards := 0
	for i := range d.statements {
		st := &d.statements[i]
		for _, list := range [...][]string{st.Actions, st.NotActions, st.Resources, st.NotResources} {
			for _, w := range list {
				wildcards += countWildcards(w)
			}
		}
		for c := range st.Conditions {
			for _, v := range st.Conditions[c].Values {
				wildcards += countWildcards(v)
			}
		}
		if wildcards > maxWildcards {
			return p.fail("statement %d: more than %d wildcards in the document", i+1, maxWildcards)
		}
		st.check()
		st.compile(p, d.version == Version2012)
	}
	d.index = newIndex(d.statements)
	return nil
}

func countWildcards(s string) int {
	return strings.Count(s, "*") + strings.Count(s, "?")
}

// check notes what AWS would not have accepted ("Grammar of the IAM JSON
// policy language"). What depends on where the policy is attached is seen when
// it is evaluated.
func (st *Statement) check() {
	if st.Effect != Allow && st.Effect != Deny {
		st.unclear("Effect is %q: it must be Allow or Deny", string(st.Effect))
	}
	switch {
	case st.Actions == nil && st.NotActions == nil:
		st.unclear("neither Action nor NotAction is given")
	case st.Actions != nil && st.NotActions != nil:
		st.unclear("both Action and NotAction are given")
	}
	if st.Resources != nil && st.NotResources != nil {
		st.unclear("both Resource and NotResource are given")
	}
	if st.Principals != nil && st.NotPrincipals != nil {
		st.unclear("both Principal and NotPrincipal are given")
	}
}

func (st *Statement) compile(p *scanner, variables bool) {
	actions := st.Actions
	if actions == nil {
		actions = st.NotActions
	}
	st.actions = compileActions(&p.names, st, actions, st.Actions == nil && st.NotActions != nil)
	resources := st.Resources
	if resources == nil {
		resources = st.NotResources
	}
	if len(resources) > 0 {
		if cap(p.patterns) < len(resources) {
			p.patterns = make([]resourcePattern, 0, max(8, len(resources)))
		}
		for _, r := range resources {
			p.patterns = append(p.patterns, compileResource(r, variables))
		}
		n := len(resources)
		st.resources, p.patterns = p.patterns[:n:n], p.patterns[n:]
	}
	principals := st.Principals
	if principals == nil {
		principals = st.NotPrincipals
	}
	if principals != nil {
		st.named = compilePrincipals(principals)
	}
	for i := range st.Conditions {
		st.Conditions[i].test = compileTest(&p.names, st, &st.Conditions[i], variables)
	}
}
