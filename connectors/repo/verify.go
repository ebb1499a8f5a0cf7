package repo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

// endpoints are the addresses of the issuers. Tests put others in their place;
// no option does, as a found token must go to its issuer and nowhere else.
type endpoints struct {
	client    *http.Client
	github    string
	gitlab    string
	slack     string
	npm       string
	aws       string
	openai    string
	anthropic string
	sendgrid  string
	stripe    string
	doToken   string
}

func vendorEndpoints(env connector.Env) endpoints {
	var transport http.RoundTripper // the default one
	if env.Dial != nil {
		transport = &http.Transport{DialContext: env.Dial, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 10 * time.Second}
	}
	return endpoints{
		client: &http.Client{
			Transport:     transport,
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		github: "https://api.github.com", gitlab: "https://gitlab.com", slack: "https://slack.com",
		npm: "https://registry.npmjs.org", aws: "https://sts.amazonaws.com", openai: "https://api.openai.com",
		anthropic: "https://api.anthropic.com", sendgrid: "https://api.sendgrid.com", stripe: "https://api.stripe.com",
		doToken: "https://api.digitalocean.com",
	}
}

// verdict is what an issuer said of a value.
type verdict struct {
	state   retinue.CredentialState
	subject string
	scopes  []string
	asked   bool
}

// probe is the one read-only call that asks an issuer about a value.
type probe struct {
	issuer string
	call   string // for the note: method and path
	// selfHosted is set where others run the issuer's product too, so that a no
	// of the vendor's own service proves nothing about a token of theirs.
	selfHosted bool
	make       func(ctx context.Context, e endpoints, value string) (*http.Request, error)
	read       func(status int, header http.Header, body []byte) verdict
}

// verify asks the issuer of a value, if the source was configured so, and each
// value once. Every call is noted, so that the scan's record holds it. A failed
// call leaves the state as it was.
func (r *run) verify(ctx context.Context, c *retinue.Credential, f secrets.Finding) error {
	if !r.c.settings.verify || f.Secret.IsZero() || f.Parsed.IDOnly {
		return nil
	}
	p, ok := probeFor(f)
	if !ok {
		r.count(connector.NoteFold, "%d credentials could not be verified: their issuer has no read-only call for it, or is not known", 1)
		return nil
	}
	k := sha256.Sum256([]byte(f.Secret.Reveal()))
	v, known := r.verified[k]
	if !known {
		v = r.ask(ctx, p, f.Secret)
		if err := ctx.Err(); err != nil {
			return err
		}
		r.verified[k] = v
		r.sink.Note(connector.Note{Kind: connector.NoteCall, Scope: retinue.Scope{Realm: r.realm}, Text: fmt.Sprintf(
			"verify=yes: asked %s about credential %s (%s) by one read-only call, %s: %s", p.issuer, c.Ref, f.Rule, p.call, v.state)})
	}
	if v.state == retinue.CredentialUnknown {
		return nil
	}
	c.State = v.state
	if c.Attrs == nil {
		c.Attrs = retinue.Attrs{}
	}
	c.Attrs["verified"] = true
	if v.subject != "" {
		c.Attrs["subject"] = clean(v.subject)
	}
	if len(v.scopes) > 0 {
		c.Scopes = v.scopes
	}
	return nil
}

func (r *run) ask(ctx context.Context, p probe, value retinue.Secret) verdict {
	unknown := verdict{state: retinue.CredentialUnknown, asked: true}
	req, err := p.make(ctx, r.c.endpoints, value.Reveal())
	if err != nil {
		return unknown
	}
	req.Header.Set("User-Agent", r.c.env.UserAgent)
	res, err := r.c.endpoints.client.Do(req)
	if err != nil {
		return unknown // the error could hold the request
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return unknown
	}
	v := p.read(res.StatusCode, res.Header, body)
	if v.state == retinue.CredentialRevoked && p.selfHosted && !r.comesFrom(p.issuer+".com") {
		return unknown // it may be good on a forge of one's own, which was not asked
	}
	v.asked = true
	return v
}

// comesFrom reports whether the repository's remote is on a host.
func (r *run) comesFrom(host string) bool { return strings.HasPrefix(r.t.origin(), host+"/") }

// probeFor returns the call for a finding. Each is documented by its vendor as
// reading the caller's own identity or a list, and changes nothing.
func probeFor(f secrets.Finding) (probe, bool) {
	switch f.Rule {
	case "github-pat", "github-fine-grained-pat", "github-oauth":
		return probe{"github", "GET /user", true, bearer(func(e endpoints) string { return e.github + "/user" }), readGitHub}, true
	case "gitlab-pat", "gitlab-pat-routable":
		return probe{"gitlab", "GET /api/v4/personal_access_tokens/self", true, headed(func(e endpoints) string {
			return e.gitlab + "/api/v4/personal_access_tokens/self"
		}, "PRIVATE-TOKEN"), readGitLab}, true
	case "slack-bot-token", "slack-user-token", "slack-legacy-bot-token", "slack-legacy-token":
		return probe{"slack", "POST /api/auth.test", false, slackTest, readSlack}, true
	case "npm-access-token":
		return probe{"npm", "GET /-/whoami", false, bearer(func(e endpoints) string { return e.npm + "/-/whoami" }), readName("username")}, true
	case "aws-secret-access-key":
		if id := f.Parsed.ID; strings.HasPrefix(id, "AKIA") {
			return probe{"aws", "POST / Action=GetCallerIdentity", false, callerIdentity(id), readCaller}, true
		}
	case "openai-api-key":
		return probe{"openai", "GET /v1/models", false, bearer(func(e endpoints) string { return e.openai + "/v1/models" }), readStatus}, true
	case "anthropic-api-key":
		return probe{"anthropic", "GET /v1/models", false, anthropicModels, readStatus}, true
	case "sendgrid-api-token":
		return probe{"sendgrid", "GET /v3/scopes", false, bearer(func(e endpoints) string { return e.sendgrid + "/v3/scopes" }), readStatus}, true
	case "stripe-access-token":
		return probe{"stripe", "GET /v1/balance", false, bearer(func(e endpoints) string { return e.stripe + "/v1/balance" }), readStatus}, true
	case "digitalocean-pat", "digitalocean-access-token":
		return probe{"digitalocean", "GET /v2/account", false, bearer(func(e endpoints) string { return e.doToken + "/v2/account" }), readStatus}, true
	}
	return probe{}, false
}

type makeRequest = func(context.Context, endpoints, string) (*http.Request, error)

func bearer(address func(endpoints) string) makeRequest {
	return func(ctx context.Context, e endpoints, value string) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address(e), nil)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+value)
		}
		return req, err
	}
}

func headed(address func(endpoints) string, header string) makeRequest {
	return func(ctx context.Context, e endpoints, value string) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address(e), nil)
		if err == nil {
			req.Header.Set(header, value)
		}
		return req, err
	}
}

func anthropicModels(ctx context.Context, e endpoints, value string) (*http.Request, error) {
	req, err := headed(func(e endpoints) string { return e.anthropic + "/v1/models" }, "x-api-key")(ctx, e, value)
	if err == nil {
		req.Header.Set("anthropic-version", "2023-06-01")
	}
	return req, err
}

// slackTest is auth.test, which Slack documents as a POST.
func slackTest(ctx context.Context, e endpoints, value string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.slack+"/api/auth.test", nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+value)
	}
	return req, err
}

// callerIdentity signs GetCallerIdentity, which every key may call whatever its
// policies say, with Signature Version 4 (AWS, "Signing AWS API requests").
func callerIdentity(id string) makeRequest {
	return func(ctx context.Context, e endpoints, value string) (*http.Request, error) {
		const region, service = "us-east-1", "sts"
		body := []byte("Action=GetCallerIdentity&Version=2011-06-15")
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.aws+"/", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		now := time.Now().UTC()
		stamp, day := now.Format("20060102T150405Z"), now.Format("20060102")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		req.Header.Set("X-Amz-Date", stamp)
		sum := sha256.Sum256(body)
		canonical := strings.Join([]string{"POST", "/", "", "content-type:" + req.Header.Get("Content-Type"), "host:" + req.URL.Host,
			"x-amz-date:" + stamp, "", "content-type;host;x-amz-date", hex.EncodeToString(sum[:])}, "\n")
		place := day + "/" + region + "/" + service + "/aws4_request"
		hashed := sha256.Sum256([]byte(canonical))
		text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, place, hex.EncodeToString(hashed[:])}, "\n")
		key := []byte("AWS4" + value)
		for _, part := range []string{day, region, service, "aws4_request", text} {
			m := hmac.New(sha256.New, key)
			m.Write([]byte(part))
			key = m.Sum(nil)
		}
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+id+"/"+place+
			", SignedHeaders=content-type;host;x-amz-date, Signature="+hex.EncodeToString(key))
		return req, nil
	}
}

// readStatus reads what every issuer means by 200 and 401.
func readStatus(status int, _ http.Header, _ []byte) verdict {
	switch status {
	case http.StatusOK:
		return verdict{state: retinue.CredentialActive}
	case http.StatusUnauthorized:
		return verdict{state: retinue.CredentialRevoked}
	}
	return verdict{state: retinue.CredentialUnknown}
}

// readName also reads whose the credential is, from a field of the answer.
func readName(field string) func(int, http.Header, []byte) verdict {
	return func(status int, h http.Header, body []byte) verdict {
		v := readStatus(status, h, body)
		var answer map[string]any
		if v.state == retinue.CredentialActive && json.Unmarshal(body, &answer) == nil {
			v.subject, _ = answer[field].(string)
		}
		return v
	}
}

// readGitHub also reads the scopes of classic tokens from the header
// X-OAuth-Scopes.
func readGitHub(status int, h http.Header, body []byte) verdict {
	v := readName("login")(status, h, body)
	for s := range strings.SplitSeq(h.Get("X-OAuth-Scopes"), ",") {
		if s = strings.TrimSpace(s); s != "" && v.state == retinue.CredentialActive {
			v.scopes = append(v.scopes, clean(s))
		}
	}
	return v
}

func readGitLab(status int, h http.Header, body []byte) verdict {
	v := readStatus(status, h, body)
	var answer struct {
		Name    string   `json:"name"`
		Revoked bool     `json:"revoked"`
		Active  *bool    `json:"active"`
		Scopes  []string `json:"scopes"`
	}
	if v.state != retinue.CredentialActive || json.Unmarshal(body, &answer) != nil {
		return v
	}
	v.subject = answer.Name
	for _, s := range answer.Scopes {
		v.scopes = append(v.scopes, clean(s))
	}
	if answer.Revoked {
		v.state = retinue.CredentialRevoked
	} else if answer.Active != nil && !*answer.Active {
		v.state = retinue.CredentialInactive
	}
	return v
}

// readSlack reads "ok" and "error" of the answer, whose status is 200 either
// way.
func readSlack(status int, h http.Header, body []byte) verdict {
	var answer struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		User  string `json:"user"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return verdict{state: retinue.CredentialUnknown}
	}
	switch {
	case answer.OK:
		v := verdict{state: retinue.CredentialActive, subject: answer.User}
		for s := range strings.SplitSeq(h.Get("X-OAuth-Scopes"), ",") {
			if s = strings.TrimSpace(s); s != "" {
				v.scopes = append(v.scopes, clean(s))
			}
		}
		return v
	case answer.Error == "token_expired":
		return verdict{state: retinue.CredentialExpired}
	case answer.Error == "account_inactive":
		return verdict{state: retinue.CredentialInactive}
	case answer.Error == "invalid_auth", answer.Error == "token_revoked":
		return verdict{state: retinue.CredentialRevoked}
	}
	return verdict{state: retinue.CredentialUnknown}
}

// readCaller reads the caller's ARN. A key that does not exist or is disabled
// is refused with 403 and InvalidClientTokenId; a wrong signature proves only
// that id and secret do not belong together.
func readCaller(status int, _ http.Header, body []byte) verdict {
	text := string(body)
	switch {
	case status == http.StatusOK:
		_, rest, _ := strings.Cut(text, "<Arn>")
		arn, _, _ := strings.Cut(rest, "</Arn>")
		return verdict{state: retinue.CredentialActive, subject: arn}
	case status == http.StatusForbidden && strings.Contains(text, "InvalidClientTokenId"):
		return verdict{state: retinue.CredentialRevoked}
	}
	return verdict{state: retinue.CredentialUnknown}
}
