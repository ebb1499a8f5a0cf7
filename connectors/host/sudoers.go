package host

import (
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// The limits on sudoers files.
const (
	maxSudoFiles = 128 // files that include each other; sudo's own limit
	maxSudoRules = 5000
	maxAliasDeep = 16
)

// runSudo states each sudoers file as a policy and each rule as a grant.
func (m *machine) runSudo(a *area) {
	var rules []sudoRule
	aliases := map[string][]string{}
	seen := map[string]bool{}
	queue := []string{"/etc/sudoers"}
	if !m.exists("/etc/sudoers") {
		queue = []string{"/usr/etc/sudoers"} // where vendors keep theirs apart
		if m.exists("/usr/bin/sudo") && !m.exists(queue[0]) {
			_, err := m.tree.stat("/etc/sudoers")
			a.missing(err)
		}
	}
	for len(queue) > 0 && len(seen) < maxSudoFiles {
		p := queue[0]
		queue = queue[1:]
		if seen[p] {
			continue
		}
		seen[p] = true
		f, ok := a.read(p)
		if !ok {
			continue
		}
		s := parseSudoers(f.data)
		for _, line := range s.bad {
			a.malformed(p, line, "the line is no sudoers rule")
		}
		for _, inc := range s.includes {
			queue = append(queue, m.sudoFiles(a, p, inc)...)
		}
		for name, list := range s.aliases {
			aliases[name] = append(aliases[name], list...)
		}
		policy := retinue.NewRef(m.realm, "sudoers", retinue.CleanName(p))
		doc, redacted := m.secrets.redact(string(f.data))
		attrs := retinue.Attrs{}
		if redacted > 0 {
			attrs["redacted"] = redacted
		}
		a.add(retinue.Policy{Ref: policy, Name: retinue.CleanName(p), Language: retinue.LanguageSudoers,
			Document: strings.ToValidUTF8(doc, "\ufffd"), Container: m.ref, Attrs: attrs})
		for _, r := range s.rules {
			r.file = policy
			rules = append(rules, r)
		}
	}
	m.sudoGrants(a, rules, aliases)
}

func (m *machine) exists(p string) bool { _, err := m.tree.stat(p); return err == nil || !absent(err) }

// sudoFiles returns the files of an include, as sudoers(5) picks them: in a
// folder, those without a dot or a tilde at the end in their names.
func (m *machine) sudoFiles(a *area, from string, inc sudoInclude) []string {
	p := inc.path
	if !path.IsAbs(p) {
		p = path.Join(path.Dir(from), p)
	}
	p = strings.ReplaceAll(p, "%h", m.name)
	if !inc.dir {
		return []string{p}
	}
	var out []string
	for _, e := range a.list(p) {
		if n := e.Name(); !strings.Contains(n, ".") && !strings.HasSuffix(n, "~") {
			out = append(out, path.Join(p, n))
		}
	}
	return out
}

// sudoGrants merges the rules that differ in their commands only, so that each
// grant is one fact.
func (m *machine) sudoGrants(a *area, rules []sudoRule, aliases map[string][]string) {
	type key struct {
		subject, via retinue.Ref
		condition    string
	}
	merged := map[key]retinue.Grant{}
	for _, r := range rules {
		for _, user := range expandAlias(r.users, aliases) {
			subject, ok := m.sudoSubject(user)
			if !ok {
				continue
			}
			k := key{subject, r.file, r.condition(aliases)}
			g := merged[k]
			if g.Attrs == nil {
				g = retinue.Grant{Subject: subject, Resource: m.ref, Condition: k.condition, Via: r.file, Attrs: retinue.Attrs{
					"runAs": r.runas(), "noPassword": slices.Contains(r.tags, "NOPASSWD")}}
			}
			for _, c := range expandAlias(r.commands, aliases) {
				c, _ = m.secrets.redact(c)
				if c = retinue.CleanName(c); !slices.Contains(g.Privileges, c) {
					g.Privileges = append(g.Privileges, c)
				}
			}
			merged[k] = g
		}
	}
	for _, g := range merged {
		if len(g.Privileges) > 0 {
			a.add(g)
		}
	}
}

// sudoSubject names who a user entry admits; negations admit nobody.
func (m *machine) sudoSubject(user string) (retinue.Ref, bool) {
	name := retinue.CleanName(strings.ReplaceAll(strings.Trim(user, `"`), `\`, ""))
	switch {
	case name == "" || name[0] == '!':
		return retinue.Ref{}, false
	case name == "ALL":
		return retinue.NewRef(m.realm, "everyone", "ALL"), true
	case strings.HasPrefix(name, "%#"):
		for _, g := range m.groups {
			if g.gid == atoi(name[2:]) {
				return m.group(g.name), true
			}
		}
	case strings.HasPrefix(name, "%") && len(name) > 1:
		return m.group(strings.TrimPrefix(name[1:], ":")), true
	case strings.HasPrefix(name, "+"):
		return retinue.NewRef(m.realm, "netgroup", name), true
	case strings.HasPrefix(name, "#"):
		for _, acc := range m.accounts {
			if acc.uid == atoi(name[1:]) {
				return m.account(acc.name), true
			}
		}
	}
	return m.account(name), true
}

type sudoInclude struct {
	path string
	dir  bool
}

// sudoRule is one "users hosts = (runas) tags: commands" part.
type sudoRule struct {
	line                   int
	users, hosts, commands []string
	runUsers, runGroups    []string
	tags                   []string
	file                   retinue.Ref
}

func (r sudoRule) runas() string {
	u := strings.Join(r.runUsers, ",")
	if u == "" {
		u = "root"
	}
	if len(r.runGroups) > 0 {
		u += ":" + strings.Join(r.runGroups, ",")
	}
	return retinue.CleanName(u)
}

// condition is what tells two grants to one subject apart.
func (r sudoRule) condition(aliases map[string][]string) string {
	c := "runas=" + r.runas() + "; host=" + strings.Join(expandAlias(r.hosts, aliases), ",")
	if len(r.tags) > 0 {
		c += "; " + strings.Join(r.tags, " ")
	}
	return retinue.CleanName(c)
}

type sudoersFile struct {
	rules    []sudoRule
	includes []sudoInclude
	aliases  map[string][]string
	bad      []int
}

// parseSudoers reads a sudoers file (sudoers(5)): rules, aliases and includes.
// Defaults stay in the document.
func parseSudoers(data []byte) sudoersFile {
	s := sudoersFile{aliases: map[string][]string{}}
	for _, l := range joinLines(string(data)) {
		word, rest, _ := strings.Cut(l.text, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case len(s.rules) >= maxSudoRules:
			s.bad = append(s.bad, l.line)
			return s
		case word == "@include" || word == "#include":
			s.includes = append(s.includes, sudoInclude{path: strings.Trim(rest, `"`)})
		case word == "@includedir" || word == "#includedir":
			s.includes = append(s.includes, sudoInclude{path: strings.Trim(rest, `"`), dir: true})
		case strings.HasPrefix(word, "#") && (len(word) == 1 || word[1] < '0' || word[1] > '9'):
		case strings.HasPrefix(word, "Defaults"):
		case strings.HasSuffix(word, "_Alias"):
			s.addAliases(rest)
		default:
			rules, ok := parseSudoRule(l)
			if !ok {
				s.bad = append(s.bad, l.line)
				continue
			}
			s.rules = append(s.rules, rules...)
		}
	}
	return s
}

func (s *sudoersFile) addAliases(text string) {
	for _, part := range splitOutside(text, ':') {
		name, list, ok := strings.Cut(part, "=")
		if ok {
			s.aliases[strings.TrimSpace(name)] = splitList(list)
		}
	}
}

// parseSudoRule reads "users hosts = commands [: hosts = commands]…".
func parseSudoRule(l logicalLine) ([]sudoRule, bool) {
	head, tail, ok := cutOutside(l.text, '=')
	if !ok {
		return nil, false
	}
	words := joinCommas(head)
	if len(words) < 2 {
		return nil, false
	}
	users := splitList(strings.Join(words[:len(words)-1], " "))
	hosts := words[len(words)-1]
	var out []sudoRule
	for _, part := range splitRuleParts(tail) {
		if part.hosts != "" {
			hosts = part.hosts
		}
		out = append(out, parseCommands(sudoRule{line: l.line, users: users, hosts: splitList(hosts)}, part.commands)...)
	}
	return out, len(out) > 0
}

type rulePart struct{ hosts, commands string }

// splitRuleParts cuts at a colon that another "hosts =" follows; the colons of
// tags stay.
func splitRuleParts(text string) []rulePart {
	pieces := splitOutside(text, ':')
	parts := []rulePart{{commands: pieces[0]}}
	for _, p := range pieces[1:] {
		last := &parts[len(parts)-1]
		hosts, rest, ok := cutOutside(p, '=')
		if ok && !isTag(lastWord(last.commands)) && !strings.ContainsAny(strings.TrimSpace(hosts), "/ ") {
			parts = append(parts, rulePart{hosts: strings.TrimSpace(hosts), commands: rest})
			continue
		}
		last.commands += ":" + p
	}
	return parts
}

func lastWord(s string) string {
	f := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ',' || c == ')' || c == ':' })
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

func isTag(s string) bool {
	return slices.Contains([]string{"EXEC", "NOEXEC", "FOLLOW", "NOFOLLOW", "INTERCEPT", "NOINTERCEPT", "LOG_INPUT", "NOLOG_INPUT",
		"LOG_OUTPUT", "NOLOG_OUTPUT", "MAIL", "NOMAIL", "PASSWD", "NOPASSWD", "SETENV", "NOSETENV"}, s)
}

// parseCommands reads a command list; a runas and tags hold for what follows
// them, so each change begins a rule of its own.
func parseCommands(base sudoRule, text string) []sudoRule {
	var out []sudoRule
	cur := base
	for _, item := range splitList(text) {
		next := cur
		next.commands = nil
		changed := false
		if strings.HasPrefix(item, "(") {
			inner, rest, ok := strings.Cut(item[1:], ")")
			if !ok {
				continue
			}
			users, groups, _ := strings.Cut(inner, ":")
			next.runUsers, next.runGroups = splitList(users), splitList(groups)
			item, changed = strings.TrimSpace(rest), true
		}
		for {
			tag, rest, ok := strings.Cut(item, ":")
			if tag = strings.TrimSpace(tag); !ok || !isTag(tag) {
				break
			}
			next.tags, item, changed = withTag(next.tags, tag), strings.TrimSpace(rest), true
		}
		if item == "" {
			continue
		}
		if changed || len(out) == 0 {
			cur = next
			out = append(out, cur)
		}
		out[len(out)-1].commands = append(out[len(out)-1].commands, item)
	}
	return out
}

// withTag adds a tag and drops its opposite; PASSWD and the like only undo.
func withTag(tags []string, tag string) []string {
	opposite := "NO" + tag
	if strings.HasPrefix(tag, "NO") {
		opposite = tag[2:]
	}
	out := slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return t == opposite || t == tag })
	if !slices.Contains([]string{"PASSWD", "EXEC", "FOLLOW", "MAIL", "NOSETENV", "NOINTERCEPT", "NOLOG_INPUT", "NOLOG_OUTPUT"}, tag) {
		out = append(out, tag)
	}
	slices.Sort(out)
	return out
}

// expandAlias replaces alias names by what they stand for.
func expandAlias(names []string, aliases map[string][]string) []string {
	var out []string
	var walk func([]string, int)
	walk = func(list []string, deep int) {
		for _, n := range list {
			if inner, ok := aliases[n]; ok && deep < maxAliasDeep && len(out) < maxSudoRules {
				walk(inner, deep+1)
				continue
			}
			if !slices.Contains(out, n) && len(out) < maxSudoRules {
				out = append(out, n)
			}
		}
	}
	walk(names, 0)
	return out
}
