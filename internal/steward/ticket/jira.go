package ticket

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func jiraKind() Kind {
	return Kind{Name: "jira", Title: "Jira", Says: "Issues of a Jira Cloud project, by the REST API v3.",
		Fields: []outlet.Field{
			{Name: "url", Required: true, Says: "the address of the site, such as https://example.atlassian.net"},
			{Name: "project", Required: true, Says: "the key of the project"},
			{Name: "issue-type", Default: "Task", Says: "the type of the issues"},
			{Name: "username", Says: "the account's e-mail address; empty to send the token as a bearer token"},
			{Name: "done", Says: "the name of the transition that closes an issue; empty takes the first into a done status"},
			{Name: "token", Secret: true, Required: true, Says: "an API token of the account"},
			webhookSecret("the secret of the webhook (X-Hub-Signature)"),
		}, open: func(c outlet.Config) (Tracker, error) {
			if !jiraProject.MatchString(c.Options["project"]) {
				return nil, outlet.Invalid("options.project", "want the key of a project, such as OPS")
			}
			return jira{c}, nil
		}}
}

var jiraProject = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,30}$`)

// jira speaks https://developer.atlassian.com/cloud/jira/platform/rest/v3.
type jira struct{ c outlet.Config }

func (j jira) call(ctx context.Context, method, path string, body, out any) error {
	h := http.Header{"Accept": {"application/json"}}
	token := j.c.Secrets["token"].Reveal()
	if user := j.c.Options["username"]; user != "" {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+token)))
	} else {
		h.Set("Authorization", "Bearer "+token)
	}
	return call(ctx, j.c, method, j.c.Options["url"]+"/rest/api/3"+path, h, body, out)
}

// adf is a node of the Atlassian Document Format, the form of rich text in v3.
type adf struct {
	Type    string         `json:"type"`
	Version int            `json:"version,omitempty"`
	Text    string         `json:"text,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	Marks   []adf          `json:"marks,omitempty"`
	Content []adf          `json:"content,omitempty"`
}

func adfText(s string) adf { return adf{Type: "text", Text: s} }

func adfLink(s, to string) adf {
	return adf{Type: "text", Text: s, Marks: []adf{{Type: "link", Attrs: map[string]any{"href": to}}}}
}

func paragraph(content ...adf) adf { return adf{Type: "paragraph", Content: content} }

func document(content ...adf) adf { return adf{Type: "doc", Version: 1, Content: content} }

func (d Draft) adf() adf {
	var out []adf
	if d.Intro != "" {
		out = append(out, paragraph(adfText(outlet.Clean(d.Intro, 2000))))
	}
	lines, more := d.shown()
	list := adf{Type: "bulletList"}
	item := func(content ...adf) {
		list.Content = append(list.Content, adf{Type: "listItem", Content: []adf{paragraph(content...)}})
	}
	for _, l := range lines {
		content := []adf{{Type: "text", Text: string(l.Severity), Marks: []adf{{Type: "strong"}}}, adfText(" " + outlet.Clean(l.Text, 500))}
		if l.URL != "" {
			content = append(content, adfText(" "), adfLink("details", l.URL))
		}
		item(content...)
	}
	if more > 0 {
		item(adfText(fmt.Sprintf("and %d more", more)))
	}
	if len(list.Content) > 0 {
		out = append(out, list)
	}
	if d.HowTo != "" {
		out = append(out, paragraph(adfText(outlet.Clean(d.HowTo, 2000))))
	}
	if d.Link != "" {
		out = append(out, paragraph(adfLink("Open in Retinue", d.Link)))
	}
	return document(append(out, paragraph(adfText(d.Marker)))...)
}

type jiraIssue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Status struct {
			Category struct {
				Key string `json:"key"` // new, indeterminate, done
			} `json:"statusCategory"`
		} `json:"status"`
	} `json:"fields"`
}

func (j jira) issue(i jiraIssue) Issue {
	return Issue{Key: i.Key, Label: i.Key, URL: j.c.Options["url"] + "/browse/" + url.PathEscape(i.Key), State: jiraState(i.Fields.Status.Category.Key)}
}

func jiraState(category string) State {
	switch category {
	case "done":
		return Closed
	case "indeterminate":
		return Working
	}
	return Open
}

// Find implements Tracker.
func (j jira) Find(ctx context.Context, d Draft) (Issue, error) {
	var out struct {
		Issues []jiraIssue `json:"issues"`
	}
	body := map[string]any{"jql": fmt.Sprintf("project = %q AND labels = %q ORDER BY created ASC", j.c.Options["project"], d.Marker),
		"fields": []string{"status"}, "maxResults": 1}
	if err := j.call(ctx, http.MethodPost, "/search/jql", body, &out); err != nil {
		return Issue{}, err
	}
	if len(out.Issues) == 0 {
		return Issue{}, fmt.Errorf("%w: no issue with the label %s", retinue.ErrNotFound, d.Marker)
	}
	return j.issue(out.Issues[0]), nil
}

// Create implements Tracker. The console's page is linked from the issue as a
// remote link too, where it stands by itself.
func (j jira) Create(ctx context.Context, d Draft) (Issue, error) {
	fields := map[string]any{"project": map[string]string{"key": j.c.Options["project"]}, "issuetype": map[string]string{"name": j.c.Options["issue-type"]},
		"summary": d.title(), "description": d.adf(), "labels": []string{"retinue", d.Marker}}
	var made jiraIssue
	if err := j.call(ctx, http.MethodPost, "/issue", map[string]any{"fields": fields}, &made); err != nil {
		return Issue{}, err
	}
	if d.Link != "" {
		link := map[string]any{"globalId": d.Marker, "object": map[string]string{"url": d.Link, "title": "Retinue: " + d.title()}}
		if err := j.call(ctx, http.MethodPost, "/issue/"+url.PathEscape(made.Key)+"/remotelink", link, nil); err != nil {
			return j.issue(made), nil //nolint:nilerr // the issue is made, and its text has the link
		}
	}
	return j.issue(made), nil
}

// Comment implements Tracker.
func (j jira) Comment(ctx context.Context, key, text string) error {
	return j.call(ctx, http.MethodPost, "/issue/"+url.PathEscape(key)+"/comment", map[string]any{"body": document(paragraph(adfText(outlet.Clean(text, 5000))))}, nil)
}

// SetOpen implements Tracker: Jira has no states but those of a project's
// workflow, so a transition into a status of the right category is taken.
func (j jira) SetOpen(ctx context.Context, key string, open bool, text string) error {
	if have, err := j.State(ctx, key); err != nil || (have.State != Closed) == open {
		return err
	}
	if err := j.Comment(ctx, key, text); err != nil {
		return err
	}
	var out struct {
		Transitions []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			To   struct {
				Category struct {
					Key string `json:"key"`
				} `json:"statusCategory"`
			} `json:"to"`
		} `json:"transitions"`
	}
	path := "/issue/" + url.PathEscape(key) + "/transitions"
	if err := j.call(ctx, http.MethodGet, path, nil, &out); err != nil {
		return err
	}
	for _, t := range out.Transitions {
		if (jiraState(t.To.Category.Key) != Closed) != open {
			continue
		}
		if want := j.c.Options["done"]; !open && want != "" && !strings.EqualFold(want, t.Name) {
			continue
		}
		return j.call(ctx, http.MethodPost, path, map[string]any{"transition": map[string]string{"id": t.ID}}, nil)
	}
	return fmt.Errorf("%w: the workflow of %s has no such transition from where it stands", retinue.ErrUnsupported, outlet.Clean(key, 50))
}

// State implements Tracker.
func (j jira) State(ctx context.Context, key string) (Issue, error) {
	var out jiraIssue
	err := j.call(ctx, http.MethodGet, "/issue/"+url.PathEscape(key)+"?fields=status", nil, &out)
	return j.issue(out), err
}

// Try implements Tracker.
func (j jira) Try(ctx context.Context) (string, error) {
	var out struct {
		Name string `json:"name"`
	}
	err := j.call(ctx, http.MethodGet, "/project/"+url.PathEscape(j.c.Options["project"]), nil, &out)
	return outlet.Clean(out.Name, 100), err
}
