package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/steward/ticket"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

const (
	// sendPage is how many deliveries are taken at once.
	sendPage = 200
	// burst is how many notices that are due at once are sent one by one; more
	// become one message, so that a first scan does not flood anybody.
	burst = 5
	// sendTime is how long one job sends before it hands over to the next, and
	// sendLease for how long the channel is its own.
	sendTime  = 4 * time.Minute
	sendLease = 10 * time.Minute
)

// alone runs fn while nobody else, in this process or another, does what. A
// number tells the holders within a process apart; it follows a space, so that
// the lease of a process that was killed is taken over at once (holderGone).
func (a *App) alone(ctx context.Context, what string, fn func() error) error {
	who := fmt.Sprintf("%s %d", holder(), a.tellers.Add(1))
	lease, err := a.DB.AcquireLease(ctx, retinue.NewRealm("retinue", what), who, sendLease)
	if errors.Is(err, retinue.ErrConflict) {
		return fmt.Errorf("%w: %s is at work elsewhere", retinue.ErrUnavailable, what)
	}
	if err != nil {
		return err
	}
	return errors.Join(fn(), a.DB.ReleaseLease(context.WithoutCancel(ctx), lease))
}

// tellerCount counts the leases that this process took.
type tellerCount = atomic.Int64

// sendNotices sends what is due through one channel, in order. When something
// may pass, the rest waits behind it; what cannot be sent is given up and kept
// to be looked at.
func (a *App) sendNotices(ctx context.Context, key int64) error {
	var o store.Outlet
	if err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		o, err = tx.OutletByKey(key)
		return err
	}); err != nil {
		return err
	}
	if !o.Enabled {
		return nil // what waits is sent when it is switched on again
	}
	return a.alone(ctx, "channel/"+string(o.ID), func() error {
		until := time.Now().Add(sendTime)
		for {
			more, err := a.sendSome(ctx, key)
			if err != nil || !more || time.Now().After(until) {
				return errors.Join(err, a.sendLater(context.WithoutCancel(ctx), key))
			}
		}
	})
}

// sendLater inserts the job that sends what is due next.
func (a *App) sendLater(ctx context.Context, key int64) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		at, err := tx.NextDue(key)
		if err != nil || at.IsZero() {
			return err
		}
		o, err := tx.OutletByKey(key)
		if err != nil || !o.Enabled {
			return err
		}
		if o.NextAt.After(at) {
			at = o.NextAt
		}
		return a.insertAt(ctx, tx, sendJob{key}, fmt.Sprint(key), at)
	})
}

// parcel is deliveries that are sent as one message.
type parcel struct {
	message string
	event   string
	address string
	rows    []store.Delivery
}

// sendSome sends one page of what is due and reports whether there may be more.
func (a *App) sendSome(ctx context.Context, key int64) (more bool, err error) {
	var o store.Outlet
	var parcels []parcel
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if o, err = tx.OutletByKey(key); err != nil {
			return err
		}
		if !o.Enabled || o.NextAt.After(tx.At()) {
			return nil
		}
		due, err := tx.DueDeliveries(key, tx.At(), sendPage)
		if err != nil || len(due) == 0 {
			return err
		}
		more = len(due) == sendPage
		s, err := settingsOf(o)
		if err != nil {
			return err
		}
		parcels = pack(due, s.Timetable)
		// What is sent together is written down first, so that a message that
		// is sent again after a crash is the same message.
		for _, p := range parcels {
			for _, d := range p.rows {
				if d.Message != p.message {
					if err := tx.ClaimMessage(d.Key, p.message); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil || len(parcels) == 0 {
		return false, err
	}
	c, _, err := a.openConfig(ctx, o)
	if err != nil {
		return false, a.holdUp(ctx, o, parcels[0].rows, err)
	}
	for _, p := range parcels {
		receipt, err := a.sendParcel(ctx, o, c, p)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == nil {
			err = a.sentParcel(ctx, o, p, receipt)
			if err != nil {
				return false, err
			}
			continue
		}
		if !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, retinue.ErrUnsupported) {
			return false, a.holdUp(ctx, o, p.rows, err)
		}
		if err := a.giveUp(ctx, o, p.rows, err); err != nil {
			return false, err
		}
	}
	return more, nil
}

// pack groups deliveries into messages, in their order: those of a message
// that was begun stay together; for one address and event, those of a digest
// or of a burst are one message.
func pack(due []store.Delivery, t notice.Timetable) []parcel {
	var out []parcel
	at := map[string]int{}
	put := func(key string, d store.Delivery) {
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, parcel{event: d.Event, address: d.Address, message: d.Message})
		}
		out[i].rows = append(out[i].rows, d)
	}
	counts := map[string]int{}
	together := func(d store.Delivery) string { return "t\x00" + d.Event + "\x00" + d.Address }
	for _, d := range due {
		if d.Message == "" {
			counts[together(d)]++
		}
	}
	for _, d := range due {
		switch {
		case d.Message != "":
			put("m\x00"+d.Message, d)
		case t.Digest != "" || counts[together(d)] > burst:
			put(together(d), d)
		default:
			put("d\x00"+string(d.ID), d)
		}
	}
	for i := range out {
		if out[i].message == "" {
			out[i].message = messageID(out[i].rows)
		}
	}
	return out
}

// messageID is made of the deliveries, so that it is the same when it is made
// again.
func messageID(rows []store.Delivery) string {
	h := sha256.New()
	for _, d := range rows {
		h.Write([]byte(d.ID))
		h.Write([]byte{0})
	}
	return "msg_" + hex.EncodeToString(h.Sum(nil)[:16])
}

func (a *App) sendParcel(ctx context.Context, o store.Outlet, c outlet.Config, p parcel) (string, error) {
	items, entities, err := a.itemsOf(ctx, p.rows)
	if err != nil {
		return "", err
	}
	if k, ok := ticket.Find(o.Kind); ok {
		if _, err := k.Open(c); err != nil {
			return "", err
		}
		return a.ticketsFor(ctx, o, p, items, entities)
	}
	k, ok := channel.Find(o.Kind)
	if !ok {
		return "", fmt.Errorf("%w: there are no channels of kind %q", retinue.ErrUnsupported, o.Kind)
	}
	s, err := k.Open(c)
	if err != nil {
		return "", err
	}
	return s.Send(ctx, channel.Message{ID: p.message, Event: channel.Event(p.event), At: a.DB.Now(), Items: items, Console: a.link("/notices")}, p.address)
}

// itemsOf reads what the notices of deliveries say now.
func (a *App) itemsOf(ctx context.Context, rows []store.Delivery) (items []channel.Item, entities []int64, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		for _, d := range rows {
			n, err := tx.NoticeByInternalKey(d.Notice)
			if err != nil {
				return err
			}
			i := channel.Item{Notice: n.ID, Kind: n.Kind, Severity: n.Severity, Title: n.Body.Title, Text: n.Body.Text, URL: a.link(n.Body.Path),
				Subject: n.Body.SubjectName, SubjectID: n.Body.Subject, Finding: n.Body.Finding, Rule: n.Body.Rule, Source: n.Source,
				Occasion: d.Occasion, RaisedAt: n.RaisedAt}
			if n.Entity > 0 {
				e, err := tx.NoticeSubject(n.Entity)
				if err != nil && !errors.Is(err, retinue.ErrNotFound) {
					return err
				}
				i.Environment = e.Environment
			}
			items, entities = append(items, i), append(entities, n.Entity)
		}
		return nil
	})
	return items, entities, err
}

func (a *App) sentParcel(ctx context.Context, o store.Outlet, p parcel, receipt string) error {
	return a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		for _, d := range p.rows {
			if err := tx.Sent(d.Key, p.message, outlet.Clean(receipt, 300)); err != nil {
				return err
			}
		}
		return tx.OutletWorked(o.Key, 0)
	})
}

// holdUp puts off deliveries that may pass later, and with them the channel;
// those that were tried often enough are given up.
func (a *App) holdUp(ctx context.Context, o store.Outlet, rows []store.Delivery, cause error) error {
	wait := max(notice.Backoff(rows[0].Attempts+1), outlet.RetryAfter(cause))
	text := outlet.Clean(cause.Error(), 500)
	if rows[0].Attempts+1 >= notice.MaxAttempts {
		return a.giveUp(ctx, o, rows, cause)
	}
	return a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		for _, d := range rows {
			if err := tx.NotSent(d, text, tx.At().Add(wait)); err != nil {
				return err
			}
		}
		return tx.OutletFailed(o.Key, text, tx.At().Add(wait))
	})
}

// giveUp keeps deliveries as what could not be sent.
func (a *App) giveUp(ctx context.Context, o store.Outlet, rows []store.Delivery, cause error) error {
	text := outlet.Clean(cause.Error(), 500)
	return a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		for _, d := range rows {
			if err := tx.NotSent(d, text, time.Time{}); err != nil {
				return err
			}
			tx.Record(tellActor(), retinue.RecordDeliveryGivenUp, string(d.ID), map[string]any{"channel": o.ID, "attempts": d.Attempts + 1})
		}
		return tx.OutletFailed(o.Key, text, time.Time{})
	})
}

// tellActor is this part of the program in the audit log.
func tellActor() retinue.Actor { return retinue.Actor{Kind: "system", Name: "notices"} }
