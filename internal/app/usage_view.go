package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/verdict"
	"github.com/retinue-id/retinue/internal/web/api"
)

// UsageAnswer is what is known of the use of a thing, as the interface has it.
type UsageAnswer = api.Usage

// UsageConsumer is what used it.
type UsageConsumer = api.UsageConsumer

// UsageAction is what was done with it.
type UsageAction = api.UsageAction

// UsageChange is what was concluded for some time.
type UsageChange = api.UsageChange

// VerdictLine is a verdict in a list.
type VerdictLine = api.VerdictLine

// VerdictList is a page of verdicts.
type VerdictList = api.Verdicts

// EvidenceWord is the word for a grade of evidence.
func EvidenceWord(g retinue.Grade) string { return api.EvidenceWord(g) }

// UsageOf answers what is known of the use of a thing that a scope sees, by its
// id.
func (a *App) UsageOf(ctx context.Context, scope store.RowScope, id retinue.EntityID) (api.Usage, error) {
	u, err := a.usageOf(ctx, scope, id, false)
	if err != nil || !strings.HasPrefix(string(u.ID), "idn_") {
		return u, err
	}
	unused, err := a.UnusedGrants(ctx, scope, u.ID)
	u.UnusedGrants = &unused
	return u, err
}

// usageOf answers with what is unusual told of people by a pseudonym, if masked.
func (a *App) usageOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, masked bool) (api.Usage, error) {
	out := api.Usage{ID: id, Verdict: verdict.StatusUnknown, Grade: retinue.GradeD}
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		e, err := oneEntity(tx, id)
		if err != nil {
			return err
		}
		out.ID, out.Ref, out.Name = e.ID, e.Ref(), cmp.Or(e.Name, e.Key)
		var v verdict.Verdict
		switch row, err := tx.Verdict(id); {
		case err == nil:
			if err := json.Unmarshal(row.Body, &v); err != nil {
				return err
			}
			takeVerdict(&out, v)
			out.JudgedAt = row.JudgedAt
		case errors.Is(err, retinue.ErrNotFound):
			if v, err = a.judgeOne(ctx, tx, e); err != nil {
				return err
			}
			takeVerdict(&out, v)
			out.JudgedAt = tx.At()
		default:
			return err
		}
		used, err := tx.Usage(id)
		if err != nil {
			return err
		}
		countUses(&out, used)
		if out.Shared = usage.Shared(used); out.Shared == nil {
			out.PossiblyShared = usage.PossiblyShared(used)
		}
		if out.Signals, err = a.signals(tx, e, v, used, tx.At().AddDate(0, 0, -signalDays), masked); err != nil {
			return err
		}
		if out.Touches, err = tx.UsageTouches(id); err != nil {
			return err
		}
		versions, err := tx.VerdictVersions(id, maxUsageChanges)
		out.History = usageChanges(versions)
		return err
	})
	out.Evidence = EvidenceWord(out.Grade)
	if out.BlindSpots == nil {
		out.BlindSpots = []retinue.BlindSpot{}
	}
	if out.Touches == nil {
		out.Touches = []store.UsedTouch{}
	}
	return out, err
}

// oneEntity finds a thing by its id.
func oneEntity(tx *sqlstore.Tx, id retinue.EntityID) (store.Entity, error) {
	if id != "" { // which would select any
		for e, err := range tx.Entities(store.EntityQuery{ID: id, Gone: true, Limit: 1}) {
			return e, err
		}
	}
	_, err := tx.EntityKey(id) // which says that it is not there
	return store.Entity{}, err
}

func takeVerdict(u *api.Usage, v verdict.Verdict) {
	u.Verdict, u.Grade = v.Status, v.Grade
	u.UsageVerdict = api.UsageVerdict{Reason: v.Reason, Window: v.Window, Rhythm: v.Rhythm, LastUsed: v.LastUsed, Basis: v.Basis, LastDenied: v.LastDenied,
		SilentSince: v.SilentSince, SilentUntil: v.SilentUntil, Confidence: v.Confidence,
		WindowTooShort: v.WindowTooShort, DormantOn: v.DormantOn, DormantConfidence: v.DormantConfidence, BlindSpots: v.BlindSpots, Untouched: v.Untouched, Caveats: v.Caveats, Raises: v.Raises}
}

// countUses sums behaviours up by consumer, by action and by time.
func countUses(u *api.Usage, used []store.Used) {
	type what struct{ action, operation, resource, log string }
	actions := map[what]*api.UsageAction{}
	days := map[string]*api.UsageDay{}
	for i := range used {
		b := &used[i].Behaviour
		if b.Class == retinue.EventUnknown || b.Class == retinue.EventInsight {
			continue
		}
		x := at(actions, what{b.Action, b.Operation, b.Resource.Key, b.Log}, func() *api.UsageAction {
			return &api.UsageAction{Action: b.Action, Operation: b.Operation, Resource: b.Resource.Key, Log: b.Log}
		})
		for _, m := range used[i].Months {
			first, last := time.Unix(m.First, 0).UTC(), time.Unix(m.Last, 0).UTC()
			x.First, x.Last = earlierOf(x.First, first), laterOf(x.Last, last)
			denied := b.Outcome == retinue.OutcomeDenied
			if denied {
				x.Denied += m.N
			} else {
				x.Uses += m.N
			}
			addTime(u, m, denied, days)
		}
	}
	u.Consumers, _ = usage.Recognise(used)
	u.Actions, u.Days = []api.UsageAction{}, []api.UsageDay{}
	for _, x := range actions {
		u.Actions = append(u.Actions, *x)
	}
	for _, d := range days {
		u.Days = append(u.Days, *d)
	}
	slices.SortFunc(u.Actions, func(a, b api.UsageAction) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Action, b.Action), strings.Compare(a.Operation, b.Operation), strings.Compare(a.Resource, b.Resource))
	})
	slices.SortFunc(u.Days, func(a, b api.UsageDay) int { return strings.Compare(a.Day, b.Day) })
}

// time adds the counts of a month to the picture of the week and of the days.
func addTime(u *api.Usage, m store.Month, denied bool, days map[string]*api.UsageDay) {
	add := func(day int64, n int64) {
		name := time.Unix(day*86400, 0).UTC().Format(time.DateOnly)
		d := at(days, name, func() *api.UsageDay { return &api.UsageDay{Day: name} })
		if denied {
			d.Denied += n
		} else {
			d.Uses += n
		}
	}
	c := m.Clone()
	c.Coarsen(store.GrainDay)
	if !denied {
		for h, n := range c.Week {
			u.Week[h] += n
		}
	}
	start := store.MonthStart(c.Month) / 24
	i := 0
	for d := range int64(31) {
		if c.Days&(1<<d) == 0 {
			continue
		}
		n := int64(1) // of months kept as a whole it is only known that there was something
		if i < len(c.DayCounts) {
			n = c.DayCounts[i]
		}
		i++
		add(start+d, n)
	}
}

// at returns the value of a key, made where there is none.
func at[K comparable, V any](m map[K]*V, key K, fresh func() *V) *V {
	v, ok := m[key]
	if !ok {
		v = fresh()
		m[key] = v
	}
	return v
}

// with adds a word to a sorted list that lacks it; the empty word is none.
func with(list []string, word string) []string {
	if i, ok := slices.BinarySearch(list, word); !ok && word != "" {
		return slices.Insert(list, i, word)
	}
	return list
}

// Verdicts yields verdicts in the order of ids, at most limit of them; 0 is
// every one.
func (a *App) Verdicts(ctx context.Context, scope store.RowScope, q store.VerdictQuery, limit int) iter.Seq2[api.VerdictLine, error] {
	return func(yield func(api.VerdictLine, error) bool) {
		n := 0
		for {
			var page []store.VerdictRow
			err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) (err error) {
				page, err = tx.Verdicts(q)
				return err
			})
			if err != nil {
				yield(api.VerdictLine{}, err)
				return
			}
			for _, r := range page {
				v := verdict.Verdict{Status: verdict.Status(r.Status), Grade: r.Grade, LastUsed: r.LastUsed, SilentSince: r.Silent, Reason: r.Reason}
				if r.Body != nil {
					err = json.Unmarshal(r.Body, &v)
				}
				if limit > 0 && n == limit {
					return
				}
				n++
				if !yield(api.VerdictLine{ID: r.Entity, Kind: r.Kind, Name: r.Name, Status: v.Status, Grade: v.Grade, Evidence: EvidenceWord(v.Grade),
					LastUsed: v.LastUsed, SilentSince: v.SilentSince, Confidence: v.Confidence, DormantOn: v.DormantOn, JudgedAt: r.JudgedAt, Reason: v.Reason}, err) || err != nil {
					return
				}
			}
			if len(page) < store.MaxPage {
				return
			}
			q.After = page[len(page)-1].Entity
		}
	}
}
