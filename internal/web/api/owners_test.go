package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// estate is a connector that states facts of one realm as they are given.
type estate struct {
	realm retinue.Realm
	at    time.Time
	facts []retinue.Fact
}

func (e estate) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: e.realm}, nil
}
func (estate) Close() error { return nil }
func (e estate) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(e.realm, "all")
	if err := sink.Emit(scope, e.facts...); err != nil {
		return err
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: e.at, Authority: connector.AuthoritySystem, Basis: "stated by a test"})
}

// state scans a source that states facts, and settles what follows.
func (h *harness) state(source string, realm retinue.Realm, facts ...retinue.Fact) {
	h.t.Helper()
	opt := ingest.Options{Actor: retinue.Actor{Kind: "system", Name: "test"}, HoldShare: -1}
	if _, err := ingest.Run(h.t.Context(), h.app.DB, "test", source, source, estate{realm, time.Now(), facts}, opt); err != nil {
		h.t.Fatal(err)
	}
	h.settle()
}

func (h *harness) settle() {
	h.t.Helper()
	if _, err := h.app.Settle(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// idOf returns the id of an identity by its name.
func (h *harness) idOf(name string) retinue.EntityID {
	h.t.Helper()
	var id retinue.EntityID
	err := h.app.View(h.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, Text: name, Gone: true}) {
			if err != nil {
				return err
			}
			if e.Name == name {
				id = e.ID
			}
		}
		return nil
	})
	if err != nil || id == "" {
		h.t.Fatalf("identity %s: %v", name, err)
	}
	return id
}

const cloud = retinue.Realm("aws:111122223333")

func role(name string, labels ...string) retinue.Identity {
	id := retinue.Identity{Ref: retinue.NewRef(cloud, "role", name), Name: name, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman,
		State: retinue.StateActive, Labels: map[string]string{}, Container: retinue.NewRef(cloud, "account", "111122223333")}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		id.Labels[k] = v
	}
	return id
}

func signal(of retinue.Identity, kind, candidate string) retinue.OwnerSignal {
	return retinue.OwnerSignal{Subject: of.Ref, Candidate: candidate, Signal: kind, Quote: kind + " " + candidate}
}

// ownedEstate is what the tests of owners look at: identities of two owners
// and of nobody, and a directory in which one person left.
func ownedEstate(t *testing.T) *harness {
	t.Helper()
	h := newHarness(t)
	staff := retinue.Realm("people:staff")
	team := retinue.NewRef(staff, "team", "payments")
	person := func(mail, name string, state retinue.State, attrs retinue.Attrs) retinue.Person {
		return retinue.Person{Ref: retinue.NewRef(staff, "person", mail), Name: name, Email: mail, State: state, Teams: []retinue.Ref{team}, Attrs: attrs}
	}
	h.state("staff", staff,
		person("ann@example.com", "Ann Achterberg", retinue.StateActive, nil), person("ben@example.com", "Ben Banerjee", retinue.StateActive, nil),
		person("gone@example.com", "Gita Greco", retinue.StateDisabled, retinue.Attrs{"manager": "ben@example.com"}),
		retinue.Team{Ref: team, Name: "Payments"})
	account := retinue.Container{Ref: retinue.NewRef(cloud, "account", "111122223333"), Name: "production", Kind: retinue.ContainerAccount}
	lonely := role("lonely", "application=pay")
	h.state("aws-prod", cloud, account, role("anns-role"), role("bens-role"), role("left-role"), role("pay-api", "team=payments"), lonely,
		signal(lonely, "tag", "payments"), signal(lonely, "codeowners", "@acme/payments"), signal(lonely, "creator", "ann@example.com"))
	for name, owner := range map[string]string{"anns-role": "ann@example.com", "bens-role": "ben@example.com", "left-role": "gone@example.com"} {
		h.run([]scenario{{name: "register " + name, as: "admin", method: "PATCH", path: fmt.Sprintf("/identities/%s/registration", h.idOf(name)),
			body: fmt.Sprintf(`{"owner":%q,"purpose":"a test"}`, owner), status: 200, records: []retinue.RecordAction{retinue.RecordRegistrationSet}}})
	}
	h.settle()
	return h
}

func TestRegistration(t *testing.T) {
	h := ownedEstate(t)
	anns := fmt.Sprintf("/identities/%s/registration", h.idOf("anns-role"))
	bens := fmt.Sprintf("/identities/%s/registration", h.idOf("bens-role"))
	tag := h.do(scenario{as: "ann", path: anns}).Header().Get("ETag")
	set := []retinue.RecordAction{retinue.RecordRegistrationSet}
	h.run([]scenario{
		{name: "read one's own", as: "ann", path: anns, status: 200, contains: []string{`"owner":"ann@example.com"`}},
		{name: "another's does not exist", as: "ann", path: bens, status: 404, lacks: []string{"ben@example.com", "bens-role"}},
		{name: "nor can it be changed", as: "ann", method: "PATCH", path: bens, body: `{"owner":"ann@example.com"}`, status: 404},
		{name: "a viewer changes nothing", as: "viewer", method: "PATCH", path: anns, body: `{"purpose":"x"}`, status: 403},
		{name: "anonymous", method: "PATCH", path: anns, body: `{"purpose":"x"}`, status: 401},
		{name: "change several fields", as: "ann", method: "PATCH", path: anns, header: map[string]string{"If-Match": tag}, status: 200, records: set,
			body:     `{"purpose":"nightly export","application":"pay","environment":"production","criticality":"high","endDate":"2030-01-31","reviewDate":"2029-01-31T12:00:00Z","backupOwner":"ben"}`,
			contains: []string{`"purpose":"nightly export"`, `"endDate":"2030-01-31T00:00:00Z"`, `"backupOwner":"ben@example.com"`, "Etag:"}},
		{name: "the same again writes nothing", as: "ann", method: "PATCH", path: anns, body: `{"purpose":"nightly export"}`, status: 200},
		{name: "changed meanwhile", as: "ann", method: "PATCH", path: anns, header: map[string]string{"If-Match": tag}, body: `{"purpose":"x"}`, status: 412,
			contains: []string{"changed-meanwhile"}},
		{name: "take a field away", as: "ann", method: "PATCH", path: anns, body: `{"endDate":"","backupOwner":""}`, status: 200, records: set, lacks: []string{"endDate", "ben@example.com"}},
		{name: "bad date", as: "ann", method: "PATCH", path: anns, body: `{"endDate":"next week"}`, status: 422, contains: []string{`"location":"body.endDate"`}},
		{name: "bad environment", as: "ann", method: "PATCH", path: anns, body: `{"environment":"moon"}`, status: 422, contains: []string{`"location":"body.environment"`}},
		{name: "bad criticality", as: "ann", method: "PATCH", path: anns, body: `{"criticality":"meh"}`, status: 422, contains: []string{`"location":"body.criticality"`}},
		{name: "class without a reason", as: "ann", method: "PATCH", path: anns, body: `{"class":"person"}`, status: 422, contains: []string{`"location":"body.classReason"`}},
		{name: "control characters", as: "ann", method: "PATCH", path: anns, body: `{"application":"a\u202eb"}`, status: 422, contains: []string{`"location":"body.application"`}},
		{name: "unknown field", as: "ann", method: "PATCH", path: anns, body: `{"ownr":"x"}`, status: 422},
		{name: "backup is the owner", as: "ann", method: "PATCH", path: anns, body: `{"backupOwner":"Ann@example.com"}`, status: 422, contains: []string{`"location":"body.backupOwner"`}},
		{name: "no such identity", as: "admin", path: "/identities/idn_00000000000000000000000000/registration", status: 404},
		{name: "no id", as: "admin", path: "/identities/x/registration", status: 404},
	})
	var record string
	for _, r := range h.records(t) {
		record += string(r.Details)
	}
	if strings.Contains(record, "ann@example.com") || !strings.Contains(record, "nightly export") {
		t.Errorf("the audit log holds owners in clear, or lacks what was set: %s", record)
	}
}

func TestOwnershipRulesSettle(t *testing.T) {
	h := ownedEstate(t)
	rule := `{"title":"Payments","match":{"tags":["team=payments"]},"owner":"payments"}`
	all := `{"title":"Production","match":{"accounts":["production"]},"owner":"ben@example.com","backup":"@payments"}`
	body := `{"rules":[` + rule + `,` + all + `]}`
	h.run([]scenario{
		{name: "only an administrator", as: "operator", method: "PUT", path: "/ownership-rules", body: body, status: 403},
		{name: "preview", as: "admin", method: "POST", path: "/ownership-rules/preview", body: body, status: 200, contains: []string{
			`"identities":5`, `"explicit":3`, `"settles":1`, `"name":"pay-api"`, `"changes":2`, `"unowned":0`, `"earlier":1`}},
		{name: "nothing happened yet", as: "ann", path: "/owners", status: 200, lacks: []string{"@payments"}},
		{name: "field paths", as: "admin", method: "PUT", path: "/ownership-rules", body: `{"rules":[{"match":{},"owner":"x"}]}`, status: 422, contains: []string{`"location":"body.rules[0].match"`}},
		{name: "put", as: "admin", method: "PUT", path: "/ownership-rules", body: body, status: 200, records: []retinue.RecordAction{retinue.RecordOwnershipRules},
			contains: []string{`"owner":"@payments"`, `"id":"own_`}},
		{name: "with what was read before", as: "admin", method: "PUT", path: "/ownership-rules", body: `{"rules":[]}`, header: map[string]string{"If-Match": `"old"`}, status: 412},
	})
	h.settle()
	pay := h.idOf("pay-api")
	h.run([]scenario{
		{name: "the rule decided", as: "admin", path: "/identities/" + string(pay) + "/ownership", status: 200,
			contains: []string{`"owner":"@payments"`, `"how":"rule"`, `"ruleTitle":"Payments"`, `"why":"tag team=payments"`}},
		{name: "the second rule took the rest", as: "ben", path: "/identities/" + string(h.idOf("lonely")) + "/ownership", status: 200,
			contains: []string{`"owner":"ben@example.com"`, `"backup":"@payments"`, `"why":"account production"`}},
		{name: "a person's word stands", as: "ann", path: "/identities/" + string(h.idOf("anns-role")) + "/ownership", status: 200,
			contains: []string{`"owner":"ann@example.com"`, `"how":"explicit"`, `"name":"admin"`}},
		{name: "who owns by rule sees", as: "ben", path: "/identities?sort=name", status: 200, contains: []string{"lonely", "bens-role"}, lacks: []string{"anns-role", "pay-api"}},
		{name: "and edits", as: "ben", method: "PATCH", path: "/identities/" + string(h.idOf("lonely")) + "/registration", body: `{"owner":"ann@example.com"}`, status: 200,
			records: []retinue.RecordAction{retinue.RecordRegistrationSet}},
		{name: "and then not any more", as: "ben", path: "/identities/" + string(h.idOf("lonely")) + "/ownership", status: 404},
		{name: "history", as: "ann", path: "/identities/" + string(h.idOf("lonely")) + "/ownership", status: 200,
			contains: []string{`"history":[{"owner":"ben@example.com"`, `"how":"explicit"`, `"name":"ben"`}},
		{name: "rules go", as: "admin", method: "PUT", path: "/ownership-rules", body: `{"rules":[]}`, status: 200, records: []retinue.RecordAction{retinue.RecordOwnershipRules}},
	})
	h.settle()
	h.run([]scenario{
		{name: "and so do the owners that they gave", as: "admin", path: "/identities/" + string(pay) + "/ownership", status: 200,
			contains: []string{`"how":"none"`, `"history":[{"owner":"@payments"`}},
		{name: "versions", as: "auditor", path: "/ownership-rules/history", status: 200, contains: []string{`"total":2`, "Payments"}},
	})
}

func TestOwnersAreCountedWithinTheScope(t *testing.T) {
	h := ownedEstate(t)
	h.run([]scenario{
		{name: "everyone", as: "viewer", path: "/owners", status: 200, contains: []string{`"id":"ann@example.com"`, `"id":"ben@example.com"`, `"id":"none"`, `"title":"Ann Achterberg"`, `"left":true`}},
		{name: "one's own", as: "ann", path: "/owners", status: 200, contains: []string{`"id":"ann@example.com"`, `"total":1`}, lacks: []string{"ben@example.com", `"id":"none"`, "gone@"}},
		{name: "another owner", as: "ann", path: "/owners/" + url.PathEscape("ben@example.com"), status: 404},
		{name: "one owner", as: "viewer", path: "/owners/" + url.PathEscape("gone@example.com"), status: 200,
			contains: []string{`"left":true`, `"successors":[{"owner":"@payments"`, `"identities":1`, `"unreviewed":1`, `"explicit":1`, `"high":1`}},
		{name: "nobody's", as: "viewer", path: "/owners/none", status: 200, contains: []string{`"identities":2`}},
	})
}

func TestOwnerQueue(t *testing.T) {
	h := ownedEstate(t)
	lonely := string(h.idOf("lonely"))
	h.run([]scenario{
		{name: "unowned with evidence", as: "operator", path: "/owners/queue?sort=name", status: 200, contains: []string{
			`"name":"lonely"`, `"owner":"@payments"`, `three signals agree: tag, CODEOWNERS, creator`, `"confidence":"high"`, `"name":"pay-api"`, `"total":2`},
			lacks: []string{"anns-role", "left-role"}},
		{name: "of who left", as: "operator", path: "/owners/queue?reason=owner_left", status: 200, contains: []string{
			`"name":"left-role"`, `"left":"gone@example.com"`, `"owner":"@payments"`, `"owner":"ben@example.com"`}, lacks: []string{"lonely"}},
		{name: "an owner sees nothing of it", as: "ann", path: "/owners/queue", status: 200, contains: []string{`"items":[]`}, lacks: []string{"lonely"}},
		{name: "turn one down", as: "operator", method: "POST", path: "/identities/" + lonely + "/ownership/denials", body: `{"candidate":"@payments","reason":"moved"}`, status: 200,
			contains: []string{`"denied":["@payments"]`, `"owner":"ann@example.com"`}, records: []retinue.RecordAction{retinue.RecordOwnershipDenied}},
		{name: "it is suggested no more", as: "operator", path: "/owners/queue?text=lonely", status: 200, lacks: []string{`"owner":"@payments"`}},
		{name: "an owner turns down nothing of others", as: "ann", method: "POST", path: "/identities/" + lonely + "/ownership/denials", body: `{"candidate":"x"}`, status: 404},
		{name: "empty candidate", as: "operator", method: "POST", path: "/identities/" + lonely + "/ownership/denials", body: `{"candidate":" "}`, status: 422, contains: []string{"body.candidate"}},
	})
}

func TestAssignAndUndo(t *testing.T) {
	h := ownedEstate(t)
	ids := func(names ...string) string {
		var out []string
		for _, n := range names {
			out = append(out, `"`+string(h.idOf(n))+`"`)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	h.run([]scenario{
		{name: "preview", as: "operator", method: "POST", path: "/identities/owner", body: `{"filter":{"source":["aws-prod"]},"owner":"payments","dryRun":true}`, status: 200,
			contains: []string{`"changed":5`, `"fromPerson":3`, `"owner":"@payments"`, `"known":true`}, lacks: []string{`"undo"`}},
		{name: "only what nobody owns", as: "operator", method: "POST", path: "/identities/owner", body: `{"filter":{"source":["aws-prod"]},"owner":"payments","onlyUnowned":true,"dryRun":true}`, status: 200,
			contains: []string{`"changed":2`, `"skipped":3`}},
		{name: "another number than shown", as: "operator", method: "POST", path: "/identities/owner", body: `{"filter":{"source":["aws-prod"]},"owner":"payments","expect":4}`, status: 409},
		{name: "another's", as: "ann", method: "POST", path: "/identities/owner", body: `{"ids":` + ids("bens-role") + `,"owner":"ann@example.com"}`, status: 404},
		{name: "a filter reaches one's own only", as: "ann", method: "POST", path: "/identities/owner", body: `{"filter":{},"owner":"ben","dryRun":true}`, status: 200,
			contains: []string{`"changed":1`, "anns-role"}, lacks: []string{"bens-role", "lonely"}},
		{name: "both", as: "operator", method: "POST", path: "/identities/owner", body: `{"ids":` + ids("lonely") + `,"filter":{},"owner":"x"}`, status: 422},
		{name: "neither owner nor backup", as: "operator", method: "POST", path: "/identities/owner", body: `{"ids":` + ids("lonely") + `}`, status: 422},
		{name: "a viewer", as: "viewer", method: "POST", path: "/identities/owner", body: `{"ids":` + ids("lonely") + `,"owner":"x"}`, status: 403},
	})
	var res api.AssignmentResult
	assign := func(as, body string) {
		t.Helper()
		w := h.do(scenario{as: as, method: "POST", path: "/identities/owner", body: body})
		if w.Code != 200 {
			t.Fatalf("assign: %d %s", w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil {
			t.Fatal(err)
		}
	}
	before := h.do(scenario{as: "admin", path: fmt.Sprintf("/identities/%s/registration", h.idOf("anns-role"))}).Body.String()
	assign("operator", `{"filter":{"source":["aws-prod"]},"owner":"payments"}`)
	if res.Changed != 5 || res.Undo == "" {
		t.Fatalf("assigned %+v", res)
	}
	h.run([]scenario{
		{name: "all of the team", as: "viewer", path: "/owners", status: 200, contains: []string{`"id":"@payments"`, `"identities":5`}, lacks: []string{"ann@example.com", `"id":"none"`}},
		{name: "one is changed since", as: "operator", method: "PATCH", path: fmt.Sprintf("/identities/%s/registration", h.idOf("lonely")), body: `{"owner":"ben"}`, status: 200,
			records: []retinue.RecordAction{retinue.RecordRegistrationSet}},
		{name: "another caller cannot take it back", as: "admin", method: "POST", path: "/undo/" + res.Undo, status: 404},
		{name: "take it back", as: "operator", method: "POST", path: "/undo/" + res.Undo, status: 200, contains: []string{`"restored":4`, `"kept":1`}, records: []retinue.RecordAction{retinue.RecordUndone}},
		{name: "once", as: "operator", method: "POST", path: "/undo/" + res.Undo, status: 404},
		{name: "as it was", as: "viewer", path: "/owners", status: 200, contains: []string{`"id":"ann@example.com"`, `"id":"ben@example.com"`, `"id":"gone@example.com"`, `"id":"none"`}, lacks: []string{"@payments"}},
	})
	if after := h.do(scenario{as: "admin", path: fmt.Sprintf("/identities/%s/registration", h.idOf("anns-role"))}).Body.String(); after != before {
		t.Errorf("the registration was restored to\n%s, want\n%s", after, before)
	}
	// Who gives their own away sees it no more, and can still take it back.
	assign("ann", `{"ids":`+ids("anns-role")+`,"owner":"ben@example.com"}`)
	h.run([]scenario{
		{name: "given away", as: "ann", path: fmt.Sprintf("/identities/%s/registration", h.idOf("anns-role")), status: 404},
		{name: "taken back", as: "ann", method: "POST", path: "/undo/" + res.Undo, status: 200, contains: []string{`"restored":1`}, records: []retinue.RecordAction{retinue.RecordUndone}},
		{name: "mine again", as: "ann", path: fmt.Sprintf("/identities/%s/registration", h.idOf("anns-role")), status: 200, contains: []string{"ann@example.com"}},
	})
}
