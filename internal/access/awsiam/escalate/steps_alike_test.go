package escalate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// plainSteps makes the steps of every principal for itself.
func plainSteps(s *State, b *graph.Builder) {
	s.judge()
	st := newStepper(s, b)
	for _, h := range st.list {
		if len(h.users)+len(h.roles) == 0 {
			continue
		}
		st.account(h)
		for _, n := range st.members {
			st.leadsOf(n.variant, false, st.subjects(n.variant)...)
		}
		for i := 0; i < len(st.waiting); i++ {
			v := st.waiting[i]
			st.leadsOf(v, false, st.subjects(v)...)
			for _, n := range st.members {
				if n.Principal != v.Principal {
					st.leadsOf(n.variant, true, st.asker.node(v))
				}
			}
		}
	}
}

// crowded is an account in which many come to have every permission and none is
// an administrator by that: an organisation's policy, boundaries and what some
// have themselves stand in the way, each of them in another.
func crowded(seed uint64) *State {
	m := &maker{accounts: []string{"111111111111"}}
	const account = "111111111111"
	next := seed
	roll := func(n int) int {
		next = next*6364136223846793005 + 1442695040888963407
		return int(next>>33) % n //nolint:gosec // it is small
	}
	text := func(effect, action, resource, condition string) string {
		if condition != "" {
			condition = `,"Condition":` + condition
		}
		return fmt.Sprintf(`{"Effect":%q,"Action":[%s],"Resource":%q%s}`, effect, action, resource, condition)
	}
	document := func(list ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
	}
	root, own := m.ref("o", "organization", "o-x"), m.ref(account, "account", account)
	m.add(retinue.Container{Ref: root})
	m.add(retinue.Container{Ref: own, Parent: root})
	control := []string{text("Allow", `"*"`, "*", ""), text("Deny", `"organizations:LeaveOrganization"`, "*", "")}
	if seed%5 == 0 {
		control = append(control, text("Deny", `"iam:PutRolePolicy","iam:CreateAccessKey"`, "*", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/u1*"}}`))
	}
	m.inline(own, retinue.AttachServiceControl, document(control...))
	boundary, managed, group := m.ref(account, "policy", "arn:aws:iam::"+account+":policy/bound"), m.ref(account, "policy", "arn:aws:iam::"+account+":policy/team"), m.ref(account, "group", "arn:aws:iam::"+account+":group/g")
	limits := []string{
		document(text("Allow", `"*"`, "*", ""), text("Deny", `"iam:Create*","iam:Put*"`, "*", "")),
		document(text("Allow", `"iam:Delete*","lambda:*","sts:*"`, "*", "")),
		document(text("Allow", `"*"`, "*", "")),
	}
	m.add(retinue.Policy{Ref: boundary, Language: retinue.LanguageAWSIAM, Document: limits[roll(len(limits))]})
	m.add(retinue.Policy{Ref: managed, Language: retinue.LanguageAWSIAM, Document: document(text("Allow", `"s3:GetObject","lambda:InvokeFunction"`, "*", ""))})
	m.add(retinue.Group{Ref: group})
	m.inline(group, retinue.AttachGroup, document(text("Allow", `"iam:CreateAccessKey","iam:UpdateLoginProfile","iam:PutUserPolicy"`, "arn:aws:iam::*:user/${aws:username}", ""),
		text("Deny", `"ec2:*"`, "*", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`)))
	documents := []string{
		document(text("Deny", `"s3:DeleteBucket"`, "*", "")),
		document(text("Allow", `"lambda:InvokeFunction","states:StartExecution"`, "*", "")),
		document(text("Deny", `"iam:AttachRolePolicy"`, "arn:aws:iam::*:role/r1*", "")),
		document(text("Deny", `"iam:CreateAccessKey"`, "arn:aws:iam::*:user/${aws:username}", "")),
		document(text("Allow", `"iam:PutUserPolicy"`, "*", `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)),
		document(text("Allow", `"iam:DeleteRolePermissionsBoundary","iam:DeleteUserPermissionsBoundary"`, "*", "")),
		document(text("Deny", `"iam:UpdateAssumeRolePolicy"`, "*", `{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`)),
	}
	trusts := []string{`{"Service":"lambda.amazonaws.com"}`, `{"Service":"ec2.amazonaws.com"}`, `{"AWS":"arn:aws:iam::111111111111:root"}`, `{"AWS":"arn:aws:iam::111111111111:role/r2"}`}
	mighty := []string{`"iam:PutRolePolicy","iam:PutUserPolicy"`, `"iam:AttachRolePolicy","iam:AttachUserPolicy"`, `"iam:CreatePolicyVersion"`, `"iam:AddUserToGroup","iam:PutGroupPolicy"`, `"iam:UpdateAssumeRolePolicy","sts:AssumeRole"`}
	for i := range 14 + roll(12) {
		kind := []string{"user", "role"}[i%2]
		ref := m.ref(account, kind, fmt.Sprintf("arn:aws:iam::%s:%s/%s%d", account, kind, kind[:1], i))
		id := retinue.Identity{Ref: ref, Kind: retinue.IdentityUser}
		if roll(4) == 0 {
			id.Labels = map[string]string{"team": "blue"}
		}
		m.add(id)
		if kind == "role" {
			trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + trusts[roll(len(trusts))] + `,"Action":"sts:AssumeRole"}`
			if roll(20) == 0 {
				trust += `,{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111111111111:role/r3"},"Action":"sts:AssumeRole"}`
			}
			m.inline(ref, retinue.AttachTrust, trust+`]}`)
		} else if roll(3) == 0 {
			m.add(retinue.Membership{Group: group, Member: ref})
		}
		if i < 2 || roll(12) == 0 {
			m.inline(ref, retinue.AttachIdentity, document(text("Allow", mighty[roll(len(mighty))], "*", "")))
		}
		if roll(3) == 0 {
			m.inline(ref, retinue.AttachIdentity, documents[roll(len(documents))])
		}
		if roll(3) == 0 {
			m.attach(boundary, ref, retinue.AttachBoundary)
		}
		if roll(2) == 0 {
			m.attach(managed, ref, retinue.AttachIdentity)
		}
	}
	return m.c.State([]string{"lambda-functions/eu-west-1"})
}

// unfolded are the steps of a graph with those for whom sets stand in their
// place. Those that somebody with more than it had makes to itself, and those
// that it makes with itself, are left out: whoever has more is somebody anyhow.
func unfolded(g *graph.Graph) []string {
	in, of := make(map[graph.NodeID][]graph.NodeID), make(map[graph.NodeID][]graph.NodeID)
	for id := range graph.StepID(g.Steps()) {
		s := g.Step(id)
		if g.Kind(s.To) == graph.Set && s.Verb == graph.MemberOf {
			in[s.To] = append(in[s.To], s.From[0])
		}
		if g.Kind(s.From[0]) == graph.Set && s.Verb == graph.Contains {
			of[s.From[0]] = append(of[s.From[0]], s.To)
		}
	}
	each := func(sets map[graph.NodeID][]graph.NodeID, n graph.NodeID) []graph.NodeID {
		if list := sets[n]; list != nil {
			return list
		}
		return []graph.NodeID{n}
	}
	var out []string
	for id := range graph.StepID(g.Steps()) {
		s := g.Step(id)
		if s.Verb == graph.MemberOf || s.Verb == graph.Contains {
			continue
		}
		var needs []string
		for _, need := range s.Needs {
			var list []string
			for _, n := range need {
				list = append(list, fmt.Sprintf("%+v", g.Grant(n)))
			}
			slices.Sort(list)
			needs = append(needs, strings.Join(list, " or "))
		}
		rest := fmt.Sprint(s.Verb, s.Technique, s.Through, s.Assumes, s.Remains, s.Unread, s.Because, needs)
		beside := []graph.NodeID{graph.None}
		if len(s.From) > 1 {
			beside = each(in, s.From[1])
		}
		for _, from := range each(in, s.From[0]) {
			for _, other := range beside {
				for _, to := range each(of, s.To) {
					if line, ok := stepped(g, from, other, to); ok {
						out = append(out, line+rest)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// stepped is one step with its two sources in order.
func stepped(g *graph.Graph, from, other, to graph.NodeID) (string, bool) {
	name := func(n graph.NodeID) (all, who string) {
		if n == graph.None {
			return "", ""
		}
		all = g.Node(n).Ref.Key
		who, _, _ = strings.Cut(all, "#")
		return all, who
	}
	a, who := name(from)
	b, with := name(other)
	c, whom := name(to)
	if a != who && (who == with || who == whom) || b != "" && b != with && with == who {
		return "", false
	}
	pair := []string{a, b}
	slices.Sort(pair)
	return fmt.Sprint(pair, " -> ", c, " "), true
}

// TestStepsOfThoseAlikeAreThoseOfEach compares the steps that are made for
// classes with those that are made for each principal, and who comes where by
// them, in how many hops.
func TestStepsOfThoseAlikeAreThoseOfEach(t *testing.T) {
	n := uint64(120)
	if testing.Short() {
		n = 40
	}
	sets, steps := 0, 0
	for seed := range 2 * n {
		of := world
		if seed >= n {
			of = crowded
		}
		var a, b graph.Builder
		plainSteps(of(seed), &a)
		of(seed).Steps(&b)
		want, got := a.Build(), b.Build()
		wanted, found := unfolded(want), unfolded(got)
		steps += len(wanted)
		for _, line := range wanted {
			if _, ok := slices.BinarySearch(found, line); !ok {
				t.Fatalf("seed %d: missing %s", seed, line)
			}
		}
		for _, line := range found {
			if _, ok := slices.BinarySearch(wanted, line); !ok {
				t.Fatalf("seed %d: too much %s", seed, line)
			}
		}
		sets += sameReach(t, seed, want, got)
	}
	t.Logf("%d steps, %d sets of several with every permission", steps, sets)
	if sets < int(n) {
		t.Error("too few are alike for this to say much")
	}
}

// sameReach compares whom everybody who is there comes to, and in how many
// hops. It returns how many sets of principals with more than they had there are.
func sameReach(t *testing.T, seed uint64, want, got *graph.Graph) int {
	t.Helper()
	sets := 0
	for id := range graph.NodeID(got.Len()) {
		n := got.Node(id)
		if n.Kind == graph.Set {
			for _, s := range got.To(id) {
				if strings.Contains(got.Node(got.Step(s).From[0]).Ref.Key, "#all") {
					sets++
					break
				}
			}
			continue
		}
		if want.Find(n.Ref) == graph.None {
			t.Fatalf("seed %d: %v is new", seed, n.Ref)
		}
	}
	for id := range graph.NodeID(want.Len()) {
		n := want.Node(id)
		if n.Kind == graph.Set || strings.Contains(n.Ref.Key, "#") {
			continue
		}
		from := got.Find(n.Ref)
		if from == graph.None {
			t.Fatalf("seed %d: %v is lost", seed, n.Ref)
		}
		a, b := want.Reach(graph.Options{}, id), got.Reach(graph.Options{}, from)
		for to := range graph.NodeID(want.Len()) {
			m := want.Node(to)
			if m.Kind == graph.Set {
				continue
			}
			other := got.Find(m.Ref)
			if other == graph.None {
				t.Fatalf("seed %d: %v is lost", seed, m.Ref)
			}
			if strings.Contains(m.Ref.Key, "#") && a.Reached(to) && b.Reached(other) && b.Hops(other) < a.Hops(to) {
				continue // by way of what else the same principal has more
			}
			if a.Hops(to) != b.Hops(other) {
				t.Fatalf("seed %d: from %v to %v in %d hops, want %d", seed, n.Ref, m.Ref, b.Hops(other), a.Hops(to))
			}
		}
	}
	return sets
}
