package estate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// hostSteps lets root hold its machine, and every account what is open to all.
func (j *joins) hostSteps(b *graph.Builder) {
	var accounts []retinue.Ref
	for ref, t := range j.things {
		if t.kind == graph.Identity && ref.Kind == "account" && t.container.Kind == "host" {
			accounts = append(accounts, ref)
		}
	}
	slices.SortFunc(accounts, retinue.Ref.Compare)
	for _, ref := range accounts {
		host := j.things[ref].container
		n := j.node(b, ref)
		b.Step(graph.Step{From: []graph.NodeID{n}, To: accountsOf(b, host), Verb: graph.MemberOf, Technique: "an account of the machine"})
		if ref.Key == root {
			b.Node(graph.Node{Ref: ref, Kind: graph.Identity, Admin: true})
			b.Step(graph.Step{From: []graph.NodeID{n}, To: j.node(b, host), Verb: graph.Administers, Technique: "root"})
		}
	}
}

// root administers a machine.
const root = "root"

// grantSteps puts in what a source without a policy language says that a
// subject may do.
func (j *joins) grantSteps(b *graph.Builder, g retinue.Grant) {
	switch {
	case j.covered[g.Subject.Realm] || g.Resource.IsZero():
		return
	case g.Resource.Kind == "host" && g.Attrs["runAs"] != nil:
		j.sudo(b, g)
		return
	}
	reason := access.Reason{Layer: "grant", Document: g.Resource.Key, Statement: strings.Join(g.Privileges, ", "), Effect: "allow"}
	verb := privilegeVerb(g.Privileges)
	s := j.stepOf(b, j.node(b, g.Subject), g.Resource, verb, strings.Join(g.Privileges, ", "), g.Subject, reason)
	if g.Condition != "" {
		s.Remains = []access.Condition{{Key: "condition", Operator: "holds", Values: []string{g.Condition}, Text: g.Condition}}
	}
	if verb == graph.Reads && slices.ContainsFunc(j.runs, func(r runs) bool { return r.ref == g.Resource }) {
		return // who looks at what runs does not act as it
	}
	b.Step(s)
}

// sudo lets an account act as another whose every command it may run. A list of
// commands is not followed: what each of them can be made to do is not known
// here.
func (j *joins) sudo(b *graph.Builder, g retinue.Grant) {
	if !slices.Contains(g.Privileges, "ALL") {
		return
	}
	as := strings.TrimSpace(strings.SplitN(fmt.Sprint(g.Attrs["runAs"]), ":", 2)[0])
	if as == "" || as == "ALL" {
		as = root
	}
	reason := access.Reason{Layer: "sudo rule", Document: g.Via.Key, Statement: g.Subject.Key, Effect: "allow", Text: "it may run every command as " + as}
	s := j.stepOf(b, j.node(b, g.Subject), retinue.NewRef(g.Resource.Realm, "account", as), graph.Impersonates, "sudo", g.Subject, reason)
	if no, _ := g.Attrs["noPassword"].(bool); !no {
		s.Remains = []access.Condition{{Key: "password", Operator: "is", Values: []string{"known"}, Text: "the account's password is known"}}
	}
	b.Step(s)
}

// privilegeVerb classes privileges of sources without a policy language: any
// that is not plainly reading counts as changing.
func privilegeVerb(privileges []string) graph.Verb {
	for _, p := range privileges {
		switch strings.ToLower(p) {
		case "select", "read", "usage", "connect", "viewer", "view", "get", "list", "pull", "triage":
		case "all", "admin", "owner", "superuser", "*":
			return graph.Administers
		default:
			return graph.Writes
		}
	}
	return graph.Reads
}

// trustSteps puts in who may become whom where no engine reads the trust.
func (j *joins) trustSteps(b *graph.Builder, t retinue.Trust) {
	if j.covered[t.Subject.Realm] || t.Kind == retinue.TrusteeFederated {
		return
	}
	var from graph.NodeID
	verb, technique := graph.Assumes, "use of the trust"
	switch {
	case t.Kind == retinue.TrusteeAnyone:
		from = anyone(b)
	case t.Trustee.IsZero():
		return
	case t.Kind == retinue.TrusteeKey:
		verb, technique = graph.SignsInAs, "sign-in with the key"
		from = b.Node(graph.Node{Ref: t.Trustee, Kind: graph.Credential})
	default:
		from = j.node(b, t.Trustee)
		if t.Trustee.Realm == t.Subject.Realm {
			verb, technique = graph.ActsAs, "it runs as the account"
		}
	}
	reason := access.Reason{Layer: "trust", Document: t.Subject.Key, Statement: t.Trustee.Key, Effect: "allow", Text: t.Name}
	s := j.stepOf(b, from, t.Subject, verb, technique, t.Subject, reason)
	for _, c := range t.Conditions {
		if limits(c) {
			s.Remains = append(s.Remains, access.Condition{Key: c, Operator: "limits", Text: "the option " + c + " allows it"})
		}
	}
	b.Step(s)
}

// limits reports the options of an authorized key that may keep its holder from
// acting as the account (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"); the others
// add something, or only forbid forwarding.
func limits(option string) bool {
	return !slices.Contains([]string{"agent-forwarding", "no-agent-forwarding", "no-port-forwarding", "port-forwarding", "no-x11-forwarding", "x11-forwarding",
		"no-pty", "pty", "no-user-rc", "user-rc", "permitlisten", "permitopen", "environment", "cert-authority", "no-touch-required", "tunnel"}, strings.ToLower(option))
}
