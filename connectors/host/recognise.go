package host

import (
	"encoding/base64"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

const redacted = "[redacted]"

// maxSecret is the longest value that is looked at, in bytes: longer than any
// token, and than a key of 16,384 bits in PEM.
const maxSecret = 64 << 10

// recognizer decides whether a value is a secret: by a vendor's format, which
// package secrets knows, else by the name it is given.
type recognizer struct {
	scan *secrets.Scanner
	env  connector.Env
	word *regexp.Regexp
	not  *regexp.Regexp
	ref  *regexp.Regexp
	flag *regexp.Regexp
}

func newRecognizer(env connector.Env) (*recognizer, error) {
	s, err := secrets.Default()
	if err != nil {
		return nil, err
	}
	return &recognizer{
		scan: s, env: env,
		word: regexp.MustCompile(`(?i)(token|secret|passw|passphrase|pwd|api[_.-]?key|apikey|access[_.-]?key|auth[_.-]?key|private[_.-]?key|encryption[_.-]?key|signing[_.-]?key|credential|bearer|authorization|\bpat\b|_pat$|webhook|dsn$|database_url|connection[_.-]?string)`),
		not:  regexp.MustCompile(`(?i)([_.-](file|path|dir|name|id|user|username|url|uri|host|port|ttl|expiry|expires|endpoint|type|enabled|length|timeout|header|prefix|suffix|algorithm|command|cmd|helper|count|max|min|limit|tokens)$|^tokens$|max_tokens|keyring|ask_?pass|pass(through|word_?store)|ssh_auth_sock|xauthority|gpg_tty)`),
		ref:  regexp.MustCompile(`^(\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|\{env:[^}]*\}|<[^>]*>|%[A-Za-z_]+%|env:.*|(op|vault|file|keychain|secret|ssm|bws)://.*)$|^\x60.*\x60$`),
		flag: regexp.MustCompile(`(?i)^--?[a-z0-9_.-]*(token|secret|password|passwd|passphrase|api-?_?key|apikey|access-?_?key|private-?_?key|bearer|auth|pat)$`),
	}, nil
}

// verdict is what a value is.
type verdict struct {
	kind       retinue.CredentialKind
	subtype    string
	confidence retinue.Confidence
	detector   string
	secret     retinue.Secret // the secret part of the value
	finding    *secrets.Finding
	reference  bool // the value only names where the secret is
}

// value judges a named value. False: it is no secret.
func (r *recognizer) value(name, value string) (verdict, bool) {
	value = strings.TrimSpace(value)
	if len(value) > maxSecret {
		return verdict{}, false
	}
	named := r.word.MatchString(name) && !r.not.MatchString(name)
	if r.ref.MatchString(value) || r.ref.MatchString(strings.TrimSpace(trimScheme(value))) {
		return verdict{kind: kindByName(name), reference: true, confidence: retinue.ConfidenceMedium, detector: "reference"}, named
	}
	if value == "" || isPlaceholder(value) {
		return verdict{}, false
	}
	if v, ok := r.format(name, value); ok {
		return v, true
	}
	if v, ok := urlPassword(value); ok {
		return v, true
	}
	if !named || len(value) < 6 || strings.HasPrefix(value, "/") && entropy(value) < 4 {
		return verdict{}, false
	}
	value = trimScheme(value)
	v := verdict{kind: kindByName(name), confidence: retinue.ConfidenceMedium, detector: "name", secret: retinue.NewSecret(value)}
	if !v.kind.LowEntropy() && (len(value) < 12 || entropy(value) < 3) {
		v.confidence = retinue.ConfidenceLow
		if entropy(value) < 2 {
			return verdict{}, false
		}
	}
	return v, true
}

// format recognises a vendor's format: the widest specific finding.
func (r *recognizer) format(name, value string) (verdict, bool) {
	if len(value) > maxSecret || len(name) > maxSecret {
		return verdict{}, false
	}
	var best *secrets.Finding
	found := r.scan.Scan([]byte(name + ` = "` + value + "\"\n"))
	for i := range found {
		f := &found[i]
		if f.Secret.IsZero() || !strings.Contains(value, f.Secret.Reveal()) || f.Parsed.IDOnly && len(found) > 1 {
			continue
		}
		if best == nil || (best.Generic && !f.Generic) || (best.Generic == f.Generic && f.End-f.Start > best.End-best.Start) {
			best = f
		}
	}
	if best == nil || (best.Generic && best.Secret.Reveal() != value) {
		return verdict{}, false
	}
	v := verdict{kind: best.Kind, subtype: best.Subtype, confidence: best.Confidence, detector: best.Rule, secret: best.Secret, finding: best}
	if best.Generic {
		v.kind, v.subtype = kindByName(name), ""
	}
	return v, true
}

// credential states a verdict as a credential of the given name. A value that
// names its own owner is known by the owner's ref.
func (r *recognizer) credential(ref retinue.Ref, name string, v verdict) retinue.Credential {
	home := ref.Realm
	c := retinue.Credential{Ref: ref, Kind: v.kind, Subtype: v.subtype, State: retinue.CredentialUnknown}
	if v.finding != nil {
		if p := v.finding.Parsed; p.Realm != "" && p.RefKind != "" && p.Key != "" {
			ref = retinue.NewRef(p.Realm, p.RefKind, p.Key)
		}
		c = secrets.Credential(ref, *v.finding, r.env)
		c.Kind, c.Subtype = v.kind, v.subtype
		if c.Ref.Realm != home && c.State == retinue.CredentialUnknown {
			c.State = "" // its owner knows; finding it adds nothing to that
		}
	}
	if c.Name == "" {
		c.Name = retinue.CleanName(name)
	}
	if !v.secret.IsZero() && (v.finding == nil || !v.finding.Parsed.IDOnly) {
		c.Fingerprints = r.env.Fingerprint(c.Kind, v.secret)
	}
	return c
}

// redact replaces the secrets in a text and says how many there were.
func (r *recognizer) redact(text string) (string, int) {
	n := 0
	found := r.scan.Scan([]byte(text))
	slices.SortFunc(found, func(a, b secrets.Finding) int { return b.Start - a.Start })
	last := len(text) + 1
	for _, f := range found {
		if f.Secret.IsZero() || f.Start < 0 || f.End > len(text) || f.End > last || f.Start >= f.End {
			continue
		}
		text = text[:f.Start] + redacted + text[f.End:]
		last = f.Start
		n++
	}
	return text, n
}

// kindByName guesses the kind from a variable's name.
func kindByName(name string) retinue.CredentialKind {
	n := strings.ToLower(name)
	for _, k := range []struct {
		word string
		kind retinue.CredentialKind
	}{
		{"refresh", retinue.CredentialRefreshToken}, {"session_token", retinue.CredentialSessionToken},
		{"client_secret", retinue.CredentialClientSecret}, {"client-secret", retinue.CredentialClientSecret},
		{"passw", retinue.CredentialPassword}, {"passphrase", retinue.CredentialPassword}, {"pwd", retinue.CredentialPassword},
		{"webhook", retinue.CredentialWebhookSecret}, {"dsn", retinue.CredentialConnectionString},
		{"database_url", retinue.CredentialConnectionString}, {"connection", retinue.CredentialConnectionString},
		{"access_key", retinue.CredentialAccessKey}, {"private_key", retinue.CredentialPrivateKey},
		{"signing", retinue.CredentialSigningKey}, {"oauth", retinue.CredentialOAuthToken}, {"token", retinue.CredentialAPIKey},
		{"key", retinue.CredentialAPIKey}, {"authorization", retinue.CredentialAPIKey}, {"bearer", retinue.CredentialAPIKey},
	} {
		if strings.Contains(n, k.word) {
			return k.kind
		}
	}
	return retinue.CredentialGenericSecret
}

// trimScheme drops the scheme of an Authorization header (RFC 9110, 11.4).
func trimScheme(value string) string {
	for _, s := range []string{"bearer ", "token ", "basic ", "apikey "} {
		if len(value) > len(s) && strings.EqualFold(value[:len(s)], s) {
			return strings.TrimSpace(value[len(s):])
		}
	}
	return value
}

// urlPassword finds the password of a URL.
func urlPassword(value string) (verdict, bool) {
	if !strings.Contains(value, "://") || !strings.Contains(value, "@") {
		return verdict{}, false
	}
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return verdict{}, false
	}
	pw, ok := u.User.Password()
	if !ok || pw == "" || isPlaceholder(pw) || strings.HasPrefix(pw, "$") {
		return verdict{}, false
	}
	return verdict{kind: retinue.CredentialConnectionString, subtype: retinue.CleanName(u.Scheme), confidence: retinue.ConfidenceHigh,
		detector: "url-password", secret: retinue.NewSecret(pw)}, true
}

func isPlaceholder(s string) bool {
	l := strings.ToLower(strings.Trim(s, `"' `))
	if strings.Trim(l, "x*.-_") == "" {
		return true
	}
	for _, p := range []string{"changeme", "change_me", "change-me", "your_", "your-", "yourtoken", "placeholder", "example", "dummy",
		"todo", "none", "null", "true", "false", "redacted", "not-set", "<"} {
		if l == p || strings.HasPrefix(l, p) && len(l) < 40 {
			return true
		}
	}
	return false
}

// entropy is Shannon's, in bits a byte.
func entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var count [256]int
	for i := 0; i < len(s); i++ {
		count[s[i]]++
	}
	var e float64
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			e -= p * math.Log2(p)
		}
	}
	return e
}

// basicUser splits the base64 of "user:password" (RFC 7617).
func basicUser(enc string) (user string, password retinue.Secret, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(enc))
	if err != nil {
		return "", retinue.Secret{}, false
	}
	u, p, ok := strings.Cut(strings.TrimRight(string(raw), "\x00"), ":")
	return u, retinue.NewSecret(p), ok && p != ""
}
