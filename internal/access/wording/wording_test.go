package wording

import (
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

func TestSome(t *testing.T) {
	for want, kinds := range map[string][]string{
		"":                                     nil,
		"a":                                    {"a", "a"},
		"a and b":                              {"b", "a"},
		"a, b, c and d":                        {"d", "c", "b", "a"},
		"a, b, c, d and 2 more kinds of thing": {"f", "e", "d", "c", "b", "a"},
	} {
		if got := Some(kinds); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Words("secretVersions"); got != "secret versions" {
		t.Error(got)
	}
}

func TestSort(t *testing.T) {
	list := []access.Held{{Consequence: access.Looks, Outcome: access.Allowed}, {Consequence: access.Escalates, Outcome: access.Unknown},
		{Consequence: access.Escalates, Outcome: access.Allowed, Sentence: "b"}, {Consequence: access.Escalates, Outcome: access.Allowed, Sentence: "a"}, {Consequence: access.Administers, Outcome: access.Conditional}}
	Sort(list)
	got := ""
	for _, h := range list {
		got += string(h.Consequence) + " " + string(h.Outcome) + " " + h.Sentence + ";"
	}
	if want := "administers Conditional ;escalates Allowed a;escalates Allowed b;escalates Unknown ;looks Allowed ;"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestDisabled(t *testing.T) {
	for in, want := range map[access.Outcome]access.Outcome{access.Allowed: access.Conditional, access.Conditional: access.Conditional, access.Unknown: access.Unknown, access.ImplicitlyDenied: access.ImplicitlyDenied} {
		d := Disabled(access.Decision{Outcome: in}, "it is enabled")
		if d.Outcome != want || (want == access.Conditional) != (len(d.Remains) == 1) {
			t.Errorf("%s: %+v", in, d)
		}
	}
}
