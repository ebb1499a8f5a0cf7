package gcpiam

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Edge says that one principal can gain what another has.
type Edge struct {
	Technique string `json:"technique"`
	// From is the principal, as a member of a policy.
	From string `json:"from"`
	// To is who or what is gained: "serviceAccount:EMAIL", a node, or a role.
	To string `json:"to"`
	// Via is the workload through which a service account is reached.
	Via string `json:"via,omitempty"`
	// Outcome is Allowed, Conditional or Unknown; Remains holds the conditions
	// of a conditional edge.
	Outcome access.Outcome     `json:"outcome"`
	Remains []access.Condition `json:"remains,omitempty"`
	Because []access.Reason    `json:"because"`
	Limited string             `json:"limited,omitempty"`
}

// Partial reports whether the edge gives less than everything that its target
// can do.
func (e *Edge) Partial() bool { return e.Limited != "" }

// Principals are all that the bindings name and that can ask: users, service
// accounts, groups, federated identities, and the service accounts of the
// state. They are sorted.
func (x *Index) Principals() []string {
	seen := map[string]bool{}
	for _, n := range x.nodes {
		for i := range n.bindings {
			for _, m := range n.bindings[i].members {
				if id := m.id(); id != "" {
					seen[id] = true
				}
			}
		}
	}
	for i := range x.state.ServiceAccounts {
		seen["serviceAccount:"+strings.ToLower(x.state.ServiceAccounts[i].Email)] = true
	}
	out := make([]string, 0, len(seen))
	for id := range seen {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// id is the member as an ID of a Principal; empty for sets that are no
// principal.
func (m *member) id() string {
	switch {
	case m.kind == memberAnyone, m.kind == memberGroup:
		return m.key
	case m.kind != memberExact:
		return ""
	case m.pool == "":
		return m.key
	case strings.HasSuffix(m.pool, "."+identityPool):
		return "serviceAccount:" + m.pool + "[" + strings.Replace(strings.TrimPrefix(m.value, "ns/"), "/sa/", "/", 1) + "]"
	}
	return poolSubject + m.pool + "/subject/" + m.value
}

// Edges returns every edge that starts at a principal. It costs about one
// question for each technique and each target, so that it is asked for the
// principals one cares about.
func (x *Index) Edges(p Principal) []Edge {
	h := &hunter{x: x, p: p, who: x.resolve(p), cache: map[[2]string]access.Decision{}, held: map[string]bool{}}
	for _, t := range Techniques() {
		if h.mayHold(t.Needs) {
			h.apply(&t)
		}
	}
	h.delegations()
	return h.edges
}

// hunter collects the edges of one principal.
type hunter struct {
	x     *Index
	p     Principal
	who   *asker
	cache map[[2]string]access.Decision
	held  map[string]bool
	edges []Edge
}

// mayHold reports whether the principal may have all the permissions anywhere,
// which spares most questions.
func (h *hunter) mayHold(list []Need) bool {
	for _, n := range list {
		got, known := h.held[n.Permission]
		if !known {
			got = h.anywhere(n.Permission)
			h.held[n.Permission] = got
		}
		if !got {
			return false
		}
	}
	return true
}

func (h *hunter) anywhere(permission string) bool {
	id, known := h.x.perms[permission]
	for _, n := range h.x.nodes {
		for i := range n.bindings {
			b := &n.bindings[i]
			if b.role != nil && (!known || !b.role.has(id)) {
				continue
			}
			if t, _ := h.x.holds(h.who, b); t != no {
				return true
			}
		}
	}
	return false
}

func (h *hunter) ask(permission, resource string) access.Decision {
	k := [2]string{permission, resource}
	if d, ok := h.cache[k]; ok {
		return d
	}
	d := h.x.Decide(Question{Principal: h.p, Permission: permission, Resource: resource, Open: true})
	h.cache[k] = d
	return d
}

// all asks for every need of a technique with its target; ok is false where one
// of them is denied.
func (h *hunter) all(t *Technique, resource, inProject, account string) (e Edge, ok bool) {
	e = Edge{Technique: t.ID, From: h.p.ID, Outcome: access.Allowed, Limited: t.Limited}
	for _, n := range t.Needs {
		on := resource
		switch n.On {
		case OnTargetProject:
			on = inProject
		case OnAccount:
			on = account
		}
		if on == "" || !e.add(h.ask(n.Permission, on)) {
			return e, false
		}
	}
	return e, true
}

// add takes one more decision into an edge; it reports whether the edge still
// stands.
func (e *Edge) add(d access.Decision) bool {
	switch d.Outcome {
	case access.Allowed:
	case access.Conditional:
		if e.Outcome == access.Allowed {
			e.Outcome = access.Conditional
		}
		e.Remains = append(e.Remains, d.Remains...)
	case access.Unknown:
		e.Outcome = access.Unknown
	default:
		return false
	}
	e.Because = append(e.Because, d.Because...)
	return true
}

// nodesOf are the hierarchy's nodes of a kind, sorted by name.
func (x *Index) nodesOf(kind string) []*node {
	seen := map[*node]bool{}
	var out []*node
	for name, n := range x.nodes {
		if strings.HasPrefix(name, kind+"/") && !seen[n] && strings.HasPrefix(n.name, kind+"/") {
			seen[n] = true
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	return out
}

func (h *hunter) apply(t *Technique) {
	switch t.Gain {
	case GainAccount:
		for i := range h.x.state.ServiceAccounts {
			a := &h.x.state.ServiceAccounts[i]
			h.account(t, a)
		}
	case GainWorkload:
		for i := range h.x.state.Workloads {
			if w := &h.x.state.Workloads[i]; w.Type == t.Workload {
				h.workload(t, w)
			}
		}
	case GainNode:
		for _, n := range h.x.nodesOf(t.Node) {
			if e, ok := h.all(t, n.name, n.name, ""); ok {
				e.To = n.name
				h.edges = append(h.edges, e)
			}
		}
	case GainRole:
		h.roles(t)
	case GainProjectAccount:
		h.projectAccounts(t)
	}
}

func (h *hunter) account(t *Technique, a *ServiceAccount) {
	to := "serviceAccount:" + strings.ToLower(a.Email)
	if a.Disabled || to == h.who.self.key {
		return
	}
	if e, ok := h.all(t, a.name(), a.Project, ""); ok {
		e.To = to
		h.edges = append(h.edges, e)
	}
}

func (h *hunter) workload(t *Technique, w *Workload) {
	for _, sa := range w.RunsAs {
		one, ok := h.all(t, w.Name, projectIn(w.Name), h.x.accountName(sa, w.Name))
		if !ok {
			continue
		}
		one.To, one.Via = "serviceAccount:"+strings.ToLower(sa), w.Name
		if one.To != h.who.self.key {
			h.edges = append(h.edges, one)
		}
	}
}

// roles looks for custom roles that the principal both holds and may write.
func (h *hunter) roles(t *Technique) {
	for _, r := range h.x.state.Roles {
		owner, _, custom := strings.Cut(r.Name, "/roles/")
		if !custom || !h.holdsRole(r.Name) {
			continue
		}
		if e, ok := h.all(t, owner, owner, ""); ok {
			e.To = r.Name
			h.edges = append(h.edges, e)
		}
	}
}

func (h *hunter) holdsRole(name string) bool {
	for _, n := range h.x.nodes {
		for i := range n.bindings {
			if b := &n.bindings[i]; b.roleName == name {
				if t, _ := h.x.holds(h.who, b); t == yes {
					return true
				}
			}
		}
	}
	return false
}

func (h *hunter) projectAccounts(t *Technique) {
	for _, n := range h.x.nodesOf("projects") {
		number := strings.TrimPrefix(n.number, "projects/")
		if number == "" {
			continue
		}
		if e, ok := h.all(t, n.name, n.name, ""); ok {
			e.To = "serviceAccount:" + strings.Replace(t.Account, "NUMBER", number, 1)
			h.edges = append(h.edges, e)
		}
	}
}

// delegations adds chains of implicit delegation: with it on A, whoever A may
// mint tokens of can be reached in one call ("Create short-lived credentials
// for multiple service accounts").
func (h *hunter) delegations() {
	const delegate = "iam.serviceAccounts.implicitDelegation"
	if !h.mayHold([]Need{{delegate, OnTarget}}) {
		return
	}
	for i := range h.x.state.ServiceAccounts {
		via := &h.x.state.ServiceAccounts[i]
		d := h.ask(delegate, via.name())
		if d.Outcome != access.Allowed && d.Outcome != access.Conditional || via.Disabled {
			continue
		}
		next := Principal{ID: "serviceAccount:" + strings.ToLower(via.Email)}
		for j := range h.x.state.ServiceAccounts {
			to := &h.x.state.ServiceAccounts[j]
			if i == j || to.Disabled {
				continue
			}
			e := Edge{Technique: "sa-implicit-delegation", From: h.p.ID, To: "serviceAccount:" + strings.ToLower(to.Email), Via: via.name(), Outcome: access.Allowed}
			got := h.x.Decide(Question{Principal: next, Permission: "iam.serviceAccounts.getAccessToken", Resource: to.name(), Open: true})
			if e.add(d) && e.add(got) && e.To != h.who.self.key {
				h.edges = append(h.edges, e)
			}
		}
	}
}

// accountName is the full resource name of the account that a workload runs as.
func (x *Index) accountName(email, workload string) string {
	email = strings.ToLower(email)
	if n := x.nodes["//iam.googleapis.com/projects/-/serviceAccounts/"+email]; n != nil {
		return n.name
	}
	_, domain, _ := strings.Cut(email, "@")
	if project, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com"); ok {
		return "//iam.googleapis.com/projects/" + project + "/serviceAccounts/" + email
	}
	return "//iam.googleapis.com/" + projectIn(workload) + "/serviceAccounts/" + email
}

// projectIn is the project that a full resource name holds.
func projectIn(name string) string {
	_, rest, ok := strings.Cut(name, "/projects/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return "projects/" + id
}

// Administrator reports whether a principal can grant itself anything on a
// node: setIamPolicy there, which roles/owner, the Organization, Folder and
// Project IAM administrators and Security Admin hold. An administrator of an
// organisation is one of everything below it.
func (x *Index) Administrator(p Principal, node string) access.Decision {
	node = CanonicalName(node)
	kind, _, _ := strings.Cut(node, "/")
	switch kind {
	case "projects", "folders", "organizations":
	default:
		return unknownBecause(access.Reason{Layer: layerAbove, Document: node, Effect: "none", Text: "only nodes of the hierarchy have administrators"})
	}
	return x.Decide(Question{Principal: p, Permission: "resourcemanager." + kind + ".setIamPolicy", Resource: node, Open: true})
}
