package connectortest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/connector"
)

// ActivityPage holds the page of a kind that reads logs to its Spec.
func ActivityPage(t testing.TB, spec connector.Spec, path string) {
	t.Helper()
	raw, err := os.ReadFile(path) //nolint:gosec // the test names it
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, f := range spec.Activity.Target {
		want = append(want, spec.Kind+"="+f.Form, f.Help)
	}
	for _, f := range spec.Activity.Examples {
		want = append(want, "retinue activity import "+f.Form, f.Help)
	}
	for _, l := range spec.Activity.Logs {
		want = append(want, "`"+l.Name+"`")
		want = append(want, l.Covers...)
		for _, b := range l.BlindSpots {
			want = append(want, "`"+b.Code+"`", b.Text, b.Raise, b.Cost)
		}
	}
	if spec.Open == nil { // the whole page is about logs
		want = append(want, spec.Title, spec.Summary)
		want = append(want, slices.Concat(spec.Sees, spec.BlindSpots, spec.CouldRead)...)
		for _, o := range spec.Options {
			want = append(want, "`"+o.Name+"`", o.Help, o.Default)
		}
		for _, d := range spec.Privileges {
			want = append(want, d.Title, d.Body)
		}
	}
	for _, w := range want {
		if !strings.Contains(string(raw), w) {
			t.Errorf("%s does not hold %q", filepath.Base(path), w)
		}
	}
}
