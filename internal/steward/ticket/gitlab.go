package ticket

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func gitlabKind() Kind {
	return Kind{Name: "gitlab", Title: "GitLab Issues", Says: "Issues of a project, by the REST API v4.",
		Fields: []outlet.Field{
			{Name: "url", Default: "https://gitlab.com", Says: "the address of the GitLab"},
			{Name: "project", Required: true, Says: "group/project, or the number of the project"},
			{Name: "label", Default: "retinue", Says: "the label of the issues"},
			{Name: "token", Secret: true, Required: true, Says: "a project access token with the scope api and the role Reporter"},
			webhookSecret("the secret token of the webhook (X-Gitlab-Token)"),
		}, open: func(c outlet.Config) (Tracker, error) { return gitlab{c}, nil }}
}

// gitlab speaks https://docs.gitlab.com/api/issues.
type gitlab struct{ c outlet.Config }

func (g gitlab) call(ctx context.Context, method, path string, body, out any) error {
	h := http.Header{"Private-Token": {g.c.Secrets["token"].Reveal()}}
	return call(ctx, g.c, method, g.c.Options["url"]+"/api/v4/projects/"+url.PathEscape(g.c.Options["project"])+path, h, body, out)
}

type gitlabIssue struct {
	IID         int    `json:"iid"`
	WebURL      string `json:"web_url"`
	State       string `json:"state"` // opened, closed
	Description string `json:"description"`
	Assignees   []struct {
		ID int `json:"id"`
	} `json:"assignees"`
}

func (i gitlabIssue) issue() Issue {
	out := Issue{Key: strconv.Itoa(i.IID), Label: "#" + strconv.Itoa(i.IID), URL: safeLink(i.WebURL), State: Open}
	switch {
	case i.State == "closed":
		out.State = Closed
	case len(i.Assignees) > 0:
		out.State = Working
	}
	return out
}

// Find implements Tracker.
func (g gitlab) Find(ctx context.Context, d Draft) (Issue, error) {
	var out []gitlabIssue
	q := url.Values{"search": {d.Marker}, "in": {"description"}, "scope": {"all"}, "order_by": {"created_at"}, "sort": {"asc"}, "per_page": {"20"}}
	if err := g.call(ctx, http.MethodGet, "/issues?"+q.Encode(), nil, &out); err != nil {
		return Issue{}, err
	}
	for _, i := range out {
		if strings.Contains(i.Description, "<!-- "+d.Marker+" -->") {
			return i.issue(), nil
		}
	}
	return Issue{}, fmt.Errorf("%w: no issue with the marker %s", retinue.ErrNotFound, d.Marker)
}

// Create implements Tracker.
func (g gitlab) Create(ctx context.Context, d Draft) (Issue, error) {
	var made gitlabIssue
	err := g.call(ctx, http.MethodPost, "/issues", map[string]string{"title": d.title(), "description": d.markdown(), "labels": g.c.Options["label"]}, &made)
	return made.issue(), err
}

func (g gitlab) path(key string) (string, error) {
	if n, err := strconv.Atoi(key); err != nil || n < 1 {
		return "", fmt.Errorf("%w: %q is no number of an issue", retinue.ErrInvalid, outlet.Clean(key, 50))
	}
	return "/issues/" + key, nil
}

// Comment implements Tracker.
func (g gitlab) Comment(ctx context.Context, key, text string) error {
	path, err := g.path(key)
	if err != nil {
		return err
	}
	return g.call(ctx, http.MethodPost, path+"/notes", map[string]string{"body": inert(outlet.Clean(text, 5000))}, nil)
}

// SetOpen implements Tracker.
func (g gitlab) SetOpen(ctx context.Context, key string, open bool, text string) error {
	have, err := g.State(ctx, key)
	if err != nil || (have.State != Closed) == open {
		return err
	}
	if err := g.Comment(ctx, key, text); err != nil {
		return err
	}
	event := "close"
	if open {
		event = "reopen"
	}
	return g.call(ctx, http.MethodPut, "/issues/"+key, map[string]string{"state_event": event}, nil)
}

// State implements Tracker.
func (g gitlab) State(ctx context.Context, key string) (Issue, error) {
	path, err := g.path(key)
	if err != nil {
		return Issue{}, err
	}
	var out gitlabIssue
	err = g.call(ctx, http.MethodGet, path, nil, &out)
	return out.issue(), err
}

// Try implements Tracker.
func (g gitlab) Try(ctx context.Context) (string, error) {
	var out struct {
		Path string `json:"path_with_namespace"`
	}
	err := g.call(ctx, http.MethodGet, "", nil, &out)
	return outlet.Clean(out.Path, 200), err
}
