package repo

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// terraformKinds are the resource types that are identities or hold their
// credentials, by the providers' documentation.
func terraformKinds() map[string]struct {
	kind   retinue.IdentityKind
	name   string
	reason string
} {
	type k = struct {
		kind   retinue.IdentityKind
		name   string
		reason string
	}
	return map[string]k{
		"aws_iam_role":                       {retinue.IdentityRole, "name", "An IAM role is assumed by software."},
		"aws_iam_user":                       {retinue.IdentityUser, "name", "An IAM user that code makes is meant for software."},
		"aws_lambda_function":                {retinue.IdentityFunction, "function_name", "A function runs without a person."},
		"google_service_account":             {retinue.IdentityServiceAccount, "account_id", "A Google Cloud service account is made for software."},
		"azuread_application":                {retinue.IdentityApp, "display_name", "An app registration is an application."},
		"azuread_application_registration":   {retinue.IdentityApp, "display_name", "An app registration is an application."},
		"azuread_service_principal":          {retinue.IdentityServicePrincipal, "", "A service principal is an application's identity."},
		"azurerm_user_assigned_identity":     {retinue.IdentityManagedIdentity, "name", "A managed identity belongs to machines."},
		"kubernetes_service_account":         {retinue.IdentityServiceAccount, "name", "A Kubernetes service account is made for workloads."},
		"kubernetes_service_account_v1":      {retinue.IdentityServiceAccount, "name", "A Kubernetes service account is made for workloads."},
		"vault_approle_auth_backend_role":    {retinue.IdentityRole, "role_name", "An AppRole of Vault is for machines."},
		"vault_kubernetes_auth_backend_role": {retinue.IdentityRole, "role_name", "A role for Kubernetes workloads in Vault."},
		"okta_app_oauth":                     {retinue.IdentityApp, "label", "An OAuth application of Okta."},
		"cloudflare_api_token":               {retinue.IdentityAPIClient, "name", "A token of its own is a client of the API."},
		"postgresql_role":                    {retinue.IdentityRole, "name", "A database role that code makes is meant for software."},
		"aws_iam_access_key":                 {"", "user", ""},
		"google_service_account_key":         {"", "service_account_id", ""},
		"azuread_application_password":       {"", "application_id", ""},
		"azuread_service_principal_password": {"", "service_principal_id", ""},
		"tls_private_key":                    {"", "algorithm", ""},
		"aws_iam_openid_connect_provider":    {"", "url", ""},
		"github_actions_secret":              {"", "secret_name", ""},
	}
}

// readTerraform reads the resource blocks of a Terraform file as text: names
// and plain values, and no expression.
func readTerraform(file string, data []byte) []declaration {
	kinds := terraformKinds()
	dir := strings.TrimSuffix(file, baseName(file))
	var found []declaration
	for _, b := range terraformBlocks(string(data)) {
		k, ok := kinds[b.typ]
		if !ok {
			continue
		}
		d := declaration{refKind: "terraform_resource", key: dir + b.typ + "." + b.label, name: orElse(b.values[k.name], b.label),
			kind: k.kind, subtype: b.typ, reason: k.reason, line: b.line, attrs: retinue.Attrs{"address": clean(b.typ + "." + b.label)}}
		if k.kind == "" {
			d.refKind = clean(b.typ)
		}
		for _, s := range b.services {
			d.trust = append(d.trust, trustee{retinue.TrusteeService, s})
		}
		if ref, ok := awsRole(b.values["role"]); ok && k.kind != "" {
			d.grants = append(d.grants, grant{privileges: []string{"sts:AssumeRole"}, resource: ref})
		}
		found = append(found, d)
	}
	return found
}

// block is a resource block.
type block struct {
	typ, label string
	line       int
	values     map[string]string // plain strings at the top of the block
	services   []string          // service principals named in it
}

// maxBlocks bounds the blocks of one file.
const maxBlocks = 20_000

// terraformBlocks finds the resource blocks: their labels, and the assignments
// of plain strings directly in them. Comments, strings and heredocs are passed
// over so that their braces do not count.
func terraformBlocks(text string) []block {
	var blocks []block
	var now *block
	depth, number := 0, 0
	heredoc, inComment := "", false
	for line := range strings.Lines(text) {
		number++
		if heredoc != "" {
			if strings.TrimSpace(line) == heredoc {
				heredoc = ""
			} else if now != nil {
				now.principals(line)
			}
			continue
		}
		line, inComment = uncommentHCL(line, inComment)
		trimmed := strings.TrimSpace(line)
		if depth == 0 && strings.HasPrefix(trimmed, "resource ") && len(blocks) < maxBlocks {
			if q := quotedAll(trimmed, 2); len(q) == 2 {
				blocks = append(blocks, block{typ: q[0], label: q[1], line: number, values: map[string]string{}})
				now = &blocks[len(blocks)-1]
			}
		} else if now != nil {
			if name, value, ok := strings.Cut(trimmed, "="); ok && depth <= 2 {
				name = strings.TrimSpace(name)
				if q := quotedAll(strings.TrimSpace(value), 1); len(q) == 1 && strings.HasPrefix(strings.TrimSpace(value), `"`) {
					if _, known := now.values[name]; !known && !strings.Contains(q[0], "${") {
						now.values[name] = q[0]
					}
				}
			}
			now.principals(trimmed)
		}
		if i := strings.Index(line, "<<"); i >= 0 {
			heredoc = strings.TrimSpace(strings.TrimPrefix(line[i+2:], "-"))
		}
		depth = max(0, depth+braces(line))
		if depth == 0 {
			now = nil
		}
	}
	return blocks
}

// principals finds service principals in a trust policy.
func (b *block) principals(line string) {
	for _, q := range quotedAll(line, 8) {
		if strings.HasSuffix(q, ".amazonaws.com") && !strings.ContainsAny(q, "/:* ") && len(b.services) < 50 {
			b.services = append(b.services, q)
		}
	}
}

// quotedAll returns the first strings of a line.
func quotedAll(line string, limit int) []string {
	var out []string
	for len(out) < limit {
		_, rest, ok := strings.Cut(line, `"`)
		if !ok {
			return out
		}
		end := 0
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			return out
		}
		out = append(out, rest[:end])
		line = rest[end+1:]
	}
	return out
}

// braces returns how many braces a line opens more than it closes, outside of
// strings.
func braces(line string) int {
	n, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case '{', '[', '(':
			if !quoted {
				n++
			}
		case '}', ']', ')':
			if !quoted {
				n--
			}
		}
	}
	return n
}

// uncommentHCL removes comments: #, // and /* */.
func uncommentHCL(line string, inside bool) (string, bool) {
	line, inside = uncomment(line, inside)
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '#':
			if !quoted {
				return line[:i], inside
			}
		}
	}
	return line, inside
}
