package compare_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
	"github.com/retinue-id/retinue/internal/testkit"
)

// disagreements are samples whose answer is not AWS's, with the reason in
// docs/access-disagreements.md.
var disagreements = map[string]bool{
	// ForAllValues:StringLike holds of a key with the one value, so that
	// StringEquals with that value adds nothing.
	"AWSBackupOrganizationAdminAccess/v1-v2": true,
}

type pair struct {
	ID        string          `json:"id"`
	Old       json.RawMessage `json:"old"`
	New       json.RawMessage `json:"new"`
	NewAccess bool            `json:"newAccess"`
	Witness   []string        `json:"witness"`
}

func samples(t testing.TB) []pair {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "access/aws/compare-samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []pair
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p pair
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (p pair) parse(t testing.TB) (old, next *awsiam.Policy) {
	t.Helper()
	old, err := awsiam.Parse(p.Old)
	if err != nil {
		t.Fatalf("%s: old: %v", p.ID, err)
	}
	if next, err = awsiam.Parse(p.New); err != nil {
		t.Fatalf("%s: new: %v", p.ID, err)
	}
	return old, next
}

func BenchmarkSamples(b *testing.B) {
	var pairs [][2]*awsiam.Policy
	for _, p := range samples(b) {
		old, next := p.parse(b)
		pairs = append(pairs, [2]*awsiam.Policy{old, next})
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range pairs {
			compare.Document(p[0], p[1])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(pairs)), "µs/pair")
}

func TestSamplesAreAnsweredRight(t *testing.T) {
	pairs := samples(t)
	var times []time.Duration
	for _, p := range pairs {
		old, next := p.parse(t)
		start := time.Now()
		got := compare.Document(old, next)
		times = append(times, time.Since(start))
		want := compare.No
		if p.NewAccess && !disagreements[p.ID] {
			want = compare.Yes
		}
		if got.Answer != want {
			t.Errorf("%s: %s %+v %s; want %s, witness %q", p.ID, got.Answer, got.Witness, got.Why, want, p.Witness)
		}
	}
	slices.Sort(times)
	if len(times) > 0 {
		t.Logf("%d pairs: median %v, 90th percentile %v, longest %v", len(times), times[len(times)/2], times[len(times)*9/10], times[len(times)-1])
	}
}
