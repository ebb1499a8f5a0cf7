package rhythm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// stretch is a stretch of days.
type stretch struct{ from, to float64 }

// campaigner works for some weeks to months, and rests as long, again and again.
func (h history) campaigner(r *rand.Rand, days int) history {
	between := func(a, b float64) float64 { return a * math.Exp(r.Float64()*math.Log(b/a)) }
	var rests []stretch
	work := between(20, 90)
	for at := -60 * r.Float64(); at < float64(days); {
		at += work * (0.8 + 0.4*r.Float64())
		end := at + between(14, 90)
		rests = append(rests, stretch{at, end})
		at = end
	}
	base := epoch.Unix() / 3600
	h.hours = slices.DeleteFunc(h.hours, func(x int64) bool {
		d := float64(x-base) / 24
		return slices.ContainsFunc(rests, func(s stretch) bool { return d >= s.from && d < s.to })
	})
	return h
}

// culture is how the identities of an estate are.
type culture struct {
	name      string
	campaigns float64 // the share that works in campaigns
	logDays   int
}

// estateMeasured is what came of estates of a culture.
type estateMeasured struct {
	followed, wrong, wrongBefore int
	stopped, found, foundBefore  int
	factors                      []float64
}

// follow makes an estate, learns from its log, and follows each identity for a
// year in which it stays in use; one in five stops in the log besides.
func (m *estateMeasured) follow(c culture, gens []generator, seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // a test's own randomness
	start := epoch.AddDate(0, 0, c.logDays)
	lives := make([]history, n)
	var e Estate
	for i := range lives {
		lives[i] = gens[i%len(gens)].live(seed, i, c.logDays+366)
		if r.Float64() < c.campaigns {
			lives[i] = lives[i].campaigner(r, c.logDays+366)
		}
		e.Add(fitter.Pauses(lives[i].series(start)))
	}
	factor := e.Factor()
	m.factors = append(m.factors, factor)
	for i, h := range lives {
		m.followed++
		before, after := h.worst(start, factor)
		m.wrongBefore, m.wrong = m.wrongBefore+count(before >= sureLevel), m.wrong+count(after >= sureLevel)
		if i%5 != 0 {
			continue
		}
		s := h.series(epoch.AddDate(0, 0, int(float64(c.logDays)*(0.15+0.8*r.Float64()))))
		_, last := s.Ends()
		if last.IsZero() {
			continue
		}
		m.stopped++
		said := Silence(fitter.Fit(s), last, start, h.gaps)
		m.foundBefore, m.found = m.foundBefore+count(said.Level >= sureLevel), m.found+count(said.In(factor).Level >= sureLevel)
	}
}

// worst is how sure it ever is within a year that one has stopped that has not:
// as is assumed, and in the estate.
func (h history) worst(start time.Time, factor float64) (assumed, here float64) {
	end := start.AddDate(1, 0, 0)
	for k := 1; k < len(h.hours); k++ {
		last, next := hourTime(h.hours[k-1]), earlier(hourTime(h.hours[k]), end)
		if !next.After(start) || last.After(end) || next.Sub(last) < 36*time.Hour {
			continue
		}
		s := h.series(last.Add(time.Hour))
		s.Window.To = next
		c := Silence(fitter.Fit(s), last, next, h.gaps)
		assumed, here = max(assumed, c.Level), max(here, c.In(factor).Level)
	}
	return assumed, here
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// TestEstates holds that what is learned of an estate's pauses keeps the error
// below the stated one in each culture of them, and that it finds more of what
// stopped where nothing pauses. RETINUE_CALIBRATE is how many identities are
// followed of each culture.
func TestEstates(t *testing.T) {
	all := 120
	if k, err := strconv.Atoi(os.Getenv("RETINUE_CALIBRATE")); err == nil {
		all = k
	}
	const n = 120
	var gens []generator
	for _, g := range generators() {
		if slices.Contains([]string{"nightly", "hourly", "working days, once", "weekly", "every six hours"}, g.name) {
			gens = append(gens, g)
		}
	}
	text := "\n| Log | In campaigns | Factor | Wrong at 0.99 as assumed | as learned | Found as assumed | as learned |\n|---|---|---|---|---|---|---|\n"
	for k, c := range []culture{{"calm", 0, 90}, {"few campaigns", 0.02, 90}, {"some campaigns", 0.1, 90}, {"many campaigns", 0.3, 90}, {"calm, longer", 0, 180}, {"many campaigns, longer", 0.3, 180}} {
		var m estateMeasured
		for seed := range max(all/n, 1) {
			m.follow(c, gens, uint64(9000+100*k+seed), n)
		}
		if low, _ := wilson(m.wrong, m.followed); low > 1-sureLevel {
			t.Errorf("%s: %d of %d in use were called stopped", c.name, m.wrong, m.followed)
		}
		if c.campaigns == 0 && m.found <= m.foundBefore {
			t.Errorf("%s: %d of %d that stopped are found, as assumed %d", c.name, m.found, m.stopped, m.foundBefore)
		}
		slices.Sort(m.factors)
		share := func(k, n int) string {
			low, high := wilson(k, n)
			return fmt.Sprintf("%.2f %% (%.2f–%.2f)", 100*float64(k)/float64(n), 100*low, 100*high)
		}
		text += fmt.Sprintf("| %d days | %.0f %% | %.2f–%.2f | %s | %s | %d of %d | %d of %d |\n", c.logDays, 100*c.campaigns, m.factors[0], m.factors[len(m.factors)-1],
			share(m.wrongBefore, m.followed), share(m.wrong, m.followed), m.foundBefore, m.stopped, m.found, m.stopped)
	}
	t.Log(text)
}

// TestPausesAreCounted: one that went on after a silence that looked like its end
// counts, and outages and holidays do not.
func TestPausesAreCounted(t *testing.T) {
	days := func(stretches ...[2]int) (s Series) {
		for _, x := range stretches {
			for d := x[0]; d < x[1]; d++ {
				s.Hours = append(s.Hours, HourCount{epoch.Unix()/3600 + int64(24*d+2), 1})
			}
		}
		return s
	}
	for _, c := range []struct {
		name string
		s    Series
		want int
	}{
		{"never paused", days([2]int{0, 90}), 0},
		{"an outage of two days", days([2]int{0, 40}, [2]int{42, 90}), 0},
		{"a pause of a month", days([2]int{0, 40}, [2]int{70, 100}), 1},
		{"two pauses of one", days([2]int{0, 40}, [2]int{70, 110}, [2]int{140, 180}), 1},
		{"after a week", days([2]int{0, 7}, [2]int{40, 90}), 0},
		{"once", days([2]int{3, 4}), 0},
		{"none", Series{}, 0},
	} {
		e := fitter.Pauses(c.s)
		if e.Pauses != c.want || e.Years < 0 || e.Years > 0.5 {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
	gap := days([2]int{0, 40}, [2]int{70, 100})
	gap.Gaps = []Span{{epoch.AddDate(0, 0, 40), epoch.AddDate(0, 0, 70)}}
	if e := fitter.Pauses(gap); e.Pauses != 0 {
		t.Errorf("a gap of the log counts as a pause: %+v", e)
	}
}

// TestFactor: without anything known it is one, it falls with what was watched and
// rises with what paused, and is never below a quarter.
func TestFactor(t *testing.T) {
	for _, c := range []struct {
		e         Estate
		low, high float64
	}{{Estate{}, 1, 1}, {Estate{Years: 15}, 0.4, 0.5}, {Estate{Years: 150}, 0.25, 0.25}, {Estate{Years: 15, Pauses: 10}, 4.4, 5.5}, {Estate{Years: 1, Pauses: 500}, 10, 10}} {
		if f := c.e.Factor(); f < c.low-1e-9 || f > c.high+1e-9 {
			t.Errorf("%+v: %v", c.e, f)
		}
	}
	c := Confidence{Known: true, Level: 0.96, Error: 0.04, Limit: 0.97}
	if calm := c.In(0.5); math.Abs(calm.Error-0.025) > 1e-9 || math.Abs(calm.Limit-0.985) > 1e-9 || calm.Needs == 0 {
		t.Errorf("in a calm estate %+v", calm)
	}
	if wild := c.In(10); math.Abs(wild.Error-0.31) > 1e-9 || wild.Needs <= c.In(1).Needs {
		t.Errorf("where many pause %+v", wild)
	}
	if c.In(0) != c || (Confidence{}).In(5) != (Confidence{}) {
		t.Error("what is not known is changed")
	}
	if within := (Confidence{Known: true, Within: true, Error: 1, Limit: 0.99}).In(0.5); within.Level != 0 || within.Error != 1 {
		t.Errorf("within its rhythm %+v", within)
	}
}
