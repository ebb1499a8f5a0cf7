package secrets

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// maxToken bounds the tokens that are decoded.
const maxToken = 64 << 10

// shortLife is up to which lifetime a token counts as short-lived.
const shortLife = 24 * time.Hour

// claims are the registered claims of a JWT (RFC 7519, section 4.1) and those by
// which Kubernetes marks its tokens.
type claims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   json.Number     `json:"exp"`
	NotBefore json.Number     `json:"nbf"`
	IssuedAt  json.Number     `json:"iat"`
	ID        string          `json:"jti"`
	K8s       json.RawMessage `json:"kubernetes.io"`
	K8sSecret string          `json:"kubernetes.io/serviceaccount/secret.name"`
}

// interpretJWT reads the header and the claims of a JWT. The signature is not
// checked: nobody's key is asked for.
func interpretJWT(f *Finding, value string) {
	f.Parsed.Issuer = ""
	parts := strings.Split(value, ".")
	if len(value) > maxToken || len(parts) < 2 {
		return
	}
	var head struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	var c claims
	if !decodePart(parts[0], &head) || head.Alg == "" || !decodePart(parts[1], &c) {
		return
	}
	f.Confidence = retinue.ConfidenceCertain
	p := &f.Parsed
	p.Issuer = cleanClaim(c.Issuer)
	p.Token = &retinue.Token{
		Issuer: p.Issuer, Subject: cleanClaim(c.Subject), Audience: audience(c.Audience),
		ID: cleanClaim(c.ID), KeyID: cleanClaim(head.Kid),
	}
	p.CreatedAt, p.NotBefore, p.ExpiresAt = moment(c.IssuedAt), moment(c.NotBefore), moment(c.Expires)
	p.ShortLived = !p.ExpiresAt.IsZero() && !p.CreatedAt.IsZero() && p.ExpiresAt.Sub(p.CreatedAt) <= shortLife
	if c.ID != "" && c.Issuer != "" {
		p.ID = p.Token.ID
		p.Joins = append(p.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: p.Issuer + ":" + p.Token.ID})
	}
	if len(c.K8s) > 0 || c.K8sSecret != "" || c.Issuer == "kubernetes/serviceaccount" {
		f.Kind, f.Subtype = retinue.CredentialServiceToken, "kubernetes_service_account_token"
	}
}

// interpretWrappedJWT reads a JWT that was encoded in base64 once more, as in a
// Kubernetes Secret.
func interpretWrappedJWT(f *Finding, value string) {
	if len(value) > maxToken {
		return
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimRight(value, "\n"))
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=\n"))
	}
	if err == nil {
		interpretJWT(f, string(raw))
	}
}

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(raw, into) == nil
}

// cleanClaim makes a claim safe to show and bounds it.
func cleanClaim(s string) string {
	const limit = 512
	s = retinue.CleanName(s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// audience reads the claim, which is a string or a list of strings.
func audience(raw json.RawMessage) []string {
	var many []string
	if json.Unmarshal(raw, &many) != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil || one == "" {
			return nil
		}
		many = []string{one}
	}
	const limit = 20
	if len(many) > limit {
		many = many[:limit]
	}
	for i := range many {
		many[i] = cleanClaim(many[i])
	}
	return many
}

// moment reads a NumericDate; what lies outside the years 1970 to 9999 is taken
// for not given.
func moment(n json.Number) time.Time {
	f, err := n.Float64()
	if err != nil || f <= 0 || f > 253402300799 {
		return time.Time{}
	}
	return time.Unix(int64(f), 0).UTC()
}
