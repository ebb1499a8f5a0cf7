package report

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func textOf(t testing.TB, d Data, o TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextGolden(t *testing.T) {
	golden(t, "report.txt", textOf(t, sampleData(), TextOptions{}))
	if s := textOf(t, Data{}, TextOptions{}); !strings.Contains(s, "None open.") {
		t.Errorf("an empty report:\n%s", s)
	}
}

// Without fixes in common the worst findings are listed themselves.
func TestTextWithoutFixes(t *testing.T) {
	d := sampleData()
	d.Fixes, d.FixTotal = nil, 0
	s := textOf(t, d, TextOptions{})
	for _, want := range []string{"  critical  A third party is trusted", "/srv/app/.env:12 AWS_ACCESS_KEY_ID", "and 442 more findings: retinue findings list"} {
		if !strings.Contains(s, want) {
			t.Errorf("it does not say %q:\n%s", want, s)
		}
	}
}

func TestTextKeepsToTheWidth(t *testing.T) {
	unfixed := hostileData()
	unfixed.Fixes = nil
	for _, d := range []Data{sampleData(), hostileData(), unfixed} {
		d.Database = "db"
		for i := range d.Offers {
			d.Offers[i].Command = "retinue scan x" // stays on one line, whatever the width
		}
		for _, width := range []int{40, 80, 120} {
			for line := range strings.Lines(textOf(t, d, TextOptions{Width: width})) {
				if n := columnsOf(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("width %d: a line has %d columns: %s", width, n, line)
				}
			}
		}
	}
}

func TestTextHasNoControlCharacters(t *testing.T) {
	for _, color := range []bool{false, true} {
		s := textOf(t, hostileData(), TextOptions{Width: 80, Color: color})
		if color {
			s = regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(s, "")
		}
		for _, c := range s {
			if c != '\n' && (c < 0x20 || c == 0x7f || c == 0x202e) {
				t.Fatalf("color %t: the character %U stands in the text", color, c)
			}
		}
	}
	plain := textOf(t, sampleData(), TextOptions{})
	coloured := textOf(t, sampleData(), TextOptions{Color: true})
	if regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured, "") != plain {
		t.Error("colour changes the text")
	}
	boom := errors.New("closed pipe")
	if err := WriteText(failing{boom}, sampleData(), TextOptions{}); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
}

func TestWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("ab 漢é\u0301😀"))).Draw(t, "text")
		columns := rapid.IntRange(8, 40).Draw(t, "columns")
		lines := wrap(s, columns)
		for _, l := range lines {
			if columnsOf(l) > columns {
				t.Fatalf("line %q has %d columns, want at most %d", l, columnsOf(l), columns)
			}
		}
		strip := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if strip(strings.Join(lines, "")) != strip(s) {
			t.Fatalf("%q became %q", s, lines)
		}
	})
}

func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("abc漢é"))).Draw(t, "text")
		columns := rapid.IntRange(4, 20).Draw(t, "columns")
		got := fit(s, columns)
		if columnsOf(got) > columns || !utf8.ValidString(got) {
			t.Fatalf("%q in %d columns is %q", s, columns, got)
		}
		if columnsOf(s) <= columns && got != s {
			t.Fatalf("%q fits and became %q", s, got)
		}
	})
	if got, want := fit("arn:aws:iam::111111111111:role/billing", 20), "arn:aws:ia…e/billing"; got != want {
		t.Errorf("cut to %q, want %q", got, want)
	}
}
