package api

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

var (
	errSCIMFilter = fmt.Errorf("%w: filter: want one comparison such as userName eq \"ann\", on userName, externalId, id, active or displayName", retinue.ErrInvalid)
	errSCIMPath   = fmt.Errorf("%w: path: this attribute cannot be changed so", retinue.ErrInvalid)
	errSCIMNoUser = fmt.Errorf("%w: no such user", retinue.ErrNotFound)
)

// scimFilter is one comparison for equality (RFC 7644, section 3.4.2.2): what
// directories ask to find out whether somebody is there. Others are refused.
type scimFilter struct {
	attr  string // in lower case, without the schema
	value string
}

// maxFilter bounds a filter, in bytes.
const maxFilter = 1000

func parseSCIMFilter(text string) (scimFilter, error) {
	if text = strings.TrimSpace(text); text == "" {
		return scimFilter{}, nil
	}
	attr, rest, ok := strings.Cut(text, " ")
	op, value, ok2 := strings.Cut(strings.TrimSpace(rest), " ")
	if len(text) > maxFilter || !ok || !ok2 || !strings.EqualFold(op, "eq") {
		return scimFilter{}, errSCIMFilter
	}
	var v any
	if err := json.Unmarshal([]byte(strings.TrimSpace(value)), &v); err != nil {
		return scimFilter{}, errSCIMFilter
	}
	f := scimFilter{attr: scimAttr(attr)}
	switch v := v.(type) {
	case string:
		f.value = v
	case bool:
		f.value = fmt.Sprint(v)
	default:
		return scimFilter{}, errSCIMFilter
	}
	if f.attr == "" {
		return scimFilter{}, errSCIMFilter
	}
	return f, nil
}

// scimAttr is the name of an attribute in lower case, without the schema that
// may stand before it.
func scimAttr(name string) string {
	for _, schema := range []string{scimUser, scimGroup} {
		if len(name) > len(schema) && strings.EqualFold(name[:len(schema)], schema) && name[len(schema)] == ':' {
			name = name[len(schema)+1:]
		}
	}
	return strings.ToLower(name)
}

// scimBool is a truth value that may be written as a word, as one large
// directory does.
type scimBool bool

// UnmarshalJSON implements json.Unmarshaler.
func (b *scimBool) UnmarshalJSON(raw []byte) error {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true":
		*b = true
	case "false":
		*b = false
	default:
		return fmt.Errorf("%w: want true or false", retinue.ErrInvalid)
	}
	return nil
}

// scimPatch is a change of a resource (RFC 7644, section 3.5.2).
type scimPatch struct {
	Schemas    []string `json:"schemas"`
	Operations []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	} `json:"Operations"`
}

// maxOperations bounds a change.
const maxOperations = 1000

func (p scimPatch) check() error {
	if len(p.Operations) == 0 || len(p.Operations) > maxOperations || len(p.Schemas) != 1 || p.Schemas[0] != scimPatchOp {
		return fmt.Errorf("%w: want 1 to %d operations of the schema %s", retinue.ErrInvalid, maxOperations, scimPatchOp)
	}
	return nil
}

// user applies the change to a user.
func (p scimPatch) user(u *scimUserBody) error {
	if err := p.check(); err != nil {
		return err
	}
	for _, o := range p.Operations {
		remove := false
		switch strings.ToLower(o.Op) {
		case "add", "replace":
		case "remove":
			remove = true
		default:
			return fmt.Errorf("%w: op %q: want add, replace or remove", retinue.ErrInvalid, retinue.CleanName(o.Op))
		}
		if o.Path != "" {
			if err := u.set(o.Path, o.Value, remove); err != nil {
				return err
			}
			continue
		}
		var attrs map[string]json.RawMessage
		if remove || json.Unmarshal(o.Value, &attrs) != nil {
			return errSCIMPath
		}
		for name, v := range attrs {
			if scimIgnored(name) {
				continue
			}
			if err := u.set(name, v, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// scimIgnored names attributes that directories send and that accounts do not
// have: they are left out, as RFC 7644, section 3.3, allows.
func scimIgnored(name string) bool {
	switch a := scimAttr(name); a {
	case "schemas", "id", "meta", "groups", "title", "locale", "timezone", "usertype", "preferredlanguage", "nickname", "profileurl":
		return true
	default:
		return strings.HasPrefix(a, "urn:") || strings.HasPrefix(a, "phonenumbers") || strings.HasPrefix(a, "addresses")
	}
}

// set changes one attribute of a user.
func (u *scimUserBody) set(path string, value json.RawMessage, remove bool) error {
	if remove {
		value = json.RawMessage(`""`)
	}
	text := func(to *string) error {
		if err := json.Unmarshal(value, to); err != nil {
			return fmt.Errorf("%w: %s: want text", retinue.ErrInvalid, retinue.CleanName(path))
		}
		return nil
	}
	if u.Name == nil {
		u.Name = &scimName{}
	}
	attr := scimAttr(path)
	switch {
	case attr == "username" && !remove:
		return text(&u.UserName)
	case attr == "externalid":
		return text(&u.ExternalID)
	case attr == "displayname":
		return text(&u.DisplayName)
	case attr == "name.formatted":
		u.DisplayName = ""
		return text(&u.Name.Formatted)
	case attr == "name.givenname" || attr == "name.familyname":
		return nil // the display name says it
	case attr == "name" && !remove:
		return json.Unmarshal(value, u.Name)
	case attr == "active" && !remove:
		var b scimBool
		if err := json.Unmarshal(value, &b); err != nil {
			return fmt.Errorf("%w: active: want true or false", retinue.ErrInvalid)
		}
		u.Active = &b
		return nil
	case attr == "emails" && remove:
		u.Emails = nil
		return nil
	case attr == "emails":
		u.Emails = nil
		if err := json.Unmarshal(value, &u.Emails); err != nil {
			return fmt.Errorf("%w: emails: want a list", retinue.ErrInvalid)
		}
		return nil
	case strings.HasPrefix(attr, "emails[") && strings.HasSuffix(attr, "].value"):
		e := scimEmail{Primary: true}
		if err := text(&e.Value); err != nil {
			return err
		}
		u.Emails = []scimEmail{e}
		return nil
	case scimIgnored(path):
		return nil
	}
	return errSCIMPath
}

// group reads what the change does to a group.
func (p scimPatch) group() (auth.GroupChange, error) {
	var ch auth.GroupChange
	if err := p.check(); err != nil {
		return ch, err
	}
	for _, o := range p.Operations {
		if err := groupOperation(&ch, strings.ToLower(o.Op), o.Path, o.Value); err != nil {
			return ch, err
		}
	}
	return ch, nil
}

func groupOperation(ch *auth.GroupChange, op, path string, value json.RawMessage) error {
	attr := scimAttr(path)
	if who, ok := strings.CutPrefix(attr, "members["); ok && op == "remove" {
		f, err := parseSCIMFilter(strings.TrimSuffix(who, "]"))
		if err != nil || f.attr != "value" {
			return errSCIMPath
		}
		ch.Remove = append(ch.Remove, store.AccountID(f.value))
		return nil
	}
	switch {
	case attr == "" && (op == "add" || op == "replace"):
		var body map[string]json.RawMessage
		if err := json.Unmarshal(value, &body); err != nil {
			return errSCIMPath
		}
		for name, v := range body {
			if scimIgnored(name) {
				continue
			}
			if scimAttr(name) == "" {
				return errSCIMPath
			}
			if err := groupOperation(ch, op, name, v); err != nil {
				return err
			}
		}
		return nil
	case attr == "members":
		return groupMembers(ch, op, value)
	case (attr == "displayname" || attr == "externalid") && (op == "add" || op == "replace"):
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return fmt.Errorf("%w: %s: want text", retinue.ErrInvalid, attr)
		}
		if attr == "displayname" {
			ch.Name = &s
		} else {
			ch.ExternalID = &s
		}
		return nil
	}
	return errSCIMPath
}

func groupMembers(ch *auth.GroupChange, op string, value json.RawMessage) error {
	var list []scimReference
	if len(value) > 0 {
		if err := json.Unmarshal(value, &list); err != nil {
			var one scimReference
			if json.Unmarshal(value, &one) != nil {
				return fmt.Errorf("%w: members: want a list of objects with value", retinue.ErrInvalid)
			}
			list = []scimReference{one}
		}
	}
	ids := scimGroupBody{Members: list}.members()
	switch {
	case op == "add":
		ch.Add = append(ch.Add, ids...)
	case op == "replace", op == "remove" && len(value) == 0:
		ch.Members = &ids
	case op == "remove":
		ch.Remove = append(ch.Remove, ids...)
	default:
		return fmt.Errorf("%w: op %q: want add, replace or remove", retinue.ErrInvalid, retinue.CleanName(op))
	}
	return nil
}
