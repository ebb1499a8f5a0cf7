package awsiam

import "testing"

// The benchmarks answer the sample questions, one at a time. The peer that
// produced their answers is run beside them with docs/access-disagreements.md's
// command.

func BenchmarkParseAndDecide(b *testing.B) {
	lines := sampleLines(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c, err := ParseCase(lines[i%len(lines)])
		if err != nil {
			b.Fatal(err)
		}
		c.Decide()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

// BenchmarkCheck does the same with memory that it keeps.
func BenchmarkCheck(b *testing.B) {
	var lines []string
	for _, line := range sampleLines(b) {
		lines = append(lines, string(line))
	}
	b.ReportAllocs()
	var c Checker
	for i := 0; b.Loop(); i++ {
		if _, err := c.Check(lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

func sampleCases(b *testing.B) []Case {
	b.Helper()
	lines := sampleLines(b)
	cases := make([]Case, len(lines))
	for i, line := range lines {
		var err error
		if cases[i], err = ParseCase(line); err != nil {
			b.Fatal(err)
		}
	}
	return cases
}

// BenchmarkDecide answers compiled questions with their reasons.
func BenchmarkDecide(b *testing.B) {
	cases := sampleCases(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		cases[i%len(cases)].Decide()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

// BenchmarkOutcome answers compiled questions without reasons.
func BenchmarkOutcome(b *testing.B) {
	cases := sampleCases(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := &cases[i%len(cases)]
		Outcome(&c.Layers, &c.Request, Closed)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}
