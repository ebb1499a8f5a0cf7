package verdict

import (
	"fmt"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// TestSeeElsewhere takes away what other projects' logs would show as far as these
// are whole, and no further.
func TestSeeElsewhere(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	spot := retinue.BlindSpot{Code: "gcp.other_projects", Elsewhere: "gcp"}
	read := func(realm retinue.Realm, from, to int, proof string) retinue.Coverage {
		return retinue.Coverage{Log: "gcp.audit", Realm: realm, From: day(from), To: day(to), Proof: proof, Authenticated: true, BlindSpots: []retinue.BlindSpot{{Code: "other"}, spot}}
	}
	all := func(string) []retinue.Realm { return []retinue.Realm{"gcp:a", "gcp:b", "gcp:organizations/1"} }
	organisation := read("gcp:organizations/1", 1, 31, "paged")
	for name, c := range map[string]struct {
		coverage []retinue.Coverage
		systems  func(string) []retinue.Realm
		want     string // where the spot holds for gcp:a, by days
	}{
		"all are whole":             {[]retinue.Coverage{read("gcp:a", 1, 30, "p"), read("gcp:b", 1, 31, "p"), organisation}, all, "[]"},
		"one was not read":          {[]retinue.Coverage{read("gcp:a", 1, 30, "p"), organisation}, all, "[whole]"},
		"one is not proven":         {[]retinue.Coverage{read("gcp:a", 1, 30, "p"), read("gcp:b", 1, 31, ""), organisation}, all, "[whole]"},
		"one has a gap":             {[]retinue.Coverage{read("gcp:a", 1, 30, "p"), read("gcp:b", 1, 10, "p"), read("gcp:b", 12, 31, "p"), organisation}, all, "[10-12]"},
		"one begins later":          {[]retinue.Coverage{read("gcp:a", 1, 30, "p"), read("gcp:b", 20, 31, "p"), organisation}, all, "[1-20]"},
		"the project has a gap":     {[]retinue.Coverage{read("gcp:a", 1, 10, "p"), read("gcp:a", 12, 30, "p"), read("gcp:b", 1, 31, "p"), organisation}, all, "[]"},
		"nobody knows which exist":  {[]retinue.Coverage{read("gcp:a", 1, 30, "p"), read("gcp:b", 1, 31, "p")}, func(string) []retinue.Realm { return nil }, "[whole]"},
		"its own log is not proven": {[]retinue.Coverage{read("gcp:a", 1, 30, ""), read("gcp:b", 1, 31, "p"), organisation}, all, "[whole]"},
	} {
		t.Run(name, func(t *testing.T) {
			byRealm := map[retinue.Realm][]retinue.Coverage{}
			for _, x := range c.coverage {
				byRealm[x.Realm] = append(byRealm[x.Realm], x)
			}
			SeeElsewhere(byRealm, c.systems)
			var got []string
			for _, x := range byRealm["gcp:a"] {
				if x.BlindSpots[0].Code != "other" {
					t.Errorf("another blind spot went away: %v", x.BlindSpots)
				}
				for _, b := range x.BlindSpots[1:] {
					if b.From.IsZero() {
						got = append(got, "whole")
					} else {
						got = append(got, fmt.Sprintf("%d-%d", b.From.Day(), b.To.Day()))
					}
				}
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("it holds in %v, want %s", got, c.want)
			}
		})
	}
	if c := read("gcp:a", 1, 2, "p"); len(c.BlindSpots) != 2 || c.BlindSpots[1].From != (time.Time{}) {
		t.Error("the reader's own words were changed")
	}
}
