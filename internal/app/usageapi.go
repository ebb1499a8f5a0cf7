package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Usage implements api.UsageHistory.
func (a *App) Usage(ctx context.Context, scope store.RowScope, id retinue.EntityID) (api.Usage, error) {
	u, err := a.usageOf(ctx, scope, id, true)
	if err != nil {
		return u, err
	}
	for i := range u.Consumers {
		if c := &u.Consumers[i]; c.Person {
			c.Name, c.Networks, c.Changes = a.pseudonym(c.Name), nil, nil
		}
	}
	for i := range u.Touches {
		if t := &u.Touches[i]; t.Person {
			t.By.Key = a.pseudonym(t.By.String())
		}
	}
	return u, nil
}

// pseudonym is a name that stays the same for a person and does not tell who it
// is.
func (a *App) pseudonym(name string) string {
	if a.Keys == nil {
		return "a person"
	}
	return "person " + a.Keys.Current().FingerprintHash(sha256.Sum256([]byte("person\x00" + name))).MAC[:8]
}

// VerdictPage implements api.UsageHistory.
func (a *App) VerdictPage(ctx context.Context, scope store.RowScope, q store.VerdictQuery) ([]api.VerdictLine, error) {
	out := []api.VerdictLine{}
	for v, err := range a.Verdicts(ctx, scope, q, q.Limit) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// VerdictShares implements api.UsageHistory.
func (a *App) VerdictShares(ctx context.Context, scope store.RowScope) (out []store.VerdictShare, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = tx.VerdictShares()
		return err
	})
	if out == nil {
		out = []store.VerdictShare{}
	}
	return out, err
}

// tallyDays is of how many days the interface tells what each log brought.
const tallyDays = 90

// ActivityLogs implements api.UsageHistory.
func (a *App) ActivityLogs(ctx context.Context) (api.ActivityLogs, error) {
	out := api.ActivityLogs{Logs: []api.ActivityLog{}, Faults: []store.UsageFault{}, Unlisted: []api.UnlistedIdentity{}, Streams: []api.EventStream{}}
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		if out.Streams, err = a.streamsIn(tx); err != nil {
			return err
		}
		coverage, err := tx.UsageCoverage("")
		if err != nil {
			return err
		}
		tallies, err := tx.UsageTallies(0)
		if err != nil {
			return err
		}
		words, err := tx.Attestations("")
		if err != nil {
			return err
		}
		named(tx, coverage, words)
		out.Logs = logsOf(coverage, words, tallies, tx.At().Unix()/86400-tallyDays)
		if faults, err := tx.UsageFaults(100); err != nil {
			return err
		} else if faults != nil {
			out.Faults = faults
		}
		list, err := tx.Unlisted(200)
		if err != nil {
			return err
		}
		listed := map[retinue.Realm]bool{}
		for _, u := range list {
			x := api.UnlistedIdentity{Unlisted: u, Why: "not_connected", Connect: a.connectorOf(u.Ref.Realm)}
			if _, ok := listed[u.Ref.Realm]; !ok {
				if listed[u.Ref.Realm], err = tx.RealmListed(u.Ref.Realm); err != nil {
					return err
				}
			}
			if listed[u.Ref.Realm] {
				x.Why, x.Connect = "shadow", ""
			}
			out.Unlisted = append(out.Unlisted, x)
		}
		return nil
	})
	return out, err
}

// connectorOf is the kind of source that lists the identities of a realm, empty
// where there is none.
func (a *App) connectorOf(realm retinue.Realm) string {
	for _, s := range a.Specs {
		if s.Open != nil && s.Kind == realm.Kind() {
			return s.Kind
		}
	}
	return ""
}

// logsOf joins what logs cover with what they brought.
func logsOf(coverage []retinue.Coverage, words []store.Attestation, tallies []store.UsageTally, since int64) []api.ActivityLog {
	type key struct {
		log   string
		realm retinue.Realm
	}
	logs := map[key]*api.ActivityLog{}
	get := func(log string, realm retinue.Realm) *api.ActivityLog {
		return at(logs, key{log, realm}, func() *api.ActivityLog {
			return &api.ActivityLog{Log: log, Realm: realm, Coverage: []retinue.Coverage{}, Words: []store.Attestation{}, Gaps: []verdict.Window{}, Events: map[string]int64{}, Days: []api.UsageDay{}}
		})
	}
	for _, c := range coverage {
		l := get(c.Log, c.Realm)
		if !l.To.IsZero() && c.From.After(l.To) {
			l.Gaps = append(l.Gaps, verdict.Window{From: l.To, To: c.From})
		}
		l.From, l.To = earlierOf(l.From, c.From), laterOf(l.To, c.To)
		l.Coverage = append(l.Coverage, c)
	}
	for _, w := range words {
		if l := logs[key{w.Log, w.Realm}]; l != nil {
			l.Words = append(l.Words, w)
		}
	}
	for _, t := range tallies {
		l := get(t.Log, t.Realm)
		l.Events[t.What] += t.N
		if t.Day < since || t.What == "late" || t.What == "repeated" {
			continue
		}
		name := time.Unix(t.Day*86400, 0).UTC().Format(time.DateOnly)
		if n := len(l.Days); n > 0 && l.Days[n-1].Day == name {
			l.Days[n-1].Uses += t.N
		} else {
			l.Days = append(l.Days, api.UsageDay{Day: name, Uses: t.N})
		}
	}
	out := make([]api.ActivityLog, 0, len(logs))
	for _, k := range slices.SortedFunc(maps.Keys(logs), func(a, b key) int {
		return cmp.Or(strings.Compare(string(a.realm), string(b.realm)), strings.Compare(a.log, b.log))
	}) {
		out = append(out, *logs[k])
	}
	return out
}
