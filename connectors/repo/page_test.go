package repo

import (
	"os"
	"strings"
	"testing"
)

func TestPageAgreesWithSpec(t *testing.T) {
	data, err := os.ReadFile("../../docs/connectors/repo.md")
	if err != nil {
		t.Fatal(err)
	}
	page, spec := string(data), Spec()
	has := func(what, text string) {
		t.Helper()
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %s: %s", what, text)
		}
	}
	for _, o := range spec.Options {
		has("option", "`"+o.Name+"` | "+o.Help+" | "+o.Default)
	}
	for _, d := range spec.Privileges {
		has("document", strings.TrimSpace(d.Body))
	}
	for _, list := range [][]string{spec.Sees, spec.BlindSpots, spec.CouldRead} {
		for _, s := range list {
			has("sentence", s)
		}
	}
	for _, e := range spec.Examples {
		has("example", e.Form)
		has("example", e.Help)
	}
	for _, f := range spec.Target {
		has("target", "`"+f.Form+"` | "+f.Help)
	}
}
