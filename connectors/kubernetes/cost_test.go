package kubernetes

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// counter is a sink that keeps nothing.
type counter struct{ facts int }

func (c *counter) Emit(_ retinue.Scope, f ...retinue.Fact) error {
	c.facts += len(f)
	return nil
}
func (*counter) Complete(retinue.Scope, connector.Completion) error { return nil }
func (*counter) Problem(retinue.Scope, error)                       {}
func (*counter) Note(connector.Note)                                {}

// BenchmarkExport reads lists of pods of growing length: the time for an object
// stays the same.
func BenchmarkExport(b *testing.B) {
	for _, n := range []int{1_000, 4_000, 16_000} {
		b.Run(fmt.Sprintf("pods=%d", n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "pods.json")
			size := writePods(b, path, n)
			c := &exportConnector{path: path, opts: options{clusterUID: "u"}, env: connectortest.Env(b)}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				sink := &counter{}
				if err := c.Discover(b.Context(), connector.Request{Now: connectortest.Epoch()}, sink); err != nil || sink.facts < n {
					b.Fatalf("%d facts, error %v", sink.facts, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/pod")
		})
	}
}

func writePods(b *testing.B, path string, n int) int64 {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(`{"kind":"List","items":[`)
	for i := range n {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		_, _ = fmt.Fprintf(w, `{"kind":"Pod","metadata":{"name":"pod-%d","namespace":"ns-%d","labels":{"app":"a%d"}},"spec":{"serviceAccountName":"sa-%d",`+
			`"containers":[{"name":"c","image":"registry.example/app:%d","env":[{"name":"P","valueFrom":{"secretKeyRef":{"name":"db-%d","key":"password"}}},{"name":"Q","value":"x"}]}]},`+
			`"status":{"phase":"Running","podIP":"10.0.0.1"}}`, i, i%50, i, i%500, i, i%100)
	}
	_, _ = w.WriteString(`]}`)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}
