package gcpiam

import (
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// genBook is a company with random bindings and denials.
func genBook(t *rapid.T) *book {
	b := company()
	b.account(deploy)
	b.account(batch)
	members := []string{"user:ann@example.com", "user:bob@example.com", "group:ops@example.com", "serviceAccount:" + deploy, "allUsers", "domain:example.com"}
	roles := []string{"roles/editor", "roles/owner", "roles/storage.objectViewer", "roles/iam.serviceAccountTokenCreator", "roles/none"}
	conditions := []string{"", "", " true", " resource.name.startsWith('x')", " request.time<timestamp('2027-01-01T00:00:00Z')", " bad("}
	for _, at := range []string{"folders/2", "projects/pay", "projects/web"} {
		var grants []string
		for range rapid.IntRange(0, 3).Draw(t, "grants") {
			grants = append(grants, rapid.SampledFrom(roles).Draw(t, "role")+" "+rapid.SampledFrom(members).Draw(t, "member")+rapid.SampledFrom(conditions).Draw(t, "condition"))
		}
		b.binds(at, at, strings.TrimSuffix(strings.Split(at, "/")[0], "s"), grants...)
	}
	if rapid.Bool().Draw(t, "in the group") {
		b.facts = append(b.facts, retinue.Membership{Group: retinue.NewRef("google:example.com", "group", "ops@example.com"), Member: retinue.NewRef("google:example.com", "user", "ann@example.com")})
	}
	if rapid.Bool().Draw(t, "denied") {
		genDenial(t, b)
	}
	return b
}

func genDenial(t *rapid.T, b *book) {
	b.denies(rapid.SampledFrom([]string{"projects/pay", "folders/2"}).Draw(t, "at"),
		rapid.SampledFrom([]string{"principal://goog/subject/ann@example.com", "principalSet://goog/group/ops@example.com", "principalSet://goog/public:all"}).Draw(t, "whom"),
		rapid.SampledFrom([]string{"storage.googleapis.com/objects.get", "iam.googleapis.com/serviceAccounts.actAs", "storage.googleapis.com/*.*"}).Draw(t, "what"))
}

func genAsk(t *rapid.T) (action, resource string) {
	return rapid.SampledFrom([]string{"storage.objects.get", "iam.serviceAccounts.actAs", "resourcemanager.projects.setIamPolicy"}).Draw(t, "action"),
		rapid.SampledFrom([]string{"", "projects/pay", "projects/web", "folders/2"}).Draw(t, "resource")
}

// TestWhoCanIsCan: those who can are those of whom Can says so, and everyone of
// whom it says yes.
func TestWhoCanIsCan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := genBook(rt).engine(t)
		action, resource := genAsk(rt)
		listed := map[retinue.Ref]access.Outcome{}
		last := access.Allowed
		for _, w := range e.WhoCan("", action, resource) {
			listed[w.Subject] = w.Decision.Outcome
			if w.Name == "" || len(w.Decision.Because) == 0 || wording.Surer(w.Decision.Outcome, last) {
				rt.Fatalf("%+v after %s", w, last)
			}
			last = w.Decision.Outcome
		}
		for ref := range e.byRef {
			got := e.Can(ref, action, resource).Outcome
			if have, ok := listed[ref]; ok && have != got || !ok && (got == access.Allowed || got == access.Conditional) {
				rt.Fatalf("%s: can %s, listed %s %t", ref, got, have, ok)
			}
		}
	})
}

// TestDenialNeverGives: with one more deny policy nobody can do more, holds more
// or reaches more.
func TestDenialNeverGives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := genBook(rt)
		before := b.engine(t)
		action, resource := genAsk(rt)
		genDenial(rt, b)
		after := b.engine(t)
		g, h := picture(t, before), picture(t, after)
		for ref := range before.byRef {
			if x, y := before.Can(ref, action, resource).Outcome, after.Can(ref, action, resource).Outcome; rank(y) > rank(x) {
				rt.Fatalf("%s: %s became %s", ref, x, y)
			}
			was := reaches(g, ref)
			for _, to := range reaches(h, ref) {
				if to != ref.Key && !slices.Contains(was, to) {
					rt.Fatalf("%s comes to %s only with a denial", ref, to)
				}
			}
		}
	})
}

// TestHeldIsAllowed: what is listed as held is what Can says, where it is held.
func TestHeldIsAllowed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := genBook(rt).engine(t)
		for ref := range e.byRef {
			for _, held := range e.Held(ref) {
				if held.Sentence == "" || len(held.Actions) == 0 || len(held.Because) == 0 {
					rt.Fatalf("%+v", held)
				}
				if held.Outcome != access.Allowed || held.Expands > 0 {
					continue
				}
				for _, action := range held.Actions {
					if d := e.Can(ref, action, held.Resources[0]); d.Outcome != access.Allowed {
						rt.Fatalf("%s holds %s on %s: %s %+v", ref, action, held.Resources[0], d.Outcome, d.Because)
					}
				}
			}
		}
	})
}

func TestHeldSentences(t *testing.T) {
	b := company()
	b.account(deploy)
	const bucket = "//storage.googleapis.com/projects/_/buckets/b"
	b.role("roles/mixed", "storage.buckets.delete", "storage.buckets.setIamPolicy", "secretmanager.versions.access", "compute.instances.create", "compute.instances.list")
	b.binds("projects/pay", "projects/pay", "project", "roles/owner serviceAccount:"+deploy, "roles/mixed serviceAccount:"+deploy, "roles/missing serviceAccount:"+deploy)
	b.binds("projects/pay", bucket, "storage_bucket", "roles/storage.objectViewer serviceAccount:"+deploy)
	var got []string
	for _, h := range b.engine(t).Held(accountRef(deploy)) {
		got = append(got, string(h.Consequence)+": "+h.Sentence)
	}
	want := []string{
		"administers: grants itself anything in the project pay",
		"escalates: starts things that run as what lies in the project pay",
		"reads_secrets: reads the values of secrets in the project pay",
		"exposes_resources: opens to others storage buckets in the project pay",
		"destroys: deletes storage buckets in the project pay",
		"reads_data: reads objects of buckets in the bucket b",
		"changes: makes or changes compute instances in the project pay",
		"changes: holds roles/missing, whose permissions are not known, in the project pay",
		"looks: lists and describes compute instances in the project pay",
		"looks: lists and describes objects of buckets in the bucket b",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPredefinedRolesAreSorted: of Google's own roles, the ones that read give
// nothing worse than reading.
func TestPredefinedRolesAreSorted(t *testing.T) {
	escalates := escalating()
	for _, r := range predefined(t) {
		for _, p := range r.Permissions {
			c := consequence(p, escalates)
			if (r.Name == "roles/viewer" || r.Name == "roles/browser") && (c == access.Administers || c == access.Escalates || c == access.Destroys || c == access.ExposesResources) {
				t.Errorf("%s: %s is %s", r.Name, p, c)
			}
		}
	}
}

// TestPage: every way that makes a step is on the page.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/access-clouds.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ways() {
		if w.id != "reads" && w.id != "writes" && !strings.Contains(string(page), "| "+w.id+" |") {
			t.Errorf("%s is not on the page", w.id)
		}
	}
}
