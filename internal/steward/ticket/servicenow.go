package ticket

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func servicenowKind() Kind {
	return Kind{Name: "servicenow", Title: "ServiceNow", Says: "Incidents, or records of another table with the same fields, by the Table API.",
		Fields: []outlet.Field{
			{Name: "url", Required: true, Says: "the address of the instance, such as https://example.service-now.com"},
			{Name: "table", Default: "incident", Says: "the table"},
			{Name: "assignment-group", Says: "the group that gets the records"},
			{Name: "username", Says: "the account; empty to send the password as a bearer token"},
			{Name: "close-state", Default: "6", Says: "the value of state that resolves a record"},
			{Name: "close-code", Default: "Solution provided", Says: "the close code"},
			{Name: "open-state", Default: "2", Says: "the value of state that opens a record again"},
			{Name: "password", Secret: true, Required: true, Says: "the password, or a token"},
			webhookSecret("the key with which a business rule signs as Standard Webhooks says"),
		}, open: func(c outlet.Config) (Tracker, error) {
			if !serviceTable.MatchString(c.Options["table"]) {
				return nil, outlet.Invalid("options.table", "want the name of a table")
			}
			return servicenow{c}, nil
		}}
}

var serviceTable = regexp.MustCompile(`^[a-z][a-z0-9_]{0,79}$`)

// servicenow speaks the Table API
// (https://www.servicenow.com/docs, “Table API”). A record is found by its
// correlation_id.
type servicenow struct{ c outlet.Config }

func (s servicenow) call(ctx context.Context, method, path string, body, out any) error {
	h := http.Header{"Accept": {"application/json"}}
	password := s.c.Secrets["password"].Reveal()
	if user := s.c.Options["username"]; user != "" {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	} else {
		h.Set("Authorization", "Bearer "+password)
	}
	return call(ctx, s.c, method, s.c.Options["url"]+"/api/now/table/"+s.c.Options["table"]+path, h, body, out)
}

type serviceRecord struct {
	SysID  string `json:"sys_id"`
	Number string `json:"number"`
	State  string `json:"state"`
}

const serviceFields = "sysparm_fields=sys_id,number,state&sysparm_exclude_reference_link=true"

func (s servicenow) issue(r serviceRecord) Issue {
	i := Issue{Key: r.SysID, Label: r.Number, State: s.state(r.State)}
	i.URL = s.c.Options["url"] + "/nav_to.do?uri=" + url.QueryEscape(s.c.Options["table"]+".do?sys_id="+r.SysID)
	return i
}

// state maps the values of incident: 1 new, 2 in progress, 3 on hold, 6
// resolved, 7 closed, 8 cancelled.
func (s servicenow) state(v string) State {
	switch v {
	case "6", "7", "8", s.c.Options["close-state"]:
		return Closed
	case "2", "3":
		return Working
	}
	return Open
}

// Find implements Tracker.
func (s servicenow) Find(ctx context.Context, d Draft) (Issue, error) {
	var out struct {
		Result []serviceRecord `json:"result"`
	}
	q := "?sysparm_limit=1&" + serviceFields + "&sysparm_query=" + url.QueryEscape("correlation_id="+d.Marker)
	if err := s.call(ctx, http.MethodGet, q, nil, &out); err != nil {
		return Issue{}, err
	}
	if len(out.Result) == 0 {
		return Issue{}, fmt.Errorf("%w: no record with the correlation id %s", retinue.ErrNotFound, d.Marker)
	}
	return s.issue(out.Result[0]), nil
}

// Create implements Tracker.
func (s servicenow) Create(ctx context.Context, d Draft) (Issue, error) {
	urgency := map[retinue.Severity]string{retinue.SeverityCritical: "1", retinue.SeverityHigh: "1", retinue.SeverityMedium: "2"}[d.Severity]
	if urgency == "" {
		urgency = "3"
	}
	impact := urgency
	if d.Severity == retinue.SeverityHigh {
		impact = "2"
	}
	body := map[string]string{"short_description": outlet.Clean(d.Title, 160), "description": d.plain(), "correlation_id": d.Marker,
		"correlation_display": "Retinue", "urgency": urgency, "impact": impact}
	if g := s.c.Options["assignment-group"]; g != "" {
		body["assignment_group"] = g
	}
	var out struct {
		Result serviceRecord `json:"result"`
	}
	err := s.call(ctx, http.MethodPost, "?"+serviceFields, body, &out)
	return s.issue(out.Result), err
}

func (s servicenow) patch(ctx context.Context, key string, body map[string]string) error {
	return s.call(ctx, http.MethodPatch, "/"+url.PathEscape(key)+"?"+serviceFields, body, nil)
}

// Comment implements Tracker.
func (s servicenow) Comment(ctx context.Context, key, text string) error {
	return s.patch(ctx, key, map[string]string{"work_notes": outlet.Clean(text, 5000)})
}

// SetOpen implements Tracker.
func (s servicenow) SetOpen(ctx context.Context, key string, open bool, text string) error {
	have, err := s.State(ctx, key)
	if err != nil || (have.State != Closed) == open {
		return err
	}
	if open {
		return s.patch(ctx, key, map[string]string{"state": s.c.Options["open-state"], "work_notes": outlet.Clean(text, 5000)})
	}
	return s.patch(ctx, key, map[string]string{"state": s.c.Options["close-state"], "close_code": s.c.Options["close-code"], "close_notes": outlet.Clean(text, 5000)})
}

// State implements Tracker.
func (s servicenow) State(ctx context.Context, key string) (Issue, error) {
	var out struct {
		Result serviceRecord `json:"result"`
	}
	err := s.call(ctx, http.MethodGet, "/"+url.PathEscape(key)+"?"+serviceFields, nil, &out)
	return s.issue(out.Result), err
}

// Try implements Tracker.
func (s servicenow) Try(ctx context.Context) (string, error) {
	var out struct {
		Result []serviceRecord `json:"result"`
	}
	err := s.call(ctx, http.MethodGet, "?sysparm_limit=1&"+serviceFields, nil, &out)
	return s.c.Options["table"], err
}
