package estate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// TestWhatWasNotReadIsSaid reads a cluster of which a scope failed and one role
// is no role: both are told, what was read is answered, and a no is not sure.
func TestWhatWasNotReadIsSaid(t *testing.T) {
	const realm = retinue.Realm("kubernetes:c1")
	ref := func(kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, key) }
	w := &world{t: t}
	w.c.Scope(retinue.Scope{Realm: realm, Path: "cluster_role_binding"}, "cluster role bindings could not be listed")
	app := ref("service_account", "pay/app")
	broken, reader := ref("cluster_role", "broken"), ref("cluster_role", "reader")
	w.add(retinue.Identity{Ref: app, Name: "app", Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman},
		retinue.Policy{Ref: broken, Language: retinue.LanguageK8sRBAC, Document: `{"rules":`},
		retinue.Policy{Ref: reader, Language: retinue.LanguageK8sRBAC, Document: `[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]`},
		retinue.Attachment{Policy: reader, Target: app, Role: retinue.AttachIdentity, Via: ref("cluster_role_binding", "readers")},
		retinue.Attachment{Policy: broken, Target: app, Role: retinue.AttachIdentity, Via: ref("cluster_role_binding", "others")})
	e := w.estate()
	for _, want := range []string{"could not be listed", "broken"} {
		if !slices.ContainsFunc(e.Gaps(realm), func(g string) bool { return strings.Contains(g, want) }) {
			t.Errorf("gaps %q do not tell of %q", e.Gaps(realm), want)
		}
	}
	for resource, want := range map[string]access.Outcome{"pods": access.Allowed, "secrets": access.Unknown} {
		answers, err := e.Can(app, "get", resource)
		if err != nil || len(answers) != 1 || answers[0].Outcome != want {
			t.Errorf("get %s: %+v, error %v; want %s", resource, answers, err, want)
		}
	}
}
