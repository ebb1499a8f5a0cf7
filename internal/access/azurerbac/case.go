package azurerbac

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// maxCase bounds a line of questions, in bytes.
const maxCase = 4 << 20

// Case is one line of a file of questions for `retinue access check`.
type Case struct {
	ID       string
	Question Question
	// Directory says that the question is about the directory.
	Directory bool
	// AppRole and API ask for an application permission instead.
	AppRole, API string
	// State holds what the line itself says; nil where it relies on the
	// inventory or on `--state`.
	State *State
}

// caseLine is the line as it is written; docs/connectors/azure.md documents it.
type caseLine struct {
	ID         json.RawMessage `json:"id"`
	Principal  string          `json:"principal"`
	Action     string          `json:"action"`
	DataAction string          `json:"dataAction"`
	Permission string          `json:"permission"`
	API        string          `json:"api"`
	Scope      string          `json:"scope"`
	Target     *string         `json:"target"`
	Context    map[string]any  `json:"context"`
	Open       bool            `json:"open"`
	Groups     *[]string       `json:"groups"`

	Documents []Document `json:"documents"`
	Scopes    []struct {
		ID     string `json:"id"`
		Parent string `json:"parent"`
	} `json:"scopes"`
	GroupMembers map[string][]string `json:"groupMembers"`
	UnitMembers  map[string][]string `json:"administrativeUnits"`
	Owners       map[string][]string `json:"owners"`
}

// ParseCase reads a question: {id, principal, action or dataAction, scope,
// context, open, groups}; {principal, action, target} about the directory; or
// {principal, permission, api} about an application permission. It may bring
// the state that it is about: {documents, scopes, groupMembers,
// administrativeUnits, owners}, which is then complete. Fields that it does not
// know, such as the expected answer, are left alone. Errors wrap
// retinue.ErrInvalid.
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
	asked := 0
	for _, s := range []string{in.Action, in.DataAction, in.Permission} {
		if s != "" {
			asked++
		}
	}
	switch {
	case in.Principal == "":
		return bad("no principal is named")
	case asked != 1:
		return bad("want one of action, dataAction and permission")
	case in.Permission == "" && in.Target == nil && in.Scope == "":
		return bad("neither a scope nor a target is named")
	case in.Target != nil && (in.Scope != "" || in.DataAction != ""):
		return bad("a question about the directory has an action and a target")
	}
	c := Case{ID: idText(in.ID), AppRole: in.Permission, API: in.API, Directory: in.Target != nil,
		Question: Question{Action: in.Action, Scope: in.Scope, Context: in.Context, Open: in.Open, Principal: Principal{ID: in.Principal}}}
	if in.DataAction != "" {
		c.Question.Action, c.Question.Data = in.DataAction, true
	}
	if in.Target != nil {
		c.Question.Scope = "/" + strings.TrimPrefix(*in.Target, "/")
	}
	if in.Groups != nil {
		c.Question.Principal.Groups, c.Question.Principal.GroupsComplete = *in.Groups, true
	}
	if in.Documents == nil {
		return c, nil
	}
	s, errs := in.state()
	if len(errs) > 0 {
		return bad(errs[0].Error())
	}
	c.State = s
	return c, nil
}

func (in *caseLine) state() (*State, []error) {
	s, errs := StateOf(in.Documents)
	s.DenyRead = true
	for _, sc := range in.Scopes {
		s.Scopes = append(s.Scopes, Scope{ID: sc.ID, Parent: sc.Parent, Root: sc.Parent == ""})
	}
	for id, members := range in.GroupMembers {
		s.Groups = append(s.Groups, Group{ID: id, Members: members})
	}
	for id, members := range in.UnitMembers {
		s.Units = append(s.Units, AdministrativeUnit{ID: id, Members: members})
	}
	for object, owners := range in.Owners {
		for _, o := range owners {
			s.Owners = append(s.Owners, Ownership{ObjectID: object, OwnerID: o})
		}
	}
	return &s, errs
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
	switch {
	case x == nil:
		return unknownBecause(access.Reason{Layer: "state", Effect: "none", Text: "neither the case nor --state says what is granted"})
	case c.AppRole != "":
		return x.DecideAppRole(c.Question.Principal, c.AppRole, c.API)
	case c.Directory:
		return x.DecideDirectory(c.Question)
	}
	return x.Decide(c.Question)
}
