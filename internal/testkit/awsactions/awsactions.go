// Package awsactions gives tests of connectors the actions of AWS that the
// access engine knows, so that what a connector embeds of them is compared and
// renewed without the connector depending on the engine.
package awsactions

import (
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/awsdata"
)

// Table returns a line for each service, sorted: its prefix, a tab, and the
// names of its actions with a blank between them.
func Table(t testing.TB) string {
	t.Helper()
	data, err := awsdata.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, prefix := range data.Services() {
		names := data.Expand(prefix + ":*")
		for i, n := range names {
			_, names[i], _ = strings.Cut(n, ":")
		}
		slices.Sort(names)
		b.WriteString(prefix + "\t" + strings.Join(names, " ") + "\n")
	}
	return b.String()
}

// Known returns a function that says whether an action exists.
func Known(t testing.TB) func(action string) bool {
	t.Helper()
	data, err := awsdata.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return func(action string) bool {
		_, ok := data.Action(action)
		return ok
	}
}
