package host

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// The limits on an agent's configuration.
const (
	maxServers    = 500
	maxProjects   = 2000
	maxPrivileges = 500
)

// runAgents states the agents of an account, the tool servers that they start
// and the tokens in their configurations.
func (m *machine) runAgents(ctx context.Context, a *area, acc account) error {
	for _, f := range agentFiles() {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.agentFile(a, acc, f, path.Join(acc.home, f.path))
	}
	return nil
}

// runSystemAgents states the configurations that hold for every account.
func (m *machine) runSystemAgents(a *area) {
	for _, f := range systemAgentFiles() {
		m.agentFile(a, account{}, f, "/"+f.path)
	}
}

// agentFile states one configuration file.
func (m *machine) agentFile(a *area, acc account, af agentFile, p string) {
	f, ok := a.read(p)
	if !ok || len(strings.TrimSpace(string(f.data))) == 0 {
		return
	}
	v, ok := af.read(f.data)
	if !ok {
		a.malformed(p, 0, "the configuration is malformed")
		return
	}
	client := m.agentRef(acc, af.agent)
	c := &agentConfig{m: m, a: a, acc: acc, client: client, file: f,
		holder: holder{path: p, kind: retinue.PlaceMCPConfig, exposure: m.exposure(p), at: f.modified(), tool: "agent-config"}}
	servers := entries(v, af.servers...)
	if len(af.servers) == 0 {
		servers = nil
	}
	if af.agent == "vscode" && len(servers) == 0 {
		return // an editor without tool servers is no agent
	}
	c.servers("", servers)
	if af.agent == "claude-code" {
		c.claude(v)
	}
	if len(af.secrets) > 0 {
		var r reading
		af.secrets.walk(&r, af.agent, "", "", v, 0)
		h := c.holder
		h.consumer = client
		a.state(h, r.found)
		c.stated = c.stated || len(r.found) > 0
	}
	if c.stated || af.agent != "mcp" {
		m.clientFacts(a, acc, af.agent, client)
	}
}

func (m *machine) agentRef(acc account, agent string) retinue.Ref {
	return retinue.NewRef(m.realm, "agent", retinue.CleanName(orElse(acc.name, "*")+"/"+agent))
}

// clientFacts states the agent itself: who acts, and that it acts as the
// account.
func (m *machine) clientFacts(a *area, acc account, agent string, ref retinue.Ref) {
	reason := "the configuration of an AI agent of the account " + retinue.CleanName(acc.name)
	if acc.name == "" {
		reason = "the configuration of an AI agent, found outside a home"
	}
	a.add(retinue.Identity{Ref: ref, Name: agent, Kind: retinue.IdentityAgent, Subtype: agent, Class: retinue.ClassNonHuman, ClassReason: reason,
		State: retinue.StateActive, Container: m.ref})
	if acc.name != "" {
		a.add(retinue.Trust{Subject: m.account(acc.name), Kind: retinue.TrusteePrincipal, Trustee: ref, Name: agent, OrganizationKnown: true})
		if class, _ := m.classify(acc); class == retinue.ClassPerson {
			a.add(retinue.OwnerSignal{Subject: ref, Candidate: retinue.CleanName(acc.name), Signal: "home", Quote: "it lies in the home " + retinue.CleanName(acc.home)})
		}
	}
}

// agentConfig is one configuration file being stated.
type agentConfig struct {
	m      *machine
	a      *area
	acc    account
	client retinue.Ref
	file   file
	holder holder
	stated bool
}

// servers states the tool servers of a configuration. within is the project
// that they hold for, or "".
func (c *agentConfig) servers(within string, list map[string]any) {
	for i, name := range sortedKeys(list) {
		if i == maxServers {
			c.a.malformed(c.file.path, 0, "more tool servers than are read")
			return
		}
		if s, ok := list[name].(map[string]any); ok {
			c.server(within, name, s)
			c.stated = true
		}
	}
}

func (c *agentConfig) server(within, name string, s map[string]any) {
	m := c.m
	key := c.file.path
	if within != "" {
		key += "#" + within
	}
	clean := orElse(fieldName(name), "(unnamed)")
	ref := retinue.NewRef(m.realm, "mcp_server", clipKey(retinue.CleanName(key)+"#"+clean))
	command, args := commandOf(s)
	address := orElse(text(s, "url"), orElse(text(s, "serverUrl"), orElse(text(s, "httpUrl"), text(s, "uri"))))
	id := retinue.Identity{Ref: ref, Name: clean, Kind: retinue.IdentityAgent, Subtype: "mcp_server_stdio", Class: retinue.ClassNonHuman,
		ClassReason: "a tool server that an AI agent starts or calls", State: retinue.StateActive, Container: m.ref,
		Attrs: retinue.Attrs{"config": retinue.CleanName(c.file.path)}}
	words := append([]string{command}, args...)
	switch {
	case address != "":
		id.Subtype = "mcp_server_http"
		id.Attrs["url"] = strings.Join(m.secrets.cleanArguments([]string{address}), " ")
	case command != "":
		clean := m.secrets.cleanArguments(words)
		id.Attrs["command"], id.Attrs["args"] = clean[0], clean[1:]
		if pkg, pinned := packageOf(clean); pkg != "" {
			id.Attrs["package"], id.Attrs["pinned"] = pkg, pinned
		}
	}
	if within != "" {
		id.Attrs["project"] = retinue.CleanName(within)
	}
	if off(s) {
		id.State, id.StateReason = retinue.StateDisabled, "disabled in the configuration"
	}
	if allowed := stringsOf(s["alwaysAllow"], s["autoApprove"]); len(allowed) > 0 {
		c.a.add(retinue.Grant{Subject: ref, Privileges: allowed, ResourceName: "tools without asking", Attrs: retinue.Attrs{"approved": "always"}})
	}
	c.a.add(id, retinue.Trust{Subject: ref, Kind: retinue.TrusteePrincipal, Trustee: c.client, Name: "started by " + c.client.Key, OrganizationKnown: true})
	if address == "" && c.acc.name != "" {
		c.a.add(retinue.Trust{Subject: m.account(c.acc.name), Kind: retinue.TrusteePrincipal, Trustee: ref, Name: clean, OrganizationKnown: true})
	}
	c.tokens(ref, strings.TrimPrefix(within+"/"+clean, "/"), s, words, address)
}

// tokens states the secrets of a server: environment, headers, arguments, URL.
func (c *agentConfig) tokens(ref retinue.Ref, where string, s map[string]any, words []string, address string) {
	h := c.holder
	h.consumer = ref
	where = retinue.CleanName(where)
	for _, group := range []string{"env", "environment", "headers", "http_headers", "envs"} {
		vars := entries(s, group)
		for _, name := range sortedKeys(vars) {
			if value, ok := vars[name].(string); ok {
				c.a.state(h, c.named(where+"."+group+"."+fieldName(name), name, value))
			}
		}
	}
	for _, name := range stringsOf(s["env_vars"], s["bearer_token_env_var"]) {
		c.a.state(h, []found{{field: where + ".env." + fieldName(name), name: fieldName(name), kind: kindByName(name), reference: true}})
	}
	found := c.m.secrets.arguments(where+".args", words, 0)
	if address != "" {
		found = append(found, c.m.secrets.arguments(where+".url", []string{address}, 0)...)
	}
	c.a.state(h, found)
}

// named judges a variable by its own name, not by its path.
func (c *agentConfig) named(field, name, value string) []found {
	v, ok := c.m.secrets.value(name, value)
	if !ok {
		return nil
	}
	f := found{field: field, name: fieldName(name), kind: v.kind, subtype: v.subtype, reference: v.reference}
	if !v.reference {
		f.value = v.secret
	}
	return []found{f}
}

// claude states what only Claude Code's files hold: servers of projects, the
// environment and what is allowed without asking.
func (c *agentConfig) claude(v any) {
	projects := entries(v, "projects")
	for i, p := range sortedKeys(projects) {
		if i == maxProjects {
			break
		}
		c.servers(p, entries(projects[p], "mcpServers"))
	}
	h := c.holder
	h.consumer = c.client
	vars := entries(v, "env")
	for _, name := range sortedKeys(vars) {
		if value, ok := vars[name].(string); ok {
			c.a.state(h, c.named("env."+fieldName(name), name, value))
		}
	}
	allow := stringsOf(at(v, "permissions", "allow"))
	mode := text(v, "permissions", "defaultMode")
	if mode == "bypassPermissions" {
		allow = append(allow, "everything (bypassPermissions)")
	}
	for i := range allow {
		allow[i], _ = c.m.secrets.redact(allow[i])
		allow[i] = retinue.CleanName(allow[i])
	}
	if len(allow) > 0 {
		c.stated = true
		c.a.add(retinue.Grant{Subject: c.client, Privileges: allow, ResourceName: retinue.CleanName(c.file.path), Condition: "without asking"})
	}
}

// commandOf returns a server's program and arguments; Zed and others nest the
// program in an object, OpenCode keeps all in one list.
func commandOf(s map[string]any) (string, []string) {
	args := stringsOf(s["args"])
	switch c := s["command"].(type) {
	case string:
		return c, args
	case map[string]any:
		return text(c, "path"), stringsOf(c["args"])
	case []any:
		if all := stringsOf(c); len(all) > 0 {
			return all[0], all[1:]
		}
	}
	return text(s, "cmd"), args
}

// packageOf returns the package that a runner fetches, and whether its version
// is fixed: an unpinned one runs whatever its publisher puts there next.
func packageOf(words []string) (pkg string, pinned bool) {
	runner := strings.TrimSuffix(path.Base(words[0]), ".cmd")
	if !slices.Contains([]string{"npx", "uvx", "pipx", "bunx", "pnpx", "docker", "podman"}, runner) {
		return "", false
	}
	container := runner == "docker" || runner == "podman"
	valued := []string{"-e", "--env", "-v", "--volume", "--name", "--network", "-p", "--mount", "--from", "--python", "-u", "--user", "-w"}
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case slices.Contains(valued, w) && (container || w == "--from" || w == "--python"):
			if w == "--from" && i+1 < len(words) {
				return words[i+1], strings.Contains(words[i+1], "==") || strings.Contains(words[i+1], "@")
			}
			i++
		case strings.HasPrefix(w, "-"), w == "run", w == "exec" && container, w == redacted:
		case container:
			return w, strings.Contains(w, "@sha256:")
		default:
			at := strings.LastIndexByte(w, '@')
			pinned = (at > 0 && w[at+1:] != "latest") || strings.Contains(w, "==")
			return w, pinned
		}
	}
	return "", false
}

func off(s map[string]any) bool {
	if d, ok := s["disabled"].(bool); ok {
		return d
	}
	if e, ok := s["enabled"].(bool); ok {
		return !e
	}
	return false
}

// stringsOf collects strings and lists of strings.
func stringsOf(values ...any) []string {
	var out []string
	for _, v := range values {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []string:
			out = append(out, v...)
		case []any:
			for _, e := range v {
				if s, ok := e.(string); ok && len(out) < maxPrivileges {
					out = append(out, s)
				}
			}
		}
	}
	return out
}
