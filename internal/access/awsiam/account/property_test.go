package account_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

func denied(o access.Outcome) bool {
	return o == access.ImplicitlyDenied || o == access.ExplicitlyDenied
}

// TestWhoCanIsEverybodyWhoCan asks who may do something, and compares with
// asking everybody.
func TestWhoCanIsEverybodyWhoCan(t *testing.T) {
	held, asked := 0, 0
	for seed := range uint64(80) {
		e := dice{rand.New(rand.NewPCG(seed, 1))}.world(t, nil).engine()
		for _, q := range questions {
			var got, want []string
			for _, h := range e.WhoCan("", q[0], q[1]) {
				if !h.Subject.IsZero() {
					got = append(got, h.Subject.Key+" "+string(h.Decision.Outcome))
				}
			}
			for _, n := range people {
				asked++
				d := e.Can(principal(n), q[0], q[1])
				if !denied(d.Outcome) && !unreadOnly(d) {
					want = append(want, arn(n)+" "+string(d.Outcome))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("seed %d: %v:\n got %v\nwant %v", seed, q, got, want)
			}
			held += len(want)
		}
	}
	if held < asked/20 || held > asked/2 {
		t.Errorf("%d of %d are held: the accounts are too uniform", held, asked)
	}
}

// unreadOnly is what WhoCan tells of everybody at once.
func unreadOnly(d access.Decision) bool {
	return d.Outcome == access.Unknown && d.Because[0].Text == "not read, and could allow it" && d.Because[0].Layer == "resource policy" &&
		slices.ContainsFunc(d.Because, func(r access.Reason) bool {
			return strings.HasPrefix(r.Text, "no identity policy allows") || strings.HasPrefix(r.Text, "the permissions boundary does not allow")
		})
}

// order is from no to yes; what is unknown is left out.
var order = map[access.Outcome]int{access.ExplicitlyDenied: 0, access.ImplicitlyDenied: 0, access.Conditional: 1, access.Allowed: 2}

// TestDenyNeverAdds attaches a denying document somewhere and asks again.
func TestDenyNeverAdds(t *testing.T) {
	lost := 0
	for seed := range uint64(80) {
		before := dice{rand.New(rand.NewPCG(seed, 2))}.world(t, nil).engine()
		more := dice{rand.New(rand.NewPCG(seed, 3))}
		after := dice{rand.New(rand.NewPCG(seed, 2))}.world(t, func(w *world) { addDeny(w, more) }).engine()
		for _, q := range questions {
			for _, n := range people {
				b, a := before.Can(principal(n), q[0], q[1]), after.Can(principal(n), q[0], q[1])
				if b.Outcome == access.Unknown || a.Outcome == access.Unknown {
					continue
				}
				if order[a.Outcome] > order[b.Outcome] {
					t.Errorf("seed %d: %s %v: %s before a denial was added, %s after it", seed, n, q, b.Outcome, a.Outcome)
				}
				if order[a.Outcome] < order[b.Outcome] {
					lost++
				}
			}
		}
	}
	if lost == 0 {
		t.Error("no denial took anything away")
	}
}

// addDeny attaches a random denial.
func addDeny(w *world, d dice) {
	doc := document(d.statement("Deny"))
	policy := ref("policy", arn("policy/deny"))
	w.add(retinue.Policy{Ref: policy, Language: retinue.LanguageAWSIAM, Document: doc})
	switch d.IntN(3) {
	case 0:
		w.add(retinue.Attachment{Policy: policy, Target: principal(people[d.IntN(len(people))]), Role: retinue.AttachIdentity})
	case 1:
		w.add(retinue.Attachment{Policy: policy, Target: ref("group", arn("group/staff")), Role: retinue.AttachGroup})
	default:
		doc = document(d.statement("Deny", `"Principal":"*"`))
		policy.Key += "2"
		w.add(retinue.Policy{Ref: policy, Language: retinue.LanguageAWSIAM, Document: doc},
			retinue.Attachment{Policy: policy, Target: ref("s3_bucket", "arn:aws:s3:::invoices"), Role: retinue.AttachResource})
	}
}

// TestAnywhereIsTheBestOfSomewhere asks for any resource, and for some: none is
// better than the best.
func TestAnywhereIsTheBestOfSomewhere(t *testing.T) {
	for seed := range uint64(80) {
		e := dice{rand.New(rand.NewPCG(seed, 4))}.world(t, nil).engine()
		for _, q := range questions {
			if q[1] == "" || q[0] == "nosuch:Action" || strings.Contains(q[0], "*") {
				continue
			}
			for _, n := range people {
				anywhere, here := e.Can(principal(n), q[0], ""), e.Can(principal(n), q[0], q[1])
				if anywhere.Outcome != access.Unknown && here.Outcome != access.Unknown && order[anywhere.Outcome] < order[here.Outcome] {
					t.Errorf("seed %d: %s %s: %s anywhere, and %s on %s", seed, n, q[0], anywhere.Outcome, here.Outcome, q[1])
				}
			}
		}
	}
}

func ExampleEngine() {
	t := &testing.T{}
	w := newWorld(t)
	w.identity("user/alice", nil)
	w.give("user/alice", allow("s3:GetObject", "arn:aws:s3:::invoices/*", `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`))
	w.bucket("invoices", "")
	e := w.engine()
	fmt.Println(e.Can(principal("user/alice"), "s3:GetObject", "arn:aws:s3:::invoices/1.pdf").Sentence())
	fmt.Println(e.WhoCan("", "s3:GetObject", "")[0].Name)
	// Output:
	// allowed only if aws:MultiFactorAuthPresent Bool true
	// alice
}
