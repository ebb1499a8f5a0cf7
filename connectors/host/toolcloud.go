package host

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// maxDepth bounds the nesting of JSON and YAML that is looked into.
const maxDepth = 32

// decodeYAML reads YAML or JSON into maps, lists and scalars.
func decodeYAML(data []byte) (any, bool) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, false
	}
	return v, true
}

func decodeJSON(data []byte) (any, bool) {
	var v any
	if err := json.Unmarshal(trimBOM(data), &v); err != nil {
		return nil, false
	}
	return v, true
}

// trimBOM drops the mark that the Azure CLI writes in front of its JSON.
func trimBOM(data []byte) []byte {
	return []byte(strings.TrimPrefix(string(data), "\ufeff"))
}

// at follows keys into nested maps.
func at(v any, path ...string) any {
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func text(v any, path ...string) string { s, _ := at(v, path...).(string); return s }

func items(v any, path ...string) []any { l, _ := at(v, path...).([]any); return l }

func entries(v any, path ...string) map[string]any { m, _ := at(v, path...).(map[string]any); return m }

// fieldKinds says which keys of a document hold secrets, and of which kind.
type fieldKinds map[string]retinue.CredentialKind

// fieldsOf returns a reader that walks a JSON or YAML document and takes the
// strings under the given keys, wherever they stand.
func fieldsOf(tool string, kinds fieldKinds) func([]byte) reading {
	return func(data []byte) reading {
		v, ok := decodeJSON(data)
		if !ok {
			if v, ok = decodeYAML(data); !ok {
				return reading{bad: "it is neither JSON nor YAML"}
			}
		}
		var r reading
		kinds.walk(&r, tool, "", "", v, 0)
		return r
	}
}

func (k fieldKinds) walk(r *reading, tool, path, key string, v any, depth int) {
	if depth > maxDepth || len(r.found) >= maxVars {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			k.walk(r, tool, strings.TrimPrefix(path+"."+fieldName(name), "."), name, v[name], depth+1)
		}
	case []any:
		for i, e := range v {
			k.walk(r, tool, fmt.Sprintf("%s[%d]", path, i), key, e, depth+1)
		}
	case string:
		kind, ok := k[key]
		if !ok || v == "" {
			return
		}
		f := found{field: path, name: tool + " " + key, kind: kind, subtype: strings.ToLower(tool), value: retinue.NewSecret(v)}
		f.short = kind == retinue.CredentialSessionToken
		r.found = append(r.found, f)
	}
}

// fieldName makes a key of a document safe to show: keys that are URLs may
// carry passwords.
func fieldName(s string) string {
	s = cleanURL(retinue.CleanName(s))
	if len(s) > 200 {
		s = clipKey(s)[:200]
	}
	return strings.ToValidUTF8(s, "")
}

// readGoogle reads a credentials file of Google Cloud: application default
// credentials, a service account's key, a federation's configuration.
func readGoogle(data []byte) reading {
	v, ok := decodeJSON(data)
	if !ok {
		return reading{bad: "it is no JSON"}
	}
	var r reading
	switch text(v, "type") {
	case "service_account":
		f := found{field: "private_key", name: retinue.CleanName(text(v, "client_email")), kind: retinue.CredentialPrivateKey,
			subtype: "gcp-service-account-key", value: retinue.NewSecret(text(v, "private_key")),
			attrs: retinue.Attrs{"identity": retinue.CleanName(text(v, "client_email")), "project": retinue.CleanName(text(v, "project_id"))}}
		if id := text(v, "private_key_id"); id != "" {
			f.joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "gcp:" + retinue.CleanName(id)}}
		}
		if o, ok := pemKey(text(v, "private_key")); ok && o.Key.SPKI != "" {
			f.joins = append(f.joins, retinue.JoinKey{Kind: retinue.JoinPublicKey, Value: o.Key.SPKI})
		}
		r.found = append(r.found, f)
	case "external_account":
		r.found = append(r.found, found{field: "audience", name: retinue.CleanName(text(v, "audience")), kind: retinue.CredentialFederatedTrust,
			subtype: "gcp-workload-identity", reference: true})
	default:
		return fieldsOf("gcloud", fieldKinds{"refresh_token": retinue.CredentialRefreshToken, "client_secret": retinue.CredentialClientSecret,
			"access_token": retinue.CredentialSessionToken, "private_key": retinue.CredentialPrivateKey})(data)
	}
	return r
}

// readKubeconfig reads the users and contexts of a kubeconfig.
func readKubeconfig(data []byte) reading {
	v, ok := decodeYAML(data)
	if !ok {
		return reading{bad: "it is no YAML"}
	}
	var r reading
	for _, c := range items(v, "contexts") {
		r.open("kubernetes", text(c, "name"))
	}
	for _, u := range items(v, "users") {
		name := fieldName(text(u, "name"))
		base := found{name: "kubeconfig user " + name, subtype: "kubeconfig"}
		add := func(field string, kind retinue.CredentialKind, value string) {
			if value == "" {
				return
			}
			f := base
			f.field, f.kind, f.value = name+"."+field, kind, retinue.NewSecret(value)
			if field == "client-key-data" {
				if o, ok := pemKey(value); ok && o.Key.SPKI != "" {
					f.joins = []retinue.JoinKey{{Kind: retinue.JoinPublicKey, Value: o.Key.SPKI}}
				}
			}
			r.found = append(r.found, f)
		}
		add("token", retinue.CredentialServiceToken, text(u, "user", "token"))
		add("password", retinue.CredentialPassword, text(u, "user", "password"))
		add("client-key-data", retinue.CredentialPrivateKey, text(u, "user", "client-key-data"))
		add("auth-provider.id-token", retinue.CredentialJWT, text(u, "user", "auth-provider", "config", "id-token"))
		add("auth-provider.refresh-token", retinue.CredentialRefreshToken, text(u, "user", "auth-provider", "config", "refresh-token"))
		r.certificate(name, text(u, "user", "client-certificate-data"))
		for _, field := range []string{"tokenFile", "client-key"} {
			if text(u, "user", field) != "" {
				r.found = append(r.found, found{field: name + "." + field, name: base.name, kind: retinue.CredentialGenericSecret, subtype: "kubeconfig", reference: true})
			}
		}
		if at(u, "user", "exec") != nil {
			r.found = append(r.found, found{field: name + ".exec", name: base.name, kind: retinue.CredentialSessionToken, subtype: "kubeconfig-exec", reference: true, short: true})
		}
	}
	return r
}

// certificate states a client certificate of a kubeconfig, which is public.
func (r *reading) certificate(user, data string) {
	o, ok := pemKey(data)
	if data == "" || !ok || o.Kind != keys.KindCertificate {
		return
	}
	r.found = append(r.found, found{field: user + ".client-certificate-data", name: "client certificate of " + user, kind: retinue.CredentialCertificate,
		subtype: "kubeconfig", reference: true, expires: o.NotAfter,
		joins: []retinue.JoinKey{{Kind: retinue.JoinCertificate, Value: o.SHA256}},
		attrs: retinue.Attrs{"subject": o.Certificate.Subject, "publicKey": o.Key.SPKI}})
}

// readDocker reads ~/.docker/config.json and Podman's auth.json.
func readDocker(data []byte) reading {
	v, ok := decodeJSON(data)
	if !ok {
		return reading{bad: "it is no JSON"}
	}
	var r reading
	auths := entries(v, "auths")
	for _, registry := range sortedKeys(auths) {
		name := fieldName(registry)
		base := found{name: "registry " + name, subtype: "docker"}
		if user, pw, ok := basicUser(text(auths[registry], "auth")); ok {
			f := base
			f.field, f.kind, f.value = "auths."+name+".auth", retinue.CredentialPassword, pw
			f.attrs = retinue.Attrs{"user": retinue.CleanName(user)}
			r.found = append(r.found, f)
		}
		for _, field := range []string{"identitytoken", "registrytoken", "password"} {
			if t := text(auths[registry], field); t != "" {
				f := base
				f.field, f.kind, f.value = "auths."+name+"."+field, retinue.CredentialRefreshToken, retinue.NewSecret(t)
				if field == "password" {
					f.kind = retinue.CredentialPassword
				}
				r.found = append(r.found, f)
			}
		}
	}
	helpers := entries(v, "credHelpers")
	for _, registry := range sortedKeys(helpers) {
		r.found = append(r.found, found{field: "credHelpers." + fieldName(registry), name: "registry " + fieldName(registry), kind: retinue.CredentialPassword,
			subtype: "docker-helper", reference: true})
	}
	return r
}

// readTerraformCredentials reads ~/.terraform.d/credentials.tfrc.json.
func readTerraformCredentials(data []byte) reading {
	v, ok := decodeJSON(data)
	if !ok {
		return reading{bad: "it is no JSON"}
	}
	var r reading
	hosts := entries(v, "credentials")
	for _, h := range sortedKeys(hosts) {
		if t := text(hosts[h], "token"); t != "" {
			r.found = append(r.found, found{field: "credentials." + fieldName(h), name: "Terraform " + fieldName(h), kind: retinue.CredentialAPIKey,
				subtype: "terraform", value: retinue.NewSecret(t)})
		}
	}
	return r
}

// readForge reads the hosts of the GitHub and GitLab command lines.
func readForge(tool string, path []string, tokenKeys ...string) func([]byte) reading {
	return func(data []byte) reading {
		v, ok := decodeYAML(data)
		if !ok {
			return reading{bad: "it is no YAML"}
		}
		var r reading
		hosts := entries(v, path...)
		for _, h := range sortedKeys(hosts) {
			r.forgeTokens(tool, fieldName(h), text(hosts[h], "user"), hosts[h], tokenKeys)
			users := entries(hosts[h], "users") // several accounts on one host
			for _, u := range sortedKeys(users) {
				r.forgeTokens(tool, fieldName(h)+".users."+fieldName(u), u, users[u], tokenKeys)
			}
		}
		return r
	}
}

func (r *reading) forgeTokens(tool, where, user string, v any, tokenKeys []string) {
	for _, k := range tokenKeys {
		t := text(v, k)
		if t == "" {
			continue
		}
		f := found{field: where + "." + k, name: tool + " " + where, kind: retinue.CredentialOAuthToken, subtype: tool, value: retinue.NewSecret(t)}
		if user != "" {
			f.attrs = retinue.Attrs{"user": retinue.CleanName(user)}
		}
		r.found = append(r.found, f)
	}
}

// readAWSCache reads the tokens that the AWS CLI keeps of single sign-on. When
// they end is left out: it moves with every renewal.
func readAWSCache(data []byte) reading {
	return fieldsOf("aws-sso", fieldKinds{"accessToken": retinue.CredentialSessionToken, "refreshToken": retinue.CredentialRefreshToken,
		"clientSecret": retinue.CredentialClientSecret, "SecretAccessKey": retinue.CredentialSessionToken, "SessionToken": retinue.CredentialSessionToken})(data)
}
