package accounts_test

import (
	"testing"

	"github.com/retinue-id/retinue"
)

// TestAResetIsRepeatedAsALink sends a reset again under its idempotency key, as
// somebody does whose first answer was lost: the account is not reset again,
// and what its person has set up since stays.
func TestAResetIsRepeatedAsALink(t *testing.T) {
	w := open(t, "http://localhost:8420")
	admin := w.setUp()
	bo := w.invite(admin, "bo@example.org", "viewer", all)
	w.invite(admin, "cy@example.org", "viewer", all)
	reset := "/accounts/" + w.idOf("bo@example.org") + "/reset"
	admin.once = "first"
	first := w.token(admin.want(200, "POST", reset, nil).body["url"].(string))
	bo.want(401, "GET", "/me", nil)
	second := w.token(admin.want(200, "POST", reset, nil).body["url"].(string))
	if n := w.recorded(retinue.RecordAccountReset); n != 1 {
		t.Errorf("%d resets are recorded, want 1", n)
	}
	admin.want(409, "POST", "/accounts/"+w.idOf("cy@example.org")+"/reset", nil) // the key was for another
	// The last link counts, and with it the account is its person's again.
	bo = w.browser("192.0.2.50")
	bo.want(401, "POST", "/auth/invitation", obj{"token": first, "password": password})
	bo.want(200, "POST", "/auth/invitation", obj{"token": second, "password": password})
	admin.want(409, "POST", reset, nil)
	bo.want(200, "GET", "/me", nil)
	// Another key, and none, are another reset.
	admin.once = "second"
	admin.want(200, "POST", reset, nil)
	bo.want(401, "GET", "/me", nil)
	admin.once = ""
	admin.want(200, "POST", reset, nil)
	admin.want(200, "POST", reset, nil)
	if n := w.recorded(retinue.RecordAccountReset); n != 4 {
		t.Errorf("%d resets are recorded, want 4", n)
	}
}
