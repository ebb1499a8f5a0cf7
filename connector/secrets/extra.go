package secrets

// ends is what ends a value in the extra rules: a quote, white space, or the end of
// the text.
const ends = `(?:[\x60'"\s;,<>)&]|\\[nr]|$)`

// extraRules are Retinue's own rules beside gitleaks' pack, for what it leaves
// out: URLs with passwords, the secret half of AWS keys, storage keys and
// signatures of Azure, and vendors' formats that came later.
func extraRules() ruleFile {
	return ruleFile{Rules: []ruleEntry{
		{
			ID: "url-credentials", Description: "A URL that carries a password.",
			Regex: `\b(?i:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|clickhouse|cockroachdb|` +
				`s?ftps?|smtps?|ldaps?|kafka|nats|https?)://[^\s:/?#@'"<>\x60{}$%]{0,64}:([^\s@/'"<>\x60]{3,200})@[\w\[.-]`,
			Keywords: []string{"://"}, SecretGroup: 1,
			Allowlists: []allowEntry{
				{Regexes: []string{
					`(?i)^(?:pass(?:word|wd)?|pwd|secret|user(?:name)?|admin|root|test|guest|postgres|mysql|redis|token|changeme|change-me|example|foo|bar|hunter2|x+|\*+|\.+|-+|your.*|my.*|some.*|fake.*|dummy.*|placeholder.*)$`,
					`^(?:\$|%[A-Za-z_(]|\{|<|\[|#|@)`, `[{}]`, `\$\(`,
				}},
			},
		},
		{
			ID: "aws-secret-access-key", Description: "The secret half of an AWS access key.",
			Regex:    `(?i:(?:aws|secret|amazon)[\w.-]{0,30}key)["']?\s{0,5}(?:=>|=|:|,)\s{0,5}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)`,
			Keywords: []string{"key"}, Entropy: 4.2, SecretGroup: 1,
			Allowlists: []allowEntry{{Regexes: []string{`EXAMPLEKEY$`, `^[0-9a-f]{40}$`, `^[A-Za-z/]+$`}}},
		},
		{
			ID: "azure-storage-account-key", Description: "A key of an Azure storage account.",
			Regex: `(?i:AccountKey)=([A-Za-z0-9+/]{86}==)`, Keywords: []string{"accountkey"}, Entropy: 4, SecretGroup: 1,
		},
		{
			ID: "azure-shared-access-signature", Description: "A shared access signature of Azure.",
			Regex:    `\bs[ev]=[^\s"']{5,400}?&sig=([A-Za-z0-9%+/]{40,80}(?:%3D|=))`,
			Keywords: []string{"&sig="}, Entropy: 3.5, SecretGroup: 1,
		},
		{
			ID: "kubeconfig-client-key", Description: "A client key in a kubeconfig.",
			Regex: `client-key-data:[ \t]*["']?(LS0tLS1CRUdJTi[A-Za-z0-9+/]{100,}={0,2})`, Keywords: []string{"client-key-data"},
		},
		{
			ID: "docker-registry-auth", Description: "User and password of a container registry.",
			Regex: `"auth"\s{0,5}:\s{0,5}"([A-Za-z0-9+/]{12,}={0,2})"`, Keywords: []string{`"auth"`}, Entropy: 3,
		},
		format("google-oauth-client-secret", "A client secret of a Google OAuth client.", `\b(GOCSPX-[\w-]{28})`+ends, "gocspx-", 3),
		format("google-oauth-access-token", "An access token of Google.", `\b(ya29\.[\w-]{60,400})`+ends, "ya29.", 3.5),
		format("docker-pat", "A personal access token of Docker Hub.", `\b(dckr_pat_[\w-]{27})`+ends, "dckr_pat_", 3),
		format("docker-organization-token", "An organisation's access token of Docker Hub.", `\b(dckr_oat_[\w-]{27,40})`+ends, "dckr_oat_", 3),
		format("tailscale-api-key", "A key of Tailscale.", `\b(tskey-(?:api|auth|client|scim|webhook)-\w{8,20}-\w{20,60})`+ends, "tskey-", 3),
		format("supabase-access-token", "An access token of Supabase.", `\b(sbp_[a-f0-9]{40})`+ends, "sbp_", 3),
		format("groq-api-key", "A key of Groq.", `\b(gsk_[A-Za-z0-9]{52})`+ends, "gsk_", 3.5),
		format("replicate-api-token", "A token of Replicate.", `\b(r8_[A-Za-z0-9]{37})`+ends, "r8_", 3.5),
		format("figma-pat", "A personal access token of Figma.", `\b(figd_[\w-]{40})`+ends, "figd_", 3.5),
		format("crates-io-api-token", "A token of crates.io.", `\b(cio[A-Za-z0-9]{32})`+ends, "cio", 3.8),
		format("xai-api-key", "A key of xAI.", `\b(xai-[A-Za-z0-9]{80})`+ends, "xai-", 3.5),
	}}
}

// format makes a rule for a vendor's own format.
func format(id, description, regex, keyword string, entropy float64) ruleEntry {
	return ruleEntry{ID: id, Description: description, Regex: regex, Keywords: []string{keyword}, Entropy: entropy}
}
