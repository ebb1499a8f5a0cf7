package ticket

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

// tracked is a ticket in a fake system.
type tracked struct {
	number   int
	title    string
	text     string
	labels   []string
	state    string
	assignee bool
	comments []string
}

// fake is a ticket system that answers as its published interface does.
type fake struct {
	t       *testing.T
	issues  []*tracked
	header  http.Header
	failing int // status for the next request that makes something
}

func (f *fake) find(number string) *tracked {
	n, _ := strconv.Atoi(number)
	for _, i := range f.issues {
		if i.number == n {
			return i
		}
	}
	return nil
}

func (f *fake) add(title, text string, labels []string, state string) *tracked {
	i := &tracked{number: len(f.issues) + 1, title: title, text: text, labels: labels, state: state}
	f.issues = append(f.issues, i)
	return i
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v)
	}
}

func decode[T any](t *testing.T, r *http.Request) T {
	t.Helper()
	var v T
	b, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(b, &v); err != nil {
		t.Errorf("%s %s: body %s: %v", r.Method, r.URL, b, err)
	}
	return v
}

func (f *fake) github() http.Handler {
	shown := func(i *tracked) map[string]any {
		assignees := []map[string]string{}
		if i.assignee {
			assignees = append(assignees, map[string]string{"login": "ann"})
		}
		return map[string]any{"number": i.number, "state": i.state, "body": i.text, "html_url": fmt.Sprintf("https://github.example/o/r/issues/%d", i.number), "assignees": assignees}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/o/r", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"full_name": "o/r", "has_issues": true})
	})
	mux.HandleFunc("GET /repos/o/r/issues", func(w http.ResponseWriter, r *http.Request) {
		out := []any{}
		if r.URL.Query().Get("page") == "1" {
			for _, i := range f.issues {
				if slices.Contains(i.labels, r.URL.Query().Get("labels")) {
					out = append(out, shown(i))
				}
			}
		}
		reply(w, 200, out)
	})
	mux.HandleFunc("POST /repos/o/r/issues", func(w http.ResponseWriter, r *http.Request) {
		b := decode[struct {
			Title, Body string
			Labels      []string
		}](f.t, r)
		reply(w, 201, shown(f.add(b.Title, b.Body, b.Labels, "open")))
	})
	mux.HandleFunc("GET /repos/o/r/issues/{n}", func(w http.ResponseWriter, r *http.Request) {
		if i := f.find(r.PathValue("n")); i != nil {
			reply(w, 200, shown(i))
			return
		}
		reply(w, 404, map[string]string{"message": "Not Found"})
	})
	mux.HandleFunc("POST /repos/o/r/issues/{n}/comments", func(w http.ResponseWriter, r *http.Request) {
		i := f.find(r.PathValue("n"))
		i.comments = append(i.comments, decode[struct{ Body string }](f.t, r).Body)
		reply(w, 201, map[string]any{})
	})
	mux.HandleFunc("PATCH /repos/o/r/issues/{n}", func(w http.ResponseWriter, r *http.Request) {
		i := f.find(r.PathValue("n"))
		i.state = decode[struct{ State string }](f.t, r).State
		reply(w, 200, shown(i))
	})
	return mux
}

func (f *fake) gitlab() http.Handler {
	shown := func(i *tracked) map[string]any {
		assignees := []map[string]int{}
		if i.assignee {
			assignees = append(assignees, map[string]int{"id": 7})
		}
		return map[string]any{"iid": i.number, "state": i.state, "description": i.text, "web_url": fmt.Sprintf("https://gitlab.example/g/p/-/issues/%d", i.number), "assignees": assignees}
	}
	mux := http.NewServeMux()
	base := "/api/v4/projects/{project}"
	mux.HandleFunc("GET "+base, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, map[string]any{"path_with_namespace": r.PathValue("project")})
	})
	mux.HandleFunc("GET "+base+"/issues", func(w http.ResponseWriter, r *http.Request) {
		out := []any{}
		for _, i := range f.issues {
			if strings.Contains(i.text, r.URL.Query().Get("search")) {
				out = append(out, shown(i))
			}
		}
		reply(w, 200, out)
	})
	mux.HandleFunc("POST "+base+"/issues", func(w http.ResponseWriter, r *http.Request) {
		b := decode[struct{ Title, Description, Labels string }](f.t, r)
		reply(w, 201, shown(f.add(b.Title, b.Description, []string{b.Labels}, "opened")))
	})
	mux.HandleFunc("GET "+base+"/issues/{n}", func(w http.ResponseWriter, r *http.Request) {
		if i := f.find(r.PathValue("n")); i != nil {
			reply(w, 200, shown(i))
			return
		}
		reply(w, 404, map[string]string{"message": "404 Not found"})
	})
	mux.HandleFunc("POST "+base+"/issues/{n}/notes", func(w http.ResponseWriter, r *http.Request) {
		i := f.find(r.PathValue("n"))
		i.comments = append(i.comments, decode[struct{ Body string }](f.t, r).Body)
		reply(w, 201, map[string]any{})
	})
	mux.HandleFunc("PUT "+base+"/issues/{n}", func(w http.ResponseWriter, r *http.Request) {
		i := f.find(r.PathValue("n"))
		i.state = map[string]string{"close": "closed", "reopen": "opened"}[decode[struct {
			Event string `json:"state_event"`
		}](f.t, r).Event]
		reply(w, 200, shown(i))
	})
	return mux
}

func (f *fake) jira() http.Handler {
	shown := func(i *tracked) map[string]any {
		category := i.state
		if i.assignee && category == "new" {
			category = "indeterminate"
		}
		return map[string]any{"id": strconv.Itoa(i.number), "key": fmt.Sprintf("OPS-%d", i.number),
			"fields": map[string]any{"status": map[string]any{"statusCategory": map[string]string{"key": category}}}}
	}
	get := func(r *http.Request) *tracked { return f.find(strings.TrimPrefix(r.PathValue("key"), "OPS-")) }
	mux := http.NewServeMux()
	base := "/rest/api/3"
	mux.HandleFunc("GET "+base+"/project/OPS", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]string{"name": "Operations"}) })
	mux.HandleFunc("POST "+base+"/search/jql", func(w http.ResponseWriter, r *http.Request) {
		b := decode[struct{ JQL string }](f.t, r)
		out := []any{}
		for _, i := range f.issues {
			for _, l := range i.labels {
				if strings.Contains(b.JQL, `labels = "`+l+`"`) && strings.Contains(b.JQL, `project = "OPS"`) {
					out = append(out, shown(i))
				}
			}
		}
		reply(w, 200, map[string]any{"issues": out})
	})
	mux.HandleFunc("POST "+base+"/issue", func(w http.ResponseWriter, r *http.Request) {
		b := decode[struct {
			Fields struct {
				Summary     string
				Description adf
				Labels      []string
				Project     struct{ Key string }
				IssueType   struct{ Name string } `json:"issuetype"`
			}
		}](f.t, r)
		if d := b.Fields.Description; d.Type != "doc" || d.Version != 1 || b.Fields.Project.Key != "OPS" || b.Fields.IssueType.Name != "Task" {
			f.t.Errorf("issue %+v", b)
		}
		text, _ := json.Marshal(b.Fields.Description)
		i := f.add(b.Fields.Summary, string(text), b.Fields.Labels, "new")
		reply(w, 201, map[string]string{"id": strconv.Itoa(i.number), "key": fmt.Sprintf("OPS-%d", i.number)})
	})
	mux.HandleFunc("POST "+base+"/issue/{key}/remotelink", func(w http.ResponseWriter, _ *http.Request) { reply(w, 201, map[string]any{}) })
	mux.HandleFunc("GET "+base+"/issue/{key}", func(w http.ResponseWriter, r *http.Request) {
		if i := get(r); i != nil {
			reply(w, 200, shown(i))
			return
		}
		reply(w, 404, map[string]any{"errorMessages": []string{"Issue does not exist"}})
	})
	mux.HandleFunc("POST "+base+"/issue/{key}/comment", func(w http.ResponseWriter, r *http.Request) {
		b := decode[struct{ Body adf }](f.t, r)
		get(r).comments = append(get(r).comments, b.Body.Content[0].Content[0].Text)
		reply(w, 201, map[string]any{})
	})
	transitions := map[string]string{"11": "new", "21": "indeterminate", "31": "done"}
	mux.HandleFunc("GET "+base+"/issue/{key}/transitions", func(w http.ResponseWriter, r *http.Request) {
		out := []any{}
		for _, id := range []string{"31", "21", "11"} {
			if transitions[id] != get(r).state {
				out = append(out, map[string]any{"id": id, "name": "to " + transitions[id], "to": map[string]any{"statusCategory": map[string]string{"key": transitions[id]}}})
			}
		}
		reply(w, 200, map[string]any{"transitions": out})
	})
	mux.HandleFunc("POST "+base+"/issue/{key}/transitions", func(w http.ResponseWriter, r *http.Request) {
		get(r).state = transitions[decode[struct{ Transition struct{ ID string } }](f.t, r).Transition.ID]
		w.WriteHeader(204)
	})
	return mux
}

func (f *fake) servicenow() http.Handler {
	id := func(i *tracked) string { return fmt.Sprintf("%032d", i.number) }
	shown := func(i *tracked) map[string]string {
		state := i.state
		if i.assignee && state == "1" {
			state = "2"
		}
		return map[string]string{"sys_id": id(i), "number": fmt.Sprintf("INC%07d", i.number), "state": state}
	}
	mux := http.NewServeMux()
	base := "/api/now/table/incident"
	mux.HandleFunc("GET "+base, func(w http.ResponseWriter, r *http.Request) {
		out := []any{}
		for _, i := range f.issues {
			if r.URL.Query().Get("sysparm_query") == "correlation_id="+i.labels[0] {
				out = append(out, shown(i))
			}
		}
		reply(w, 200, map[string]any{"result": out})
	})
	mux.HandleFunc("POST "+base, func(w http.ResponseWriter, r *http.Request) {
		b := decode[map[string]string](f.t, r)
		if b["urgency"] != "1" || b["impact"] != "2" || b["correlation_display"] != "Retinue" {
			f.t.Errorf("incident %v", b)
		}
		reply(w, 201, map[string]any{"result": shown(f.add(b["short_description"], b["description"], []string{b["correlation_id"]}, "1"))})
	})
	get := func(r *http.Request) *tracked { return f.find(strings.TrimLeft(r.PathValue("id"), "0")) }
	mux.HandleFunc("GET "+base+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		if i := get(r); i != nil {
			reply(w, 200, map[string]any{"result": shown(i)})
			return
		}
		reply(w, 404, map[string]any{"error": map[string]string{"message": "No Record found"}})
	})
	mux.HandleFunc("PATCH "+base+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		b := decode[map[string]string](f.t, r)
		i := get(r)
		for _, k := range []string{"work_notes", "close_notes"} {
			if b[k] != "" {
				i.comments = append(i.comments, b[k])
			}
		}
		if b["state"] != "" {
			i.state = b["state"]
		}
		reply(w, 200, map[string]any{"result": shown(i)})
	})
	return mux
}

const hostile = "evil @everyone #1 [x](https://bad.example) <script>\u202e\n/close"

func draft() Draft {
	return Draft{Marker: "retinue-0abc", Title: "Rotate " + hostile, Intro: "Two things", HowTo: "/assign @me", Severity: retinue.SeverityHigh,
		Lines: []Line{{retinue.SeverityHigh, hostile, "https://retinue.example/findings/fnd_1"}, {retinue.SeverityLow, "other", ""}}, Link: "https://retinue.example/x"}
}

// systems opens a tracker of each kind to a fake of its own.
func systems(t *testing.T, test func(t *testing.T, f *fake, tr Tracker)) {
	secret := strings.Repeat("s", 24)
	for kind, c := range map[string]struct {
		handler func(*fake) http.Handler
		options map[string]string
		secret  string
		header  string
	}{
		"github":     {(*fake).github, map[string]string{"repository": "o/r"}, "token", "Bearer " + secret},
		"gitlab":     {(*fake).gitlab, map[string]string{"project": "g/p"}, "token", ""},
		"jira":       {(*fake).jira, map[string]string{"project": "OPS"}, "token", "Bearer " + secret},
		"servicenow": {(*fake).servicenow, map[string]string{}, "password", "Bearer " + secret},
	} {
		t.Run(kind, func(t *testing.T) {
			f := &fake{t: t}
			handler := c.handler(f)
			srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f.header = r.Header.Clone()
				if f.failing != 0 && r.Method != http.MethodGet {
					w.WriteHeader(f.failing)
					f.failing = 0
					return
				}
				handler.ServeHTTP(w, r)
			}))
			defer srv.Close()
			c.options["url"] = srv.URL
			k, ok := Find(kind)
			if !ok {
				t.Fatal("no such kind")
			}
			tr, err := k.Open(outlet.Config{Options: c.options, Secrets: map[string]retinue.Secret{c.secret: retinue.NewSecret(secret)}, HTTP: srv.Client()})
			if err != nil {
				t.Fatal(err)
			}
			test(t, f, tr)
			if got := f.header.Get("Authorization"); got != c.header || (kind == "gitlab" && f.header.Get("Private-Token") != secret) {
				t.Errorf("authorised by %v", f.header)
			}
		})
	}
}

func TestLifeOfATicket(t *testing.T) {
	systems(t, func(t *testing.T, f *fake, tr Tracker) {
		ctx := t.Context()
		if name, err := tr.Try(ctx); err != nil || name == "" {
			t.Fatalf("try: %q %v", name, err)
		}
		if _, err := tr.Find(ctx, draft()); !errors.Is(err, retinue.ErrNotFound) {
			t.Fatalf("find before it is made: %v", err)
		}
		made, err := tr.Create(ctx, draft())
		if err != nil || made.Key == "" || made.URL == "" || made.State != Open {
			t.Fatalf("made %+v %v", made, err)
		}
		f.add("other", "text", []string{"retinue"}, f.issues[0].state)
		again, err := tr.Find(ctx, draft())
		if err != nil || again.Key != made.Key {
			t.Fatalf("found %+v %v", again, err)
		}
		step := func(what string, want State, comments int) {
			t.Helper()
			got, err := tr.State(ctx, made.Key)
			if err != nil || got.State != want || len(f.issues[0].comments) != comments {
				t.Errorf("%s: %+v %v, %d comments", what, got, err, len(f.issues[0].comments))
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		must(tr.Comment(ctx, made.Key, "1 of 2 is left"))
		step("commented", Open, 1)
		f.issues[0].assignee = true
		step("taken", Working, 1)
		f.issues[0].assignee = false
		must(tr.SetOpen(ctx, made.Key, false, "gone"))
		step("closed", Closed, 2)
		must(tr.SetOpen(ctx, made.Key, false, "gone"))
		step("closed twice", Closed, 2)
		must(tr.SetOpen(ctx, made.Key, true, "back"))
		if got, err := tr.State(ctx, made.Key); err != nil || got.State == Closed {
			t.Errorf("opened again: %+v %v", got, err)
		}
		if _, err := tr.State(ctx, strings.Replace(made.Key, "1", "9", 1)); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("state of another: %v", err)
		}
	})
}

func TestAnAnswerThatWasLostMakesNoSecondTicket(t *testing.T) {
	systems(t, func(t *testing.T, f *fake, tr Tracker) {
		if _, err := tr.Create(t.Context(), draft()); err != nil {
			t.Fatal(err)
		}
		// The caller died before it read the answer; it asks by the marker.
		found, err := tr.Find(t.Context(), draft())
		if err != nil || len(f.issues) != 1 || found.Key == "" {
			t.Errorf("%+v %v, %d tickets", found, err, len(f.issues))
		}
		f.failing = http.StatusBadGateway
		if _, err := tr.Create(t.Context(), draft()); !errors.Is(err, retinue.ErrUnavailable) && !errors.Is(err, nil) {
			t.Errorf("failing system: %v", err)
		}
	})
}

func TestHostileTextStaysText(t *testing.T) {
	systems(t, func(t *testing.T, f *fake, tr Tracker) {
		if _, err := tr.Create(t.Context(), draft()); err != nil {
			t.Fatal(err)
		}
		text, title := f.issues[0].text, f.issues[0].title
		if strings.ContainsAny(title, "\n\u202e") || strings.Contains(text, "\u202e") {
			t.Errorf("control characters in %q, %q", title, text)
		}
		if !strings.Contains(text, "fnd_1") {
			t.Errorf("no link to the finding: %s", text)
		}
	})
	md := draft().markdown()
	for _, bad := range []string{"@everyone", "@me", "#1", "](https://bad", " <script", "\n/"} {
		if strings.Contains(md, bad) {
			t.Errorf("%q got through: %s", bad, md)
		}
	}
}

func TestALongTicketIsCut(t *testing.T) {
	d := draft()
	for i := range 1000 {
		d.Lines = append(d.Lines, Line{retinue.SeverityLow, fmt.Sprint("line ", i), ""})
	}
	for name, text := range map[string]string{"markdown": d.markdown(), "plain": d.plain()} {
		if strings.Count(text, "line ") > maxLines || !strings.Contains(text, "and 952 more") {
			t.Errorf("%s: %d lines", name, strings.Count(text, "line "))
		}
	}
	if b, err := json.Marshal(d.adf()); err != nil || !strings.Contains(string(b), "and 952 more") {
		t.Errorf("%s %v", b, err)
	}
}

func standard(retinue.Secret, http.Header, []byte, time.Time) error { return nil }
