package rhythm

import (
	"slices"
	"time"
)

// DefaultZones returns UTC and a dozen civil zones that between them have the
// clock changes and the days of most places. A zone that the machine does not
// know is left out; the program links time/tzdata where that must not happen.
func DefaultZones() []*time.Location {
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York",
		"America/Chicago", "America/Los_Angeles", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo",
		"Australia/Sydney", "Pacific/Auckland"} {
		if z, err := time.LoadLocation(name); err == nil {
			zones = append(zones, z)
		}
	}
	return zones
}

// The years for which clock changes are laid out; before and after them the
// nearest offset holds.
const (
	firstYear = 1990
	lastYear  = 2100
)

// zone is a zone's offsets from UTC, laid out so that many hours are turned into
// its clock at little cost.
type zone struct {
	name string
	// from[i] is the first second (Unix) at which offset[i] holds; from[0] is far
	// in the past.
	from   []int64
	offset []int64 // seconds east of UTC
}

func layOut(l *time.Location) zone {
	z := zone{name: l.String()}
	t := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	end := time.Date(lastYear, 1, 1, 0, 0, 0, 0, time.UTC)
	for t.Before(end) {
		_, off := t.In(l).Zone()
		if n := len(z.offset); n == 0 || z.offset[n-1] != int64(off) {
			z.from, z.offset = append(z.from, t.Unix()), append(z.offset, int64(off))
		}
		_, next := t.In(l).ZoneBounds()
		if next.IsZero() {
			break
		}
		if !next.After(t) {
			// Of years to come some versions of the library name the moment itself.
			next = t.Add(time.Hour)
		}
		t = next
	}
	z.from[0] = -1 << 62
	return z
}

// at returns the index of the offset that holds at a second.
func (z *zone) at(sec int64) int {
	i, found := slices.BinarySearch(z.from, sec)
	if !found {
		i--
	}
	return i
}

// hours returns the offset at a second in whole hours: that by which the middle
// of an hour of UTC falls into an hour of the zone.
func (z *zone) hours(sec int64) int64 { return floorDiv(z.offset[z.at(sec)]+1800, 3600) }

// wall returns the moment at which the zone's clock shows hour of day (days
// since 1970 in that clock). An hour that a clock change leaves out comes out as
// the moment of the change's length later.
func (z *zone) wall(day int64, hour int) time.Time {
	local := day*86400 + int64(hour)*3600
	sec := local - z.offset[z.at(local-z.offset[z.at(local)])]
	return time.Unix(sec, 0).UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
