package verdict

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// TestProvenSaysNoMoreThanTheLog: the best grade of a system's logs, since when and
// until when, and what goes on after it.
func TestProvenSaysNoMoreThanTheLog(t *testing.T) {
	at := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	log := func(from, to int, change func(*retinue.Coverage)) retinue.Coverage {
		c := retinue.Coverage{Log: "l", Realm: "test:1", From: at(from), To: at(to), Proof: "whole", Authenticated: true,
			Classes: []retinue.EventClass{retinue.EventManagement, retinue.EventData, retinue.EventSignIn}}
		if change != nil {
			change(&c)
		}
		return c
	}
	spot := func(b retinue.BlindSpot) func(*retinue.Coverage) {
		return func(c *retinue.Coverage) { c.BlindSpots = []retinue.BlindSpot{b} }
	}
	unproven := func(c *retinue.Coverage) { c.Proof = "" }
	for name, tc := range map[string]struct {
		logs []retinue.Coverage
		want string
	}{
		"no log":                    {nil, ""},
		"whole":                     {[]retinue.Coverage{log(1, 5, nil), log(5, 9, nil)}, "A 1-9"},
		"not proven":                {[]retinue.Coverage{log(1, 9, unproven)}, "C 1-9"},
		"anybody could write it":    {[]retinue.Coverage{log(1, 9, func(c *retinue.Coverage) { c.Authenticated = false })}, "C 1-9"},
		"sorts of event not told":   {[]retinue.Coverage{log(1, 9, func(c *retinue.Coverage) { c.Classes = nil })}, "C 1-9"},
		"a spot for some actions":   {[]retinue.Coverage{log(1, 9, spot(retinue.BlindSpot{Code: "x", Actions: []string{"a:*"}}))}, "B 1-9"},
		"a spot for everybody":      {[]retinue.Coverage{log(1, 9, spot(retinue.BlindSpot{Code: "x"}))}, "C 1-9"},
		"a spot on some resources":  {[]retinue.Coverage{log(1, 9, spot(retinue.BlindSpot{Code: "x", Resources: []string{"r"}}))}, "C 1-9"},
		"a spot for a time":         {[]retinue.Coverage{log(1, 9, spot(retinue.BlindSpot{Code: "x", From: at(5), To: at(9)}))}, "A 1-5, C 5-9"},
		"worse after":               {[]retinue.Coverage{log(1, 5, nil), log(5, 9, unproven)}, "A 1-5, C 5-9"},
		"worse after a gap":         {[]retinue.Coverage{log(1, 4, nil), log(6, 9, unproven)}, "A 1-4, C 6-9"},
		"worse before":              {[]retinue.Coverage{log(1, 5, unproven), log(5, 9, nil)}, "A 5-9"},
		"with a gap, the last":      {[]retinue.Coverage{log(1, 4, nil), log(6, 9, nil)}, "A 6-9"},
		"two logs, one makes good":  {[]retinue.Coverage{log(1, 9, unproven), log(3, 7, nil)}, "A 3-7, C 7-9"},
		"beyond now is not covered": {[]retinue.Coverage{log(1, 40, nil)}, "A 1-20"},
	} {
		var got []string
		for _, s := range Proven(tc.logs, at(20)) {
			got = append(got, fmt.Sprintf("%s %d-%d", s.Grade, s.From.Day(), s.To.Day()))
		}
		if strings.Join(got, ", ") != tc.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, ", "), tc.want)
		}
	}
}
