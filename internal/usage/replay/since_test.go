package replay_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// TestDate: parts of a grant that came at different times are told apart, and what
// came lately is no more called unused.
func TestDate(t *testing.T) {
	because := []access.Reason{{Document: "p", Statement: "#1", Effect: "allow"}}
	u := replay.Unused([]access.Held{{Sentence: "reads", Actions: []string{"a:Old", "a:Young", "a:*Mid"}, Because: because},
		{Sentence: "writes", Actions: []string{"a:Write"}, Resources: []string{"x", "y", "z"}, Because: because}}, []store.Used{used(behaviour("a:TheMid", "", "x"), 1, 0), used(behaviour("a:Write", "x", "x"), 1, 0)}, nil, nil)
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	u.Date(func(_ access.Held, action string, resources []string) time.Time {
		switch {
		case action == "a:Young" || len(resources) == 1 && resources[0] == "z":
			return day(20)
		case action == "a:*Mid":
			return day(5)
		}
		return time.Time{}
	}, day(10))
	var got []string
	for _, g := range u.Unused {
		got = append(got, fmt.Sprint(g.Actions, g.Resources, g.Used, g.GrantedSince.Day()))
	}
	got = append(got, "recent")
	for _, g := range u.Recent {
		got = append(got, fmt.Sprint(g.Actions, g.Resources, g.Used, g.GrantedSince.Day()))
	}
	if want := []string{"[a:Old] [] [] 1", "[a:*Mid] [] [a:TheMid] 5", "[] [y] [] 1", "recent", "[a:Young] [] [] 20", "[] [z] [] 20"}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestGives: another grant may have given the same, and less is not the same.
func TestGives(t *testing.T) {
	held := []access.Held{{Actions: []string{"s3:Get*"}, Resources: []string{"arn:a/*"}}, {Actions: []string{"s3:Put?"}}, {Actions: []string{"list"}, Within: "pay"}}
	for _, c := range []struct {
		action, within string
		on             []string
		want           bool
	}{
		{"s3:GetObject", "", []string{"arn:a/x"}, true}, {"s3:getobject", "", []string{"arn:a/x*"}, true}, {"s3:Get*", "", []string{"arn:a/*"}, true}, {"s3:*", "", []string{"arn:a/*"}, false},
		{"s3:GetObject", "", nil, false}, {"s3:GetObject", "", []string{"arn:a/x", "arn:b/x"}, false}, {"s3:Put*", "", nil, false}, {"s3:Put?", "", nil, true},
		{"list", "pay", nil, true}, {"list", "", nil, false}, {"list", "shop", nil, false},
	} {
		if got := replay.Gives(held, access.Held{Within: c.within}, c.action, c.on); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
