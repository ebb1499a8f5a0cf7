package account_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
)

func holders(list []access.Holder) []string {
	out := make([]string, 0, len(list))
	for _, h := range list {
		out = append(out, h.Name+" "+string(h.Decision.Outcome))
	}
	return out
}

// TestWhoCanNamesOutsiders lists whom policies of resources admit beside the
// principals of the inventory.
func TestWhoCanNamesOutsiders(t *testing.T) {
	visitor := "arn:aws:iam::" + other + ":role/visitor"
	for _, c := range []struct {
		name, policy string
		want         []string
	}{
		{"nobody", document(allow("s3:PutObject", "arn:aws:s3:::b/*", `"Principal":"*"`)), []string{"alice Allowed"}},
		{"everybody", document(allow("s3:GetObject", "arn:aws:s3:::b/*", `"Principal":"*"`)), []string{"anyone Allowed", "alice Allowed", "bob Allowed"}},
		{"everybody from an address", document(allow("s3:GetObject", "arn:aws:s3:::b/*", `"Principal":"*"`, `"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`)),
			[]string{"alice Allowed", "anyone Conditional", "bob Conditional"}},
		{"an account", document(allow("s3:GetObject", "arn:aws:s3:::b/*", `"Principal":{"AWS":"`+other+`"}`)), []string{"account " + other + " Allowed", "alice Allowed"}},
		{"a role and a service", document(allow("s3:GetObject", "arn:aws:s3:::b/*", `"Principal":{"AWS":"`+visitor+`","Service":"config.amazonaws.com"}`)),
			[]string{visitor + " Allowed", "config.amazonaws.com Allowed", "alice Allowed"}},
		{"an id that nobody resolves", document(allow("s3:GetObject", "arn:aws:s3:::b/*", `"Principal":{"CanonicalUser":"abc"}`)),
			[]string{"alice Allowed", "canonical user abc Unknown", "bob Unknown"}},
		{"one of the account", document(allow("s3:GetObject", "arn:aws:s3:::b/*", `"Principal":{"AWS":"`+arn("user/bob")+`"}`)), []string{"alice Allowed", "bob Allowed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.identity("user/alice", nil)
			w.identity("user/bob", nil)
			w.give("user/alice", allow("s3:GetObject", "*"))
			w.bucket("b", c.policy)
			e := w.engine()
			if got := holders(e.WhoCan("", "s3:GetObject", "arn:aws:s3:::b/x")); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := holders(e.WhoCan("aws:"+other, "s3:GetObject", "arn:aws:s3:::b/x")); len(got) != 0 {
				t.Errorf("in another realm: %q", got)
			}
		})
	}
}

// TestWhoCanSaysWhatWasNotRead keeps whoever a policy that was not read may
// allow to one line.
func TestWhoCanSaysWhatWasNotRead(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"user/alice", "user/bob", "user/carol"} {
		w.identity(n, nil)
	}
	w.give("user/alice", allow("s3:GetObject", "*"))
	w.give("user/carol", allow("s3:PutObject", "*"))
	want := []string{"alice Allowed", "whoever the policy of the resource allows Unknown"}
	if got := holders(w.engine().WhoCan("", "s3:GetObject", "arn:aws:s3:::unlisted/x")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// large is an account of many principals, of which one in a hundred reads the
// bucket, and each something of its own.
func large(t testing.TB, n int) *account.Engine {
	w := newWorld(t)
	shared := retinue.NewRef("aws:"+own, "policy", arn("policy/shared"))
	w.add(retinue.Policy{Ref: shared, Language: retinue.LanguageAWSIAM, Document: document(allow("s3:GetObject", "arn:aws:s3:::invoices/*"))})
	reader := w.group("readers")
	w.attach(reader, retinue.AttachGroup, document(allow("s3:*", "arn:aws:s3:::invoices/*")))
	services := []string{"ec2", "sqs", "sns", "dynamodb", "lambda", "s3", "logs", "ssm"}
	for i := range n {
		name := fmt.Sprintf("user/u%05d", i)
		w.identity(name, nil)
		w.give(name, allow(services[i%len(services)]+":*", fmt.Sprintf("arn:aws:%s:*:*:own-%d/*", services[i%len(services)], i)),
			allow("s3:GetObject s3:PutObject", fmt.Sprintf("arn:aws:s3:::home-%d/*", i)))
		switch {
		case i%200 == 0:
			w.add(retinue.Attachment{Policy: shared, Target: principal(name), Role: retinue.AttachIdentity})
		case i%200 == 100:
			w.add(retinue.Membership{Group: reader, Member: principal(name)})
		}
	}
	w.bucket("invoices", "")
	return w.engine()
}

// BenchmarkWhoCan asks an account of 10,000 users, each with a policy of its
// own on the same service, who reads an object; the ratio is to asking
// everybody.
func BenchmarkWhoCan(b *testing.B) {
	const n = 10_000
	e := large(b, n)
	all := make([]retinue.Ref, n)
	for i := range all {
		all[i] = principal(fmt.Sprintf("user/u%05d", i))
	}
	start, found := time.Now(), 0
	for _, id := range all {
		if e.Can(id, "s3:GetObject", object).Outcome == access.Allowed {
			found++
		}
	}
	everybody := time.Since(start)
	if found != n/100 {
		b.Fatalf("%d of all", found)
	}
	for b.Loop() {
		if got := len(e.WhoCan("", "s3:GetObject", object)); got != n/100 {
			b.Fatalf("%d holders", got)
		}
	}
	b.ReportMetric(float64(everybody)/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "times-everybody")
}

// BenchmarkHeld lists what a power user holds, whose policy is about 20,000
// actions.
func BenchmarkHeld(b *testing.B) {
	w := newWorld(b)
	w.identity("user/alice", nil)
	for _, name := range []string{"PowerUserAccess", "ReadOnlyAccess"} {
		w.add(retinue.Attachment{Policy: retinue.NewRef("aws:aws", "policy", "arn:aws:iam::aws:policy/"+name), Target: principal("user/alice"), Role: retinue.AttachIdentity})
	}
	e := w.engine()
	for b.Loop() {
		if got := e.Held(principal("user/alice")); len(got) < 10 {
			b.Fatalf("%d grants", len(got))
		}
	}
}
