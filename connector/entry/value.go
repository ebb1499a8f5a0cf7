package entry

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
)

// Text cleans foreign text and cuts it to [retinue.MaxEventText] bytes.
func Text(s string) string { return cut(retinue.CleanName(strings.TrimSpace(s)), retinue.MaxEventText) }

// cut shortens text to n bytes without cutting a character in two.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Ref returns a ref whose key is cleaned. It is zero where the key is empty, or so
// long that a part of it would stand for another thing.
func Ref(realm retinue.Realm, kind, key string) retinue.Ref {
	if key = retinue.CleanName(strings.TrimSpace(key)); key == "" || realm == "" {
		return retinue.Ref{}
	}
	r := retinue.NewRef(realm, kind, key)
	if r.Validate() != nil {
		return retinue.Ref{}
	}
	return r
}

// Realm returns a realm whose id is cleaned, or "" where the id cannot be one.
func Realm(kind, id string) retinue.Realm {
	r := retinue.NewRealm(kind, retinue.CleanName(strings.TrimSpace(id)))
	if r.Validate() != nil {
		return ""
	}
	return r
}

// Address returns the first address of a text: alone, with a port, in brackets,
// or first of a list with commas (X-Forwarded-For). Invalid where it holds none.
func Address(s string) netip.Addr {
	s, _, _ = strings.Cut(s, ",")
	s = strings.TrimSpace(s)
	if len(s) > 128 {
		return netip.Addr{}
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone("")
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// oldest and newest bound the times that an entry may have: what lies outside is
// no time but another number.
func oldest() time.Time { return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) }
func newest() time.Time { return time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC) }

// Time returns the time at the first path that has one: RFC 3339, the same with a
// space and without a zone (which is then UTC), or a number of seconds,
// milliseconds, microseconds or nanoseconds since 1970. In UTC.
func (o Object) Time(paths ...string) (time.Time, bool) {
	for _, p := range paths {
		if t, ok := ParseTime(o.Raw(p)); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// ParseTime is [Object.Time] for a text.
func ParseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return time.Time{}, false
	}
	t, ok := parseNumber(s)
	if !ok {
		t, ok = parseStamp(s)
	}
	if !ok || t.Before(oldest()) || !t.Before(newest()) {
		return time.Time{}, false
	}
	return t.UTC(), true
}

func parseStamp(s string) (time.Time, bool) {
	s = strings.TrimSuffix(s, " UTC")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02T15:04:05",
		"2006-01-02 15:04:05", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, s); err == nil { // a fraction is read though no layout shows it
			return t, true
		}
	}
	// A collector's copy may have lost the point before the fraction.
	if len(s) > 19 && s[10] == ' ' && strings.Trim(s[19:], "0") == "" {
		if t, err := time.Parse("2006-01-02 15:04:05", s[:19]); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseNumber reads a time since 1970; its size says the unit, as nobody's log
// began before 2000.
func parseNumber(s string) (time.Time, bool) {
	whole, frac, point := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.ContainsAny(frac, "eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f < 0 || f > 1<<62 {
			return time.Time{}, false
		}
		n, point = int64(f), false
	}
	switch {
	case n < 0:
		return time.Time{}, false
	case n < 1e11:
		var nanos int64
		if point {
			if len(frac) > 9 {
				frac = frac[:9]
			}
			v, err := strconv.ParseInt(frac+strings.Repeat("0", 9-len(frac)), 10, 64)
			if err != nil || v < 0 {
				return time.Time{}, false
			}
			nanos = v
		}
		return time.Unix(n, nanos), true
	case n < 1e14:
		return time.UnixMilli(n), true
	case n < 1e17:
		return time.UnixMicro(n), true
	}
	return time.Unix(0, n), true
}
