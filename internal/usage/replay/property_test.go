package replay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// history makes up a history.
func history(r *rand.Rand) []store.Used {
	var out []store.Used
	for range r.IntN(30) {
		b := behaviour(fmt.Sprintf("a:%d", r.IntN(6)), fmt.Sprintf("r%d", r.IntN(3)), fmt.Sprintf("c%d", r.IntN(4)))
		b.Outcome = retinue.Outcomes()[r.IntN(4)]
		if r.IntN(8) == 0 {
			b.Action = ""
		}
		if r.IntN(4) == 0 {
			b.More = fmt.Sprintf("a:%d", r.IntN(6))
		}
		if r.IntN(10) == 0 {
			b.Class = retinue.EventClasses()[r.IntN(5)]
		}
		if slices.ContainsFunc(out, func(u store.Used) bool { return u.Behaviour == b }) {
			continue
		}
		out = append(out, used(b, 1+r.Int64N(20), r.Int64N(1e9)))
	}
	return out
}

// policy answers at random, the same question always alike.
func policy(r *rand.Rand) allows {
	out := allows{}
	for a := range 6 {
		for _, on := range []string{"r0", "r1", "r2", ""} {
			key := fmt.Sprintf("a:%d %s", a, on)
			switch r.IntN(5) {
			case 0, 1:
				out[key] = yes
			case 2:
				out[key] = only("k")
			case 3:
				out[key] = access.Decision{Outcome: access.Unknown}
			}
		}
	}
	return out
}

// TestLaws holds simulations to what must be true of every history and change.
func TestLaws(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // made up
		h := history(r)
		before, after := policy(r), policy(r)
		lesser := allows{}
		for k, d := range before {
			if r.IntN(2) == 0 {
				lesser[k] = d
			}
		}
		var uses, denied int64
		for i := range h {
			switch n := h[i].Months[0].N; {
			case replay.Use(&h[i].Behaviour):
				uses += n
			case h[i].Behaviour.Outcome == retinue.OutcomeDenied:
				denied += n
			}
		}
		all := replay.Run(h, replay.Disable{})
		for _, l := range all.Lines {
			if l.Fate != replay.Refused && l.Why != "no reader understood the log's entry" {
				t.Fatalf("seed %d: disabling leaves %+v", seed, l)
			}
		}
		if same := replay.Run(h, replay.Grants{Before: before, After: before}); same.Counts[replay.Refused] != 0 {
			t.Fatalf("seed %d: a change that takes nothing away refuses %d", seed, same.Counts[replay.Refused])
		}
		if more := replay.Run(h, replay.Grants{Before: lesser, After: before}); more.Counts[replay.Refused] != 0 {
			t.Fatalf("seed %d: a change that only gives refuses %d", seed, more.Counts[replay.Refused])
		}
		for _, x := range []replay.Result{all, replay.Run(h, replay.Grants{Before: before, After: after}), replay.Split(h).Result} {
			sums(t, seed, x, uses, denied)
		}
	}
}

// sums checks that everything adds up, and that who is refused was seen.
func sums(t *testing.T, seed uint64, x replay.Result, uses, denied int64) {
	t.Helper()
	var lines, counts, refused int64
	for _, l := range x.Lines {
		lines += l.Uses
	}
	for _, n := range x.Counts {
		counts += n
	}
	for _, a := range x.RefusedBy {
		refused += a.Uses
	}
	c := x.Coverage
	switch {
	case c.Uses != uses, c.Denied != denied, lines != uses, counts != uses:
		t.Fatalf("seed %d: %d uses, %d denied; coverage %+v, %d in lines, %d counted", seed, uses, denied, c, lines, counts)
	case c.Judged != x.Counts[replay.Refused]+x.Counts[replay.GoesOn], c.Uses-c.Judged != x.Counts[replay.Unjudged]+x.Counts[replay.Unexplained]:
		t.Fatalf("seed %d: coverage %+v of %v", seed, c, x.Counts)
	case refused != x.Counts[replay.Refused], c.JudgedBehaviours > c.Behaviours:
		t.Fatalf("seed %d: refused by %+v of %v", seed, x.RefusedBy, x.Counts)
	}
}
