package evidence

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/retinue-id/retinue"
)

// BreakKind says how a log is broken.
type BreakKind string

// The kinds of break.
const (
	// BreakGap: records are missing before this one.
	BreakGap BreakKind = "gap"
	// BreakReordered: a record stands after one that follows it, or twice.
	BreakReordered BreakKind = "reordered"
	// BreakHash: the record is not what its hash was made of.
	BreakHash BreakKind = "hash_mismatch"
	// BreakChain: the record does not name the hash of the one before it.
	BreakChain BreakKind = "chain_mismatch"
	// BreakForm: the record cannot be one of a log (a hash of the wrong form,
	// a time finer than records keep).
	BreakForm BreakKind = "malformed"
	// BreakTruncated: the log ends before the checkpoint.
	BreakTruncated BreakKind = "truncated"
	// BreakReplaced: at the checkpoint's record the log has another hash.
	BreakReplaced BreakKind = "replaced"
)

// Break is the first place at which a log does not hold.
type Break struct {
	// Seq is the sequence number that was expected there.
	Seq  int64            `json:"seq"`
	ID   retinue.RecordID `json:"id,omitempty"`
	Kind BreakKind        `json:"kind"`
	// Reason is one sentence.
	Reason string `json:"reason"`
}

// Remark is something odd that does not break the log.
type Remark struct {
	Seq  int64  `json:"seq"`
	Text string `json:"text"`
}

// maxRemarks bounds the remarks that are kept; all are counted.
const maxRemarks = 20

// Verification is the outcome of verifying a log.
type Verification struct {
	// Records is how many records hold, from the first on.
	Records int64 `json:"records"`
	// Head is the hash of the last record that holds, HeadAt its time.
	Head   string    `json:"head"`
	HeadAt time.Time `json:"headAt,omitzero"`
	// Broken is nil for a log that holds.
	Broken *Break `json:"broken,omitempty"`
	// Checkpoints is how many of the given checkpoints the log passed.
	Checkpoints int `json:"checkpoints"`
	// Remarks are what is odd, the first ones; RemarkCount is all of them.
	Remarks     []Remark `json:"remarks,omitempty"`
	RemarkCount int      `json:"remarkCount,omitempty"`
}

// OK reports whether the log holds.
func (v Verification) OK() bool { return v.Broken == nil }

// String says the outcome in one sentence.
func (v Verification) String() string {
	if v.Broken != nil {
		return fmt.Sprintf("broken at record %d: %s", v.Broken.Seq, v.Broken.Reason)
	}
	if v.Records == 0 {
		return "the log is empty"
	}
	s := fmt.Sprintf("%d records hold, head %s", v.Records, v.Head)
	if v.Checkpoints > 0 {
		s += fmt.Sprintf(", %d checkpoints agree", v.Checkpoints)
	}
	return s
}

// VerifyOption adds to what Verify checks.
type VerifyOption func(*verifier)

// Against holds the log to a checkpoint: it must be as long, and have the
// checkpoint's hash at the checkpoint's record. Without one, a log whose end
// was cut off or computed anew cannot be told from a whole one.
func Against(c Checkpoint) VerifyOption {
	return func(v *verifier) { v.checkpoints = append(v.checkpoints, c) }
}

type verifier struct {
	Verification
	checkpoints []Checkpoint
	prev        string
	prevAt      time.Time
}

// Verify reads a log from its first record on, in its order, and stops at the
// first place that does not hold. It uses constant memory. The error is that of
// the iterator or the context; a broken log is no error but in the
// Verification.
func Verify(ctx context.Context, records iter.Seq2[retinue.Record, error], opts ...VerifyOption) (Verification, error) {
	v := &verifier{prev: retinue.RecordGenesis}
	v.Head = retinue.RecordGenesis
	for _, o := range opts {
		o(v)
	}
	for r, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return v.Verification, fmt.Errorf("verify audit log: after record %d: %w", v.Records, err)
		}
		if v.Broken = v.record(r); v.Broken != nil {
			return v.Verification, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return v.Verification, fmt.Errorf("verify audit log: %w", err)
	}
	v.Broken = v.end()
	return v.Verification, nil
}

func (v *verifier) record(r retinue.Record) *Break {
	want := v.Records + 1
	fail := func(k BreakKind, format string, args ...any) *Break {
		return &Break{Seq: want, ID: r.ID, Kind: k, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Seq > want:
		return fail(BreakGap, "records %d to %d are missing", want, r.Seq-1)
	case r.Seq < want:
		return fail(BreakReordered, "record %d stands where %d should", r.Seq, want)
	case !isHash(r.Hash) || !isHash(r.PrevHash):
		return fail(BreakForm, "its hash or the one before is not 64 lower-case hexadecimal characters")
	case r.At.Nanosecond()%1000 != 0:
		return fail(BreakForm, "its time is finer than a microsecond, which its hash does not cover")
	}
	// The hash first: where both are wrong the content was changed, and the
	// previous hash is part of the content.
	if r.ComputeHash() != r.Hash {
		return fail(BreakHash, "its content does not have the hash that it carries")
	}
	if r.PrevHash != v.prev {
		return fail(BreakChain, "it follows a record with hash %s, and the one before it has %s", r.PrevHash, v.prev)
	}
	if r.At.Before(v.prevAt) {
		v.remark(r.Seq, fmt.Sprintf("time goes back from %s to %s", v.prevAt.UTC().Format(time.RFC3339Nano), r.At.UTC().Format(time.RFC3339Nano)))
	}
	for _, c := range v.checkpoints {
		if c.Size != r.Seq {
			continue
		}
		if c.Head != r.Hash {
			return fail(BreakReplaced, "the checkpoint of %s has hash %s for it: this record, or one before it, was replaced", checkpointTime(c), c.Head)
		}
		v.Checkpoints++
	}
	v.Records, v.Head, v.HeadAt, v.prev, v.prevAt = r.Seq, r.Hash, r.At, r.Hash, r.At
	return nil
}

func (v *verifier) end() *Break {
	for _, c := range v.checkpoints {
		if c.Size == 0 {
			if c.Head != retinue.RecordGenesis {
				return &Break{Seq: 1, Kind: BreakReplaced, Reason: "the checkpoint of an empty log has the hash of a record"}
			}
			v.Checkpoints++
		}
		if c.Size > v.Records {
			return &Break{Seq: v.Records + 1, Kind: BreakTruncated,
				Reason: fmt.Sprintf("the checkpoint of %s has %d records and the log %d: its end was cut off", checkpointTime(c), c.Size, v.Records)}
		}
	}
	return nil
}

func (v *verifier) remark(seq int64, text string) {
	v.RemarkCount++
	if len(v.Remarks) < maxRemarks {
		v.Remarks = append(v.Remarks, Remark{Seq: seq, Text: text})
	}
}

func checkpointTime(c Checkpoint) string {
	if c.At.IsZero() {
		return "no date"
	}
	return c.At.UTC().Format(time.RFC3339)
}
