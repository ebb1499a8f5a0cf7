package host

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// tasks lists everything that is read of the machine, each part a scope of its
// own, so that what cannot be read leaves only its own part incomplete.
func (m *machine) tasks() []task {
	plain := func(f func(*area)) func(context.Context, *area) error {
		return func(_ context.Context, a *area) error { f(a); return nil }
	}
	out := []task{
		{scope: m.scope("host"), title: "the machine", paths: []string{"/etc/os-release", "/etc/hostname"}, basis: "one machine",
			consequence: "the machine's name and system are not known", run: plain(m.runHost)},
		{scope: m.scope("accounts"), title: "accounts and groups", paths: []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/var/log/lastlog"},
			basis: "every line of /etc/passwd and /etc/group", consequence: "accounts are not known", run: plain(m.runAccounts)},
		{scope: m.scope("shadow"), title: "state of passwords (hashes are dropped)", paths: []string{"/etc/shadow"}, basis: "every line of /etc/shadow",
			consequence: "whether accounts have a password, its age and its scheme are not known", run: plain(m.runShadow)},
		{scope: m.scope("sudo"), title: "sudo rules", paths: []string{"/etc/sudoers", "/etc/sudoers.d"}, basis: "/etc/sudoers and every file that it includes",
			consequence: "who may become root is not known", run: plain(m.runSudo)},
		{scope: m.scope("services"), title: "systemd services and timers", paths: unitDirs(), basis: "every unit file that is enabled or made on this machine",
			consequence: "services and what they run as are not known in full", run: m.runServices},
		{scope: m.scope("environment"), title: "environment files of the system and its services", paths: m.environmentPaths(), authority: connector.AuthorityReference,
			basis: "every environment file", consequence: "secrets in the environment of services are not known", run: m.runEnvironment},
		{scope: m.scope("cron", "system"), title: "cron tables of the system", paths: []string{"/etc/crontab", "/etc/anacrontab", "/etc/cron.d",
			"/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/cron.yearly"},
			basis: "every table and script of /etc", consequence: "scheduled jobs are not known in full", run: plain(m.runCron)},
		{scope: m.scope("cron", "users"), title: "cron tables of users", paths: []string{"/var/spool/cron/crontabs", "/var/spool/cron", "/var/spool/cron/tabs"},
			basis: "every table of the spool", consequence: "the scheduled jobs of users are not known", run: plain(m.runUserCron)},
		{scope: m.scope("ssh"), title: "SSH host keys and the server's settings", paths: []string{"/etc/ssh", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"},
			basis: "every host key of /etc/ssh", consequence: "how this machine proves itself and who it trusts are not known", run: plain(m.runSSHServer)},
		{scope: m.scope("agents"), title: "configurations of AI agents for every account", paths: agentPaths("/", systemAgentFiles()),
			basis: "every known system-wide configuration", consequence: "agents that the administrator configured are not known", run: plain(m.runSystemAgents)},
	}
	if m.mac {
		out = append(out, task{scope: m.scope("launchd"), title: "jobs of launchd", paths: launchdFolders(), basis: "every property list of /Library",
			consequence: "services of the Mac are not known in full", run: plain(func(a *area) { m.runLaunchd(a, "root", launchdFolders()...) })})
	}
	for _, root := range certificateRoots() {
		if m.exists(root) {
			out = append(out, task{scope: m.scope("certificates", root[1:]), title: "certificates and keys", paths: []string{root},
				basis: fmt.Sprintf("every file with a name of certificates or keys, to a depth of %d", certificateDepth),
				run:   func(ctx context.Context, a *area) error { return m.runCertificates(ctx, a, root) }, consequence: "certificates and keys there are not known"})
		}
	}
	for _, acc := range m.homes() {
		out = append(out, m.homeTasks(acc)...)
	}
	for _, dir := range m.include {
		out = append(out, task{scope: m.scope("folder", dir[1:]), title: "a folder that the source names", paths: []string{dir}, authority: connector.AuthorityDeclared,
			basis: fmt.Sprintf("every file with a known name, to a depth of %d", certificateDepth), consequence: "what lies there is not known",
			run: func(ctx context.Context, a *area) error { return m.runFolder(ctx, a, dir) }})
	}
	for i := range out {
		if out[i].authority == 0 {
			out[i].authority = connector.AuthoritySystem
		}
	}
	return out
}

func (m *machine) environmentPaths() []string {
	return append([]string{"/etc/environment", "/etc/default", "/etc/sysconfig", "/etc/environment.d", "/etc/profile.d", "/etc/conf.d"}, m.unitEnvironmentFiles()...)
}

func agentPaths(home string, files []agentFile) []string {
	var out []string
	for _, f := range files {
		out = append(out, path.Join(home, f.path))
	}
	return out
}

// homeTasks lists what is read of one account's home. A home that may not be
// entered is one part, which fails as a whole.
func (m *machine) homeTasks(acc account) []task {
	if _, err := m.tree.stat(path.Join(acc.home, ".ssh")); err != nil && !absent(err) && m.unreachable(acc.home, err) {
		return []task{{scope: m.scope("user", acc.name), title: "the home of " + retinue.CleanName(acc.name), paths: []string{path.Join(acc.home, ".ssh")},
			basis: "the home", consequence: "keys, credentials and agents of " + retinue.CleanName(acc.name) + " are not known",
			run: func(_ context.Context, a *area) error { a.problem(err); return nil }}}
	}
	of := " of " + retinue.CleanName(acc.name)
	var tools []string
	for _, t := range toolFiles() {
		before, _, wild := strings.Cut(t.path, "*")
		if wild {
			before = path.Dir(before + "x")
		}
		tools = append(tools, path.Join(acc.home, before))
	}
	out := []task{
		{scope: m.scope("user", acc.name, "ssh"), title: "SSH keys and authorized keys" + of, paths: []string{path.Join(acc.home, ".ssh")},
			basis: "every file of .ssh and every authorized_keys file that sshd reads", consequence: "who can log in as the account is not known",
			run: func(ctx context.Context, a *area) error { return m.runUserSSH(ctx, a, acc) }},
		{scope: m.scope("user", acc.name, "tools"), title: "credential files of tools" + of, paths: tools, authority: connector.AuthorityReference,
			basis: "every known file of a tool", consequence: "credentials of tools are not known",
			run: func(ctx context.Context, a *area) error { return m.runTools(ctx, a, acc) }},
		{scope: m.scope("user", acc.name, "agents"), title: "configurations of AI agents" + of, paths: agentPaths(acc.home, agentFiles()),
			basis: "every known configuration in the home", consequence: "agents of the account are not known",
			run: func(ctx context.Context, a *area) error { return m.runAgents(ctx, a, acc) }},
	}
	if agents := path.Join(acc.home, "Library/LaunchAgents"); m.mac {
		out = append(out, task{scope: m.scope("user", acc.name, "launchd"), title: "jobs of launchd" + of, paths: []string{agents},
			basis: "every property list of the home's LaunchAgents", consequence: "jobs of the account are not known",
			run: func(_ context.Context, a *area) error { m.runLaunchd(a, acc.name, agents); return nil }})
	}
	if m.hasProjects(acc) {
		out = append(out, task{scope: m.scope("user", acc.name, "projects"), title: fmt.Sprintf("environment files and agents of projects%s, %d folders deep", of, projectDepth),
			paths: []string{acc.home}, authority: connector.AuthorityDeclared, basis: fmt.Sprintf("every file with a known name, %d folders deep", projectDepth), consequence: "secrets in projects are not known",
			run: func(ctx context.Context, a *area) error {
				return m.runProjects(ctx, a, acc, acc.home, m.notInHome(acc))
			}})
	}
	return out
}

// unreachable tells a home that may not be entered from one in which only .ssh
// itself is amiss, such as a link that loops.
func (m *machine) unreachable(home string, err error) bool {
	if errors.Is(err, retinue.ErrDenied) || errors.Is(err, retinue.ErrUnavailable) {
		return true
	}
	_, err = m.tree.stat(home)
	return err != nil
}

// homes returns the accounts whose homes are read: those that somebody or
// something can log in to, and those that hold a credential file. Accounts that
// share a home are read once, under the first of them.
func (m *machine) homes() []account {
	var out []account
	seen := map[string]bool{}
	accounts := slices.Clone(m.accounts)
	slices.SortStableFunc(accounts, func(a, b account) int { return strings.Compare(a.name, b.name) })
	for _, acc := range accounts {
		if len(m.only) > 0 && !slices.Contains(m.only, acc.name) {
			continue
		}
		if seen[acc.home] || isSystemFolder(acc.home) || !m.mayBeFolder(acc.home) || !m.isUsed(acc) {
			continue
		}
		seen[acc.home] = true
		out = append(out, acc)
	}
	return out
}

// mayBeFolder reports a folder, or something that could not be looked at: a
// home on a share that fails has not gone.
func (m *machine) mayBeFolder(p string) bool {
	info, err := m.tree.stat(p)
	return (err == nil && info.IsDir()) || (err != nil && !absent(err))
}

// isSystemFolder reports homes of packaged accounts that are nobody's home.
func isSystemFolder(p string) bool {
	return slices.Contains([]string{"/", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/usr/local", "/dev", "/proc", "/sys", "/etc",
		"/var", "/run", "/tmp", "/home", "/var/lib", "/var/run", "/var/cache", "/var/spool", "/nonexistent"}, p)
}

func (m *machine) isUsed(acc account) bool {
	if acc.uid == 0 || acc.uid >= m.limits.min && acc.uid != 65534 || acc.interactive() {
		return true
	}
	for _, name := range []string{".ssh", ".aws", ".azure", ".kube", ".docker", ".config", ".netrc", ".pgpass", ".npmrc", ".env", ".git-credentials",
		".vault-token", ".claude.json", ".claude", ".codex", ".cursor"} {
		if m.exists(path.Join(acc.home, name)) {
			return true
		}
	}
	return false
}

// hasProjects reports homes in which somebody may keep projects.
func (m *machine) hasProjects(acc account) bool {
	return acc.uid == 0 || acc.interactive() || strings.HasPrefix(acc.home, "/home/") || strings.HasPrefix(acc.home, "/Users/")
}
