package usage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

// acting is use by a consumer in hours of 2026-03-01 and after.
func acting(c store.Consumer, hours []int, change func(*store.Behaviour)) store.Used {
	u := store.Used{Behaviour: store.Behaviour{Log: "l", Realm: account, Class: retinue.EventManagement, Consumer: c, Outcome: retinue.OutcomeSuccess}}
	if change != nil {
		change(&u.Behaviour)
	}
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	hours = slices.Clone(hours)
	slices.Sort(hours)
	for _, h := range slices.Compact(hours) {
		at := start + int64(h)*3600 + 600
		month := store.UsageMonth(at)
		if n := len(u.Months); n == 0 || u.Months[n-1].Month != month {
			u.Months = append(u.Months, store.Month{Month: month, Grain: store.GrainHour})
		}
		m := &u.Months[len(u.Months)-1]
		m.Hours = append(m.Hours, store.Tally{Hour: at / 3600, N: 1, First: at, Last: at})
		m.Sum()
	}
	return u
}

// at are the hours of a clock on each so many days, from a day to another.
func at(hour, from, to, every int) (out []int) {
	for d := from; d <= to; d += every {
		out = append(out, d*24+hour)
	}
	return out
}

// dealt deals hours out to two, as one that is now here and now there does.
func dealt(hours []int) (a, b []int) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's own randomness
	for _, h := range hours {
		if r.IntN(2) == 0 {
			a = append(a, h)
		} else {
			b = append(b, h)
		}
	}
	return a, b
}

func denied(b *store.Behaviour) { b.Outcome = retinue.OutcomeDenied }

func unnamed(network string) store.Consumer {
	return store.Consumer{Kind: usage.ConsumerNetwork, Name: network, Network: network}
}

func application(name, network string) store.Consumer {
	return store.Consumer{Kind: usage.ConsumerApplication, Name: name, Network: network}
}

func TestRecognise(t *testing.T) {
	nightly := at(2, 0, 60, 1)
	one, other := dealt(nightly)
	weekly, weeklyToo := dealt(at(7, 0, 84, 7))
	hourly := make([]int, 60*24)
	for h := range hourly {
		hourly[h] = h
	}
	continuous, continuousToo := dealt(hourly)
	for _, c := range []struct {
		name string
		used []store.Used
		want []string // kind, name and, after a bar, networks
	}{
		{"one", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil)}, []string{"network boto3 from 10.0.1.0/24|10.0.1.0/24"}},
		{"one program that is now here and now there", []store.Used{acting(program("boto3", "10.0.1.0/24"), one, nil), acting(program("boto3", "10.0.2.0/24"), other, nil)},
			[]string{"network boto3 from 10.0.1.0/24 and 1 more|10.0.1.0/24,10.0.2.0/24"}},
		{"and all day", []store.Used{acting(program("boto3", "10.0.1.0/24"), continuous, nil), acting(program("boto3", "10.0.2.0/24"), continuousToo, nil)},
			[]string{"network boto3 from 10.0.2.0/24 and 1 more|10.0.2.0/24,10.0.1.0/24"}},
		{"one program that moves", []store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 30, 1), nil), acting(program("boto3", "10.0.2.0/24"), at(2, 31, 60, 1), nil)},
			[]string{"network boto3 from 10.0.1.0/24 and 1 more|10.0.1.0/24,10.0.2.0/24"}},
		{"a fleet", fleet(20, "boto3"), []string{"network boto3 from 10.0.0.0/24 and 19 more|"}},
		{"sessions of no program that are now here and now there", []store.Used{acting(unnamed("10.0.1.0/24"), weekly, nil), acting(unnamed("10.0.2.0/24"), weeklyToo, nil)},
			[]string{"network 10.0.1.0/24 and 1 more|10.0.1.0/24,10.0.2.0/24"}},
		{"sessions that move", []store.Used{acting(unnamed("10.0.1.0/24"), at(7, 0, 21, 7), nil), acting(unnamed("10.0.2.0/24"), at(7, 28, 60, 7), nil)},
			[]string{"network 10.0.2.0/24 and 1 more|10.0.2.0/24,10.0.1.0/24"}},
		{"a place where another program takes over", []store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 30, 1), nil), acting(program("aws-sdk-go", "10.0.1.0/24"), at(2, 31, 60, 1), nil)},
			[]string{"network boto3 from 10.0.1.0/24|10.0.1.0/24"}},
		{"a program of which some entries say nothing", []store.Used{acting(application("dbt", "10.0.1.0/24"), nightly, nil), acting(unnamed("10.0.1.0/24"), at(2, 4, 6, 1), denied)},
			[]string{"application dbt|10.0.1.0/24"}},
		{"the ends of sessions", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(store.Consumer{Kind: usage.ConsumerUnknown}, at(3, 0, 60, 1), nil)},
			[]string{"network 10.0.1.0/24|10.0.1.0/24"}},
		{"one that was forgotten", []store.Used{acting(unnamed("10.0.1.0/24"), at(3, 5, 5, 1), denied), acting(unnamed("10.0.2.0/24"), at(9, 6, 7, 1), denied)},
			[]string{"network 10.0.2.0/24 and 1 more|10.0.2.0/24,10.0.1.0/24"}},
		{"a workload inside and through its way out", []store.Used{acting(workload("deployment", "shop/web", "10.0.1.0/24", "go"), nightly, nil), acting(workload("deployment", "shop/web", "192.0.2.0/24", "go"), nightly, nil)},
			[]string{"workload shop/web|10.0.1.0/24,192.0.2.0/24"}},

		{"one program at two clocks", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("boto3", "10.0.2.0/24"), at(14, 0, 60, 1), nil)},
			[]string{"network boto3 from 10.0.2.0/24|10.0.2.0/24", "network boto3 from 10.0.1.0/24|10.0.1.0/24"}},
		{"one application at two clocks", []store.Used{acting(application("app", "10.0.1.0/24"), nightly, nil), acting(application("app", "10.0.2.0/24"), at(14, 0, 60, 1), nil)},
			[]string{"application app from 10.0.2.0/24|10.0.2.0/24", "application app from 10.0.1.0/24|10.0.1.0/24"}},
		{"inside and on the internet", []store.Used{acting(program("boto3", "10.0.1.0/24"), one, nil), acting(program("boto3", "192.0.2.0/24"), other, nil)},
			[]string{"network boto3 from 10.0.1.0/24|10.0.1.0/24", "network boto3 from 192.0.2.0/24|192.0.2.0/24"}},
		{"two programs of one place", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("terraform", "10.0.1.0/24"), nightly, nil)},
			[]string{"network boto3 from 10.0.1.0/24|10.0.1.0/24", "network terraform from 10.0.1.0/24|10.0.1.0/24"}},
		{"a program that comes long after another", []store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 10, 1), nil), acting(program("terraform", "10.0.1.0/24"), at(2, 50, 60, 1), nil)},
			[]string{"network terraform from 10.0.1.0/24|10.0.1.0/24", "network boto3 from 10.0.1.0/24|10.0.1.0/24"}},
		{"sessions at two clocks", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(unnamed("10.0.2.0/24"), at(14, 0, 60, 1), nil)},
			[]string{"network 10.0.2.0/24|10.0.2.0/24", "network 10.0.1.0/24|10.0.1.0/24"}},
		{"two sessions of nothing more", []store.Used{acting(unnamed("10.0.1.0/24"), []int{5}, nil), acting(unnamed("10.0.2.0/24"), []int{40}, nil)},
			[]string{"network 10.0.2.0/24|10.0.2.0/24", "network 10.0.1.0/24|10.0.1.0/24"}},
		{"a token of a workload in other hands", []store.Used{acting(workload("deployment", "shop/web", "10.0.1.0/24", "go"), nightly, nil), acting(workload("deployment", "shop/web", "198.51.100.0/24", "kubectl"), at(9, 40, 44, 1), nil)},
			[]string{"workload shop/web|10.0.1.0/24", "network kubectl from 198.51.100.0/24|198.51.100.0/24"}},
		{"two people alike", []store.Used{acting(program("psql", "10.0.1.0/24"), one, person), acting(program("psql", "10.0.2.0/24"), other, person)},
			[]string{"network psql from 10.0.1.0/24|10.0.1.0/24", "network psql from 10.0.2.0/24|10.0.2.0/24"}},
		{"what nobody was there for", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(store.Consumer{Kind: usage.ConsumerUnknown}, at(14, 0, 60, 1), nil)},
			[]string{"unknown |", "network 10.0.1.0/24|10.0.1.0/24"}},
		{"guesses from outside", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(unnamed("203.0.113.0/24"), at(2, 30, 30, 1), denied)},
			[]string{"network 10.0.1.0/24|10.0.1.0/24", "network 203.0.113.0/24|203.0.113.0/24"}},
	} {
		list, of := usage.Recognise(c.used)
		var got []string
		var uses, all int64
		for i, r := range list {
			name := r.Kind + " " + r.Name + "|"
			if i >= len(c.want) || !strings.HasSuffix(c.want[i], "|") {
				name += strings.Join(r.Networks, ",")
			}
			got = append(got, name)
			uses += r.Uses + r.Denied
			if r.First.IsZero() || r.Last.Before(r.First) {
				t.Errorf("%s: %+v does not say when", c.name, r)
			}
		}
		for i, u := range c.used {
			if of[i] >= 0 {
				for _, m := range u.Months {
					all += m.N
				}
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if uses != all {
			t.Errorf("%s: %d uses of %d", c.name, uses, all)
		}
	}
}

func person(b *store.Behaviour) { b.Person = true }

// fleet is one program in so many places.
func fleet(n int, agent string) (out []store.Used) {
	for i := range n {
		out = append(out, acting(program(agent, fmt.Sprintf("10.0.%d.0/24", i)), at(i%24, 0, 60, 1), nil))
	}
	return out
}

// TestChangesAreNoted: what moved, and what has a new client, is told with when.
func TestChangesAreNoted(t *testing.T) {
	moved, _ := usage.Recognise([]store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 30, 1), nil), acting(program("boto3", "10.0.2.0/24"), at(2, 31, 60, 1), nil)})
	want := usage.Change{At: time.Date(2026, 4, 1, 2, 10, 0, 0, time.UTC), What: "network", From: "10.0.1.0/24", To: "10.0.2.0/24"}
	if len(moved) != 1 || !slices.Equal(moved[0].Changes, []usage.Change{want}) {
		t.Errorf("moved: %+v", moved)
	}
	client, _ := usage.Recognise([]store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 30, 1), nil), acting(program("aws-sdk-go", "10.0.1.0/24"), at(2, 31, 60, 1), nil)})
	want = usage.Change{At: want.At, What: "agent", From: "boto3", To: "aws-sdk-go"}
	if len(client) != 1 || !slices.Equal(client[0].Changes, []usage.Change{want}) {
		t.Errorf("new client: %+v", client)
	}
	one, other := dealt(at(2, 0, 60, 1))
	both, _ := usage.Recognise([]store.Used{acting(program("boto3", "10.0.1.0/24"), one, nil), acting(program("boto3", "10.0.2.0/24"), other, nil)})
	if len(both) != 1 || len(both[0].Changes) != 0 {
		t.Errorf("now here, now there: %+v", both)
	}
}

func TestPossiblyShared(t *testing.T) {
	nightly, daily := at(2, 0, 60, 1), at(14, 0, 60, 1)
	one, other := dealt(nightly)
	for _, c := range []struct {
		name string
		used []store.Used
		want []string
	}{
		{"one program at two clocks", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("boto3", "10.0.2.0/24"), daily, nil)},
			[]string{"boto3 from 10.0.1.0/24", "boto3 from 10.0.2.0/24"}},
		{"sessions at two clocks", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(unnamed("10.0.2.0/24"), daily, nil)}, []string{"10.0.1.0/24", "10.0.2.0/24"}},
		{"inside and on the internet", []store.Used{acting(program("boto3", "10.0.1.0/24"), one, nil), acting(program("boto3", "192.0.2.0/24"), other, nil)},
			[]string{"boto3 from 10.0.1.0/24", "boto3 from 192.0.2.0/24"}},

		{"one that is now here and now there", []store.Used{acting(program("boto3", "10.0.1.0/24"), one, nil), acting(program("boto3", "10.0.2.0/24"), other, nil)}, nil},
		{"two programs of one place", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("terraform", "10.0.1.0/24"), daily, nil)}, nil},
		{"a move to another hour", []store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 30, 1), nil), acting(program("boto3", "10.0.2.0/24"), at(14, 31, 60, 1), nil)}, nil},
		{"a week", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("boto3", "10.0.2.0/24"), at(14, 50, 60, 1), nil)}, nil},
		{"few times", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(unnamed("10.0.2.0/24"), at(14, 0, 60, 10), nil)}, nil},
		{"people at a keyboard", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("aws-cli", "10.0.2.0/24"), daily, nil)}, nil},
		{"a person", []store.Used{acting(program("boto3", "10.0.1.0/24"), nightly, nil), acting(program("boto3", "10.0.2.0/24"), daily, person)}, nil},
		{"guesses", []store.Used{acting(unnamed("10.0.1.0/24"), nightly, nil), acting(unnamed("203.0.113.0/24"), daily, denied)}, nil},
		{"a fleet", fleet(20, "boto3"), nil},
		{"long ago", []store.Used{acting(program("boto3", "10.0.1.0/24"), at(2, 0, 150, 1), nil), acting(program("boto3", "10.0.2.0/24"), daily, nil)}, nil},
		{"days alone", []store.Used{coarse(acting(program("boto3", "10.0.1.0/24"), nightly, nil)), coarse(acting(program("boto3", "10.0.2.0/24"), daily, nil))}, nil},
	} {
		if s := usage.Shared(c.used); s != nil {
			t.Errorf("%s: %+v is shared surely", c.name, s)
		}
		var names []string
		if s := usage.PossiblyShared(c.used); s != nil {
			for _, x := range s.Consumers {
				names = append(names, x.Name)
			}
			if s.To.Sub(s.From) < 14*24*time.Hour || s.Consumers[0].Days < 3 {
				t.Errorf("%s: %+v does not say when", c.name, s)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: shared by %q, want %q", c.name, names, c.want)
		}
	}
}
