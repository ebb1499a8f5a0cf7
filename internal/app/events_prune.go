package app

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	// joinPage is how many blocks are looked at at once, and joinPages how often in
	// one run: the next goes on.
	joinPage  = 200 * joinAtOnce
	joinPages = 50
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
// streamed comes in small batches. It is done with days that are over.
func (a *App) joinEvents(ctx context.Context) error {
	if a.sealer == nil {
		return nil
	}
	for range joinPages {
		fewer, more, err := a.joinPage(ctx)
		if err != nil || fewer == 0 || !more {
			return err
		}
	}
	return nil
}

// joinPage joins small blocks of days that are over, the latest first. It reports
// how many fewer there are then, and whether there may be more to be joined.
func (a *App) joinPage(ctx context.Context) (fewer int, more bool, err error) {
	type part struct {
		log string
		day int64
	}
	small := map[part][]store.EventBlock{}
	today := a.DB.Now().Unix() / 86400
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.EventBlocks(store.EventBlockQuery{Below: smallBlock, To: today*86400 - 1, Limit: joinPage})
		for _, b := range list {
			small[part{b.Log, b.Day}] = append(small[part{b.Log, b.Day}], b)
		}
		more = len(list) == joinPage
		return err
	})
	if err != nil {
		return 0, false, err
	}
	for _, blocks := range small {
		for some := range slices.Chunk(blocks, joinAtOnce) {
			n, err := a.joinBlocks(ctx, some)
			if fewer += n; err != nil && !errors.Is(err, retinue.ErrConflict) {
				return fewer, more, err
			}
		}
	}
	return fewer, more, nil
}

// joinBlocks puts as few blocks as hold the same in the place of blocks of one log
// and day, and returns how many fewer they are. One that does not open, because
// its key is gone or it is, stays as it is.
func (a *App) joinBlocks(ctx context.Context, blocks []store.EventBlock) (int, error) {
	var old []store.EventBlock
	var all []store.EventRecord
	for i := range blocks {
		var list []store.EventRecord
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
			list, err = a.openEvents(ctx, tx, &blocks[i])
			return err
		})
		if errors.Is(err, retinue.ErrNotFound) || errors.Is(err, retinue.ErrInvalid) {
			continue
		}
		if err != nil {
			return 0, err
		}
		old, all = append(old, blocks[i]), append(all, list...)
	}
	if len(old) < 2 {
		return 0, nil
	}
	joined, lost := a.sealEvents(ctx, all)
	if lost != (store.EventsLost{}) || len(joined) >= len(old) {
		return 0, nil // as they are
	}
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return tx.ReplaceEventBlocks(old, joined) })
	if err != nil {
		return 0, err
	}
	return len(old) - len(joined), nil
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

// purgePage is how many blocks are looked at between two looks at the list.
const purgePage = 100

// personPurge takes the records out in which a person is named, whose every word
// counts.
type personPurge struct {
	app   *App
	words []string
	// looked are the names of blocks that were looked at. A block that is replaced
	// has another name, and is looked at again: it may have become one with others.
	looked map[string]bool
	n      int64 // records that were taken out
}

func (a *App) newPersonPurge(words []string) *personPurge {
	return &personPurge{app: a, words: words, looked: map[string]bool{}}
}

// ahead goes through the blocks a page a transaction, so that what is left for the
// one that ends the purge is what came meanwhile. If it is cut short, some of it is
// done and nothing is on record: the same again does the rest.
func (p *personPurge) ahead(ctx context.Context) error {
	for last, more := int64(math.MinInt64), true; more; {
		var page []store.EventBlock
		var found []replacedEvents
		err := p.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
			page, found, err = p.find(ctx, tx, last)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].ID
		if err := p.replace(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// replace takes what was found out, in one transaction. Blocks that changed
// meanwhile are looked at once more at the end.
func (p *personPurge) replace(ctx context.Context, found []replacedEvents) error {
	if len(found) == 0 {
		return nil
	}
	err := p.app.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, f := range found {
			if err := tx.ReplaceEventBlocks(f.old, f.by); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, retinue.ErrConflict) {
		for _, f := range found {
			delete(p.looked, f.old[0].Name)
		}
		return nil
	}
	for _, f := range found {
		p.n += f.n
	}
	return err
}

// rest takes out of the blocks that were not looked at yet, within the
// transaction that ends the purge.
func (p *personPurge) rest(ctx context.Context, tx *sqlstore.Tx) error {
	for last := int64(math.MinInt64); ; {
		page, found, err := p.find(ctx, tx, last)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].ID
		for _, f := range found {
			if err := tx.ReplaceEventBlocks(f.old, f.by); err != nil {
				return err
			}
			p.n += f.n
		}
	}
}

// replacedEvents are what is put in the place of a block, and how many records
// that takes out.
type replacedEvents struct {
	old, by []store.EventBlock
	n       int64
}

// find looks for the person in the next page of blocks behind one, and returns
// that page.
func (p *personPurge) find(ctx context.Context, tx *sqlstore.Tx, after int64) (page []store.EventBlock, found []replacedEvents, err error) {
	if page, err = tx.EventBlocks(store.EventBlockQuery{After: after, Limit: purgePage}); err != nil {
		return nil, nil, err
	}
	for _, b := range page {
		if p.looked[b.Name] {
			continue
		}
		list, err := p.app.openEvents(ctx, tx, &b)
		if errors.Is(err, retinue.ErrNotFound) || errors.Is(err, retinue.ErrInvalid) {
			continue // it was deleted, or its key was: nobody reads who is in it
		}
		if err != nil {
			return nil, nil, err
		}
		p.looked[b.Name] = true
		had := len(list)
		list = slices.DeleteFunc(list, func(r store.EventRecord) bool { return record.Names(&r, p.words) })
		if len(list) == had {
			continue
		}
		by, lost := p.app.sealEvents(ctx, list)
		if lost.Unsealed > 0 {
			return nil, nil, fmt.Errorf("%w: purge person: events could not be sealed again", retinue.ErrUnavailable)
		}
		for i := range by {
			p.looked[by[i].Name] = true
		}
		found = append(found, replacedEvents{old: []store.EventBlock{b}, by: by, n: int64(had - len(list))})
	}
	return page, found, nil
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
