package host

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// unitDirs are where systemd looks for units, the first found wins
// (systemd.unit(5)).
func unitDirs() []string {
	return []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}
}

// maxUnits bounds the units of one machine.
const maxUnits = 20_000

// unit is a unit file with its drop-ins.
type unit struct {
	name     string
	path     string // of the file that wins
	vendor   bool   // made by a package
	masked   bool
	enabled  bool
	timer    string // the timer that starts it
	settings []setting
}

// setting is one "Section.Key=value".
type setting struct {
	key   string // "Service.User"
	value string
	line  int
	path  string
}

// get returns the last value of a setting that is not a list.
func (u unit) get(key string) string {
	v := ""
	for _, s := range u.settings {
		if s.key == key {
			v = s.value
		}
	}
	return v
}

// all returns the values of a list setting; an empty value clears it.
func (u unit) all(key string) []setting {
	var out []setting
	for _, s := range u.settings {
		if s.key != key {
			continue
		}
		if s.value == "" {
			out = nil
			continue
		}
		out = append(out, s)
	}
	return out
}

// parseUnit reads the syntax of systemd.syntax(7).
func parseUnit(data []byte) []setting {
	var out []setting
	section := ""
	for _, l := range joinLines(string(data)) {
		switch {
		case l.text[0] == '#' || l.text[0] == ';':
		case l.text[0] == '[':
			section = strings.Trim(l.text, "[]")
		default:
			key, value, ok := strings.Cut(l.text, "=")
			if ok && len(out) < maxVars {
				out = append(out, setting{key: section + "." + strings.TrimSpace(key), value: strings.TrimSpace(value), line: l.line})
			}
		}
	}
	return out
}

// units reads the services and timers that are enabled, or that somebody made
// on this machine, and counts the packaged ones that are neither.
func (m *machine) units(ctx context.Context, a *area) (map[string]*unit, error) {
	all := map[string]*unit{}
	enabled := map[string]bool{}
	for _, dir := range unitDirs() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if dir == "/lib/systemd/system" && m.tree.target("/lib") != "" {
			continue // /lib is /usr/lib
		}
		for _, e := range a.list(dir) {
			name := e.Name()
			switch {
			case e.IsDir() && (strings.HasSuffix(name, ".wants") || strings.HasSuffix(name, ".requires") || strings.HasSuffix(name, ".upholds")):
				for _, w := range a.list(path.Join(dir, name)) {
					enabled[w.Name()] = true
				}
			case strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".timer"):
				if to := path.Base(m.tree.target(path.Join(dir, name))); to != "." && to != "null" && to != name && !strings.Contains(to, "@.") {
					enabled[to] = true // an alias
					continue
				}
				if _, ok := all[name]; !ok && len(all) < maxUnits {
					all[name] = &unit{name: name, path: path.Join(dir, name), vendor: strings.Contains(dir, "/lib/") && !strings.Contains(dir, "/local/")}
				}
			}
		}
	}
	m.addInstances(all, enabled)
	for name, u := range all {
		u.enabled = enabled[name]
		u.masked = m.tree.target(u.path) == "/dev/null"
	}
	return all, nil
}

// addInstances makes units of the enabled instances of templates
// (getty@tty1.service of getty@.service).
func (m *machine) addInstances(all map[string]*unit, enabled map[string]bool) {
	for name := range enabled {
		base, rest, ok := strings.Cut(name, "@")
		if !ok || strings.HasPrefix(rest, ".") || all[name] != nil || len(all) >= maxUnits {
			continue
		}
		if t := all[base+"@"+path.Ext(name)]; t != nil {
			all[name] = &unit{name: name, path: t.path, vendor: t.vendor}
		}
	}
}

// load reads a unit's file and drop-ins. Drop-ins of a lower folder are hidden
// by those of the same name in a higher one.
func (m *machine) load(a *area, u *unit) {
	if u.masked {
		return
	}
	f, err := m.tree.read(u.path)
	if err != nil {
		a.problem(err)
		return
	}
	u.add(f)
	seen := map[string]bool{}
	var dropins []string
	for _, dir := range unitDirs() {
		d := path.Join(dir, u.name+".d")
		entries, err := m.tree.list(d)
		a.problem(err)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".conf") && !seen[e.Name()] {
				seen[e.Name()] = true
				dropins = append(dropins, path.Join(d, e.Name()))
			}
		}
	}
	slices.SortFunc(dropins, func(x, y string) int { return strings.Compare(path.Base(x), path.Base(y)) })
	for _, p := range dropins {
		if f, ok := a.read(p); ok {
			u.add(f)
		}
	}
}

func (u *unit) add(f file) {
	for _, s := range parseUnit(f.data) {
		s.path = f.path
		u.settings = append(u.settings, s)
	}
}

// runServices states the services, with the account that each runs as.
func (m *machine) runServices(ctx context.Context, a *area) error {
	all, err := m.units(ctx, a)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(all) {
		t := all[name]
		if !strings.HasSuffix(name, ".timer") || !(t.enabled || !t.vendor) {
			continue
		}
		m.load(a, t)
		target := orElse(t.get("Timer.Unit"), strings.TrimSuffix(name, ".timer")+".service")
		if s := all[target]; s != nil {
			s.timer = name
		}
	}
	for _, name := range sortedKeys(all) {
		if err := ctx.Err(); err != nil {
			return err
		}
		u := all[name]
		if strings.HasSuffix(name, ".timer") || strings.HasSuffix(name, "@.service") {
			continue
		}
		if u.vendor && !u.enabled && u.timer == "" {
			a.fold("packaged services that are not enabled", 1)
			continue
		}
		m.load(a, u)
		m.serviceFacts(a, u, all[u.timer])
	}
	return nil
}

func (m *machine) unitRef(name string) retinue.Ref {
	return retinue.NewRef(m.realm, "systemd_unit", retinue.CleanName(name))
}

func (m *machine) serviceFacts(a *area, u *unit, timer *unit) {
	id := retinue.Identity{Ref: m.unitRef(u.name), Name: retinue.CleanName(u.name), Kind: retinue.IdentityService, Subtype: "systemd_service",
		Class: retinue.ClassNonHuman, ClassReason: "a service of the operating system", State: retinue.StateActive, Container: m.ref,
		Description: retinue.CleanName(u.get("Unit.Description")), Attrs: retinue.Attrs{"enabled": u.enabled, "unitFile": retinue.CleanName(u.path)}}
	if u.vendor {
		id.Managed = retinue.ManagedByPackage
	}
	if u.masked {
		id.State, id.StateReason = retinue.StateDisabled, "the unit is masked"
	}
	if timer != nil {
		id.Kind, id.Subtype = retinue.IdentityScript, "systemd_timer_job"
		id.ClassReason = "a job that a timer of the operating system starts"
		id.Attrs["timer"], id.Attrs["schedule"] = timer.name, timer.schedule()
	}
	if p := program(u.get("Service.ExecStart")); p != "" {
		id.Attrs["program"] = p
	}
	for attr, key := range map[string]string{"group": "Service.Group", "ambientCapabilities": "Service.AmbientCapabilities",
		"capabilityBoundingSet": "Service.CapabilityBoundingSet", "noNewPrivileges": "Service.NoNewPrivileges",
		"protectSystem": "Service.ProtectSystem", "privateUsers": "Service.PrivateUsers"} {
		if v := u.get(key); v != "" {
			id.Attrs[attr] = retinue.CleanName(v)
		}
	}
	user := u.get("Service.User")
	dynamic := isYes(u.get("Service.DynamicUser"))
	id.Attrs["dynamicUser"] = dynamic
	a.add(id)
	if !u.masked && !dynamic && !strings.Contains(user, "%") {
		a.add(retinue.Trust{Subject: m.account(orElse(user, "root")), Kind: retinue.TrusteePrincipal, Trustee: id.Ref,
			Name: id.Name, OrganizationKnown: true})
	}
	m.serviceSecrets(a, u, id.Ref)
}

func (u *unit) schedule() []string {
	var out []string
	for _, key := range []string{"OnCalendar", "OnBootSec", "OnStartupSec", "OnActiveSec", "OnUnitActiveSec", "OnUnitInactiveSec"} {
		for _, s := range u.all("Timer." + key) {
			out = append(out, key+"="+retinue.CleanName(s.value))
		}
	}
	return out
}

// serviceSecrets states the secrets that a unit file holds or names.
func (m *machine) serviceSecrets(a *area, u *unit, ref retinue.Ref) {
	place := func(s setting, list []found) {
		h := holder{path: s.path, kind: retinue.PlaceEnvironment, exposure: m.exposure(s.path), consumer: ref, tool: "systemd-unit"}
		a.state(h, list)
	}
	for _, s := range u.all("Service.Environment") {
		for _, word := range splitWords(s.value) {
			if name, value, ok := strings.Cut(word, "="); ok && isVariable(name) {
				place(s, []found{{field: name, name: name, line: s.line, value: retinue.NewSecret(value), guess: true}})
			}
		}
	}
	for _, s := range u.all("Service.SetCredential") {
		if name, value, ok := strings.Cut(s.value, ":"); ok {
			place(s, []found{{field: "SetCredential." + name, name: name, line: s.line, kind: retinue.CredentialGenericSecret, value: retinue.NewSecret(value)}})
		}
	}
	for _, key := range []string{"LoadCredential", "LoadCredentialEncrypted", "SetCredentialEncrypted"} {
		for _, s := range u.all("Service." + key) {
			if name, _, ok := strings.Cut(s.value, ":"); ok {
				place(s, []found{{field: key + "." + name, name: name, line: s.line, kind: retinue.CredentialGenericSecret, reference: true}})
			}
		}
	}
	for _, key := range []string{"ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop"} {
		for _, s := range u.all("Service." + key) {
			place(s, m.secrets.arguments(key, splitWords(s.value), s.line))
		}
	}
}

// unitEnvironmentFiles returns the files that enabled or local services read
// their environment from.
func (m *machine) unitEnvironmentFiles() []string {
	var out []string
	for _, dir := range unitDirs()[:3] { // packaged units name files under /etc/default
		entries, err := m.tree.list(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".service") {
				continue
			}
			f, err := m.tree.read(path.Join(dir, e.Name()))
			if err != nil {
				continue
			}
			u := unit{name: e.Name()}
			u.add(f)
			for _, s := range u.all("Service.EnvironmentFile") {
				if p := strings.TrimPrefix(s.value, "-"); path.IsAbs(p) && !strings.ContainsAny(p, "%*?[") {
					out = append(out, path.Clean(p))
				}
			}
		}
	}
	return out
}

// program returns the program of a command line: its first word, without
// systemd's prefixes.
func program(cmd string) string {
	words := splitWords(cmd)
	if len(words) == 0 {
		return ""
	}
	return retinue.CleanName(strings.TrimLeft(words[0], "-@:+!|"))
}

func isYes(s string) bool {
	return slices.Contains([]string{"1", "yes", "true", "on"}, strings.ToLower(s))
}
