package pipelines

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// stranger is somebody outside the inventory whom a trust admits.
type stranger struct {
	ref   retinue.Ref
	kind  graph.Kind // Outside or Anyone
	name  string
	match match
}

// maxStrangers bounds the nodes outside that one trust makes.
const maxStrangers = 100

// elsewhere stands for what an outsider can name as they like.
const elsewhere = "elsewhere"

// strangers returns whom a trust admits beyond the inventory. At issuers whose
// tokens name a repository it tries repositories that others could have, or do;
// of others it takes the subjects that are asked for.
func (e *Engine) strangers(tr *trust) []stranger {
	var out []stranger
	switch host := strings.TrimPrefix(tr.issuer, "https://"); {
	case host == strings.TrimPrefix(githubIssuer, "https://") || strings.HasPrefix(host, "token.actions.") || strings.HasSuffix(host, "/_services/token"):
		out = e.otherRepositories(tr, githubHostOf(tr.issuer), func(path string) []Token {
			owner, name, ok := strings.Cut(path, "/")
			if !ok || strings.Contains(name, "/") {
				return nil
			}
			return github{issuer: tr.issuer, owner: owner, name: name}.anyRun()
		})
	case host == "gitlab.com" || strings.Contains(host, "gitlab") || e.hosts(host):
		out = e.otherRepositories(tr, host, func(path string) []Token {
			if !strings.Contains(path, "/") {
				return nil
			}
			return gitlab{issuer: tr.issuer, host: host, project: path}.anyRun()
		})
	default:
		out = e.otherSubjects(tr)
	}
	return out[:min(len(out), maxStrangers)]
}

// hosts reports whether a repository of the inventory lies at a host.
func (e *Engine) hosts(host string) bool { return len(e.owned[host]) > 0 }

// githubHostOf is the server whose tokens an issuer issues.
func githubHostOf(issuer string) string {
	host := strings.TrimPrefix(issuer, "https://")
	if server, ok := strings.CutSuffix(host, "/_services/token"); ok {
		return server
	}
	if strings.HasPrefix(host, "token.actions.githubusercontent.com") {
		return githubHost
	}
	return strings.TrimPrefix(host, "token.actions.")
}

// candidate is a repository that may lie outside: its path, and which parts of it
// anyone can choose.
type candidate struct {
	path              string
	anyOwner, anyName bool
	begins            string // of owners
}

// otherRepositories tries repositories that are not in the inventory.
func (e *Engine) otherRepositories(tr *trust, host string, tokens func(path string) []Token) []stranger {
	var out []stranger
	for _, c := range candidates(tr.judge.wanted()) {
		e.otherCase(tr, host, c, tokens)
		if e.scanned(host, c) {
			continue
		}
		m, ok := best(tr, prepared(tokens(c.path)))
		if !ok {
			continue
		}
		s := stranger{match: m, kind: graph.Outside}
		owner, _, _ := strings.Cut(c.path, "/")
		key := c.path
		switch {
		case c.anyOwner && c.begins == "":
			s.name, key = "any repository at "+host, "*"
		case c.anyOwner:
			s.name, key = "any repository at "+host+" of an owner whose name begins with "+c.begins, c.begins+"*"
		case c.anyName:
			s.name, key = "any other repository of "+owner+" at "+host, owner+"/*"
		default:
			s.name = "the repository " + c.path + " at " + host
		}
		if c.anyOwner && sharedIssuer(tr.issuer) {
			s.kind = graph.Anyone
		}
		s.ref = retinue.NewRef(outsideRealm(tr.issuer), "repository", retinue.CleanName(key))
		if !slices.ContainsFunc(out, func(o stranger) bool { return o.ref == s.ref }) {
			out = append(out, s)
		}
		if s.ref.Key == "*" && m.decision.Outcome != access.Unknown {
			break // everybody else is among them
		}
	}
	return out
}

// otherCase tries repositories of the inventory in the spelling of the trust.
// Issuers put the names as they are kept there into tokens, while an address
// works in any case, so that a clone does not tell.
func (e *Engine) otherCase(tr *trust, host string, c candidate, tokens func(path string) []Token) {
	if c.anyOwner {
		return
	}
	owner, _, _ := strings.Cut(c.path, "/")
	for _, r := range e.owned[strings.ToLower(host+"/"+owner)] {
		_, path, _ := strings.Cut(r.address, "/")
		_, name, _ := strings.Cut(path, "/")
		spelt := owner + "/" + name
		if !c.anyName {
			spelt = c.path
		}
		if spelt == path || !strings.EqualFold(spelt, path) {
			continue
		}
		if m, ok := best(tr, prepared(tokens(spelt))); ok {
			m.decision.Remains = append([]access.Condition{{Key: "repository", Operator: "is", Values: []string{spelt}, Text: "the repository is named " + spelt + " at " + host}},
				m.decision.Remains...)
			if m.decision.Outcome == access.Allowed {
				m.decision.Outcome = access.Conditional
			}
			m.decision.Unread = append(m.decision.Unread, unreadRules)
			r.ways = append(r.ways, m)
		}
	}
}

// scanned reports whether a candidate is a repository of the inventory.
func (e *Engine) scanned(host string, c candidate) bool {
	owner, _, _ := strings.Cut(c.path, "/")
	return slices.ContainsFunc(e.owned[strings.ToLower(host+"/"+owner)], func(r *repository) bool { return strings.EqualFold(r.address, host+"/"+c.path) })
}

// outsideRealm is the realm of what is only known as an issuer's.
func outsideRealm(issuer string) retinue.Realm {
	return retinue.NewRealm("oidc", retinue.CleanName(strings.TrimPrefix(issuer, "https://")))
}

// candidates reads repositories out of the texts that a trust compares claims
// with, widest first: anybody's, then those of owners that are left open, then
// other repositories of an owner, then one.
func candidates(want []wanted) []candidate {
	out := []candidate{{path: elsewhere + "/" + elsewhere, anyOwner: true, anyName: true}}
	add := func(path string, wild bool) {
		path = strings.TrimSuffix(path, ":")
		owner, name, ok := strings.Cut(path, "/")
		if !ok {
			if !wild || !strings.ContainsAny(owner, "*?") {
				return
			}
			name = "*"
		}
		c := candidate{}
		if wild {
			c.anyOwner, c.anyName = strings.ContainsAny(owner, "*?"), strings.ContainsAny(name, "*?")
			c.begins = literalStart(owner)
			stand := strings.NewReplacer("*", elsewhere, "?", "x")
			owner, name = stand.Replace(owner), stand.Replace(name)
		}
		owner, name = unnumbered(owner), unnumbered(name)
		if owner == "" || name == "" {
			return
		}
		if c.path = owner + "/" + name; !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	for _, w := range want {
		switch w.claim {
		case claimSubject:
			for _, before := range []string{"repo:", "project_path:"} {
				if rest, ok := strings.CutPrefix(w.pattern, before); ok {
					path, _, _ := strings.Cut(rest, ":")
					add(path, w.wild)
				}
			}
			if !strings.ContainsRune(w.pattern, ':') && !w.wild { // of an expression
				add(w.pattern, false)
				add(strings.TrimSuffix(w.pattern, "/")+"/*", true)
			}
		case "repository", "project_path":
			add(w.pattern, w.wild)
		case "repository_owner", "namespace_path":
			add(w.pattern+"/*", true)
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return b.width() - a.width() })
	return out
}

func (c candidate) width() int {
	switch {
	case c.anyOwner:
		return 2
	case c.anyName:
		return 1
	}
	return 0
}

// unnumbered takes the immutable id off a name.
func unnumbered(name string) string {
	name, _, _ = strings.Cut(name, "@")
	return name
}

// otherSubjects names the subjects that a trust asks for and that nothing in the
// inventory has.
func (e *Engine) otherSubjects(tr *trust) []stranger {
	var out []stranger
	anybody := sharedIssuer(tr.issuer) || tr.issuer == "https://cognito-identity.amazonaws.com" && // anybody's pool
		!slices.ContainsFunc(tr.judge.wanted(), func(w wanted) bool { return w.claim == claimAudience })
	asked := slices.DeleteFunc(slices.Clone(tr.judge.wanted()), func(w wanted) bool { return w.claim != claimSubject })
	if len(asked) == 0 && tr.judge.may("\x00") {
		t := Token{Issuer: tr.issuer, Event: "any"}
		if m, ok := tr.admits(&prepared([]Token{t})[0]); ok {
			s := stranger{ref: retinue.NewRef(outsideRealm(tr.issuer), "subject", "*"), kind: graph.Outside, name: "any subject of " + tr.issuer, match: m}
			if anybody {
				s.kind = graph.Anyone
			}
			return []stranger{s}
		}
	}
	for _, w := range asked {
		w.wild = w.wild && strings.ContainsAny(w.pattern, "*?")
		if !w.wild && e.issues(tr.issuer, w.pattern) || len(out) >= maxStrangers {
			continue
		}
		subject := w.pattern
		if w.wild {
			subject = strings.NewReplacer("*", "x", "?", "x").Replace(w.pattern)
		}
		t := Token{Issuer: tr.issuer, Event: "any", Fixed: map[string]string{claimSubject: subject}}
		m, ok := tr.admits(&prepared([]Token{t})[0])
		if !ok {
			continue
		}
		m.subject = w.pattern
		s := stranger{ref: retinue.NewRef(outsideRealm(tr.issuer), "subject", retinue.CleanName(w.pattern)), kind: graph.Outside,
			name: "the subject " + w.pattern + " of " + tr.issuer, match: m}
		if w.wild && strings.Trim(w.pattern, "*") == "" && anybody {
			s.kind = graph.Anyone
		}
		if !slices.ContainsFunc(out, func(o stranger) bool { return o.ref == s.ref }) {
			out = append(out, s)
		}
	}
	return out
}

// issues reports whether something in the inventory has a subject.
func (e *Engine) issues(issuer, subject string) bool {
	return slices.ContainsFunc(e.workloads, func(w *workload) bool { return w.token.Issuer == issuer && w.token.Fixed[claimSubject] == subject })
}
