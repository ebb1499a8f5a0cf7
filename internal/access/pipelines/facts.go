package pipelines

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// The kinds of refs that connectors make and that are told apart here.
const (
	refProvider     = "workload_identity_provider"
	refOIDCProvider = "oidc_provider"
	refFederated    = "federated"
	refSet          = "principal_set"
)

// Facts are the types of fact that a Collector needs.
func Facts() []retinue.FactType {
	return []retinue.FactType{retinue.FactContainer, retinue.FactIdentity, retinue.FactGroup, retinue.FactPolicy, retinue.FactCredential, retinue.FactResource,
		retinue.FactAttachment, retinue.FactGrant, retinue.FactTrust, retinue.FactPlacement}
}

// Collector builds an Engine from the facts of all systems: pipelines, what else
// is issued tokens, and the trusts of clouds. It keeps what it needs of them
// only. It is used by one goroutine. The zero Collector is ready.
type Collector struct {
	pipelines   map[retinue.Ref]*pipeline
	definitions map[retinue.Ref]string // documents by policy
	attached    map[retinue.Ref]retinue.Ref
	repos       map[retinue.Realm]*repository
	workloads   []retinue.Identity
	trusts      []retinue.Trust
	documents   map[retinue.Ref]string // trust policies that name a provider of tokens
	audiences   map[string][]string    // by the ARN of a provider
	providers   []retinue.Resource
	members     map[retinue.Ref]bool
	placements  []retinue.Placement
	credentials map[retinue.Ref]string
	seen        map[stated]bool
}

// stated is a fact that may be stated by several sources; the first counts.
type stated struct {
	is  retinue.FactType
	ref retinue.Ref
}

// first reports whether a fact is stated for the first time.
func (c *Collector) first(f retinue.Fact) bool {
	key := stated{f.FactType(), f.FactRef()}
	if c.seen[key] {
		return false
	}
	c.seen[key] = true
	return true
}

// pipeline is a pipeline of the inventory.
type pipeline struct {
	identity   retinue.Identity
	definition *Definition // nil where there is none
	tokens     []Token
	grants     []retinue.Grant
	secrets    []secret
	ways       []match
	problem    string
}

// secret is a credential that a pipeline is given by its name.
type secret struct {
	ref   retinue.Ref
	name  string
	place retinue.Place
}

// repository is a repository of the inventory.
type repository struct {
	realm   retinue.Realm
	ref     retinue.Ref // the container; zero for a folder
	name    string
	address string
	tokens  []Token // of any run
	// own are the pipelines in it, sorted.
	own  []*pipeline
	ways []match
}

func (c *Collector) start() {
	if c.pipelines != nil {
		return
	}
	c.pipelines, c.definitions, c.attached = map[retinue.Ref]*pipeline{}, map[retinue.Ref]string{}, map[retinue.Ref]retinue.Ref{}
	c.repos, c.documents, c.audiences = map[retinue.Realm]*repository{}, map[retinue.Ref]string{}, map[string][]string{}
	c.members, c.credentials, c.seen = map[retinue.Ref]bool{}, map[retinue.Ref]string{}, map[stated]bool{}
}

// Add takes a fact; those that play no part are passed over. It never fails: a
// document that cannot be read becomes a gap of its realm.
func (c *Collector) Add(f retinue.Fact) error {
	c.start()
	switch f := f.(type) {
	case retinue.Identity:
		c.identity(f)
	case retinue.Container:
		if f.Kind == retinue.ContainerRepository {
			r := c.repo(f.Ref.Realm)
			r.ref, r.name = f.Ref, f.Name
			if remotes := list(f.Attrs["remotes"]); len(remotes) > 0 {
				r.address = remotes[0]
			}
		}
	case retinue.Group:
		c.members[f.Ref] = f.Ref.Kind == refSet
	case retinue.Policy:
		switch {
		case f.Language == retinue.LanguagePipeline:
			c.definitions[f.Ref] = f.Document
		case f.Language == retinue.LanguageAWSIAM && strings.Contains(f.Document, `"Federated"`):
			c.documents[f.Ref] = f.Document
		}
	case retinue.Attachment:
		if f.Policy.Kind == "pipeline_definition" {
			c.attached[f.Target] = f.Policy
		}
	case retinue.Resource:
		c.resource(f)
	case retinue.Trust:
		_, claimed := f.Attrs["claimedBy"] // by the other side, which proves nothing
		if f.Kind == retinue.TrusteeFederated && f.Federation != nil && !claimed && c.first(f) {
			c.trusts = append(c.trusts, f)
		}
	case retinue.Grant:
		if f.Subject.Kind != "pipeline" || !c.first(f) {
			break
		}
		if p := c.pipelines[f.Subject]; p != nil {
			p.grants = append(p.grants, f)
		} else {
			c.pipelines[f.Subject] = &pipeline{identity: retinue.Identity{Ref: f.Subject}, grants: []retinue.Grant{f}}
		}
	case retinue.Placement:
		if f.Consumer.Kind == "pipeline" && c.first(f) {
			c.placements = append(c.placements, f)
		}
	case retinue.Credential:
		if f.Ref.Kind == "named_secret" {
			c.credentials[f.Ref] = f.Name
		}
	}
	return nil
}

func (c *Collector) identity(f retinue.Identity) {
	switch {
	case f.Kind == retinue.IdentityPipeline:
		if p := c.pipelines[f.Ref]; p != nil {
			if p.identity.Kind == "" {
				p.identity = f
			}
		} else {
			c.pipelines[f.Ref] = &pipeline{identity: f}
		}
	case f.Ref.Kind == refFederated:
		c.members[f.Ref] = true
	case f.Federation != nil && f.Kind != retinue.IdentityFederated && f.Federation.Subject != "" && f.Federation.Issuer != "" && c.first(f):
		c.workloads = append(c.workloads, f)
	}
}

func (c *Collector) resource(f retinue.Resource) {
	switch f.Ref.Kind {
	case refProvider:
		if c.first(f) {
			c.providers = append(c.providers, f)
		}
	case refOIDCProvider:
		audiences := list(f.Attrs["audiences"])
		c.audiences[f.Ref.Key] = slices.Clone(audiences)
	}
}

func (c *Collector) repo(realm retinue.Realm) *repository {
	r := c.repos[realm]
	if r == nil {
		r = &repository{realm: realm}
		c.repos[realm] = r
	}
	return r
}

// Engine returns the engine of what was added, or nil where there is nothing that
// it could speak of. gaps say by realm what was not read. The Collector must not
// be used any more.
func (c *Collector) Engine(gaps map[retinue.Realm][]string) (*Engine, error) {
	c.start()
	if len(c.pipelines)+len(c.repos)+len(c.trusts)+len(c.providers) == 0 {
		return nil, nil
	}
	e := &Engine{pipelines: map[retinue.Ref]*pipeline{}, repos: map[retinue.Realm]*repository{}, gaps: map[retinue.Realm][]string{}}
	for realm, list := range gaps {
		e.gaps[realm] = slices.Clone(list)
	}
	language, err := newExpressions()
	if err != nil {
		return nil, err
	}
	for _, ref := range slices.SortedFunc(maps.Keys(c.pipelines), compareRefs) {
		if p := c.pipelines[ref]; p.identity.Kind != "" {
			c.join(e, p)
		}
	}
	for _, p := range c.placements {
		c.secret(e, p)
	}
	for realm, r := range c.repos {
		if r.address == "" {
			continue
		}
		e.repos[realm] = r
	}
	for _, r := range e.repos {
		slices.SortFunc(r.own, func(a, b *pipeline) int { return compareRefs(a.identity.Ref, b.identity.Ref) })
		r.tokens = prepared(r.anyRun())
	}
	e.trusts = append(c.awsTrusts(e), c.otherTrusts(language)...)
	for _, w := range c.workloads {
		e.workloads = append(e.workloads, workloadOf(w))
	}
	slices.SortFunc(e.workloads, func(a, b *workload) int { return compareRefs(a.ref, b.ref) })
	e.match()
	return e, nil
}

// join reads a pipeline's definition and puts it into its repository.
func (c *Collector) join(e *Engine, p *pipeline) {
	ref := p.identity.Ref
	r := c.repo(ref.Realm)
	e.repos[ref.Realm] = r
	r.own = append(r.own, p)
	e.pipelines[ref] = p
	document, ok := c.definitions[c.attached[ref]]
	if !ok {
		p.tokens = prepared(federatedTokens(&p.identity))
		return
	}
	d, err := Parse(document)
	if err != nil {
		p.problem = err.Error()
		e.gap(ref.Realm, fmt.Sprintf("the definition of %s was not understood: %v", ref.Key, err))
		return
	}
	p.definition = d
	if r.address == "" {
		r.address = d.Repository
	}
	called := func(file string) *Definition {
		other, err := Parse(c.definitions[c.attached[retinue.NewRef(ref.Realm, "pipeline", file)]])
		if err != nil {
			return nil
		}
		return other
	}
	p.tokens = prepared(d.Tokens(called))
	c.note(e, ref, d)
}

// note says what the definition does not tell.
func (c *Collector) note(e *Engine, ref retinue.Ref, d *Definition) {
	asks := false
	for i := range d.Jobs {
		asks = asks || d.System == systemGitHub && d.asks(&d.Jobs[i]) || len(d.Jobs[i].IDTokens) > 0
	}
	if asks && d.Repository == "" {
		e.gap(ref.Realm, ref.Key+" asks for tokens, and the repository has no remote that tells their subject")
	}
	if d.Includes {
		e.gap(ref.Realm, ref.Key+" includes or extends what was not followed")
	}
	if d.Truncated {
		e.gap(ref.Realm, ref.Key+" has more jobs than are kept")
	}
}

func (c *Collector) secret(e *Engine, f retinue.Placement) {
	if p := e.pipelines[f.Consumer]; p != nil {
		name := c.credentials[f.Credential]
		if name == "" {
			name = f.Place.Field
		}
		p.secrets = append(p.secrets, secret{f.Credential, name, f.Place})
	}
}

// awsTrusts are the roles that trust a provider of tokens, one for each provider.
func (c *Collector) awsTrusts(e *Engine) []*trust {
	policies := map[string]*awsiam.Policy{} // by text and name
	seen := map[[2]string]bool{}
	var out []*trust
	for _, t := range c.trusts {
		document, ok := c.documents[t.Via]
		if !ok {
			continue
		}
		policy, ok := policies[t.Via.Key]
		if !ok {
			parsed, err := awsiam.ParseText(document)
			if err != nil {
				e.gap(t.Subject.Realm, fmt.Sprintf("the trust policy of %s was not understood: %v", t.Subject.Key, err))
			} else {
				policy = parsed.Named(t.Via.Key)
			}
			policies[t.Via.Key] = policy
		}
		if policy == nil {
			continue
		}
		for _, provider := range awsProviders(policy) {
			if key := [2]string{t.Subject.Key, provider}; !seen[key] {
				seen[key] = true
				j := newAWSTrust(t.Subject.Key, provider, policy)
				j.audiences = c.audiences[provider]
				out = append(out, &trust{target: t.Subject, kind: graph.Identity, name: t.Subject.Key, issuer: issuerOfProvider(provider), judge: j,
					technique: actionWebIdentity})
			}
		}
	}
	return sortedTrusts(out)
}

// otherTrusts are those of Google Cloud and Entra, and those of which there is no
// document.
func (c *Collector) otherTrusts(language *expressions) []*trust {
	var out []*trust
	for _, r := range c.providers {
		p, ok := newGCPProvider(r, language)
		if !ok {
			continue
		}
		for ref, is := range c.members {
			if m, ok := newGCPMember(p, ref.Key); ok && is {
				kind := graph.Identity
				if ref.Kind == refSet {
					kind = graph.Set
				}
				out = append(out, &trust{target: ref, kind: kind, name: ref.Key, issuer: p.issuer, judge: m, technique: "sts.googleapis.com/token"})
			}
		}
	}
	for _, t := range c.trusts {
		_, documented := c.documents[t.Via]
		switch t.Subject.Realm.Kind() {
		case "gcp":
			continue // by the member
		case "azure":
			out = append(out, &trust{target: t.Subject, kind: entraKind(t.Subject), name: t.Subject.Key, issuer: strings.TrimSuffix(t.Federation.Issuer, "/"),
				judge: newEntraTrust(t), technique: "federated credential"})
		default:
			if !documented && t.Federation.Issuer != "" && t.Federation.Subject != "" {
				out = append(out, &trust{target: t.Subject, kind: graph.Identity, name: t.Subject.Key, issuer: strings.TrimSuffix(t.Federation.Issuer, "/"), technique: "federated trust",
					judge: &exactTrust{layer: layerTrust, document: t.Subject.Key, subject: t.Federation.Subject, audience: t.Federation.Audience, wild: true}})
			}
		}
	}
	return sortedTrusts(out)
}

func entraKind(ref retinue.Ref) graph.Kind {
	if ref.Kind == "managed_identity" {
		return graph.Resource
	}
	return graph.Identity
}

func sortedTrusts(list []*trust) []*trust {
	slices.SortStableFunc(list, func(a, b *trust) int {
		return cmp.Or(compareRefs(a.target, b.target), cmp.Compare(a.issuer, b.issuer))
	})
	return list
}

func compareRefs(a, b retinue.Ref) int {
	return cmp.Or(cmp.Compare(a.Realm, b.Realm), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
