package pipelines

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Steps puts into a graph who comes to act as a pipeline, and what a pipeline
// comes to: by the trust of others in its tokens, and by the secrets that it is
// given. The code of a repository is a place: whoever can write there changes
// what its pipelines do.
func (e *Engine) Steps(b *graph.Builder) {
	for _, realm := range sortedKeys(e.repos) {
		r := e.repos[realm]
		place, ok := r.node(b)
		for _, p := range r.own {
			n := p.node(b)
			if ok {
				b.Step(graph.Step{From: []graph.NodeID{place}, To: n, Verb: graph.ModifiesCode, Technique: "push to " + r.title(),
					Unread: []string{unreadRules}, Because: []access.Reason{{Layer: layerDefinition, Document: p.identity.Ref.Key, Effect: effectAllow,
						Text: "what stands in the repository is what runs"}}})
				p.writes(b, n, place)
			}
			e.ways(b, n, p.identity.Ref, p.ways)
			e.named(b, n, p)
			p.reads(b, n)
			outsiders(b, n, p)
		}
		if ok {
			e.ways(b, place, r.ref, r.ways)
			runners(b, r)
		}
	}
	for _, w := range e.workloads {
		if len(w.ways) > 0 {
			e.ways(b, b.Node(graph.Node{Ref: w.ref, Kind: graph.Identity, Name: w.name}), w.ref, w.ways)
		}
	}
	for i := range e.outside {
		s := &e.outside[i]
		if s.kind == graph.Anyone {
			m := s.match
			m.subject = strings.TrimSuffix(s.name+", such as "+m.subject, ", such as ")
			e.ways(b, anyone(b), s.ref, []match{m})
			continue
		}
		e.ways(b, b.Node(graph.Node{Ref: s.ref, Kind: s.kind, Name: s.name}), s.ref, []match{s.match})
	}
}

// anyone is the node of everybody: an account at a service that is open to all
// is everybody's for the asking.
func anyone(b *graph.Builder) graph.NodeID {
	return b.Node(graph.Node{Ref: retinue.NewRef("anyone:anyone", "anyone", "anyone"), Kind: graph.Anyone, Name: "anyone"})
}

func (p *pipeline) node(b *graph.Builder) graph.NodeID {
	return b.Node(graph.Node{Ref: p.identity.Ref, Kind: graph.Identity, Name: p.name(), Environment: p.identity.Environment})
}

// node is the repository; a folder outside git has none.
func (r *repository) node(b *graph.Builder) (graph.NodeID, bool) {
	if r.ref.IsZero() {
		return graph.None, false
	}
	return b.Node(graph.Node{Ref: r.ref, Kind: graph.Place, Name: r.title()}), true
}

// ways adds what is reached by tokens. Each rests on the trust and, for a
// pipeline, on its permission to ask.
func (e *Engine) ways(b *graph.Builder, from graph.NodeID, subject retinue.Ref, ways []match) {
	for i := range ways {
		m := &ways[i]
		d := &m.decision
		if d.Outcome == access.Unknown {
			continue // not known to be possible
		}
		to := b.Node(graph.Node{Ref: m.trust.target, Kind: m.trust.kind, Name: nameOf(m.trust)})
		step := graph.Step{From: []graph.NodeID{from}, To: to, Verb: graph.Federates, Technique: m.trust.technique, Remains: d.Remains, Unread: d.Unread,
			Because: d.Because, Needs: [][]graph.GrantID{b.GrantsOf(m.trust.target, d.Because)}}
		if m.subject != "" {
			step.Through = m.subject
		}
		if m.token.Job != "" {
			asks := access.Reason{Layer: layerToken, Document: subject.Key, Statement: "job " + m.token.Job, Effect: effectAllow, Text: "may ask for a token on " + m.token.Event}
			step.Needs = append(step.Needs, []graph.GrantID{b.Grant(graph.Grant{Subject: subject, Reason: asks})})
			step.Because = append(slices.Clone(step.Because), asks)
		}
		b.Step(step)
	}
}

func nameOf(t *trust) string {
	if t.name == t.target.Key {
		return ""
	}
	return t.name
}

// named adds roles that a pipeline asks for and whose trust policies were not
// read.
func (e *Engine) named(b *graph.Builder, from graph.NodeID, p *pipeline) {
	for _, g := range p.grants {
		if g.Resource.IsZero() || slices.ContainsFunc(e.trusts, func(t *trust) bool { return t.target == g.Resource }) {
			continue
		}
		reason := access.Reason{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: g.Condition, Effect: effectAllow, Text: "asks to act as " + g.Resource.Key}
		b.Step(graph.Step{From: []graph.NodeID{from}, To: b.Node(graph.Node{Ref: g.Resource, Kind: graph.Outside}), Verb: graph.Federates,
			Technique: strings.Join(g.Privileges, ", "), Assumes: "the trust policy of " + g.Resource.Key + ", which was not read, admits it",
			Needs: [][]graph.GrantID{{b.Grant(graph.Grant{Subject: p.identity.Ref, Reason: reason})}}, Because: []access.Reason{reason}})
	}
}

// reads adds the secrets that a pipeline is given.
func (p *pipeline) reads(b *graph.Builder, from graph.NodeID) {
	for _, s := range p.secrets {
		reason := access.Reason{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: "secret " + s.name, Effect: effectAllow, Text: "names the secret " + s.name}
		b.Step(graph.Step{From: []graph.NodeID{from}, To: b.Node(graph.Node{Ref: s.ref, Kind: graph.Credential, Name: s.name}), Verb: graph.ReadsSecret,
			Technique: "a secret of the pipeline", Through: s.place.Path, Needs: [][]graph.GrantID{{b.Grant(graph.Grant{Subject: p.identity.Ref, Reason: reason})}},
			Because: []access.Reason{reason}})
	}
}

// writes adds that a pipeline's own token changes the code of its repository.
func (p *pipeline) writes(b *graph.Builder, from, place graph.NodeID) {
	d := p.holds("contents", levelWrite)
	if d.Outcome != access.Allowed {
		return
	}
	b.Step(graph.Step{From: []graph.NodeID{from}, To: place, Verb: graph.Writes, Technique: "contents:write", Unread: []string{unreadRules},
		// The token cannot change files of workflows; what they run it can
		// ("Workflow syntax for GitHub Actions", permissions).
		Needs: [][]graph.GrantID{b.GrantsOf(p.identity.Ref, d.Because)}, Because: d.Because})
}

// outsiders adds those who are not of the organisation and change what a
// pipeline does: whoever opens a pull request or writes a comment, and the owners
// of what it uses and does not pin.
func outsiders(b *graph.Builder, to graph.NodeID, p *pipeline) {
	a := p.identity.Attrs
	triggers := list(a["triggers"])
	flag := func(name string) bool { v, _ := a[name].(bool); return v }
	host := "unknown"
	if p.definition != nil && p.definition.Repository != "" {
		host, _, _ = strings.Cut(p.definition.Repository, "/")
	}
	anybody := func(technique, text string) {
		reason := access.Reason{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: technique, Effect: effectAllow, Text: text}
		from := anyone(b)
		if host != githubHost && host != "gitlab.com" {
			from = b.Node(graph.Node{Ref: retinue.NewRef(retinue.NewRealm("forge", host), "user", "*"), Kind: graph.Outside, Name: "whoever has an account at " + host})
		}
		b.Step(graph.Step{From: []graph.NodeID{from}, To: to, Verb: graph.ModifiesCode, Technique: technique,
			Assumes: "outsiders may open issues and pull requests: who sees the repository was not read",
			Needs:   [][]graph.GrantID{{b.Grant(graph.Grant{Subject: p.identity.Ref, Reason: reason})}}, Because: []access.Reason{reason}})
	}
	if flag("checksOutForkCode") {
		anybody("pull request from a fork", "checks out the code of a pull request and runs with the repository's secrets")
	}
	if flag("scriptInjection") && slices.ContainsFunc(triggers, outsideTrigger) {
		anybody("text in a script", "puts text that outsiders write into a script")
	}
	for _, action := range list(a["unpinnedActions"]) {
		name, version, _ := strings.Cut(action, "@")
		reason := access.Reason{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: action, Effect: effectAllow,
			Text: "runs " + name + " as it then stands under " + version}
		b.Step(graph.Step{From: []graph.NodeID{b.Node(graph.Node{Ref: retinue.NewRef(retinue.NewRealm("forge", host), "action", retinue.CleanName(name)), Kind: graph.Outside,
			Name: "the owner of " + name})}, To: to, Verb: graph.ModifiesCode, Technique: "change what a name stands for",
			Needs: [][]graph.GrantID{{b.Grant(graph.Grant{Subject: p.identity.Ref, Reason: reason})}}, Because: []access.Reason{reason}})
	}
}

// outsideTrigger reports events that outsiders cause and whose runs have the
// repository's secrets and tokens ("Events that trigger workflows").
func outsideTrigger(event string) bool {
	switch event {
	case "pull_request_target", "issues", "issue_comment", "discussion", "discussion_comment", "workflow_run", "fork", "watch", "gollum":
		return true
	}
	return false
}

// runners adds the machines of one's own on which several pipelines of a
// repository run: what one leaves there the next finds.
func runners(b *graph.Builder, r *repository) {
	by := map[string][]*pipeline{}
	for _, p := range r.own {
		if p.definition == nil {
			continue
		}
		for i := range p.definition.Jobs {
			j := &p.definition.Jobs[i]
			if key := strings.Join(j.Runners, ","); j.SelfHosted && !slices.Contains(by[key], p) {
				by[key] = append(by[key], p)
			}
		}
	}
	for _, labels := range sortedKeys(by) {
		if len(by[labels]) < 2 {
			continue
		}
		machine := b.Node(graph.Node{Ref: retinue.NewRef(r.realm, "runner", retinue.CleanName(labels)), Kind: graph.Resource, Name: "the runners with the labels " + labels})
		for _, p := range by[labels] {
			n := p.node(b)
			reason := access.Reason{Layer: layerDefinition, Document: p.identity.Ref.Key, Statement: "runs on " + labels, Effect: effectAllow, Text: "runs on a machine of one's own"}
			grant := [][]graph.GrantID{{b.Grant(graph.Grant{Subject: p.identity.Ref, Reason: reason})}}
			const lasting = "the runner is not made new for each job"
			b.Step(graph.Step{From: []graph.NodeID{n}, To: machine, Verb: graph.ExecsInto, Technique: "a job on the runner", Needs: grant, Because: []access.Reason{reason}})
			b.Step(graph.Step{From: []graph.NodeID{machine}, To: n, Verb: graph.ExecsInto, Technique: "a later job on the runner", Assumes: lasting, Needs: grant,
				Because: []access.Reason{reason}})
		}
	}
}
