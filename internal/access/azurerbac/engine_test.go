package azurerbac

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// genBook is a company with random assignments and denials.
func genBook(t *rapid.T) *book {
	b := company()
	for range rapid.IntRange(0, 5).Draw(t, "assignments") {
		b.assign(rapid.SampledFrom([]retinue.Ref{ann, team1, bot, uamiSP, object("group", "strangers")}).Draw(t, "whom"),
			rapid.SampledFrom([]string{"owner", "reader", "contributor", "secrets-user", "none"}).Draw(t, "role"),
			rapid.SampledFrom([]string{"/", prodGroup, billing, webshop, billing + "/resourcegroups/r", vault, machine}).Draw(t, "scope"),
			rapid.SampledFrom([]string{"", "", "@Resource[a:b] StringEquals 'x'", "bad ("}).Draw(t, "condition"))
	}
	if rapid.Bool().Draw(t, "in the group") {
		b.add(retinue.Membership{Group: team1, Member: ann})
	}
	if rapid.Bool().Draw(t, "directory") {
		b.directed(bot, rapid.SampledFrom([]string{RoleGlobalAdministrator, RoleApplicationAdministrator, RoleGroupsAdministrator}).Draw(t, "role"), "/")
	}
	if rapid.Bool().Draw(t, "denied") {
		genDenial(t, b)
	}
	return b
}

func genDenial(t *rapid.T, b *book) {
	b.n++
	b.add(retinue.Policy{Ref: object("deny_assignment", fmt.Sprint("d", b.n)), Language: retinue.LanguageAzureRBAC,
		Document: fmt.Sprintf(`{"denyAssignmentName":"d","id":"d%d","scope":%q,"permissions":[{"actions":[%q],"dataActions":["*"]}],"principals":[{"id":%q}]}`, b.n,
			rapid.SampledFrom([]string{billing, billing + "/resourcegroups/r", machine, webshop}).Draw(t, "at"), rapid.SampledFrom([]string{"*", "*/write", "Microsoft.Compute/*"}).Draw(t, "what"),
			rapid.SampledFrom([]string{Everyone, "ann", "team1"}).Draw(t, "whom"))})
}

func genAsk(t *rapid.T) (action, resource string) {
	return rapid.SampledFrom([]string{"Microsoft.Compute/virtualMachines/write", "Microsoft.Authorization/roleAssignments/write", "Microsoft.KeyVault/vaults/secrets/getSecret/action"}).Draw(t, "action"),
		rapid.SampledFrom([]string{"", billing, webshop, vault, machine, prodGroup}).Draw(t, "resource")
}

// TestWhoCanIsCan: those who can are those of whom Can says so, and everyone of
// whom it says yes.
func TestWhoCanIsCan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := genBook(rt).engine(t)
		action, resource := genAsk(rt)
		listed := map[retinue.Ref]access.Outcome{}
		last := access.Allowed
		for _, w := range e.WhoCan(tenantRealm, action, resource) {
			listed[w.Subject] = w.Decision.Outcome
			if w.Name == "" || len(w.Decision.Because) == 0 || wording.Surer(w.Decision.Outcome, last) {
				rt.Fatalf("%+v after %s", w, last)
			}
			last = w.Decision.Outcome
		}
		for _, s := range e.tenants[tenantRealm].subjects {
			got := e.Can(s.ref, action, resource).Outcome
			if have, ok := listed[s.ref]; ok && have != got || !ok && (got == access.Allowed || got == access.Conditional) {
				rt.Fatalf("%s: can %s, listed %s %t", s.ref, got, have, ok)
			}
		}
	})
}

// TestDenialNeverGives: with one more deny assignment nobody can do more or
// reaches more.
func TestDenialNeverGives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := genBook(rt)
		before := b.engine(t)
		action, resource := genAsk(rt)
		genDenial(rt, b)
		after := b.engine(t)
		g, h := picture(t, before), picture(t, after)
		for _, s := range before.tenants[tenantRealm].subjects {
			if x, y := before.Can(s.ref, action, resource).Outcome, after.Can(s.ref, action, resource).Outcome; rank(y) > rank(x) {
				rt.Fatalf("%s: %s became %s", s.ref, x, y)
			}
			was := reaches(g, s.ref)
			for _, to := range reaches(h, s.ref) {
				if to != s.ref.Key && !slices.Contains(was, to) {
					rt.Fatalf("%s comes to %s only with a denial", s.ref, to)
				}
			}
		}
	})
}

// TestHeldIsAllowed: an operation that is listed as held is one that Can allows.
func TestHeldIsAllowed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := genBook(rt).engine(t)
		for _, s := range e.tenants[tenantRealm].subjects {
			for _, held := range e.Held(s.ref) {
				if held.Sentence == "" || len(held.Actions) == 0 || len(held.Because) == 0 {
					rt.Fatalf("%+v", held)
				}
				for _, action := range held.Actions {
					if held.Outcome != access.Allowed || len(held.Resources) == 0 || sortOf(action) != ofResources || strings.Contains(action, "*") {
						continue
					}
					if d := e.Can(s.ref, action, held.Resources[0]); d.Outcome != access.Allowed {
						rt.Fatalf("%s holds %s at %s: %s %+v", s.ref, action, held.Resources[0], d.Outcome, d.Because)
					}
				}
			}
		}
	})
}

func TestHeldSentences(t *testing.T) {
	b := company()
	b.definition("mine", true, `{"actions":["Microsoft.Web/sites/read","Microsoft.Web/sites/restart/action"],"dataActions":["Microsoft.KeyVault/vaults/secrets/getSecret/action"]}`)
	b.assign(bot, "mine", billing, "")
	b.directed(bot, RoleApplicationAdministrator, "/")
	b.add(retinue.Trust{Subject: botApp, Kind: retinue.TrusteePrincipal, Trustee: bot, Attrs: retinue.Attrs{"ownership": true}})
	var got []string
	for _, h := range b.engine(t).Held(bot) {
		got = append(got, string(h.Consequence)+": "+h.Sentence)
	}
	const at = " in the subscription aaaaaaaa-0000-0000-0000-000000000000"
	want := []string{
		"escalates: adds a secret or certificate to the application, by the directory role " + RoleApplicationAdministrator,
		"escalates: owns application Bot, and so can add secrets or members to it",
		"reads_secrets: reads the values of secrets in key vaults" + at,
		"changes: makes or changes web sites" + at,
		"looks: lists and describes web sites" + at,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPage: every way that makes a step is on the page.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/access-clouds.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ways() {
		if w.id != "reads" && w.id != "writes" && w.assumes == "" && !strings.Contains(string(page), "| "+w.id+" |") {
			t.Errorf("%s is not on the page", w.id)
		}
	}
}
