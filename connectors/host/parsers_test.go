package host

import (
	"encoding/hex"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestAppSpecificID compares with systemd's own program, on this machine's id.
func TestAppSpecificID(t *testing.T) {
	program := testkit.Need(t, "systemd-id128", "systemd")
	raw, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		testkit.Absent(t, "this machine has no machine id: "+err.Error())
	}
	id, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(id) != 16 {
		testkit.Absent(t, "this machine's id is not set")
	}
	out, err := exec.Command(program, "machine-id", "--app-specific="+appID).Output()
	if err != nil {
		t.Fatalf("systemd-id128: %v", err)
	}
	if got, want := appSpecific(id), strings.TrimSpace(string(out)); got != want {
		t.Errorf("id %s, systemd says %s", got, want)
	}
}

func TestSudoRules(t *testing.T) {
	s := parseSudoers([]byte(strings.Join([]string{
		`# comment`, `#includedir /etc/sudoers.d`, `@include local`, `Defaults!FOO !requiretty`, `Runas_Alias OP = root, operator`,
		`ada, bob ALL = (OP) SETENV: NOPASSWD: /bin/a x\,y, /bin/b, (www-data : web) PASSWD: /bin/c`,
		`"DOM\\admins" h1, h2 = ALL`, `#1001 ALL=/bin/d`, `broken line`,
		`eve ALL=(ALL) NOPASSWD:ALL`}, "\n")))
	want := []sudoRule{
		{line: 6, users: []string{"ada", "bob"}, hosts: []string{"ALL"}, commands: []string{`/bin/a x\,y`, "/bin/b"}, runUsers: []string{"OP"}, tags: []string{"NOPASSWD", "SETENV"}},
		{line: 6, users: []string{"ada", "bob"}, hosts: []string{"ALL"}, commands: []string{"/bin/c"}, runUsers: []string{"www-data"}, runGroups: []string{"web"}, tags: []string{"SETENV"}},
		{line: 7, users: []string{`"DOM\\admins"`}, hosts: []string{"h1", "h2"}, commands: []string{"ALL"}},
		{line: 8, users: []string{"#1001"}, hosts: []string{"ALL"}, commands: []string{"/bin/d"}},
		{line: 10, users: []string{"eve"}, hosts: []string{"ALL"}, commands: []string{"ALL"}, runUsers: []string{"ALL"}, tags: []string{"NOPASSWD"}},
	}
	if d := cmp.Diff(want, s.rules, cmp.AllowUnexported(sudoRule{})); d != "" {
		t.Errorf("rules differ:\n%s", d)
	}
	if !slices.Equal(s.bad, []int{9}) || len(s.includes) != 2 || !s.includes[0].dir || s.includes[1].path != "local" {
		t.Errorf("bad %v, includes %+v", s.bad, s.includes)
	}
}

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]string{
		`a b  c`:            {"a", "b", "c"},
		`a "b c" 'd "e'`:    {"a", "b c", `d "e`},
		`a\ b --x="y z"`:    {"a b", "--x=y z"},
		`"A=1 2" B=3`:       {"A=1 2", "B=3"},
		``:                  nil,
		`''`:                {""},
		`sh -c 'exec "$1"'`: {"sh", "-c", `exec "$1"`},
	} {
		if got := splitWords(in); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestStripComments(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": "// no", } // yes`: `{"a": "// no"  }       `,
		`[1, /* x, */ 2,]`:        `[1,          2 ]`,
		`{"u": "http://x,]"}`:     `{"u": "http://x,]"}`,
	} {
		if got := string(stripComments([]byte(in))); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestReadings(t *testing.T) {
	for _, c := range []struct {
		name, in string
		read     func([]byte) reading
		want     []string // field=value:line
	}{
		{"netrc in one line", "machine h login u password p1 machine g password p2\nmacdef m\n password no\n\ndefault login x password p3\n", readNetrc,
			[]string{"h u=p1:1", "g=p2:1", "default x=p3:5"}},
		{"pgpass with escapes", `h\:1:5432:*:u:a\:b\\c` + "\n", readPgpass, []string{`u@h:1:5432/*=a:b\c:1`}},
		{"npmrc", "; c\n_auth=abc\n@s:registry=https://r/\n//r/:_password=\"p q\"\n", readNpmrc, []string{"_auth=abc:2", "//r/:_password=p q:4"}},
		{"git credentials", "https://u:" + "p%40@h/x\nhttps://h/\n", readGitCredentials, []string{"u@h/x=p@:1"}},
		{"terraform", "credentials \"app\" {\n  token = \"t\"\n}\n", readTerraformRC, []string{"credentials.app=t:2"}},
		{"gh with two users", "h:\n  users:\n    a: {oauth_token: t1}\n    b: {oauth_token: t2}\n  user: a\n  oauth_token: t1\n",
			readForge("github-cli", nil, "oauth_token"), []string{"h.oauth_token=t1:0", "h.users.a.oauth_token=t1:0", "h.users.b.oauth_token=t2:0"}},
		{"docker", `{"auths":{"r":{"auth":"dTpwOnE=","identitytoken":"i"}}}`, readDocker, []string{"auths.r.auth=p:q:0", "auths.r.identitytoken=i:0"}},
		{"env", "export A=1 # c\nB='x # y'\n  C = \"z\"\n1D=no\n", readDotEnv, []string{"A=1:1", "B=x # y:2", "C=z:3"}},
		{"google client", `{"installed":{"client_id":"c","client_secret":"s"}}`, readKeyJSON, []string{"installed.client_secret=s:0"}},
		{"other JSON", `{"type":"module","private_key":"x"}`, readKeyJSON, nil},
		{"token", "  t0k\n", readToken("Vault token", retinue.CredentialServiceToken), []string{"token=t0k:1"}},
	} {
		var got []string
		for _, f := range c.read([]byte(c.in)).found {
			got = append(got, f.field+"="+f.value.Reveal()+":"+string(rune('0'+f.line)))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRecognizer(t *testing.T) {
	r, err := newRecognizer(connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	random := "q7Zr2Lk9" + "Xv4Tn8Wc" + "3Jd6Hf5B"
	for _, c := range []struct {
		name, value string
		is          bool
		reference   bool
		kind        retinue.CredentialKind
	}{
		{"API_TOKEN", random, true, false, retinue.CredentialAPIKey},
		{"DB_PASSWORD", "hunter22", true, false, retinue.CredentialPassword},
		{"DB_PASSWORD", "changeme", false, false, ""},
		{"DB_PASSWORD_FILE", "/run/secrets/db", false, false, ""},
		{"API_TOKEN", "${TOKEN}", true, true, ""},
		{"API_TOKEN", "op://vault/item", true, true, ""},
		{"LOG_LEVEL", "debug", false, false, ""},
		{"MAX_TOKENS", "4096", false, false, ""},
		{"SSH_AUTH_SOCK", "/run/user/1000/agent", false, false, ""},
		{"ANY", "postgres://u:" + random + "@h/db", true, false, retinue.CredentialConnectionString},
		{"Authorization", "Bearer " + random, true, false, retinue.CredentialAPIKey},
	} {
		v, is := r.value(c.name, c.value)
		if is != c.is || v.reference != c.reference || (c.kind != "" && v.kind != c.kind) {
			t.Errorf("%s=%s: %v %+v, want %v", c.name, c.value, is, v, c.is)
		}
		if is && !v.reference && strings.HasPrefix(v.secret.Reveal(), "Bearer") {
			t.Errorf("%s: the scheme is part of the secret", c.name)
		}
	}
	shown := strings.Join(r.cleanArguments([]string{"npx", "-y", "pkg@1.2.3", "--api-key=" + random, "--token", random, "https://u:" + random + "@h/x?key=" + random, random}), " ")
	if strings.Contains(shown, random) || !strings.HasPrefix(shown, "npx -y pkg@1.2.3 --api-key=[redacted] --token [redacted] https://") {
		t.Errorf("shown: %s", shown)
	}
}

func TestPackageOf(t *testing.T) {
	for in, want := range map[string]struct {
		pkg    string
		pinned bool
	}{
		"npx -y @scope/server":              {"@scope/server", false},
		"npx -y @scope/server@1.0.0":        {"@scope/server@1.0.0", true},
		"npx server@latest":                 {"server@latest", false},
		"uvx --from git+https://x tool":     {"git+https://x", false},
		"uvx tool==1.2":                     {"tool==1.2", true},
		"docker run -i --rm -e TOKEN img:1": {"img:1", false},
		"docker run img@sha256:00":          {"img@sha256:00", true},
		"/usr/bin/node /srv/server.js":      {"", false},
		"/opt/bin/npx.cmd -y server@2":      {"server@2", true},
	} {
		pkg, pinned := packageOf(strings.Fields(in))
		if pkg != want.pkg || pinned != want.pinned {
			t.Errorf("%s: %q %v, want %q %v", in, pkg, pinned, want.pkg, want.pinned)
		}
	}
}

func TestSSHDSettings(t *testing.T) {
	c := sshdConfig{settings: map[string]string{}}
	var included []string
	c.parse([]byte("# c\nInclude \"/a b\" /c\nPasswordAuthentication\tno\nPasswordAuthentication yes\nPermitRootLogin = prohibit-password\n"+
		"AuthorizedKeysFile \"%h/.ssh/keys\" /etc/keys/%u\nTrustedUserCAKeys \"/etc/ca\"\nMatch User x\nPermitEmptyPasswords yes\n"), func(p string) { included = append(included, p) })
	want := map[string]string{"passwordauthentication": "no", "permitrootlogin": "prohibit-password", "trustedusercakeys": "/etc/ca",
		"authorizedkeysfile": `"%h/.ssh/keys" /etc/keys/%u`}
	if d := cmp.Diff(want, c.settings); d != "" {
		t.Errorf("settings differ:\n%s", d)
	}
	if !slices.Equal(included, []string{"/a b", "/c"}) || c.matches != 1 {
		t.Errorf("included %q, %d Match blocks", included, c.matches)
	}
	m := &machine{sshdConfig: sshdConfig{keyFiles: splitWords(c.settings["authorizedkeysfile"])}}
	if got := m.authorizedKeyFiles(account{name: "ada", home: "/home/ada"}); !slices.Equal(got, []string{"/home/ada/.ssh/keys", "/etc/keys/ada"}) {
		t.Errorf("files %q", got)
	}
}
