package ticket

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func githubKind() Kind {
	return Kind{Name: "github", Title: "GitHub Issues", Says: "Issues of a repository, by the REST API.",
		Fields: []outlet.Field{
			{Name: "url", Default: "https://api.github.com", Says: "the address of the API; of a GitHub Enterprise Server https://host/api/v3"},
			{Name: "repository", Required: true, Says: "owner/name"},
			{Name: "label", Default: "retinue", Says: "the label of the issues"},
			{Name: "token", Secret: true, Required: true, Says: "a fine-grained token with Issues: read and write on the repository"},
			webhookSecret("the secret of the webhook (X-Hub-Signature-256)"),
		}, open: func(c outlet.Config) (Tracker, error) {
			if !repository.MatchString(c.Options["repository"]) {
				return nil, outlet.Invalid("options.repository", "want owner/name")
			}
			return github{c}, nil
		}}
}

var repository = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$`)

// github speaks https://docs.github.com/rest/issues.
type github struct{ c outlet.Config }

func (g github) call(ctx context.Context, method, path string, body, out any) error {
	h := http.Header{"Accept": {"application/vnd.github+json"}, "X-Github-Api-Version": {"2022-11-28"},
		"Authorization": {"Bearer " + g.c.Secrets["token"].Reveal()}}
	return call(ctx, g.c, method, g.c.Options["url"]+"/repos/"+g.c.Options["repository"]+path, h, body, out)
}

type githubIssue struct {
	Number    int    `json:"number"`
	HTMLURL   string `json:"html_url"`
	State     string `json:"state"`
	Body      string `json:"body"`
	Assignees []struct {
		Login string `json:"login"`
	} `json:"assignees"`
	PullRequest *struct{} `json:"pull_request"`
}

func (i githubIssue) issue() Issue {
	out := Issue{Key: strconv.Itoa(i.Number), Label: "#" + strconv.Itoa(i.Number), URL: safeLink(i.HTMLURL), State: Open}
	switch {
	case i.State == "closed":
		out.State = Closed
	case len(i.Assignees) > 0:
		out.State = Working
	}
	return out
}

// safeLink keeps an address that another system gave from being more than one.
func safeLink(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.User != nil || len(s) > 500 {
		return ""
	}
	return s
}

// maxPages bounds the search for a marker.
const maxPages = 10

// Find implements Tracker. GitHub's search lags behind, so the issues with the
// label that changed since the ticket was asked for are read.
func (g github) Find(ctx context.Context, d Draft) (Issue, error) {
	for page := 1; page <= maxPages; page++ {
		var out []githubIssue
		q := url.Values{"labels": {g.c.Options["label"]}, "state": {"all"}, "sort": {"created"}, "direction": {"asc"}, "per_page": {"50"}, "page": {strconv.Itoa(page)}}
		if !d.Since.IsZero() {
			q.Set("since", d.Since.Add(-time.Hour).UTC().Format(time.RFC3339))
		}
		if err := g.call(ctx, http.MethodGet, "/issues?"+q.Encode(), nil, &out); err != nil {
			return Issue{}, err
		}
		for _, i := range out {
			if i.PullRequest == nil && strings.Contains(i.Body, "<!-- "+d.Marker+" -->") {
				return i.issue(), nil
			}
		}
		if len(out) < 50 {
			break
		}
	}
	return Issue{}, fmt.Errorf("%w: no issue with the marker %s", retinue.ErrNotFound, d.Marker)
}

// Create implements Tracker.
func (g github) Create(ctx context.Context, d Draft) (Issue, error) {
	var made githubIssue
	err := g.call(ctx, http.MethodPost, "/issues", map[string]any{"title": d.title(), "body": d.markdown(), "labels": []string{g.c.Options["label"]}}, &made)
	return made.issue(), err
}

func (g github) number(key string) (string, error) {
	if n, err := strconv.Atoi(key); err != nil || n < 1 {
		return "", fmt.Errorf("%w: %q is no number of an issue", retinue.ErrInvalid, outlet.Clean(key, 50))
	}
	return "/issues/" + key, nil
}

// Comment implements Tracker.
func (g github) Comment(ctx context.Context, key, text string) error {
	path, err := g.number(key)
	if err != nil {
		return err
	}
	return g.call(ctx, http.MethodPost, path+"/comments", map[string]string{"body": inert(outlet.Clean(text, 5000))}, nil)
}

// SetOpen implements Tracker.
func (g github) SetOpen(ctx context.Context, key string, open bool, text string) error {
	have, err := g.State(ctx, key)
	if err != nil || (have.State != Closed) == open {
		return err
	}
	if err := g.Comment(ctx, key, text); err != nil {
		return err
	}
	body := map[string]string{"state": "closed", "state_reason": "completed"}
	if open {
		body = map[string]string{"state": "open", "state_reason": "reopened"}
	}
	return g.call(ctx, http.MethodPatch, "/issues/"+key, body, nil)
}

// State implements Tracker.
func (g github) State(ctx context.Context, key string) (Issue, error) {
	path, err := g.number(key)
	if err != nil {
		return Issue{}, err
	}
	var out githubIssue
	err = g.call(ctx, http.MethodGet, path, nil, &out)
	return out.issue(), err
}

// Try implements Tracker.
func (g github) Try(ctx context.Context) (string, error) {
	var out struct {
		FullName  string `json:"full_name"`
		HasIssues bool   `json:"has_issues"`
	}
	if err := g.call(ctx, http.MethodGet, "", nil, &out); err != nil {
		return "", err
	}
	if !out.HasIssues {
		return "", fmt.Errorf("%w: issues are switched off in the repository", retinue.ErrUnsupported)
	}
	return outlet.Clean(out.FullName, 100), nil
}
