package accounts_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/app/accounts"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/testkit/oidcprovider"
)

// atProvider is somebody who signs in at the provider: it goes where it is sent
// until it is led back, and returns the query that it comes back with.
func atProvider(t *testing.T, who, address string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 20 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Who", who)
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		to, err := res.Location()
		if err != nil {
			t.Fatalf("the provider answers %s at %s", res.Status, address)
		}
		if strings.HasSuffix(to.Path, "/oidc/callback") {
			return to.RawQuery
		}
		address = to.String()
	}
	t.Fatal("the provider leads in circles")
	return ""
}

// TestSingleSignOn runs against oidc-provider.
func TestSingleSignOn(t *testing.T) {
	const public = "http://localhost:8420"
	issuer := oidcprovider.Start(t, public+"/api/v1/auth/sign-in/oidc/callback")
	w := open(t, public, func(o *accounts.Options) { o.HTTP = http.DefaultClient })
	admin := w.setUp()
	w.secrets = append(w.secrets, oidcprovider.ClientSecret())
	body := obj{"name": "IdP", "issuer": issuer, "clientId": oidcprovider.ClientID, "clientSecret": oidcprovider.ClientSecret(), "enabled": true,
		"scopes": []string{"groups"}, "mappings": []obj{{"group": "platform", "role": "operator", "scope": all}}}
	p := admin.want(200, "POST", "/sso/providers", body)
	if strings.Contains(p.Body.String(), oidcprovider.ClientSecret()) || p.body["hasSecret"] != true {
		t.Errorf("provider %s", p.Body)
	}
	id := p.body["id"].(string)
	start := func(b *browser) string {
		return b.want(200, "POST", "/auth/sign-in/oidc/start", obj{"provider": id, "to": "/findings?x=1"}).body["url"].(string)
	}
	back := func(b *browser, query string) string {
		b.site = "cross-site" // the provider's page leads here
		defer func() { b.site = "same-origin" }()
		return b.want(303, "GET", "/auth/sign-in/oidc/callback?"+query, nil).Header().Get("Location")
	}

	kim := w.browser("192.0.2.1")
	address := start(kim)
	u, err := url.Parse(address)
	if err != nil || u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("nonce") == "" || len(u.Query().Get("state")) < 40 {
		t.Fatalf("asked for %s", address)
	}
	query := atProvider(t, "kim", address)
	// The answer is worth nothing in another browser, nor with another state.
	if to := back(w.browser("192.0.2.9"), query); !strings.HasPrefix(to, "/sign-in?error=") {
		t.Errorf("in another browser: %s", to)
	}
	if to := back(kim, query); to != "/findings?x=1" {
		t.Fatalf("led to %s", to)
	}
	me := kim.want(200, "GET", "/me", nil)
	if !strings.Contains(me.Body.String(), `"operator"`) || me.body["name"] != "Kim Lee" {
		t.Errorf("me: %s", me.Body)
	}
	if to := back(kim, query); !strings.HasPrefix(to, "/sign-in?error=") {
		t.Errorf("the same answer twice: %s", to)
	}
	kim.want(200, "GET", "/me", nil)

	// Who is in no mapped group gets no account, and says so.
	lou := w.browser("192.0.2.2")
	if to := back(lou, atProvider(t, "lou", start(lou))); to != "/sign-in?error=unknown" {
		t.Errorf("without a group: %s", to)
	}
	// An address that is not verified takes nobody's account over.
	mal := w.browser("192.0.2.3")
	back(mal, atProvider(t, "mal", start(mal)))
	if got := mal.do("GET", "/me", nil); strings.Contains(got.Body.String(), `"Ada"`) || strings.Contains(got.Body.String(), `"admin"`) {
		t.Errorf("an unverified address took over the administrator: %s", got.Body)
	}
	// A state that is not the one that was sent.
	eve := w.browser("192.0.2.4")
	q, _ := url.ParseQuery(atProvider(t, "kim", start(eve)))
	q.Set("state", auth.NewSecret())
	if to := back(eve, q.Encode()); to != "/sign-in?error=denied" {
		t.Errorf("with another state: %s", to)
	}
	eve.want(401, "GET", "/me", nil)

	// Signing in anew at the provider proves a second factor.
	w.pass(auth.FreshFor)
	kim.want(403, "POST", "/tokens", obj{"name": "t", "permissions": []string{"inventory.read"}, "scope": all, "expiresAt": w.clock().Add(time.Hour)})
}
