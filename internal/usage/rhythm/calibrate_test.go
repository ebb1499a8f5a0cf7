package rhythm

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// levels are the confidences that are calibrated.
var levels = []float64{0.90, 0.95, 0.99, 0.999}

// measured is what the generated identities of one class showed.
type measured struct {
	name       string
	n          int
	recognised int
	zoneRight  int
	zoneNamed  int
	// wrong[i] are those in use that were once called stopped at levels[i] within
	// a year.
	wrong [4]int
	// sure are the days after stopping until 0.99 is reached; math.Inf where not in
	// 400.
	sure []float64
}

// judge follows one identity that stays in use for a year after its log was
// first judged.
func (m *measured) judge(f *Fitter, g generator, h history, days int) {
	m.n++
	start := epoch.AddDate(0, 0, days)
	r := f.Fit(h.series(start))
	if slices.Contains(g.want, r.Class) {
		m.recognised++
	}
	if r.Zone != "" && h.zone != "" && r.Zone != "UTC" {
		m.zoneNamed++
		if r.Zone == h.zone || slices.Contains(r.Alike, h.zone) {
			m.zoneRight++
		}
	}
	end, worst := start.AddDate(1, 0, 0), 0.0
	for i := 1; i <= len(h.hours); i++ {
		last, next := hourTime(h.hours[i-1]), end
		if i < len(h.hours) {
			next = hourTime(h.hours[i])
		}
		if last.After(end) {
			break
		}
		next = earlier(next, end)
		if !next.After(start) || next.Sub(last) < 36*time.Hour {
			continue
		}
		s := h.series(last.Add(time.Hour))
		s.Window.To = next
		worst = max(worst, Silence(f.Fit(s), last, next, h.gaps).Level)
	}
	for i, l := range levels {
		if worst >= l {
			m.wrong[i]++
		}
	}
	m.stop(r, h, start)
}

// stop asks how long it takes to be sure if it stops at start.
func (m *measured) stop(r Rhythm, h history, start time.Time) {
	if r.Last.IsZero() {
		return
	}
	for d := 1; d <= 400; d++ {
		if Silence(r, r.Last, start.AddDate(0, 0, d), nil).Level >= 0.99 {
			m.sure = append(m.sure, start.AddDate(0, 0, d).Sub(r.Last).Hours()/24)
			return
		}
	}
	m.sure = append(m.sure, math.Inf(1))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// wilson is the 95 % interval of a share.
func wilson(k, n int) (low, high float64) {
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	centre := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max((centre-half)/(1+z*z/m), 0), (centre + half) / (1 + z*z/m)
}

// calibrate follows n identities of a class, the k-th.
func calibrate(f *Fitter, g generator, k, n int) measured {
	m := measured{name: g.name}
	for i := range n {
		days := g.days[i%len(g.days)]
		m.judge(f, g, g.live(uint64(1000+k), i, days+366), days)
	}
	return m
}

// table prints what docs/usage-rhythm.md shows.
func table(all []measured) string {
	var b strings.Builder
	b.WriteString("| Rhythm | Recognised | Zone | Wrong at 0.90 | at 0.95 | at 0.99 | at 0.999 | Days until 0.99 |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, m := range all {
		zone := "–"
		if m.zoneNamed > 0 {
			zone = fmt.Sprintf("%d of %d", m.zoneRight, m.zoneNamed)
		}
		fmt.Fprintf(&b, "| %s | %.1f %% | %s |", m.name, 100*float64(m.recognised)/float64(m.n), zone)
		for _, k := range m.wrong {
			low, high := wilson(k, m.n)
			fmt.Fprintf(&b, " %.2f %% (%.2f–%.2f) |", 100*float64(k)/float64(m.n), 100*low, 100*high)
		}
		slices.Sort(m.sure)
		fmt.Fprintf(&b, " %s |\n", daysWords(m.sure))
	}
	return b.String()
}

func daysWords(sure []float64) string {
	say := func(x float64) string {
		if math.IsInf(x, 1) {
			return "over 400"
		}
		return fmt.Sprintf("%.0f", x)
	}
	n := len(sure)
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", say(sure[n/2]), say(sure[n/10]), say(sure[n*9/10]))
}

// TestCalibration holds that the observed error is not above the stated one, in
// each class and at each level.
func TestCalibration(t *testing.T) {
	n := 40
	if k, err := strconv.Atoi(os.Getenv("RETINUE_CALIBRATE")); err == nil {
		n = k
	}
	var all []measured
	for k, g := range generators() {
		t.Run(g.name, func(t *testing.T) {
			m := calibrate(fitter, g, k, n)
			all = append(all, m)
			for i, l := range levels {
				stated := 1 - l
				if low, _ := wilson(m.wrong[i], m.n); low > stated {
					t.Errorf("%d of %d in use were called stopped at %.3f: at least %.2f %%, stated %.2f %%",
						m.wrong[i], m.n, l, 100*low, 100*stated)
				}
			}
		})
	}
	t.Log("\n" + table(all))
}
