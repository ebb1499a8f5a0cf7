package okta

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/polled"
	"github.com/retinue-id/retinue/connector/rest"
)

const (
	// retention is how long Okta keeps the System Log.
	retention = 90 * 24 * time.Hour
	// late is how long after something happened its entry may still appear. Okta
	// speaks of near real time and names no bound.
	late = time.Hour
)

// openLive reads the log of the organisation at an address.
func openLive(cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	base, err := url.Parse(cfg.Target)
	org, ok := domain(cfg.Target)
	if err != nil || !ok || base.User != nil || base.Port() != "" && base.Scheme != "http" {
		return nil, fmt.Errorf("%w: source okta: %q: want https://DOMAIN of the organisation", retinue.ErrInvalid, retinue.CleanName(cfg.Target))
	}
	token := cfg.Secrets["token"]
	if token.IsZero() && !cfg.Remote {
		token = retinue.NewSecret(env.Getenv("OKTA_API_TOKEN"))
	}
	if token.IsZero() {
		return nil, fmt.Errorf("%w: source okta: no token: set the option token in the configuration, or OKTA_API_TOKEN", retinue.ErrInvalid)
	}
	return live(base.Scheme+"://"+base.Host+"/", org, token, cfg.Option("authorization", "SSWS"), env)
}

// live reads the log at base with a token.
func live(base, org string, token retinue.Secret, scheme string, env connector.Env) (connector.ActivityReader, error) {
	client, err := rest.New(base, rest.Options{UserAgent: env.UserAgent, Transport: polled.Transport(env), PerSecond: 1, Burst: 5, Now: env.Now,
		Authorize: func(r *http.Request) error {
			r.Header.Set("Authorization", scheme+" "+token.Reveal())
			return nil
		}})
	if err != nil {
		return nil, err
	}
	fetch := func(ctx context.Context, from, to time.Time, next string) (polled.Page, error) {
		if next == "" {
			q := url.Values{"since": {from.Format(time.RFC3339)}, "until": {to.Format(time.RFC3339)}, "sortOrder": {"ASCENDING"}, "limit": {"1000"}}
			next = "api/v1/logs?" + q.Encode()
		}
		var records []json.RawMessage
		h, err := client.Get(ctx, next, &records)
		if err != nil {
			return polled.Page{}, err
		}
		p := polled.Page{Records: records, Next: rest.NextLink(h)}
		if len(records) == 0 { // Okta names a next page even behind the last
			p.Next = ""
		}
		return p, nil
	}
	return &polled.Reader{Logs: []polled.Log{{
		Input: "https://" + org + "/api/v1/logs", Retention: retention, Late: late, Fetch: fetch, Decode: decoder{org: org}.decode,
		Cover: func(from, to time.Time, proof string) []retinue.Coverage {
			return []retinue.Coverage{{Log: LogSystem, Realm: retinue.NewRealm("okta", org), From: from, To: to, Proof: proof, Authenticated: strings.HasPrefix(base, "https:"),
				Classes: []retinue.EventClass{retinue.EventInsight, retinue.EventManagement, retinue.EventSignIn}, BlindSpots: blindSpots()}}
		},
	}}}, nil
}
