package gcpiam

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/retinue-id/retinue"
)

// Document is a policy document of the inventory: verbatim text, and what it is
// attached to.
type Document struct {
	// Name is the vendor's name: of a role, or of a deny policy.
	Name string
	// Text is the document as Google prints it: an allow policy with its
	// bindings, a deny policy with its rules, or a role with its permissions.
	Text string
	// Target is the resource that an allow or deny policy is attached to, by
	// any of its names; empty for a role.
	Target string
}

// AddDocument reads a document into the state, telling by its shape what it is.
// Errors wrap retinue.ErrInvalid and name the document.
func (s *State) AddDocument(d Document) error {
	fail := func(why string) error {
		return fmt.Errorf("%w: document %s: %s", retinue.ErrInvalid, retinue.CleanName(d.Name), retinue.CleanName(why))
	}
	if d.Text == "" {
		return nil // a role of a listing without permissions: its definition stays unknown
	}
	if len(d.Text) > retinue.MaxDocument {
		return fail(fmt.Sprintf("%d bytes: the limit is %d", len(d.Text), retinue.MaxDocument))
	}
	var shape struct {
		Bindings            json.RawMessage `json:"bindings"`
		Rules               json.RawMessage `json:"rules"`
		IncludedPermissions json.RawMessage `json:"includedPermissions"`
		Name                string          `json:"name"`
	}
	if err := json.Unmarshal([]byte(d.Text), &shape); err != nil {
		return fail(err.Error())
	}
	switch {
	case shape.Rules != nil:
		p, err := parseDeny([]byte(d.Text))
		if err != nil {
			return fail(err.Error())
		}
		if d.Target != "" {
			p.Resource = d.Target
		}
		s.Denies = append(s.Denies, p)
	case shape.IncludedPermissions == nil && strings.Contains("/"+shape.Name, "/roles/"):
		return nil // the same
	case shape.IncludedPermissions != nil:
		var r Role
		if err := json.Unmarshal([]byte(d.Text), &r); err != nil {
			return fail(err.Error())
		}
		if r.Name == "" {
			r.Name = d.Name
		}
		s.Roles = append(s.Roles, r)
	case d.Target == "":
		return fail("an allow policy that is attached to nothing")
	default: // a policy without bindings is {} or has an etag only
		var p AllowPolicy
		if err := json.Unmarshal([]byte(d.Text), &p); err != nil {
			return fail(err.Error())
		}
		p.Resource = d.Target
		s.Policies = append(s.Policies, p)
	}
	return nil
}

// StateOf builds a State from the inventory's documents, its containers and the
// groups whose members it knows. Documents that cannot be read are left out and
// reported; a caller must then treat the state as partial.
func StateOf(docs []Document, resources []Resource, groups []Group) (State, []error) {
	s := State{Resources: resources, Groups: groups}
	var errs []error
	for _, d := range docs {
		if err := s.AddDocument(d); err != nil {
			errs = append(errs, err)
		}
	}
	return s, errs
}

// parseDeny reads a deny policy of the IAM v2 API. Its name tells what it is
// attached to: policies/ATTACHMENT-POINT/denypolicies/ID, the point with its
// slashes escaped.
func parseDeny(text []byte) (DenyPolicy, error) {
	var in struct {
		Name  string `json:"name"`
		Rules []struct {
			DenyRule *DenyRule `json:"denyRule"`
		} `json:"rules"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return DenyPolicy{}, err
	}
	p := DenyPolicy{Name: in.Name}
	if rest, ok := strings.CutPrefix(in.Name, "policies/"); ok {
		point, _, _ := strings.Cut(rest, "/")
		if plain, err := url.PathUnescape(point); err == nil {
			p.Resource = CanonicalName(plain)
		}
	}
	for i, r := range in.Rules {
		if r.DenyRule == nil {
			return p, fmt.Errorf("rule #%d is no deny rule", i+1)
		}
		p.Rules = append(p.Rules, *r.DenyRule)
	}
	return p, nil
}
