package glob_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/retinue-id/retinue/internal/access/glob"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything/at:all", true},
		{"?", "", false},
		{"?", "é", true},
		{"a?c", "aéc", true},
		{"a?c", "ac", false},
		{"a*c", "ac", true},
		{"a*c", "abcbc", true},
		{"a*c", "abcb", false},
		{"*a*b*", "xxaxxbxx", true},
		{"*a*b*", "xxbxxaxx", false},
		{"a**b", "ab", true},
		{"s3:Get*", "s3:GetObject", true},
		{"*\xff", "ab\xff", true},
	} {
		if got := glob.Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %t", c.pattern, c.text, got)
		}
		if got := glob.Text(c.pattern).Match(c.text); utf8.ValidString(c.text) && got != c.want {
			t.Errorf("Text(%q).Match(%q) = %t", c.pattern, c.text, got)
		}
	}
}

func TestMatchOfManyStarsIsBounded(t *testing.T) {
	pattern := strings.Repeat("*a", 200_000) + "b"
	if glob.Match(pattern, strings.Repeat("a", 2000)) {
		t.Error("matched a string without b")
	}
}

// letters is the universe of the strings of a, b and c with at most four
// characters, small enough to look at every one.
type letters struct{}

func (letters) Start() int { return 0 }
func (letters) Step(s int, c rune) int {
	if s == 4 || c < 'a' || c > 'c' {
		return -1
	}
	return s + 1
}
func (letters) Accept(s int) bool { return s > 0 }
func (letters) Fresh() []rune     { return []rune("cba") }

func every(yield func(string)) {
	var grow func(string)
	grow = func(s string) {
		if s != "" {
			yield(s)
		}
		if len(s) == 4 {
			return
		}
		for _, c := range "abc" {
			grow(s + string(c))
		}
	}
	grow("")
}

func texts(patterns ...string) []glob.Pattern {
	var out []glob.Pattern
	for _, p := range patterns {
		out = append(out, glob.Text(p))
	}
	return out
}

func vector(patterns []string, text string) string {
	var b strings.Builder
	for _, p := range patterns {
		fmt.Fprintf(&b, "%t ", glob.Match(p, text))
	}
	return b.String()
}

// TestClassesAreExact compares the classes with those that looking at every
// string of a small universe gives.
func TestClassesAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		patterns := make([]string, 1+random.IntN(6))
		for i := range patterns {
			for range random.IntN(6) {
				patterns[i] += string("aabbc**?"[random.IntN(8)])
			}
		}
		classes, err := glob.Classes(texts(patterns...), letters{}, 1000)
		if err != nil {
			t.Fatalf("%q: %v", patterns, err)
		}
		want := make(map[string]bool)
		every(func(s string) { want[vector(patterns, s)] = true })
		got := make(map[string]bool)
		for _, c := range classes {
			v := vector(patterns, c.Witness)
			if got[v] {
				t.Errorf("%q: two classes are alike: %s", patterns, v)
			}
			got[v] = true
			if !want[v] {
				t.Errorf("%q: no string is as witness %q", patterns, c.Witness)
			}
			for i, p := range patterns {
				if c.Matches.Has(i) != glob.Match(p, c.Witness) {
					t.Errorf("%q: class of %q is wrong about %q", patterns, c.Witness, p)
				}
			}
		}
		for v := range want {
			if !got[v] {
				t.Errorf("%q: a class is missing: %s", patterns, v)
			}
		}
	}
}

func TestClassesOfAnyText(t *testing.T) {
	classes, err := glob.Classes(texts("*", "arn:aws:s3:::a*", "arn:aws:s3:::a", "arn:aws:s3:::ab", "x", "xx", "y"), glob.AnyText(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(classes) != 7 {
		for _, c := range classes {
			t.Log(c.Witness, c.Matches)
		}
		t.Fatalf("%d classes, want 7: any other, a and what begins with it, ab, x, xx, y", len(classes))
	}
}

func TestPatternsOfOtherForms(t *testing.T) {
	for _, c := range []struct {
		name    string
		pattern glob.Pattern
		yes, no []string
	}{
		{"exact", glob.Exact("a*"), []string{"a*"}, []string{"ab", "a"}},
		{"fold", glob.Pattern{}.Fold("Team-1"), []string{"team-1", "TEAM-1"}, []string{"team-2"}},
		{"parts", glob.Pattern{}.Part("arn:*:s3::?").Wild(":a*"), []string{"arn:aws:s3::1:a", "arn:x:s3::1:ab:c"}, []string{"arn:a:b:s3::1:a", "arn:aws:s3::::a"}},
	} {
		for _, text := range c.yes {
			if !c.pattern.Match(text) {
				t.Errorf("%s does not fit %q", c.name, text)
			}
		}
		for _, text := range c.no {
			if c.pattern.Match(text) {
				t.Errorf("%s fits %q", c.name, text)
			}
		}
		classes, err := glob.Classes([]glob.Pattern{c.pattern}, glob.AnyText(), 10)
		if err != nil || len(classes) != 2 {
			t.Errorf("%s: %d classes, %v; want those that fit and those that do not", c.name, len(classes), err)
		}
	}
	// A run within a part is less than a run over all.
	classes, err := glob.Classes([]glob.Pattern{glob.Text("a:*"), glob.Pattern{}.Part("a:*")}, glob.AnyText(), 10)
	if err != nil || len(classes) != 3 {
		t.Errorf("%v, %v; want three classes", classes, err)
	}
}

func TestClassesAreBounded(t *testing.T) {
	for name, patterns := range map[string][]string{
		"exponential": {"*a" + strings.Repeat("?", 40)},
		"many":        {"*a*", "*b*", "*c*", "*d*", "*e*", "*f*", "*g*", "*h*", "*i*", "*j*", "*k*", "*l*"},
	} {
		if _, err := glob.Classes(texts(patterns...), glob.AnyText(), 200); !errors.Is(err, glob.ErrTooMany) {
			t.Errorf("%s: %v, want ErrTooMany", name, err)
		}
	}
}

func FuzzClasses(f *testing.F) {
	f.Add("a*", "*b", "ab")
	f.Add("*é?", "\xff*", "??")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		if len(a)+len(b) > 60 || !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(text) {
			return
		}
		classes, err := glob.Classes(texts(a, b), glob.AnyText(), 500)
		if err != nil {
			return
		}
		v, found := vector([]string{a, b}, text), text == ""
		for _, c := range classes {
			found = found || vector([]string{a, b}, c.Witness) == v
		}
		if !found {
			t.Errorf("%q, %q: no class for %q", a, b, text)
		}
	})
}

func BenchmarkClasses(b *testing.B) {
	var patterns []string
	for i := range 40 {
		patterns = append(patterns, fmt.Sprintf("arn:aws:s3:::bucket-%d/*", i), fmt.Sprintf("arn:aws:s3:::bucket-%d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := glob.Classes(texts(patterns...), glob.AnyText(), 10_000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		glob.Match("arn:aws:s3:::bucket-*/home/*/x?.txt", "arn:aws:s3:::bucket-17/home/alice/x1.txt")
	}
}
