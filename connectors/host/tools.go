package host

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// toolFile is a file in which a tool keeps credentials.
type toolFile struct {
	tool string
	// path is relative to the home; its last element may hold a wildcard.
	path string
	read func([]byte) reading
}

// toolFiles lists the files of the usual tools, by their vendors' documents.
func toolFiles() []toolFile {
	azure := fieldsOf("azure", fieldKinds{"secret": retinue.CredentialSessionToken, "client_secret": retinue.CredentialClientSecret,
		"accessToken": retinue.CredentialSessionToken, "refreshToken": retinue.CredentialRefreshToken, "servicePrincipalKey": retinue.CredentialClientSecret})
	return []toolFile{
		{"aws", ".aws/credentials", readAWS},
		{"aws", ".aws/config", readAWS},
		{"aws", ".aws/sso/cache/*.json", readAWSCache},
		{"aws", ".aws/cli/cache/*.json", readAWSCache},
		{"gcloud", ".config/gcloud/application_default_credentials.json", readGoogle},
		{"gcloud", ".config/gcloud/legacy_credentials/*/adc.json", readGoogle},
		{"azure", ".azure/msal_token_cache.json", azure},
		{"azure", ".azure/accessTokens.json", azure},
		{"azure", ".azure/service_principal_entries.json", azure},
		{"kubeconfig", ".kube/config", readKubeconfig},
		{"docker", ".docker/config.json", readDocker},
		{"docker", ".config/containers/auth.json", readDocker},
		{"npm", ".npmrc", readNpmrc},
		{"yarn", ".yarnrc.yml", fieldsOf("yarn", fieldKinds{"npmAuthToken": retinue.CredentialPersonalAccessToken, "npmAuthIdent": retinue.CredentialPassword})},
		{"pypi", ".pypirc", readPyPI},
		{"pip", ".config/pip/pip.conf", readPyPI},
		{"pip", ".pip/pip.conf", readPyPI},
		{"netrc", ".netrc", readNetrc},
		{"pgpass", ".pgpass", readPgpass},
		{"pgservice", ".pg_service.conf", readPgService},
		{"mysql", ".my.cnf", readMySQL},
		{"github-cli", ".config/gh/hosts.yml", readForge("github-cli", nil, "oauth_token")},
		{"gitlab-cli", ".config/glab-cli/config.yml", readForge("gitlab-cli", []string{"hosts"}, "token")},
		{"git", ".git-credentials", readGitCredentials},
		{"git", ".config/git/credentials", readGitCredentials},
		{"terraform", ".terraform.d/credentials.tfrc.json", readTerraformCredentials},
		{"terraform", ".terraformrc", readTerraformRC},
		{"vault", ".vault-token", readToken("Vault token", retinue.CredentialServiceToken)},
		{"dotenv", ".env", readDotEnv},
		{"shell", ".bashrc", readDotEnv},
		{"shell", ".bash_profile", readDotEnv},
		{"shell", ".profile", readDotEnv},
		{"shell", ".zshrc", readDotEnv},
		{"shell", ".zshenv", readDotEnv},
		{"cargo", ".cargo/credentials.toml", readTOMLTokens},
		{"heroku", ".config/heroku/config.json", fieldsOf("heroku", fieldKinds{"token": retinue.CredentialOAuthToken})},
		{"fly", ".fly/config.yml", fieldsOf("fly", fieldKinds{"access_token": retinue.CredentialPersonalAccessToken})},
		{"doctl", ".config/doctl/config.yaml", fieldsOf("doctl", fieldKinds{"access-token": retinue.CredentialPersonalAccessToken})},
	}
}

// runTools states the credentials in the files of an account's tools.
func (m *machine) runTools(ctx context.Context, a *area, acc account) error {
	opens := map[string][]string{}
	for _, t := range toolFiles() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, p := range m.expand(a, acc.home, t.path) {
			m.toolFile(a, acc, t, p, opens)
		}
	}
	if f := path.Join(acc.home, ".config/gcloud/credentials.db"); m.exists(f) {
		m.storeNotRead(a, acc, f, "gcloud's database of credentials")
	}
	m.offer(acc, opens)
	return nil
}

func (m *machine) toolFile(a *area, acc account, t toolFile, p string, opens map[string][]string) {
	f, ok := a.read(p)
	if !ok {
		return
	}
	r := t.read(f.data)
	if r.bad != "" {
		a.malformed(p, 0, r.bad)
	}
	a.state(m.holder(f, t.tool, m.consumer(acc)), r.found)
	for kind, names := range r.opens {
		key := kind
		if kind == "kubernetes" {
			key += "=" + p
		}
		for _, n := range names {
			if !containsString(opens[key], n) {
				opens[key] = append(opens[key], n)
			}
		}
	}
}

// storeNotRead states a store that is recognised and not read.
func (m *machine) storeNotRead(a *area, acc account, p, what string) {
	ref := m.secretRef(p, "")
	a.add(retinue.Credential{Ref: ref, Kind: retinue.CredentialGenericSecret, Name: what, Subtype: "store", State: retinue.CredentialUnknown,
		Attrs: retinue.Attrs{"notRead": "a database whose content is not looked at"}},
		retinue.Placement{Credential: ref, Place: m.filePlace(p, "", 0), Consumer: m.account(acc.name), Exposure: m.exposure(p), Detector: "store",
			Confidence: retinue.ConfidenceMedium})
}

// expand returns the files that a path relative to a home names. A folder that
// is not there names none; one that cannot be read is a problem.
func (m *machine) expand(a *area, home, rel string) []string {
	before, after, ok := strings.Cut(rel, "*")
	if !ok {
		return []string{path.Join(home, rel)}
	}
	dir := path.Join(home, path.Dir(before+"x"))
	prefix := path.Base(before + "x")
	prefix = strings.TrimSuffix(prefix, "x")
	suffix, rest, _ := strings.Cut(after, "/")
	var out []string
	for _, e := range a.list(dir) {
		if n := e.Name(); strings.HasPrefix(n, prefix) && strings.HasSuffix(n, suffix) {
			out = append(out, path.Join(dir, n, rest))
		}
	}
	return out
}

// offer keeps what a home's files open, for the notes at the end.
func (m *machine) offer(acc account, opens map[string][]string) {
	const shown = 5
	for _, key := range sortedKeys(opens) {
		names := opens[key]
		kind, file, _ := strings.Cut(key, "=")
		n := connector.Note{Kind: connector.NoteOffer, Scope: m.scope("user", acc.name, "tools"), Count: len(names)}
		list := strings.Join(names[:min(shown, len(names))], ", ")
		if len(names) > shown {
			list += ", …"
		}
		of := " of " + retinue.CleanName(acc.name) + ": " + list
		switch kind {
		case "kubernetes":
			n.Text, n.Command = count(len(names), "kubeconfig context")+of, "kubernetes="+retinue.CleanName(m.tree.on(file))
		case "aws":
			n.Text, n.Command = count(len(names), "AWS profile")+of, commands("aws=profile:", names[:min(shown, len(names))])
		case "postgres":
			n.Text, n.Command = count(len(names), "PostgreSQL service")+of, commands("postgres=service:", names[:min(shown, len(names))])
		default:
			continue
		}
		m.offers = append(m.offers, n)
	}
}

// offerRepos keeps the git repositories that a walk passed.
func (m *machine) offerRepos(a *area, acc account, repos []string) {
	const shown = 5
	if len(repos) == 0 {
		return
	}
	of := ""
	if acc.name != "" {
		of = " of " + retinue.CleanName(acc.name)
	}
	paths := make([]string, 0, shown)
	for _, p := range repos[:min(shown, len(repos))] {
		paths = append(paths, retinue.CleanName(m.tree.on(p)))
	}
	what := "git repositories"
	if len(repos) == 1 {
		what = "git repository"
	}
	m.offers = append(m.offers, connector.Note{Kind: connector.NoteOffer, Scope: a.scope, Count: len(repos),
		Text: fmt.Sprintf("%d %s%s", len(repos), what, of), Command: commands("repo=", paths)})
}

func commands(prefix string, names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
		if strings.ContainsAny(n, " \t'\"$&|;<>()*?!`\\") {
			out[i] = "'" + strings.ReplaceAll(out[i], "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

func containsString(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
