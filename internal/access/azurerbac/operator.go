package azurerbac

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// operator compares two values of a condition.
type operator struct {
	kind    string // string, numeric, bool, datetime, guid, ip
	test    string // equals, startswith, like, less, …
	fold    bool   // without regard to case
	negated bool
}

// operatorOf reads the name of an operator; ok is false for one that this
// package does not know.
func operatorOf(name string) (op operator, ok bool) {
	s := strings.ToLower(name)
	s, op.fold = strings.CutSuffix(s, "ignorecase")
	for _, kind := range []string{"string", "numeric", "bool", "datetime", "guid", "ip"} {
		rest, found := strings.CutPrefix(s, kind)
		if !found {
			continue
		}
		op.kind = kind
		if rest, op.negated = strings.CutPrefix(rest, "not"); rest == "" {
			return op, false
		}
		op.test = rest
		allowed := map[string]string{"string": " equals startswith like ", "numeric": " equals lessthan lessthanequals greaterthan greaterthanequals ",
			"bool": " equals ", "datetime": " equals lessthan lessthanequals greaterthan greaterthanequals ", "guid": " equals ", "ip": " match inrange "}
		return op, strings.Contains(allowed[kind], " "+rest+" ") && (!op.fold || kind == "string")
	}
	return op, false
}

// compare answers maybe where a value is none of the operator's kind.
func (op operator) compare(l, r string) truth {
	t := op.plain(l, r)
	if op.negated {
		return t.not()
	}
	return t
}

func (op operator) plain(l, r string) truth {
	switch op.kind {
	case "string":
		return op.text(l, r)
	case "guid", "bool":
		return truthOf(strings.EqualFold(l, r))
	case "numeric":
		a, err := strconv.ParseFloat(l, 64)
		b, err2 := strconv.ParseFloat(r, 64)
		if err != nil || err2 != nil {
			return maybe
		}
		return op.order(compareFloat(a, b))
	case "datetime":
		a, err := time.Parse(time.RFC3339, l)
		b, err2 := time.Parse(time.RFC3339, r)
		if err != nil || err2 != nil {
			return maybe
		}
		return op.order(a.Compare(b))
	}
	a, err := netip.ParseAddr(l)
	if p, err2 := netip.ParsePrefix(r); err == nil && err2 == nil {
		return truthOf(p.Contains(a))
	}
	if b, err2 := netip.ParseAddr(r); err == nil && err2 == nil {
		return truthOf(a == b)
	}
	return maybe
}

func (op operator) text(l, r string) truth {
	if op.fold {
		l, r = strings.ToLower(l), strings.ToLower(r)
	}
	switch op.test {
	case "startswith":
		return truthOf(strings.HasPrefix(l, r))
	case "like":
		return truthOf(glob.Match(r, l))
	}
	return truthOf(l == r)
}

func (op operator) order(c int) truth {
	switch op.test {
	case "lessthan":
		return truthOf(c < 0)
	case "lessthanequals":
		return truthOf(c <= 0)
	case "greaterthan":
		return truthOf(c > 0)
	case "greaterthanequals":
		return truthOf(c >= 0)
	}
	return truthOf(c == 0)
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// matchAction reports whether an action fits a pattern, in which * stands for
// any run of characters, slashes included. Both are canonical.
func matchAction(pattern, action string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == action
	}
	if !strings.HasPrefix(action, head) {
		return false
	}
	action = action[len(head):]
	for {
		part, tail, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(action, part)
		}
		i := strings.Index(action, part)
		if i < 0 {
			return false
		}
		action, rest = action[i+len(part):], tail
	}
}
