package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/retinue-id/retinue"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what it was (go test -update writes it anew):\n%s", path, got)
	}
}

func render(t testing.TB, d Data) (string, *html.Node) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, d); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), doc
}

func elements(n *html.Node) []*html.Node {
	var out []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode {
			out = append(out, d)
		}
	}
	return out
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// The outline is what a screen reader navigates by.
func TestHTMLOutline(t *testing.T) {
	_, doc := render(t, sampleData())
	var b strings.Builder
	for _, n := range elements(doc) {
		switch n.Data {
		case "header", "nav", "main", "section", "article", "footer":
			fmt.Fprintf(&b, "%s %s%s\n", n.Data, attr(n, "aria-label"), attr(n, "aria-labelledby"))
		case "h1", "h2", "h3", "caption":
			fmt.Fprintf(&b, "  %s %s\n", n.Data, words(n))
		case "th":
			if attr(n, "scope") == "" {
				t.Errorf("heading cell %q has no scope", words(n))
			}
			if attr(n, "scope") == "col" {
				fmt.Fprintf(&b, "    column %s\n", words(n))
			}
		case "svg":
			if attr(n, "aria-hidden") != "true" && attr(n, "aria-label") == "" {
				t.Error("a picture has no text and is not hidden from those who cannot see it")
			}
		}
	}
	golden(t, "outline.txt", b.String())
}

func TestHTMLIsSelfContained(t *testing.T) {
	for name, d := range map[string]Data{"sample": sampleData(), "hostile": hostileData(), "empty": {}} {
		text, doc := render(t, d)
		ids := map[string]bool{}
		for _, n := range elements(doc) {
			if id := attr(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s: two elements have the id %s", name, id)
				}
				ids[id] = true
			}
		}
		for _, n := range elements(doc) {
			if slices.Contains([]string{"script", "img", "link", "iframe", "object", "embed", "form", "base", "video", "audio"}, n.Data) {
				t.Errorf("%s: it has a %s element", name, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" {
					t.Errorf("%s: %s has the attribute %s", name, n.Data, a.Key)
				}
				if a.Key == "href" && !(strings.HasPrefix(a.Val, "#") && ids[a.Val[1:]]) {
					t.Errorf("%s: a link leads to %q", name, a.Val)
				}
				if a.Key == "aria-labelledby" && !ids[a.Val] {
					t.Errorf("%s: %s is named by %q, which is not there", name, n.Data, a.Val)
				}
			}
			if n.Data == "style" {
				sum := sha256.Sum256([]byte(n.FirstChild.Data))
				if !strings.Contains(text, "style-src 'sha256-"+strings.ReplaceAll(base64.StdEncoding.EncodeToString(sum[:]), "+", "&#43;")+"'") {
					t.Errorf("%s: the policy does not allow the style that is there", name)
				}
			}
		}
		if strings.Contains(pageStyle, "url(http") || strings.Contains(pageStyle, "@import") {
			t.Error("the style loads something")
		}
	}
}

func TestHTMLShowsHostileNamesAsText(t *testing.T) {
	text, doc := render(t, hostileData())
	for _, c := range text {
		if c != '\n' && (c < 0x20 || c == 0x7f || c == 0x202e) {
			t.Fatalf("the character %U stands in the report", c)
		}
	}
	if !strings.Contains(words(doc), `<img src=x onerror=alert(1)>"'`+"`{{.}}"+`\u001b[31m\u202ekcatta`) {
		t.Error("the name is not shown as it is")
	}
}

func TestHTMLIsBoundedAndSaysSo(t *testing.T) {
	d := sampleData()
	d.Worst, d.WorstTotal = manyFindings(5000), 5000
	for i := range 50 {
		d.Identities.ByKind = append(d.Identities.ByKind, Count{Label: fmt.Sprint("kind ", i), N: 1})
		d.Sources[2].Problems = append(d.Sources[2].Problems, fmt.Sprint("problem ", i))
	}
	text, doc := render(t, d)
	for _, want := range []string{"The first 100 by priority; 4,900 more are in the database", "45 others", "and 31 more", "Another 35 changes settle the rest."} {
		if !strings.Contains(words(doc), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if len(text) > 300_000 {
		t.Errorf("it has %d bytes", len(text))
	}
}

func TestHTMLShowsWhatIsUnknownAsUnknown(t *testing.T) {
	d := sampleData()
	d.OWASP = d.OWASP[:2]
	_, doc := render(t, d)
	if n := strings.Count(words(doc), "not measured"); n != 8 {
		t.Errorf("%d risks are shown as not measured, want 8", n)
	}
	_, empty := render(t, Data{})
	for _, want := range []string{"No source was read, so every figure here is unknown.", "No finding is open.", "Nothing: no finding is open."} {
		if !strings.Contains(words(empty), want) {
			t.Errorf("an empty report does not say %q", want)
		}
	}
}

func TestHTMLIsDeterministic(t *testing.T) {
	a, _ := render(t, sampleData())
	b, _ := render(t, sampleData())
	if a != b {
		t.Error("equal data gives different files")
	}
	boom := errors.New("disk full")
	if err := Write(failing{boom}, sampleData()); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Text on the page's grounds has the contrast that WCAG 2.2, 1.4.3 asks for, in
// both schemes.
func TestColoursHaveContrast(t *testing.T) {
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(pageStyle, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d schemes, want light and dark", len(blocks))
	}
	for i, block := range blocks {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6})`).FindAllStringSubmatch(block[1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, name := range []string{"text", "muted", "accent", "critical", "high", "medium", "low", "info", "good"} {
			a, b := colours[name], colours["bg"]
			if ratio := (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("scheme %d: %s has a contrast of %.2f, want 4.5", i, name, ratio)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

func TestSentence(t *testing.T) {
	whole := []Source{{Name: "a", Complete: 1}}
	for _, c := range []struct {
		d    Data
		want string
	}{
		{Data{}, "0 non-human identities in 0 systems; no open findings."},
		{Data{Sources: whole, Identities: Identities{NonHuman: 1, Owned: 1}}, "1 non-human identity in 1 system; 0 % without an owner; no open findings."},
		{Data{Sources: whole, Identities: Identities{NonHuman: 1000, Owned: 999}, Credentials: Credentials{Static: 1},
			Findings: Findings{BySeverity: map[retinue.Severity]int{retinue.SeverityLow: 1}}},
			"1,000 non-human identities in 1 system; under 1 % without an owner; 1 static credential; 1 open finding."},
		{Data{Sources: []Source{{Complete: 1, Held: 1}}, Trusts: Trusts{ThirdParty: 1}, Findings: Findings{BySeverity: map[retinue.Severity]int{retinue.SeverityHigh: 2}}},
			"0 non-human identities in 1 system; 1 trust to third parties; 2 open findings, 2 of them high. 1 source was not read whole: the true figures may be higher."},
	} {
		if got := c.d.Sentence(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if got := percent(999, 1000); got != "over 99 %" {
		t.Errorf("999 of 1000 is %s", got)
	}
}
