package escalate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

// maker makes random accounts that are full of ways to more, and of near misses
// of them.
type maker struct {
	*rand.Rand
	c        Collector
	accounts []string
	users    []string
	roles    []string
	managed  []retinue.Ref
	next     int
	facts    []retinue.Fact
	// crowd is true where many are alike.
	crowd bool
}

func pick[T any](m *maker, list []T) T { return list[m.IntN(len(list))] }

// some is the number for an account of few, or for a crowd.
func (m *maker) some(few, crowd int) int {
	if m.crowd {
		return crowd
	}
	return few
}

func (m *maker) add(f retinue.Fact) {
	_ = m.c.Add(f)
	m.facts = append(m.facts, f)
}

func (m *maker) ref(account, kind, key string) retinue.Ref {
	return retinue.NewRef(retinue.NewRealm("aws", account), kind, key)
}

func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

// resource is a pattern that often covers something.
func (m *maker) resource() string {
	account := pick(m, append([]string{"*"}, m.accounts...))
	switch m.IntN(9) {
	case 0, 1, 2:
		return "*"
	case 3:
		return pick(m, append(m.users, m.roles...))
	case 4:
		return "arn:aws:iam::" + account + ":role/" + pick(m, []string{"*", "a*", "team/*", "?0"})
	case 5:
		return "arn:aws:iam::" + account + ":user/" + pick(m, []string{"*", "a*", "${aws:username}", "${aws:username}*", "team/*"})
	case 6:
		return "arn:aws:lambda:*:" + account + ":function:" + pick(m, []string{"*", "a-*", "*-b", "c"})
	case 7:
		return "arn:aws:iam::" + account + ":" + pick(m, []string{"policy/*", "group/*", "group/g0", "instance-profile/*"})
	}
	return pick(m, []string{"arn:aws:s3:::x/*", "arn:aws:iam::*", "arn:aws:glue:*:*:job/*", "arn:aws:ec2:*:*:*/*"})
}

func (m *maker) condition() map[string]any {
	switch m.IntN(9) {
	case 0:
		return map[string]any{"StringEquals": map[string]any{"iam:PassedToService": pick(m, []string{"lambda.amazonaws.com", "ec2.amazonaws.com", "glue.amazonaws.com"})}}
	case 1:
		return map[string]any{"StringEquals": map[string]any{"aws:PrincipalTag/team": pick(m, []string{"blue", "red"})}}
	case 2:
		return map[string]any{"StringEquals": map[string]any{"aws:ResourceTag/team": pick(m, []string{"blue", "${aws:PrincipalTag/team}"})}}
	case 3:
		return map[string]any{"IpAddress": map[string]any{"aws:SourceIp": "192.0.2.0/24"}}
	case 4:
		return map[string]any{"StringEquals": map[string]any{"aws:RequestedRegion": "eu-west-1"}}
	case 5:
		return map[string]any{"ArnLike": map[string]any{"aws:PrincipalArn": "arn:aws:iam::*:" + pick(m, []string{"role/*", "user/a*", "*/team/*"})}}
	case 6:
		return map[string]any{"ArnEquals": map[string]any{"iam:PolicyARN": pick(m, []string{"arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::*:policy/p1*", "arn:aws:iam::aws:policy/ReadOnlyAccess"})}}
	case 7:
		return map[string]any{"StringEquals": map[string]any{"aws:username": "a1"}}
	}
	return map[string]any{"Strange": map[string]any{"aws:x": "y"}}
}

func (m *maker) actions(techniques []Technique) []string {
	t := pick(m, techniques)
	var out []string
	for _, c := range t.calls {
		if m.chance(90) {
			out = append(out, c.action)
		}
	}
	if t.gain == passRole || m.chance(10) {
		out = append(out, actionPass)
	}
	if m.chance(30) {
		out = append(out, actionAssume)
	}
	switch m.IntN(20) {
	case 0:
		out = append(out, "iam:*")
	case 1:
		out = append(out, "s3:*")
	case 2:
		out = append(out, "iam:Put*")
	}
	if len(out) == 0 {
		out = append(out, "s3:GetObject")
	}
	return out
}

func (m *maker) document(techniques []Technique) string {
	if m.chance(6) {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	}
	var list []map[string]any
	for range 1 + m.IntN(3) {
		st := map[string]any{"Effect": "Allow", "Action": m.actions(techniques), "Resource": m.resource()}
		if m.chance(12) {
			st["Effect"] = "Deny"
		}
		if m.chance(4) {
			delete(st, "Action")
			st["NotAction"] = []string{pick(m, []string{"iam:*", "s3:*", "sts:*"})}
		}
		if m.chance(4) {
			delete(st, "Resource")
			st["NotResource"] = m.resource()
		}
		if m.chance(20) {
			st["Condition"] = m.condition()
		}
		list = append(list, st)
	}
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
	return string(text)
}

func (m *maker) trust() string {
	st := map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole"}
	switch m.IntN(8) {
	case 0, 1, 2:
		st["Principal"] = map[string]any{"Service": pick(m, []string{"lambda.amazonaws.com", "ec2.amazonaws.com", "glue.amazonaws.com", "codebuild.amazonaws.com"})}
	case 3:
		st["Principal"] = map[string]any{"AWS": "arn:aws:iam::" + pick(m, m.accounts) + ":root"}
	case 4:
		st["Principal"] = map[string]any{"AWS": []string{pick(m, m.users), pick(m, m.roles)}}
	case 5:
		st["Principal"] = map[string]any{"AWS": pick(m, m.accounts), "Service": "ec2.amazonaws.com"}
	case 6:
		if m.chance(15) {
			st["Principal"] = "*"
		} else {
			st["Principal"] = map[string]any{"Federated": "cognito-identity.amazonaws.com"}
		}
	case 7:
		st["Principal"] = map[string]any{"AWS": pick(m, m.roles)}
	}
	if m.chance(15) {
		st["Condition"] = m.condition()
	}
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{st}})
	return string(text)
}

func (m *maker) attach(target, policy retinue.Ref, role retinue.AttachmentRole) {
	m.add(retinue.Attachment{Policy: policy, Target: target, Role: role})
}

func (m *maker) inline(target retinue.Ref, role retinue.AttachmentRole, document string) {
	m.next++
	p := retinue.NewRef(target.Realm, "policy", fmt.Sprintf("%s#inline/%d", target.Key, m.next))
	m.add(retinue.Policy{Ref: p, Language: retinue.LanguageAWSIAM, Document: document})
	m.attach(target, p, role)
}

// world makes up to three accounts.
func world(seed uint64) *State {
	m, read := made(seed)
	return m.c.State(read)
}

func made(seed uint64) (*maker, []string) {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // it is to be the same each time
	m.crowd = seed%3 == 0
	techniques := Techniques()
	for i := range 1 + m.IntN(3) {
		m.accounts = append(m.accounts, strings.Repeat(fmt.Sprint(i+1), 12))
	}
	groups := make(map[string][]retinue.Ref)
	for _, account := range m.accounts {
		for i := range 2 + m.IntN(m.some(4, 12)) {
			m.users = append(m.users, fmt.Sprintf("arn:aws:iam::%s:user/%s%d", account, pick(m, []string{"a", "b", "team/c", "a1"}), i))
		}
		for i := range 2 + m.IntN(m.some(5, 12)) {
			m.roles = append(m.roles, fmt.Sprintf("arn:aws:iam::%s:role/%s%d", account, pick(m, []string{"a", "b", "team/c"}), i))
		}
	}
	documents := make([]string, m.some(6, 3))
	for i := range documents {
		documents[i] = m.document(techniques)
	}
	document := func() string {
		if m.chance(m.some(60, 97)) {
			return pick(m, documents)
		}
		return m.document(techniques)
	}
	for _, account := range m.accounts {
		for i := range m.IntN(3) {
			g := m.ref(account, "group", fmt.Sprintf("arn:aws:iam::%s:group/g%d", account, i))
			m.add(retinue.Group{Ref: g})
			groups[account] = append(groups[account], g)
			m.inline(g, retinue.AttachGroup, document())
		}
		for i := range m.IntN(4) {
			p := m.ref(account, "policy", fmt.Sprintf("arn:aws:iam::%s:policy/p%d", account, i))
			f := retinue.Policy{Ref: p, Language: retinue.LanguageAWSIAM, Document: document()}
			if m.chance(30) {
				f.Attrs = retinue.Attrs{"otherDocuments": map[string]any{"v1": document(), "v2": document()}}
			}
			m.add(f)
			m.managed = append(m.managed, p)
		}
		if m.chance(30) {
			root, own := m.ref("o", "organization", "o-x"), m.ref(account, "account", account)
			m.add(retinue.Container{Ref: root})
			m.add(retinue.Container{Ref: own, Parent: root})
			m.inline(own, retinue.AttachServiceControl, pick(m, []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"iam:Create*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"}}}]}`}))
		}
	}
	m.principals(groups, document)
	m.computes()
	return m, pick(m, [][]string{nil, {"terraform/x"}, {"lambda-functions"}})
}

func (m *maker) principals(groups map[string][]retinue.Ref, document func() string) {
	for _, arn := range append(m.users, m.roles...) {
		home := account(arn)
		kind := "user"
		if strings.Contains(arn, ":role/") {
			kind = "role"
		}
		ref := m.ref(home, kind, arn)
		id := retinue.Identity{Ref: ref, Kind: retinue.IdentityUser}
		if kind == "role" {
			id.Kind = retinue.IdentityRole
		}
		if m.chance(m.some(30, 10)) {
			id.Labels = map[string]string{"team": pick(m, []string{"blue", "red"})}
		}
		m.add(id)
		for range m.IntN(3) {
			m.inline(ref, retinue.AttachIdentity, document())
		}
		for _, p := range m.managed {
			if p.Realm == ref.Realm && m.chance(m.some(30, 8)) {
				m.attach(ref, p, retinue.AttachIdentity)
			}
			if p.Realm == ref.Realm && m.chance(5) {
				m.attach(ref, p, retinue.AttachBoundary)
			}
		}
		if m.chance(10) {
			m.inline(ref, retinue.AttachBoundary, document())
		}
		if kind == "role" {
			m.inline(ref, retinue.AttachTrust, m.trust())
			if m.chance(30) {
				m.add(retinue.Resource{Ref: m.ref(home, "instance_profile", arn+"#profile"), Kind: "instance_profile", RunsAs: []retinue.Ref{ref}})
			}
			continue
		}
		for _, g := range groups[home] {
			if m.chance(40) {
				m.add(retinue.Membership{Group: g, Member: ref})
			}
		}
	}
}

func (m *maker) computes() {
	for i, arn := range m.roles {
		if !m.chance(30) {
			continue
		}
		home := account(arn)
		kind := pick(m, []string{"lambda_function", "ec2_instance", "ecs_cluster", "glue_job", "codebuild_project"})
		f := retinue.Resource{Ref: m.ref(home, kind, fmt.Sprintf("arn:aws:x:eu-west-1:%s:thing/%d", home, i)), Kind: kind, RunsAs: []retinue.Ref{m.ref(home, "role", arn)}}
		if m.chance(30) {
			f.Labels = map[string]string{"team": pick(m, []string{"blue", "red"})}
		}
		m.add(f)
	}
}

// TestTheSearchIsTheOracles compares what is found, and every step of it, with
// what the plain search finds.
func TestTheSearchIsTheOracles(t *testing.T) {
	n := uint64(200)
	if testing.Short() {
		n = 60
	}
	found, already, several, alike := 0, 0, 0, 0
	for seed := range n {
		s := world(seed)
		want, got := oracle(s), s.Escalations()
		alike += spared(s)
		for _, e := range want {
			found++
			if e.Already {
				already++
			}
			if len(e.Hops) > 1 {
				several++
			}
		}
		if a, b := text(want), text(got); a != b {
			t.Fatalf("seed %d:\nwant %s\ngot  %s", seed, a, b)
		}
	}
	t.Logf("%d found, %d of them administrators, %d by several steps; %d like others", found, already, several, alike)
	if found-already < int(n) || several < int(n)/5 || alike < int(n)/4 {
		t.Error("the accounts hold too few ways for this to say much")
	}
}

// spared is how many principals need no search, as they are like others that
// reach nobody.
func spared(s *State) int {
	n := 0
	for _, h := range s.judge().list {
		seen := map[int32]bool{0: true}
		reach := make(map[string]bool)
		for _, e := range newAsker(s).escalationsOf(h) {
			reach[e.Identity] = true
		}
		for _, p := range ordered(h.users, h.roles) {
			if p.admin || p.idle() || reach[p.ARN] {
				continue
			}
			if p.alike != 0 && seen[p.alike] {
				n++
			}
			seen[p.alike] = true
		}
	}
	return n
}

func text(list []Escalation) string {
	var b strings.Builder
	for _, e := range list {
		line, _ := json.Marshal(e)
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}
