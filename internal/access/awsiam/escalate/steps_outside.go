package escalate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// outside adds whom a role's trust policies admit of those that are not in the
// state: other accounts and their principals, services, everybody.
func (st *stepper) outside(role *Principal) {
	for _, policy := range role.Trust {
		t := st.document(policy).trust
		for _, service := range t.services {
			st.admit(role, awsiam.Service(service), graph.Node{Ref: retinue.NewRef("aws:aws", "service", service), Kind: graph.Outside, Name: service})
		}
		for _, id := range t.accounts {
			if st.homes[id] == nil {
				st.stranger(role, id, graph.Node{Ref: retinue.NewRef(retinue.NewRealm("aws", id), "account", id), Kind: graph.Outside, Name: "account " + id})
			}
		}
		for _, arn := range t.named {
			id := account(arn)
			_, rest, _ := strings.Cut(arn, "::"+id+":")
			kind, _, ok := strings.Cut(rest, "/")
			if id != "" && st.homes[id] == nil && ok && (kind == "user" || kind == "role") {
				st.stranger(role, arn, graph.Node{Ref: retinue.NewRef(retinue.NewRealm("aws", id), kind, arn), Kind: graph.Outside})
			}
		}
		if t.open {
			st.stranger(role, nobodysAccount, graph.Node{Ref: retinue.NewRef("aws:aws", "anyone", "*"), Kind: graph.Anyone, Name: "anyone with an AWS account"})
		}
	}
}

// nobodysAccount stands for an account that no policy names.
const nobodysAccount = "000000000000"

// stranger admits a principal of an account that was not read; what that
// account allows it is taken to be everything.
func (st *stepper) stranger(role *Principal, name string, n graph.Node) {
	if p, err := awsiam.ParsePrincipal(name); err == nil {
		st.admit(role, p, n)
	}
}

func (st *stepper) admit(role *Principal, p awsiam.Principal, n graph.Node) {
	r := &awsiam.Request{Action: actionAssume, Resource: role.ARN, ResourceAccount: role.Account, Principal: p}
	d := awsiam.Decide(&awsiam.Layers{Identity: []*awsiam.Policy{everything}, Resource: role.Trust}, r, awsiam.Open)
	if d.Outcome != access.Allowed && d.Outcome != access.Conditional {
		return
	}
	resource := awsiam.LayerResource.String()
	because := slices.DeleteFunc(allowing(d.Because), func(r access.Reason) bool { return r.Layer != resource })
	remains := slices.DeleteFunc(slices.Clone(d.Remains), func(c access.Condition) bool { return meets(c, chosen) })
	st.b.Step(graph.Step{From: []graph.NodeID{st.b.Node(n)}, To: st.node(st.as(role)), Verb: graph.Assumes, Technique: actionAssume,
		Remains: remains, Needs: [][]graph.GrantID{st.b.GrantsOf(refOf(role), because)}, Because: because})
}
