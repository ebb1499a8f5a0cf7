package gcpiam

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/spread"
)

// way is one way to come from a principal to targets.
type way struct {
	id      string
	needs   []Need
	verb    graph.Verb
	assumes string
	sort    string // of the targets
	admin   bool   // it makes an administrator
}

// The sorts of target that are no asset types.
const (
	sortAccounts   = "accounts"
	sortDelegation = "delegations"
)

// ways are the techniques that give all that their target can do, and what reads
// and writes data and secrets. A technique that gives less than its target has,
// such as identity tokens for private services, is no way to act as it.
func ways() []way {
	var out []way
	for _, t := range Techniques() {
		w := way{id: t.ID, needs: t.Needs, verb: verbOf(&t)}
		switch t.Gain {
		case GainAccount:
			w.sort = sortAccounts
		case GainWorkload:
			w.sort = t.Workload
		case GainNode:
			w.sort, w.admin = t.Node, true
		case GainProjectAccount:
			w.sort = t.Account
		default:
			continue // roles are looked for by who holds them
		}
		if t.Limited != "" {
			if t.ID != "compute-project-metadata" {
				continue
			}
			w.assumes = "the machine takes SSH keys of its project"
		}
		out = append(out, w)
	}
	out = append(out, way{id: "sa-implicit-delegation", needs: target("iam.serviceAccounts.implicitDelegation"), verb: graph.Impersonates, sort: sortDelegation})
	for _, d := range holdings() {
		out = append(out, way{id: "reads", needs: target(d.read), verb: d.verb, sort: d.asset}, way{id: "writes", needs: target(d.write), verb: graph.Writes, sort: d.asset})
	}
	return out
}

// holding is a sort of resource that holds data or secrets.
type holding struct {
	asset, read, write string
	verb               graph.Verb
}

func holdings() []holding {
	return []holding{
		{"storage.googleapis.com/Bucket", "storage.objects.get", "storage.objects.create", graph.Reads},
		{"secretmanager.googleapis.com/Secret", "secretmanager.versions.access", "secretmanager.versions.add", graph.ReadsSecret},
		{"bigquery.googleapis.com/Dataset", "bigquery.tables.getData", "bigquery.tables.updateData", graph.Reads},
		{"sqladmin.googleapis.com/Instance", "cloudsql.instances.export", "cloudsql.instances.import", graph.Reads},
	}
}

func verbOf(t *Technique) graph.Verb {
	switch t.ID {
	case "sa-access-token", "sa-sign-blob", "sa-sign-jwt":
		return graph.Impersonates
	case "sa-key-create":
		return graph.Mints
	case "function-update", "run-service-update", "run-job-update", "composer-update", "workflows-update":
		return graph.ModifiesCode
	}
	switch t.Gain {
	case GainWorkload:
		return graph.ExecsInto
	case GainAccount, GainProjectAccount:
		if t.ID != "sa-set-policy" {
			return graph.PassesRole
		}
	}
	return graph.Attaches
}

// technique is how a step names its way: with the permissions that it needs.
func (w *way) technique() string {
	list := make([]string, len(w.needs))
	for i, n := range w.needs {
		list[i] = n.Permission
	}
	return w.id + ": " + strings.Join(list, ", ")
}

// stepper puts the steps of an engine into a graph.
type stepper struct {
	e     *Engine
	b     *graph.Builder
	ways  []way
	trees map[string]*spread.Tree
	below map[string]bool // nodes below which something is denied
	held  map[string][]*compiledBinding
	open  []*compiledBinding // those with members whom a key does not decide
	// reached is what a principal reaches by what it is named for itself.
	reached spread.Reached
}

// Steps puts who can come to act as whom into a graph: every technique that gives
// all that its target can do, and who reads and writes buckets, secrets, datasets
// and databases. A project, folder or organisation is a node that leads to all
// that lies in it; who reaches it administers it. Answers that are Unknown make no
// step.
func (e *Engine) Steps(b *graph.Builder) {
	s := &stepper{e: e, b: b, ways: ways(), trees: map[string]*spread.Tree{}, below: map[string]bool{}, held: map[string][]*compiledBinding{}}
	s.prepare()
	s.plant()
	for _, key := range e.order {
		s.principal(key)
	}
}

// prepare sorts bindings by who holds them and marks what lies above denials.
func (s *stepper) prepare() {
	for name, n := range s.e.x.nodes {
		if name != n.name {
			continue
		}
		for i := range n.bindings {
			b := &n.bindings[i]
			for key, m := range b.members {
				if m.kind != memberDeleted {
					s.held[key] = append(s.held[key], b)
				}
			}
			if len(b.open) > 0 {
				s.open = append(s.open, b)
			}
		}
		if len(n.denies) > 0 {
			chain, _ := s.e.x.chain(name)
			for _, up := range chain[1:] {
				s.below[up.name] = true
			}
		}
	}
}

// account is the node of a service account.
func (s *stepper) account(email string) graph.NodeID {
	email = strings.ToLower(email)
	if have, ok := s.e.subjects["serviceAccount:"+email]; ok {
		return s.b.Node(graph.Node{Ref: have.ref, Name: have.name})
	}
	_, domain, _ := strings.Cut(email, "@")
	project := strings.TrimSuffix(domain, ".iam.gserviceaccount.com")
	return s.b.Node(graph.Node{Ref: retinue.NewRef(retinue.NewRealm(realmKind, project), refAccount, email), Kind: graph.Outside})
}

// subject is the node of a principal or a set of them.
func (s *stepper) subject(key string) graph.NodeID {
	have := s.e.subjects[key]
	n := graph.Node{Ref: have.ref, Name: have.title()}
	switch m := parseMember(have.id); m.kind {
	case memberAnyone, memberAccounts:
		n.Kind = graph.Anyone
	case memberPool, memberPoolSet:
		n.Kind = graph.Outside
	case memberDomain, memberBasic, memberContainer, memberCustomer, memberOther:
		n.Kind = graph.Set
	}
	return s.b.Node(n)
}

// principal adds the steps that start at a principal: first those by what it is
// named for itself, then that it belongs to groups and sets, then what only all
// of that together gives. Where anything is denied, being in a group does not
// give all that the group has, and everything is asked of the principal itself.
func (s *stepper) principal(key string) {
	full := s.e.x.resolve(Principal{ID: s.e.subjects[key].id})
	from := s.subject(key)
	denied := len(s.e.x.state.Denies) > 0
	if !denied {
		alone := *full
		alone.keys = map[string]bool{full.self.key: true}
		s.walk(key, from, &alone, nil)
	}
	var groups []string
	for _, k := range slices.Sorted(maps.Keys(full.keys)) {
		other, ok := s.e.subjects[k]
		if !ok || k == key || everybody(k) {
			continue
		}
		groups = append(groups, k)
		if !denied {
			reason := access.Reason{Layer: layerMembership, Document: other.id, Effect: "allow", Text: full.self.key + " belongs to " + k}
			s.b.Step(graph.Step{From: []graph.NodeID{from}, To: s.subject(k), Verb: graph.MemberOf,
				Needs: [][]graph.GrantID{s.b.GrantsOf(s.e.subjects[key].ref, []access.Reason{reason})}, Because: []access.Reason{reason}})
		}
	}
	switch {
	case denied:
		s.walk(key, from, full, nil) // no step leads to its groups
	case len(groups) > 0:
		s.walk(key, from, full, groups)
	}
}

// walk goes every way as an asker. What the principal alone or one of its groups
// reaches is left out.
func (s *stepper) walk(key string, from graph.NodeID, who *asker, groups []string) {
	p := &pursuit{s: s, who: who, cache: map[[2]string]found{}, hot: map[string]bool{}, perms: map[int]bool{},
		steps: spread.Steps{B: s.b, Key: key, From: from, Groups: groups, Reached: &s.reached}}
	if who.self.kind == memberDeleted || who.self.kind == memberOther {
		return
	}
	p.collect()
	for i := range s.ways {
		w := &s.ways[i]
		if !slices.ContainsFunc(w.needs, func(n Need) bool { return !p.may(n.Permission) }) {
			p.way = w
			if tree := s.trees[w.sort]; tree != nil {
				tree.Walk(p)
			}
		}
	}
	p.roles()
}
