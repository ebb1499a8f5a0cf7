package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/polled"
	"github.com/retinue-id/retinue/connector/rest"
)

const (
	// entraRetention is how long Entra keeps its logs with a premium licence,
	// activityRetention how long Azure keeps the Activity log.
	entraRetention    = 30 * 24 * time.Hour
	activityRetention = 89 * 24 * time.Hour
	// entraLate and activityLate are how long after something happened its record
	// may still appear. Microsoft: sign-ins mostly within 2 and at most 8 hours;
	// the Activity log within 20 minutes.
	entraLate    = 8 * time.Hour
	activityLate = time.Hour
)

// clouds are where the APIs are; a test puts its own server there.
type clouds struct {
	login, graph, management string
}

func public() clouds {
	return clouds{login: "https://login.microsoftonline.com/", graph: "https://graph.microsoft.com/", management: "https://management.azure.com/"}
}

// openLive reads the logs of a tenant ("tenant:ID") or the Activity log of a
// subscription ("subscription:ID").
func openLive(cfg connector.Config, env connector.Env, at clouds) (connector.ActivityReader, error) {
	kind, id, _ := strings.Cut(strings.ToLower(cfg.Target), ":")
	tenant := strings.ToLower(cfg.Option("tenant", ""))
	if kind == "tenant" {
		tenant = id
	}
	if !isGUID(id) || !isGUID(tenant) {
		return nil, fmt.Errorf("%w: source azure: %q: want tenant:ID, or subscription:ID with the option tenant", retinue.ErrInvalid, retinue.CleanName(cfg.Target))
	}
	client, secret := cfg.Option("client-id", ""), cfg.Secrets["client-secret"]
	if !cfg.Remote {
		if client == "" {
			client = env.Getenv("AZURE_CLIENT_ID")
		}
		if secret.IsZero() {
			secret = retinue.NewSecret(env.Getenv("AZURE_CLIENT_SECRET"))
		}
	}
	if !isGUID(client) || secret.IsZero() {
		return nil, fmt.Errorf("%w: source azure: no credential: set client-id and client-secret in the configuration, or AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", retinue.ErrInvalid)
	}
	l := &liveLogs{decoder: logDecoder{tenant: tenant}, realm: retinue.NewRealm("azure", tenant), authenticated: strings.HasPrefix(at.graph, "https:")}
	base := at.graph
	if kind == "subscription" {
		base = at.management
	}
	transport := polled.Transport(env)
	creds := &clientcredentials.Config{ClientID: client, ClientSecret: secret.Reveal(), TokenURL: at.login + tenant + "/oauth2/v2.0/token", Scopes: []string{base + ".default"}}
	tokens := creds.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport, Timeout: time.Minute}))
	var err error
	l.client, err = rest.New(base, rest.Options{UserAgent: env.UserAgent, Transport: transport, PerSecond: 3, Burst: 20, Now: env.Now, Authorize: func(r *http.Request) error { return authorize(r, tokens) }})
	if err != nil {
		return nil, err
	}
	if kind == "subscription" {
		return &polled.Reader{Logs: []polled.Log{l.subscription(id)}}, nil
	}
	return &polled.Reader{Logs: []polled.Log{l.signIns(), l.changes()}}, nil
}

// authorize puts a token on a request. The error of a refused credential leaves
// out what the server said, as it can hold what was sent.
func authorize(r *http.Request, tokens oauth2.TokenSource) error {
	token, err := tokens.Token()
	if err != nil {
		return fmt.Errorf("%w: sign in as the application: the token endpoint refused, or cannot be reached", retinue.ErrDenied)
	}
	token.SetAuthHeader(r)
	return nil
}

// liveLogs makes the logs of one API.
type liveLogs struct {
	client        *rest.Client
	decoder       logDecoder
	realm         retinue.Realm
	authenticated bool
}

// page reads a page of Graph or of Resource Manager.
func (l *liveLogs) page(ctx context.Context, ref string) (polled.Page, error) {
	var body struct {
		Value    []json.RawMessage `json:"value"`
		Next     string            `json:"nextLink"`
		NextLink string            `json:"@odata.nextLink"`
	}
	if _, err := l.client.Get(ctx, ref, &body); err != nil {
		return polled.Page{}, err
	}
	return polled.Page{Records: body.Value, Next: body.Next + body.NextLink}, nil
}

func (l *liveLogs) coverage(log string, classes []retinue.EventClass, blind []retinue.BlindSpot) func(from, to time.Time, proof string) []retinue.Coverage {
	return func(from, to time.Time, proof string) []retinue.Coverage {
		return []retinue.Coverage{{Log: log, Realm: l.realm, From: from, To: to, Proof: proof, Authenticated: l.authenticated, Classes: classes, BlindSpots: blind}}
	}
}

// signIns are the four sign-in logs, which Graph filters and sorts as one.
func (l *liveLogs) signIns() polled.Log {
	fetch := func(ctx context.Context, from, to time.Time, next string) (polled.Page, error) {
		if next == "" {
			q := url.Values{"$filter": {fmt.Sprintf("createdDateTime ge %s and createdDateTime lt %s and signInEventTypes/any(t: t eq 'interactiveUser' or t eq 'nonInteractiveUser' or t eq 'servicePrincipal' or t eq 'managedIdentity')",
				from.Format(time.RFC3339), to.Format(time.RFC3339))}, "$orderby": {"createdDateTime asc"}, "$top": {"999"}}
			next = "beta/auditLogs/signIns?" + q.Encode()
		}
		return l.page(ctx, next)
	}
	asked := []string{codePrincipalsOff, codeManagedOff, codeNonInteractiveOff}
	blind := slices.DeleteFunc(signInBlind(), func(b retinue.BlindSpot) bool { return slices.Contains(asked, b.Code) })
	return polled.Log{Input: "https://graph.microsoft.com/" + l.realm.ID() + "/auditLogs/signIns", Retention: entraRetention, Late: entraLate, Fetch: fetch, Decode: l.decoder.decode,
		Cover: l.coverage(LogSignIn, []retinue.EventClass{retinue.EventSignIn}, blind)}
}

// changes is the audit log of the directory.
func (l *liveLogs) changes() polled.Log {
	fetch := func(ctx context.Context, from, to time.Time, next string) (polled.Page, error) {
		if next == "" {
			q := url.Values{"$filter": {fmt.Sprintf("activityDateTime ge %s and activityDateTime lt %s", from.Format(time.RFC3339), to.Format(time.RFC3339))}, "$orderby": {"activityDateTime asc"}, "$top": {"999"}}
			next = "v1.0/auditLogs/directoryAudits?" + q.Encode()
		}
		return l.page(ctx, next)
	}
	return polled.Log{Input: "https://graph.microsoft.com/" + l.realm.ID() + "/auditLogs/directoryAudits", Retention: entraRetention, Late: entraLate, Fetch: fetch, Decode: l.decoder.decode,
		Cover: l.coverage(LogDirectory, []retinue.EventClass{retinue.EventManagement}, directoryBlind())}
}

// subscription is the Activity log of a subscription. The API has the newest
// entry first, so a day, or less where it holds much, is read by itself and put
// into order.
func (l *liveLogs) subscription(id string) polled.Log {
	fetch := func(ctx context.Context, from, to time.Time, next string) (polled.Page, error) {
		begin := from
		if next != "" {
			var err error
			if begin, err = time.Parse(time.RFC3339Nano, next); err != nil {
				return polled.Page{}, fmt.Errorf("%w: place %q", retinue.ErrInvalid, retinue.CleanName(next))
			}
		}
		end := begin.Add(24 * time.Hour)
		for {
			if end.After(to) {
				end = to
			}
			records, whole, err := l.stretch(ctx, id, begin, end)
			if err != nil {
				return polled.Page{}, err
			}
			if whole {
				p := polled.Page{Records: records}
				if end.Before(to) {
					p.Next = end.Format(time.RFC3339Nano)
				}
				return p, nil
			}
			if end = begin.Add(end.Sub(begin) / 2); end.Sub(begin) < time.Second {
				return polled.Page{}, fmt.Errorf("%w: more than %d pages of one second", retinue.ErrUnsupported, maxStretch)
			}
		}
	}
	return polled.Log{Input: "https://management.azure.com/subscriptions/" + id + "/eventtypes/management", Retention: activityRetention, Late: activityLate, Fetch: fetch, Decode: l.decoder.decode,
		Cover: l.coverage(LogActivity, []retinue.EventClass{retinue.EventInsight, retinue.EventManagement}, activityBlind())}
}

// maxStretch bounds the pages that are held to put them into order.
const maxStretch = 50

// stretch reads the entries of a stretch, oldest first. It reports false where
// there are more than it holds.
func (l *liveLogs) stretch(ctx context.Context, id string, from, to time.Time) (records []json.RawMessage, whole bool, err error) {
	q := url.Values{"api-version": {"2015-04-01"}, "$filter": {fmt.Sprintf("eventTimestamp ge '%s' and eventTimestamp le '%s'", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))}}
	next := "subscriptions/" + id + "/providers/Microsoft.Insights/eventtypes/management/values?" + q.Encode()
	for range maxStretch {
		p, err := l.page(ctx, next)
		if err != nil {
			return nil, false, err
		}
		records = append(records, p.Records...)
		if next = p.Next; next == "" {
			slices.Reverse(records)
			return records, true, nil
		}
	}
	return nil, false, nil
}
