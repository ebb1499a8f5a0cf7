package rhythm

// What is known of a date.
const (
	quiet = iota
	active
	unseen
)

// view is what is known of each date from the first active one to the last.
type view struct {
	base   int64
	status []uint8
	// dates are the active dates, counted from base.
	dates []int32
}

// look makes the view of a clock's days. Dates that a gap touches are unseen,
// unless something was done on them.
func look(c *clock, gaps []Span, v view) view {
	v.base = c.date(c.days[0].day)
	n := int(c.date(c.days[len(c.days)-1].day)-v.base) + 1
	if cap(v.status) < n {
		v.status = make([]uint8, n)
	}
	v.status = v.status[:n]
	clear(v.status)
	for _, g := range gaps {
		from := max(c.date(c.day(g.From.Unix()))-v.base, 0)
		to := min(c.date(c.day(g.To.Unix()-1))-v.base, int64(n-1))
		for d := from; d <= to; d++ {
			v.status[d] = unseen
		}
	}
	v.dates = v.dates[:0]
	for _, d := range c.days {
		at := c.date(d.day) - v.base
		v.status[at] = active
		v.dates = append(v.dates, int32(at))
	}
	return v
}

// from is the view from its i-th active date on, and upTo up to before it, with
// the quiet between left to the earlier one.
func (v view) from(i int) view {
	at := v.dates[i]
	out := view{base: v.base + int64(at), status: v.status[at:], dates: make([]int32, 0, len(v.dates)-i)}
	for _, d := range v.dates[i:] {
		out.dates = append(out.dates, d-at)
	}
	return out
}

func (v view) upTo(i int) view {
	return view{base: v.base, status: v.status[:v.dates[i-1]+1], dates: v.dates[:i]}
}

// counts says how many dates are active and how many quiet.
func (v view) counts() (acted, silent int) {
	for _, s := range v.status {
		switch s {
		case active:
			acted++
		case quiet:
			silent++
		}
	}
	return acted, silent
}
