package accounts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// invite makes an account with a role and returns its browser, signed in.
func (w *world) invite(admin *browser, login, role string, scope obj) *browser {
	w.t.Helper()
	a := admin.want(200, "POST", "/invitations", obj{"login": login, "name": login, "role": role, "scope": scope})
	b := w.browser("192.0.2.50")
	a2 := b.want(200, "POST", "/auth/invitation", obj{"token": w.token(a.body["url"].(string)), "password": password})
	if a2.body["next"] == "enrol" {
		b.enrol()
	}
	return b
}

func (w *world) idOf(login string) string {
	w.t.Helper()
	rows, _, err := w.people.Accounts(w.t.Context(), store.AccountQuery{Login: login})
	if err != nil || len(rows) != 1 {
		w.t.Fatalf("account %s: %v %v", login, rows, err)
	}
	return string(rows[0].ID)
}

var all = obj{"all": true}

func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	admin := w.setUp()
	admin.enrol()
	w.pass(time.Minute)
	admin.site = "same-origin"
	a := admin.want(200, "POST", "/invitations", obj{"login": "bo@example.org", "name": "Bo", "role": "viewer", "scope": obj{"tags": []string{"team=pay"}}})
	token := w.token(a.body["url"].(string))
	bo := w.browser("192.0.2.50")
	bo.want(200, "POST", "/auth/invitation", obj{"token": token, "password": password})
	bo.enrol()
	w.browser("192.0.2.51").want(401, "POST", "/auth/invitation", obj{"token": token, "password": password})
	for _, path := range []string{"/accounts", "/role-bindings", "/invitations", "/account-groups", "/sso/providers", "/tokens?all=true"} {
		bo.want(403, "GET", path, nil)
	}
	bo.want(403, "POST", "/role-bindings", obj{"account": w.idOf("bo@example.org"), "role": "admin", "scope": all})
	spec := func(permission string, scope obj) obj {
		return obj{"name": "t", "permissions": []string{permission}, "scope": scope, "expiresAt": w.clock().Add(time.Hour)}
	}
	bo.want(403, "POST", "/tokens", spec("audit.read", obj{"tags": []string{"team=pay"}}))
	bo.want(403, "POST", "/tokens", spec("inventory.read", all))
	bo.want(200, "POST", "/tokens", spec("inventory.read", obj{"tags": []string{"team=pay"}}))
	year := spec("inventory.read", obj{"tags": []string{"team=pay"}})
	year["expiresAt"] = w.clock().Add(400 * 24 * time.Hour)
	bo.want(422, "POST", "/tokens", year)
	bo.want(403, "POST", "/tokens", obj{"name": "t", "kind": "collector", "realms": []string{"r:1"}, "expiresAt": w.clock().Add(time.Hour)})
	bo.want(403, "POST", "/tokens", obj{"name": "t", "kind": "scim", "expiresAt": w.clock().Add(time.Hour)})
}

func TestTheLastAdministratorStays(t *testing.T) {
	w := open(t, "http://localhost:8420")
	admin := w.setUp()
	id := w.idOf("ada@example.org")
	bindings := admin.want(200, "GET", "/role-bindings", nil).body["items"].([]any)
	admin.want(409, "DELETE", "/role-bindings/"+bindings[0].(map[string]any)["id"].(string), nil)
	admin.want(409, "PATCH", "/accounts/"+id, obj{"active": false})
	admin.want(409, "DELETE", "/accounts/"+id, nil)
	admin.want(200, "GET", "/accounts", nil)
	// An administrator of a part is none of the whole.
	w.invite(admin, "part@example.org", "admin", obj{"tags": []string{"x=y"}})
	admin.want(409, "DELETE", "/accounts/"+id, nil)
	w.invite(admin, "other@example.org", "admin", all)
	admin.want(204, "DELETE", "/accounts/"+id, nil)
	admin.want(401, "GET", "/me", nil)
}

func TestSensitiveOperationsWantAFreshFactor(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	admin := w.setUp()
	secret, _ := admin.enrol()
	token := obj{"name": "t", "permissions": []string{"inventory.read"}, "scope": all, "expiresAt": w.clock().Add(time.Hour)}
	admin.want(200, "POST", "/tokens", token)
	w.pass(auth.FreshFor + time.Second)
	token["expiresAt"] = w.clock().Add(time.Hour)
	for _, op := range [][2]string{{"POST", "/tokens"}, {"POST", "/invitations"}, {"POST", "/role-bindings"}, {"POST", "/auth/recovery-codes"}, {"DELETE", "/auth/totp"}, {"POST", "/auth/totp/begin"}} {
		a := admin.do(op[0], op[1], token)
		if a.Code != 403 || !strings.Contains(a.Body.String(), "fresh-second-factor") {
			t.Errorf("%s %s: %d %s", op[0], op[1], a.Code, a.Body)
		}
	}
	admin.want(401, "POST", "/auth/refresh-factor/code", obj{"code": "000000"})
	admin.want(204, "POST", "/auth/refresh-factor/code", obj{"code": auth.TOTPCode(secret, w.clock())})
	admin.want(200, "POST", "/tokens", token)
	// The last second factor cannot be removed.
	admin.want(409, "DELETE", "/auth/totp", nil)
}

func TestTokenLife(t *testing.T) {
	w := open(t, "http://localhost:8420")
	admin := w.setUp()
	bo := w.invite(admin, "bo@example.org", "viewer", all)
	w.secrets = append(w.secrets, password)
	a := bo.want(200, "POST", "/tokens", obj{"name": "nightly", "permissions": []string{"inventory.read", "rules.read"}, "scope": all, "expiresAt": w.clock().Add(2 * time.Hour)})
	secret, id := a.body["secret"].(string), a.body["id"].(string)
	w.secrets = append(w.secrets, secret)
	cli := w.browser("203.0.113.1")
	cli.site, cli.bearer = "", secret
	cli.want(200, "GET", "/me", nil)
	cli.want(403, "GET", "/accounts", nil)
	cli.want(403, "POST", "/tokens", obj{"name": "t", "permissions": []string{"inventory.read"}, "scope": all, "expiresAt": w.clock().Add(time.Hour)})
	list := bo.want(200, "GET", "/tokens", nil)
	if strings.Contains(list.Body.String(), secret) || !strings.Contains(list.Body.String(), `"lastUsed"`) || !strings.Contains(list.Body.String(), secret[len(secret)-4:]) {
		t.Errorf("list of tokens: %s", list.Body)
	}
	// Somebody else's token does not exist for who manages none.
	eve := w.invite(admin, "eve@example.org", "viewer", all)
	eve.want(404, "DELETE", "/tokens/"+id, nil)
	// With the account's rights go the token's.
	for _, b := range admin.want(200, "GET", "/role-bindings?account="+w.idOf("bo@example.org"), nil).body["items"].([]any) {
		admin.want(204, "DELETE", "/role-bindings/"+b.(map[string]any)["id"].(string), nil)
	}
	cli.want(403, "GET", "/identities", nil)
	admin.want(200, "PATCH", "/accounts/"+w.idOf("bo@example.org"), obj{"active": false})
	cli.want(401, "GET", "/me", nil)
	bo.want(401, "GET", "/me", nil)
	if w.recorded(retinue.RecordTokenCreated) != 1 || w.recorded(retinue.RecordAccountDeactivated) != 1 {
		t.Error("records are missing")
	}
	// Expiry and revocation.
	b := admin.want(200, "POST", "/tokens", obj{"name": "short", "permissions": []string{"inventory.read"}, "scope": all, "expiresAt": w.clock().Add(time.Minute)})
	cli.bearer = b.body["secret"].(string)
	cli.want(200, "GET", "/me", nil)
	w.pass(2 * time.Minute)
	cli.want(401, "GET", "/me", nil)
	cli.bearer = auth.NewToken()
	cli.want(401, "GET", "/me", nil)
}

func TestDeviceSignIn(t *testing.T) {
	w := open(t, "http://localhost:8420")
	admin := w.setUp()
	cli := w.browser("203.0.113.1")
	cli.site = ""
	a := cli.want(200, "POST", "/auth/device", obj{"client": "retinue on laptop"})
	device, code := a.body["deviceCode"].(string), a.body["userCode"].(string)
	w.secrets = append(w.secrets, device)
	poll := func() map[string]any {
		return cli.want(200, "POST", "/auth/device/token", obj{"deviceCode": device}).body
	}
	if got := poll()["error"]; got != "authorization_pending" {
		t.Fatalf("first question: %v", got)
	}
	if got := poll()["error"]; got != "slow_down" {
		t.Errorf("at once again: %v", got)
	}
	if d := admin.want(200, "GET", "/auth/device?code="+code, nil); d.body["name"] != "retinue on laptop" || d.body["origin"] != "203.0.113.1" {
		t.Errorf("device: %s", d.Body)
	}
	admin.want(404, "GET", "/auth/device?code=BBBB-BBBB", nil)
	admin.want(204, "POST", "/auth/device/approve", obj{"code": strings.ToLower(code), "allow": true})
	w.pass(10 * time.Second)
	token, _ := poll()["token"].(string)
	w.secrets = append(w.secrets, token)
	if got := poll()["error"]; got != "expired_token" {
		t.Errorf("a second token: %v", got)
	}
	cli.bearer = token
	cli.want(200, "GET", "/me", nil)
	// Refused.
	cli.bearer = ""
	a = cli.want(200, "POST", "/auth/device", obj{"client": "x"})
	device = a.body["deviceCode"].(string)
	admin.want(204, "POST", "/auth/device/approve", obj{"code": a.body["userCode"], "allow": false})
	if got := poll()["error"]; got != "access_denied" {
		t.Errorf("after a refusal: %v", got)
	}
}

func TestSCIMProvisions(t *testing.T) {
	w := open(t, "http://localhost:8420")
	admin := w.setUp()
	a := admin.want(200, "POST", "/tokens", obj{"name": "directory", "kind": "scim", "expiresAt": w.clock().Add(time.Hour)})
	dir := w.browser("203.0.113.1")
	dir.site, dir.bearer = "", a.body["secret"].(string)
	w.secrets = append(w.secrets, dir.bearer)
	h, err := w.app.Interface(w.people.Front(), true)
	if err != nil {
		t.Fatal(err)
	}
	dir.w = &world{t: t, app: w.app, h: h.Raw["/scim/v2/"], people: w.people, log: w.log}
	list := func(filter string) float64 {
		return dir.want(200, "GET", "/scim/v2/Users?filter="+filter, nil).body["totalResults"].(float64)
	}
	if list("") != 0 {
		t.Error("a directory sees local accounts")
	}
	dir.want(409, "POST", "/scim/v2/Users", obj{"userName": "ADA@example.org"})
	u := dir.want(201, "POST", "/scim/v2/Users", obj{"schemas": []string{"x"}, "userName": "Kim@example.org", "externalId": "e1", "active": true,
		"name": obj{"givenName": "Kim", "familyName": "Lee"}, "emails": []obj{{"value": "kim@example.org", "primary": true}}})
	kim := u.body["id"].(string)
	if u.Header().Get("Location") == "" || list(`userName+eq+"kim@example.org"`) != 1 || list(`userName+eq+"ada@example.org"`) != 0 {
		t.Errorf("user %s", u.Body)
	}
	g := dir.want(201, "POST", "/scim/v2/Groups", obj{"displayName": "payments", "members": []obj{{"value": kim}}})
	group := g.body["id"].(string)
	admin.want(200, "POST", "/role-bindings", obj{"group": group, "role": "viewer", "scope": all})
	patch := func(path string, ops ...obj) answer {
		return dir.want(200, "PATCH", path, obj{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": ops})
	}
	patch("/scim/v2/Groups/"+group, obj{"op": "remove", "path": `members[value eq "` + kim + `"]`})
	if a := patch("/scim/v2/Groups/"+group, obj{"op": "add", "path": "members", "value": []obj{{"value": kim}}}); !strings.Contains(a.Body.String(), kim) {
		t.Errorf("group %s", a.Body)
	}
	// Deactivation ends sessions and tokens at once; local accounts are out of reach.
	if a := patch("/scim/v2/Users/"+kim, obj{"op": "replace", "path": "active", "value": "False"}); a.body["active"] != false {
		t.Errorf("user %s", a.Body)
	}
	ada := w.idOf("ada@example.org")
	dir.want(404, "GET", "/scim/v2/Users/"+ada, nil)
	dir.want(404, "DELETE", "/scim/v2/Users/"+ada, nil)
	dir.want(400, "GET", `/scim/v2/Users?filter=userName+co+"a"`, nil)
	for _, path := range []string{"ServiceProviderConfig", "Schemas", "ResourceTypes"} {
		dir.want(200, "GET", "/scim/v2/"+path, nil)
	}
	dir.want(204, "DELETE", "/scim/v2/Users/"+kim, nil)
	dir.want(404, "GET", "/scim/v2/Users/"+kim, nil)
	nobody := w.browser("203.0.113.2")
	nobody.w = dir.w
	nobody.want(401, "GET", "/scim/v2/Users", nil)
	// A person is no directory, and a directory no person.
	admin.w = dir.w
	admin.want(403, "GET", "/scim/v2/Users", nil)
	dir.w = w
	dir.want(403, "GET", "/identities", nil)
}
