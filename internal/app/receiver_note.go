package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

const (
	// noteEvery is how often it is noted that a sender pushes.
	noteEvery = time.Minute
	// recordEvery is how often it is put on record that a sender pushes, and
	// refuseEvery that it was refused something: a record for each push would bury
	// the others.
	recordEvery = 24 * time.Hour
	refuseEvery = time.Hour
	// pushQuiet is for how long a sender may send nothing and still be taken to have
	// watched. What it covers is weak evidence in any case.
	pushQuiet = 24 * time.Hour
	// maxStretches bounds the stretches of time of one push.
	maxStretches = 100
)

// notePush keeps what a push says of its log beside its events: what was not
// taken, which time it covers, and that the sender is alive.
func (a *App) notePush(ctx context.Context, r *pushRun) error {
	now := a.DB.Now()
	s := a.senders.of(r.col.ID)
	faults := r.kept[:s.keep(len(r.kept), now)]
	noted := s.due(&s.noted, now, noteEvery)
	recorded := r.out.Events > 0 && s.due(&s.recorded, now, recordEvery)
	refused := r.out.Refused+r.out.Withheld > 0 && s.due(&s.refused, now, refuseEvery)
	covers := r.seen.coverage(r.source)
	if len(faults)+len(covers) == 0 && !noted && !recorded && !refused {
		return nil
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, f := range faults {
			err := tx.AddFault(store.UsageFault{Log: r.source.spec.Kind, Input: "pushed by " + r.col.Name, Place: max(f.Record, f.Line), Count: 1, Message: f.Err.Error(), From: f.From, To: f.To})
			if err != nil {
				return err
			}
		}
		for _, c := range covers {
			if err := addPushed(tx, c); err != nil {
				return err
			}
		}
		if recorded {
			tx.Record(collectorActor(r.col), retinue.RecordActivityPushed, r.source.name, map[string]any{"collector": r.col.ID, "kind": r.source.spec.Kind})
		}
		if refused {
			tx.Record(collectorActor(r.col), retinue.RecordActivityRefused, r.source.name, map[string]any{"collector": r.col.ID, "events": r.out.Refused, "names": r.out.Withheld, "realms": r.refusedRealms()})
		}
		if noted {
			return tx.NotePush(r.col.Key, r.col.ProgramVersion, r.col.Host)
		}
		return nil
	})
}

// addPushed keeps what a push covers, from where an earlier one ended if that is
// not long ago.
func addPushed(tx *sqlstore.Tx, c retinue.Coverage) error {
	known, err := tx.UsageCoverage(c.Realm)
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.Log == c.Log && isPushed(k) && k.To.Before(c.From) && c.From.Sub(k.To) <= pushQuiet {
			c.From = k.To
			break
		}
	}
	return tx.AddCoverage(c)
}

func isPushed(c retinue.Coverage) bool {
	return c.Proof == "" && slices.ContainsFunc(c.BlindSpots, func(b retinue.BlindSpot) bool { return b.Code == pushUnproven })
}

// pushUnproven is the code of the blind spot of what was pushed.
const pushUnproven = "push.unproven"

// pushSpot is the blind spot of every log that was pushed.
func pushSpot() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  pushUnproven,
		Text:  "The log was pushed: what its sender dropped, or was lost on the way, does not show.",
		Raise: "Import the log itself as well, from its files or the system's interface.", Cost: "A reader with access to the log.",
	}
}

// pushSeen is at which hours events of a log and realm came.
type pushSeen map[pushLog]map[int64]pushHour

type pushLog struct {
	log   string
	realm retinue.Realm
}

type pushHour struct{ first, last time.Time }

func (s pushSeen) add(events []retinue.Event) {
	for i := range events {
		e := &events[i]
		if e.At.Year() < 1990 || e.At.Year() > 2200 || e.Class == retinue.EventUnknown {
			continue
		}
		k, hour := pushLog{e.Log, e.Realm}, store.UsageHour(e.At.Unix())
		if s[k] == nil {
			s[k] = map[int64]pushHour{}
		}
		h, ok := s[k][hour]
		if !ok || e.At.Before(h.first) {
			h.first = e.At
		}
		if e.At.After(h.last) {
			h.last = e.At
		}
		s[k][hour] = h
	}
}

// coverage says which stretches a push covers. It proves nothing, and whoever
// holds the sender's token could have written it.
func (s pushSeen) coverage(source pushSource) []retinue.Coverage {
	var out []retinue.Coverage
	for k, hours := range s {
		list := make([]pushHour, 0, len(hours))
		for _, h := range hours {
			list = append(list, h)
		}
		slices.SortFunc(list, func(a, b pushHour) int { return a.first.Compare(b.first) })
		c := retinue.Coverage{Log: k.log, Realm: k.realm, Classes: []retinue.EventClass{retinue.EventData, retinue.EventManagement, retinue.EventSignIn},
			BlindSpots: []retinue.BlindSpot{pushSpot()}}
		for _, l := range source.spec.Activity.Logs {
			if l.Name == k.log {
				c.BlindSpots = append(c.BlindSpots, l.BlindSpots...)
			}
		}
		first := len(out)
		for _, h := range list {
			if n := len(out) - 1; n >= first && h.first.Sub(out[n].To) <= pushQuiet {
				out[n].To = h.last
				continue
			}
			c.From, c.To = h.first, h.last
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b retinue.Coverage) int {
		return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Realm, b.Realm), b.To.Compare(a.To))
	})
	return out[:min(len(out), maxStretches)]
}
