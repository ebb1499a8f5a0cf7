package estate

import (
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// joins is what is kept of the facts to join systems.
type joins struct {
	things      map[retinue.Ref]thing
	covered     map[retinue.Realm]bool
	credentials []credential
	seen        map[retinue.Ref]bool // credentials
	placements  []retinue.Placement
	memberships []retinue.Membership
	grants      []retinue.Grant
	trusts      []retinue.Trust
	runs        []runs
	pipelines   map[retinue.Ref][]retinue.Ref // by the repository that they run from
	clusters    map[string]retinue.Realm
	eks         map[retinue.Ref]string       // issuers of clusters
	checkouts   map[retinue.Ref]graph.NodeID // what the pipelines of a repository have
}

// thing is what is known of what a ref names.
type thing struct {
	kind        graph.Kind
	name        string
	environment retinue.Environment
	dataClass   string
	container   retinue.Ref
	identity    bool // an Identity fact states it
}

type credential struct {
	ref, identity retinue.Ref
	kind          retinue.CredentialKind
	publicKey     string
	encrypted     bool
}

// runs is something that acts as identities.
type runs struct {
	ref retinue.Ref
	as  []retinue.Ref
}

func (j *joins) take(f retinue.Fact) {
	if j.things == nil {
		j.things, j.covered, j.seen = make(map[retinue.Ref]thing), make(map[retinue.Realm]bool), make(map[retinue.Ref]bool)
		j.pipelines, j.clusters, j.eks = make(map[retinue.Ref][]retinue.Ref), make(map[string]retinue.Realm), make(map[retinue.Ref]string)
	}
	switch f := f.(type) {
	case retinue.Identity:
		j.identity(f)
	case retinue.Group:
		j.thing(f.Ref, thing{kind: graph.Identity, name: f.Name, container: f.Container})
	case retinue.Container:
		j.thing(f.Ref, thing{kind: graph.Place, name: f.Name, environment: f.Environment, container: f.Parent})
		if issuer, ok := f.Attrs["tokenIssuer"].(string); ok {
			j.clusters[issuerName(issuer)] = f.Ref.Realm
		}
	case retinue.Credential:
		j.credential(f)
	case retinue.Resource:
		j.resource(f)
	case retinue.Placement:
		j.placements = append(j.placements, f)
	case retinue.Membership:
		j.memberships = append(j.memberships, f)
	case retinue.Grant:
		j.grants = append(j.grants, f)
	case retinue.Trust:
		j.trusts = append(j.trusts, f)
	}
}

func (j *joins) thing(ref retinue.Ref, t thing) bool {
	if _, ok := j.things[ref]; ok {
		return false // the most authoritative comes first
	}
	j.things[ref] = t
	return true
}

func (j *joins) identity(f retinue.Identity) {
	if !j.thing(f.Ref, thing{kind: graph.Identity, name: f.Name, environment: f.Environment, container: f.Container, identity: true}) {
		return
	}
	if f.Kind == retinue.IdentityPipeline && f.Container.Kind == "repository" {
		j.pipelines[f.Container] = append(j.pipelines[f.Container], f.Ref)
	}
}

func (j *joins) credential(f retinue.Credential) {
	j.thing(f.Ref, thing{kind: graph.Credential, name: f.Name})
	switch f.State {
	case retinue.CredentialInactive, retinue.CredentialExpired, retinue.CredentialRevoked:
		return // it lets nobody in
	}
	encrypted, _ := f.Attrs["encrypted"].(bool)
	j.credentials = append(j.credentials, credential{f.Ref, f.Identity, f.Kind, f.PublicKey, encrypted})
}

func (j *joins) resource(f retinue.Resource) {
	if !j.thing(f.Ref, thing{kind: graph.Resource, name: f.Name, dataClass: f.DataClass, container: f.Container}) {
		return
	}
	switch {
	case f.Kind == "eks_cluster":
		// Who reaches the cluster does not act as the role of its control plane.
		if issuer, ok := f.Attrs["issuer"].(string); ok {
			j.eks[f.Ref] = issuerName(issuer)
		}
	case f.Ref.Realm.Kind() == "postgres":
		// A function that runs as its owner does what it says, no more.
	case f.Ref.Realm.Kind() == "kubernetes" && f.Attrs["automount"] != true:
		// The account's token is not mounted, so that who runs there has none.
	case len(f.RunsAs) > 0:
		j.runs = append(j.runs, runs{f.Ref, f.RunsAs})
	}
}

// cover says that an engine speaks for a realm: its memberships, grants and
// trusts are the engine's.
func (j *joins) cover(realm retinue.Realm) {
	if j.covered == nil {
		j.covered = make(map[retinue.Realm]bool)
	}
	j.covered[realm] = true
}

// environment is a thing's own label, or that of the nearest container around
// it that has one.
func (j *joins) environment(t thing) retinue.Environment {
	const deep = 20
	for range deep {
		if t.environment != "" || t.container.IsZero() {
			return t.environment
		}
		next, ok := j.things[t.container]
		if !ok {
			return ""
		}
		t = next
	}
	return ""
}

// node is the node of a ref as the inventory knows it.
func (j *joins) node(b *graph.Builder, ref retinue.Ref) graph.NodeID {
	kind := graph.Outside
	if t, ok := j.things[ref]; ok {
		kind = t.kind
	}
	return b.Node(graph.Node{Ref: ref, Kind: kind})
}

// steps puts in what joins systems.
func (j *joins) steps(b *graph.Builder) {
	j.checkouts = make(map[retinue.Ref]graph.NodeID)
	j.credentialSteps(b)
	j.placementSteps(b)
	j.federationSteps(b)
	j.clusterSteps(b)
	j.hostSteps(b)
	for _, r := range j.runs {
		from := j.node(b, r.ref)
		for _, as := range r.as {
			reason := access.Reason{Layer: "runs as", Document: r.ref.Key, Statement: as.Key, Effect: "allow", Text: r.ref.Key + " runs as " + as.Key}
			j.step(b, from, as, graph.ActsAs, "use of what runs", r.ref, reason)
		}
	}
	for _, m := range j.memberships {
		if j.covered[m.Group.Realm] {
			continue
		}
		reason := access.Reason{Layer: "membership", Document: m.Group.Key, Statement: m.Member.Key, Effect: "allow", Text: m.Member.Key + " is a member of " + m.Group.Key}
		j.step(b, j.node(b, m.Member), m.Group, graph.MemberOf, "membership", m.Member, reason)
	}
	for _, g := range j.grants {
		j.grantSteps(b, g)
	}
	for _, t := range j.trusts {
		j.trustSteps(b, t)
	}
}

// step adds a step that rests on one grant.
func (j *joins) step(b *graph.Builder, from graph.NodeID, to retinue.Ref, verb graph.Verb, technique string, subject retinue.Ref, reason access.Reason) {
	b.Step(j.stepOf(b, from, to, verb, technique, subject, reason))
}

func (j *joins) stepOf(b *graph.Builder, from graph.NodeID, to retinue.Ref, verb graph.Verb, technique string, subject retinue.Ref, reason access.Reason) graph.Step {
	because := []access.Reason{reason}
	return graph.Step{From: []graph.NodeID{from}, To: j.node(b, to), Verb: verb, Technique: technique,
		Needs: [][]graph.GrantID{b.GrantsOf(subject, because)}, Because: because}
}

// credentialSteps lets the holder of a credential act as its identity, and the
// holder of a key use every credential that is made of it.
func (j *joins) credentialSteps(b *graph.Builder) {
	keys := make(map[string][]retinue.Ref)
	for _, c := range j.credentials {
		if c.publicKey != "" && !slices.Contains(keys[c.publicKey], c.ref) {
			keys[c.publicKey] = append(keys[c.publicKey], c.ref)
		}
		if c.identity.IsZero() {
			continue
		}
		reason := access.Reason{Layer: "credential", Document: c.ref.Key, Effect: "allow", Text: "it authenticates as " + c.identity.Key}
		from := b.Node(graph.Node{Ref: c.ref, Kind: graph.Credential})
		j.step(b, from, c.identity, graph.ActsAs, "use of the "+words(string(c.kind)), c.identity, reason)
	}
	for spki, refs := range keys {
		if len(refs) < 2 {
			continue
		}
		slices.SortFunc(refs, retinue.Ref.Compare)
		hub := b.Node(graph.Node{Ref: retinue.Ref{Realm: "key:" + retinue.Realm(spki), Kind: "public_key", Key: spki}, Kind: graph.Set, Name: "the holder of one private key"})
		for _, ref := range refs {
			n := b.Node(graph.Node{Ref: ref, Kind: graph.Credential})
			b.Step(graph.Step{From: []graph.NodeID{n}, To: hub, Verb: graph.SameKey, Technique: "one public key"})
			b.Step(graph.Step{From: []graph.NodeID{hub}, To: n, Verb: graph.SameKey, Technique: "one public key"})
		}
	}
}
