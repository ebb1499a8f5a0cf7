package compare

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// vocabulary is what the conditions of some statements can tell apart: for each
// key the values worth trying, and the comparisons with policy variables, each
// of which may come out either way.
type vocabulary struct {
	domains []int // values of each variable, for the question
	keys    map[string]*key
	byPlace []*key // the key of a variable, or nil for a comparison
	// comparisons are the variables of comparisons with policy variables, by
	// what is compared.
	comparisons map[string]int
	compared    []comparisonWith
	err         error
	// coarse says why trying all values may not be enough.
	coarse string
}

// key is a condition key with the values to try.
type key struct {
	name   string // lower case
	place  int
	tests  []test
	values []value
}

// test is a condition whose values hold no variables but for ${*} and the like.
type test struct {
	*awsiam.Condition
	variables bool // ${…} is substituted
}

// value is a value of a key: absent, one text or a list of them.
type value struct {
	absent bool
	list   bool
	texts  []string
}

// comparisonWith is a comparison of a key, or of the resource, with a text that
// holds policy variables. Its variable has two values: it differs, it fits.
type comparisonWith struct {
	place int
	key   string // empty for the resource
	text  string
	whole *awsiam.Condition // set where the whole condition is taken as one
}

const (
	differs = 0
	fits    = 1
)

func newVocabulary(class *resourceClass) *vocabulary {
	v := &vocabulary{keys: make(map[string]*key), comparisons: make(map[string]int)}
	for _, c := range class.covers {
		for i := range c.statement.Conditions {
			v.learn(c.statement, &c.statement.Conditions[i])
		}
		for _, text := range c.maybe {
			v.compare("", text, nil)
		}
	}
	for _, k := range v.byPlace {
		if k == nil {
			continue
		}
		if err := v.fill(k); err != nil {
			v.err = err
			return v
		}
		v.domains[k.place] = len(k.values)
	}
	return v
}

func (v *vocabulary) learn(st *statement, c *awsiam.Condition) {
	name := strings.ToLower(c.Key)
	k := v.keys[name]
	if k == nil {
		k = &key{name: name, place: len(v.domains)}
		v.keys[name] = k
		v.domains = append(v.domains, 0)
		v.byPlace = append(v.byPlace, k)
	}
	plain, with := split(st, c)
	if plain != nil {
		k.tests = append(k.tests, test{plain, st.variables})
	}
	if len(with) == 0 {
		return
	}
	if quantified(c.Operator) {
		v.compare(name, c.Operator+strings.Join(c.Values, "\x00"), c)
		return
	}
	for _, text := range with {
		v.compare(name, comparisonName(c.Operator, text), nil)
	}
}

// compare makes a variable of a comparison, if it is a new one, and returns its
// place.
func (v *vocabulary) compare(name, text string, whole *awsiam.Condition) int {
	id := name + "\x00" + text
	place, ok := v.comparisons[id]
	if !ok {
		place = len(v.domains)
		v.comparisons[id] = place
		v.domains = append(v.domains, 2)
		v.byPlace = append(v.byPlace, nil)
		v.compared = append(v.compared, comparisonWith{place: place, key: name, text: text, whole: whole})
	}
	return place
}

// comparisonName makes comparisons that come out the same be the same: a text
// without wildcards is alike under StringEquals and StringLike, and a negated
// operator asks the same the other way round.
func comparisonName(operator, text string) string {
	family := strings.TrimSuffix(strings.ToLower(operator), "ifexists")
	family = strings.Replace(family, "not", "", 1)
	if family == "stringequals" && !strings.ContainsAny(stripVariables(text), "*?") {
		family = "stringlike"
	}
	if family == "arnequals" {
		family = "arnlike"
	}
	return family + " " + text
}

func stripVariables(text string) string {
	var b strings.Builder
	for _, p := range cutVariables(text, true) {
		if p.key == "" && !p.literal {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// split parts the values of a condition into those without policy variables,
// as a condition of its own, and those with.
func split(st *statement, c *awsiam.Condition) (plain *awsiam.Condition, with []string) {
	if !st.variables || strings.EqualFold(c.Operator, "Null") {
		return c, nil
	}
	var without []string
	for _, text := range c.Values {
		if strings.Contains(text, "${") && hasVariable(text) {
			with = append(with, text)
		} else {
			without = append(without, text)
		}
	}
	switch {
	case len(with) == 0:
		return c, nil
	case len(without) == 0, quantified(c.Operator):
		return nil, with
	}
	return awsiam.NewCondition(c.Operator, c.Key, without...), with
}

func quantified(operator string) bool { return strings.Contains(operator, ":") }

// rules says when a statement applies, as alternatives.
func (v *vocabulary) rules(c coverage) []rule {
	out := []rule{{}}
	switch {
	case c.sure:
		for _, text := range c.maybe { // NotResource: none may fit
			out = times(out, [][]clause{{v.outcome("", text, differs)}})
		}
	default:
		var either [][]clause
		for _, text := range c.maybe {
			either = append(either, []clause{v.outcome("", text, fits)})
		}
		out = times(out, either)
	}
	for i := range c.statement.Conditions {
		cond := &c.statement.Conditions[i]
		if _, understood := cond.Holds(&awsiam.Context{}); !understood {
			continue // taken to hold; see search.applies
		}
		out = times(out, v.alternatives(c.statement, cond))
		if len(out) > maxValues {
			v.coarse = "too many alternatives"
			return nil
		}
	}
	return out
}

// alternatives says when a condition holds.
func (v *vocabulary) alternatives(st *statement, c *awsiam.Condition) [][]clause {
	k := v.keys[strings.ToLower(c.Key)]
	plain, with := split(st, c)
	if len(with) == 0 {
		return [][]clause{{v.holds(k, plain)}}
	}
	if quantified(c.Operator) {
		return [][]clause{{v.outcome(k.name, c.Operator+strings.Join(c.Values, "\x00"), fits)}}
	}
	absent, present := v.presence(k)
	operator := strings.ToLower(c.Operator)
	if strings.Contains(operator, "not") {
		differ := []clause{present}
		if plain != nil {
			differ = append(differ, v.holds(k, plain))
		}
		for _, text := range with {
			differ = append(differ, v.outcome(k.name, comparisonName(c.Operator, text), differs))
		}
		return [][]clause{{absent}, differ}
	}
	var out [][]clause
	if strings.HasSuffix(operator, "ifexists") {
		out = append(out, []clause{absent})
	}
	if plain != nil {
		out = append(out, []clause{present, v.holds(k, plain)})
	}
	for _, text := range with {
		out = append(out, []clause{present, v.outcome(k.name, comparisonName(c.Operator, text), fits)})
	}
	return out
}

// times joins every rule with every alternative.
func times(rules []rule, alternatives [][]clause) []rule {
	var out []rule
	for _, r := range rules {
		for _, a := range alternatives {
			out = append(out, rule{clauses: append(slices.Clone(r.clauses), a...)})
		}
	}
	return out
}

func (v *vocabulary) outcome(name, text string, want int) clause {
	values := glob.NewSet(2)
	values.Add(want)
	return clause{variable: v.comparisons[name+"\x00"+text], values: values}
}

func (v *vocabulary) presence(k *key) (absent, present clause) {
	absent = clause{variable: k.place, values: glob.NewSet(len(k.values))}
	present = clause{variable: k.place, values: glob.NewSet(len(k.values))}
	for i, value := range k.values {
		if value.absent {
			absent.values.Add(i)
		} else {
			present.values.Add(i)
		}
	}
	return absent, present
}

// holds says for which of the key's values a condition holds. The engine
// itself is asked.
func (v *vocabulary) holds(k *key, c *awsiam.Condition) clause {
	out := clause{variable: k.place, values: glob.NewSet(len(k.values))}
	for i, value := range k.values {
		var context awsiam.Context
		value.put(&context, k.name)
		if holds, _ := c.Holds(&context); holds {
			out.values.Add(i)
		}
	}
	return out
}

func (value value) put(context *awsiam.Context, name string) {
	switch {
	case value.absent:
	case value.list:
		context.SetList(name, value.texts...)
	default:
		context.Set(name, value.texts[0])
	}
}

// fill works out the values of a key that are worth trying.
func (v *vocabulary) fill(k *key) error {
	texts, err := v.texts(k)
	if err != nil {
		return err
	}
	k.values = append(k.values, value{absent: true})
	for _, text := range texts {
		k.values = append(k.values, value{texts: []string{text}})
	}
	sets := 0
	seen := make(map[string]bool)
	for _, c := range k.tests {
		id := c.Operator + "\x00" + strings.Join(c.Values, "\x00")
		if quantified(c.Operator) && !seen[id] {
			seen[id] = true
			sets++
		}
	}
	for _, c := range v.compared {
		if c.whole != nil && c.key == k.name {
			sets++
		}
	}
	if sets == 0 {
		return nil
	}
	// What n tests can tell of a set, they can tell of one with at most n
	// members: each test that some member decides keeps that member, and the
	// others cannot notice that the rest is gone.
	subsets(texts, sets, func(list []string) bool {
		if len(k.values) >= maxValues {
			v.coarse = fmt.Sprintf("the key %s has too many sets of values to try", k.name)
			return false
		}
		k.values = append(k.values, value{list: true, texts: slices.Clone(list)})
		return true
	})
	return nil
}

// subsets yields the subsets of at least one and at most n of the texts, small
// ones first.
func subsets(texts []string, n int, yield func([]string) bool) {
	var list []string
	var choose func(from, left int) bool
	choose = func(from, left int) bool {
		if left == 0 {
			return yield(list)
		}
		for i := from; i <= len(texts)-left; i++ {
			list = append(list, texts[i])
			if !choose(i+1, left-1) {
				return false
			}
			list = list[:len(list)-1]
		}
		return true
	}
	for size := 1; size <= min(n, len(texts)); size++ {
		if !choose(0, size) {
			return
		}
	}
}

// texts works out single values so that every other value is, to all tests of
// the key, like one of them.
func (v *vocabulary) texts(k *key) ([]string, error) {
	var patterns []glob.Pattern
	var numbers, dates []float64
	var ranges []netip.Prefix
	var out []string
	kinds := make(map[string]bool)
	for _, c := range k.tests {
		switch family(c.Operator) {
		case "null":
			continue
		case "string":
			for _, text := range c.Values {
				patterns = append(patterns, stringPattern(c.Operator, text, c.variables))
			}
		case "arn":
			patterns = append(patterns, glob.Pattern{}.Part("*:*:*:*:*:").Wild("*"))
			for _, text := range c.Values {
				patterns = append(patterns, arnPattern(text))
			}
		case "numeric":
			for _, text := range c.Values {
				if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
					numbers = append(numbers, n)
				}
			}
		case "date":
			for _, text := range c.Values {
				if t, ok := dateOf(text); ok {
					dates = append(dates, t)
				}
			}
		case "address":
			for _, text := range c.Values {
				if p, ok := rangeOf(text); ok {
					ranges = append(ranges, p)
				}
			}
		case "bool":
			out = append(out, "true", "false")
		case "binary":
			out = append(append(out, c.Values...), "eHl6")
		}
		kinds[family(c.Operator)] = true
	}
	delete(kinds, "arn") // texts too
	if kinds["string"] && len(kinds) > 1 || len(kinds) > 2 {
		v.coarse = "the key " + k.name + " is compared as values of different types"
	}
	if len(patterns) > 0 {
		classes, err := glob.Classes(patterns, glob.AnyText(), maxValues)
		if err != nil {
			return nil, err
		}
		for _, c := range classes {
			out = append(out, c.Witness)
		}
	}
	out = append(out, around(numbers, numberText)...)
	out = append(out, around(dates, dateText)...)
	out = append(out, addresses(ranges)...)
	if len(out) == 0 {
		out = append(out, "x")
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return slices.Compact(out), nil
}

// family is the type of value that an operator compares.
func family(operator string) string {
	name := strings.ToLower(operator)
	if _, rest, ok := strings.Cut(name, ":"); ok {
		name = rest
	}
	for prefix, family := range map[string]string{"null": "null", "string": "string", "arn": "arn", "numeric": "numeric",
		"date": "date", "ipaddress": "address", "notipaddress": "address", "bool": "bool", "binary": "binary"} {
		if strings.HasPrefix(name, prefix) {
			return family
		}
	}
	return "string"
}

func stringPattern(operator, text string, variables bool) glob.Pattern {
	name := strings.ToLower(operator)
	var p glob.Pattern
	for _, part := range cutVariables(text, variables) {
		switch {
		case strings.Contains(name, "ignorecase"):
			p = p.Fold(part.text)
		case strings.Contains(name, "like") && !part.literal:
			p = p.Wild(part.text)
		default:
			p = p.Literal(part.text)
		}
	}
	return p
}

// around returns each number, one between each two neighbours, and one on
// either side of them all.
func around(numbers []float64, text func(float64) string) []string {
	if len(numbers) == 0 {
		return nil
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	out := []string{text(numbers[0] - 1)}
	for i, n := range numbers {
		out = append(out, text(n))
		if i+1 < len(numbers) {
			out = append(out, text(n+(numbers[i+1]-n)/2))
		}
	}
	return append(out, text(numbers[len(numbers)-1]+1))
}

func numberText(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func dateText(seconds float64) string {
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

// dateOf reads a date of a policy as seconds since 1970.
func dateOf(text string) (float64, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return float64(t.Unix()), true
		}
	}
	return 0, false
}

func rangeOf(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// addresses returns the first address of each range and the first behind it:
// every part of a range that is left when smaller ranges are taken out starts
// with one of them. An address of either version is in no range.
func addresses(ranges []netip.Prefix) []string {
	if len(ranges) == 0 {
		return nil
	}
	out := []string{"0.0.0.0", "::"}
	for _, p := range ranges {
		out = append(out, p.Addr().String())
		if next := behind(p); next.IsValid() {
			out = append(out, next.String())
		}
	}
	return out
}

// behind is the first address behind a range, or none where it is the last.
func behind(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last.Next()
}
