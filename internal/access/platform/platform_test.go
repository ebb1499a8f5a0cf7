package platform_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/platform"
	"github.com/retinue-id/retinue/internal/auth"
)

func summarise(t *testing.T, d platform.Document) (admin, escalates, writes, conditional bool, sentences string) {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := platform.Summarize(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Admin, len(s.Escalates) > 0, s.Writes, s.Conditional, strings.Join(s.Sentences, "\n")
}

func words(perms []auth.Permission) []string {
	var out []string
	for _, p := range perms {
		out = append(out, string(p))
	}
	return out
}

// TestEveryPermissionHasWords holds the words to the permissions that there
// are: each is said, on whatever it is given.
func TestEveryPermissionHasWords(t *testing.T) {
	for _, p := range auth.Permissions() {
		_, _, writes, _, text := summarise(t, platform.Document{Statements: []platform.Statement{{Permissions: []string{string(p)}, On: "source aws"}}})
		if !strings.Contains(text, "on source aws") {
			t.Errorf("%s is not said: %q", p, text)
		}
		if reads := strings.HasSuffix(string(p), ".read") || strings.HasSuffix(string(p), ".export") || p == auth.PermUsagePeople; reads == writes {
			t.Errorf("%s: writes is %t", p, writes)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, r := range auth.Roles() {
		d := platform.Document{Statements: []platform.Statement{{Permissions: words(r.Permissions), On: "everything", Everything: true}}}
		admin, escalates, _, _, _ := summarise(t, d)
		if admin != (r.Role == auth.RoleAdmin) || escalates {
			t.Errorf("%s: admin %t, escalates %t", r.Role, admin, escalates)
		}
		d.Statements[0].Everything = false
		if admin, _, _, _, _ := summarise(t, d); admin {
			t.Errorf("%s on a part administers everything", r.Role)
		}
		d.Statements[0].Everything, d.NoSecondFactor = true, true
		_, _, _, conditional, _ := summarise(t, d)
		want := slices.ContainsFunc(r.Permissions, func(p auth.Permission) bool {
			return strings.HasSuffix(string(p), ".manage") || p == auth.PermUsagePeople
		})
		if conditional != want {
			t.Errorf("a token of %s: conditional %t", r.Role, conditional)
		}
	}
	scim := platform.Document{Statements: []platform.Statement{{Permissions: []string{"accounts.manage"}, On: "everything", Everything: true}}, NoSecondFactor: true, Provisions: true}
	if admin, escalates, _, conditional, _ := summarise(t, scim); admin || !escalates || conditional {
		t.Error("a token for SCIM can put people into groups with roles")
	}
}

func FuzzSummarize(f *testing.F) {
	f.Add(`{"statements":[{"permissions":["accounts.manage"],"on":"everything","everything":true}]}`)
	f.Add(`{"statements":null,"provisions":true}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := platform.Summarize(text); err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Error(err)
		}
	})
}
