package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// scimGroupBody is a group as SCIM writes it (RFC 7643, section 4.2).
type scimGroupBody struct {
	Schemas     []string        `json:"schemas"`
	ID          string          `json:"id,omitempty"`
	ExternalID  string          `json:"externalId,omitempty"`
	DisplayName string          `json:"displayName"`
	Members     []scimReference `json:"members,omitempty"`
	Meta        *scimMeta       `json:"meta,omitempty"`
}

var errSCIMNoGroup = fmt.Errorf("%w: no such group", retinue.ErrNotFound)

func (g scimGroupBody) members() []store.AccountID {
	out := []store.AccountID{}
	for _, m := range g.Members {
		out = append(out, store.AccountID(m.Value))
	}
	return out
}

func (s *SCIM) group(g store.AccountGroup, members []store.Account) scimGroupBody {
	out := scimGroupBody{Schemas: []string{scimGroup}, ID: string(g.ID), ExternalID: g.ExternalID, DisplayName: g.Name,
		Meta: &scimMeta{"Group", g.CreatedAt, g.UpdatedAt, s.public + SCIMBase + "/Groups/" + string(g.ID), `W/"` + strconv.FormatInt(g.Version, 10) + `"`}}
	for _, m := range members {
		out.Members = append(out.Members, scimReference{string(m.ID), m.Name})
	}
	return out
}

// whole returns a group with its members, unless it was asked without them, as
// directories do with large groups.
func (s *SCIM) whole(r *http.Request, id store.AccountGroupID) (scimGroupBody, error) {
	g, members, err := s.groups.Group(r.Context(), id)
	if err == nil && g.Origin != store.OriginSCIM {
		err = errSCIMNoGroup
	}
	if r.URL.Query().Get("excludedAttributes") == "members" {
		members = nil
	}
	return s.group(g, members), err
}

func (s *SCIM) listGroups(r *http.Request, _ auth.Caller) (int, any, error) {
	start, count := scimPage(r)
	f, err := parseSCIMFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return 0, nil, err
	}
	if f.attr != "" && f.attr != "displayname" {
		return 0, nil, errSCIMFilter
	}
	if f.attr != "" && f.value == "" {
		return http.StatusOK, scimListOf[scimGroupBody](nil, 0, start), nil
	}
	rows, total, err := s.groups.ProvisionedGroups(r.Context(), f.value, start-1, count)
	var out []scimGroupBody
	for _, g := range rows {
		out = append(out, s.group(g, nil))
	}
	return http.StatusOK, scimListOf(out, total, start), err
}

func (s *SCIM) getGroup(r *http.Request, _ auth.Caller) (int, any, error) {
	g, err := s.whole(r, store.AccountGroupID(r.PathValue("id")))
	return http.StatusOK, g, err
}

func (s *SCIM) createGroup(r *http.Request, c auth.Caller) (int, any, error) {
	var in scimGroupBody
	if err := scimRead(r, &in); err != nil {
		return 0, nil, err
	}
	g, err := s.groups.CreateGroup(r.Context(), c, store.AccountGroup{Name: in.DisplayName, ExternalID: in.ExternalID, Origin: store.OriginSCIM}, in.members())
	if err != nil {
		return 0, nil, err
	}
	out, err := s.whole(r, g.ID)
	return http.StatusCreated, out, err
}

func (s *SCIM) putGroup(r *http.Request, c auth.Caller) (int, any, error) {
	var in scimGroupBody
	if err := scimRead(r, &in); err != nil {
		return 0, nil, err
	}
	members := in.members()
	return s.changeGroup(r, c, auth.GroupChange{Name: &in.DisplayName, ExternalID: &in.ExternalID, Members: &members})
}

func (s *SCIM) patchGroup(r *http.Request, c auth.Caller) (int, any, error) {
	var p scimPatch
	if err := scimRead(r, &p); err != nil {
		return 0, nil, err
	}
	ch, err := p.group()
	if err != nil {
		return 0, nil, err
	}
	return s.changeGroup(r, c, ch)
}

func (s *SCIM) changeGroup(r *http.Request, c auth.Caller, ch auth.GroupChange) (int, any, error) {
	id := store.AccountGroupID(r.PathValue("id"))
	if _, err := s.groups.ChangeGroup(r.Context(), c, id, ch); err != nil {
		return 0, nil, err
	}
	g, err := s.whole(r, id)
	return http.StatusOK, g, err
}

func (s *SCIM) deleteGroup(r *http.Request, c auth.Caller) (int, any, error) {
	return http.StatusNoContent, nil, s.groups.DeleteGroup(r.Context(), c, store.AccountGroupID(r.PathValue("id")))
}
