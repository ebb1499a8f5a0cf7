package entry

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Digest returns the first half of the SHA-256 of a record without the white
// space around it, by which an entry without an id is known.
func Digest(record []byte) [16]byte {
	sum := sha256.Sum256(bytes.TrimSpace(record))
	return [16]byte(sum[:16])
}

// Name gives an event the log's own id, or the record's digest where that is empty
// or longer than an id may be.
func Name(ev *retinue.Event, id string, record []byte) {
	if id = retinue.CleanName(strings.TrimSpace(id)); id != "" && len(id) <= retinue.MaxEventIDLength {
		ev.ID = id
		return
	}
	ev.Digest = Digest(record)
}

// Unknown makes an event of a record that its reader does not understand, from one
// that has its Log, Realm, At and id or digest.
func Unknown(ev retinue.Event, record []byte) retinue.Event {
	record = bytes.TrimSpace(record)
	if len(record) > retinue.MaxEventUnknown {
		record = record[:retinue.MaxEventUnknown]
	}
	return retinue.Event{Log: ev.Log, ID: ev.ID, Digest: ev.Digest, At: ev.At, Realm: ev.Realm, Class: retinue.EventUnknown,
		Outcome: retinue.OutcomeUnknown, Operation: ev.Operation, Raw: bytes.Clone(record)}
}

// ErrNoTime is what is wrong with a record that does not say when it happened: it
// can be counted nowhere.
func ErrNoTime() error {
	return fmt.Errorf("%w: record says no time at which it happened", retinue.ErrInvalid)
}

// Bound cuts and sorts what an event lists, so that it keeps to the bounds of
// package retinue. Texts are cut where they are read.
func Bound(ev *retinue.Event) {
	ev.More = first(ev.More, retinue.MaxEventActions)
	ev.Via = first(present(ev.Via), retinue.MaxEventVia)
	ev.Touches = first(distinct(ev.Touches), retinue.MaxEventTouches)
	ev.Context = slices.DeleteFunc(ev.Context, func(c retinue.ContextValue) bool { return c.Key == "" || c.Value == "" })
	slices.SortFunc(ev.Context, func(a, b retinue.ContextValue) int { return strings.Compare(a.Key, b.Key) })
	ev.Context = first(ev.Context, retinue.MaxEventContext)
	for _, s := range []*string{&ev.Operation, &ev.Action, &ev.Reason, &ev.Region, &ev.Origin.Agent, &ev.Origin.Application, &ev.Origin.Host,
		&ev.Origin.Run, &ev.Origin.Service} {
		*s = Text(*s)
	}
	for i := range ev.Context {
		ev.Context[i].Value = Text(ev.Context[i].Value)
	}
	if ev.Outcome == "" {
		ev.Outcome = retinue.OutcomeUnknown
	}
}

func first[T any](list []T, n int) []T {
	if len(list) == 0 {
		return nil
	}
	return list[:min(len(list), n):min(len(list), n)]
}

func present(list []retinue.Ref) []retinue.Ref {
	return slices.DeleteFunc(list, func(r retinue.Ref) bool { return r.IsZero() })
}

func distinct(list []retinue.Touch) []retinue.Touch {
	var out []retinue.Touch
	for _, t := range list {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
		if len(out) == retinue.MaxEventTouches {
			break
		}
	}
	return out
}
