package host

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// reading is what a tool's file holds: secrets, and the systems that it opens.
type reading struct {
	found []found
	// opens names what can be scanned with the file, by kind of connector:
	// profiles, contexts, services.
	opens map[string][]string
	// bad says what is malformed, without any of the content.
	bad string
}

func (r *reading) open(kind, name string) {
	if r.opens == nil {
		r.opens = map[string][]string{}
	}
	if name = retinue.CleanName(name); name != "" && !slices.Contains(r.opens[kind], name) && len(r.opens[kind]) < 500 {
		r.opens[kind] = append(r.opens[kind], name)
	}
}

// iniEntry is a line of an INI file.
type iniEntry struct {
	section, key, value string
	line                int
}

// parseINI reads the INI dialects of the AWS CLI, PyPI, gcloud, pg_service and
// MySQL: sections, "=" or ":", comments at the beginning of a line.
func parseINI(data []byte) []iniEntry {
	var out []iniEntry
	section := ""
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		line := strings.TrimSpace(raw)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.TrimSpace(strings.Trim(line, "[]"))
			if len(out) < maxVars {
				out = append(out, iniEntry{section: section, line: n})
			}
		default:
			i := strings.IndexAny(line, "=:")
			if i > 0 && len(out) < maxVars {
				out = append(out, iniEntry{section: section, key: strings.TrimSpace(line[:i]), value: strings.TrimSpace(line[i+1:]), line: n})
			}
		}
	}
	return out
}

// readAWS reads ~/.aws/credentials and ~/.aws/config. A profile's id and secret
// are one credential, known by its id.
func readAWS(data []byte) reading {
	var r reading
	type pair struct {
		id              string
		secret, session iniEntry
	}
	profiles := map[string]*pair{}
	for _, e := range parseINI(data) {
		name := strings.TrimSpace(strings.TrimPrefix(e.section, "profile "))
		if strings.HasPrefix(e.section, "sso-session ") || strings.HasPrefix(e.section, "services ") || name == "" {
			continue
		}
		p := profiles[name]
		if p == nil {
			p = &pair{}
			profiles[name] = p
			r.open("aws", name)
		}
		switch strings.ToLower(e.key) {
		case "aws_access_key_id":
			p.id = e.value
		case "aws_secret_access_key":
			p.secret = e
		case "aws_session_token":
			p.session = e
		}
	}
	for _, name := range sortedKeys(profiles) {
		p := profiles[name]
		if p.secret.value == "" {
			continue
		}
		f := found{field: name + ".aws_secret_access_key", name: "profile " + retinue.CleanName(name), line: p.secret.line, kind: retinue.CredentialAccessKey,
			subtype: "aws-access-key", value: retinue.NewSecret(p.secret.value), id: p.id}
		if isAWSKeyID(p.id) {
			f.joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + p.id}}
		}
		if p.session.value != "" {
			f.kind, f.short = retinue.CredentialSessionToken, true
		}
		r.found = append(r.found, f)
	}
	return r
}

// isAWSKeyID reports the ids of access keys and of temporary credentials (IAM
// User Guide, "Unique identifiers").
func isAWSKeyID(id string) bool {
	return len(id) == 20 && (strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA")) &&
		strings.Trim(id[4:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// readPyPI reads ~/.pypirc and pip.conf.
func readPyPI(data []byte) reading {
	var r reading
	for _, e := range parseINI(data) {
		switch key := strings.ToLower(e.key); {
		case key == "password":
			r.found = append(r.found, found{field: e.section + ".password", name: "PyPI " + retinue.CleanName(e.section), line: e.line,
				kind: tokenOrPassword(e.value, "pypi-"), subtype: "pypi", value: retinue.NewSecret(e.value)})
		case strings.HasSuffix(key, "index-url"):
			for i, u := range strings.Fields(e.value) {
				if v, ok := urlPassword(u); ok {
					r.found = append(r.found, found{field: fmt.Sprintf("%s.%s[%d]", e.section, key, i), name: "package index", line: e.line,
						kind: retinue.CredentialPassword, subtype: "package-index", value: v.secret})
				}
			}
		}
	}
	return r
}

func tokenOrPassword(value, prefix string) retinue.CredentialKind {
	if strings.HasPrefix(value, prefix) {
		return retinue.CredentialAPIKey
	}
	return retinue.CredentialPassword
}

// readPgService reads pg_service.conf (libpq, 34.17).
func readPgService(data []byte) reading {
	var r reading
	for _, e := range parseINI(data) {
		if e.section == "" {
			continue
		}
		r.open("postgres", e.section)
		if strings.EqualFold(e.key, "password") {
			r.found = append(r.found, found{field: e.section + ".password", name: "PostgreSQL service " + retinue.CleanName(e.section), line: e.line,
				kind: retinue.CredentialPassword, subtype: "postgres", value: retinue.NewSecret(e.value)})
		}
	}
	return r
}

// readMySQL reads ~/.my.cnf.
func readMySQL(data []byte) reading {
	var r reading
	for _, e := range parseINI(data) {
		if strings.EqualFold(e.key, "password") {
			r.found = append(r.found, found{field: e.section + ".password", name: "MySQL " + retinue.CleanName(e.section), line: e.line,
				kind: retinue.CredentialPassword, subtype: "mysql", value: retinue.NewSecret(unquote(e.value))})
		}
	}
	return r
}

// readPgpass reads ~/.pgpass: host:port:database:user:password, with \ before
// : and \ (libpq, 34.16).
func readPgpass(data []byte) reading {
	var r reading
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		line := strings.TrimRight(raw, "\r\n")
		if line == "" || line[0] == '#' || len(r.found) == maxVars {
			continue
		}
		f := splitEscaped(line)
		if len(f) != 5 || f[4] == "" {
			if r.bad == "" {
				r.bad = fmt.Sprintf("line %d: want host:port:database:user:password", n)
			}
			continue
		}
		where := retinue.CleanName(f[3] + "@" + f[0] + ":" + f[1] + "/" + f[2])
		r.found = append(r.found, found{field: where, name: where, line: n, kind: retinue.CredentialPassword, subtype: "postgres",
			value: retinue.NewSecret(f[4])})
	}
	return r
}

func splitEscaped(s string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			_ = b.WriteByte(s[i])
		case s[i] == ':' && len(out) < 4:
			out = append(out, b.String())
			b.Reset()
		default:
			_ = b.WriteByte(s[i])
		}
	}
	return append(out, b.String())
}

// readNetrc reads ~/.netrc (ftp(1)): machine, login, password, macdef.
func readNetrc(data []byte) reading {
	var r reading
	machine, login := "", ""
	n := 0
	inMacro := false
	for raw := range strings.Lines(string(data)) {
		n++
		if inMacro {
			inMacro = strings.TrimSpace(raw) != ""
			continue
		}
		words := strings.Fields(raw)
		for i := 0; i < len(words); i++ {
			next := ""
			if i+1 < len(words) {
				next = words[i+1]
			}
			switch words[i] {
			case "#":
				i = len(words)
			case "machine":
				machine, login = next, ""
				i++
			case "default":
				machine, login = "default", ""
			case "login", "account":
				if words[i] == "login" {
					login = next
				}
				i++
			case "macdef":
				inMacro, i = true, len(words)
			case "password":
				i++
				if next != "" && len(r.found) < maxVars {
					where := retinue.CleanName(machine)
					r.found = append(r.found, found{field: strings.TrimSuffix(where+" "+retinue.CleanName(login), " "), name: where, line: n,
						kind: retinue.CredentialPassword, subtype: "netrc", value: retinue.NewSecret(strings.Trim(next, `"`))})
				}
			}
		}
	}
	return r
}

// readNpmrc reads ~/.npmrc: "//registry/:_authToken=value" and the like.
func readNpmrc(data []byte) reading {
	var r reading
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		line := strings.TrimSpace(raw)
		name, value, ok := strings.Cut(line, "=")
		if !ok || line[0] == '#' || line[0] == ';' || len(r.found) == maxVars {
			continue
		}
		name, value = strings.TrimSpace(name), unquote(strings.TrimSpace(value))
		registry, setting, scoped := cutLastColon(name)
		if !scoped {
			setting = name
		}
		kind := retinue.CredentialPersonalAccessToken
		switch setting {
		case "_authToken":
		case "_password", "_auth":
			kind = retinue.CredentialPassword
		default:
			continue
		}
		r.found = append(r.found, found{field: cleanURL(retinue.CleanName(name)), name: "npm " + retinue.CleanName(strings.Trim(registry, "/")), line: n,
			kind: kind, subtype: "npm", value: retinue.NewSecret(value)})
	}
	return r
}

func cutLastColon(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// readGitCredentials reads ~/.git-credentials: a URL a line.
func readGitCredentials(data []byte) reading {
	var r reading
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		u, err := url.Parse(strings.TrimSpace(raw))
		if err != nil || u.User == nil || len(r.found) == maxVars {
			continue
		}
		if pw, ok := u.User.Password(); ok && pw != "" {
			where := retinue.CleanName(u.Host + strings.TrimSuffix(u.Path, "/"))
			r.found = append(r.found, found{field: strings.TrimSpace(retinue.CleanName(u.User.Username()) + "@" + where), name: "git " + where, line: n,
				kind: retinue.CredentialPersonalAccessToken, subtype: "git-credential", value: retinue.NewSecret(pw)})
		}
	}
	return r
}

// readToken reads a file that is one token, such as ~/.vault-token.
func readToken(name string, kind retinue.CredentialKind) func([]byte) reading {
	return func(data []byte) reading {
		token := strings.TrimSpace(string(data))
		if token == "" || strings.ContainsAny(token, " \n\t") {
			return reading{}
		}
		return reading{found: []found{{field: "token", name: name, line: 1, kind: kind, subtype: strings.ToLower(strings.ReplaceAll(name, " ", "-")), value: retinue.NewSecret(token)}}}
	}
}

// readDotEnv reads a .env file or a shell's profile.
func readDotEnv(data []byte) reading { return reading{found: envFound(parseEnvFile(data))} }

// readTerraformRC reads the credentials blocks of ~/.terraformrc, which is HCL
// of the simplest sort.
func readTerraformRC(data []byte) reading {
	var r reading
	host := ""
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		line := strings.TrimSpace(raw)
		if rest, ok := strings.CutPrefix(line, "credentials "); ok {
			host = strings.Trim(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "{")), `" `)
		}
		if i := strings.Index(line, "token"); i >= 0 && host != "" {
			if _, value, ok := strings.Cut(line[i:], "="); ok {
				value = strings.Trim(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "}")), `"`)
				r.found = append(r.found, found{field: "credentials." + retinue.CleanName(host), name: "Terraform " + retinue.CleanName(host), line: n,
					kind: retinue.CredentialAPIKey, subtype: "terraform", value: retinue.NewSecret(value)})
			}
		}
	}
	return r
}

// pemKey describes a private key that stands inside another format, given as
// PEM or as the base64 of PEM.
func pemKey(text string) (keys.Object, bool) {
	data := []byte(text)
	if !strings.Contains(text, "-----BEGIN") {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return keys.Object{}, false
		}
		data = raw
	}
	parsed, err := keys.Parse(data)
	if err != nil || len(parsed.Objects) == 0 {
		return keys.Object{}, false
	}
	return parsed.Objects[0], true
}
