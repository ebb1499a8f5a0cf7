package host

import (
	"context"
	"path"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// sshdConfig is what sshd_config(5) says about who may log in.
type sshdConfig struct {
	keyFiles []string // AuthorizedKeysFile, with its tokens
	settings map[string]string
	matches  int // Match blocks, whose settings are not judged
}

// sshdAttrs are the settings that are stated as attributes.
func sshdAttrs() map[string]string {
	return map[string]string{"permitrootlogin": "permitRootLogin", "passwordauthentication": "passwordAuthentication",
		"pubkeyauthentication": "pubkeyAuthentication", "permitemptypasswords": "permitEmptyPasswords",
		"kbdinteractiveauthentication": "kbdInteractiveAuthentication", "permituserenvironment": "permitUserEnvironment",
		"trustedusercakeys": "trustedUserCAKeys", "authorizedkeyscommand": "authorizedKeysCommand", "usepam": "usePAM",
		"allowusers": "allowUsers", "allowgroups": "allowGroups", "denyusers": "denyUsers", "denygroups": "denyGroups"}
}

// maxSSHDFiles bounds the files that sshd_config includes.
const maxSSHDFiles = 64

// sshd reads sshd_config and what it includes. The first value of a setting
// holds, as in sshd.
func (m *machine) sshd(report func(error)) sshdConfig {
	c := sshdConfig{settings: map[string]string{}}
	read := 0
	var walk func(p string)
	walk = func(p string) {
		if read++; read > maxSSHDFiles {
			return
		}
		f, err := m.tree.read(p)
		if err != nil {
			report(err)
			return
		}
		c.parse(f.data, func(pattern string) {
			for _, inc := range m.glob(path.Dir(p), pattern, report) {
				walk(inc)
			}
		})
	}
	walk("/etc/ssh/sshd_config")
	if v := c.settings["authorizedkeysfile"]; v != "" {
		c.keyFiles = splitWords(v)
	} else {
		c.keyFiles = []string{".ssh/authorized_keys", ".ssh/authorized_keys2"} // sshd_config(5)
	}
	return c
}

// parse reads one file of the configuration; include is called for each
// Include before the first Match.
func (c *sshdConfig) parse(data []byte, include func(string)) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value := sshdSetting(line)
		switch {
		case key == "match":
			c.matches++
		case c.matches > 0:
		case key == "include":
			for _, p := range splitWords(value) {
				include(p)
			}
		case c.settings[key] == "":
			c.settings[key] = value
		}
	}
}

// sshdSetting cuts a line into its keyword, in lower case, and its arguments;
// blanks or one "=" stand between.
func sshdSetting(line string) (key, value string) {
	i := strings.IndexAny(line, " \t=")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.TrimPrefix(strings.TrimLeft(line[i:], " \t"), "=")
	value = strings.TrimSpace(value)
	if n := len(value); n > 1 && value[0] == '"' && strings.IndexByte(value[1:], '"') == n-2 {
		value = value[1 : n-1]
	}
	return strings.ToLower(line[:i]), value
}

// glob returns the files of one folder that a pattern names; the pattern's
// folder holds no wildcard.
func (m *machine) glob(base, pattern string, report func(error)) []string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(base, pattern)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}
	}
	entries, err := m.tree.list(path.Dir(pattern))
	if err != nil && !absent(err) {
		report(err)
	}
	var out []string
	for _, e := range entries {
		if ok, _ := path.Match(path.Base(pattern), e.Name()); ok {
			out = append(out, path.Join(path.Dir(pattern), e.Name()))
		}
	}
	return out
}

// runSSHServer states the host keys and the server's settings.
func (m *machine) runSSHServer(a *area) {
	for _, e := range a.list("/etc/ssh") {
		p := path.Join("/etc/ssh", e.Name())
		if !strings.HasPrefix(e.Name(), "ssh_host_") {
			continue
		}
		private, isPublic := strings.CutSuffix(p, ".pub")
		if !isPublic && m.exists(p+".pub") {
			continue // the public half says all, and anybody may read it
		}
		f, ok := a.read(p)
		if !ok {
			continue
		}
		parsed, err := keys.Parse(f.data)
		a.problem(err)
		for _, o := range parsed.Objects {
			c := o.Credential(m.keyRef("ssh_host_key", o, p))
			if c.Kind == retinue.CredentialSSHKey || c.Kind == retinue.CredentialPrivateKey {
				c.Kind = retinue.CredentialSSHHostKey
			}
			c.Name = retinue.CleanName(path.Base(private))
			a.add(c)
			if m.exists(private) && !strings.HasSuffix(private, "-cert") {
				a.add(retinue.Placement{Credential: c.Ref, Place: m.filePlace(private, "", 0), Exposure: m.exposure(private),
					Confidence: retinue.ConfidenceCertain, Detector: "ssh-host-key"})
			}
		}
	}
	if !m.exists("/etc/ssh/sshd_config") {
		return
	}
	for _, err := range m.sshdErrs {
		a.problem(err)
	}
	c := m.sshdConfig
	attrs := retinue.Attrs{"matchBlocks": c.matches, "authorizedKeysFile": cleanAll(c.keyFiles)}
	for key, name := range sshdAttrs() {
		if v := c.settings[key]; v != "" {
			attrs[name] = retinue.CleanName(v)
		}
	}
	a.add(retinue.Resource{Ref: retinue.NewRef(m.realm, "sshd", "sshd"), Name: "OpenSSH server", Kind: "ssh_server", Container: m.ref, Attrs: attrs})
	if p := c.settings["trustedusercakeys"]; path.IsAbs(p) {
		m.trustedCAs(a, p)
	}
}

// trustedCAs states who signs user certificates that admit to every account.
func (m *machine) trustedCAs(a *area, p string) {
	f, ok := a.read(p)
	if !ok {
		return
	}
	list, bad := keys.ParseAuthorizedKeys(f.data)
	for _, u := range bad {
		a.malformed(p, u.Line, u.Reason)
	}
	for _, k := range list {
		c := k.Credential(m.keyRef("ssh_key", k.Object, p))
		c.Kind = retinue.CredentialSigningKey
		a.add(c, retinue.Trust{Subject: m.ref, Kind: retinue.TrusteeKey, Trustee: c.Ref, Name: "user certificates signed by " + k.Key.SSH},
			retinue.Placement{Credential: c.Ref, Reference: true, Place: m.filePlace(p, "", k.Line), Detector: "sshd-trusted-ca"})
	}
}

// keyRef names a key: by its OpenSSH fingerprint, else by its public key, else
// by its place.
func (m *machine) keyRef(kind string, o keys.Object, p string) retinue.Ref {
	switch {
	case o.Kind == keys.KindSSHCertificate:
		return retinue.NewRef(m.realm, "ssh_certificate", o.SHA256)
	case o.Key.SSH != "":
		return retinue.NewRef(m.realm, kind, o.Key.SSH)
	case o.Key.SPKI != "":
		return retinue.NewRef(m.realm, kind, o.Key.SPKI)
	}
	return retinue.NewRef(m.realm, kind, clipKey(retinue.CleanName(p)))
}

// runUserSSH states the keys in an account's .ssh folder and the keys that may
// log in to the account.
func (m *machine) runUserSSH(ctx context.Context, a *area, acc account) error {
	dir := path.Join(acc.home, ".ssh")
	authorized := map[string]bool{}
	for _, p := range m.authorizedKeyFiles(acc) {
		authorized[p] = true
		m.authorizedKeys(a, acc, p)
	}
	if len(a.list(dir)) == 0 {
		return nil
	}
	for _, p := range m.walk(ctx, a, dir, 2) {
		switch base := path.Base(p); {
		case authorized[p], strings.HasPrefix(base, "known_hosts"), base == "config", base == "environment", base == "rc", strings.HasPrefix(base, "authorized_keys"):
			continue
		}
		m.userKey(a, acc, p)
	}
	return ctx.Err()
}

func (m *machine) userKey(a *area, acc account, p string) {
	f, ok := a.read(p)
	if !ok {
		return
	}
	parsed, err := keys.Parse(f.data)
	a.problem(err)
	for _, o := range parsed.Objects {
		c := o.Credential(m.keyRef("ssh_key", o, p))
		if c.Kind == retinue.CredentialPrivateKey {
			c.Kind = retinue.CredentialSSHKey
		}
		// What is said about the key itself is the same in every file that has
		// it, so that the public half does not contradict the private one.
		encrypted := o.Kind == keys.KindPrivateKey && o.Encrypted
		c.Subtype = ""
		c.Name, c.Attrs = orElse(c.Name, retinue.CleanName(path.Base(strings.TrimSuffix(p, ".pub")))), sshAttrs(c.Attrs)
		a.add(c, retinue.Placement{Credential: c.Ref, Place: m.filePlace(p, "", 0), Consumer: m.account(acc.name), Exposure: m.exposure(p),
			Confidence: retinue.ConfidenceCertain, Detector: "ssh-key", Reference: o.Kind != keys.KindPrivateKey, At: f.modified(),
			Attrs: retinue.Attrs{"encrypted": encrypted, "format": o.Format}})
	}
	m.unread(a, p, parsed)
}

// sshAttrs keeps what is true of a key in every file.
func sshAttrs(in retinue.Attrs) retinue.Attrs {
	out := retinue.Attrs{}
	for k, v := range in {
		if k != "encrypted" && k != "comment" {
			out[k] = v
		}
	}
	return out
}

// unread states private material that was recognised and not read.
func (m *machine) unread(a *area, p string, f keys.File) {
	for _, u := range f.Unread {
		if !u.Secret {
			continue
		}
		ref := retinue.NewRef(m.realm, "private_key", clipKey(retinue.CleanName(p)))
		a.add(retinue.Credential{Ref: ref, Kind: retinue.CredentialPrivateKey, Name: retinue.CleanName(path.Base(p)), Subtype: u.What,
			Attrs: retinue.Attrs{"notRead": u.Reason}},
			retinue.Placement{Credential: ref, Place: m.filePlace(p, "", u.Line), Exposure: m.exposure(p), Confidence: retinue.ConfidenceHigh, Detector: "key-file"})
	}
}

// authorizedKeyFiles expands the server's AuthorizedKeysFile for an account.
func (m *machine) authorizedKeyFiles(acc account) []string {
	c := m.sshdConfig
	var out []string
	for _, p := range c.keyFiles {
		if p == "none" {
			continue
		}
		p = strings.NewReplacer("%%", "%", "%h", acc.home, "%u", acc.name).Replace(p)
		if !path.IsAbs(p) {
			p = path.Join(acc.home, p)
		}
		out = append(out, path.Clean(p))
	}
	return out
}

// authorizedKeys states each line as a trust in the holder of the key.
func (m *machine) authorizedKeys(a *area, acc account, p string) {
	f, ok := a.read(p)
	if !ok {
		return
	}
	list, bad := keys.ParseAuthorizedKeys(f.data)
	for _, u := range bad {
		a.malformed(p, u.Line, u.Reason)
	}
	for _, k := range list {
		c := k.Credential(m.keyRef("ssh_key", k.Object, p))
		c.Subtype, c.Attrs = "", sshAttrs(c.Attrs)
		t := retinue.Trust{Subject: m.account(acc.name), Kind: retinue.TrusteeKey, Trustee: c.Ref,
			Name: orElse(k.Comment, k.Key.SSH), Attrs: retinue.Attrs{"certAuthority": k.CertAuthority()}}
		for _, o := range k.Options {
			t.Conditions = append(t.Conditions, o.Name)
		}
		if strings.Contains(k.Comment, "@") {
			a.add(retinue.OwnerSignal{Subject: c.Ref, Candidate: k.Comment, Signal: "key_comment", Quote: k.Comment,
				Places: []retinue.Place{m.filePlace(p, "", k.Line)}})
		}
		if len(k.Options) > 0 {
			policy := m.keyPolicy(a, acc, p, k)
			t.Via = policy
		}
		a.add(c, t, retinue.Placement{Credential: c.Ref, Reference: true, At: f.modified(), Exposure: m.exposure(p), Detector: "authorized-keys",
			Confidence: retinue.ConfidenceCertain, Consumer: m.account(acc.name),
			Place: retinue.Place{Kind: retinue.PlaceAuthorizedKeys, Realm: m.realm, Container: m.ref, Path: retinue.CleanName(p),
				Field: orElse(k.Key.SSH, k.SHA256), Line: k.Line}})
	}
}

// keyPolicy states a line's options as a policy document, without the secrets
// that an environment or command option may hold.
func (m *machine) keyPolicy(a *area, acc account, p string, k keys.AuthorizedKey) retinue.Ref {
	ref := retinue.NewRef(m.realm, "authorized_key_options", clipKey(retinue.CleanName(acc.name+" "+p+" "+k.Key.SSH)))
	var parts []string
	for _, o := range k.Options {
		value := o.Value
		switch o.Name {
		case "environment", "command":
			value = strings.Join(m.secrets.cleanArguments(splitWords(value)), " ")
		}
		if value == "" {
			parts = append(parts, o.Name)
			continue
		}
		parts = append(parts, o.Name+`="`+strings.ReplaceAll(retinue.CleanName(value), `"`, `\"`)+`"`)
	}
	a.add(retinue.Policy{Ref: ref, Name: "options of " + k.Key.SSH, Language: retinue.LanguageSSH, Document: strings.Join(parts, ","), Container: m.ref})
	h := holder{path: p, kind: retinue.PlaceAuthorizedKeys, exposure: m.exposure(p), consumer: m.account(acc.name), tool: "authorized-keys"}
	for _, o := range k.Options {
		if o.Name == "environment" || o.Name == "command" {
			a.state(h, m.secrets.arguments(o.Name, splitWords(o.Value), k.Line))
		}
	}
	return ref
}

func cleanAll(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		out = append(out, retinue.CleanName(s))
	}
	return out
}
