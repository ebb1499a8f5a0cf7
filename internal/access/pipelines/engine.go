package pipelines

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Language is the name of the language of pipelines.
const Language = "pipelines"

// The actions that are asked about beside "SCOPE:LEVEL".
const (
	// ActionAssume: to act as something elsewhere by the token of a run. The
	// resource is what is acted as, by its vendor's name.
	ActionAssume = "assume"
	// ActionReadSecret: to be given a secret. The resource is its name.
	ActionReadSecret = "secrets:read"
)

// Engine answers what pipelines can do. It is not changed after it was made, and
// may be asked from several goroutines.
type Engine struct {
	pipelines map[retinue.Ref]*pipeline
	repos     map[retinue.Realm]*repository
	// owned are the repositories by their host, and by host and owner in lower
	// case.
	owned     map[string][]*repository
	workloads []*workload
	trusts    []*trust
	outside   []stranger
	gaps      map[retinue.Realm][]string
}

func (e *Engine) gap(realm retinue.Realm, text string) { e.gaps[realm] = append(e.gaps[realm], text) }

// order lists the pipelines.
func (e *Engine) order() []retinue.Ref {
	out := make([]retinue.Ref, 0, len(e.pipelines))
	for ref := range e.pipelines {
		out = append(out, ref)
	}
	slices.SortFunc(out, compareRefs)
	return out
}

// Language names the language: "pipelines".
func (e *Engine) Language() string { return Language }

// Realms returns the repositories, with what was not read of them.
func (e *Engine) Realms() []access.Known {
	var out []access.Known
	for _, realm := range sortedKeys(e.repos) {
		k := access.Known{Realm: realm, Gaps: slices.Clone(e.gaps[realm])}
		if len(e.repos[realm].own) > 0 {
			k.Gaps = append(k.Gaps, "who may push, the protection of branches and environments, and the settings of pipelines are not read from a clone")
		}
		slices.Sort(k.Gaps)
		out = append(out, k)
	}
	return out
}

// Asks reports whether an action and a resource are words of the language:
// "contents:write" and the like, with a repository's address or nothing;
// "assume" (or sts:AssumeRoleWithWebIdentity) with what is acted as; and
// "secrets:read" with the secret's name or nothing.
func (e *Engine) Asks(action, resource string) bool {
	switch {
	case isAssume(action):
		return resource == "" || slices.ContainsFunc(e.trusts, func(t *trust) bool { return t.target.Key == resource })
	case action == ActionReadSecret:
		return true
	}
	scope, level, ok := strings.Cut(action, ":")
	return ok && slices.Contains(scopes[:], scope) && (level == levelRead || level == levelWrite)
}

func isAssume(action string) bool {
	return action == ActionAssume || strings.EqualFold(action, actionWebIdentity)
}

// Can answers whether a pipeline may do something, in any of its jobs.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	p := e.pipelines[identity]
	if p == nil {
		for _, w := range e.workloads {
			if w.ref == identity && isAssume(action) {
				return assumed(w.ways, resource)
			}
		}
		return unknownBecause("no pipeline of this name is in the inventory")
	}
	switch {
	case isAssume(action):
		return assumed(p.ways, resource)
	case action == ActionReadSecret:
		return p.given(resource)
	case !e.Asks(action, resource):
		return unknownBecause(action + " is no permission of a pipeline's token")
	}
	scope, level, _ := strings.Cut(action, ":")
	if r := e.repos[identity.Realm]; resource != "" && !r.is(resource) {
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerToken, Document: identity.Key, Effect: "none",
			Text: "a pipeline's token is for its own repository"}}}
	}
	return p.holds(scope, level)
}

const (
	layerToken      = "token permissions"
	layerSettings   = "settings of the repository"
	unreadDefaults  = "the repository's default permissions"
	effectAllow     = "allow"
	effectNone      = "none"
	layerDefinition = "pipeline definition"
)

func unknownBecause(text string) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: layerDefinition, Effect: effectNone, Text: text}}}
}

// is reports whether a name means the repository: its address, with or without
// the host, its key, or its name.
func (r *repository) is(name string) bool {
	if r == nil {
		return false
	}
	_, path, _ := strings.Cut(r.address, "/")
	name = strings.TrimPrefix(name, "https://")
	return name != "" && (strings.EqualFold(name, r.address) || strings.EqualFold(name, path) || name == r.ref.Key || name == string(r.realm))
}

// assumed picks the way to a target. An empty target means any.
func assumed(ways []match, target string) access.Decision {
	d := access.Decision{Outcome: access.ImplicitlyDenied}
	for i := range ways {
		w := &ways[i]
		if (target == "" || w.trust.target.Key == target) && rank(w.decision.Outcome) > rank(d.Outcome) {
			d = w.decision
		}
	}
	if len(d.Because) == 0 {
		d.Because = []access.Reason{{Layer: layerTrust, Effect: effectNone, Text: "no trust that was read admits a token that it can be issued"}}
	}
	return d
}

// given answers whether the pipeline is given a secret.
func (p *pipeline) given(name string) access.Decision {
	for _, s := range p.secrets {
		if name == "" || s.name == name || s.ref.Key == name {
			return access.Decision{Outcome: access.Allowed, Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Effect: effectAllow,
				Text: "names the secret " + s.name}}}
		}
	}
	if all, _ := p.identity.Attrs["allSecrets"].(bool); all {
		return access.Decision{Outcome: access.Allowed, Unread: []string{"which secrets there are"}, Because: []access.Reason{{Layer: layerDefinition,
			Document: p.identity.Ref.Key, Effect: effectAllow, Text: "hands on every secret that the repository has"}}}
	}
	return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Effect: effectNone,
		Text: "does not name the secret"}}}
}

// holds answers for a permission of the token, in any job.
func (p *pipeline) holds(scope, level string) access.Decision {
	d := p.definition
	if d == nil || d.System != systemGitHub {
		return unknownBecause("the permissions of this system's tokens are not in the file")
	}
	out := access.Decision{Outcome: access.ImplicitlyDenied}
	undeclared := len(d.Jobs) == 0
	for i := range d.Jobs {
		j := &d.Jobs[i]
		perms := d.permissions(j)
		if perms == nil {
			undeclared = true
			continue
		}
		have := perms.level(scope)
		if scope == "metadata" || have == levelWrite || have == levelRead && level == levelRead {
			out.Outcome = access.Allowed
			out.Because = append(out.Because, access.Reason{Layer: layerToken, Document: p.identity.Ref.Key, Statement: "job " + j.Name, Effect: effectAllow,
				Text: "declares " + scope + ": " + have})
		}
	}
	if out.Outcome == access.Allowed || !undeclared {
		if len(out.Because) == 0 {
			out.Because = []access.Reason{{Layer: layerToken, Document: p.identity.Ref.Key, Effect: effectNone, Text: "no job declares " + scope + ": " + level}}
		}
		return out
	}
	return byDefault(scope, level)
}

// byDefault answers for a job without declared permissions: the repository's
// settings give either reading of contents and packages, or reading and writing
// of all scopes but that of identity tokens ("Automatic token authentication",
// permissions for the GITHUB_TOKEN).
func byDefault(scope, level string) access.Decision {
	reason := access.Reason{Layer: layerSettings, Effect: effectAllow, Text: "gives it where the file declares nothing"}
	switch {
	case scope == scopeIDToken:
		reason.Effect, reason.Text = effectNone, "never gives identity tokens by default"
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{reason}}
	case level == levelRead && (scope == "contents" || scope == "packages"):
		return access.Decision{Outcome: access.Allowed, Because: []access.Reason{reason}}
	}
	reason.Effect, reason.Text = effectNone, "decides where the file declares nothing, and was not read"
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{reason}}
}

// WhoCan lists the pipelines that may do something, and for what is acted as,
// whoever else a trust admits. A realm limits it to the pipelines of a
// repository, or to what is acted as there.
func (e *Engine) WhoCan(realm retinue.Realm, action, resource string) []access.Holder {
	var out []access.Holder
	add := func(ref retinue.Ref, name string, d access.Decision) {
		if rank(d.Outcome) > 0 {
			out = append(out, access.Holder{Subject: ref, Name: name, Decision: d})
		}
	}
	if !isAssume(action) {
		for _, ref := range e.order() {
			if realm == "" || realm == ref.Realm {
				add(ref, e.pipelines[ref].name(), e.Can(ref, action, resource))
			}
		}
		return surest(out)
	}
	within := func(from retinue.Realm, ways []match) []match {
		if realm == "" || realm == from {
			return ways
		}
		return slices.DeleteFunc(slices.Clone(ways), func(m match) bool { return m.trust.target.Realm != realm })
	}
	for _, ref := range e.order() {
		p := e.pipelines[ref]
		add(ref, p.name(), assumed(within(ref.Realm, p.ways), resource))
	}
	for _, w := range e.workloads {
		add(w.ref, w.name, assumed(within(w.ref.Realm, w.ways), resource))
	}
	for _, at := range sortedKeys(e.repos) {
		r := e.repos[at]
		add(retinue.Ref{}, "whoever can write to "+r.title(), assumed(within(at, r.ways), resource))
	}
	for i := range e.outside {
		s := &e.outside[i]
		add(retinue.Ref{}, s.name, assumed(within(s.ref.Realm, []match{s.match}), resource))
	}
	return surest(out)
}

func surest(list []access.Holder) []access.Holder {
	slices.SortStableFunc(list, func(a, b access.Holder) int { return rank(b.Decision.Outcome) - rank(a.Decision.Outcome) })
	return list
}

func (p *pipeline) name() string {
	if p.identity.Name != "" {
		return p.identity.Name
	}
	return p.identity.Ref.Key
}

func (r *repository) title() string {
	switch {
	case r.address != "":
		return r.address
	case r.name != "":
		return r.name
	}
	return string(r.realm)
}
