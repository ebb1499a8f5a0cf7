package host

import (
	"context"
	"path"
	"strings"

	"github.com/retinue-id/retinue"
)

// envVar is an assignment of an environment file.
type envVar struct {
	name, value string
	line        int
}

// maxVars bounds the assignments read of one file.
const maxVars = 10_000

// parseEnvFile reads NAME=value lines as systemd.exec(5), /etc/environment and
// .env files have them: an optional "export", quotes around the value,
// comments.
func parseEnvFile(data []byte) []envVar {
	var out []envVar
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !isVariable(name) || len(out) == maxVars {
			continue
		}
		out = append(out, envVar{name: name, value: unquote(strings.TrimSpace(value)), line: n})
	}
	return out
}

func isVariable(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i, c := range s {
		switch {
		case c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'):
		case i > 0 && ((c >= '0' && c <= '9') || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// unquote drops quotes, or the comment behind a bare value.
func unquote(s string) string {
	if len(s) > 0 && (s[0] == '"' || s[0] == '\'') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return s[1 : 1+end]
		}
		return s[1:]
	}
	if i := strings.Index(s, " #"); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

func envFound(vars []envVar) []found {
	out := make([]found, 0, len(vars))
	for _, v := range vars {
		out = append(out, found{field: v.name, name: v.name, line: v.line, value: retinue.NewSecret(v.value), guess: true})
	}
	return out
}

// systemEnvironment lists the environment files of the whole machine and of its
// services.
func (m *machine) systemEnvironment() []string {
	out := []string{"/etc/environment"}
	for _, dir := range []string{"/etc/default", "/etc/sysconfig", "/etc/environment.d", "/etc/profile.d", "/etc/conf.d"} {
		entries, err := m.tree.list(dir)
		if err != nil {
			continue // the task that reads the folder's files says so
		}
		for _, e := range entries {
			if !e.IsDir() {
				out = append(out, path.Join(dir, e.Name()))
			}
		}
	}
	return out
}

// runEnvironment states the secrets in environment files. Files that services
// name in EnvironmentFile= are read here as well.
func (m *machine) runEnvironment(ctx context.Context, a *area) error {
	seen := map[string]bool{}
	for _, p := range append(m.systemEnvironment(), m.unitEnvironmentFiles()...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if seen[p] || m.tree.isDir(p) {
			continue
		}
		seen[p] = true
		if f, ok := a.read(p); ok {
			h := m.holder(f, "environment-file", retinue.Ref{})
			h.kind = retinue.PlaceEnvironment
			a.state(h, envFound(parseEnvFile(f.data)))
		}
	}
	for _, dir := range []string{"/etc/default", "/etc/sysconfig", "/etc/environment.d", "/etc/profile.d", "/etc/conf.d"} {
		if _, err := m.tree.list(dir); err != nil {
			a.problem(err)
		}
	}
	return nil
}
