package host

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// projectDepth is how deep below a home or folder projects are looked for.
const projectDepth = 4

// isProjectFile picks the files of projects that hold credentials or configure
// agents.
func isProjectFile(name string) bool {
	return isDotEnv(name) || isKeyJSON(name) || slices.Contains([]string{".mcp.json", "mcp.json", "settings.json", "settings.local.json", ".npmrc", ".pypirc",
		"config.toml"}, name)
}

// isKeyJSON picks the names that people give to downloaded keys of Google
// Cloud; whether a file is one, its content says.
func isKeyJSON(name string) bool {
	l := strings.ToLower(name)
	if path.Ext(l) != ".json" {
		return false
	}
	for _, w := range []string{"service-account", "service_account", "serviceaccount", "credential", "gcp", "gcloud", "-key", "_key", "keyfile", "client_secret", "sa."} {
		if strings.Contains(l, w) {
			return true
		}
	}
	return false
}

// readKeyJSON reads a key of Google Cloud, and nothing of any other JSON.
func readKeyJSON(data []byte) reading {
	v, ok := decodeJSON(data)
	if !ok {
		return reading{}
	}
	switch text(v, "type") {
	case "service_account", "authorized_user", "external_account":
		return readGoogle(data)
	}
	for _, app := range []string{"installed", "web"} { // a downloaded OAuth client
		if s := text(v, app, "client_secret"); s != "" {
			return reading{found: []found{{field: app + ".client_secret", name: retinue.CleanName(text(v, app, "client_id")), kind: retinue.CredentialClientSecret,
				subtype: "gcp-oauth-client", value: retinue.NewSecret(s)}}}
		}
	}
	return reading{}
}

// isDotEnv picks .env, .env.production, prod.env, and passes over templates.
func isDotEnv(name string) bool {
	if name != ".env" && !strings.HasPrefix(name, ".env.") && path.Ext(name) != ".env" {
		return false
	}
	for _, t := range []string{"example", "sample", "template", "dist", "schema", "vault"} {
		if strings.Contains(name, t) {
			return false
		}
	}
	return true
}

// runProjects states what lies in the projects below a folder.
func (m *machine) runProjects(ctx context.Context, a *area, acc account, root string, keep func(p string) bool) error {
	files, repos := m.walkProjects(ctx, a, root, projectDepth, isProjectFile)
	m.offerRepos(a, acc, repos)
	for _, p := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if keep(p) {
			m.projectFile(a, acc, p)
		}
	}
	return ctx.Err()
}

func (m *machine) projectFile(a *area, acc account, p string) {
	name := path.Base(p)
	dir := path.Base(path.Dir(p))
	switch {
	case isDotEnv(name):
		m.toolFile(a, acc, toolFile{tool: "dotenv", read: readDotEnv}, p, map[string][]string{})
	case isKeyJSON(name):
		m.toolFile(a, acc, toolFile{tool: "gcloud", read: readKeyJSON}, p, map[string][]string{})
	case name == ".npmrc":
		m.toolFile(a, acc, toolFile{tool: "npm", read: readNpmrc}, p, map[string][]string{})
	case name == ".pypirc":
		m.toolFile(a, acc, toolFile{tool: "pypi", read: readPyPI}, p, map[string][]string{})
	default:
		for _, f := range projectAgentFiles() {
			if f.path == name || f.path == dir+"/"+name {
				m.agentFile(a, acc, f, p)
			}
		}
	}
}

// notInHome leaves out the files that the account's own tasks read.
func (m *machine) notInHome(acc account) func(string) bool {
	own := map[string]bool{}
	for _, t := range toolFiles() {
		own[path.Join(acc.home, t.path)] = true
	}
	for _, f := range agentFiles() {
		own[path.Join(acc.home, f.path)] = true
	}
	return func(p string) bool { return !own[p] }
}

// runFolder states what lies in a folder that the source names: keys and
// certificates, environment files, agents' configurations.
func (m *machine) runFolder(ctx context.Context, a *area, dir string) error {
	if err := m.readable(dir); err != nil {
		// Somebody asked for it: that it is not there is worth a word.
		a.failed = true
		a.sink.Problem(a.scope, err)
		return nil
	}
	files, repos := m.walkProjects(ctx, a, dir, certificateDepth, func(n string) bool { return isProjectFile(n) || holdsKeys(n) })
	m.offerRepos(a, account{}, repos)
	for _, p := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if isProjectFile(path.Base(p)) {
			m.projectFile(a, account{}, p)
		} else {
			m.certificateFile(a, p)
		}
	}
	return ctx.Err()
}
