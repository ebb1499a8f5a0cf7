package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testLog makes a log of n records; variant makes another of the same shape.
func testLog(t testing.TB, n int, variant string) []retinue.Record {
	t.Helper()
	log := make([]retinue.Record, 0, n)
	prev := retinue.RecordGenesis
	for i := range n {
		r, err := retinue.Record{
			ID: retinue.RecordID(fmt.Sprintf("rec_%026d", i)), At: start.Add(time.Duration(i) * time.Second),
			Actor: retinue.Actor{Kind: "os_user", Name: "ada" + variant}, Action: retinue.RecordScopeCompleted,
			Subject: fmt.Sprint("aws:1/iam/", i), Details: json.RawMessage(fmt.Sprintf(`{"root":"%064x","size":%d}`, i, i)),
		}.Seal(prev, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, r)
		prev = r.Hash
	}
	return log
}

func seq(log []retinue.Record) iter.Seq2[retinue.Record, error] {
	return func(yield func(retinue.Record, error) bool) {
		for _, r := range log {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func verify(t testing.TB, log []retinue.Record, opts ...VerifyOption) Verification {
	t.Helper()
	v, err := Verify(t.Context(), seq(log), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func head(log []retinue.Record) Checkpoint {
	c := Checkpoint{Origin: "retinue/audit", Size: int64(len(log)), Head: retinue.RecordGenesis, At: start}
	if len(log) > 0 {
		c.Head = log[len(log)-1].Hash
	}
	return c
}

func TestVerifyWholeLog(t *testing.T) {
	log := testLog(t, 50, "")
	v := verify(t, log, Against(head(log)), Against(head(log[:20])), Against(head(nil)))
	if !v.OK() || v.Records != 50 || v.Head != log[49].Hash || v.Checkpoints != 3 || v.RemarkCount != 0 {
		t.Errorf("a whole log: %+v", v)
	}
	if v := verify(t, nil); !v.OK() || v.Head != retinue.RecordGenesis {
		t.Errorf("an empty log: %+v", v)
	}
}

func TestVerifyNamesTheFirstBrokenRecord(t *testing.T) {
	log := testLog(t, 10, "")
	other := testLog(t, 10, "other")
	for name, c := range map[string]struct {
		log  []retinue.Record
		opts []VerifyOption
		seq  int64
		kind BreakKind
	}{
		"removed":           {slices.Delete(slices.Clone(log), 3, 5), nil, 4, BreakGap},
		"first removed":     {log[1:], nil, 1, BreakGap},
		"twice":             {slices.Insert(slices.Clone(log), 4, log[3]), nil, 5, BreakReordered},
		"swapped":           {append(slices.Clone(log[:2]), log[3], log[2]), nil, 3, BreakGap},
		"edited":            {edit(log, 6, func(r *retinue.Record) { r.Subject = "x" }), nil, 7, BreakHash},
		"edited and hashed": {edit(log, 6, func(r *retinue.Record) { r.Subject = "x"; r.Hash = r.ComputeHash() }), nil, 8, BreakChain},
		"spliced":           {append(slices.Clone(log[:5]), other[5:]...), nil, 6, BreakChain},
		"too fine a time":   {edit(log, 2, func(r *retinue.Record) { r.At = r.At.Add(1) }), nil, 3, BreakForm},
		"hash in capitals":  {edit(log, 2, func(r *retinue.Record) { r.Hash = strings.ToUpper(r.Hash) }), nil, 3, BreakForm},
		"truncated":         {log[:7], []VerifyOption{Against(head(log))}, 8, BreakTruncated},
		"emptied":           {nil, []VerifyOption{Against(head(log))}, 1, BreakTruncated},
		"replaced":          {other, []VerifyOption{Against(head(log))}, 10, BreakReplaced},
		"replaced early":    {other, []VerifyOption{Against(head(log)), Against(head(log[:4]))}, 4, BreakReplaced},
		"false genesis":     {log, []VerifyOption{Against(Checkpoint{Size: 0, Head: log[0].Hash})}, 1, BreakReplaced},
	} {
		v := verify(t, c.log, c.opts...)
		if v.OK() || v.Broken.Seq != c.seq || v.Broken.Kind != c.kind {
			t.Errorf("%s: %+v, want %s at %d", name, v.Broken, c.kind, c.seq)
		}
	}
	// Why checkpoints are needed: without one, both of these hold.
	if !verify(t, log[:7]).OK() || !verify(t, other).OK() {
		t.Error("a truncated or wholly recomputed log was told apart without a checkpoint: the test's premise is wrong")
	}
}

func edit(log []retinue.Record, i int, f func(*retinue.Record)) []retinue.Record {
	log = slices.Clone(log)
	f(&log[i])
	return log
}

func TestVerifyRemarksOnTimeThatGoesBack(t *testing.T) {
	var log []retinue.Record
	prev := retinue.RecordGenesis
	for i := range 60 {
		r, _ := retinue.Record{At: start.Add(-time.Duration(i) * time.Hour)}.Seal(prev, int64(i))
		log, prev = append(log, r), r.Hash
	}
	v := verify(t, log)
	if !v.OK() || v.RemarkCount != 59 || len(v.Remarks) != maxRemarks || v.Remarks[0].Seq != 2 {
		t.Errorf("time that goes back: %+v", v)
	}
}

func TestVerifyPassesErrorsOn(t *testing.T) {
	boom := errors.New("boom")
	_, err := Verify(t.Context(), func(yield func(retinue.Record, error) bool) { yield(retinue.Record{}, boom) })
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, seq(testLog(t, 3, ""))); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// Any alteration of a log is detected: by the chain alone, or, where somebody
// who can write the database computes the chain anew, by the checkpoint.
func TestAnyAlterationIsDetected(t *testing.T) {
	log := testLog(t, 12, "")
	check := Against(head(log))
	rapid.Check(t, func(rt *rapid.T) {
		forged := slices.Clone(log)
		i := rapid.IntRange(0, len(log)-1).Draw(rt, "record")
		recompute := rapid.Bool().Draw(rt, "recompute")
		switch rapid.SampledFrom([]string{"remove", "swap", "truncate", "replace tail", "insert"}).Draw(rt, "attack") {
		case "remove":
			forged = slices.Delete(forged, i, i+1)
		case "swap":
			j := rapid.IntRange(0, len(log)-1).Filter(func(j int) bool { return j != i }).Draw(rt, "with")
			forged[i], forged[j] = forged[j], forged[i]
		case "truncate":
			forged = forged[:i]
		case "replace tail":
			for j := i; j < len(forged); j++ {
				forged[j].Subject = "forged"
			}
		case "insert":
			forged = slices.Insert(forged, i, retinue.Record{At: start, Subject: "forged"})
		}
		if recompute {
			prev := retinue.RecordGenesis
			for j := range forged {
				forged[j], _ = forged[j].Seal(prev, int64(j))
				prev = forged[j].Hash
			}
		}
		if v := verify(t, forged, check); v.OK() {
			rt.Fatal("the alteration was not detected")
		}
	})
}

// Every single bit of an exported log, its manifest, trailer and signature
// matters.
func TestAnyBitFlipInAnArchiveIsDetected(t *testing.T) {
	key, archive := testArchive(t, testLog(t, 2, ""))
	for i := range archive {
		for bit := range 8 {
			flipped := bytes.Clone(archive)
			flipped[i] ^= 1 << bit
			for _, pub := range []string{key.Public(), ""} {
				rep, err := VerifyArchive(t.Context(), bytes.NewReader(flipped), pub)
				if err == nil && rep.OK() {
					t.Fatalf("bit %d of byte %d flipped (key given: %t): not detected\n%s", bit, i, pub != "", flipped)
				}
			}
		}
	}
	for n := range archive {
		if rep, err := VerifyArchive(t.Context(), bytes.NewReader(archive[:n]), ""); err == nil && rep.OK() {
			t.Fatalf("cut after %d of %d bytes: not detected", n, len(archive))
		}
	}
}

func testArchive(t *testing.T, log []retinue.Record) (SigningKey, []byte) {
	t.Helper()
	key, err := NewSigningKey("retinue/audit")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	v, err := WriteArchive(t.Context(), &b, ArchiveManifest{CreatedAt: start, By: retinue.Actor{Kind: "os_user", Name: "ada"}, Tool: "retinue 0.1"}, seq(log), &key)
	if err != nil || !v.OK() {
		t.Fatal(v, err)
	}
	return key, b.Bytes()
}

func TestArchive(t *testing.T) {
	log := testLog(t, 30, "")
	key, archive := testArchive(t, log)
	ctx := t.Context()
	rep, err := VerifyArchive(ctx, bytes.NewReader(archive), key.Public(), Against(head(log[:10])))
	if err != nil || !rep.OK() || rep.Records != 30 || rep.SignedBy != "given" || rep.Checkpoint.Size != 30 || rep.Checkpoints != 1 {
		t.Fatalf("a whole archive: %+v, %v", rep, err)
	}
	if rep, _ := VerifyArchive(ctx, bytes.NewReader(archive), ""); !rep.OK() || rep.SignedBy != "own" {
		t.Errorf("without a key: %+v", rep)
	}
	// The database's administrator rewrites everything and signs with a key of
	// their own: only the auditor's key tells.
	_, forged := testArchive(t, testLog(t, 30, "forged"))
	if rep, _ := VerifyArchive(ctx, bytes.NewReader(forged), ""); !rep.OK() {
		t.Fatalf("premise: %+v", rep)
	}
	if rep, _ := VerifyArchive(ctx, bytes.NewReader(forged), key.Public()); rep.OK() {
		t.Error("an archive signed by another key holds")
	}
	// No records, no signature.
	var b bytes.Buffer
	if _, err := WriteArchive(ctx, &b, ArchiveManifest{Origin: "o", CreatedAt: start}, seq(nil), nil); err != nil {
		t.Fatal(err)
	}
	if rep, err := VerifyArchive(ctx, bytes.NewReader(b.Bytes()), ""); err != nil || !rep.OK() {
		t.Errorf("an empty archive: %+v, %v", rep, err)
	}
	if rep, _ := VerifyArchive(ctx, bytes.NewReader(b.Bytes()), key.Public()); rep.OK() {
		t.Error("an unsigned archive holds against a key")
	}
	if _, err := WriteArchive(ctx, &b, ArchiveManifest{}, seq(log[1:]), &key); !errors.Is(err, retinue.ErrConflict) {
		t.Errorf("a broken log was exported: %v", err)
	}
}

// A line without an end is not read to its end.
func TestArchiveLinesAreBounded(t *testing.T) {
	for _, start := range []string{"", `{"format":"retinue.audit.v1","origin":"","createdAt":"2026-03-01T12:00:00Z","by":{"kind":"","name":""},"tool":""}` + "\n"} {
		endless := &countingReader{r: io.MultiReader(strings.NewReader(start), zeros{})}
		rep, err := VerifyArchive(t.Context(), endless, "")
		if err != nil || rep.OK() || !strings.Contains(rep.String(), "longer than") {
			t.Errorf("%+v, %v; want a line that is too long", rep, err)
		}
		if endless.n > 2*maxArchiveLine {
			t.Errorf("%d bytes were read", endless.n)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func FuzzVerifyArchive(f *testing.F) {
	f.Add([]byte(`{"format":"retinue.audit.v1","origin":"","createdAt":"2026-03-01T12:00:00Z","by":{"kind":"","name":""},"tool":""}` + "\n{}\n{}"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rep, err := VerifyArchive(t.Context(), bytes.NewReader(raw), "retinue/audit+00000000+x")
		if err == nil && rep.OK() {
			t.Fatalf("an archive that nobody signed holds: %q", raw)
		}
	})
}
