package api_test

import (
	"testing"

	"github.com/retinue-id/retinue"
)

// TestIdleThreshold: the threshold of idleness is set for all and by kind, after
// a preview of what it changes, on record.
func TestIdleThreshold(t *testing.T) {
	l := newTimeline(t)
	role := func(name string, kind retinue.IdentityKind, daysBefore int) []retinue.Fact {
		ref := retinue.NewRef("test:1", "role", name)
		return []retinue.Fact{retinue.Identity{Ref: ref, Name: name, Kind: kind, Class: retinue.ClassNonHuman, State: retinue.StateActive},
			retinue.Use{Subject: ref, Meaning: "last_used", At: l.at.AddDate(0, 0, -daysBefore), Grade: retinue.GradeC}}
	}
	facts := append(role("r40", retinue.IdentityRole, 40), role("r100", retinue.IdentityRole, 100)...)
	facts = append(facts, role("w40", retinue.IdentityWorkload, 40)...)
	facts = append(facts, retinue.Identity{Ref: retinue.NewRef("test:1", "role", "never"), Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: retinue.StateActive})
	l.scan(facts...)
	const strict = `{"days":30}`
	const mixed = `{"days":120,"byKind":{"workload":30}}`
	set := []retinue.RecordAction{retinue.RecordIdleSet}
	l.run([]scenario{
		{name: "default", as: "viewer", path: "/settings/idle", status: 200, contains: []string{`"days":90`, `"byKind":{}`, `"inFile":false`}},
		{name: "preview", as: "admin", method: "POST", path: "/settings/idle/preview", body: strict, status: 200,
			contains: []string{`"idle":1`, `"idleThen":3`, `"becoming":2`, `"ceasing":0`, `"unknown":1`, `"byKind":{"role":1,"workload":1}`}},
		{name: "preview by kind", as: "admin", method: "POST", path: "/settings/idle/preview", body: mixed, status: 200,
			contains: []string{`"becoming":1`, `"ceasing":1`, `"byKind":{"role":1,"workload":1}`}},
		{name: "not for a viewer", as: "viewer", method: "PUT", path: "/settings/idle", body: strict, status: 403},
		{name: "no days", as: "admin", method: "PUT", path: "/settings/idle", body: `{"days":0}`, status: 422, contains: []string{"body.days"}},
		{name: "no such kind", as: "admin", method: "PUT", path: "/settings/idle", body: `{"days":9,"byKind":{"shoe":3}}`, status: 422, contains: []string{"shoe"}},
		{name: "changed meanwhile", as: "admin", method: "PUT", path: "/settings/idle", body: strict, header: map[string]string{"If-Match": `"x"`}, status: 412},
		{name: "set", as: "admin", method: "PUT", path: "/settings/idle", body: mixed, status: 200, contains: []string{`"days":120`, `"workload":30`}, records: set},
		{name: "the same again is no change", as: "admin", method: "PUT", path: "/settings/idle", body: mixed, status: 200},
		{name: "the overview follows", as: "viewer", path: "/overview", status: 200, contains: []string{`"idleDays":120`}},
	})
	got := l.overview("")
	if m := got["inactive_identities"]; m.Value == nil || *m.Value != 1 || m.Unknown != 1 {
		t.Errorf("inactive identities: %+v", m)
	}
}
