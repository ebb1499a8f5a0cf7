package host

import (
	"os"
	"strings"
	"testing"
)

// TestPage holds the connector's page to its Spec.
func TestPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/connectors/host.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	s := Spec()
	want := append([]string{s.Title, s.Summary}, s.Sees...)
	want = append(want, s.BlindSpots...)
	want = append(want, s.CouldRead...)
	for _, f := range s.Target {
		want = append(want, s.Kind+"="+f.Form, f.Help)
	}
	for _, f := range s.Examples {
		want = append(want, "retinue scan "+f.Form, f.Help)
	}
	for _, o := range s.Options {
		want = append(want, "`"+o.Name+"`", o.Help, o.Default)
	}
	for _, d := range s.Privileges {
		want = append(want, d.Title, d.Body)
	}
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("docs/connectors/host.md does not hold %q", w)
		}
	}
}
