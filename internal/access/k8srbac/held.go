package k8srbac

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Held lists what an identity can do, worst first. A rule is taken apart by
// what follows from its verbs on its resources.
func (e *Engine) Held(identity retinue.Ref) []access.Held {
	k := e.byRealm[identity.Realm]
	if k == nil {
		return nil
	}
	s, ok := k.subjects[identity]
	if !ok {
		return nil
	}
	who := k.whoOf(s)
	var out []access.Held
	if slices.Contains(who.Groups, mastersGroup) {
		out = append(out, access.Held{Consequence: access.Administers, Sentence: "does everything in the cluster, whatever the roles say",
			Actions: []string{"*"}, Outcome: access.Allowed, Because: k.index.Decide(who, &Attributes{Verb: "*", Resource: "*"}).Because})
	}
	admin, catalogue := k.administers(who), Techniques()
	for _, g := range k.index.Grants(who) {
		by := via{Allowing{Binding: g.Binding, Role: g.Role, Rule: g.place()}, g.Through}
		for _, h := range k.heldBy(&g, admin, catalogue) {
			h.Outcome, h.Because = access.Allowed, []access.Reason{by.reason()}
			if g.Namespace != "" {
				h.Within = "namespace " + g.Namespace
			}
			out = append(out, h)
		}
	}
	rank := map[access.Consequence]int{}
	for i, c := range access.Consequences() {
		rank[c] = i
	}
	slices.SortStableFunc(out, func(a, b access.Held) int {
		return cmp.Or(cmp.Compare(rank[a.Consequence], rank[b.Consequence]), cmp.Compare(a.Within, b.Within), cmp.Compare(a.Sentence, b.Sentence))
	})
	return out
}

// administers reports whether a user may do everything: see Engine. Words that
// no rule has are matched by "*" alone.
func (k *cluster) administers(who Who) bool {
	if slices.Contains(who.Groups, mastersGroup) {
		return true
	}
	_, resources := k.index.Can(who, &Attributes{Verb: "\x00", APIGroup: "\x00", Resource: "\x00"})
	_, paths := k.index.Can(who, &Attributes{Verb: "\x00", Path: "\x00"})
	return resources && paths
}

// part is some verbs of a rule on some of its resources, of one consequence.
type part struct {
	consequence access.Consequence
	verbs       []string
	resources   []string
	technique   *Technique
}

func (k *cluster) heldBy(g *Grant, admin bool, catalogue []Technique) []access.Held {
	r := g.Rule
	if len(r.NonResourceURLs) > 0 {
		return []access.Held{{Consequence: access.Looks, Sentence: "may " + words(r.Verbs, "do everything") + " on " + words(r.NonResourceURLs, "every path"),
			Actions: slices.Clone(r.Verbs), Resources: slices.Clone(r.NonResourceURLs)}}
	}
	if slices.Contains(r.Verbs, "*") && slices.Contains(r.Resources, "*") && slices.Contains(r.APIGroups, "*") && len(r.ResourceNames) == 0 {
		h := access.Held{Consequence: access.Escalates, Sentence: "does everything in " + where(g.Namespace), Actions: []string{"*"}}
		if admin && g.Namespace == "" {
			h.Consequence = access.Administers
		}
		return []access.Held{h}
	}
	var out []access.Held
	for _, p := range parts(r, catalogue) {
		h := access.Held{Consequence: p.consequence, Actions: p.verbs, Sentence: k.sentence(g, &p)}
		for _, res := range p.resources {
			h.Resources = append(h.Resources, resourceNames(g.Namespace, r, res)...)
		}
		out = append(out, h)
	}
	return out
}

// parts takes a rule apart.
func parts(r *Rule, catalogue []Technique) []part {
	var out []part
	for _, resource := range r.Resources {
		for _, group := range r.APIGroups {
			for _, p := range byConsequence(r, group, resource, catalogue) {
				i := slices.IndexFunc(out, func(o part) bool {
					return o.consequence == p.consequence && slices.Equal(o.verbs, p.verbs) && (o.technique == nil) == (p.technique == nil) &&
						(p.technique == nil || o.technique.Title == p.technique.Title)
				})
				switch {
				case i < 0:
					out = append(out, p)
				case !slices.Contains(out[i].resources, resource):
					out[i].resources = append(out[i].resources, resource)
				}
			}
		}
	}
	return out
}

// byConsequence groups the verbs of a rule on one resource.
func byConsequence(r *Rule, group, resource string, catalogue []Technique) []part {
	var out []part
	for _, verb := range r.Verbs {
		p := part{verbs: []string{verb}, resources: []string{resource}}
		p.consequence, p.technique = consequence(catalogue, group, resource, verb)
		i := slices.IndexFunc(out, func(o part) bool { return o.consequence == p.consequence && o.technique == p.technique })
		if i < 0 {
			out = append(out, p)
			continue
		}
		out[i].verbs = append(out[i].verbs, verb)
	}
	return out
}

// consequence weighs a verb on a resource. Verbs and resources of "*" weigh as
// the worst among them.
func consequence(catalogue []Technique, group, resource, verb string) (access.Consequence, *Technique) {
	for i := range catalogue {
		t := &catalogue[i]
		if !t.Calls[0].within(group, resource, verb) {
			continue
		}
		if t.Gain == GainSecrets {
			return access.ReadsSecrets, t
		}
		return access.Escalates, t
	}
	main, _, _ := strings.Cut(resource, "/")
	switch verb {
	case "delete", "deletecollection", "*":
		return access.Destroys, nil
	case "get", "list", "watch":
		if resource == "*" || resource == "*/log" || main == "configmaps" || resource == "pods/log" {
			return access.ReadsData, nil
		}
		return access.Looks, nil
	case "create", "update", "patch":
		if slices.Contains([]string{"services", "ingresses", "gateways", "httproutes", "networkpolicies"}, main) || resource == "*" {
			return access.ExposesResources, nil
		}
	}
	return access.Changes, nil
}

// within reports whether a rule with such a group, resource and verb allows the
// call.
func (c *Call) within(group, resource, verb string) bool {
	want := c.Resource
	if c.Subresource != "" {
		want += "/" + c.Subresource
	}
	return (verb == "*" || slices.Contains(c.Verbs, verb)) && (group == "*" || group == c.APIGroup) &&
		(resource == "*" || resource == want || c.Subresource != "" && resource == "*/"+c.Subresource)
}

func where(namespace string) string {
	if namespace == "" {
		return "the whole cluster"
	}
	return "namespace " + namespace
}

// sentence says what a part is about, and what follows where that is known.
func (k *cluster) sentence(g *Grant, p *part) string {
	what := p.things(g)
	if t := p.technique; t != nil {
		switch {
		case t.Gain == GainSecrets && t.Calls[0].Resource == "secrets":
			return k.secretsSentence(g, p)
		case t.Gain == GainPods:
			return t.Title + " of " + where(g.Namespace) + k.accountsOfPods(g.Namespace)
		default:
			return t.Title + " (" + strings.Join(p.verbs, ", ") + " " + what + " in " + where(g.Namespace) + ")"
		}
	}
	return does(p.verbs) + " " + what + " in " + where(g.Namespace)
}

// things names the resources of a part.
func (p *part) things(g *Grant) string {
	if slices.Contains(p.resources, "*") {
		what := "every resource"
		if !slices.Contains(g.Rule.APIGroups, "*") {
			what += " of " + words(named(g.Rule.APIGroups), "")
		}
		return what
	}
	what := strings.Join(p.resources[:min(len(p.resources), maxWords)], ", ")
	if n := len(p.resources) - maxWords; n > 0 {
		what += fmt.Sprintf(" and %d more", n)
	}
	if len(g.Rule.ResourceNames) > 0 {
		return what + " named " + words(g.Rule.ResourceNames, "*")
	}
	return what
}

// does says verbs as people do.
func does(list []string) string {
	if slices.Contains(list, "*") {
		return "does everything to"
	}
	plain := map[string]string{"get": "reads", "list": "lists", "watch": "watches", "create": "creates", "update": "changes", "patch": "changes",
		"delete": "deletes", "deletecollection": "deletes"}
	var out []string
	for _, v := range list {
		say, ok := plain[v]
		if !ok {
			say = `may "` + v + `"`
		}
		if !slices.Contains(out, say) {
			out = append(out, say)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// secretsSentence says which Secrets are read and whose tokens they hold.
func (k *cluster) secretsSentence(g *Grant, p *part) string {
	names := g.Rule.ResourceNames
	if slices.Contains(p.resources, "*") {
		names = g.Rule.ResourceNames
	}
	text := "reads every Secret of " + where(g.Namespace)
	if len(names) > 0 {
		text = "reads the Secrets " + words(names, "*") + " of " + where(g.Namespace)
	}
	tokens, others := k.contents(g.Namespace, names)
	switch {
	case len(tokens) > 0 && others > 0:
		return text + ", with tokens of " + words(tokens, "") + fmt.Sprintf(" and %d other credentials", others)
	case len(tokens) > 0:
		return text + ", with tokens of " + words(tokens, "")
	case others > 0:
		return text + fmt.Sprintf(", with %d credentials", others)
	}
	return text
}

// contents lists whose tokens lie in Secrets, sorted, and counts what else does.
func (k *cluster) contents(namespace string, names []string) (tokens []string, others int) {
	for ref, s := range k.secrets {
		if namespace != "" && s.namespace != namespace || len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		switch {
		case !s.account.IsZero():
			if s.works {
				tokens = append(tokens, s.account.Key)
			}
		case len(k.holds[ref]) > 0:
			others += len(k.holds[ref])
		default:
			others++
		}
	}
	slices.Sort(tokens)
	return slices.Compact(tokens), others
}

// accountsOfPods says as whom the pods of a namespace run.
func (k *cluster) accountsOfPods(namespace string) string {
	var out []string
	for _, w := range k.workloads {
		if (namespace == "" || w.namespace == namespace) && w.account != "" && w.token && !w.suspended {
			out = append(out, w.namespace+"/"+w.account)
		}
	}
	if len(out) == 0 {
		return ""
	}
	slices.Sort(out)
	return ", which run as " + words(slices.Compact(out), "")
}
