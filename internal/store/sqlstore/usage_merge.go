package sqlstore

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// usageMerged is what batches of one log come to, as one: a behaviour that
// several of them have is there once, so that what adds up is written once.
type usageMerged struct {
	Log        string
	Behaviours []*store.Behaviour // of the batches
	Events     []store.UsageEvent
	Touches    []store.UsageTouch
	Unknown    []store.UnknownEvent
	Records    []store.EventRecord // of the events, where they are kept
	names      usageNames

	index map[store.BehaviourHash]int32 // into Behaviours
	// The events from ends[i-1] up to ends[i] are of inputs[i].
	inputs []string
	ends   []int
}

// mergeUsage makes one batch of those of each log, in the order of the logs'
// names.
func mergeUsage(batches []store.UsageBatch) []*usageMerged {
	var out []*usageMerged
	for i := range batches {
		b := &batches[i]
		at, ok := slices.BinarySearchFunc(out, b.Log, func(m *usageMerged, log string) int { return strings.Compare(m.Log, log) })
		if !ok {
			out = slices.Insert(out, at, &usageMerged{Log: b.Log, index: map[store.BehaviourHash]int32{}})
		}
		out[at].add(b)
	}
	return out
}

func (m *usageMerged) add(b *store.UsageBatch) {
	first := int32(len(m.Events)) //nolint:gosec // batches have a few thousand
	place := make([]int32, len(b.Behaviours))
	for i := range b.Behaviours {
		h := b.Behaviours[i].Hash()
		at, ok := m.index[h]
		if !ok {
			at = int32(len(m.Behaviours)) //nolint:gosec // batches have a few thousand
			m.index[h] = at
			m.Behaviours, m.names.hashes = append(m.Behaviours, &b.Behaviours[i]), append(m.names.hashes, h)
		}
		place[i] = at
	}
	m.Events = slices.Grow(m.Events, len(b.Events))
	for _, e := range b.Events {
		e.Behaviour = place[e.Behaviour]
		m.Events = append(m.Events, e)
	}
	if m.Records != nil || b.Records != nil {
		// An event without a record has one without a time.
		m.Records = append(m.Records, make([]store.EventRecord, int(first)-len(m.Records))...)
		m.Records = append(m.Records, b.Records...)
		for i := int(first); i < len(m.Records); i++ {
			m.Records[i].Behaviour = m.names.hashes[m.Events[i].Behaviour]
		}
		m.Records = append(m.Records, make([]store.EventRecord, len(m.Events)-len(m.Records))...)
	}
	for _, t := range b.Touches {
		t.Event += first
		m.Touches = append(m.Touches, t)
	}
	for _, u := range b.Unknown {
		u.Event += first
		m.Unknown = append(m.Unknown, u)
	}
	m.inputs, m.ends = append(m.inputs, b.Input), append(m.ends, len(m.Events))
}

// inputOf is the input of an event.
func (m *usageMerged) inputOf(event int32) string {
	return m.inputs[sort.SearchInts(m.ends, int(event)+1)]
}

// inputBatch is a batch of an input.
type inputBatch struct {
	hash  []byte
	batch *store.UsageBatch
}

// byInput lists batches in the order of their inputs, which is the same for all who
// write at once.
func byInput(batches []store.UsageBatch, wanted func(*store.UsageBatch) bool) (list []inputBatch) {
	for i := range batches {
		if b := &batches[i]; b.Input != "" && wanted(b) {
			list = append(list, inputBatch{inputHash(b.Input), b})
		}
	}
	slices.SortStableFunc(list, func(x, y inputBatch) int { return bytes.Compare(x.hash, y.hash) })
	return list
}

func logsOf(merged []*usageMerged) map[string]int64 {
	logs := map[string]int64{}
	for _, m := range merged {
		logs[m.Log] = m.names.log
	}
	return logs
}

// takeTurns waits for whoever else brings the inputs of which batches say from
// where they were read, and reports as ErrConflict one whose reading stands
// elsewhere by now.
func (tx *Tx) takeTurns(merged []*usageMerged, batches []store.UsageBatch) error {
	logs := logsOf(merged)
	list := byInput(batches, func(b *store.UsageBatch) bool { return b.From != nil })
	for i, k := range list {
		if i > 0 && bytes.Equal(k.hash, list[i-1].hash) {
			continue
		}
		p := *k.batch.From
		if p == (connector.Position{}) {
			err := tx.exec("INSERT INTO usage_inputs (hash, log, label, pos, cursor, digest, done, updated_at) VALUES ($1, $2, $3, 0, '', '', 0, $4) ON CONFLICT (hash) DO NOTHING",
				k.hash, logs[k.batch.Log], k.batch.Label, tx.at.UnixMicro())
			if err != nil {
				return err
			}
		}
		res, err := tx.execResult("UPDATE usage_inputs SET updated_at = $1 WHERE hash = $2 AND pos = $3 AND cursor = $4 AND digest = $5 AND done = $6",
			tx.at.UnixMicro(), k.hash, p.Offset, p.Cursor, p.Digest, bit(p.Done))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, fmt.Errorf("%w: %s was read from elsewhere meanwhile: somebody else brings the same", retinue.ErrConflict, k.batch.Label))
		}
	}
	return nil
}

// keepPositions keeps where the reading of the batches' inputs stands. Of one
// input the last holds.
func (tx *Tx) keepPositions(merged []*usageMerged, batches []store.UsageBatch) error {
	logs := logsOf(merged)
	list := byInput(batches, func(b *store.UsageBatch) bool { return b.Keep })
	for i, k := range list {
		if i+1 < len(list) && bytes.Equal(k.hash, list[i+1].hash) {
			continue
		}
		p := k.batch.Position
		err := tx.exec(`INSERT INTO usage_inputs (hash, log, label, pos, cursor, digest, done, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (hash) DO UPDATE SET label = excluded.label, pos = excluded.pos, cursor = excluded.cursor, digest = excluded.digest,
			done = excluded.done, updated_at = excluded.updated_at`, k.hash, logs[k.batch.Log], k.batch.Label, p.Offset, p.Cursor, p.Digest, bit(p.Done), tx.at.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}
