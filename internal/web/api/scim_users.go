package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// scimUserBody is a user as SCIM writes it (RFC 7643, section 4.1).
type scimUserBody struct {
	Schemas     []string        `json:"schemas"`
	ID          string          `json:"id,omitempty"`
	ExternalID  string          `json:"externalId,omitempty"`
	UserName    string          `json:"userName"`
	Name        *scimName       `json:"name,omitempty"`
	DisplayName string          `json:"displayName,omitempty"`
	Emails      []scimEmail     `json:"emails,omitempty"`
	Active      *scimBool       `json:"active,omitempty"`
	Groups      []scimReference `json:"groups,omitempty"`
	Meta        *scimMeta       `json:"meta,omitempty"`
}

type scimName struct {
	Formatted  string `json:"formatted,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
}

type scimEmail struct {
	Value   string   `json:"value"`
	Type    string   `json:"type,omitempty"`
	Primary scimBool `json:"primary,omitempty"`
}

type scimReference struct {
	Value   string `json:"value"`
	Display string `json:"display,omitempty"`
}

// account reads what an account takes from a user.
func (u scimUserBody) account() store.Account {
	a := store.Account{Login: strings.TrimSpace(u.UserName), Name: u.DisplayName, ExternalID: u.ExternalID, Active: u.Active == nil || bool(*u.Active)}
	if a.Name == "" && u.Name != nil {
		if a.Name = u.Name.Formatted; a.Name == "" {
			a.Name = strings.TrimSpace(u.Name.GivenName + " " + u.Name.FamilyName)
		}
	}
	for i, e := range u.Emails {
		if i == 0 || bool(e.Primary) {
			a.Email = strings.TrimSpace(e.Value)
		}
	}
	return a
}

func (s *SCIM) user(a store.Account, groups []store.AccountGroup) scimUserBody {
	active := scimBool(a.Active)
	u := scimUserBody{Schemas: []string{scimUser}, ID: string(a.ID), ExternalID: a.ExternalID, UserName: a.Login, DisplayName: a.Name,
		Active: &active, Meta: &scimMeta{"User", a.CreatedAt, a.UpdatedAt, s.public + SCIMBase + "/Users/" + string(a.ID), `W/"` + strconv.FormatInt(a.Version, 10) + `"`}}
	if a.Name != "" {
		u.Name = &scimName{Formatted: a.Name}
	}
	if a.Email != "" {
		u.Emails = []scimEmail{{Value: a.Email, Type: "work", Primary: true}}
	}
	for _, g := range groups {
		u.Groups = append(u.Groups, scimReference{string(g.ID), g.Name})
	}
	return u
}

func (s *SCIM) listUsers(r *http.Request, _ auth.Caller) (int, any, error) {
	start, count := scimPage(r)
	q := store.AccountQuery{Offset: start - 1, Limit: count}
	f, err := parseSCIMFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return 0, nil, err
	}
	switch f.attr {
	case "":
	case "username":
		q.Login = f.value
	case "externalid":
		q.ExternalID = f.value
	case "id":
		q.ID = store.AccountID(f.value)
	case "active":
		active := f.value == "true"
		q.Active = &active
	default:
		return 0, nil, errSCIMFilter
	}
	if f.attr != "" && f.value == "" {
		return http.StatusOK, scimListOf[scimUserBody](nil, 0, start), nil
	}
	rows, total, err := s.users.Provisioned(r.Context(), q)
	if err != nil {
		return 0, nil, err
	}
	if count == 0 {
		rows = nil
	}
	var out []scimUserBody
	for _, a := range rows {
		out = append(out, s.user(a, nil))
	}
	return http.StatusOK, scimListOf(out, total, start), nil
}

func (s *SCIM) provisioned(r *http.Request) (store.Account, error) {
	rows, _, err := s.users.Provisioned(r.Context(), store.AccountQuery{ID: store.AccountID(r.PathValue("id")), Limit: 1})
	if err == nil && len(rows) == 0 {
		err = errSCIMNoUser
	}
	if err != nil {
		return store.Account{}, err
	}
	return rows[0], nil
}

func (s *SCIM) getUser(r *http.Request, _ auth.Caller) (int, any, error) {
	a, err := s.provisioned(r)
	if err != nil {
		return 0, nil, err
	}
	groups, err := s.users.GroupsOf(r.Context(), a.ID)
	return http.StatusOK, s.user(a, groups), err
}

func (s *SCIM) createUser(r *http.Request, c auth.Caller) (int, any, error) {
	var in scimUserBody
	if err := scimRead(r, &in); err != nil {
		return 0, nil, err
	}
	a, err := s.users.Provision(r.Context(), c, in.account())
	return http.StatusCreated, s.user(a, nil), err
}

func (s *SCIM) putUser(r *http.Request, c auth.Caller) (int, any, error) {
	var in scimUserBody
	if err := scimRead(r, &in); err != nil {
		return 0, nil, err
	}
	return s.changeUser(r, c, in)
}

func (s *SCIM) changeUser(r *http.Request, c auth.Caller, in scimUserBody) (int, any, error) {
	have, err := s.provisioned(r)
	if err != nil {
		return 0, nil, err
	}
	a := in.account()
	a, err = s.users.ChangeAccount(r.Context(), c, have.ID, auth.AccountChange{Login: &a.Login, Name: &a.Name, Email: &a.Email, ExternalID: &a.ExternalID, Active: &a.Active})
	if err != nil {
		return 0, nil, err
	}
	groups, err := s.users.GroupsOf(r.Context(), a.ID)
	return http.StatusOK, s.user(a, groups), err
}

func (s *SCIM) patchUser(r *http.Request, c auth.Caller) (int, any, error) {
	have, err := s.provisioned(r)
	if err != nil {
		return 0, nil, err
	}
	var p scimPatch
	if err := scimRead(r, &p); err != nil {
		return 0, nil, err
	}
	u := s.user(have, nil)
	if err := p.user(&u); err != nil {
		return 0, nil, err
	}
	return s.changeUser(r, c, u)
}

func (s *SCIM) deleteUser(r *http.Request, c auth.Caller) (int, any, error) {
	have, err := s.provisioned(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.users.DeleteAccount(r.Context(), c, have.ID)
}
