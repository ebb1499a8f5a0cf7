package gcpiam

import (
	"regexp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/wording"
)

// Engine answers for all of Google Cloud that is known. Policies are inherited
// across realms, so that its projects, folders and organisations answer
// together. It is safe for concurrent use.
//
// An action is a permission, "iam.serviceAccounts.actAs", or as deny policies
// spell it. A resource is "projects/ID", "folders/N", "organizations/N" or a full
// resource name "//service/path"; empty means any resource that a policy names.
//
// # Administrators
//
// An administrator of a project, folder or organisation is allowed setIamPolicy
// on it without a condition, after deny policies: it can grant itself anything
// there and below ([Index.Administrator]). Roles such as Owner, Security Admin
// and the Project, Folder and Organization IAM administrators hold that.
type Engine struct {
	x         *Index
	subjects  map[string]subject
	order     []string // keys of subjects, sorted
	byRef     map[retinue.Ref]string
	targets   map[string]retinue.Ref // nodes and resources by canonical name
	resources []retinue.Resource
	providers map[string][]Provider
	realms    []retinue.Realm
	gaps      map[retinue.Realm][]string
}

// Language names the language as the command line does.
func (*Engine) Language() string { return "gcp" }

// Realms are the projects, folders and organisations that are known, with what
// was not read of each.
func (e *Engine) Realms() []access.Known {
	out := make([]access.Known, 0, len(e.realms))
	for _, r := range e.realms {
		k := access.Known{Realm: r, Gaps: slices.Clone(e.gaps[r])}
		node := r.ID()
		if !strings.Contains(node, "/") {
			node = "projects/" + node
		}
		chain, missing := e.x.chain(node)
		if missing != "" {
			k.Gaps = append(k.Gaps, "what lies above "+missing+" is not known")
		}
		if !e.x.state.Read.Policies[node] {
			k.Gaps = append(k.Gaps, "the allow policies of what lies in "+node+" were not listed: add `gcloud asset search-all-iam-policies`")
		}
		for _, n := range chain {
			if n.policies == 0 && !e.x.state.Read.Policies[n.name] {
				k.Gaps = append(k.Gaps, "the allow policy of "+n.name+" was not read")
			}
		}
		if at := e.x.denyUnlisted(chain); at != "" {
			k.Narrowing = append(k.Narrowing, "deny policies of "+at+" were not listed and may forbid more")
		}
		out = append(out, k)
	}
	return out
}

// permissionForm is a permission of Google Cloud in the spelling of roles, or of
// deny rules.
var permissionForm = regexp.MustCompile(`^[a-z][a-zA-Z0-9-]*(\.googleapis\.com/[a-zA-Z0-9-]+|\.[a-zA-Z0-9-]+)(\.[a-zA-Z0-9-]+)+$`)

// Asks reports whether an action and a resource are words of Google Cloud.
func (*Engine) Asks(action, resource string) bool {
	if !permissionForm.MatchString(action) {
		return false
	}
	if resource == "" {
		return true
	}
	name := CanonicalName(resource)
	if rest, ok := strings.CutPrefix(name, "//"); ok {
		service, _, _ := strings.Cut(rest, "/")
		return strings.HasSuffix(service, ".googleapis.com")
	}
	kind, id, _ := strings.Cut(name, "/")
	return id != "" && slices.Contains([]string{"projects", "folders", "organizations"}, kind)
}

// Can answers whether an identity, a group or a set of identities may do
// something. What holds for a group or set holds for everyone in it.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	key, ok := e.byRef[identity]
	if !ok {
		key = parseMember(idOf(identity)).key
		_, ok = e.subjects[key]
	}
	if !ok {
		return unknownBecause(access.Reason{Layer: "principal", Effect: "none", Text: "no policy that was read and no list of identities names " + identity.Key})
	}
	d, _ := e.can(key, action, e.places(action, resource, ""))
	return d
}

// places are the resources that a question is about: the one that it names, or
// every one at which a role with the permission is bound.
func (e *Engine) places(action, resource string, realm retinue.Realm) []string {
	if resource != "" {
		return []string{resource}
	}
	id, known := e.x.perms[plainPermission(action)]
	var out []string
	for name, n := range e.x.nodes {
		if name != n.name || realm != "" && e.realmAt(name) != realm {
			continue
		}
		if slices.ContainsFunc(n.bindings, func(b compiledBinding) bool { return b.role == nil || known && b.role.has(id) }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// realmAt is the realm in which a node or resource lies; empty where that is
// not known.
func (e *Engine) realmAt(name string) retinue.Realm { return e.targets[name].Realm }

// can answers for a subject at the best of several resources.
func (e *Engine) can(key, action string, places []string) (access.Decision, about) {
	s := e.subjects[key]
	who := e.x.resolve(Principal{ID: s.id})
	best := access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerAllow, Effect: "none",
		Text: "no policy that was read grants " + action + " to " + s.id + " on anything"}}}
	var open about
	for _, at := range places {
		q := Question{Principal: Principal{ID: s.id}, Permission: action, Resource: at, Open: true}
		chain, missing := e.x.chain(at)
		d, a := e.x.decide(&q, who, chain, missing)
		if len(places) == 1 || wording.Surer(d.Outcome, best.Outcome) {
			best, open = d, a
		}
		if best.Outcome == access.Allowed {
			break
		}
	}
	return s.limit(best), open
}

// limit adds what keeps a disabled account from acting: it gets no tokens until
// it is enabled ("Disable and enable service accounts").
func (s *subject) limit(d access.Decision) access.Decision {
	if s.disabled {
		return wording.Disabled(d, "the account is enabled again")
	}
	return d
}

// WhoCan lists who may do something, surest first. An identity that may belong
// to a group whose members are not known is not listed for it: the group is.
// What was not read at all is told by Realms, not by everybody's answer.
func (e *Engine) WhoCan(realm retinue.Realm, action, resource string) []access.Holder {
	var out []access.Holder
	places := e.places(action, resource, realm)
	for _, key := range e.order {
		d, open := e.can(key, action, places)
		if listed(d.Outcome, open) {
			s := e.subjects[key]
			out = append(out, access.Holder{Subject: s.ref, Name: s.title(), Decision: d})
		}
	}
	wording.SortHolders(out)
	return out
}

// listed reports whether an answer says something of the one that it is about.
func listed(o access.Outcome, open about) bool {
	switch o {
	case access.Allowed, access.Conditional:
		return true
	case access.Unknown:
		return open&^(aboutMember|aboutUnread) != 0
	}
	return false
}

// title is a subject in words.
func (s subject) title() string {
	switch s.id {
	case "allUsers":
		return "anyone, without signing in"
	case "allAuthenticatedUsers":
		return "anyone with a Google account"
	}
	if domain, ok := strings.CutPrefix(s.id, "domain:"); ok {
		return "everyone of " + domain
	}
	if s.name != "" {
		return s.name
	}
	return s.ref.Key
}

// Index is what the engine answers from, for questions that name principals as
// policies do.
func (e *Engine) Index() *Index { return e.x }
