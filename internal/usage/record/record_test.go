package record_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/record"
)

func codec(t testing.TB) *record.Codec {
	t.Helper()
	c, err := record.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// full is a record in which everything is set.
func full(i int) store.EventRecord {
	realm := retinue.Realm("aws:111111111111")
	role := retinue.NewRef(realm, "role", fmt.Sprintf("arn:aws:iam::111111111111:role/r%d", i%7))
	return store.EventRecord{Hash: uint64(i) * 0x9e3779b97f4a7c15, Behaviour: store.BehaviourHash{1, byte(i % 3)}, Label: "AWSLogs/a.json.gz", Place: int64(i),
		Event: retinue.Event{Log: "aws.cloudtrail", ID: fmt.Sprintf("id-%d", i), At: time.Date(2026, 3, 4, 5, 6, i, 789, time.UTC), Realm: realm, Class: retinue.EventData,
			Identity: role, Person: i%2 == 0, Credential: retinue.NewRef(realm, "key", "k"), Joins: []retinue.JoinKey{{Kind: "provider_id", Value: "aws:k"}},
			Fingerprints: []retinue.Fingerprint{{KeyID: "fk1", MAC: "abc"}}, Via: []retinue.Ref{retinue.NewRef(realm, "user", "u"), role}, OnBehalfOf: retinue.NewRef(realm, "user", "ada"),
			Action: "s3:GetObject", More: []string{"kms:Decrypt"}, Operation: "GetObject", Resource: retinue.NewRef(realm, "bucket", "arn:aws:s3:::b/key"), Outcome: retinue.OutcomeDenied,
			Reason: "AccessDenied", Region: "eu-central-1", Context: []retinue.ContextValue{{Key: "aws:SourceVpce", Value: "vpce-1=2"}, {Key: "aws:RequestTag/a=b", Value: "c"}},
			Touches: []retinue.Touch{{Kind: retinue.TouchRead, Target: role}},
			Origin:  retinue.Origin{Address: netip.MustParseAddr("2001:db8::1"), Agent: "boto3", Workload: role, Run: "7", Host: "h", Application: "app", Service: "s.amazonaws.com", Interactive: true}}}
}

func TestBlocksReadBackWhole(t *testing.T) {
	c := codec(t)
	p := c.Packer()
	var want []store.EventRecord
	for i := range 50 {
		r := full(i)
		if i%5 == 0 { // next to nothing
			r = store.EventRecord{Hash: uint64(i), Event: retinue.Event{Log: "l", Digest: [16]byte{byte(i + 1)}, At: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), Realm: "test:x", Class: retinue.EventUnknown}}
		}
		want = append(want, r)
		r.Event.Raw = []byte("not kept")
		if !p.Add(&r) {
			t.Fatal("a record was not taken")
		}
	}
	got, err := c.Unpack(p.Pack(nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Error(d)
	}
}

func TestTextsAreCleanedOnceEach(t *testing.T) {
	c := codec(t)
	p := c.Packer()
	for i := range 3 {
		r := full(i)
		r.Event.Origin.Agent = "agent with a mark"
		p.Add(&r)
	}
	met := 0
	got, err := c.Unpack(p.Pack(func(texts []string) {
		for i, s := range texts {
			if strings.Contains(s, "mark") {
				met++
				texts[i] = strings.ReplaceAll(s, "mark", "[redacted]")
			}
		}
	}))
	if err != nil || met != 1 {
		t.Fatalf("met %d times, %v", met, err)
	}
	for _, r := range got {
		if r.Event.Origin.Agent != "agent with a [redacted]" {
			t.Errorf("agent %q", r.Event.Origin.Agent)
		}
	}
}

func TestBlocksAndRecordsAreBounded(t *testing.T) {
	c := codec(t)
	p := c.Packer()
	large := full(1)
	large.Event.Origin.Agent = strings.Repeat("a", record.MaxRecord)
	if p.Add(&large) || p.Len() != 0 {
		t.Error("a record beyond the bound was taken")
	}
	n := 0
	for ; !p.Full(); n++ {
		r := full(n)
		r.Event.ID = fmt.Sprintf("%d-%s", n, strings.Repeat("x", 200))
		r.Event.Resource.Key = fmt.Sprintf("%d-%s", n, strings.Repeat("y", 600))
		if !p.Add(&r) {
			t.Fatal("not taken")
		}
	}
	got, err := c.Unpack(p.Pack(nil))
	if err != nil || len(got) != n || n == 0 || n >= record.MaxEvents {
		t.Errorf("%d of %d events read back, %v", len(got), n, err)
	}
	p = c.Packer()
	for n = 0; !p.Full(); n++ {
		r := full(0)
		p.Add(&r)
	}
	if n != record.MaxEvents {
		t.Errorf("a block of %d events, want %d", n, record.MaxEvents)
	}
}

func TestWhatIsNoBlockIsRefused(t *testing.T) {
	c := codec(t)
	p := c.Packer()
	r := full(1)
	p.Add(&r)
	whole := p.Pack(nil)
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "cut": whole[:len(whole)-3], "too large": make([]byte, 2<<20)} {
		if got, err := c.Unpack(b); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
	}
}

// FuzzUnpack: whatever is in a block, reading it ends, and what is read from one
// can be packed and read again.
func FuzzUnpack(f *testing.F) {
	c := codec(f)
	p := c.Packer()
	for i := range 3 {
		r := full(i)
		p.Add(&r)
	}
	f.Add(p.Plain())
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Add([]byte{1, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, plain []byte) {
		got, err := c.Unpack(c.Compress(plain))
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again := c.Packer()
		for i := range got {
			if again.Full() || !again.Add(&got[i]) {
				return
			}
		}
		back, err := c.Unpack(again.Pack(nil))
		if err != nil || len(back) != len(got) {
			t.Fatalf("%d of %d, %v", len(back), len(got), err)
		}
	})
}

// FuzzUnpackPacked gives bytes that need not even be compressed.
func FuzzUnpackPacked(f *testing.F) {
	c := codec(f)
	p := c.Packer()
	r := full(1)
	p.Add(&r)
	f.Add(p.Pack(nil))
	f.Fuzz(func(t *testing.T, packed []byte) {
		if _, err := c.Unpack(packed); err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error of another kind: %v", err)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	c := codec(b)
	var list []store.EventRecord
	for i := range record.MaxEvents {
		list = append(list, full(i))
	}
	size := 0
	for b.Loop() {
		p := c.Packer()
		for i := range list {
			p.Add(&list[i])
		}
		size = len(p.Pack(nil))
	}
	b.ReportMetric(float64(size)/float64(len(list)), "B/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/event")
}
