package api_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// TestTwoOwners walks every read with two owners: each sees their own and
// nothing of the other, in lists, counts, single resources, searches, pictures
// and exports, and of the other's ids learns only that there is nothing.
func TestTwoOwners(t *testing.T) {
	h := newEstate(t)
	ann := h.entities(t, store.EntityQuery{Type: retinue.FactIdentity, Text: annWord})
	ben := h.entities(t, store.EntityQuery{Type: retinue.FactIdentity, Text: benWord})
	annKeys := h.entities(t, store.EntityQuery{Type: retinue.FactCredential, Text: annWord})
	benKeys := h.entities(t, store.EntityQuery{Type: retinue.FactCredential, Text: benWord})
	if len(ann) != 10 || len(ben) != 10 || len(annKeys) != 10 || len(benKeys) != 10 {
		t.Fatalf("the estate has %d, %d, %d, %d things", len(ann), len(ben), len(annKeys), len(benKeys))
	}
	var p api.Page[store.FindingRow]
	h.get(t, "admin", "/findings?limit=500&text="+benWord, &p)
	if len(p.Items) == 0 {
		t.Fatal("no findings about Ben's things: the test would see no leak of them")
	}
	benFinding := string(p.Items[0].ID)
	h.get(t, "admin", "/findings?limit=500&text="+annWord, &p)
	annFinding := string(p.Items[0].ID)

	for _, who := range []struct{ name, mine, other, id, otherID, key, otherKey, finding, otherFinding string }{
		{"ann", annWord, benWord, string(ann[0].ID), string(ben[0].ID), string(annKeys[0].ID), string(benKeys[0].ID), annFinding, benFinding},
		{"ben", benWord, annWord, string(ben[0].ID), string(ann[0].ID), string(benKeys[0].ID), string(annKeys[0].ID), benFinding, annFinding},
	} {
		h.run(ownerScenarios(who.name, who.mine, who.other, who.id, who.otherID, who.key, who.otherKey, who.finding, who.otherFinding))
	}
	// The walk is of every read that takes the scope of the inventory.
	asked := ownerScenarios("ann", annWord, benWord, "ID", "ID", "ID", "ID", "ID", "ID")
	for _, r := range h.api.Routes() {
		if r.Method != "GET" || r.Permission != "inventory.read" {
			continue
		}
		found := false
		for _, s := range asked {
			path, _, _ := strings.Cut(s.path, "?")
			found = found || matches(r.Path, path)
		}
		if !found {
			t.Errorf("%s %s is not asked as two owners: add it to ownerScenarios", r.Method, r.Path)
		}
	}
}

// matches reports whether a path is one of a route.
func matches(route, path string) bool {
	want, have := strings.Split(route, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && (!strings.HasPrefix(want[i], "{") || strings.Contains(route, "/{id}/") && have[i] == "") {
			return false
		}
	}
	return true
}

// exported is what reading a path leaves in the audit log.
func exported(path string) []retinue.RecordAction {
	if strings.HasPrefix(path, "/exports/") {
		return []retinue.RecordAction{retinue.RecordExported}
	}
	return nil
}

func ownerScenarios(who, mine, other, id, otherID, key, otherKey, finding, otherFinding string) []scenario {
	var out []scenario
	see := func(path string, contains ...string) {
		out = append(out, scenario{name: who + " " + path, as: who, path: path, status: 200, contains: contains, records: exported(path), lacks: []string{other, otherID, otherKey, otherFinding, other[:3] + "@example.com"}})
	}
	blind := func(path string) {
		out = append(out, scenario{name: who + " other " + path, as: who, path: path, status: 404, lacks: []string{other}})
	}
	see("/identities?count=exact", mine, `"total":10`)
	see("/identities?limit=3&sort=-name", mine, `"next":`)
	see("/identities?text="+url.QueryEscape(other), `"items":[]`, `"total":0`)
	see("/identities?owner="+other[:3]+"%40example.com", `"items":[]`)
	// No engine speaks for the lab's systems: what two owners are told of AWS is
	// asked in package app.
	for _, path := range []string{"/access/can?action=s3:GetObject&identity=" + id, "/access/who-can?action=s3:GetObject"} {
		out = append(out, scenario{name: who + " " + path, as: who, path: path, status: 404, contains: []string{"no system whose access is evaluated"}, lacks: []string{other, otherID}})
	}
	blind("/access/can?action=s3:GetObject&identity=" + otherID)
	for _, path := range []string{"/access/paths?from=", "/access/reach?of=", "/access/reach?inverse=true&of="} {
		see(path+id, id)
		blind(path + otherID)
	}
	see("/access/escalations", `"items":`)
	see("/access/cuts", `"remove":`)
	see("/access/choke-points", `"grants":`)
	see("/credentials?count=exact", mine, `"total":10`)
	see("/findings?count=exact", mine)
	see("/findings?text="+other, `"items":[]`)
	for _, noun := range []string{"", "/access", "/credentials", "/trusts", "/placements", "/history", "/facts", "/picture", "/whole", "/whole?history=true", "/held", "/usage", "/without?document=x",
		"/simulations/disable", "/simulations/split", "/simulations/deny?environment=production"} {
		see("/identities/"+id+noun, mine)
		blind("/identities/" + otherID + noun)
	}
	see("/identities/"+id+"/unused-grants", `"known":false`)
	blind("/identities/" + otherID + "/unused-grants")
	out = append(out, scenario{name: who + " revoke", as: who, path: "/identities/" + id + "/simulations/revoke?grant=x", status: 501, contains: []string{"nothing is known of what identities"}, lacks: []string{other, otherID}})
	blind("/identities/" + otherID + "/simulations/revoke?grant=x")
	out = append(out, scenario{name: who + " right-size", as: who, path: "/identities/" + id + "/right-size", status: 501, contains: []string{"only policies of AWS"}, lacks: []string{other, otherID}})
	blind("/identities/" + otherID + "/right-size")
	out = append(out, scenario{name: who + " other policy", as: who, method: "POST", path: "/identities/" + otherID + "/simulations/policy", body: `{"policy":"x","document":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}`,
		status: 404, lacks: []string{other}})
	see("/identities/"+id+"/findings", mine)
	see("/grants?limit=500", mine)
	see("/changes?limit=500", mine)
	see("/changes?entity="+otherID, `"items":[]`)
	see("/search?text="+mine, mine)
	see("/search?text=" + url.QueryEscape(other))
	see("/search?text=" + url.QueryEscape(otherID))
	see("/facets/identities?column=owner", mine[:3]+"@example.com", `"count":10`)
	see("/facets/credentials?column=kind", `"count":10`)
	see("/credentials/calendar", `"items"`)
	see("/overview?since=2026-01-01T00:00:00Z", `"nonHuman":10`, `"credentials":10`, `"identities":10`, mine)
	see("/population", `"items"`)
	see("/verdicts", `"items"`)
	see("/usage/shares", `"items"`)
	see("/usage/events?identity="+id, `"items":[]`)
	see("/usage/events?kind=unknown", `"items":[]`)
	blind("/usage/events?identity=" + otherID)
	see("/signals", `"items"`)
	see("/signals/dismissals", `"items"`)
	see("/identities/"+id+"/signals", `"items":[]`)
	blind("/identities/" + otherID + "/signals")
	see("/settings/idle")
	for _, list := range []string{"identities", "credentials", "grants", "findings"} {
		for _, format := range []string{"csv", "json"} {
			see("/exports/"+list+"?format="+format, mine, "Content-Disposition: attachment")
		}
	}
	see("/exports/findings?format=sarif", mine)
	see("/exports/findings?format=ocsf", mine)
	see("/identities/" + id + "/registration")
	blind("/identities/" + otherID + "/registration")
	see("/identities/" + id + "/ownership")
	blind("/identities/" + otherID + "/ownership")
	see("/third-parties")
	see("/notices") // what notices and tickets hold is asked in their own tests
	see("/tickets")
	blind("/notices/none")
	blind("/tickets/none")
	see("/owners")
	see("/owners/queue")
	see("/owners/" + who + "@example.com")
	blind("/owners/" + other[:3] + "@example.com")
	see("/credentials/"+key, mine)
	blind("/credentials/" + otherKey)
	see("/credentials/"+key+"/whole", mine)
	blind("/credentials/" + otherKey + "/whole")
	for _, noun := range []string{"/usage", "/simulations/disable", "/simulations/split", "/simulations/deny?environment=production"} {
		see("/credentials/"+key+noun, mine)
		blind("/credentials/" + otherKey + noun)
	}
	see("/credentials/"+key+"/signals", `"items":[]`)
	blind("/credentials/" + otherKey + "/signals")
	see("/diff?from=2026-01-01T00:00:00Z", mine)
	see("/diff?from=2026-01-01T00:00:00Z&entity="+otherID, `"items":[]`)
	see("/exports/identities?format=csv&manifest=true", mine, `"subject": "identities"`)
	see("/exports/identities?format=csv&sample=3", mine)
	see("/exports/report?format=text", "Content-Disposition: attachment")
	see("/exports/report?format=html&manifest=true", mine)
	see("/findings/"+finding, mine)
	blind("/findings/" + otherFinding)
	return out
}
