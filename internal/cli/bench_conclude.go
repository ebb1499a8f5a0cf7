package cli

import (
	"context"
	"strings"

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
	signals, err := benchSignals(ctx, a)
	if err != nil {
		return out, err
	}
	out.Signals = signals
	for line, err := range a.Verdicts(ctx, store.Everything(), store.VerdictQuery{Type: retinue.FactIdentity}, 0) {
		if err != nil {
			return out, err
		}
		u, err := a.UsageOf(ctx, store.Everything(), line.ID)
		if err != nil {
			return out, err
		}
		c := bench.Conclusion{Ref: u.Ref, Status: bench.Status(u.Verdict), Grade: u.Grade, SilentSince: u.SilentSince, SilentUntil: u.SilentUntil,
			Rhythm: benchRhythm(u.Rhythm.Class), Shared: u.Shared != nil, PossiblyShared: u.PossiblyShared != nil}
		if c.Owner, c.OwnerConfidence, err = benchOwner(ctx, a, line.ID); err != nil {
			return out, err
		}
		for _, x := range u.Consumers {
			c.Consumers = append(c.Consumers, benchConsumer(x))
		}
		out.Identities = append(out.Identities, c)
	}
	logs, err := a.ActivityLogs(ctx)
	for _, u := range logs.Unlisted {
		if u.Why == "shadow" {
			out.Shadows = append(out.Shadows, u.Ref)
		}
	}
	return out, err
}

// benchSignals are what was unusual, told of the identity whose use it was.
func benchSignals(ctx context.Context, a *app.App) ([]bench.Signal, error) {
	var out []bench.Signal
	for s, err := range a.EverySignal(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, bench.Signal{Kind: bench.SignalKind(s.Signal.Kind), Identity: s.Identity, At: s.Signal.First})
	}
	return out, nil
}

// benchOwner is who answers for an identity, or else who most likely does, with
// how sure that is: of an owner who is settled entirely.
func benchOwner(ctx context.Context, a *app.App, id retinue.EntityID) (string, float64, error) {
	o, err := a.IdentityOwnership(ctx, store.Everything(), id)
	switch {
	case err != nil:
		return "", 0, err
	case o.Now.Owner != "" && !o.Now.Left:
		return strings.TrimPrefix(o.Now.Owner, "@"), 1, nil
	case len(o.Suggestions) > 0:
		s := o.Suggestions[0]
		return strings.TrimPrefix(s.Owner, "@"), float64(s.Strength) / 100, nil
	}
	return "", 0, nil
}

// benchConsumer is a consumer by what the log named it, by where it comes from and
// by its client where that is one.
func benchConsumer(x app.UsageConsumer) bench.ConcludedConsumer {
	c := bench.ConcludedConsumer{First: x.First, Last: x.Last}
	switch x.Kind {
	case "workload", "pipeline", "host", "service":
		c.Workload = x.Name
	case "application":
		c.Agent = x.Name
	}
	if len(x.Networks) > 0 {
		c.Address, c.Addresses = x.Networks[0], x.Networks[1:]
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
