package graph

import (
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
)

func TestBlastRadiusCountsWhatIsReached(t *testing.T) {
	var b Builder
	node := func(i int, n Node) NodeID { n.Ref = ref(i); return b.Node(n) }
	key := node(0, Node{Kind: Credential})
	user := node(1, Node{Kind: Identity, Environment: retinue.EnvironmentProduction})
	role := node(2, Node{Kind: Identity, Admin: true})
	account := node(3, Node{Kind: Resource})
	bucket := node(4, Node{Kind: Resource, DataClass: "customer", Environment: retinue.EnvironmentProduction})
	table := node(5, Node{Kind: Resource, DataClass: "customer"})
	buckets := node(6, Node{Kind: Set})
	far := node(7, Node{Kind: Resource})
	step := func(from, to NodeID, v Verb) { b.Step(Step{From: []NodeID{from}, To: to, Verb: v}) }
	step(key, user, ActsAs)
	step(user, key, Mints) // a circle
	step(user, buckets, Reads)
	step(buckets, bucket, Contains)
	step(user, bucket, Writes)
	step(user, role, Assumes)
	step(role, account, Administers)
	step(account, bucket, Contains)
	step(account, table, Contains)
	step(table, account, Contains) // another
	step(far, bucket, Contains)
	step(far, table, Writes) // nobody comes to far
	g := b.Build()
	got := g.BlastRadius(Options{}, key)
	check := func(what string, got []NodeID, want ...NodeID) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s are %v, not %v", what, got, want)
		}
	}
	if got.Nodes != 5 || len(got.ByKind) != 2 || len(got.ByVerb) != 3 || len(got.ByEnvironment) != 1 || len(got.Admins) != 1 {
		t.Errorf("blast is %+v", got)
	}
	check("identities", got.ByKind[Identity], user, role)
	check("resources", got.ByKind[Resource], bucket, account, table)
	check("read resources", got.ByVerb[Reads], bucket)
	check("written resources", got.ByVerb[Writes], bucket)
	check("administered resources", got.ByVerb[Administers], bucket, account, table)
	check("production", got.ByEnvironment[retinue.EnvironmentProduction], user, bucket)
	check("customer data", got.ByDataClass["customer"], bucket, table)
	check("administrators", got.Admins[retinue.Realm("test:1")], role)
	of := g.BlastRadius(Options{}, account)
	check("what the account contains", of.ByVerb[Contains], bucket, table)
	if of.Nodes != 2 || len(of.ByVerb) != 1 {
		t.Errorf("blast of the account is %+v", of)
	}
	check("way to the table", g.stepsTo(got.Reach.Path(table)), user, role, account, table)
}

func (g *Graph) stepsTo(p Path) []NodeID {
	var out []NodeID
	for _, s := range p {
		out = append(out, g.Step(s).To)
	}
	return out
}
