package awsiam

import (
	"math/big"
	"strconv"
	"strings"
	"time"
)

// comparison is an order operator of numbers or dates.
type comparison uint8

const (
	equals comparison = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// holds says whether the comparison holds for the sign of value minus limit.
func (c comparison) holds(sign int) bool {
	switch c {
	case less:
		return sign < 0
	case lessOrEqual:
		return sign <= 0
	case greater:
		return sign > 0
	case greaterOrEqual:
		return sign >= 0
	}
	return sign == 0
}

// orderOperator returns the operator that follows "Numeric" or "Date".
func orderOperator(kind operatorKind, name []byte) (operator, bool) {
	o := operator{kind: kind}
	switch string(name) {
	case "equals":
	case "notequals":
		o.negated = true
	case "lessthan":
		o.order = less
	case "lessthanequals":
		o.order = lessOrEqual
	case "greaterthan":
		o.order = greater
	case "greaterthanequals":
		o.order = greaterOrEqual
	default:
		return operator{}, false
	}
	return o, true
}

// number is an integer or decimal value, compared exactly. Short integers are
// compared as such.
type number struct {
	small   int64
	decimal *big.Rat // nil for a small one
}

// maxDigits bounds the digits of a number.
const maxDigits = 64

// parseNumber reads an optional sign, digits, and an optional fraction:
// "integer or decimal value".
func parseNumber(text string) (number, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number{small: n}, true
	}
	if len(text) == 0 || len(text) > maxDigits {
		return number{}, false
	}
	body := strings.TrimLeft(text, "+-")
	if len(text)-len(body) > 1 || strings.Trim(body, "0123456789.") != "" ||
		strings.Count(body, ".") > 1 || body[:min(1, len(body))] == "." || strings.HasSuffix(body, ".") {
		return number{}, false
	}
	r, ok := new(big.Rat).SetString(text)
	return number{decimal: r}, ok
}

func (n number) rat() *big.Rat {
	if n.decimal != nil {
		return n.decimal
	}
	return new(big.Rat).SetInt64(n.small)
}

func (n number) compare(m number) int {
	if n.decimal == nil && m.decimal == nil {
		switch {
		case n.small < m.small:
			return -1
		case n.small > m.small:
			return 1
		}
		return 0
	}
	return n.rat().Cmp(m.rat())
}

type numberTest struct {
	comparison comparison
	limit      number
}

func (m numberTest) match(_ *question, text string) fit {
	n, ok := parseNumber(text)
	if !ok {
		return undefined
	}
	return fitOf(m.comparison.holds(n.compare(m.limit)))
}

func compileNumber(c comparison, text string) matcher {
	n, ok := parseNumber(text)
	if !ok {
		return never{}
	}
	return numberTest{c, n}
}

type dateTest struct {
	comparison comparison
	limit      time.Time
}

func (m dateTest) match(_ *question, text string) fit {
	t, ok := parseDate(text)
	if !ok {
		return undefined
	}
	return fitOf(m.comparison.holds(t.Compare(m.limit)))
}

func compileDate(c comparison, text string) matcher {
	t, ok := parseDate(text)
	if !ok {
		return never{}
	}
	return dateTest{c, t}
}

// parseDate reads "one of the W3C implementations of the ISO 8601 date
// formats" (W3C NOTE-datetime: from a year to fractions of a second, the zone
// given wherever a time is) "or epoch (UNIX) time", which is in seconds. Four
// digits are a year. A time without a zone is taken as UTC.
func parseDate(text string) (time.Time, bool) {
	if len(text) > maxDigits {
		return time.Time{}, false
	}
	if len(text) != len("2006") || strings.Trim(text, "0123456789") != "" {
		if t, ok := parseEpoch(text); ok {
			return t, true
		}
	}
	text = strings.ToUpper(text)
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006",
		"2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseEpoch reads seconds since 1970, which may have a fraction.
func parseEpoch(text string) (time.Time, bool) {
	n, ok := parseNumber(text)
	if !ok {
		return time.Time{}, false
	}
	const limit = 1 << 40 // some 35,000 years
	if n.decimal == nil {
		return time.Unix(n.small, 0), n.small > -limit && n.small < limit
	}
	f, _ := new(big.Rat).Mul(n.decimal, big.NewRat(1e9, 1)).Float64()
	if f > limit*1e9 || f < -limit*1e9 {
		return time.Time{}, false
	}
	whole := new(big.Int).Quo(new(big.Rat).Mul(n.decimal, big.NewRat(1e9, 1)).Num(),
		new(big.Rat).Mul(n.decimal, big.NewRat(1e9, 1)).Denom())
	seconds, nanos := new(big.Int).QuoRem(whole, big.NewInt(1e9), new(big.Int))
	return time.Unix(seconds.Int64(), nanos.Int64()), true
}
