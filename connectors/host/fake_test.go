package host

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/retinue-id/retinue/connector/connectortest"
)

// fake is a machine in a temporary folder. Its secrets are made at test time.
type fake struct {
	t       testing.TB
	root    string
	secrets []string
	// named are some of the secrets, for tests that look for their
	// fingerprints.
	named map[string]string
	ssh   ssh.PublicKey // the key that may log in as deploy
	cert  []byte        // DER of the server's certificate
}

const fakeMachineID = "0123456789abcdef0123456789abcdef"

// newFake builds a whole machine.
func newFake(t testing.TB) *fake {
	f := &fake{t: t, root: t.TempDir(), named: map[string]string{}}
	f.system()
	f.sshFiles()
	f.certificates()
	f.tools()
	f.agents()
	return f
}

func (f *fake) write(path, content string, mode fs.FileMode) {
	f.t.Helper()
	at := filepath.Join(f.root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), mode); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chmod(at, mode); err != nil { // whatever the umask
		f.t.Fatal(err)
	}
	when := connectortest.Epoch().Add(-24 * time.Hour)
	if err := os.Chtimes(at, when, when); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) link(target, path string) {
	f.t.Helper()
	at := filepath.Join(f.root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(target, at); err != nil {
		f.t.Fatal(err)
	}
}

// secret makes a value that must appear nowhere.
func (f *fake) secret(name string, n int) string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
	raw := make([]byte, n)
	if _, err := rand.Read(raw); err != nil {
		f.t.Fatal(err)
	}
	for i := range raw {
		raw[i] = letters[int(raw[i])%len(letters)]
	}
	return f.plant(name, string(raw))
}

func (f *fake) plant(name, value string) string {
	f.secrets = append(f.secrets, value)
	f.named[name] = value
	return value
}

func (f *fake) system() {
	f.write("/etc/machine-id", fakeMachineID+"\n", 0o444)
	f.write("/etc/hostname", "pay-1\n", 0o644)
	f.write("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n", 0o644)
	f.write("/etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\n", 0o644)
	f.write("/etc/nsswitch.conf", "passwd: files systemd sss\n", 0o644)
	f.write("/etc/passwd", strings.Join([]string{
		"root:x:0:0:root:/root:/bin/bash", "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
		"postgres:x:110:110:PostgreSQL,,,:/var/lib/postgresql:/bin/bash", "ada:x:1000:1000:Ada Example,,,:/home/ada:/bin/bash",
		"deploy:x:1001:1001::/home/deploy:/bin/bash", "kiosk:x:1002:1002::/home/kiosk:/usr/sbin/nologin", "broken line", "+::::::"}, "\n")+"\n", 0o644)
	f.write("/etc/group", "root:x:0:\nsudo:x:27:ada\ndocker:x:998:deploy,ada\nada:x:1000:\ndeploy:x:1001:\npostgres:x:110:\n", 0o644)
	hash := f.secret("shadow", 43)
	f.write("/etc/shadow", "root:*:19000:0:99999:7:::\nada:$y$j9T$"+"saltsalt"+"$"+hash+":20000:0:99999:7:::\ndeploy:!$1$"+"abc$"+hash+":19000:0:90:7:::\nkiosk::19000:0:99999:7:::\n", 0o600)
	f.write("/etc/sudoers", "Defaults env_reset\nUser_Alias OPS = ada, %deploy\nCmnd_Alias RESTART = /usr/bin/systemctl restart pay, \\\n  /usr/bin/systemctl stop pay\n"+
		"root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\nOPS ALL=(root) NOPASSWD: RESTART, PASSWD: /usr/bin/id\n@includedir /etc/sudoers.d\n", 0o440)
	f.write("/etc/sudoers.d/deploy", "deploy pay-1=(postgres) NOPASSWD: /usr/bin/psql : build-1=(root) ALL\n", 0o440)
	f.write("/etc/sudoers.d/README.old", "nonsense\n", 0o440)
	token := f.secret("unit", 40)
	f.write("/etc/systemd/system/pay.service", "[Unit]\nDescription=Payments\n[Service]\nUser=deploy\nEnvironment=\"API_TOKEN="+token+"\" LOG_LEVEL=debug\n"+
		"EnvironmentFile=-/etc/pay/env\nExecStart=/usr/bin/pay --listen :80 --password "+f.secret("unitarg", 24)+"\nLoadCredential=db:/etc/pay/db\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	f.write("/etc/systemd/system/pay.service.d/10-limits.conf", "[Service]\nGroup=docker\n", 0o644)
	f.link("/etc/systemd/system/pay.service", "/etc/systemd/system/multi-user.target.wants/pay.service")
	f.write("/usr/lib/systemd/system/clean.service", "[Service]\nExecStart=/usr/bin/clean\n", 0o644)
	f.write("/usr/lib/systemd/system/clean.timer", "[Timer]\nOnCalendar=daily\n", 0o644)
	f.link("/usr/lib/systemd/system/clean.timer", "/etc/systemd/system/timers.target.wants/clean.timer")
	f.write("/usr/lib/systemd/system/unused.service", "[Service]\nExecStart=/usr/bin/unused\n", 0o644)
	f.link("/dev/null", "/etc/systemd/system/masked.service")
	f.write("/usr/lib/systemd/system/getty@.service", "[Service]\nExecStart=/sbin/agetty\n", 0o644)
	f.link("/usr/lib/systemd/system/getty@.service", "/etc/systemd/system/getty.target.wants/getty@tty1.service")
	f.write("/etc/pay/env", "DATABASE_URL=postgres://pay:"+f.secret("dburl", 20)+"@db.example.test/pay\nREGION=eu\n", 0o644)
	f.write("/etc/crontab", "SHELL=/bin/sh\nMAILTO=ops@example.test\n17 * * * * root cd / && run-parts /etc/cron.hourly\n@daily deploy /usr/local/bin/backup --token="+f.secret("cron", 36)+"\nthis is wrong\n", 0o644)
	f.write("/etc/cron.daily/logrotate", "#!/bin/sh\n", 0o755)
	f.write("/var/spool/cron/crontabs/ada", "*/5 * * * * /home/ada/bin/sync\n", 0o600)
	for _, home := range []string{"/root", "/home/ada", "/home/deploy", "/home/kiosk", "/var/lib/postgresql"} {
		if err := os.MkdirAll(filepath.Join(f.root, home), 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(f.root, "/home/ada"), 0o700); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) key() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

// plantPEM records lines of a private key as secrets.
func (f *fake) plantPEM(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, l := range lines[1 : len(lines)-1] {
		if len(l) >= 32 {
			f.secrets = append(f.secrets, l)
		}
	}
	return text
}

func (f *fake) sshFiles() {
	line := func(k ed25519.PrivateKey) string {
		pub, err := ssh.NewPublicKey(k.Public())
		if err != nil {
			f.t.Fatal(err)
		}
		f.ssh = pub
		return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub)))
	}
	private := func(k ed25519.PrivateKey, comment string) string {
		b, err := ssh.MarshalPrivateKey(k, comment)
		if err != nil {
			f.t.Fatal(err)
		}
		return f.plantPEM(string(pem.EncodeToMemory(b)))
	}
	hostKey, userKey := f.key(), f.key()
	f.write("/etc/ssh/ssh_host_ed25519_key", private(hostKey, ""), 0o600)
	f.write("/etc/ssh/ssh_host_ed25519_key.pub", line(hostKey)+" root@pay-1\n", 0o644)
	f.write("/etc/ssh/ssh_user_ca.pub", line(f.key())+" user ca\n", 0o644)
	f.write("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\nTrustedUserCAKeys /etc/ssh/ssh_user_ca.pub\nMatch User deploy\n  PermitRootLogin yes\n", 0o644)
	f.write("/etc/ssh/sshd_config.d/hard.conf", "PasswordAuthentication no\n", 0o644)
	f.write("/home/ada/.ssh/id_ed25519", private(userKey, "ada@laptop"), 0o644)
	f.write("/home/ada/.ssh/id_ed25519.pub", line(userKey)+" ada@laptop\n", 0o644)
	f.write("/home/ada/.ssh/known_hosts", "x\n", 0o644)
	f.write("/home/deploy/.ssh/authorized_keys", "# who may deploy\nfrom=\"10.0.0.0/8\",command=\"/usr/bin/deploy --token "+f.secret("forced", 32)+"\",environment=\"DEPLOY_TOKEN="+
		f.secret("sshenv", 32)+"\" "+line(userKey)+" ada\nrubbish\n", 0o600)
}

func (f *fake) certificates() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	issue := func(name string, ca bool) []byte {
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: connectortest.Epoch().AddDate(-1, 0, 0),
			NotAfter: connectortest.Epoch().AddDate(0, 1, 0), DNSNames: []string{name}, IsCA: ca, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
		if err != nil {
			f.t.Fatal(err)
		}
		return der
	}
	block := func(label string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
	}
	f.cert = issue("pay.example.test", false)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("/etc/nginx/tls/pay.crt", block("CERTIFICATE", f.cert), 0o644)
	f.write("/etc/nginx/tls/pay.key", f.plantPEM(block("PRIVATE KEY", pkcs8)), 0o644)
	f.write("/etc/nginx/tls/store.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02", 0o600)
	f.link("loop", "/etc/nginx/loop")
	f.link("..", "/etc/nginx/up")
	var bundle strings.Builder
	for range 9 {
		bundle.WriteString(block("CERTIFICATE", issue("Some Authority", true)))
	}
	f.write("/etc/ssl/certs/ca-certificates.crt", bundle.String(), 0o644)
	f.write("/usr/share/ca-certificates/mozilla/One.crt", block("CERTIFICATE", issue("One", true)), 0o644)
	f.link("/usr/share/ca-certificates/mozilla/One.crt", "/etc/ssl/certs/One.pem")
	f.write("/srv/app/.env", "STRIPE_KEY=sk_"+"live_"+f.secret("stripe", 24)+"\nAPP_SECRET="+f.secret("app", 40)+"\nDEBUG=true\nOTHER_TOKEN=${FROM_ELSEWHERE}\n", 0o644)
	encoded := base64.StdEncoding.EncodeToString([]byte(f.plantPEM(block("PRIVATE KEY", pkcs8))))
	f.secrets = append(f.secrets, encoded)
	f.write("/etc/kubernetes/admin.conf", "apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    client-key-data: "+encoded+
		"\n    client-certificate-data: "+base64.StdEncoding.EncodeToString([]byte(block("CERTIFICATE", f.cert)))+"\n", 0o644)
	sa, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "shop", "client_email": "bot@shop.iam.example.test",
		"private_key_id": "0123abcd", "private_key": block("PRIVATE KEY", pkcs8)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("/home/ada/code/shop/gcp-key.json", string(sa), 0o600)
	f.write("/srv/app/.env.example", "APP_SECRET=changeme\n", 0o644)
	f.write("/srv/app/tls/app.key", f.plantPEM(block("PRIVATE KEY", pkcs8)), 0o640)
}

func (f *fake) tools() {
	home := "/home/ada/"
	keyID := "AKIAT" + f.random(15) // a T there says that the id carries its account
	f.named["aws id"] = keyID
	f.write(home+".aws/credentials", "[dev]\naws_access_key_id = "+keyID+"\naws_secret_access_key = "+f.secret("aws", 40)+"\n", 0o600)
	f.write(home+".aws/config", "[profile dev]\nregion = eu-west-1\n[profile prod]\nrole_arn = arn:aws:iam::111111111111:role/x\nsource_profile = dev\n[sso-session corp]\nsso_region = eu-west-1\n", 0o600)
	f.write(home+".kube/config", "apiVersion: v1\nkind: Config\ncontexts:\n- name: prod\n  context: {cluster: c, user: u}\n- name: dev\n  context: {cluster: c, user: v}\nusers:\n- name: u\n  user:\n    token: "+f.secret("kube", 40)+
		"\n- name: v\n  user:\n    exec: {command: aws}\n", 0o600)
	pw := f.secret("docker", 24)
	f.write(home+".docker/config.json", `{"auths":{"registry.example.test":{"auth":"`+f.plant("docker auth", base64.StdEncoding.EncodeToString([]byte("bot:"+pw)))+`"}},"credHelpers":{"gcr.io":"gcloud"}}`, 0o600)
	f.write(home+".npmrc", "//registry.npmjs.org/:_authToken="+f.secret("npm", 36)+"\n", 0o600)
	f.write(home+".pypirc", "[pypi]\nusername = __token__\npassword = "+f.secret("pypi", 40)+"\n", 0o600)
	f.write(home+".netrc", "machine api.example.test\n  login bot\n  password "+f.secret("netrc", 24)+"\n", 0o600)
	f.write(home+".pgpass", "# c\ndb.example.test:5432:pay:bot:"+f.secret("pgpass", 20)+"\n", 0o600)
	f.write(home+".pg_service.conf", "[prod]\nhost=db.example.test\n", 0o600)
	f.write(home+".config/gh/hosts.yml", "github.com:\n    user: ada\n    oauth_token: gho_"+f.secret("gh", 36)+"\n", 0o600)
	f.write(home+".config/glab-cli/config.yml", "hosts:\n  gitlab.example.test:\n    token: "+f.secret("glab", 26)+"\n", 0o600)
	f.write(home+".terraform.d/credentials.tfrc.json", `{"credentials":{"app.terraform.io":{"token":"`+f.secret("tf", 40)+`"}}}`, 0o600)
	f.write(home+".vault-token", f.secret("vault", 30), 0o600)
	f.write(home+".git-credentials", "https://ada:"+f.secret("git", 30)+"@git.example.test\n", 0o600)
	f.write(home+".config/gcloud/application_default_credentials.json", `{"type":"authorized_user","client_id":"x","client_secret":"`+f.secret("gcs", 24)+`","refresh_token":"`+f.secret("gcr", 60)+`"}`, 0o600)
	f.write(home+".azure/service_principal_entries.json", "\ufeff"+`[{"client_id":"1","tenant":"2","client_secret":"`+f.secret("azure", 40)+`"}]`, 0o600)
	f.write(home+"code/shop/.env", "export SHOP_API_KEY='"+f.secret("shop", 32)+"'\n", 0o644)
}

// random makes an id of the alphabet of AWS's keys.
func (f *fake) random(n int) string {
	raw := make([]byte, n)
	if _, err := rand.Read(raw); err != nil {
		f.t.Fatal(err)
	}
	return base32.StdEncoding.EncodeToString(raw)[:n]
}

func (f *fake) agents() {
	home := "/home/ada/"
	f.write(home+".claude.json", `{"mcpServers":{"github":{"command":"npx","args":["-y","@modelcontextprotocol/server-github","--token","`+f.secret("mcparg", 40)+
		`"],"env":{"GITHUB_PERSONAL_ACCESS_TOKEN":"ghp_`+f.secret("mcpenv", 36)+`","LOG_LEVEL":"debug"}}},
		"projects":{"/home/ada/code/shop":{"mcpServers":{"db":{"command":"uvx","args":["db-mcp==1.2.3","postgres://u:`+f.secret("mcpurl", 24)+`@db/x"]}}}}}`, 0o600)
	f.write(home+".claude/settings.json", `{"permissions":{"allow":["Bash(git:*)"],"defaultMode":"bypassPermissions"},"env":{"ANTHROPIC_API_KEY":"`+f.secret("claude", 60)+`"}}`, 0o644)
	f.write(home+".cursor/mcp.json", `{"mcpServers":{"remote":{"url":"https://mcp.example.test/sse?api_key=`+f.secret("query", 32)+`","headers":{"Authorization":"Bearer `+f.secret("header", 40)+`"}}}}`, 0o644)
	f.write(home+".config/Code/User/mcp.json", "{\n // comment\n \"servers\": {\"ref\": {\"command\": \"docker\", \"args\": [\"run\", \"-e\", \"TOKEN\", \"mcp/ref:1\"], \"env\": {\"TOKEN\": \"${input:token}\"},},},\n}", 0o644)
	f.write(home+".codex/config.toml", "[mcp_servers.files]\ncommand = \"npx\"\nargs = [\"files@1.0.0\"]\n[mcp_servers.files.env]\nFILES_TOKEN = \""+f.secret("codex", 32)+"\"\n", 0o600)
	f.write(home+".codex/auth.json", `{"OPENAI_API_KEY":null,"tokens":{"access_token":"`+f.secret("codexat", 60)+`","refresh_token":"`+f.secret("codexrt", 60)+`"}}`, 0o600)
	f.write(home+".config/zed/settings.json", "{\n/* theme */ \"context_servers\": {\"z\": {\"command\": {\"path\": \"z-mcp\", \"args\": [\"--api-key="+f.secret("zed", 32)+"\"]}}}}", 0o644)
	f.write(home+".codeium/windsurf/mcp_config.json", `{"mcpServers":{"off":{"command":"x","disabled":true}}}`, 0o644)
	f.write(home+".gemini/settings.json", "{ malformed", 0o644)
	f.write(home+"code/shop/.mcp.json", `{"mcpServers":{"shop":{"type":"http","url":"https://shop.example.test/mcp"}}}`, 0o644)
}

// copy makes another tree of the same machine.
func (f *fake) copy(t testing.TB) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(f.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(f.root, p)
		at := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			if err := os.MkdirAll(at, 0o755); err != nil {
				return err
			}
			return os.Chmod(at, info.Mode().Perm())
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			return os.Symlink(target, at)
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if err := os.WriteFile(at, data, 0o600); err != nil {
			return err
		}
		if err := os.Chmod(at, info.Mode().Perm()); err != nil {
			return err
		}
		return os.Chtimes(at, info.ModTime(), info.ModTime())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// broken is a copy in which parts cannot be read: folders and files in each
// other's places, which fails for root as well.
func (f *fake) broken(t testing.TB) string {
	t.Helper()
	root := f.copy(t)
	swap := func(p string) {
		at := filepath.Join(root, p)
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	swap("/etc/shadow")
	swap("/home/ada/.aws/credentials")
	swap("/etc/sudoers.d/deploy")
	loop := filepath.Join(root, "/var/spool/cron/crontabs")
	if err := os.RemoveAll(loop); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("crontabs", loop); err != nil {
		t.Fatal(err)
	}
	return root
}
