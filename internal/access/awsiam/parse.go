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
	var s scanner
	p, err := s.whole(document)
	if err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	return p, nil
}

// whole reads a text that is a document.
func (p *scanner) whole(text string) (*Policy, error) {
	if err := p.start(text); err != nil {
		return nil, err
	}
	p.documents.room(1, 1)
	out, err := p.policy()
	if err == nil {
		err = p.end()
	}
	return out, err
}

// policy reads a document that may be part of a larger text.
func (p *scanner) policy() (*Policy, error) {
	made := p.documents.taken(append(p.documents.room(1, p.share(512)), documentRoom{}))
	out, d := &made[0].policy, &made[0].document
	out.doc = d
	d.statements = p.memory.statements.room(1, p.share(300))
	start, hasStatement := p.i, false
	err := p.object(func(key string) error {
		if key == "Statement" {
			hasStatement = true
			return p.statements(d)
		}
		return p.member(d, key)
	})
	if err != nil {
		return nil, err
	}
	if !hasStatement {
		return nil, p.fail("no Statement")
	}
	size := p.i - start
	if size > maxDocument {
		return nil, p.fail("policy document of %d bytes: the limit is %d", size, maxDocument)
	}
	d.statements = p.memory.statements.taken(d.statements)
	return out, p.compile(d, size)
}

// member reads what a document has beside its statements.
func (p *scanner) member(d *compiled, key string) (err error) {
	switch key {
	case "Version":
		p.enter(key, 0)
		if d.version, err = p.text(); err == nil && d.version != Version2008 && d.version != Version2012 {
			d.unclear = "Version " + strconv.Quote(retinue.CleanName(d.version)) + " of the policy language is not known"
		}
	case "Id":
		p.enter(key, 0)
		d.id, err = p.text()
	default:
		name := strconv.Quote(retinue.CleanName(key))
		if d.unclear == "" {
			d.unclear = "element " + name + " of the document is not known"
		}
		p.enter(name, 0)
		err = p.skip(0)
	}
	if err == nil {
		p.leave()
	}
	return err
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
	made := p.memory.principals.taken(append(p.memory.principals.room(1, p.share(1000)), Principals{}))
	out := &made[0]
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
	out := p.memory.conditions.room(1, p.share(400))
	err := p.object(func(operator string) error {
		p.enter(operator, 0)
		err := p.object(func(key string) error {
			p.enter(key, 0)
			values, err := p.values(p.scalar)
			if err == nil {
				p.leave()
				out = append(out, Condition{Operator: operator, Key: key, Values: values})
			}
			return err
		})
		if err == nil {
			p.leave()
		}
		return err
	})
	if len(out) > 0 {
		st.Conditions = p.memory.conditions.taken(out)
	}
	return err
}

// compile checks the statements of a document of so many bytes and prepares
// them for evaluation.
func (p *scanner) compile(d *compiled, size int) error {
	wildcards := 0
	for i := range d.statements {
		st := &d.statements[i]
		if size > maxWildcards { // a shorter document cannot hold too many
			wildcards += st.wildcards()
		}
		if wildcards > maxWildcards {
			return p.fail("statement %d: more than %d wildcards in the document", i+1, maxWildcards)
		}
		st.check()
		st.compileActions(&p.memory)
		if !p.once {
			st.prepareTargets(&p.memory, d.version)
			st.prepareTests(&p.memory, d.version)
		}
	}
	if p.once {
		d.memory = &p.memory
	} else {
		d.index = newIndex(d.statements)
	}
	return nil
}

// wildcards counts the stars and question marks of a statement.
func (st *Statement) wildcards() int {
	n := 0
	count := func(list []string) {
		for _, s := range list {
			n += strings.Count(s, "*") + strings.Count(s, "?")
		}
	}
	count(st.Actions)
	count(st.NotActions)
	count(st.Resources)
	count(st.NotResources)
	for i := range st.Conditions {
		count(st.Conditions[i].Values)
	}
	return n
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

func (st *Statement) compileActions(m *memory) {
	actions := st.Actions
	if actions == nil {
		actions = st.NotActions
	}
	st.actions = compileActions(m, st, actions, st.Actions == nil && st.NotActions != nil)
}

// prepareTargets compiles resources and principals, which matter where the
// actions cover that of the question.
func (st *Statement) prepareTargets(m *memory, version string) {
	st.targets = true
	resources := st.Resources
	if resources == nil {
		resources = st.NotResources
	}
	if len(resources) > 0 {
		out := m.resources.room(len(resources), m.share(160))
		for _, r := range resources {
			out = append(out, compileResource(r, version == Version2012))
		}
		st.resources = m.resources.taken(out)
	}
	principals := st.Principals
	if principals == nil {
		principals = st.NotPrincipals
	}
	if principals != nil {
		st.named = compilePrincipals(m, principals)
	}
}

// prepareTests compiles the conditions, which matter where all else does.
func (st *Statement) prepareTests(m *memory, version string) {
	st.tests = true
	for i := range st.Conditions {
		st.Conditions[i].test = compileTest(m, st, &st.Conditions[i], version == Version2012)
	}
}
