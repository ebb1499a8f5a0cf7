package secrets

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/retinue-id/retinue"
)

// interpret reads what a value says about itself into f.Parsed, and sets the
// confidence by it.
func interpret(f *Finding) {
	f.Confidence = baseConfidence(f)
	f.Parsed.Issuer = issuerOf(f.Rule)
	value := f.Secret.Reveal()
	switch {
	case f.Rule == "aws-access-token":
		interpretAWSKey(f, value)
	case f.Rule == "jwt":
		interpretJWT(f, value)
	case f.Rule == "jwt-base64":
		interpretWrappedJWT(f, value)
	case f.Rule == "kubeconfig-client-key":
		if raw, err := base64.StdEncoding.DecodeString(value); err == nil {
			interpretPEM(f, string(raw))
		}
	case strings.Contains(value, "PRIVATE KEY"):
		interpretPEM(f, value)
	case strings.HasPrefix(value, "gh") && strings.HasPrefix(f.Rule, "github-"), f.Rule == "npm-access-token":
		interpretChecksum(f, githubChecksum(value))
	case f.Rule == "grafana-service-account-token":
		interpretChecksum(f, grafanaChecksum(value))
	case strings.HasSuffix(f.Rule, "-routable"):
		interpretRoutable(f, value)
	case f.Rule == "gitlab-cicd-job-token", f.Rule == "google-oauth-access-token":
		f.Parsed.ShortLived = true
	case f.Rule == "telegram-bot-api-token":
		if id, _, ok := strings.Cut(value, ":"); ok {
			f.join("telegram-bot", id)
		}
	case f.Rule == "slack-app-token":
		interpretSlackApp(f, value)
	}
	if f.Rule == "github-app-token" {
		f.Parsed.ShortLived = true
	}
}

// join records the vendor's own id of the credential.
func (f *Finding) join(vendor, id string) {
	f.Parsed.ID = id
	f.Parsed.Joins = append(f.Parsed.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: vendor + ":" + id})
}

// baseConfidence is what the rule alone is worth: low for generic rules, medium
// for a vendor's name beside something of the right length, high for a
// vendor's own format.
func baseConfidence(f *Finding) retinue.Confidence {
	switch {
	case f.Generic:
		return retinue.ConfidenceLow
	case f.MatchEnd-f.MatchStart > f.End-f.Start+2 && f.Start-f.MatchStart > 2 && !hasFormat(f.Rule):
		return retinue.ConfidenceMedium
	}
	return retinue.ConfidenceHigh
}

// hasFormat lists rules that match more than the value although the value has a
// format of its own.
func hasFormat(rule string) bool {
	switch rule {
	case "openai-api-key", "sidekiq-sensitive-url", "mailgun-private-api-token",
		"new-relic-user-api-key", "new-relic-insert-key", "new-relic-browser-api-token", "dropbox-short-lived-api-token",
		"plaid-api-token", "typeform-api-token", "telegram-bot-api-token", "yandex-access-token",
		"yandex-api-key", "defined-networking-api-token", "aws-secret-access-key":
		return true
	}
	return false
}

// interpretAWSKey reads an AWS access key id. The id is no secret; it names the
// key. Keys of the present format carry the account number in the 40 bits
// after the prefix (A. Steele, "A short note on AWS KEY ID", 2020; T. Be'ery,
// "AWS Access Key ID formats", 2023); older ones, whose fifth character is I or
// J, do not.
func interpretAWSKey(f *Finding, id string) {
	f.Parsed.IDOnly = true
	f.Parsed.Issuer = "aws"
	f.join("aws", id)
	if strings.HasPrefix(id, "ASIA") {
		f.Kind = retinue.CredentialSessionToken
		f.Parsed.ShortLived = true
	}
	account, ok := AWSAccount(id)
	if !ok {
		return
	}
	f.Parsed.Account = account
	f.Parsed.Realm, f.Parsed.RefKind, f.Parsed.Key = retinue.NewRealm("aws", account), "access_key", id
}

// AWSAccount returns the account number that an AWS access key id carries; ok is
// false for ids of the old format, which carry none.
func AWSAccount(id string) (account string, ok bool) {
	const prefix = 4
	if len(id) != 20 {
		return "", false
	}
	raw, err := base32.StdEncoding.DecodeString(id[prefix:])
	if err != nil || len(raw) < 8 || raw[0]&0x80 == 0 {
		return "", false
	}
	return fmt.Sprintf("%012d", binary.BigEndian.Uint64(append([]byte{0, 0}, raw[:6]...))&0x7fffffffff80>>7), true
}

// interpretSlackApp reads xapp-1-A0123456789-…: the third part is the id of the
// app (Slack's documentation of app-level tokens).
func interpretSlackApp(f *Finding, value string) {
	if parts := strings.Split(value, "-"); len(parts) > 3 && strings.HasPrefix(strings.ToUpper(parts[2]), "A") {
		f.Parsed.ID = strings.ToUpper(parts[2])
	}
}

func interpretChecksum(f *Finding, c Checksum) {
	f.Parsed.Checksum = c
	switch c {
	case ChecksumValid:
		f.Confidence = retinue.ConfidenceCertain
	case ChecksumInvalid:
		f.Confidence = retinue.ConfidenceLow
	}
}

// githubChecksum checks the last six characters of a token, which are the CRC-32
// of its random part in base 62 (GitHub's blog, "Behind GitHub's new
// authentication token formats", 2021; npm uses the same). Fine-grained tokens
// carry none that is published.
func githubChecksum(token string) Checksum {
	prefix, body, ok := strings.Cut(token, "_")
	if !ok || len(prefix) > 4 || len(body) != 36 {
		return ChecksumNone
	}
	random, sum := body[:30], body[30:]
	if base62(crc32.ChecksumIEEE([]byte(random))) == sum {
		return ChecksumValid
	}
	return ChecksumInvalid
}

func base62(n uint32) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := []byte("000000")
	for i := len(out) - 1; i >= 0 && n > 0; i-- {
		out[i] = digits[n%62]
		n /= 62
	}
	return string(out)
}

// grafanaChecksum checks the last eight digits of a service account token: the
// CRC-32 of what stands before them, least significant byte first (Grafana's
// package satokengen).
func grafanaChecksum(token string) Checksum {
	i := strings.LastIndexByte(token, '_')
	if i < 0 || len(token)-i-1 != 8 {
		return ChecksumNone
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], crc32.ChecksumIEEE([]byte(token[:i])))
	if fmt.Sprintf("%x", b) == strings.ToLower(token[i+1:]) {
		return ChecksumValid
	}
	return ChecksumInvalid
}

// interpretRoutable reads GitLab's routable tokens: prefix, payload, ".", two
// characters of length and seven of CRC-32, both in base 36 (GitLab's design
// document "routable tokens"). A sum that does not hold proves nothing, as the
// format may grow.
func interpretRoutable(f *Finding, token string) {
	if len(token) < 10 {
		return
	}
	var sum uint64
	for _, c := range token[len(token)-7:] {
		d := strings.IndexRune("0123456789abcdefghijklmnopqrstuvwxyz", c)
		if d < 0 {
			return
		}
		sum = sum*36 + uint64(d)
	}
	if sum == uint64(crc32.ChecksumIEEE([]byte(token[:len(token)-7]))) {
		interpretChecksum(f, ChecksumValid)
	}
}
