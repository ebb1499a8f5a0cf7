package gcpiam

import "strings"

// memberKind says how a member of a binding is matched.
type memberKind uint8

const (
	memberExact     memberKind = iota // user, service account, federated subject
	memberGroup                       // a Google group
	memberDomain                      // every account of a domain
	memberAnyone                      // allUsers
	memberAccounts                    // allAuthenticatedUsers
	memberDeleted                     // nobody
	memberPool                        // every identity of a pool
	memberPoolSet                     // a group or attribute of a pool
	memberBasic                       // projectOwner, projectEditor, projectViewer
	memberContainer                   // every service account below a node
	memberCustomer                    // every principal of a customer
	memberOther                       // not understood
)

// member is a member of a binding or a principal of a deny rule, in one
// spelling for both.
type member struct {
	kind memberKind
	// key is the canonical text, equal for equal members.
	key string
	// pool, name and value are the pool, the attribute's name and its value of
	// federated members; name is the role of memberBasic and the project is in
	// value.
	pool, name, value string
}

const (
	googSubject  = "principal://goog/subject/"
	googGroup    = "principalSet://goog/group/"
	googCustomer = "principalSet://goog/cloudIdentityCustomerId/"
	googPublic   = "principalSet://goog/public:all"
	saSubject    = "principal://iam.googleapis.com/projects/-/serviceAccounts/"
	poolSubject  = "principal://iam.googleapis.com/"
	poolSet      = "principalSet://iam.googleapis.com/"
	containerSet = "principalSet://cloudresourcemanager.googleapis.com/"
	identityPool = "svc.id.goog"
)

// parseMember reads a member in the spelling of allow policies or of deny
// policies: Google's documents "Principal identifiers" for v1 and for v2.
func parseMember(text string) member {
	text = strings.TrimSpace(text)
	switch text {
	case "allUsers", googPublic:
		return member{kind: memberAnyone, key: "allUsers"}
	case "allAuthenticatedUsers":
		return member{kind: memberAccounts, key: text}
	}
	if strings.HasPrefix(text, "deleted:") {
		return member{kind: memberDeleted, key: text}
	}
	for _, f := range []struct {
		prefix string
		make   func(rest string) member
	}{
		{"user:", accountMember}, {googSubject, accountMember},
		{"serviceAccount:", accountMember}, {saSubject, accountMember},
		{"group:", groupMember}, {googGroup, groupMember},
		{"domain:", func(r string) member {
			return member{kind: memberDomain, key: "domain:" + strings.ToLower(r), value: strings.ToLower(r)}
		}},
		{"projectOwner:", basicMember(basicRoleOwner)}, {"projectEditor:", basicMember(basicRoleEditor)},
		{"projectViewer:", basicMember(basicRoleViewer)},
		{googCustomer, func(r string) member {
			return member{kind: memberCustomer, key: googCustomer + r, value: r}
		}},
		{containerSet, containerMember},
		{poolSubject, subjectMember}, {poolSet, setMember},
	} {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok && rest != "" {
			return f.make(rest)
		}
	}
	return member{kind: memberOther, key: text}
}

// accountMember is a user or service account; IAM compares addresses without
// regard to case. PROJECT.svc.id.goog[NAMESPACE/NAME] is the older spelling of
// a Kubernetes service account.
func accountMember(email string) member {
	if pool, inside, ok := strings.Cut(strings.TrimSuffix(email, "]"), "["); ok && strings.HasSuffix(pool, "."+identityPool) {
		if ns, name, ok := strings.Cut(inside, "/"); ok {
			return kubernetesMember(pool, ns, name)
		}
	}
	email = strings.ToLower(email)
	if isServiceAccount(email) {
		return member{kind: memberExact, key: "serviceAccount:" + email, value: email}
	}
	return member{kind: memberExact, key: "user:" + email, value: email}
}

func kubernetesMember(pool, namespace, name string) member {
	pool = strings.ToLower(pool)
	return member{kind: memberExact, pool: pool, value: "ns/" + namespace + "/sa/" + name,
		key: "principal:" + pool + "/subject/ns/" + namespace + "/sa/" + name}
}

// isServiceAccount reports whether an address is one of a service account:
// those that users make, and those of Google's own services.
func isServiceAccount(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return strings.HasSuffix(domain, ".gserviceaccount.com") || domain == "cloudservices.gserviceaccount.com"
}

func groupMember(email string) member {
	email = strings.ToLower(email)
	return member{kind: memberGroup, key: "group:" + email, value: email}
}

func basicMember(role string) func(string) member {
	return func(project string) member {
		return member{kind: memberBasic, key: role + ":" + project, name: role, value: "projects/" + strings.TrimPrefix(project, "projects/")}
	}
}

// containerMember is every service account, or every identity of a kind, of a
// project, folder or organisation.
func containerMember(rest string) member {
	node, kind, _ := strings.Cut(rest, "/type/")
	return member{kind: memberContainer, key: containerSet + rest, name: kind, value: node}
}

// subjectMember is one identity of a workload or workforce pool.
func subjectMember(rest string) member {
	if email, ok := strings.CutPrefix(rest, "projects/-/serviceAccounts/"); ok {
		return accountMember(email)
	}
	path, subject, ok := strings.Cut(rest, "/subject/")
	if !ok || subject == "" {
		return member{kind: memberOther, key: poolSubject + rest}
	}
	pool := poolName(path)
	return member{kind: memberExact, pool: pool, value: subject, key: "principal:" + pool + "/subject/" + subject}
}

// setMember is a set of identities of a pool.
func setMember(rest string) member {
	if path, ok := strings.CutSuffix(rest, "/*"); ok {
		pool := poolName(path)
		return member{kind: memberPool, pool: pool, key: "principalSet:" + pool + "/*"}
	}
	i := strings.Index(rest, "Pools/")
	if i < 0 {
		return member{kind: memberOther, key: poolSet + rest}
	}
	parts := strings.SplitN(rest[i+len("Pools/"):], "/", 3)
	if len(parts) != 3 || parts[2] == "" {
		return member{kind: memberOther, key: poolSet + rest}
	}
	pool := poolName(rest[:i+len("Pools/")] + parts[0])
	return member{kind: memberPoolSet, pool: pool, name: parts[1], value: parts[2], key: "principalSet:" + pool + "/" + parts[1] + "/" + parts[2]}
}

// poolName is a pool's name; that of a Kubernetes cluster's project is unique
// without the project's number before it.
func poolName(path string) string {
	last := path[strings.LastIndexByte(path, '/')+1:]
	if strings.HasSuffix(last, "."+identityPool) {
		return strings.ToLower(last)
	}
	return path
}

// Principal is who asks.
type Principal struct {
	// ID is the principal as a member of a policy: "user:…",
	// "serviceAccount:…", "principal://…/subject/…", "group:…" for what every
	// member of a group can do, or "allUsers" for a request without
	// authentication.
	ID string
	// Groups are groups that it belongs to beyond those of the State.
	// GroupsComplete says that with the State's they are all.
	Groups         []string
	GroupsComplete bool
	// Attributes are the mapped attributes of a federated identity by name,
	// such as "attribute.repository" or "group"; AttributesComplete says that
	// there are no others.
	Attributes         map[string][]string
	AttributesComplete bool
	// Customer is the id of the Workspace or Cloud Identity customer, where
	// that is known.
	Customer string
}

// truth is a three-valued answer.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

// asker is a principal resolved against a State.
type asker struct {
	principal Principal
	self      member
	keys      map[string]bool // members that it is for certain
}

// federated reports whether it is an identity of a pool, to whom "all
// authenticated users" does not extend ("Principal identifiers").
func (a *asker) federated() bool { return a.self.pool != "" }

// set reports whether it stands for what every identity of a set can do. What a
// set is not named for is then not granted to all of it.
func (a *asker) set() bool {
	switch a.self.kind {
	case memberAccounts, memberDomain, memberPool, memberPoolSet, memberBasic, memberContainer, memberCustomer:
		return true
	}
	return false
}

// account reports whether it is a Google account or service account.
func (a *asker) account() bool {
	return a.self.kind == memberExact && a.self.pool == "" || a.self.kind == memberGroup
}

// resolve says which members of policies a principal is.
func (x *Index) resolve(p Principal) *asker {
	a := &asker{principal: p, self: parseMember(p.ID), keys: map[string]bool{"allUsers": true}}
	if a.self.kind == memberDeleted {
		return a
	}
	a.keys[a.self.key] = true
	if a.account() || a.self.kind == memberDomain || a.self.kind == memberContainer {
		a.keys["allAuthenticatedUsers"] = true
	}
	if a.self.kind == memberExact && strings.HasPrefix(a.self.key, "user:") {
		_, domain, _ := strings.Cut(a.self.value, "@")
		a.keys["domain:"+domain] = true
	}
	if a.federated() {
		a.pool()
	}
	if p.Customer != "" {
		a.keys[googCustomer+p.Customer] = true
	}
	queue := x.memberOf[a.self.key]
	for _, g := range p.Groups {
		queue = append(queue[:len(queue):len(queue)], groupMember(strings.TrimPrefix(g, "group:")).key)
	}
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		if !a.keys[g] {
			a.keys[g] = true
			queue = append(queue[:len(queue):len(queue)], x.memberOf[g]...)
		}
	}
	return a
}

func (a *asker) pool() {
	a.keys["principalSet:"+a.self.pool+"/*"] = true
	for name, values := range a.principal.Attributes {
		for _, v := range values {
			a.keys["principalSet:"+a.self.pool+"/"+name+"/"+v] = true
		}
	}
	if ns, ok := strings.CutPrefix(a.self.value, "ns/"); ok && strings.HasSuffix(a.self.pool, "."+identityPool) {
		ns, _, _ = strings.Cut(ns, "/")
		a.keys["principalSet:"+a.self.pool+"/namespace/"+ns] = true
	}
}

// is reports whether the asker is among a member.
func (x *Index) is(a *asker, m *member) truth {
	if m.kind == memberDeleted || a.self.kind == memberDeleted {
		return no
	}
	if a.keys[m.key] {
		return yes
	}
	if a.set() {
		return no
	}
	switch m.kind {
	case memberExact, memberAnyone, memberAccounts, memberDomain, memberPool:
		return no
	case memberGroup:
		if x.groups[m.key] || a.principal.GroupsComplete || a.self.kind == memberAnyone {
			return no
		}
		return maybe
	case memberPoolSet:
		return a.inPoolSet(m)
	case memberBasic:
		return x.holdsBasic(a, m)
	case memberContainer:
		return x.livesIn(a, m)
	case memberCustomer:
		if a.principal.Customer != "" || a.self.kind == memberAnyone || a.federated() {
			return no
		}
	}
	return maybe
}

func (a *asker) inPoolSet(m *member) truth {
	if a.self.pool != m.pool {
		return no
	}
	if _, known := a.principal.Attributes[m.name]; known || a.principal.AttributesComplete || m.name == "namespace" {
		return no
	}
	return maybe
}

// holdsBasic reports whether the asker holds a basic role in the project's own
// policy, which is whom a convenience value means. Whether one inherited from
// above counts is not documented.
func (x *Index) holdsBasic(a *asker, m *member) truth {
	n := x.node(m.value)
	switch {
	case a.self.kind == memberAnyone:
		return no
	case n == nil:
		return maybe
	}
	for cur, own := n, true; cur != nil; cur, own = cur.parent, false {
		for i := range cur.bindings {
			b := &cur.bindings[i]
			if b.roleName != m.name {
				continue
			}
			for _, held := range b.members {
				if held.kind == memberBasic {
					continue
				}
				switch x.is(a, held) {
				case yes:
					if own && b.condition == nil {
						return yes
					}
					return maybe
				case maybe:
					return maybe
				}
			}
		}
	}
	return no
}

// livesIn reports whether a service account lies below a node.
func (x *Index) livesIn(a *asker, m *member) truth {
	email, ok := strings.CutPrefix(a.self.key, "serviceAccount:")
	if !ok || m.name != "" && m.name != "ServiceAccount" {
		if a.self.kind == memberAnyone || strings.HasPrefix(a.self.key, "user:") {
			return no
		}
		return maybe
	}
	_, domain, _ := strings.Cut(email, "@")
	project, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com")
	if !ok {
		return maybe
	}
	n, want := x.node("projects/"+project), x.node(m.value)
	if n == nil || want == nil {
		if "projects/"+project == m.value {
			return yes
		}
		return maybe
	}
	for ; n != nil; n = n.parent {
		if n == want {
			return yes
		}
		if n.parent == nil && !n.root {
			return maybe
		}
	}
	return no
}
