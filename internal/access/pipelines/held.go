package pipelines

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// effect is what a permission of the token lets a job do ("Workflow syntax for
// GitHub Actions", permissions).
type effect struct {
	scope       string
	writes      string
	consequence access.Consequence
	reads       string
}

// effects are the permissions, those whose loss hurts most first.
var effects = [...]effect{
	{"contents", "changes code, tags and releases", access.Changes, "reads the code"},
	{"actions", "starts, cancels and deletes runs of workflows, and deletes what they left", access.Changes, "lists runs of workflows"},
	{"packages", "publishes and deletes packages", access.Changes, "reads packages"},
	{"attestations", "attests where artefacts come from", access.Changes, "lists attestations"},
	{"artifact-metadata", "records where artefacts are stored and deployed", access.Changes, "lists records of artefacts"},
	{"deployments", "creates and deletes deployments", access.Changes, "lists deployments"},
	{"pages", "publishes the site", access.Changes, "looks at the site's builds"},
	{"pull-requests", "opens, labels and reviews pull requests", access.Changes, "lists pull requests"},
	{"checks", "sets the results of checks", access.Changes, "lists checks"},
	{"statuses", "sets the states of commits", access.Changes, "lists states of commits"},
	{"security-events", "uploads and dismisses findings of code scanning", access.Changes, "reads findings of code scanning"},
	{"issues", "opens, labels and closes issues", access.Changes, "lists issues"},
	{"discussions", "closes and deletes discussions", access.Changes, "lists discussions"},
	{"repository-projects", "changes classic projects", access.Changes, "lists classic projects"},
	{"models", "uses models", access.Changes, "uses models"},
}

// Held lists what a pipeline can do, worst first: what it comes to act as
// elsewhere, the secrets that it is given, and what its token may do.
func (e *Engine) Held(identity retinue.Ref) []access.Held {
	p := e.pipelines[identity]
	if p == nil {
		for _, w := range e.workloads {
			if w.ref == identity {
				return heldWays(w.ways)
			}
		}
		return nil
	}
	out := heldWays(p.ways)
	out = append(out, p.asked()...)
	out = append(out, p.heldSecrets()...)
	out = append(out, p.heldToken(e.repos[identity.Realm])...)
	order := access.Consequences()
	slices.SortStableFunc(out, func(a, b access.Held) int {
		return slices.Index(order, a.Consequence) - slices.Index(order, b.Consequence)
	})
	return out
}

func heldWays(ways []match) []access.Held {
	var out []access.Held
	for i := range ways {
		m := &ways[i]
		sentence := "acts as " + m.trust.name + " with a token of its run"
		if m.token.Job != "" {
			sentence += " (job " + m.token.Job + ")"
		}
		if m.subject != "" {
			sentence += ", for the subject " + m.subject
		}
		if len(m.decision.Unread) > 0 {
			sentence += ", unless forbidden by " + strings.Join(m.decision.Unread, ", ") + ", which were not read"
		}
		out = append(out, access.Held{Consequence: access.Escalates, Sentence: sentence, Actions: []string{m.trust.technique},
			Resources: []string{m.trust.target.Key}, Outcome: m.decision.Outcome, Remains: m.decision.Remains, Because: m.decision.Because})
	}
	return out
}

// asked are roles that the file asks for and whose trust was not read, or does
// not admit it.
func (p *pipeline) asked() []access.Held {
	var out []access.Held
	for _, g := range p.grants {
		if g.Resource.IsZero() || p.reaches(g.Resource) {
			continue
		}
		out = append(out, access.Held{Consequence: access.Escalates, Sentence: "asks to act as " + g.Resource.Key + "; no trust policy that admits it was read",
			Actions: g.Privileges, Resources: []string{g.Resource.Key}, Within: g.Condition, Outcome: access.Unknown,
			Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: g.Condition, Effect: effectNone, Text: "names the role"}}})
	}
	return out
}

func (p *pipeline) reaches(target retinue.Ref) bool {
	return slices.ContainsFunc(p.ways, func(m match) bool { return m.trust.target == target })
}

func (p *pipeline) heldSecrets() []access.Held {
	if len(p.secrets) == 0 {
		return nil
	}
	var names []string
	for _, s := range p.secrets {
		names = append(names, s.name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	text := "is given the secret " + names[0]
	if len(names) > 1 {
		text = "is given the secrets " + strings.Join(names, ", ")
	}
	return []access.Held{{Consequence: access.ReadsSecrets, Sentence: text, Actions: []string{ActionReadSecret}, Resources: names, Outcome: access.Allowed,
		Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Effect: effectAllow, Text: "names them"}}}}
}

// heldToken says what the pipeline's own token may do, scope by scope.
func (p *pipeline) heldToken(r *repository) []access.Held {
	d := p.definition
	if d == nil {
		return nil
	}
	where := ""
	if r != nil && r.address != "" {
		where = " of " + r.address
	}
	if d.System == systemGitLab {
		return heldJobTokens(p, d)
	}
	var out []access.Held
	if dec := p.holds(scopeIDToken, levelWrite); dec.Outcome == access.Allowed {
		out = append(out, access.Held{Consequence: access.Changes, Sentence: "gets tokens that others can trust", Actions: []string{scopeIDToken + ":" + levelWrite},
			Outcome: dec.Outcome, Because: dec.Because})
	}
	for _, f := range effects {
		for _, level := range []string{levelWrite, levelRead} {
			dec := p.holds(f.scope, level)
			if rank(dec.Outcome) == 0 {
				continue
			}
			h := access.Held{Consequence: f.consequence, Sentence: f.writes + where, Actions: []string{f.scope + ":" + level}, Outcome: dec.Outcome, Because: dec.Because}
			if level == levelRead {
				h.Sentence, h.Consequence = f.reads+where, access.Looks
				if f.scope == "contents" || f.scope == "packages" || f.scope == "security-events" {
					h.Consequence = access.ReadsData
				}
			}
			out = append(out, h)
			if dec.Outcome == access.Allowed {
				break // writing includes reading
			}
		}
	}
	return defaults(out)
}

// defaults makes one sentence of everything that hangs on the repository's
// settings.
func defaults(list []access.Held) []access.Held {
	var out []access.Held
	var rest access.Held
	for _, h := range list {
		if h.Outcome != access.Unknown {
			out = append(out, h)
			continue
		}
		rest.Actions, rest.Because = append(rest.Actions, h.Actions...), h.Because
	}
	if len(rest.Actions) > 0 {
		rest.Consequence, rest.Outcome = access.Changes, access.Unknown
		rest.Sentence = "has the repository's default permissions, which may be writing of everything: the file declares none"
		out = append(out, rest)
	}
	return out
}

// heldJobTokens says what every job of GitLab has: a token that acts with the
// rights of whoever started it, as far as such tokens go ("CI/CD job token").
func heldJobTokens(p *pipeline, d *Definition) []access.Held {
	var out []access.Held
	for _, g := range p.grants {
		if slices.Contains(g.Privileges, "ci_job_token") {
			out = append(out, access.Held{Consequence: access.ReadsData, Sentence: "reads code, packages and images with the rights of whoever starts it",
				Actions: []string{"ci_job_token"}, Outcome: access.Unknown, Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Effect: effectAllow,
					Text: "uses the job's token; which projects let it in was not read"}}})
			break
		}
	}
	for i := range d.Jobs {
		if j := &d.Jobs[i]; len(j.IDTokens) > 0 {
			out = append(out, access.Held{Consequence: access.Changes, Sentence: "gets tokens that others can trust", Actions: []string{"id_tokens"}, Within: "job " + j.Name,
				Resources: audiencesOf(j), Outcome: access.Allowed, Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: "job " + j.Name,
					Effect: effectAllow, Text: "declares id_tokens"}}})
		}
	}
	return out
}

func audiencesOf(j *Job) []string {
	var out []string
	for _, t := range j.IDTokens {
		out = append(out, t.Audiences...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
