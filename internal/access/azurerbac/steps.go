package azurerbac

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/spread"
)

// way is one way to come from a principal to targets by actions on resources.
type way struct {
	id                       string
	actions, data, elsewhere []string
	verb                     graph.Verb
	assumes                  string
	sort                     string // of the targets
}

// The sorts of target that are no resource types.
const (
	sortScopes     = "scopes"
	sortIdentities = "managed identities"
)

// ways are the techniques by actions that give all that their target can do, and
// what reads and writes key vaults and storage.
func ways() []way {
	var out []way
	for _, t := range Techniques() {
		w := way{id: t.ID, actions: t.Actions, data: t.DataActions, elsewhere: t.Elsewhere, verb: verbOf(&t)}
		switch t.Gain {
		case GainScope:
			w.sort = sortScopes
		case GainWorkload:
			w.sort = strings.ToLower(t.Workload)
		case GainManagedIdentity:
			w.sort = sortIdentities
		default:
			continue // the directory's, and roles, are looked for by who holds them
		}
		if t.Limited == "" {
			out = append(out, w)
		}
	}
	const vault, storage, cosmos = "microsoft.keyvault/vaults", "microsoft.storage/storageaccounts", "microsoft.documentdb/databaseaccounts"
	return append(out,
		way{id: "reads", data: []string{vault + "/secrets/getSecret/action"}, verb: graph.ReadsSecret, sort: vault},
		way{id: "writes", data: []string{vault + "/secrets/setSecret/action"}, verb: graph.Writes, sort: vault},
		way{id: "vault-access-policy", actions: []string{vault + "/accessPolicies/write"}, verb: graph.ReadsSecret, sort: vault, assumes: "the vault goes by access policies, not by role assignments"},
		way{id: "reads", data: []string{storage + "/blobServices/containers/blobs/read"}, verb: graph.Reads, sort: storage},
		way{id: "writes", data: []string{storage + "/blobServices/containers/blobs/write"}, verb: graph.Writes, sort: storage},
		way{id: "list-storage-keys", actions: []string{storage + "/listkeys/action"}, verb: graph.Reads, sort: storage, assumes: "the account takes shared keys"},
		way{id: "list-database-keys", actions: []string{cosmos + "/listKeys/action"}, verb: graph.Reads, sort: cosmos, assumes: "the account takes keys"})
}

// holdsData reports the types of resource that hold data or secrets, in lower
// case.
func holdsData(kind string) bool {
	return slices.Contains([]string{"microsoft.keyvault/vaults", "microsoft.storage/storageaccounts", "microsoft.documentdb/databaseaccounts"}, kind)
}

func verbOf(t *Technique) graph.Verb {
	switch t.ID {
	case "uami-federate":
		return graph.Mints
	case "web-publish", "web-config", "web-write", "web-slot", "function-host-keys", "automation-runbook", "logic-app-write", "container-app-write", "data-factory-pipeline":
		return graph.ModifiesCode
	}
	switch t.Gain {
	case GainWorkload:
		return graph.ExecsInto
	case GainManagedIdentity:
		return graph.PassesRole
	case GainServicePrincipal:
		return graph.Mints
	}
	return graph.Attaches
}

// technique is how a step names its way: with the actions that it needs.
func (w *way) technique() string {
	list := slices.Concat(w.actions, w.data, w.elsewhere)
	if len(list) == 0 {
		return w.id
	}
	return w.id + ": " + strings.Join(list, ", ")
}

// stepper puts the steps of a tenant into a graph.
type stepper struct {
	t        *tenant
	b        *graph.Builder
	ways     []way
	trees    map[string]*spread.Tree
	below    map[string]bool   // places below which something is denied
	own      map[string]bool   // scopes of single resources with assignments or denials
	holders  map[string]string // application or service principal to the one that takes its secrets
	reached  spread.Reached
	appsSet  graph.NodeID
	groupSet map[bool]graph.NodeID // by whether roles can be assigned to them
}

// Steps puts who can come to act as whom into a graph: every technique that gives
// all that its target can do, and who reads and writes key vaults, storage and
// databases. A subscription, management group or resource group is a node that
// leads to all that lies in it, and the tenant one that leads to all of the
// directory and of Azure; who reaches them administers them. Answers that are
// Unknown make no step.
func (e *Engine) Steps(b *graph.Builder) {
	for _, realm := range e.order {
		t := e.tenants[realm]
		s := &stepper{t: t, b: b, ways: ways(), trees: map[string]*spread.Tree{}, below: map[string]bool{}, own: map[string]bool{}, holders: map[string]string{}, groupSet: map[bool]graph.NodeID{}}
		s.prepare()
		s.plant()
		for _, key := range t.order {
			s.principal(key)
		}
	}
}

// ref names an object of the directory.
func (s *stepper) ref(id string) retinue.Ref {
	if have, ok := s.t.subjects[id]; ok {
		return have.ref
	}
	return retinue.NewRef(s.t.realm, refObject, id)
}

// subject is the node of a principal.
func (s *stepper) subject(id string) graph.NodeID {
	have := s.t.subjects[id]
	return s.b.Node(graph.Node{Ref: s.ref(id), Name: have.name})
}

// principal adds the steps that start at a principal: first those by what it is
// named for itself, then that it belongs to groups, then what only all of that
// together gives. Where anything is denied, being in a group does not give all
// that the group has, and everything is asked of the principal itself.
func (s *stepper) principal(key string) {
	full := s.t.x.resolve(Principal{ID: key})
	from := s.subject(key)
	denied := len(s.t.x.denies) > 0
	if !denied {
		s.walk(key, from, &asker{id: full.id, ids: []string{full.id}, is: map[string]bool{full.id: true}, complete: true}, nil)
	}
	groups := full.ids[1:]
	for _, g := range groups {
		if denied {
			break
		}
		reason := access.Reason{Layer: layerMembership, Document: g, Effect: "allow", Text: "member of group " + s.t.subjects[g].title()}
		s.b.Step(graph.Step{From: []graph.NodeID{from}, To: s.subject(g), Verb: graph.MemberOf,
			Needs: [][]graph.GrantID{s.b.GrantsOf(s.ref(key), []access.Reason{reason})}, Because: []access.Reason{reason}})
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
	p := &pursuit{s: s, who: who, cache: map[question]found{}, hot: map[string]bool{},
		steps: spread.Steps{B: s.b, Key: key, From: from, Groups: groups, Reached: &s.reached}}
	p.collect()
	if len(p.assignments) > 0 {
		for i := range s.ways {
			if p.way = &s.ways[i]; s.trees[p.way.sort] != nil && p.may() {
				s.trees[p.way.sort].Walk(p)
			}
		}
		p.roles()
		p.administrator()
	}
	p.directory()
}
