package awsiam

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// The bounds of a question.
const (
	maxCase        = 16 << 20
	maxCaseKeys    = 1000
	maxCaseText    = 1 << 16
	maxCasePolices = 2000
)

// Case is one line of a question file of "retinue access check --language aws".
type Case struct {
	// ID is the line's id; empty where it has none.
	ID      string
	Request Request
	Layers  Layers
}

// Decide answers the case: its context is complete.
func (c *Case) Decide() access.Decision { return Decide(&c.Layers, &c.Request, Closed) }

// ParseCase reads one question: request {action, resource {resource,
// accountId}, principal, context}, identityPolicies, permissionBoundaries,
// sessionPolicy or sessionPolicies, resourcePolicy or resourcePolicies,
// endpointPolicies, serviceControlPolicies and resourceControlPolicies. A
// document may be wrapped as {name, policy}. Other members are ignored.
//
// Errors wrap retinue.ErrInvalid and name the document, the statement and the
// field. The Case returned beside an error has its ID where that could be read.
func ParseCase(line []byte) (Case, error) {
	var r caseReader
	if len(line) > maxCase {
		return r.c, tooLong(len(line))
	}
	err := r.question(string(line))
	return r.c, err
}

func tooLong(bytes int) error {
	return fmt.Errorf("%w: question of %d bytes: the limit is %d", retinue.ErrInvalid, bytes, maxCase)
}

// idOf looks for the id of a question with an error before it.
func idOf(text string) string {
	s := scanner{s: text}
	id := ""
	_ = s.object(func(key string) (err error) {
		if key == "id" {
			id, err = s.scalar()
			return err
		}
		return s.skip(0)
	})
	return id
}

// caseReader reads a case in one pass.
type caseReader struct {
	scanner
	c             Case
	documentsRead int
}

// question reads a case.
func (r *caseReader) question(line string) error {
	if len(line) > maxCase {
		return tooLong(len(line))
	}
	err := r.start(line)
	if err == nil {
		if err = r.read(); err == nil {
			err = r.end()
		}
		if err != nil && r.c.ID == "" {
			r.c.ID = idOf(r.s)
		}
	}
	if err != nil {
		return fmt.Errorf("read question: %w", err)
	}
	return nil
}

func (r *caseReader) read() error {
	hasRequest := false
	err := r.object(func(key string) (err error) {
		r.enter(key, 0)
		l := &r.c.Layers
		switch key {
		case "id":
			r.c.ID, err = r.scalar()
		case "request":
			hasRequest = true
			err = r.request()
		case "identityPolicies":
			l.Identity, err = r.documents()
		case "permissionBoundaries", "permissionBoundaryPolicies":
			l.Boundary, err = r.documents()
		case "sessionPolicy", "sessionPolicies":
			l.Session, err = r.documents()
		case "resourcePolicy", "resourcePolicies":
			l.Resource, err = r.documents()
		case "endpointPolicies", "vpcEndpointPolicies":
			l.Endpoint, err = r.documents()
		case "serviceControlPolicies":
			l.ServiceControl, err = r.levels()
		case "resourceControlPolicies":
			l.ResourceControl, err = r.levels()
		default:
			err = r.skip(0)
		}
		if err == nil {
			r.leave()
		}
		return err
	})
	if err == nil && !hasRequest {
		return r.fail("no request")
	}
	return err
}

// null reads past a null, which stands for an absent member.
func (r *caseReader) null() bool { return r.peek() == 'n' && r.word("null") }

func (r *caseReader) documents() ([]*Policy, error) {
	if r.null() {
		return nil, nil
	}
	out := r.policies.room(1, r.share(400))
	if r.peek() != '[' {
		p, err := r.document()
		if err != nil {
			return nil, err
		}
		return r.policies.taken(append(out, p)), nil
	}
	err := r.list(func(n int) error {
		r.enter("document", n+1)
		p, err := r.document()
		if err == nil {
			r.leave()
			out = append(out, p)
		}
		return err
	})
	if len(out) == 0 {
		return nil, err
	}
	return r.policies.taken(out), err
}

// document reads a policy, bare or wrapped.
func (r *caseReader) document() (*Policy, error) {
	if r.documentsRead++; r.documentsRead > maxCasePolices {
		return nil, r.fail("more than %d documents", maxCasePolices)
	}
	if !r.wrapped() {
		return r.policy()
	}
	var name string
	var p *Policy
	err := r.object(func(key string) (err error) {
		switch key {
		case "name":
			name, err = r.scalar()
		case "policy":
			p, err = r.policy()
		default:
			err = r.skip(0)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p.name = name
	return p, nil
}

// wrapped reports whether the object that follows has a member "policy" and no
// member "Statement". It reads ahead only as far as the first of them.
func (r *caseReader) wrapped() bool {
	start, found := r.i, false
	_ = r.object(func(key string) error {
		if key == "policy" || key == "Statement" {
			found = key == "policy"
			return retinue.ErrInvalid // ends the look ahead
		}
		return r.skip(0)
	})
	r.i = start
	return found
}

func (r *caseReader) levels() ([]Level, error) {
	if r.null() {
		return nil, nil
	}
	out := r.memory.levels.room(1, 4)
	err := r.list(func(int) error {
		var level Level
		err := r.object(func(key string) (err error) {
			switch key {
			case "orgIdentifier":
				level.Name, err = r.scalar()
			case "policies":
				level.Policies, err = r.documents()
			default:
				err = r.skip(0)
			}
			return err
		})
		out = append(out, level)
		return err
	})
	if len(out) == 0 {
		return nil, err
	}
	return r.memory.levels.taken(out), err
}

func (r *caseReader) request() error {
	q := &r.c.Request
	err := r.object(func(key string) (err error) {
		r.enter(key, 0)
		switch key {
		case "action":
			q.Action, err = r.short()
		case "resource":
			err = r.resource()
		case "principal":
			q.Principal, err = r.principal()
		case "context", "contextVariables":
			err = r.context()
		default:
			err = r.skip(0)
		}
		if err == nil {
			r.leave()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case q.Action == "":
		return r.fail("no action")
	case q.Principal.kind == principalUnknown:
		return r.fail("no principal")
	}
	return nil
}

// short reads a text of bounded length.
func (r *caseReader) short() (string, error) {
	s, err := r.scalar()
	if err == nil && len(s) > maxCaseText {
		return "", r.fail("a text of %d bytes: the limit is %d", len(s), maxCaseText)
	}
	return s, err
}

func (r *caseReader) resource() error {
	q := &r.c.Request
	if r.peek() == '"' {
		var err error
		q.Resource, err = r.short()
		return err
	}
	return r.object(func(key string) (err error) {
		switch key {
		case "resource":
			q.Resource, err = r.short()
		case "accountId":
			q.ResourceAccount, err = r.short()
		default:
			err = r.skip(0)
		}
		return err
	})
}

func (r *caseReader) principal() (Principal, error) {
	if r.peek() == '"' {
		text, err := r.short()
		if err != nil {
			return Principal{}, err
		}
		p, err := ParsePrincipal(text)
		if err != nil {
			return p, r.fail("principal %q is not known", text)
		}
		return p, nil
	}
	typ := ""
	err := r.object(func(key string) (err error) {
		if key == "type" {
			typ, err = r.short()
			return err
		}
		return r.skip(0)
	})
	if err != nil {
		return Principal{}, err
	}
	if typ != "Anonymous" {
		return Principal{}, r.fail("principal of type %q is not known", typ)
	}
	return Anonymous(), nil
}

func (r *caseReader) context() error {
	if r.null() {
		return nil
	}
	c := &r.c.Request.Context
	c.entries = r.entries.room(1, 10)
	err := r.object(func(name string) error {
		key := keyName(name)
		i, twice := c.find(key)
		if twice {
			return r.fail("condition key %q is given twice", name)
		}
		var v value
		var err error
		switch {
		case c.Len() == maxCaseKeys:
			return r.fail("more than %d condition keys", maxCaseKeys)
		case r.peek() == '[':
			v.isList = true
			v.list, err = r.values(r.short)
		case r.null():
			return nil
		default:
			v.text, err = r.short()
		}
		c.insert(i, key, v)
		return err
	})
	c.entries = r.entries.taken(c.entries)
	return err
}
