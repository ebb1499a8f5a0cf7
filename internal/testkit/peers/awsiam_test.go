package peers_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/testkit"
)

// BenchmarkAWS answers the sample questions with our engine and, where the
// environment names the folder in which iam-simulate is installed, with it, in
// the same run: ours, the peer, and ours again, so that what else the machine
// does weighs on both. All figures are questions a second on one thread of ours,
// and as the peer takes it, both warm; "times" is the median of the rounds, and
// "least-times" the worst.
//
//	npm install --ignore-scripts --prefix FOLDER @cloud-copilot/iam-simulate@0.1.173
//	RETINUE_IAM_SIMULATE=FOLDER go test -run XXX -bench AWS/ .
//	RETINUE_IAM_SIMULATE=FOLDER go test -run XXX -bench AWS/peer -benchtime 7x .
func BenchmarkAWS(b *testing.B) {
	file := filepath.Join(testkit.Data(b, "access/aws"), "check-samples.jsonl")
	lines := linesOf(b, file)
	parsed, compiled := answers(b, lines)
	ours := func(name string, answer func(int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				answer(i % len(lines))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "questions/s")
		})
	}
	ours("parsed", parsed)
	ours("compiled", compiled)
	b.Run("peer", func(b *testing.B) {
		folder := os.Getenv("RETINUE_IAM_SIMULATE")
		if folder == "" {
			b.Skip("RETINUE_IAM_SIMULATE names no folder with iam-simulate")
		}
		got := make(map[string][]float64)
		for b.Loop() {
			p, c := speed(parsed, len(lines)), speed(compiled, len(lines))
			peer := simulated(b, folder, file)
			p, c = (p+speed(parsed, len(lines)))/2, (c+speed(compiled, len(lines)))/2
			for name, v := range map[string]float64{"parsed-questions/s": p, "compiled-questions/s": c,
				"peer-validated-questions/s": peer["validated"], "peer-core-questions/s": peer["core"],
				"times-validated": p / peer["validated"], "times-core": c / peer["core"]} {
				got[name] = append(got[name], v)
			}
		}
		for name, list := range got {
			slices.Sort(list)
			b.ReportMetric(list[len(list)/2], name)
		}
		b.ReportMetric(got["times-validated"][0], "least-times-validated")
		b.ReportMetric(got["times-core"][0], "least-times-core")
	})
}

// answers are what answers the n-th question, read and compiled for it or before.
func answers(b *testing.B, lines [][]byte) (parsed, compiled func(n int)) {
	b.Helper()
	questions, cases := make([]string, len(lines)), make([]awsiam.Case, len(lines))
	for i, line := range lines {
		var err error
		if cases[i], err = awsiam.ParseCase(line); err != nil {
			b.Fatal(err)
		}
		questions[i] = string(line)
	}
	var checker awsiam.Checker
	parsed = func(n int) {
		if _, err := checker.Check(questions[n]); err != nil {
			b.Fatal(err)
		}
	}
	return parsed, func(n int) { cases[n].Decide() }
}

// speed is how many of n questions are answered in a second, over about one.
func speed(answer func(int), n int) float64 {
	start, done := time.Now(), 0
	for time.Since(start) < time.Second {
		for i := range n {
			answer(i)
		}
		done += n
	}
	return float64(done) / time.Since(start).Seconds()
}

// simulated asks the peer, and returns the questions a second of each of its
// interfaces.
func simulated(b *testing.B, folder, file string) map[string]float64 {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "node", "iamsimulate/run.mjs", folder, file).Output()
	if err != nil {
		b.Fatal(err)
	}
	var got map[string]struct {
		Questions, Failed int
		Seconds           float64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		b.Fatal(err)
	}
	speeds := make(map[string]float64)
	for name, m := range got {
		speeds[name] = float64(m.Questions) / m.Seconds
	}
	return speeds
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
