package cli

import (
	"context"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// benchConclusions says what this database concludes, in the words of the
// benchmark.
func benchConclusions(ctx context.Context, a *app.App) (bench.Conclusions, error) {
	var out bench.Conclusions
	owners, err := benchOwners(ctx, a)
	if err != nil {
		return out, err
	}
	for line, err := range a.Verdicts(ctx, store.Everything(), store.VerdictQuery{Type: retinue.FactIdentity}, 0) {
		if err != nil {
			return out, err
		}
		u, err := a.UsageOf(ctx, store.Everything(), line.ID)
		if err != nil {
			return out, err
		}
		c := bench.Conclusion{Ref: u.Ref, Status: bench.Status(u.Verdict), Grade: u.Grade, SilentSince: u.SilentSince, SilentUntil: u.SilentUntil,
			Rhythm: benchRhythm(u.Rhythm.Class), Owner: owners[line.ID]}
		if c.Owner != "" {
			c.OwnerConfidence = 1 // an owner is registered or not
		}
		for _, x := range u.Consumers {
			c.Consumers = append(c.Consumers, benchConsumer(x))
		}
		out.Identities = append(out.Identities, c)
		signals, err := a.SignalsSince(ctx, line.ID, time.Time{})
		if err != nil {
			return out, err
		}
		for _, s := range signals {
			out.Signals = append(out.Signals, bench.Signal{Kind: bench.SignalKind(s.Kind), Identity: u.Ref, At: s.First})
		}
	}
	logs, err := a.ActivityLogs(ctx)
	for _, u := range logs.Unlisted {
		if u.Why == "shadow" {
			out.Shadows = append(out.Shadows, u.Ref)
		}
	}
	return out, err
}

// benchOwners are the owners of identities that have one.
func benchOwners(ctx context.Context, a *app.App) (map[retinue.EntityID]string, error) {
	out := map[retinue.EntityID]string{}
	q := store.ListQuery{Type: retinue.FactIdentity, Limit: store.MaxPage}
	for {
		page, err := a.ListThings(ctx, store.Everything(), q)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Items {
			out[row.ID] = row.Owner
		}
		if page.Next == "" {
			return out, nil
		}
		q.Cursor = page.Next
	}
}

// benchConsumer is a consumer by what the log named it, and by network and
// client where that is one each.
func benchConsumer(x app.UsageConsumer) bench.ConcludedConsumer {
	c := bench.ConcludedConsumer{First: x.First, Last: x.Last}
	switch x.Kind {
	case "workload", "pipeline", "host", "service":
		c.Workload = x.Name
	case "application":
		c.Agent = x.Name
	}
	if len(x.Networks) == 1 {
		c.Address = x.Networks[0]
	}
	if len(x.Agents) == 1 && c.Agent == "" {
		c.Agent = x.Agents[0]
	}
	return c
}

// benchRhythm is the benchmark's word for a class of rhythm.
func benchRhythm(c rhythm.Class) bench.RhythmClass {
	switch c {
	case rhythm.ClassContinuous:
		return bench.RhythmContinuous
	case rhythm.ClassSeveral, rhythm.ClassInterval:
		return bench.RhythmHourly
	case rhythm.ClassDaily:
		return bench.RhythmNightly
	case rhythm.ClassWeekdays:
		return bench.RhythmWeekdays
	case rhythm.ClassWeekly:
		return bench.RhythmWeekly
	case rhythm.ClassMonthly, rhythm.ClassMonthEnd:
		return bench.RhythmMonthEnd
	case rhythm.ClassQuarterly:
		return bench.RhythmQuarterEnd
	case rhythm.ClassYearly:
		return bench.RhythmYearly
	case rhythm.ClassIrregular:
		return bench.RhythmIrregular
	case rhythm.ClassBurst:
		return bench.RhythmOneOff
	}
	return ""
}
