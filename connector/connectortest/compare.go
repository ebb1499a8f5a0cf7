package connectortest

import (
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
)

// maxDifferences bounds how many differing facts a failure prints.
const maxDifferences = 20

// sameFacts reports facts that only one of two runs stated, scope by scope.
func sameFacts(t testing.TB, nameA string, a *Result, nameB string, b *Result) {
	t.Helper()
	scopes := append(a.Scopes(), b.Scopes()...)
	slices.SortFunc(scopes, compareScopes)
	for _, sc := range slices.Compact(scopes) {
		sameIn(t, sc, nameA, a, nameB, b)
	}
}

func sameIn(t testing.TB, sc retinue.Scope, nameA string, a *Result, nameB string, b *Result) {
	t.Helper()
	left, right := counts(a.In(sc)), counts(b.In(sc))
	reportOnly(t, sc, nameA, left, right)
	reportOnly(t, sc, nameB, right, left)
}

func counts(facts []retinue.Fact) map[string]int {
	out := make(map[string]int, len(facts))
	for _, f := range facts {
		out[factText(f)]++
	}
	return out
}

func reportOnly(t testing.TB, sc retinue.Scope, name string, in, notIn map[string]int) {
	t.Helper()
	var only []string
	for text, n := range in {
		if n > notIn[text] {
			only = append(only, text)
		}
	}
	slices.Sort(only)
	for i, text := range only {
		if i == maxDifferences {
			t.Errorf("scope %s: only in %s: %d more", sc, name, len(only)-i)
			return
		}
		t.Errorf("scope %s: only in %s: %s", sc, name, text)
	}
}

func sameCompleted(t testing.TB, nameA string, a *Result, nameB string, b *Result) {
	t.Helper()
	for _, p := range []struct {
		name   string
		in, no *Result
	}{{nameA, a, b}, {nameB, b, a}} {
		for sc := range p.in.Completed {
			if _, ok := p.no.Completed[sc]; !ok {
				t.Errorf("scope %s: completed only in %s", sc, p.name)
			}
		}
	}
}
