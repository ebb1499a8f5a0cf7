package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// SCIMBase is the path under which accounts and groups are provisioned.
const SCIMBase = "/scim/v2"

// Provisioning are the accounts and groups that a directory provisions.
type Provisioning interface {
	Provisioned(ctx context.Context, q store.AccountQuery) ([]store.Account, int64, error)
	Provision(ctx context.Context, c auth.Caller, a store.Account) (store.Account, error)
	ChangeAccount(ctx context.Context, c auth.Caller, id store.AccountID, ch auth.AccountChange) (store.Account, error)
	DeleteAccount(ctx context.Context, c auth.Caller, id store.AccountID) error
	GroupsOf(ctx context.Context, id store.AccountID) ([]store.AccountGroup, error)
}

// ProvisionedGroups are the groups that a directory provisions.
type ProvisionedGroups interface {
	ProvisionedGroups(ctx context.Context, name string, offset, limit int) ([]store.AccountGroup, int64, error)
	Group(ctx context.Context, id store.AccountGroupID) (store.AccountGroup, []store.Account, error)
	CreateGroup(ctx context.Context, c auth.Caller, g store.AccountGroup, members []store.AccountID) (store.AccountGroup, error)
	ChangeGroup(ctx context.Context, c auth.Caller, id store.AccountGroupID, ch auth.GroupChange) (store.AccountGroup, error)
	DeleteGroup(ctx context.Context, c auth.Caller, id store.AccountGroupID) error
}

// SCIM provisions accounts and groups: SCIM 2.0 (RFC 7643, RFC 7644) for the
// token of a directory. It is a handler of its own, because the protocol has
// its own errors, media type and document.
type SCIM struct {
	who    Authenticator
	users  Provisioning
	groups ProvisionedGroups
	public string
	mux    *http.ServeMux
}

// The schemas of SCIM.
const (
	scimUser     = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimGroup    = "urn:ietf:params:scim:schemas:core:2.0:Group"
	scimList     = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	scimPatchOp  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	scimError    = "urn:ietf:params:scim:api:messages:2.0:Error"
	scimMaxBody  = 1 << 20
	scimMaxCount = 200
)

// NewSCIM returns the handler of SCIM for a server with a public address.
func NewSCIM(who Authenticator, users Provisioning, groups ProvisionedGroups, public string) *SCIM {
	s := &SCIM{who: who, users: users, groups: groups, public: public, mux: http.NewServeMux()}
	for pattern, h := range map[string]func(*http.Request, auth.Caller) (int, any, error){
		"GET /ServiceProviderConfig": s.config,
		"GET /ResourceTypes":         s.resourceTypes,
		"GET /Schemas":               s.schemas,
		"GET /Users":                 s.listUsers,
		"POST /Users":                s.createUser,
		"GET /Users/{id}":            s.getUser,
		"PUT /Users/{id}":            s.putUser,
		"PATCH /Users/{id}":          s.patchUser,
		"DELETE /Users/{id}":         s.deleteUser,
		"GET /Groups":                s.listGroups,
		"POST /Groups":               s.createGroup,
		"GET /Groups/{id}":           s.getGroup,
		"PUT /Groups/{id}":           s.putGroup,
		"PATCH /Groups/{id}":         s.patchGroup,
		"DELETE /Groups/{id}":        s.deleteGroup,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		s.mux.HandleFunc(method+" "+SCIMBase+path, s.serve(h))
	}
	s.mux.HandleFunc(SCIMBase+"/", s.serve(func(*http.Request, auth.Caller) (int, any, error) {
		return 0, nil, fmt.Errorf("%w: there is no such endpoint", retinue.ErrNotFound)
	}))
	return s
}

// ServeHTTP implements http.Handler.
func (s *SCIM) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// serve lets a directory's token through, and nobody else: a person's session
// or token has the interface of people.
func (s *SCIM) serve(h func(*http.Request, auth.Caller) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.who.Authenticate(r)
		switch {
		case errors.Is(err, retinue.ErrDenied) || err == nil && c.Kind == auth.KindNone:
			scimFail(w, http.StatusUnauthorized, "", "send the token of a provisioning client")
			return
		case err != nil:
			scimWrite(w, err)
			return
		case c.Kind != auth.KindToken || c.Account != "" || !c.Can(auth.PermAccountsManage):
			scimFail(w, http.StatusForbidden, "", "only the token of a provisioning client may")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, scimMaxBody)
		status, body, err := h(r, c)
		if err != nil {
			scimWrite(w, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if body == nil {
			w.WriteHeader(status)
			return
		}
		if loc := scimLocation(body); loc != "" {
			w.Header().Set("Location", loc)
		}
		w.Header().Set("Content-Type", "application/scim+json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

func scimLocation(body any) string {
	switch v := body.(type) {
	case scimUserBody:
		return v.Meta.Location
	case scimGroupBody:
		return v.Meta.Location
	}
	return ""
}

// scimWrite answers an error as RFC 7644, section 3.12, says.
func scimWrite(w http.ResponseWriter, err error) {
	status, typ := http.StatusInternalServerError, ""
	var wait interface{ RetryAfter() time.Duration }
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &wait):
		status = http.StatusTooManyRequests
	case errors.As(err, &big):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errSCIMFilter):
		status, typ = http.StatusBadRequest, "invalidFilter"
	case errors.Is(err, errSCIMPath):
		status, typ = http.StatusBadRequest, "invalidPath"
	case errors.Is(err, retinue.ErrInvalid):
		status, typ = http.StatusBadRequest, "invalidValue"
	case errors.Is(err, retinue.ErrConflict):
		status, typ = http.StatusConflict, "uniqueness"
	case errors.Is(err, retinue.ErrNotFound), errors.Is(err, retinue.ErrDenied):
		status = http.StatusNotFound // what was not provisioned does not exist here
	case errors.Is(err, retinue.ErrUnavailable):
		status = http.StatusServiceUnavailable
	}
	detail := "something went wrong here"
	if status < http.StatusInternalServerError {
		detail = strings.ToValidUTF8(err.Error(), "�")
	}
	scimFail(w, status, typ, detail)
}

func scimFail(w http.ResponseWriter, status int, typ, detail string) {
	w.Header().Set("Content-Type", "application/scim+json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="retinue"`)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Schemas  []string `json:"schemas"`
		Status   string   `json:"status"`
		SCIMType string   `json:"scimType,omitempty"`
		Detail   string   `json:"detail"`
	}{[]string{scimError}, strconv.Itoa(status), typ, detail})
}

// scimMeta is the meta attribute of a resource.
type scimMeta struct {
	ResourceType string    `json:"resourceType"`
	Created      time.Time `json:"created"`
	LastModified time.Time `json:"lastModified"`
	Location     string    `json:"location"`
	Version      string    `json:"version"`
}

type scimListBody[T any] struct {
	Schemas      []string `json:"schemas"`
	TotalResults int64    `json:"totalResults"`
	StartIndex   int      `json:"startIndex"`
	ItemsPerPage int      `json:"itemsPerPage"`
	Resources    []T      `json:"Resources"`
}

func scimListOf[T any](rows []T, total int64, start int) scimListBody[T] {
	if rows == nil {
		rows = []T{}
	}
	return scimListBody[T]{[]string{scimList}, total, start, len(rows), rows}
}

// scimPage reads startIndex, from 1, and count (RFC 7644, section 3.4.2.4).
func scimPage(r *http.Request) (start, count int) {
	start, count = 1, 100
	if n, err := strconv.Atoi(r.URL.Query().Get("startIndex")); err == nil {
		start = min(max(n, 1), 10_000_000)
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("count")); err == nil {
		count = min(max(n, 0), scimMaxCount)
	}
	return start, count
}

func scimRead(r *http.Request, into any) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%w: the body is not the JSON of this resource", retinue.ErrInvalid)
	}
	return nil
}

func (s *SCIM) config(*http.Request, auth.Caller) (int, any, error) {
	no := map[string]any{"supported": false}
	return http.StatusOK, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   map[string]any{"supported": true}, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         map[string]any{"supported": true, "maxResults": scimMaxCount},
		"changePassword": no, "sort": no, "etag": no,
		"authenticationSchemes": []map[string]any{{"type": "oauthbearertoken", "name": "Token",
			"description": "A token of kind scim, made in the settings of the console"}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": s.public + SCIMBase + "/ServiceProviderConfig"},
	}, nil
}

func (s *SCIM) resourceTypes(*http.Request, auth.Caller) (int, any, error) {
	kind := func(name, endpoint, schema string) map[string]any {
		return map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": name, "name": name,
			"endpoint": endpoint, "schema": schema, "meta": map[string]any{"resourceType": "ResourceType", "location": s.public + SCIMBase + "/ResourceTypes/" + name}}
	}
	rows := []map[string]any{kind("User", "/Users", scimUser), kind("Group", "/Groups", scimGroup)}
	return http.StatusOK, scimListOf(rows, int64(len(rows)), 1), nil
}

func (s *SCIM) schemas(*http.Request, auth.Caller) (int, any, error) {
	attr := func(name, typ string, multi, required bool, unique string, subs ...map[string]any) map[string]any {
		a := map[string]any{"name": name, "type": typ, "multiValued": multi, "required": required, "caseExact": false,
			"mutability": "readWrite", "returned": "default", "uniqueness": unique}
		if len(subs) > 0 {
			a["subAttributes"] = subs
		}
		return a
	}
	text := func(name string) map[string]any { return attr(name, "string", false, false, "none") }
	schema := func(id, name string, attrs ...map[string]any) map[string]any {
		return map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": id, "name": name, "attributes": attrs,
			"meta": map[string]any{"resourceType": "Schema", "location": s.public + SCIMBase + "/Schemas/" + id}}
	}
	rows := []map[string]any{
		schema(scimUser, "User", attr("userName", "string", false, true, "server"), text("externalId"), text("displayName"),
			attr("name", "complex", false, false, "none", text("formatted"), text("givenName"), text("familyName")),
			attr("emails", "complex", true, false, "none", text("value"), text("type"), attr("primary", "boolean", false, false, "none")),
			attr("active", "boolean", false, false, "none")),
		schema(scimGroup, "Group", attr("displayName", "string", false, true, "server"), text("externalId"),
			attr("members", "complex", true, false, "none", text("value"), text("display"))),
	}
	return http.StatusOK, scimListOf(rows, int64(len(rows)), 1), nil
}
