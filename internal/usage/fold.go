package usage

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// maxContextText bounds the class of request conditions of a behaviour, in
// bytes. What is longer is one class, [ContextOverflow]: whether a changed policy
// would have refused such calls cannot be told.
const maxContextText = 256

// ContextOverflow is the class of request conditions that are too many to keep.
const ContextOverflow = "…"

// Folder makes a batch of behaviours and counts from events. It is used by one
// goroutine.
type Folder struct {
	// Tested says which request conditions some policy of a realm tests; the
	// others make no class. Nil: none.
	Tested func(realm retinue.Realm, key string) bool
	// Networks names the blocks of addresses that the installation knows.
	Networks Networks
	// Latest is the last time at which an event can have happened; one after it was
	// written by a clock that is wrong. Zero: no bound.
	Latest time.Time
	// Seal keeps the record of an unknown event; nil drops it.
	Seal func(*retinue.Event) []byte
	// Label and Place are where the record of the next event stands, for what is
	// kept of an unknown one.
	Label string
	Place int64

	index map[store.Behaviour]int32
	batch store.UsageBatch
	// What came of user agents and addresses that were met.
	families map[string]string
	blocks   map[netip.Addr]string
}

// Add takes an event. It reports as ErrInvalid one that breaks the bounds of the
// contract or is after Latest; nothing of it is taken then.
func (f *Folder) Add(e *retinue.Event) error {
	if err := check(e); err != nil {
		return err
	}
	if !f.Latest.IsZero() && e.At.After(f.Latest) {
		return fmt.Errorf("%w: event of %s: it says that it happened at %s, which is yet to come: a clock is wrong", retinue.ErrInvalid, e.Log, e.At.UTC().Format(time.RFC3339))
	}
	if f.index == nil {
		f.index = map[store.Behaviour]int32{}
	}
	b := f.behaviour(e)
	i, ok := f.index[b]
	if !ok {
		i = int32(len(f.batch.Behaviours)) //nolint:gosec // a batch has a few thousand
		f.index[b] = i
		f.batch.Behaviours = append(f.batch.Behaviours, b)
	}
	n := int32(len(f.batch.Events)) //nolint:gosec // a batch has a few thousand
	f.batch.Events = append(f.batch.Events, store.UsageEvent{Hash: store.EventHash(e.ID, e.Digest), At: e.At.Unix(), Behaviour: i, Origin: origin(e)})
	for _, t := range e.Touches {
		f.batch.Touches = append(f.batch.Touches, store.UsageTouch{Kind: t.Kind, Target: t.Target, Event: n})
	}
	if e.Class == retinue.EventUnknown && f.Seal != nil && len(e.Raw) > 0 {
		if sealed := f.Seal(e); sealed != nil {
			f.batch.Unknown = append(f.batch.Unknown, store.UnknownEvent{Event: n, Name: store.UnknownName(e.Log, store.EventHash(e.ID, e.Digest)), Label: f.Label, Place: f.Place, Sealed: sealed})
		}
	}
	return nil
}

// Len is how many events were taken since the last Take.
func (f *Folder) Len() int { return len(f.batch.Events) }

// Take returns what was made of the events and begins anew.
func (f *Folder) Take() store.UsageBatch {
	b := f.batch
	f.batch, f.index = store.UsageBatch{}, nil
	return b
}

// Check reports, as ErrInvalid, an event that Add would not take.
func Check(e *retinue.Event) error { return check(e) }

// check reports an event that a reader should not have sent.
func check(e *retinue.Event) error {
	bad := func(what string) error {
		return fmt.Errorf("%w: event of %s: %s", retinue.ErrInvalid, e.Log, what)
	}
	switch {
	case e.Log == "" || len(e.Log) > 64:
		return bad("log is not named")
	case e.Realm.Validate() != nil:
		return bad("realm is not named")
	case e.At.IsZero() || e.At.Year() < 1990 || e.At.Year() > 2200:
		return bad("it has no time, or an impossible one")
	case e.ID == "" && e.Digest == [16]byte{}, len(e.ID) > retinue.MaxEventIDLength:
		return bad("it has neither id nor digest, or too long an id")
	case len(e.Touches) > retinue.MaxEventTouches, len(e.More) > retinue.MaxEventActions, len(e.Via) > retinue.MaxEventVia, len(e.Context) > retinue.MaxEventContext:
		return bad("it names too many things")
	}
	for _, s := range []string{e.Action, e.Operation, e.Region, e.Origin.Agent, e.Origin.Host, e.Origin.Application, e.Origin.Service} {
		if len(s) > retinue.MaxEventText {
			return bad("a text is too long")
		}
	}
	for _, r := range [...]*retinue.Ref{&e.Identity, &e.Credential, &e.OnBehalfOf, &e.Resource, &e.Origin.Workload} {
		if err := checkRef(r); err != nil {
			return bad(err.Error())
		}
	}
	for i := range e.Via {
		if err := checkRef(&e.Via[i]); err != nil {
			return bad(err.Error())
		}
	}
	for i := range e.Touches {
		if err := checkRef(&e.Touches[i].Target); err != nil {
			return bad(err.Error())
		}
	}
	return nil
}

func checkRef(r *retinue.Ref) error {
	if r.IsZero() {
		return nil
	}
	if err := r.Validate(); err != nil {
		return fmt.Errorf("a ref is not one: %w", err)
	}
	return nil
}

func (f *Folder) behaviour(e *retinue.Event) store.Behaviour {
	b := store.Behaviour{Log: e.Log, Realm: e.Realm, Class: e.Class, Identity: e.Identity, Credential: credential(e), Behalf: e.OnBehalfOf,
		Resource: Resource(e.Resource), Consumer: f.consumer(e), Person: e.Person, Interactive: e.Origin.Interactive, Action: e.Action, Region: e.Region,
		Context: f.context(e), Outcome: e.Outcome}
	if b.Class == "" {
		b.Class = retinue.EventUnknown
	}
	if b.Outcome == "" {
		b.Outcome = retinue.OutcomeUnknown
	}
	if len(e.Via) > 0 {
		b.Via = e.Via[0]
	}
	if len(e.More) > 0 {
		more := slices.Clone(e.More)
		slices.Sort(more)
		b.More = strings.Join(slices.Compact(more), " ")
	}
	if e.Operation != e.Action {
		b.Operation = e.Operation
	}
	return b
}

// credential is the credential's own ref, or one by which it is found once its
// system is listed. The tokens that a cluster binds to a pod are renewed every
// hour: the pod stands for them.
func credential(e *retinue.Event) retinue.Ref {
	if e.Credential.Kind == "token" && !e.Origin.Workload.IsZero() && e.Origin.Workload.Realm == e.Credential.Realm {
		return retinue.Ref{} // the workload may be the pod, or what made it
	}
	switch {
	case !e.Credential.IsZero():
		return e.Credential
	case len(e.Joins) > 0:
		return store.KeyRef(string(e.Joins[0].Kind), e.Joins[0].Value)
	case len(e.Fingerprints) > 0:
		return store.KeyRef("fp:"+e.Fingerprints[0].KeyID, e.Fingerprints[0].MAC)
	}
	return retinue.Ref{}
}

// context is the class of those request conditions that some policy tests.
func (f *Folder) context(e *retinue.Event) string {
	if f.Tested == nil {
		return ""
	}
	var b strings.Builder
	for _, c := range e.Context {
		if !f.Tested(e.Realm, c.Key) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(c.Key)
		b.WriteByte('=')
		b.WriteString(c.Value)
		if b.Len() > maxContextText {
			return ContextOverflow
		}
	}
	return b.String()
}

// origin is a hash of the address, 0 for none.
func origin(e *retinue.Event) uint32 {
	if !e.Origin.Address.IsValid() {
		return 0
	}
	h := uint32(2166136261) // FNV-1a (hash/fnv)
	for _, c := range e.Origin.Address.As16() {
		h = (h ^ uint32(c)) * 16777619
	}
	return max(1, h)
}
