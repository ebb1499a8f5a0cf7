package app

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// What is asked of events and answered, as the interface has it.
type (
	// UsageEventsAnswer is a page of events.
	UsageEventsAnswer = api.UsageEvents
	// UsageEventQuery asks for one.
	UsageEventQuery = api.UsageEventQuery
	// UsageEventFilter says which events are wanted.
	UsageEventFilter = api.UsageEventFilter
	// UsageEventRow is an event as it is shown.
	UsageEventRow = api.UsageEvent
)

// maxOpened is how many blocks of events are opened to answer one question, where
// that brings it on: what is older, the next one asks for.
const maxOpened = 200

// eventCursor is a place in the list of events: behind an event, or, where Hash
// is the largest, behind everything that is of a moment or later.
type eventCursor struct {
	At   int64  `json:"at"` // in nanoseconds
	Hash uint64 `json:"hash"`
	Name string `json:"name,omitempty"` // of an unknown event
}

// behind reports whether an event comes later in the list.
func (c eventCursor) behind(r *store.EventRecord) bool {
	at := r.Event.At.UnixNano()
	return c == eventCursor{} || at < c.At || at == c.At && r.Hash > c.Hash
}

// eventSearch looks for events.
type eventSearch struct {
	app      *App
	tx       *sqlstore.Tx
	q        api.UsageEventQuery
	from, to time.Time
	// of are the keys of who acted, ways their ways of use; nil is everybody.
	of    []int64
	ways  map[store.BehaviourHash]bool
	seen  bool // the scope was asked
	all   bool // the scope sees everything
	after eventCursor
	names *tail
	found []store.EventRecord
	// unopened counts the events of blocks that do not open.
	unopened int64
}

// UsageEvents implements api.UsageEventReader.
func (a *App) UsageEvents(ctx context.Context, scope store.RowScope, q api.UsageEventQuery) (api.UsageEvents, error) {
	out, _, err := a.searchEvents(ctx, scope, q, "")
	return out, err
}

// searchEvents answers a question for events. With a reason people have their
// names, which are returned.
func (a *App) searchEvents(ctx context.Context, scope store.RowScope, q api.UsageEventQuery, reason string) (out api.UsageEvents, people []string, err error) {
	if q.Limit <= 0 || q.Limit > store.MaxPage {
		q.Limit = 100
	}
	out.Items = []api.UsageEvent{}
	s := &eventSearch{app: a, q: q, from: q.From, to: q.To, all: scope.All,
		names: &tail{app: a, opt: TailOptions{People: reason}, names: map[retinue.Ref]tailedName{}}}
	if err := api.DecodeCursor(q.Cursor, q.UsageEventFilter, &s.after); err != nil {
		return out, nil, err
	}
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		s.tx = tx
		if out.Kept, err = a.eventsKept(tx); err != nil {
			return err
		}
		if err := s.narrow(); err != nil {
			return err
		}
		var next eventCursor
		if retinue.EventClass(q.Kind) == retinue.EventUnknown && s.of == nil {
			out.Items, next, err = s.unknown(ctx, reason != "")
		} else {
			out.Items, next, err = s.page(ctx)
			out.Unopened = s.unopened
		}
		if err == nil && next != (eventCursor{}) {
			out.Next, err = api.EncodeCursor(q.UsageEventFilter, next)
		}
		return err
	})
	for i := range out.Items {
		e := &out.Items[i]
		if e.Person && reason != "" {
			people = append(people, e.Identity)
		}
		if e.OnBehalfOf != "" && reason != "" {
			people = append(people, e.OnBehalfOf)
		}
	}
	return out, people, err
}

// eventsKept is which events are kept.
func (a *App) eventsKept(tx *sqlstore.Tx) (api.EventsKept, error) {
	k := api.EventsKept{Days: a.Config.Usage.RawDays, Of: []api.EventsOfDay{}}
	if k.Days > 0 {
		k.MegabytesPerDay = a.Config.Usage.megabytes()
	}
	days, err := tx.EventDays()
	for _, d := range days {
		k.Of = append(k.Of, api.EventsOfDay{Day: time.Unix(d.Day*86400, 0).UTC().Format(time.DateOnly), Events: d.Events, Bytes: d.Bytes, EventsLost: d.EventsLost})
	}
	return k, err
}

// narrow finds by what the wanted events are found.
func (s *eventSearch) narrow() error {
	id := retinue.EntityID(s.q.Identity)
	var ways []string
	if s.q.Signal != "" {
		row, err := s.tx.Signal(retinue.FindingID(s.q.Signal))
		if err != nil {
			return err
		}
		e, err := s.tx.NoticeSubject(row.Entity)
		if err != nil {
			return err
		}
		var kept keptSignal
		if err := json.Unmarshal(row.Body, &kept); err != nil {
			return err
		}
		if id != "" && id != e.ID {
			return badField("query.identity", "the signal is about another: leave one of both out")
		}
		id, ways = e.ID, kept.Behaviours
		s.from, s.to = laterOf(s.from, row.First.Truncate(time.Second)), earlierOf(s.to, row.Last.Truncate(time.Second).Add(time.Second-1))
	}
	if id == "" {
		return nil
	}
	of, all, err := s.tx.ActorOf(id) // which takes the scope
	if err != nil {
		return err
	}
	s.seen, s.of, s.ways = true, append([]int64{}, of...), map[store.BehaviourHash]bool{}
	for _, h := range all {
		s.ways[h] = true
	}
	if len(ways) > 0 {
		s.ways = map[store.BehaviourHash]bool{}
		for _, w := range ways {
			if b, err := hex.DecodeString(w); err == nil && len(b) == len(store.BehaviourHash{}) {
				s.ways[store.BehaviourHash(b)] = true
			}
		}
	}
	return nil
}

// page reads the latest of the wanted events behind the cursor: blocks from the
// latest on, until none can hold a later one than those that were found.
func (s *eventSearch) page(ctx context.Context) (items []api.UsageEvent, next eventCursor, err error) {
	items = []api.UsageEvent{}
	q := store.EventBlockQuery{Of: s.of}
	if !s.from.IsZero() {
		q.From = s.from.Unix()
	}
	if !s.to.IsZero() {
		q.To = s.to.Unix()
	}
	if s.after != (eventCursor{}) && (q.To == 0 || s.after.At/1e9 < q.To) {
		q.To = s.after.At / 1e9
	}
	if s.q.Event != "" {
		q.Hash = store.EventHash(s.q.Event, [16]byte{})
	}
	until, err := s.walk(ctx, q)
	if err != nil {
		return nil, next, err
	}
	if until != 0 {
		s.found = slices.DeleteFunc(s.found, func(r store.EventRecord) bool { return r.Event.At.UnixNano() < until })
		next = eventCursor{At: until, Hash: math.MaxUint64}
	}
	if len(s.found) > s.q.Limit {
		s.found = s.found[:s.q.Limit]
		last := &s.found[s.q.Limit-1]
		next = eventCursor{At: last.Event.At.UnixNano(), Hash: last.Hash}
	}
	for i := range s.found {
		e, err := s.shown(&s.found[i])
		if err != nil {
			return nil, next, err
		}
		items = append(items, e)
	}
	return items, next, nil
}

// walk takes the wanted events out of the blocks, from the latest on, and returns
// the moment behind which blocks are left that it did not open, 0 where none are.
// It opens maxOpened of them, and more only where so many overlap that they bring
// the list no further than the cursor.
func (s *eventSearch) walk(ctx context.Context, q store.EventBlockQuery) (until int64, err error) {
	var blocks []store.EventBlock
	for i := 0; ; i++ {
		if i == len(blocks) {
			if i < q.Limit {
				break
			}
			q.Limit = 2*i + maxOpened + 1
			if blocks, err = s.tx.EventBlocks(q); err != nil {
				return 0, err
			}
			if i >= len(blocks) {
				break
			}
		}
		b := &blocks[i]
		if s.enough(b.Last) {
			break
		}
		if behind := (b.Last + 1) * 1e9; i >= maxOpened && (s.after == eventCursor{} || behind < s.after.At) {
			until = behind
			break
		}
		list, err := s.app.openEvents(ctx, s.tx, b)
		if errors.Is(err, retinue.ErrInvalid) || errors.Is(err, retinue.ErrNotFound) {
			s.unopened += b.N // its key is gone
			continue
		}
		if err != nil {
			return 0, err
		}
		if err := s.pick(list); err != nil {
			return 0, err
		}
	}
	return until, nil
}

// enough reports whether no block that ends at a time or earlier can hold one of
// the wanted.
func (s *eventSearch) enough(last int64) bool {
	return len(s.found) > s.q.Limit && s.found[s.q.Limit].Event.At.Unix() > last
}

// pick takes the wanted ones of a block's events.
func (s *eventSearch) pick(list []store.EventRecord) error {
	for i := range list {
		r := &list[i]
		if !s.wanted(r) {
			continue
		}
		if ok, err := s.visible(r); err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		s.found = append(s.found, *r)
	}
	slices.SortFunc(s.found, func(x, y store.EventRecord) int {
		return cmp.Or(y.Event.At.Compare(x.Event.At), cmp.Compare(x.Hash, y.Hash))
	})
	s.found = s.found[:min(len(s.found), s.q.Limit+1)]
	return nil
}

func (s *eventSearch) wanted(r *store.EventRecord) bool {
	e := &r.Event
	switch {
	case !s.after.behind(r), e.At.Before(s.from), !s.to.IsZero() && e.At.After(s.to),
		s.ways != nil && !s.ways[r.Behaviour], s.q.Kind != "" && string(e.Class) != s.q.Kind, s.q.Outcome != "" && string(cmp.Or(e.Outcome, retinue.OutcomeUnknown)) != s.q.Outcome,
		s.q.Event != "" && e.ID != s.q.Event:
		return false
	}
	return s.q.Action == "" || slices.ContainsFunc(append([]string{e.Action, e.Operation}, e.More...), func(word string) bool { return isAction(s.q.Action, word) })
}

// isAction reports whether a word is the wanted one, or begins as it does before
// a star.
func isAction(want, word string) bool {
	if head, ok := strings.CutSuffix(want, "*"); ok {
		return len(word) >= len(head) && strings.EqualFold(word[:len(head)], head)
	}
	return strings.EqualFold(want, word)
}

// visible reports whether the reader sees somebody who had a part in an event.
func (s *eventSearch) visible(r *store.EventRecord) (bool, error) {
	if s.all || s.seen {
		return true, nil
	}
	e := &r.Event
	for _, x := range []retinue.Ref{e.Identity, e.Credential, nearest(e.Via)} {
		if n, err := s.names.name(s.tx, x); err != nil || n.id != "" {
			return err == nil, err
		}
	}
	return false, nil
}

// shown is an event with the names of the inventory. Of people there are
// pseudonyms, unless their names were asked for.
func (s *eventSearch) shown(r *store.EventRecord) (api.UsageEvent, error) {
	e := &r.Event
	t, _, err := s.names.told(s.tx, "", e)
	v := api.UsageEvent{At: e.At, Log: e.Log, Realm: e.Realm, Class: e.Class, Event: e.ID, Input: r.Label, Place: r.Place,
		Identity: t.Identity, IdentityID: t.IdentityID, Person: t.Person, Credential: t.Credential, OnBehalfOf: t.OnBehalfOf, Action: e.Action, More: e.More,
		Resource: t.Resource, Outcome: t.Outcome, Reason: e.Reason, Region: e.Region, From: t.From, Address: t.Address, Agent: t.Agent, Context: e.Context}
	if e.Operation != e.Action {
		v.Operation = e.Operation
	}
	masked := t.Person && s.names.opt.People == ""
	if masked {
		v.Context = nil
	}
	for _, x := range e.Via {
		n, nerr := s.names.name(s.tx, x)
		err = errors.Join(err, nerr)
		v.Via = append(v.Via, s.names.called(n, x, masked))
	}
	return v, err
}

// unknown lists entries that no reader understood, which are kept whether events
// are or not.
func (s *eventSearch) unknown(ctx context.Context, named bool) (items []api.UsageEvent, next eventCursor, err error) {
	items = []api.UsageEvent{}
	if !s.all || s.q.Action != "" || s.q.Event != "" || s.q.Outcome != "" && s.q.Outcome != string(retinue.OutcomeUnknown) {
		return items, next, nil // nobody knows whose they are, nor what
	}
	from, to := s.from.Unix(), int64(1)<<40
	if !s.to.IsZero() {
		to = s.to.Unix()
	}
	if s.after != (eventCursor{}) {
		to = s.after.At / 1e9
	}
	list, err := s.tx.UnknownEvents(from, to, s.after.Name, s.q.Limit+1)
	if err != nil {
		return items, next, err
	}
	if len(list) > s.q.Limit {
		list = list[:s.q.Limit]
		last := list[s.q.Limit-1]
		next = eventCursor{At: last.At.UnixNano(), Name: last.Name}
	}
	for _, u := range list {
		v := api.UsageEvent{At: u.At, Log: u.Log, Class: retinue.EventUnknown, Input: u.Label, Place: u.Place, Outcome: retinue.OutcomeUnknown}
		if named {
			text, err := s.app.sealer.Open(ctx, u.Sealed, unknownAt(u.Name))
			if err == nil {
				v.Record = strings.ToValidUTF8(string(text), "\uFFFD")
			} else if !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, retinue.ErrNotFound) {
				return items, next, err
			}
		}
		items = append(items, v)
	}
	return items, next, nil
}
