package host

import (
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// account is a line of passwd(5).
type account struct {
	name, gecos, home, shell string
	uid, gid                 int
	fromHome                 bool // known by its home only
}

// group is a line of group(5).
type group struct {
	name    string
	gid     int
	members []string
}

// loginLimits are the ranges of user ids of login.defs(5).
type loginLimits struct {
	min, max int
	source   string
}

// maxAccounts bounds the accounts of one machine.
const maxAccounts = 100_000

func (m *machine) readAccounts() error {
	m.limits = loginLimits{min: 1000, max: 60000, source: "default"}
	if m.mac {
		m.limits.min, m.limits.max = 501, 1<<31-1 // the first account of a Mac is 501
	}
	if f, err := m.tree.read("/etc/login.defs"); err == nil {
		m.limits = parseLoginDefs(f.data, m.limits)
	}
	f, err := m.tree.read("/etc/passwd")
	if err != nil && !absent(err) {
		return err
	}
	m.accounts, m.noPasswd = parsePasswd(f.data), err
	m.shadowed = strings.Contains(string(f.data), ":x:")
	if m.mac {
		m.addMacHomes()
	}
	if f, m.noGroup = m.tree.read("/etc/group"); m.noGroup == nil {
		m.groups = parseGroup(f.data)
	}
	if f, err = m.tree.read("/etc/nsswitch.conf"); err == nil {
		m.sources = otherSources(f.data)
	}
	m.countGroups()
	return nil
}

// addMacHomes makes accounts of the homes of a Mac, whose people are in a
// directory that the standard library does not read.
func (m *machine) addMacHomes() {
	entries, err := m.tree.list("/Users")
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "Shared" || slices.ContainsFunc(m.accounts, func(a account) bool { return a.name == name }) {
			continue
		}
		info, err := m.tree.stat("/Users/" + name)
		if err != nil || !info.IsDir() {
			continue
		}
		uid, gid := owner(info)
		m.accounts = append(m.accounts, account{name: name, uid: uid, gid: gid, home: "/Users/" + name, fromHome: true})
	}
}

func parsePasswd(data []byte) []account {
	var out []account
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		// "+" and "-" lines are references to NIS.
		if len(f) != 7 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") || seen[f[0]] || len(out) == maxAccounts {
			continue
		}
		seen[f[0]] = true
		out = append(out, account{name: f[0], uid: atoi(f[2]), gid: atoi(f[3]), gecos: f[4], home: path.Clean("/" + f[5]), shell: f[6]})
	}
	return out
}

func parseGroup(data []byte) []group {
	var out []group
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 4 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") || seen[f[0]] || len(out) == maxAccounts {
			continue
		}
		seen[f[0]] = true
		g := group{name: f[0], gid: atoi(f[2])}
		for n := range strings.SplitSeq(f[3], ",") {
			if n = strings.TrimSpace(n); n != "" {
				g.members = append(g.members, n)
			}
		}
		out = append(out, g)
	}
	return out
}

func parseLoginDefs(data []byte, l loginLimits) loginLimits {
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n := atoi(f[1])
		switch {
		case n < 0:
		case f[0] == "UID_MIN":
			l.min, l.source = n, "login.defs"
		case f[0] == "UID_MAX":
			l.max, l.source = n, "login.defs"
		}
	}
	return l
}

// otherSources returns the sources of accounts in nsswitch.conf(5) beside the
// files.
func otherSources(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "passwd:")
		if !ok {
			continue
		}
		for _, s := range strings.Fields(rest) {
			if strings.HasPrefix(s, "[") || slices.Contains([]string{"files", "compat", "systemd"}, s) {
				continue
			}
			out = append(out, retinue.CleanName(s))
		}
	}
	return out
}

// interactive reports whether a login shell lets somebody work.
func (a account) interactive() bool {
	switch path.Base(a.shell) {
	case "nologin", "false", "true", "sync", "shutdown", "halt", "git-shell", "rbash-none":
		return false
	}
	return a.shell != ""
}

// machineWord returns the part of an account's name that people give to
// accounts for software, or "". It makes an account unclear, not non-human:
// names prove nothing.
func machineWord(name string) string {
	known := []string{"svc", "service", "srv", "bot", "ci", "cicd", "deploy", "deployer", "runner", "build", "builder",
		"agent", "backup", "cron", "batch", "job", "jenkins", "gitlab", "ansible", "terraform", "monitor", "monitoring", "app",
		"api", "robot", "automation", "sys", "daemon", "worker", "etl", "sync", "vagrant", "test"}
	for _, w := range strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c < 'a' || c > 'z' }) {
		if slices.Contains(known, w) {
			return w
		}
	}
	return ""
}

// classify decides whether an account is a person's, and says why.
func (m *machine) classify(a account) (retinue.Class, string) {
	l := m.limits
	switch {
	case a.fromHome:
		return retinue.ClassUnclear, "a home under /Users; the directory that says more is not read"
	case a.uid == 0:
		return retinue.ClassNonHuman, "uid 0 is the machine's superuser, whoever may become it"
	case a.uid == 65534 || a.uid == 65535:
		return retinue.ClassNonHuman, fmt.Sprintf("uid %d is the account of nobody", a.uid)
	case a.uid >= 0 && a.uid < l.min:
		return retinue.ClassNonHuman, fmt.Sprintf("uid %d is below %d, the first for people (UID_MIN, %s)", a.uid, l.min, l.source)
	case !a.interactive():
		return retinue.ClassNonHuman, fmt.Sprintf("uid %d is in the range for people, and the shell %s lets nobody log in", a.uid, orNone(a.shell))
	case a.uid > l.max:
		return retinue.ClassUnclear, fmt.Sprintf("uid %d is above %d, the last for people (UID_MAX, %s)", a.uid, l.max, l.source)
	}
	if w := machineWord(a.name); w != "" {
		return retinue.ClassUnclear, fmt.Sprintf("uid %d is in the range for people and the shell %s lets it log in, but the name says %q",
			a.uid, retinue.CleanName(a.shell), w)
	}
	if !strings.HasPrefix(a.home, "/home/") && !strings.HasPrefix(a.home, "/Users/") {
		return retinue.ClassUnclear, fmt.Sprintf("uid %d is in the range for people, but its home is %s", a.uid, retinue.CleanName(a.home))
	}
	return retinue.ClassPerson, fmt.Sprintf("uid %d is in the range for people (%d to %d, %s) and the shell %s lets it log in", a.uid, l.min, l.max, l.source, retinue.CleanName(a.shell))
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return retinue.CleanName(s)
}

// runAccounts states accounts, groups and memberships.
func (m *machine) runAccounts(a *area) {
	// Every machine has these files: a copy without them is no whole copy, and
	// nobody has gone.
	a.missing(m.noPasswd)
	a.missing(m.noGroup)
	for _, acc := range m.accounts {
		a.add(m.accountFact(a, acc))
	}
	byGID := map[int]group{}
	for _, g := range m.groups {
		if _, ok := byGID[g.gid]; !ok {
			byGID[g.gid] = g
		}
		attrs := retinue.Attrs{"gid": g.gid}
		if why := rootEquivalent(g.name); why != "" {
			attrs["rootEquivalent"] = why
		}
		a.add(retinue.Group{Ref: m.group(g.name), Name: retinue.CleanName(g.name), Container: m.ref, Attrs: attrs})
		for _, n := range g.members {
			a.add(retinue.Membership{Group: m.group(g.name), Member: m.account(n)})
		}
	}
	for _, acc := range m.accounts {
		if g, ok := byGID[acc.gid]; ok && g.name != acc.name {
			a.add(retinue.Membership{Group: m.group(g.name), Member: m.account(acc.name), Options: retinue.Attrs{"primary": true}})
		}
	}
	m.lastLogins(a)
}

func (m *machine) group(name string) retinue.Ref {
	return retinue.NewRef(m.realm, "group", retinue.CleanName(name))
}

func (m *machine) accountFact(a *area, acc account) retinue.Identity {
	class, reason := m.classify(acc)
	id := retinue.Identity{Ref: m.account(acc.name), Name: retinue.CleanName(acc.name), Kind: retinue.IdentityUser, Subtype: "os_account",
		Class: class, ClassReason: reason, State: retinue.StateActive, Container: m.ref,
		Attrs: retinue.Attrs{"uid": acc.uid, "gid": acc.gid, "home": retinue.CleanName(acc.home), "shell": retinue.CleanName(acc.shell)}}
	if class == retinue.ClassNonHuman {
		id.Kind = retinue.IdentityServiceAccount
		if acc.gecos != "" {
			id.Description = retinue.CleanName(strings.TrimRight(acc.gecos, ","))
		}
		if acc.uid != 0 && acc.uid < m.limits.min && !acc.interactive() {
			id.Managed = retinue.ManagedByPackage
			a.fold("packaged accounts that cannot log in", 1)
		}
	}
	return id
}

// rootEquivalent says why membership of a group is as good as root, or "".
func rootEquivalent(name string) string {
	switch name {
	case "docker":
		return "its members start containers as root through the daemon's socket"
	case "lxd", "incus-admin":
		return "its members start privileged containers"
	case "disk":
		return "its members write to the disks themselves"
	case "shadow":
		return "its members read every password hash"
	case "sudo", "wheel", "admin":
		return "sudo's usual configuration lets its members become root"
	}
	return ""
}

// lastLogins states what lastlog(8) recorded. The file is sparse and indexed by
// user id, so only the records of known accounts are read.
func (m *machine) lastLogins(a *area) {
	const record = 4 + 32 + 256 // struct lastlog of utmp.h
	f, info, err := m.tree.open("/var/log/lastlog")
	if err != nil {
		return // a system without it, or without the right to read it, states no use
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, record)
	for _, acc := range m.accounts {
		at := int64(acc.uid) * record
		if acc.uid < 0 || at+record > info.Size() {
			continue
		}
		if _, err := io.ReadFull(io.NewSectionReader(f, at, record), buf); err != nil {
			continue
		}
		sec := binary.LittleEndian.Uint32(buf)
		if sec == 0 {
			continue
		}
		a.add(retinue.Use{Subject: m.account(acc.name), Meaning: "last_login", At: time.Unix(int64(sec), 0).UTC(),
			Precision: 1, Grade: retinue.GradeC})
	}
}
