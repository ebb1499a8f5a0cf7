package bench

import (
	"fmt"
	"math"
)

// Rate is a share with its 95 % Wilson score interval (E. B. Wilson, "Probable
// inference, the law of succession, and statistical inference", Journal of the
// American Statistical Association 22, 1927), which holds for small counts and
// for shares near 0 and 1 too.
type Rate struct {
	Hits  int64   `json:"hits"`
	Of    int64   `json:"of"`
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// z95 is the 97.5 % quantile of the standard normal distribution.
const z95 = 1.959963984540054

// newRate returns hits of so many. Of nothing, the interval is everything.
func newRate(hits, of int64) Rate {
	r := Rate{Hits: hits, Of: of, High: 1}
	if of == 0 {
		return r
	}
	n, p := float64(of), float64(hits)/float64(of)
	centre := (p + z95*z95/(2*n)) / (1 + z95*z95/n)
	half := z95 / (1 + z95*z95/n) * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	r.Value, r.Low, r.High = p, max(0, centre-half), min(1, centre+half)
	return r
}

// String returns "93.3 % (28 of 30, 78.7–98.2 %)", or a dash of nothing.
func (r Rate) String() string {
	if r.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% (%d of %d, %.1f–%.1f %%)", 100*r.Value, r.Hits, r.Of, 100*r.Low, 100*r.High)
}

// tally counts hits of a whole.
type tally struct{ hits, of int64 }

func (t *tally) add(hit bool) {
	t.of++
	if hit {
		t.hits++
	}
}

func (t tally) rate() Rate { return newRate(t.hits, t.of) }
