package gcpiam

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// maxCase bounds a line of questions, in bytes.
const maxCase = 4 << 20

// Case is one line of a file of questions for `retinue access check`.
type Case struct {
	ID       string
	Question Question
	// State holds what the line itself says; nil where it relies on the
	// inventory or on `--state`.
	State *State
}

// caseLine is the line as it is written; docs/connectors/gcp.md documents it.
type caseLine struct {
	ID         json.RawMessage `json:"id"`
	Principal  string          `json:"principal"`
	Permission string          `json:"permission"`
	Resource   string          `json:"resource"`
	Context    map[string]any  `json:"context"`
	Open       bool            `json:"open"`

	Groups     *[]string            `json:"groups"`
	Attributes *map[string][]string `json:"attributes"`
	Customer   string               `json:"customer"`

	Hierarchy []struct {
		Name    string            `json:"name"`
		Aliases []string          `json:"aliases"`
		Type    string            `json:"type"`
		Parent  string            `json:"parent"`
		Root    bool              `json:"root"`
		Tags    map[string]string `json:"tags"`
	} `json:"hierarchy"`
	AllowPolicies []struct {
		Resource string      `json:"resource"`
		Policy   AllowPolicy `json:"policy"`
	} `json:"allowPolicies"`
	DenyPolicies []struct {
		Resource string          `json:"resource"`
		Policy   json.RawMessage `json:"policy"`
	} `json:"denyPolicies"`
	Roles        []Role              `json:"roles"`
	GroupMembers map[string][]string `json:"groupMembers"`
}

// ParseCase reads a question: {id, principal, permission, resource, context,
// open, groups, attributes}, and optionally the state that it is about:
// {hierarchy, allowPolicies, denyPolicies, roles, groupMembers}, which is then
// complete. Fields that it does not know, such as the expected answer, are left
// alone. Errors wrap retinue.ErrInvalid.
func ParseCase(line []byte) (Case, error) {
	bad := func(why string) (Case, error) {
		return Case{}, fmt.Errorf("%w: question: %s", retinue.ErrInvalid, retinue.CleanName(why))
	}
	if len(line) > maxCase {
		return bad(fmt.Sprintf("%d bytes: the limit is %d", len(line), maxCase))
	}
	var in caseLine
	if err := json.Unmarshal(line, &in); err != nil {
		return bad(err.Error())
	}
	switch {
	case in.Principal == "":
		return bad("no principal is named")
	case in.Permission == "":
		return bad("no permission is named")
	case in.Resource == "":
		return bad("no resource is named")
	}
	c := Case{ID: idText(in.ID), Question: Question{Permission: in.Permission, Resource: in.Resource, Context: in.Context, Open: in.Open,
		Principal: Principal{ID: in.Principal, Customer: in.Customer}}}
	p := &c.Question.Principal
	if in.Groups != nil {
		p.Groups, p.GroupsComplete = *in.Groups, true
	}
	if in.Attributes != nil {
		p.Attributes, p.AttributesComplete = *in.Attributes, true
	}
	if in.AllowPolicies == nil && in.DenyPolicies == nil && in.Roles == nil {
		return c, nil
	}
	s, err := in.state()
	if err != nil {
		return bad(err.Error())
	}
	c.State = s
	return c, nil
}

func (in *caseLine) state() (*State, error) {
	s := &State{Roles: in.Roles, DenyRead: true, BoundariesRead: true}
	for _, h := range in.Hierarchy {
		s.Resources = append(s.Resources, Resource{Name: h.Name, Aliases: h.Aliases, Type: h.Type, Parent: h.Parent, Root: h.Root || h.Parent == "",
			Tags: h.Tags, TagsRead: h.Tags != nil})
	}
	for _, p := range in.AllowPolicies {
		p.Policy.Resource = p.Resource
		s.Policies = append(s.Policies, p.Policy)
	}
	for _, p := range in.DenyPolicies {
		d, err := parseDeny(p.Policy)
		if err != nil {
			return nil, err
		}
		if p.Resource != "" {
			d.Resource = p.Resource
		}
		s.Denies = append(s.Denies, d)
	}
	for email, members := range in.GroupMembers {
		s.Groups = append(s.Groups, Group{Email: email, Members: members})
	}
	return s, nil
}

// idText is an id as text, whether it was written as a text or a number.
func idText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// Decide answers the question, against the case's own state where it has one.
func (c *Case) Decide(x *Index) access.Decision {
	if c.State != nil {
		own, err := New(*c.State)
		if err != nil {
			return unknownBecause(access.Reason{Layer: "state", Effect: "none", Text: err.Error()})
		}
		x = own
	}
	if x == nil {
		return unknownBecause(access.Reason{Layer: "state", Effect: "none", Text: "neither the case nor --state says what is granted"})
	}
	return x.Decide(c.Question)
}
