package export

import (
	"fmt"
	"io"
	"testing"

	"github.com/retinue-id/retinue"
)

// measured makes rows as they are asked for and calls probe before the last.
func measured(n int, probe func()) Table {
	return Table{Name: "Identities", Columns: []Column{{Name: "id"}, {Name: "name"}, {Name: "count"}, {Name: "seenAt"}},
		Rows: func(yield func(Row, error) bool) {
			for i := range n {
				if i == n-1 && probe != nil {
					probe()
				}
				if !yield(Row{fmt.Sprintf("idn_%026d", i), "arn:aws:iam::111111111111:role/service-role/billing-export", i, at}, nil) {
					return
				}
			}
		}}
}

func findings(n int, probe func()) func(func(retinue.Finding, error) bool) {
	f := sampleFindings()[0]
	return func(yield func(retinue.Finding, error) bool) {
		for i := range n {
			if i == n-1 && probe != nil {
				probe()
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

var writers = []struct {
	name  string
	write func(n int, probe func()) (Written, error)
}{
	{"JSON", func(n int, p func()) (Written, error) { return WriteJSON(io.Discard, measured(n, p)) }},
	{"CSV", func(n int, p func()) (Written, error) { return WriteCSV(io.Discard, measured(n, p)) }},
	{"XLSX", func(n int, p func()) (Written, error) { return WriteXLSX(io.Discard, measured(n, p)) }},
	{"SARIF", func(n int, p func()) (Written, error) { return WriteSARIF(io.Discard, SARIF{Findings: findings(n, p)}) }},
	{"OCSF", func(n int, p func()) (Written, error) { return OCSF{Now: at}.WriteFindings(io.Discard, findings(n, p)) }},
}

func BenchmarkWriters(b *testing.B) {
	for _, w := range writers {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			if _, err := w.write(b.N, nil); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
