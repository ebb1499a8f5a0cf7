package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/seal"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/record"
)

const (
	// dropAtOnce is how many blocks one transaction deletes.
	dropAtOnce = 50
	// smallBlock is up to how many events a block is made one with others of its log
	// and day, of at most joinAtOnce at once.
	smallBlock = 1024
	joinAtOnce = 32
	// joinRounds bounds how much one run does: the next goes on.
	joinRounds = 200
)

// pruneEvents deletes the events of days that are no longer kept.
func (a *App) pruneEvents(ctx context.Context) (out []store.Pruned, err error) {
	var days int
	var usage time.Time
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		set, err := eventsSettingOf(tx)
		if err != nil {
			return err
		}
		keep, err := retentionOf(tx)
		usage = keep.Before(store.RetainUsage, tx.At())
		if days = a.Config.Usage.RawDays; days == 0 {
			days = max(set.Days, set.Was)
		}
		return err
	})
	if err != nil || days == 0 {
		return nil, err
	}
	before := a.DB.Now().Unix()/86400 - int64(days) + 1
	if !usage.IsZero() { // never longer than what is counted of them
		before = max(before, usage.Unix()/86400)
	}
	done := store.Pruned{Class: store.PrunedEvents, Until: time.Unix(before*86400, 0).UTC()}
	for more := true; more; {
		err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
			n, rest, err := tx.DropEventDays(before, dropAtOnce)
			if err != nil {
				return err
			}
			done.Rows, more = done.Rows+n, rest
			if rest || done.Rows == 0 {
				return nil
			}
			return rememberPruned(tx, done)
		})
		if err != nil {
			return nil, err
		}
	}
	if done.Rows > 0 {
		out = append(out, done)
	}
	return out, nil
}

// joinEvents makes small blocks of one log and day one: what is pushed and
// streamed comes in small batches. It is done with days that are over, once.
func (a *App) joinEvents(ctx context.Context) error {
	if a.sealer == nil {
		return nil
	}
	type part struct {
		log string
		day int64
	}
	small := map[part][]store.EventBlock{}
	today := a.DB.Now().Unix() / 86400
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.EventBlocks(store.EventBlockQuery{Below: smallBlock, Limit: joinAtOnce * joinRounds})
		for _, b := range list {
			if b.Day < today {
				small[part{b.Log, b.Day}] = append(small[part{b.Log, b.Day}], b)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, blocks := range small {
		for some := range slices.Chunk(blocks, joinAtOnce) {
			if len(some) < 2 {
				continue
			}
			if err := a.joinBlocks(ctx, some); err != nil && !errors.Is(err, retinue.ErrConflict) && !errors.Is(err, retinue.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

func (a *App) joinBlocks(ctx context.Context, old []store.EventBlock) error {
	var all []store.EventRecord
	for i := range old {
		var list []store.EventRecord
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
			list, err = a.openEvents(ctx, tx, &old[i])
			return err
		})
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	joined, lost := a.sealEvents(ctx, all)
	if lost != (store.EventsLost{}) || len(joined) >= len(old) {
		return nil // as they are
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.ReplaceEventBlocks(old, joined) })
}

// openEvents reads what is in a block, and fills in its size and the name that
// it has now.
func (a *App) openEvents(ctx context.Context, tx *sqlstore.Tx, b *store.EventBlock) ([]store.EventRecord, error) {
	codec, err := a.codec()
	if err != nil {
		return nil, err
	}
	if b.Name, b.Sealed, err = tx.SealedEvents(b.ID); err != nil {
		return nil, err
	}
	packed, err := a.sealer.Open(ctx, b.Sealed, eventsAt(b.Name))
	if err != nil {
		return nil, err
	}
	return codec.Unpack(packed)
}

// personEvents finds the records in which a person is named, whose every word
// counts, in blocks behind one: what is to be put in the place of the blocks, and
// how many records that takes out.
type personEvents struct {
	old, by []store.EventBlock
	n       int64
}

// purgePage is how many blocks are looked at between two looks at the list.
const purgePage = 100

// findPerson looks for a person in the blocks of events behind one.
func (a *App) findPerson(ctx context.Context, tx *sqlstore.Tx, words []string, after int64) (out []personEvents, last int64, err error) {
	for last = after; ; {
		page, err := tx.EventBlocks(store.EventBlockQuery{After: last, Limit: purgePage})
		if err != nil || len(page) == 0 {
			return out, last, err
		}
		for i := range page {
			b := page[i]
			last = b.ID
			list, err := a.openEvents(ctx, tx, &b)
			if errors.Is(err, retinue.ErrNotFound) || errors.Is(err, retinue.ErrInvalid) {
				continue // it was deleted, or its key was: nobody reads who is in it
			}
			if err != nil {
				return nil, last, err
			}
			had := len(list)
			list = slices.DeleteFunc(list, func(r store.EventRecord) bool { return record.Names(&r, words) })
			if len(list) == had {
				continue
			}
			f := personEvents{old: []store.EventBlock{b}, n: int64(had - len(list))}
			var lost store.EventsLost
			if f.by, lost = a.sealEvents(ctx, list); lost.Unsealed > 0 {
				return nil, last, fmt.Errorf("%w: purge person: events could not be sealed again", retinue.ErrUnavailable)
			}
			out = append(out, f)
		}
	}
}

// purgeEvents takes the records out in which a person is named, and the entries
// that no reader understood in which they are. found is what was found in blocks
// up to last before the transaction began.
func (a *App) purgeEvents(ctx context.Context, tx *sqlstore.Tx, words []string, found []personEvents, last int64) (n, unknown int64, err error) {
	since, _, err := a.findPerson(ctx, tx, words, last)
	if err != nil {
		return 0, 0, err
	}
	for _, f := range slices.Concat(found, since) {
		if err := tx.ReplaceEventBlocks(f.old, f.by); err != nil {
			return 0, 0, err
		}
		n += f.n
	}
	unknown, err = a.purgeUnknown(ctx, tx, words)
	return n, unknown, err
}

// purgeUnknown deletes entries that no reader understood in which a person is
// named.
func (a *App) purgeUnknown(ctx context.Context, tx *sqlstore.Tx, words []string) (n int64, err error) {
	to, after := int64(1)<<40, ""
	for {
		page, err := tx.UnknownEvents(-1<<40, to, after, purgePage)
		if err != nil || len(page) == 0 {
			return n, err
		}
		var names []string
		for _, u := range page {
			text, err := a.sealer.Open(ctx, u.Sealed, unknownAt(u.Name))
			if errors.Is(err, retinue.ErrNotFound) || errors.Is(err, retinue.ErrInvalid) {
				continue
			}
			if err != nil {
				return n, err
			}
			if record.Named(string(text), words) {
				names = append(names, u.Name)
			}
		}
		if err := tx.DropUnknown(names); err != nil {
			return n, err
		}
		n += int64(len(names))
		last := page[len(page)-1]
		to, after = last.At.Unix(), last.Name
	}
}

// unknownAt is where an entry that no reader understood stands.
func unknownAt(name string) seal.Place {
	return seal.Place{Table: "usage_unknown", Row: name, Column: "sealed"}
}
