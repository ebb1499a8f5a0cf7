package record

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Unpack returns the events of a block. It reports what is no block, or one that
// was damaged, as ErrInvalid, and takes no more memory for it than for a block.
func (c *Codec) Unpack(packed []byte) ([]store.EventRecord, error) {
	if len(packed) > maxPacked {
		return nil, fmt.Errorf("%w: block of events: larger than %d bytes", retinue.ErrInvalid, maxPacked)
	}
	plain, err := c.dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: block of events: %v", retinue.ErrInvalid, err)
	}
	u := &unpacker{b: plain}
	out := u.block()
	if u.bad != "" {
		return nil, fmt.Errorf("%w: block of events: %s", retinue.ErrInvalid, u.bad)
	}
	return out, nil
}

// unpacker reads a block. Once something is wrong with it, everything that it
// reads is zero.
type unpacker struct {
	b    []byte
	bad  string
	text []string
	refs []retinue.Ref
	ways []store.BehaviourHash
	last int64
}

func (u *unpacker) fail(what string) {
	if u.bad == "" {
		u.bad = what
	}
	u.b = nil
}

func (u *unpacker) uint() uint64 {
	v, n := binary.Uvarint(u.b)
	if n <= 0 {
		u.fail("it ends early")
		return 0
	}
	u.b = u.b[n:]
	return v
}

func (u *unpacker) int() int64 {
	v, n := binary.Varint(u.b)
	if n <= 0 {
		u.fail("it ends early")
		return 0
	}
	u.b = u.b[n:]
	return v
}

func (u *unpacker) bytes(n uint64) []byte {
	if n > uint64(len(u.b)) {
		u.fail("it ends early")
		return nil
	}
	out := u.b[:n]
	u.b = u.b[n:]
	return out
}

// count reads how many of something follow, each of at least size bytes.
func (u *unpacker) count(most, size int) int {
	n := u.uint()
	if n > uint64(most) || n*uint64(size) > uint64(len(u.b)) { //nolint:gosec // small constants
		u.fail("it says that more follows than there is")
		return 0
	}
	return int(n)
}

func (u *unpacker) block() []store.EventRecord {
	if v := u.bytes(1); len(v) == 1 && v[0] != version {
		u.fail("it is of another version")
	}
	u.text = make([]string, u.count(maxBlock, 1))
	for i := range u.text {
		u.text[i] = string(u.bytes(u.uint()))
	}
	u.refs = make([]retinue.Ref, 1+u.count(maxBlock, 3))
	for i := range u.refs[1:] {
		u.refs[1+i] = retinue.Ref{Realm: retinue.Realm(u.string()), Kind: u.string(), Key: u.string()}
	}
	u.ways = make([]store.BehaviourHash, u.count(maxBlock, len(store.BehaviourHash{})))
	for i := range u.ways {
		copy(u.ways[i][:], u.bytes(uint64(len(u.ways[i]))))
	}
	out := make([]store.EventRecord, u.count(MaxEvents, minEvent))
	for i := range out {
		u.event(&out[i])
	}
	if len(u.b) > 0 {
		u.fail("something follows it")
	}
	return out
}

// minEvent is the fewest bytes that an event takes.
const minEvent = 38

func (u *unpacker) string() string { return pick(u, u.text) }

func (u *unpacker) ref() retinue.Ref { return pick(u, u.refs) }

func pick[T any](u *unpacker, table []T) (out T) {
	i := u.uint()
	if i >= uint64(len(table)) {
		u.fail("it names a row that is not there")
		return out
	}
	return table[i]
}

func (u *unpacker) event(r *store.EventRecord) {
	e := &r.Event
	flags := u.uint()
	e.Person, e.Origin.Interactive = flags&flagPerson != 0, flags&flagInteractive != 0
	u.last += u.int()
	e.At = time.Unix(0, u.last).UTC()
	if h := u.bytes(8); len(h) == 8 {
		r.Hash = binary.LittleEndian.Uint64(h)
	}
	if flags&flagDigest != 0 {
		copy(e.Digest[:], u.bytes(uint64(len(e.Digest))))
	}
	r.Behaviour, r.Place = pick(u, u.ways), u.int()
	r.Label, e.Log, e.ID, e.Realm, e.Class = u.string(), u.string(), u.string(), retinue.Realm(u.string()), retinue.EventClass(u.string())
	e.Action, e.Operation, e.Outcome, e.Reason, e.Region = u.string(), u.string(), retinue.Outcome(u.string()), u.string(), u.string()
	if s := u.string(); s != "" {
		e.Origin.Address, _ = netip.ParseAddr(s) // one that the detector took out is none
	}
	e.Origin.Agent, e.Origin.Run, e.Origin.Host, e.Origin.Application, e.Origin.Service = u.string(), u.string(), u.string(), u.string(), u.string()
	e.Identity, e.Credential, e.OnBehalfOf, e.Resource, e.Origin.Workload = u.ref(), u.ref(), u.ref(), u.ref(), u.ref()
	e.Via = list(u, 1, u.ref)
	e.More = list(u, 1, u.string)
	e.Touches = list(u, 2, func() retinue.Touch { return retinue.Touch{Kind: retinue.TouchKind(u.string()), Target: u.ref()} })
	e.Context = list(u, 2, u.condition)
	e.Joins = list(u, 2, func() retinue.JoinKey { return retinue.JoinKey{Kind: retinue.JoinKind(u.string()), Value: u.string()} })
	e.Fingerprints = list(u, 2, func() retinue.Fingerprint { return retinue.Fingerprint{KeyID: u.string(), MAC: u.string()} })
}

// condition reads a request condition. One whose key the detector took a part of
// is cut at its first equals sign.
func (u *unpacker) condition() retinue.ContextValue {
	text, n := u.string(), u.uint()
	if n < uint64(len(text)) && text[n] == '=' {
		return retinue.ContextValue{Key: text[:n], Value: text[n+1:]}
	}
	k, v, _ := strings.Cut(text, "=")
	return retinue.ContextValue{Key: k, Value: v}
}

// maxList is how many rows a list of an event has at most: a record is not
// larger.
const maxList = MaxRecord / 4

// list reads a list whose rows take at least size bytes; an empty one is nil.
func list[T any](u *unpacker, size int, row func() T) []T {
	n := u.count(maxList, size)
	if n == 0 {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		out[i] = row()
	}
	return out
}
