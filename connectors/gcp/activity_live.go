package gcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/polled"
	"github.com/retinue-id/retinue/connector/rest"
)

const (
	loggingAPI = "https://logging.googleapis.com/"
	tokenURL   = "https://oauth2.googleapis.com/token"
	readScope  = "https://www.googleapis.com/auth/logging.read"

	// requiredRetention is how long Google keeps Admin Activity and System Event
	// entries, defaultRetention the other two where nobody set another time.
	requiredRetention = 400 * 24 * time.Hour
	defaultRetention  = 30 * 24 * time.Hour
	// auditLate is how long after something happened its entry may still appear.
	// Google names no bound and takes entries up to 24 hours late from writers.
	auditLate = time.Hour
)

// liveTarget reports whether a target names a node of the hierarchy: an export of
// that path would have to be given as ./projects/….
func liveTarget(target string) bool {
	return strings.Count(target, "/") == 1 && !container(target).IsZero() && !strings.HasSuffix(target, "/")
}

// openLive reads the audit logs that were written in a project, folder or
// organisation itself.
func openLive(cfg connector.Config, env connector.Env, decoder auditDecoder, api string) (connector.ActivityReader, error) {
	names := &names{ids: decoder.numbers, unknown: map[string]bool{}}
	node := names.node(cfg.Target)
	realm := realmOf(node)
	if err := realm.Validate(); err != nil {
		return nil, err
	}
	transport := polled.Transport(env)
	tokens, err := credential(cfg, env, &http.Client{Transport: transport, Timeout: time.Minute})
	if err != nil {
		return nil, err
	}
	// Google allows 60 such calls a minute and project.
	client, err := rest.New(api, rest.Options{UserAgent: env.UserAgent, Transport: transport, PerSecond: 0.9, Burst: 5, Now: env.Now, Authorize: func(r *http.Request) error {
		token, err := tokens.Token()
		if err != nil {
			return fmt.Errorf("%w: sign in: the token endpoint refused, or cannot be reached", retinue.ErrDenied)
		}
		token.SetAuthHeader(r)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	l := &liveLog{client: client, node: node, realm: realm, decoder: decoder, authenticated: strings.HasPrefix(api, "https:")}
	return &polled.Reader{Logs: []polled.Log{
		l.log("activity", requiredRetention, `(log_id("cloudaudit.googleapis.com/activity") OR log_id("cloudaudit.googleapis.com/system_event"))`, retinue.EventManagement, retinue.EventSignIn),
		l.log("data_access", defaultRetention, `(log_id("cloudaudit.googleapis.com/data_access") OR log_id("cloudaudit.googleapis.com/policy"))`, retinue.EventData, retinue.EventManagement, retinue.EventSignIn),
	}}, nil
}

// credential finds a token: given as one, or made with a service account's key.
func credential(cfg connector.Config, env connector.Env, client *http.Client) (oauth2.TokenSource, error) {
	token, key := cfg.Secrets["token"], cfg.Secrets["key"]
	if token.IsZero() && key.IsZero() && !cfg.Remote {
		token = retinue.NewSecret(env.Getenv("GOOGLE_OAUTH_ACCESS_TOKEN"))
		if path := env.Getenv("GOOGLE_APPLICATION_CREDENTIALS"); token.IsZero() && path != "" {
			raw, err := os.ReadFile(path) //nolint:gosec // the variable that Google's own tools read
			if err != nil {
				return nil, fmt.Errorf("%w: source gcp: read GOOGLE_APPLICATION_CREDENTIALS: the file cannot be read", retinue.ErrInvalid)
			}
			key = retinue.NewSecret(string(raw))
		}
	}
	if !token.IsZero() {
		return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.Reveal()}), nil
	}
	if key.IsZero() {
		return nil, fmt.Errorf("%w: source gcp: no credential: set the option token or key in the configuration, GOOGLE_OAUTH_ACCESS_TOKEN or GOOGLE_APPLICATION_CREDENTIALS", retinue.ErrInvalid)
	}
	var f struct {
		Type  string `json:"type"`
		Email string `json:"client_email"`
		Key   string `json:"private_key"`
		ID    string `json:"private_key_id"`
	}
	if json.Unmarshal([]byte(key.Reveal()), &f) != nil || f.Type != "service_account" || f.Email == "" || f.Key == "" {
		return nil, fmt.Errorf("%w: source gcp: the credential is not a service account's key in JSON", retinue.ErrInvalid)
	}
	// Where the token comes from is Google's own address and not what the file says.
	conf := &jwt.Config{Email: f.Email, PrivateKey: []byte(f.Key), PrivateKeyID: f.ID, Scopes: []string{readScope}, TokenURL: tokenURL}
	return conf.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client)), nil
}

// liveLog reads the logs of one node.
type liveLog struct {
	client        *rest.Client
	node          string
	realm         retinue.Realm
	decoder       auditDecoder
	authenticated bool
}

// log is a part of the audit logs that is kept for one time.
func (l *liveLog) log(name string, retention time.Duration, filter string, classes ...retinue.EventClass) polled.Log {
	held := false
	decode := func(record []byte) ([]retinue.Event, error) {
		evs, err := l.decoder.decode(record)
		for i := range evs {
			held = held || evs[i].Class == retinue.EventData
		}
		return evs, err
	}
	cover := func(from, to time.Time, proof string) []retinue.Coverage {
		c := retinue.Coverage{Log: LogAudit, Realm: l.realm, From: from, To: to, Proof: proof, Authenticated: l.authenticated, Classes: classes}
		for _, b := range blindSpots() {
			switch {
			case b.Code == codeDataOff && held, b.Code == codeDataPartial && !held:
				continue
			}
			c.BlindSpots = append(c.BlindSpots, b)
		}
		return []retinue.Coverage{c}
	}
	return polled.Log{Input: loggingAPI + "v2/" + l.node + "/" + name, Retention: retention, Late: auditLate, Decode: decode, Cover: cover,
		Fetch: func(ctx context.Context, from, to time.Time, next string) (polled.Page, error) {
			in := map[string]any{"resourceNames": []string{l.node}, "orderBy": "timestamp asc", "pageSize": 1000,
				"filter": fmt.Sprintf(`%s AND timestamp>="%s" AND timestamp<"%s"`, filter, from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))}
			if next != "" {
				in["pageToken"] = next
			}
			var out struct {
				Entries []json.RawMessage `json:"entries"`
				Next    string            `json:"nextPageToken"`
			}
			_, err := l.client.JSON(ctx, http.MethodPost, "v2/entries:list", in, &out)
			return polled.Page{Records: out.Entries, Next: out.Next}, err
		}}
}
