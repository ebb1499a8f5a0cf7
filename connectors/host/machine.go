package host

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// machine is what decides where everything else lies.
type machine struct {
	tree     tree
	env      connector.Env
	realm    retinue.Realm
	ref      retinue.Ref
	name     string
	os       osRelease
	idSource string // where the realm's id comes from
	mac      bool

	accounts []account
	groups   []group
	limits   loginLimits
	noPasswd error // why /etc/passwd was not read, or nil
	noGroup  error
	shadowed bool     // passwords are in /etc/shadow
	sources  []string // other sources of accounts that nsswitch.conf names

	only       []string    // homes that are read; empty: all
	include    []string    // further folders
	crowd      map[int]int // accounts in each group, by gid
	sshdConfig sshdConfig
	sshdErrs   []error // what of it could not be read

	secrets  *recognizer
	observed time.Time
	offers   []connector.Note
}

type osRelease struct{ id, version, pretty string }

// appID is this program's application id in the sense of machine-id(5): a
// random constant that keeps the machine id itself from being published.
const appID = "5d0f6f4c8e6b4b0b9a3a1c8f2e7d9b46"

// readMachine reads the machine's identity, its accounts and groups.
func readMachine(t tree, cfg connector.Config, env connector.Env, secrets *recognizer) (*machine, error) {
	m := &machine{tree: t, env: env, secrets: secrets, only: cfg.List("users"), include: cfg.List("include")}
	for i := range m.include {
		m.include[i] = path.Clean(m.include[i])
	}
	slices.Sort(m.include)
	m.include = slices.Compact(m.include)
	m.mac = t.isDir("/System/Library") && t.isDir("/Users")
	id, err := m.identify(cfg.Option("id", ""))
	if err != nil {
		return nil, err
	}
	m.realm = retinue.NewRealm("host", id)
	m.ref = retinue.NewRef(m.realm, "host", id)
	m.os = m.readOSRelease()
	m.name = m.hostname()
	if err := m.readAccounts(); err != nil {
		return nil, err
	}
	for _, name := range m.only {
		if !slices.ContainsFunc(m.accounts, func(a account) bool { return a.name == name }) {
			return nil, fmt.Errorf("%w: source host: option users: no account %q on %s", retinue.ErrInvalid, name, m.name)
		}
	}
	m.sshdConfig = m.sshd(func(err error) { m.sshdErrs = append(m.sshdErrs, err) })
	return m, nil
}

// identify returns the machine's id: the name that the configuration gives,
// else a hash of /etc/machine-id, else of its SSH host key, else, for this
// machine, of its host name (a container has often nothing better).
func (m *machine) identify(given string) (string, error) {
	if given != "" {
		m.idSource = "option id"
		return retinue.CleanName(given), nil
	}
	for _, p := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		f, err := m.tree.read(p)
		if err != nil {
			continue
		}
		if raw, err := hex.DecodeString(strings.TrimSpace(string(f.data))); err == nil && len(raw) == 16 {
			m.idSource = p
			return appSpecific(raw), nil
		}
	}
	for _, p := range []string{"/etc/ssh/ssh_host_ed25519_key.pub", "/etc/ssh/ssh_host_rsa_key.pub"} {
		f, err := m.tree.read(p)
		if err != nil {
			continue
		}
		if pub, _, _, _, err := ssh.ParseAuthorizedKey(f.data); err == nil {
			m.idSource = p
			sum := sha256.Sum256(pub.Marshal())
			return appSpecific(sum[:16]), nil
		}
	}
	if name := m.hostname(); m.tree.live() && name != "" {
		m.idSource = "host name"
		sum := sha256.Sum256([]byte("host name\x00" + name))
		return appSpecific(sum[:16]), nil
	}
	return "", fmt.Errorf("name the machine: %w: no /etc/machine-id and no SSH host key: give the option id=NAME", retinue.ErrInvalid)
}

// appSpecific derives an id from a machine id as
// sd_id128_get_machine_app_specific(3) does: HMAC-SHA-256 with the machine id
// as key over the application's id, cut to 128 bits that read as a random UUID.
// machine-id(5) asks programs to publish such an id and not the machine's own.
func appSpecific(machineID []byte) string {
	app, _ := hex.DecodeString(appID)
	h := hmac.New(sha256.New, machineID)
	h.Write(app)
	id := h.Sum(nil)[:16]
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return hex.EncodeToString(id)
}

func (m *machine) readOSRelease() osRelease {
	for _, p := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		f, err := m.tree.read(p)
		if err != nil {
			continue
		}
		v := map[string]string{}
		for _, e := range parseEnvFile(f.data) {
			v[e.name] = e.value
		}
		return osRelease{id: v["ID"], version: v["VERSION_ID"], pretty: v["PRETTY_NAME"]}
	}
	if m.mac {
		return osRelease{id: "macos"}
	}
	return osRelease{}
}

// hostname is the configured name, else, on this machine, the one in use.
func (m *machine) hostname() string {
	if f, err := m.tree.read("/etc/hostname"); err == nil {
		for line := range strings.Lines(string(f.data)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				return retinue.CleanName(line)
			}
		}
	}
	if m.tree.live() {
		if n, err := os.Hostname(); err == nil {
			return retinue.CleanName(n)
		}
	}
	return ""
}

// observedAt is now on this machine; for a copy it is the latest time that it
// carries, as its clock was kept.
func (m *machine) observedAt(now time.Time) time.Time {
	if m.tree.live() {
		return now
	}
	var at time.Time
	for _, p := range []string{"/var/lib/systemd/timesync/clock", "/var/log/wtmp", "/var/log/lastlog", "/var/log/journal",
		"/var/log", "/etc", "/etc/passwd", "/etc/machine-id", "/"} {
		if info, err := m.tree.stat(p); err == nil && info.ModTime().After(at) && !info.ModTime().After(now) {
			at = info.ModTime()
		}
	}
	if at.IsZero() {
		return now
	}
	return at.UTC()
}

// runHost states the machine itself.
func (m *machine) runHost(a *area) {
	attrs := retinue.Attrs{"idSource": m.idSource}
	for name, v := range map[string]string{"os": m.os.id, "osVersion": m.os.version, "osName": m.os.pretty} {
		if v != "" {
			attrs[name] = retinue.CleanName(v)
		}
	}
	a.add(retinue.Container{Ref: m.ref, Name: m.name, Kind: retinue.ContainerHost, Attrs: attrs})
}

func (m *machine) account(name string) retinue.Ref {
	return retinue.NewRef(m.realm, "account", retinue.CleanName(name))
}

// consumer is the account that reads a file, or nothing where it lies in no
// home.
func (m *machine) consumer(acc account) retinue.Ref {
	if acc.name == "" {
		return retinue.Ref{}
	}
	return m.account(acc.name)
}

func (m *machine) scope(elem ...string) retinue.Scope {
	for i := range elem {
		elem[i] = retinue.CleanName(elem[i])
	}
	return retinue.NewScope(m.realm, elem...)
}

// filePlace is a place in a file of the machine.
func (m *machine) filePlace(p, field string, line int) retinue.Place {
	return retinue.Place{Kind: retinue.PlaceFile, Realm: m.realm, Container: m.ref, Path: retinue.CleanName(p),
		Field: retinue.CleanName(field), Line: line}
}

func (m *machine) exposure(p string) retinue.Exposure { return m.tree.exposure(p, m.privateGroup) }

// privateGroup reports whether at most one account is in a group.
func (m *machine) privateGroup(gid int) bool { return m.crowd[gid] <= 1 }

// countGroups counts the accounts in each group.
func (m *machine) countGroups() {
	in := map[int]map[string]bool{}
	add := func(gid int, name string) {
		if in[gid] == nil {
			in[gid] = map[string]bool{}
		}
		in[gid][name] = true
	}
	for _, acc := range m.accounts {
		add(acc.gid, acc.name)
	}
	for _, g := range m.groups {
		for _, n := range g.members {
			add(g.gid, n)
		}
	}
	m.crowd = make(map[int]int, len(in))
	for gid, names := range in {
		m.crowd[gid] = len(names)
	}
}

func atoi(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return -1
	}
	return n
}
