package account_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/access/graph"
)

func pictured(e *account.Engine) *graph.Graph {
	var b graph.Builder
	e.Steps(&b)
	return b.Build()
}

// direct lists the steps by which a node comes to a resource: at once, through
// a set of resources, or as an administrator of the account.
func direct(g *graph.Graph, from, to retinue.Ref, verb graph.Verb) []graph.Step {
	var out []graph.Step
	admin := g.Find(escalate.Administrator(own))
	target := g.Find(to)
	var follow func(n graph.NodeID, depth int, via *graph.Step)
	follow = func(n graph.NodeID, depth int, via *graph.Step) {
		if n == graph.None || depth > 3 {
			return
		}
		for _, id := range g.From(n) {
			s := g.Step(id)
			if len(s.From) > 1 {
				continue
			}
			switch {
			case s.To == target && (s.Verb == verb || s.Verb == graph.Contains && via != nil):
				if s.Verb == graph.Contains {
					s = *via
				}
				out = append(out, s)
			case s.Verb == verb && g.Node(s.To).Kind == graph.Set:
				follow(s.To, depth+1, &s)
			case s.To == admin && admin != graph.None && s.Technique == "every action":
				follow(s.To, depth+1, nil)
			}
		}
	}
	follow(g.Find(from), 0, nil)
	return out
}

// TestStepsAreWhatCan says compares the steps to buckets with answers.
func TestStepsAreWhatCanSays(t *testing.T) {
	steps := 0
	for seed := range uint64(80) {
		more := []string{"archive", "backups", "images"}
		e := dice{rand.New(rand.NewPCG(seed, 6))}.world(t, func(w *world) {
			for _, b := range more {
				w.bucket(b, "")
			}
		}).engine()
		g := pictured(e)
		for _, bucket := range append(more, "invoices", "logs") {
			ref := ref("s3_bucket", "arn:aws:s3:::"+bucket)
			for verb, action := range map[graph.Verb]string{graph.Reads: "s3:GetObject", graph.Writes: "s3:PutObject"} {
				for _, n := range people {
					o := e.Can(principal(n), action, ref.Key+"/0q0").Outcome
					got := direct(g, principal(n), ref, verb)
					if (len(got) > 0) != (o == access.Allowed || o == access.Conditional) && !e.Administrator(principal(n)) {
						t.Errorf("seed %d: %s %s %s: %s, and %d steps", seed, n, verb, bucket, o, len(got))
					}
					steps += len(got)
				}
			}
		}
	}
	if steps < 200 {
		t.Errorf("%d steps in all accounts", steps)
	}
}

func TestStepsToResources(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"user/alice", "user/bob", "user/root", "role/app"} {
		w.identity(n, nil)
	}
	w.give("user/root", allow("*", "*"))
	staff := w.group("staff", "user/alice")
	secret := ref("secret", "arn:aws:secretsmanager:eu-west-1:"+own+":secret:db-AbCdEf")
	w.add(retinue.Resource{Ref: secret, Kind: "secret", Name: "db", DataClass: "credentials", Region: "eu-west-1"})
	w.whole = append(w.whole, retinue.NewScope("aws:"+own, "region", "eu-west-1", "secret-policies"))
	w.attach(staff, retinue.AttachGroup, document(allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:db-*")))
	w.give("role/app", allow("secretsmanager:GetSecretValue", "*", `"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`))
	shared := w.bucket("shared", document(allow("s3:GetObject", "arn:aws:s3:::shared/*", `"Principal":{"AWS":["`+other+`","`+arn("user/bob")+`"]}`)))
	public := w.bucket("public", document(allow("s3:GetObject", "arn:aws:s3:::public/*", `"Principal":"*"`)))
	w.bucket("plain1", "")
	w.bucket("plain2", "")
	e := w.engine()
	g := pictured(e)

	read := direct(g, principal("user/alice"), secret, graph.ReadsSecret)
	if len(read) != 1 || len(read[0].Needs) != 1 || len(read[0].Remains) != 0 || g.Grant(read[0].Needs[0][0]).Subject != staff {
		t.Errorf("alice reads the secret: %+v", read)
	}
	if n := g.Node(g.Find(secret)); n.Kind != graph.Resource || n.DataClass != "credentials" {
		t.Errorf("the secret is %+v", n)
	}
	if read := direct(g, principal("role/app"), secret, graph.ReadsSecret); len(read) != 1 || len(read[0].Remains) != 1 {
		t.Errorf("app reads the secret: %+v", read)
	}
	if read := direct(g, principal("user/bob"), secret, graph.ReadsSecret); len(read) != 0 {
		t.Errorf("bob reads the secret: %+v", read)
	}
	for _, b := range []retinue.Ref{secret, shared, public} {
		verb := graph.Reads
		if b == secret {
			verb = graph.ReadsSecret
		}
		if len(direct(g, principal("user/root"), b, verb)) == 0 {
			t.Errorf("the administrator does not read %s", b.Key)
		}
	}
	if read := direct(g, principal("user/bob"), shared, graph.Reads); len(read) != 1 || g.Grant(read[0].Needs[0][0]).Subject != shared {
		t.Errorf("bob reads what is shared with him: %+v", read)
	}
	if read := direct(g, retinue.NewRef("aws:"+other, "account", other), shared, graph.Reads); len(read) != 1 {
		t.Errorf("the other account reads what is shared with it: %+v", read)
	}
	if read := direct(g, retinue.NewRef("aws:aws", "anyone", "*"), public, graph.Reads); len(read) != 1 {
		t.Errorf("anyone reads what is public: %+v", read)
	}
	sets := 0
	for id := range g.Len() {
		if n := g.Node(graph.NodeID(id)); n.Kind == graph.Set && strings.Contains(n.Name, "s3 bucket") {
			sets++
		}
	}
	if sets != 1 {
		t.Errorf("%d sets of buckets: want one, of the two that nothing tells apart", sets)
	}
}

// TestStepsDoNotGrowWithTheProduct counts the steps of many users who read many
// buckets by one policy.
func TestStepsDoNotGrowWithTheProduct(t *testing.T) {
	w := newWorld(t)
	var names []string
	const users, buckets = 100, 50
	for i := range users {
		n := "user/u" + strings.Repeat("x", i)
		names = append(names, n)
		w.identity(n, nil)
	}
	for i := range buckets {
		w.bucket("b"+strings.Repeat("x", i), "")
	}
	w.attach(w.group("staff", names...), retinue.AttachGroup, document(allow("s3:GetObject", "*")))
	g := pictured(w.engine())
	if n := g.Steps(); n > 2*(users+buckets)+20 {
		t.Errorf("%d steps for %d users and %d buckets", n, users, buckets)
	}
	if !slices.ContainsFunc(direct(g, principal(names[7]), ref("s3_bucket", "arn:aws:s3:::bxxx"), graph.Reads), func(s graph.Step) bool { return s.Technique == "s3:GetObject" }) {
		t.Error("a user does not read a bucket")
	}
}
