package host

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestFacts reads one fake machine and looks at what is stated of it.
func TestFacts(t *testing.T) {
	f := newFake(t)
	r := connectortest.Discover(t, openAt(t, f.root, map[string]string{"include": "/srv/app"}))
	for _, c := range []struct {
		name  string
		check func(*testing.T, *fake, *connectortest.Result)
	}{
		{"Accounts", checkAccounts},
		{"Passwords", checkPasswords},
		{"SudoGrants", checkSudoGrants},
		{"ServicesAndJobs", checkServicesAndJobs},
		{"SSH", checkSSH},
		{"Certificates", checkCertificates},
		{"ToolCredentials", checkToolCredentials},
		{"Agents", checkAgents},
		{"Offers", checkOffers},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, f, r) })
	}
}

func checkAccounts(t *testing.T, _ *fake, r *connectortest.Result) {
	for _, c := range []struct {
		name  string
		class retinue.Class
		kind  retinue.IdentityKind
		why   string
	}{
		{"root", retinue.ClassNonHuman, retinue.IdentityServiceAccount, "uid 0"},
		{"daemon", retinue.ClassNonHuman, retinue.IdentityServiceAccount, "uid 1 is below 1000"},
		{"nobody", retinue.ClassNonHuman, retinue.IdentityServiceAccount, "nobody"},
		{"postgres", retinue.ClassNonHuman, retinue.IdentityServiceAccount, "below 1000"},
		{"ada", retinue.ClassPerson, retinue.IdentityUser, "lets it log in"},
		{"deploy", retinue.ClassUnclear, retinue.IdentityUser, `the name says "deploy"`},
		{"kiosk", retinue.ClassNonHuman, retinue.IdentityServiceAccount, "lets nobody log in"},
	} {
		id := connectortest.Get[retinue.Identity](t, r, "account", c.name)
		if id.Class != c.class || id.Kind != c.kind || !strings.Contains(id.ClassReason, c.why) {
			t.Errorf("%s: %s %s because %q, want %s because of %q", c.name, id.Class, id.Kind, id.ClassReason, c.class, c.why)
		}
	}
	docker := connectortest.Get[retinue.Group](t, r, "group", "docker")
	if docker.Attrs["rootEquivalent"] == nil {
		t.Errorf("docker: %+v", docker)
	}
	members := connectortest.Select(r, func(m retinue.Membership) bool { return m.Group == docker.Ref })
	if len(members) != 2 {
		t.Errorf("members of docker: %+v", members)
	}
	fold := r.NotesOf(connector.NoteFold)
	if !slices.ContainsFunc(fold, func(n connector.Note) bool { return n.Count == 1 && strings.Contains(n.Text, "packaged accounts") }) {
		t.Errorf("folds: %+v", fold)
	}
}

func checkPasswords(t *testing.T, _ *fake, r *connectortest.Result) {
	ada := connectortest.Get[retinue.Credential](t, r, "password", "ada")
	if ada.Subtype != "yescrypt" || ada.State != retinue.CredentialActive || !ada.RotatedAt.Equal(time.Unix(20000*86400, 0)) || !ada.NeverExpires {
		t.Errorf("ada: %+v", ada)
	}
	deploy := connectortest.Get[retinue.Credential](t, r, "password", "deploy")
	if deploy.State != retinue.CredentialInactive || deploy.Attrs["weak"] == nil || !deploy.ExpiresAt.Equal(time.Unix(19090*86400, 0)) {
		t.Errorf("deploy: %+v", deploy)
	}
	if n := len(connectortest.Select(r, func(c retinue.Credential) bool { return c.Ref.Kind == "password" })); n != 3 {
		t.Errorf("%d passwords, want ada's, deploy's and the empty one of kiosk", n)
	}
}

func checkSudoGrants(t *testing.T, _ *fake, r *connectortest.Result) {
	grants := connectortest.All[retinue.Grant](r)
	want := func(subject, condition string, privileges ...string) {
		t.Helper()
		for _, g := range grants {
			if g.Subject.Key == subject && g.Condition == condition {
				if !slices.Equal(g.Privileges, privileges) {
					t.Errorf("%s %s: %q, want %q", subject, condition, g.Privileges, privileges)
				}
				return
			}
		}
		t.Errorf("no grant to %s under %q", subject, condition)
	}
	want("sudo", "runas=ALL:ALL; host=ALL", "ALL")
	want("ada", "runas=root; host=ALL; NOPASSWD", "/usr/bin/systemctl restart pay", "/usr/bin/systemctl stop pay")
	want("ada", "runas=root; host=ALL", "/usr/bin/id")
	want("deploy", "runas=postgres; host=pay-1; NOPASSWD", "/usr/bin/psql")
	want("deploy", "runas=root; host=build-1", "ALL")
	if p := connectortest.Get[retinue.Policy](t, r, "sudoers", "/etc/sudoers"); p.Language != retinue.LanguageSudoers || !strings.Contains(p.Document, "Defaults env_reset") {
		t.Errorf("policy %+v", p)
	}
}

func checkServicesAndJobs(t *testing.T, f *fake, r *connectortest.Result) {
	pay := connectortest.Get[retinue.Identity](t, r, "systemd_unit", "pay.service")
	if pay.Attrs["group"] != "docker" || pay.Attrs["program"] != "/usr/bin/pay" || pay.Attrs["enabled"] != true {
		t.Errorf("pay.service: %+v", pay)
	}
	acts := connectortest.Select(r, func(tr retinue.Trust) bool { return tr.Trustee == pay.Ref })
	if len(acts) != 1 || acts[0].Subject.Key != "deploy" {
		t.Errorf("pay.service acts as %+v", acts)
	}
	clean := connectortest.Get[retinue.Identity](t, r, "systemd_unit", "clean.service")
	if clean.Kind != retinue.IdentityScript || clean.Attrs["timer"] != "clean.timer" {
		t.Errorf("clean.service: %+v", clean)
	}
	if masked := connectortest.Get[retinue.Identity](t, r, "systemd_unit", "masked.service"); masked.State != retinue.StateDisabled {
		t.Errorf("masked.service: %+v", masked)
	}
	connectortest.Get[retinue.Identity](t, r, "systemd_unit", "getty@tty1.service")
	if s := connectortest.Select(r, func(i retinue.Identity) bool { return i.Ref.Key == "unused.service" }); len(s) != 0 {
		t.Errorf("a packaged unit that is not enabled is stated: %+v", s)
	}
	token := connectortest.Get[retinue.Credential](t, r, "secret", "/etc/systemd/system/pay.service#API_TOKEN")
	if want := connectortest.Key(t).Fingerprint(retinue.NewSecret(f.named["unit"])); !slices.Contains(token.Fingerprints, want) {
		t.Errorf("the unit's token has fingerprints %v", token.Fingerprints)
	}
	job := connectortest.Get[retinue.Identity](t, r, "cron_job", "/etc/crontab:deploy:/usr/local/bin/backup")
	if job.Attrs["schedule"] != "@daily" || job.Attrs["account"] != "deploy" {
		t.Errorf("job: %+v", job)
	}
	connectortest.Get[retinue.Identity](t, r, "cron_job", "/etc/crontab:root:run-parts")
	connectortest.Get[retinue.Identity](t, r, "cron_job", "/var/spool/cron/crontabs/ada:ada:/home/ada/bin/sync")
	connectortest.Get[retinue.Identity](t, r, "cron_job", "/etc/cron.daily/logrotate")
	if bad := r.Problems[retinue.NewScope(pay.Ref.Realm, "cron", "system")]; len(bad) != 1 || !strings.Contains(bad[0].Error(), "/etc/crontab:5") {
		t.Errorf("problems of the cron tables: %v", bad)
	}
}

func checkSSH(t *testing.T, _ *fake, r *connectortest.Result) {
	sshd := connectortest.Get[retinue.Resource](t, r, "sshd", "sshd")
	if sshd.Attrs["passwordAuthentication"] != "no" || sshd.Attrs["permitRootLogin"] != nil {
		t.Errorf("the first value holds, Match blocks are not read: %+v", sshd.Attrs)
	}
	logins := connectortest.Select(r, func(tr retinue.Trust) bool { return tr.Kind == retinue.TrusteeKey && tr.Subject.Key == "deploy" })
	if len(logins) != 1 {
		t.Fatalf("who can log in as deploy: %+v", logins)
	}
	if !slices.Equal(logins[0].Conditions, []string{"from", "command", "environment"}) {
		t.Errorf("conditions %q", logins[0].Conditions)
	}
	policy := connectortest.Get[retinue.Policy](t, r, "authorized_key_options", logins[0].Via.Key)
	if want := `from="10.0.0.0/8",command="/usr/bin/deploy --token [redacted]",environment="DEPLOY_TOKEN=[redacted]"`; policy.Document != want {
		t.Errorf("options %q, want %q", policy.Document, want)
	}
	// Ada's private key opens deploy: one credential, by its public key.
	own := connectortest.Select(r, func(p retinue.Placement) bool {
		return p.Credential == logins[0].Trustee && p.Place.Path == "/home/ada/.ssh/id_ed25519" && !p.Reference
	})
	if len(own) != 1 {
		t.Fatalf("where the private key lies: %+v", own)
	}
	if own[0].Exposure != retinue.ExposureOwner {
		t.Errorf("a key of mode 0644 in a home of mode 0700 is exposed to %q", own[0].Exposure)
	}
	host := connectortest.Select(r, func(c retinue.Credential) bool { return c.Kind == retinue.CredentialSSHHostKey })
	if len(host) != 1 || host[0].Algorithm != "Ed25519" {
		t.Errorf("host keys: %+v", host)
	}
	if ca := connectortest.Select(r, func(c retinue.Credential) bool { return c.Kind == retinue.CredentialSigningKey }); len(ca) != 1 {
		t.Errorf("trusted authorities: %+v", ca)
	}
}

func checkCertificates(t *testing.T, f *fake, r *connectortest.Result) {
	sum := sha256.Sum256(f.cert)
	cert := connectortest.Get[retinue.Credential](t, r, "certificate", hex.EncodeToString(sum[:]))
	if cert.Certificate.Subject != "CN=pay.example.test" || !cert.ExpiresAt.Equal(connectortest.Epoch().AddDate(0, 1, 0)) {
		t.Errorf("certificate %+v", cert)
	}
	key := connectortest.Select(r, func(p retinue.Placement) bool { return p.Place.Path == "/etc/nginx/tls/pay.key" })
	if len(key) != 1 || key[0].Exposure != retinue.ExposureWorld || key[0].Credential.Key != cert.PublicKey {
		t.Errorf("the certificate's key, readable by everyone: %+v, certificate's key %s", key, cert.PublicKey)
	}
	again := connectortest.Select(r, func(p retinue.Placement) bool { return p.Place.Path == "/srv/app/tls/app.key" })
	if len(again) != 1 || again[0].Credential != key[0].Credential {
		t.Errorf("the same key elsewhere: %+v", again)
	}
	if s := connectortest.Select(r, func(c retinue.Credential) bool { return c.Name == "CN=Some Authority" || c.Name == "CN=One" }); len(s) != 0 {
		t.Errorf("bundled authorities are stated one by one: %d", len(s))
	}
	if b := connectortest.Get[retinue.Resource](t, r, "ca_bundle", "/etc/ssl/certs/ca-certificates.crt"); b.Attrs["certificates"] != 9 {
		t.Errorf("bundle %+v", b)
	}
	store := connectortest.Get[retinue.Credential](t, r, "private_key", "/etc/nginx/tls/store.jks")
	if store.Attrs["notRead"] == nil {
		t.Errorf("key store %+v", store)
	}
}

func checkToolCredentials(t *testing.T, f *fake, r *connectortest.Result) {
	fingerprint := func(name string) retinue.Fingerprint {
		return connectortest.Key(t).Fingerprint(retinue.NewSecret(f.named[name]))
	}
	for _, c := range []struct {
		key, secret string
		kind        retinue.CredentialKind
		printed     bool
	}{
		{"/home/ada/.kube/config#u.token", "kube", retinue.CredentialServiceToken, true},
		{"/home/ada/.npmrc#//registry.npmjs.org/:_authToken", "npm", retinue.CredentialPersonalAccessToken, true},
		{"/home/ada/.netrc#api.example.test bot", "netrc", retinue.CredentialPassword, false},
		{"/home/ada/.pgpass#bot@db.example.test:5432/pay", "pgpass", retinue.CredentialPassword, false},
		{"/home/ada/.config/glab-cli/config.yml#gitlab.example.test.token", "glab", retinue.CredentialOAuthToken, true},
		{"/home/ada/.terraform.d/credentials.tfrc.json#credentials.app.terraform.io", "tf", retinue.CredentialAPIKey, true},
		{"/home/ada/.vault-token#token", "vault", retinue.CredentialServiceToken, true},
		{"/home/ada/.git-credentials#ada@git.example.test", "git", retinue.CredentialPersonalAccessToken, true},
		{"/home/ada/.config/gcloud/application_default_credentials.json#refresh_token", "gcr", retinue.CredentialRefreshToken, true},
		{"/home/ada/.azure/service_principal_entries.json#[0].client_secret", "azure", retinue.CredentialClientSecret, true},
		{"/home/ada/code/shop/.env#SHOP_API_KEY", "shop", retinue.CredentialAPIKey, true},
		{"/srv/app/.env#APP_SECRET", "app", retinue.CredentialGenericSecret, true},
		{"/etc/pay/env#DATABASE_URL", "dburl", retinue.CredentialConnectionString, false},
	} {
		cred := connectortest.Get[retinue.Credential](t, r, "secret", c.key)
		if cred.Kind != c.kind {
			t.Errorf("%s: kind %s, want %s", c.key, cred.Kind, c.kind)
		}
		if got := slices.Contains(cred.Fingerprints, fingerprint(c.secret)); got != c.printed || (!c.printed && len(cred.Fingerprints) > 0) {
			t.Errorf("%s: fingerprints %v, want the value's: %v", c.key, cred.Fingerprints, c.printed)
		}
	}
	// One key in a kubeconfig, a service account's file and a PEM file.
	pem := connectortest.Select(r, func(p retinue.Placement) bool { return p.Place.Path == "/etc/nginx/tls/pay.key" })
	shared := retinue.JoinKey{Kind: retinue.JoinPublicKey, Value: pem[0].Credential.Key}
	for _, key := range []string{"/etc/kubernetes/admin.conf#admin.client-key-data", "/home/ada/code/shop/gcp-key.json#private_key"} {
		if c := connectortest.Get[retinue.Credential](t, r, "secret", key); !slices.Contains(c.Joins, shared) {
			t.Errorf("%s does not join the same key elsewhere: %+v", key, c.Joins)
		}
	}
	account := connectortest.Get[retinue.Credential](t, r, "secret", "/home/ada/code/shop/gcp-key.json#private_key")
	if account.Attrs["identity"] != "bot@shop.iam.example.test" || !slices.Contains(account.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: "gcp:0123abcd"}) {
		t.Errorf("service account's key: %+v", account)
	}
	aws := connectortest.Select(r, func(c retinue.Credential) bool { return c.Kind == retinue.CredentialAccessKey })
	want := retinue.JoinKey{Kind: retinue.JoinProviderID, Value: "aws:" + f.named["aws id"]}
	if len(aws) != 1 || !slices.Contains(aws[0].Joins, want) || aws[0].Ref.Realm.Kind() != "aws" || !slices.Contains(aws[0].Fingerprints, fingerprint("aws")) {
		t.Errorf("access key %+v", aws)
	}
	if ref := connectortest.Select(r, func(p retinue.Placement) bool { return p.Place.Field == "OTHER_TOKEN" }); len(ref) != 1 || !ref[0].Reference {
		t.Errorf("a variable that names another: %+v", ref)
	}
	if s := connectortest.Select(r, func(p retinue.Placement) bool {
		return p.Place.Field == "LOG_LEVEL" || p.Place.Field == "REGION" || p.Place.Field == "DEBUG" || strings.Contains(p.Place.Path, "example")
	}); len(s) != 0 {
		t.Errorf("no secrets: %+v", s)
	}
}

func checkAgents(t *testing.T, f *fake, r *connectortest.Result) {
	claude := connectortest.Get[retinue.Identity](t, r, "agent", "ada/claude-code")
	if claude.Kind != retinue.IdentityAgent || claude.Class != retinue.ClassNonHuman {
		t.Errorf("claude-code: %+v", claude)
	}
	github := connectortest.Get[retinue.Identity](t, r, "mcp_server", "/home/ada/.claude.json#github")
	if github.Attrs["package"] != "@modelcontextprotocol/server-github" || github.Attrs["pinned"] != false {
		t.Errorf("server: %+v", github.Attrs)
	}
	if args := github.Attrs["args"].([]string); !slices.Equal(args, []string{"-y", "@modelcontextprotocol/server-github", "--token", redacted}) {
		t.Errorf("arguments %q", args)
	}
	token := connectortest.Get[retinue.Credential](t, r, "secret", "/home/ada/.claude.json#github.env.GITHUB_PERSONAL_ACCESS_TOKEN")
	value := "ghp_" + f.named["mcpenv"]
	if token.Subtype != "github-pat" || !slices.Contains(token.Fingerprints, connectortest.Key(t).Fingerprint(retinue.NewSecret(value))) {
		t.Errorf("token: %+v", token)
	}
	header := connectortest.Get[retinue.Credential](t, r, "secret", "/home/ada/.cursor/mcp.json#remote.headers.Authorization")
	if !slices.Contains(header.Fingerprints, connectortest.Key(t).Fingerprint(retinue.NewSecret(f.named["header"]))) {
		t.Errorf("the header's token is fingerprinted with its scheme: %+v", header)
	}
	if remote := connectortest.Get[retinue.Identity](t, r, "mcp_server", "/home/ada/.cursor/mcp.json#remote"); remote.Subtype != "mcp_server_http" || remote.Attrs["url"] != "https://mcp.example.test/sse?redacted" {
		t.Errorf("remote server: %+v", remote)
	}
	if off := connectortest.Get[retinue.Identity](t, r, "mcp_server", "/home/ada/.codeium/windsurf/mcp_config.json#off"); off.State != retinue.StateDisabled {
		t.Errorf("disabled server: %+v", off)
	}
	db := connectortest.Get[retinue.Identity](t, r, "mcp_server", "/home/ada/.claude.json#/home/ada/code/shop#db")
	if db.Attrs["pinned"] != true || db.Attrs["project"] != "/home/ada/code/shop" {
		t.Errorf("a project's server: %+v", db)
	}
	grants := connectortest.Select(r, func(g retinue.Grant) bool { return g.Subject == claude.Ref })
	if len(grants) != 1 || !slices.Contains(grants[0].Privileges, "everything (bypassPermissions)") {
		t.Errorf("allowed without asking: %+v", grants)
	}
	acts := connectortest.Select(r, func(tr retinue.Trust) bool { return tr.Trustee == claude.Ref && tr.Subject.Kind == "account" })
	if len(acts) != 1 || acts[0].Subject.Key != "ada" {
		t.Errorf("claude-code acts as %+v", acts)
	}
	scope := retinue.NewScope(claude.Ref.Realm, "user", "ada", "agents")
	if _, done := r.Completed[scope]; done || len(r.Problems[scope]) != 1 {
		t.Errorf("a malformed configuration leaves the part incomplete: %v", r.Problems[scope])
	}
	connectortest.Get[retinue.Identity](t, r, "mcp_server", "/home/ada/code/shop/.mcp.json#shop")
}

func checkOffers(t *testing.T, _ *fake, r *connectortest.Result) {
	var said []string
	for _, n := range r.NotesOf(connector.NoteOffer) {
		said = append(said, n.Text+" -> "+n.Command)
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"2 kubeconfig contexts of ada: prod, dev -> kubernetes=", "2 AWS profiles of ada: dev, prod -> aws=profile:dev aws=profile:prod",
		"1 PostgreSQL service of ada: prod -> postgres=service:prod"} {
		if !strings.Contains(all, want) {
			t.Errorf("no offer %q in:\n%s", want, all)
		}
	}
}

func TestRealm(t *testing.T) {
	f := newFake(t)
	a, err := openAt(t, f.root, nil).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Computed with sd_id128_get_machine_app_specific's algorithm, by hand.
	if a.Realm.ID() == fakeMachineID || len(a.Realm.ID()) != 32 || a.Realm.ID()[12] != '4' || a.Name != "pay-1" {
		t.Errorf("realm %s, name %s", a.Realm, a.Name)
	}
	empty := t.TempDir()
	if _, err := openAt(t, empty, nil).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "id=NAME") {
		t.Errorf("a folder that is no machine: %v", err)
	}
	if a, err := openAt(t, empty, map[string]string{"id": "vm 7"}).Check(t.Context()); err != nil || a.Realm != "host:vm 7" {
		t.Errorf("a named machine: %v, %v", a.Realm, err)
	}
	if _, err := openAt(t, f.root, map[string]string{"users": "nobodyhere"}).Check(t.Context()); err == nil {
		t.Errorf("an unknown account is accepted")
	}
}

func TestOnlyUsers(t *testing.T) {
	f := newFake(t)
	r := connectortest.Discover(t, openAt(t, f.root, map[string]string{"users": "deploy"}))
	for _, s := range r.Scopes() {
		if strings.HasPrefix(s.Path, "user/ada") {
			t.Errorf("scope %s was read", s)
		}
		if s.Path == "user" {
			t.Errorf("the homes are listed as complete, which would end the others")
		}
	}
}
