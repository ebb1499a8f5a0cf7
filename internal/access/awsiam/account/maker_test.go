package account_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
)

const (
	own   = "111122223333"
	other = "444455556666"
)

func arn(name string) string { return "arn:aws:iam::" + own + ":" + name }

func ref(kind, key string) retinue.Ref { return retinue.NewRef("aws:"+own, kind, key) }

// principal is the Ref of "user/alice" or "role/app".
func principal(name string) retinue.Ref {
	kind, _, _ := strings.Cut(name, "/")
	return ref(kind, arn(name))
}

// world collects the facts of an account.
type world struct {
	t     testing.TB
	c     account.Collector
	whole []retinue.Scope
	gaps  map[retinue.Realm][]string
}

// reference is read once for all tests.
var reference = sync.OnceValues(awsdata.Embedded)

func newWorld(t testing.TB) *world {
	data, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, c: account.Collector{Data: data}}
	w.organisation()
	return w
}

// organisation puts the account into one whose policies were read.
func (w *world) organisation() {
	root := retinue.NewRef("aws:o-x", "organization", "o-x")
	unit := retinue.NewRef("aws:o-x", "unit", "r-1")
	w.add(retinue.Container{Ref: root, Attrs: retinue.Attrs{"managementAccount": "999999999999"}}, retinue.Container{Ref: unit, Parent: root},
		retinue.Container{Ref: ref("account", own), Parent: unit})
	w.whole = append(w.whole, retinue.NewScope("aws:o-x", "control-policies"))
}

func (w *world) add(facts ...retinue.Fact) {
	w.t.Helper()
	for _, f := range facts {
		if err := w.c.Add(f); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) engine() *account.Engine {
	w.t.Helper()
	e, err := w.c.Engine(w.gaps, w.whole)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) identity(name string, labels map[string]string) {
	kind := retinue.IdentityUser
	if strings.HasPrefix(name, "role/") {
		kind = retinue.IdentityRole
	}
	w.add(retinue.Identity{Ref: principal(name), Name: name[5:], Kind: kind, Labels: labels})
}

// attach attaches a document of its own.
func (w *world) attach(target retinue.Ref, role retinue.AttachmentRole, document string) {
	kind := "inline/p"
	switch role {
	case retinue.AttachTrust:
		kind = "trust"
	case retinue.AttachResource:
		kind = "policy"
	case retinue.AttachServiceControl, retinue.AttachResourceControl, retinue.AttachBoundary:
		kind = string(role)
	}
	policy := retinue.NewRef(target.Realm, "policy", target.Key+"#"+kind)
	w.add(retinue.Policy{Ref: policy, Language: retinue.LanguageAWSIAM, Document: document}, retinue.Attachment{Policy: policy, Target: target, Role: role})
}

// give adds an inline policy.
func (w *world) give(name string, statements ...string) {
	w.attach(principal(name), retinue.AttachIdentity, document(statements...))
}

func (w *world) group(name string, members ...string) retinue.Ref {
	g := ref("group", arn("group/"+name))
	w.add(retinue.Group{Ref: g, Name: name})
	for _, m := range members {
		w.add(retinue.Membership{Group: g, Member: principal(m)})
	}
	return g
}

// bucket adds a bucket whose policy was read; none where policy is empty.
func (w *world) bucket(name, policy string) retinue.Ref {
	b := ref("s3_bucket", "arn:aws:s3:::"+name)
	w.add(retinue.Resource{Ref: b, Kind: "s3_bucket", Name: name})
	if policy != "" {
		w.attach(b, retinue.AttachResource, policy)
	}
	w.whole = append(w.whole, retinue.NewScope("aws:"+own, "s3-policies"))
	return b
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// statement is one with actions and resources that spaces separate; more is
// further members.
func statement(effect, actions, resources, more string) string {
	a, _ := json.Marshal(strings.Fields(actions))
	r, _ := json.Marshal(strings.Fields(resources))
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"Effect":%q,"Action":%s,"Resource":%s%s}`, effect, a, r, more)
}

func allow(actions, resources string, more ...string) string {
	return statement("Allow", actions, resources, strings.Join(more, ","))
}

func deny(actions, resources string, more ...string) string {
	return statement("Deny", actions, resources, strings.Join(more, ","))
}

func trust(principal string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`
}

// dice makes random accounts.
type dice struct{ *rand.Rand }

func (d dice) pick(list ...string) string { return list[d.IntN(len(list))] }

func (d dice) action() string {
	return d.pick("*", "s3:*", "s3:Get*", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "sts:AssumeRole", "iam:*", "iam:PassRole",
		"iam:CreateAccessKey", "ec2:*", "ec2:TerminateInstances", "dynamodb:GetItem")
}

func (d dice) resource() string {
	return d.pick("*", "*", "arn:aws:s3:::*", "arn:aws:s3:::invoices/*", "arn:aws:s3:::invoices/2026/*", "arn:aws:s3:::logs*", arn("role/*"), arn("role/boss"),
		arn("user/${aws:username}"), "arn:aws:ec2:*:*:instance/*", "arn:aws:s3:::${aws:PrincipalTag/team}/*")
}

func (d dice) condition() string {
	if d.IntN(4) > 0 {
		return ""
	}
	return `"Condition":` + d.pick(`{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, `{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`,
		`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, `{"StringEquals":{"aws:PrincipalOrgID":"o-x"}}`, `{"ArnLike":{"aws:PrincipalArn":"`+arn("role/*")+`"}}`,
		`{"Bool":{"aws:SecureTransport":"false"}}`)
}

func (d dice) statement(effect string, more ...string) string {
	c := d.condition()
	if c != "" {
		more = append(more, c)
	}
	if d.IntN(12) == 0 {
		return strings.Replace(statement(effect, d.action(), d.resource(), strings.Join(more, ",")), `"Action"`, `"NotAction"`, 1)
	}
	return statement(effect, d.action(), d.resource(), strings.Join(more, ","))
}

func (d dice) document(more ...string) string {
	var list []string
	for range 1 + d.IntN(3) {
		effect := "Allow"
		if d.IntN(4) == 0 {
			effect = "Deny"
		}
		list = append(list, d.statement(effect, more...))
	}
	return document(list...)
}

func (d dice) principal() string {
	return `"Principal":` + d.pick(`"*"`, `{"AWS":"`+arn("root")+`"}`, `{"AWS":"`+arn("user/alice")+`"}`, `{"AWS":["`+arn("role/boss")+`","`+other+`"]}`,
		`{"Service":"lambda.amazonaws.com"}`, `{"AWS":"arn:aws:iam::`+other+`:role/visitor"}`)
}

// world is a random account; extra adds to it at the end.
func (d dice) world(t testing.TB, extra func(*world)) *world {
	w := newWorld(t)
	names := []string{"user/alice", "user/bob", "user/carol", "role/boss", "role/app", "role/plain"}
	for _, n := range names {
		var labels map[string]string
		if d.IntN(2) == 0 {
			labels = map[string]string{"team": d.pick("blue", "red")}
		}
		w.identity(n, labels)
		if d.IntN(4) > 0 {
			w.attach(principal(n), retinue.AttachIdentity, d.document())
		}
		if d.IntN(5) == 0 {
			w.attach(principal(n), retinue.AttachBoundary, d.document())
		}
		if strings.HasPrefix(n, "role/") {
			w.attach(principal(n), retinue.AttachTrust, d.trust())
		}
	}
	g := w.group("staff", "user/alice", "user/bob")
	w.attach(g, retinue.AttachGroup, d.document())
	for _, b := range []string{"invoices", "logs"} {
		policy := ""
		if d.IntN(2) == 0 {
			policy = d.document(d.principal())
		}
		w.bucket(b, policy)
	}
	if d.IntN(3) == 0 {
		target := retinue.NewRef("aws:o-x", "unit", "r-1")
		w.attach(target, retinue.AttachServiceControl, document(allow("*", "*"), d.statement("Deny")))
	}
	if d.IntN(4) == 0 {
		w.attach(ref("account", own), retinue.AttachResourceControl, document(d.statement("Deny", `"Principal":"*"`)))
	}
	if extra != nil {
		extra(w)
	}
	return w
}

func (d dice) trust() string { return trust(strings.TrimPrefix(d.principal(), `"Principal":`)) }

var people = []string{"user/alice", "user/bob", "user/carol", "role/boss", "role/app", "role/plain"}

// questions are what is asked of random accounts.
var questions = [][2]string{
	{"s3:GetObject", "arn:aws:s3:::invoices/2026/1.pdf"}, {"s3:PutObject", "arn:aws:s3:::logs/x"}, {"s3:ListAllMyBuckets", "*"},
	{"sts:AssumeRole", arn("role/boss")}, {"sts:AssumeRole", arn("role/plain")}, {"iam:PassRole", arn("role/app")}, {"iam:CreateAccessKey", arn("user/alice")},
	{"ec2:TerminateInstances", "arn:aws:ec2:eu-west-1:" + own + ":instance/i-1"}, {"dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:" + own + ":table/t"},
	{"s3:GetObject", ""}, {"iam:CreateAccessKey", ""}, {"sts:AssumeRole", ""}, {"ec2:TerminateInstances", ""}, {"s3:Get*", "arn:aws:s3:::invoices/1"},
	{"nosuch:Action", "*"}, {"s3:GetObject", "arn:aws:s3:::elsewhere/x"},
}
