package record

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Bounds of a block.
const (
	// MaxRecord is how large the record of one event may be, in bytes before it is
	// compressed; one that is larger is not kept.
	MaxRecord = 16 << 10
	// MaxEvents is how many events a block holds at most.
	MaxEvents = 4096
	// fullBlock is from how many bytes on a block takes no more, and maxBlock how
	// large one may be, both before it is compressed.
	fullBlock = 896 << 10
	maxBlock  = 1 << 20
	// maxPacked is how large a compressed block may be.
	maxPacked = maxBlock + 4<<10
)

// version is the first byte of a block before it is compressed.
const version = 1

// The bits of an event's flags.
const (
	flagPerson = 1 << iota
	flagInteractive
	flagDigest
)

// Codec packs and unpacks blocks. It is safe for concurrent use.
type Codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewCodec returns a codec, which holds a few megabytes.
func NewCodec() (*Codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(maxBlock), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("%w: make encoder of events: %v", retinue.ErrUnavailable, err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock), zstd.WithDecoderMaxWindow(maxBlock))
	if err != nil {
		return nil, fmt.Errorf("%w: make decoder of events: %v", retinue.ErrUnavailable, err)
	}
	return &Codec{enc: enc, dec: dec}, nil
}

// Packer makes one block. It is used by one goroutine.
type Packer struct {
	codec *Codec

	texts   map[string]uint64
	table   []string
	refs    map[retinue.Ref]uint64
	things  []byte // the refs, each as three texts
	ways    map[store.BehaviourHash]uint64
	hashes  []byte // of the ways of use
	events  []byte
	n       int
	last    int64
	size    int
	scratch []byte
}

// Packer returns a packer of an empty block.
func (c *Codec) Packer() *Packer {
	return &Packer{codec: c, texts: map[string]uint64{"": 0}, table: []string{""}, refs: map[retinue.Ref]uint64{{}: 0}, ways: map[store.BehaviourHash]uint64{}}
}

// Len is how many events were added.
func (p *Packer) Len() int { return p.n }

// Full reports that the block takes no more.
func (p *Packer) Full() bool { return p.n >= MaxEvents || p.size+len(p.events) >= fullBlock }

// Add adds an event, unless its record is larger than MaxRecord, which it reports
// as false. Raw is left out.
func (p *Packer) Add(r *store.EventRecord) bool {
	if bound(r) > MaxRecord {
		return false
	}
	e := &r.Event
	b := p.events
	var flags uint64
	if e.Person {
		flags |= flagPerson
	}
	if e.Origin.Interactive {
		flags |= flagInteractive
	}
	if e.Digest != [16]byte{} {
		flags |= flagDigest
	}
	b = binary.AppendUvarint(b, flags)
	at := e.At.UnixNano()
	b = binary.AppendVarint(b, at-p.last)
	p.last = at
	b = binary.LittleEndian.AppendUint64(b, r.Hash)
	if flags&flagDigest != 0 {
		b = append(b, e.Digest[:]...)
	}
	b = binary.AppendUvarint(b, p.way(r.Behaviour))
	b = binary.AppendVarint(b, r.Place)
	for _, s := range [...]string{r.Label, e.Log, e.ID, string(e.Realm), string(e.Class), e.Action, e.Operation, string(e.Outcome), e.Reason, e.Region,
		address(e), e.Origin.Agent, e.Origin.Run, e.Origin.Host, e.Origin.Application, e.Origin.Service} {
		b = binary.AppendUvarint(b, p.text(s))
	}
	for _, x := range [...]retinue.Ref{e.Identity, e.Credential, e.OnBehalfOf, e.Resource, e.Origin.Workload} {
		b = binary.AppendUvarint(b, p.ref(x))
	}
	b = binary.AppendUvarint(b, uint64(len(e.Via)))
	for _, x := range e.Via {
		b = binary.AppendUvarint(b, p.ref(x))
	}
	b = binary.AppendUvarint(b, uint64(len(e.More)))
	for _, s := range e.More {
		b = binary.AppendUvarint(b, p.text(s))
	}
	b = binary.AppendUvarint(b, uint64(len(e.Touches)))
	for _, t := range e.Touches {
		b = binary.AppendUvarint(binary.AppendUvarint(b, p.text(string(t.Kind))), p.ref(t.Target))
	}
	// A key and its value are one text: what is secret is often told by the key.
	b = binary.AppendUvarint(b, uint64(len(e.Context)))
	for _, c := range e.Context {
		b = binary.AppendUvarint(binary.AppendUvarint(b, p.text(c.Key+"="+c.Value)), uint64(len(c.Key)))
	}
	b = binary.AppendUvarint(b, uint64(len(e.Joins)))
	for _, j := range e.Joins {
		b = binary.AppendUvarint(binary.AppendUvarint(b, p.text(string(j.Kind))), p.text(j.Value))
	}
	b = binary.AppendUvarint(b, uint64(len(e.Fingerprints)))
	for _, f := range e.Fingerprints {
		b = binary.AppendUvarint(binary.AppendUvarint(b, p.text(f.KeyID)), p.text(f.MAC))
	}
	p.events = b
	p.n++
	return true
}

func address(e *retinue.Event) string {
	if !e.Origin.Address.IsValid() {
		return ""
	}
	return e.Origin.Address.String()
}

// bound is about how large the record of an event is, as if it were alone.
func bound(r *store.EventRecord) int {
	e := &r.Event
	n := 160 + len(r.Label) + len(e.Log) + len(e.ID) + len(e.Realm) + len(e.Action) + len(e.Operation) + len(e.Reason) + len(e.Region) +
		len(e.Origin.Agent) + len(e.Origin.Run) + len(e.Origin.Host) + len(e.Origin.Application) + len(e.Origin.Service)
	ref := func(x retinue.Ref) { n += 8 + len(x.Realm) + len(x.Kind) + len(x.Key) }
	for _, x := range [...]retinue.Ref{e.Identity, e.Credential, e.OnBehalfOf, e.Resource, e.Origin.Workload} {
		ref(x)
	}
	for _, x := range e.Via {
		ref(x)
	}
	for _, s := range e.More {
		n += 4 + len(s)
	}
	for _, t := range e.Touches {
		n += len(t.Kind)
		ref(t.Target)
	}
	for _, c := range e.Context {
		n += 4 + len(c.Key) + len(c.Value)
	}
	for _, j := range e.Joins {
		n += 8 + len(j.Kind) + len(j.Value)
	}
	for _, f := range e.Fingerprints {
		n += 8 + len(f.KeyID) + len(f.MAC)
	}
	return n
}

func (p *Packer) text(s string) uint64 {
	if i, ok := p.texts[s]; ok {
		return i
	}
	i := uint64(len(p.table))
	p.texts[s] = i
	p.table = append(p.table, s)
	p.size += len(s) + 4
	return i
}

func (p *Packer) ref(r retinue.Ref) uint64 {
	if i, ok := p.refs[r]; ok {
		return i
	}
	i := uint64(len(p.refs))
	p.refs[r] = i
	p.things = binary.AppendUvarint(p.things, p.text(string(r.Realm)))
	p.things = binary.AppendUvarint(p.things, p.text(r.Kind))
	p.things = binary.AppendUvarint(p.things, p.text(r.Key))
	p.size += 12
	return i
}

func (p *Packer) way(h store.BehaviourHash) uint64 {
	if i, ok := p.ways[h]; ok {
		return i
	}
	i := uint64(len(p.ways))
	p.ways[h] = i
	p.hashes = append(p.hashes, h[:]...)
	p.size += len(h)
	return i
}

// Pack returns the block. clean replaces what must not be kept in the texts, of
// which it gets each once.
func (p *Packer) Pack(clean func(texts []string)) []byte {
	if clean != nil {
		clean(p.table)
	}
	b := append(p.scratch[:0], version)
	b = binary.AppendUvarint(b, uint64(len(p.table)))
	for _, s := range p.table {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(p.refs)-1))
	b = append(b, p.things...)
	b = binary.AppendUvarint(b, uint64(len(p.ways)))
	b = append(b, p.hashes...)
	b = binary.AppendUvarint(b, uint64(p.n)) //nolint:gosec // at most MaxEvents
	b = append(b, p.events...)
	p.scratch = b
	return p.codec.enc.EncodeAll(b, nil)
}
