package usage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

// seen is use by a consumer: at noon each so many days, from a day to another.
func seen(c store.Consumer, from, to, every int, change func(*store.Behaviour)) store.Used {
	u := store.Used{Behaviour: store.Behaviour{Log: "l", Realm: account, Class: retinue.EventManagement, Consumer: c, Outcome: retinue.OutcomeSuccess}}
	if change != nil {
		change(&u.Behaviour)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix()
	for d := from; d <= to; d += every {
		at := start + int64(d)*86400
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

func workload(kind, name, network, agent string) store.Consumer {
	r := retinue.NewRef(cluster, kind, name)
	return store.Consumer{Kind: usage.ConsumerWorkload, Name: name, Workload: r, Network: network, Agent: agent}
}

func program(agent, network string) store.Consumer {
	return store.Consumer{Kind: usage.ConsumerNetwork, Name: agent + " from " + network, Network: network, Agent: agent}
}

func TestShared(t *testing.T) {
	daily := func(c store.Consumer) store.Used { return seen(c, 0, 60, 1, nil) }
	key := func(k string) func(*store.Behaviour) {
		return func(b *store.Behaviour) { b.Credential = retinue.NewRef(account, "access_key", k) }
	}
	for _, c := range []struct {
		name string
		used []store.Used
		want []string
	}{
		{"two workloads", []store.Used{daily(workload("deployment", "shop/web", "10.0.1.0/24", "go")), seen(workload("cronjob", "shop/report", "10.0.1.0/24", "python"), 0, 60, 7, nil)},
			[]string{"shop/web", "shop/report"}},
		{"two programs from two places", []store.Used{daily(program("boto3", "10.0.1.0/24")), daily(program("aws-sdk-java", "10.0.2.0/24"))}, []string{"aws-sdk-java", "boto3"}},
		{"a machine and a vendor", []store.Used{daily(workload("instance", "i-1", "10.0.1.0/24", "boto3")), daily(program("node", "192.0.2.0/24"))}, []string{"i-1", "node"}},
		{"machines that run other things", []store.Used{daily(workload("instance", "i-1", "10.0.1.0/24", "boto3")), daily(workload("instance", "i-2", "10.0.2.0/24", "java"))}, []string{"i-1", "i-2"}},
		{"by month only", []store.Used{coarse(daily(workload("deployment", "shop/web", "", ""))), coarse(daily(workload("deployment", "shop/api", "", "")))}, []string{"shop/api", "shop/web"}},

		{"one", []store.Used{daily(workload("deployment", "shop/web", "10.0.1.0/24", "go"))}, nil},
		{"replicas", []store.Used{daily(workload("pod", "shop/db-0", "10.0.1.0/24", "go")), daily(workload("pod", "shop/db-1", "10.0.2.0/24", "go"))}, nil},
		{"machines of a group", []store.Used{daily(workload("instance", "i-1", "10.0.1.0/24", "boto3")), daily(workload("instance", "i-2", "10.0.2.0/24", "boto3"))}, nil},
		{"machines that a third joins", []store.Used{daily(workload("instance", "i-1", "10.0.1.0/24", "boto3")), daily(workload("instance", "i-2", "10.0.2.0/24", "java")),
			daily(workload("instance", "i-3", "10.0.3.0/24", "java")), seen(workload("instance", "i-3", "10.0.3.0/24", "boto3"), 0, 60, 1, nil)}, nil},
		{"a rollout", []store.Used{seen(workload("deployment", "shop/web-v1", "", ""), 0, 34, 1, nil), seen(workload("deployment", "shop/web-v2", "", ""), 25, 60, 1, nil)}, nil},
		{"a move", []store.Used{seen(program("boto3", "10.0.1.0/24"), 0, 30, 1, nil), seen(program("aws-sdk-go", "10.0.2.0/24"), 31, 60, 1, nil)}, nil},
		{"one host by two addresses", []store.Used{daily(program("boto3", "10.0.1.0/24")), daily(program("boto3", "10.0.2.0/24"))}, nil},
		{"two programs of one host", []store.Used{daily(program("boto3", "10.0.1.0/24")), daily(program("terraform", "10.0.1.0/24"))}, nil},
		{"a workload, and its address without its name", []store.Used{daily(workload("deployment", "shop/web", "10.0.1.0/24", "go")), daily(program("go", "10.0.9.0/24"))}, nil},
		{"a key each", []store.Used{seen(program("boto3", "10.0.1.0/24"), 0, 60, 1, key("one")), seen(program("node", "10.0.2.0/24"), 0, 60, 1, key("two"))}, nil},
		{"a person at a keyboard", []store.Used{daily(program("boto3", "10.0.1.0/24")), daily(program("aws-cli", "10.0.2.0/24"))}, nil},
		{"people by the log's word", []store.Used{daily(program("boto3", "10.0.1.0/24")), seen(program("node", "10.0.2.0/24"), 0, 60, 1, func(b *store.Behaviour) { b.Person = true })}, nil},
		{"refused attempts", []store.Used{daily(program("boto3", "10.0.1.0/24")), seen(program("node", "10.0.2.0/24"), 0, 60, 1, func(b *store.Behaviour) { b.Outcome = retinue.OutcomeDenied })}, nil},
		{"a week", []store.Used{daily(program("boto3", "10.0.1.0/24")), seen(program("node", "10.0.2.0/24"), 50, 60, 1, nil)}, nil},
		{"twice", []store.Used{daily(program("boto3", "10.0.1.0/24")), seen(program("node", "10.0.2.0/24"), 0, 60, 40, nil)}, nil},
		{"long ago", []store.Used{seen(program("boto3", "10.0.1.0/24"), 0, 120, 1, nil), seen(program("node", "10.0.2.0/24"), 0, 60, 1, nil)}, nil},
	} {
		got := usage.Shared(c.used)
		var names []string
		if got != nil {
			for _, s := range got.Consumers {
				names = append(names, s.Name)
			}
			if got.To.Sub(got.From) < 14*24*time.Hour || got.Consumers[0].First.IsZero() || got.Consumers[0].Days < 3 {
				t.Errorf("%s: %+v does not say when", c.name, got)
			}
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: shared by %q, want %q", c.name, names, c.want)
		}
	}
}

// coarse is use of which only the days are kept.
func coarse(u store.Used) store.Used {
	for i := range u.Months {
		u.Months[i].Coarsen(store.GrainMonth)
	}
	return u
}
