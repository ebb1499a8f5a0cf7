package peers_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/testkit"
)

// BenchmarkAWS answers the sample questions with our engine and, where the
// environment names the folder in which iam-simulate is installed, with it, in
// the same run. All figures are questions a second on one thread of ours, and
// as the peer takes it.
//
//	npm install --ignore-scripts --prefix FOLDER @cloud-copilot/iam-simulate@0.1.173
//	RETINUE_IAM_SIMULATE=FOLDER go test -run XXX -bench AWS .
func BenchmarkAWS(b *testing.B) {
	file := filepath.Join(testkit.Data(b, "access/aws"), "check-samples.jsonl")
	lines := linesOf(b, file)
	cases := make([]awsiam.Case, len(lines))
	for i, line := range lines {
		var err error
		if cases[i], err = awsiam.ParseCase(line); err != nil {
			b.Fatal(err)
		}
	}
	ours := func(name string, answer func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				answer(i % len(lines))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "questions/s")
		})
	}
	questions := make([]string, len(lines))
	for i, line := range lines {
		questions[i] = string(line)
	}
	var checker awsiam.Checker
	ours("parsed", func(i int) {
		if _, err := checker.Check(questions[i]); err != nil {
			b.Fatal(err)
		}
	})
	ours("compiled", func(i int) { cases[i].Decide() })
	b.Run("peer", func(b *testing.B) {
		folder := os.Getenv("RETINUE_IAM_SIMULATE")
		if folder == "" {
			b.Skip("RETINUE_IAM_SIMULATE names no folder with iam-simulate")
		}
		var got map[string]struct {
			Questions, Failed int
			Seconds           float64
		}
		for b.Loop() {
			out, err := exec.CommandContext(b.Context(), "node", "iamsimulate/run.mjs", folder, file).Output()
			if err != nil {
				b.Fatal(err)
			}
			if err := json.Unmarshal(out, &got); err != nil {
				b.Fatal(err)
			}
		}
		for name, m := range got {
			b.ReportMetric(float64(m.Questions)/m.Seconds, name+"-questions/s")
		}
	})
}

func linesOf(b *testing.B, file string) [][]byte {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out [][]byte
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		out = append(out, append([]byte(nil), s.Bytes()...))
	}
	if err := s.Err(); err != nil {
		b.Fatal(err)
	}
	return out
}
