package rules

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

const page = "../../docs/rules.md"

// TestPage holds docs/rules.md to the program: its example passes its own
// cases, and its tables are what the program says. Run with -update to write
// them.
func TestPage(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	_, example, ok := strings.Cut(text, "```yaml\n")
	example, _, ok2 := strings.Cut(example, "```\n")
	if !ok || !ok2 {
		t.Fatal("the page has no example")
	}
	p, err := Parse("example.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Test(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failures) > 0 || r.Rules != 2 {
		t.Errorf("the example: %d rules, %v", r.Rules, r.Failures)
	}
	want := text
	for name, body := range tables(t) {
		want = replaceSection(t, want, name, body)
	}
	if want == text {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Error("docs/rules.md is out of date: run go test ./internal/rules -run TestPage -update")
}

// update lives in the test binary only.
var update = flag.Bool("update", false, "write the tables of docs/rules.md")

// TestExampleColumns: the label file of the page can be read.
func TestExampleColumns(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "```csv\n")
	text, _, _ = strings.Cut(text, "```\n")
	rows, err := ReadLabels("labels.csv", strings.NewReader(text))
	if err != nil || len(rows) != 2 {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
	for _, c := range LabelColumns() {
		if !strings.Contains(string(data), "`"+c+"`") {
			t.Errorf("the page does not name column %s", c)
		}
	}
}

func replaceSection(t *testing.T, text, name, body string) string {
	t.Helper()
	start := "<!-- " + name + " -->\n"
	head, rest, ok := strings.Cut(text, start)
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatalf("the page has no section %s", name)
	}
	return head + start + body + "<!-- end -->" + tail
}

func tables(t *testing.T) map[string]string {
	t.Helper()
	p := starterPack(t)
	var variables, functions, pack, labels strings.Builder
	variables.WriteString("| name | type | meaning |\n|---|---|---|\n")
	for _, v := range Variables() {
		fmt.Fprintf(&variables, "| `%s` | %s | %s |\n", v.Name, v.Type(), v.Help)
	}
	functions.WriteString("| function | meaning |\n|---|---|\n")
	for _, f := range Functions() {
		fmt.Fprintf(&functions, "| `%s` | %s |\n", f.Signature, f.Help)
	}
	fmt.Fprintf(&pack, "%d rules. A severity with a plus can be another under conditions.\n\n", len(p.Rules))
	pack.WriteString("| rule | about | severity | OWASP | supports | title |\n|---|---|---|---|---|---|\n")
	for _, r := range p.Rules {
		severity := string(r.Severity)
		if len(r.SeverityWhen) > 0 {
			severity += " +"
		}
		fmt.Fprintf(&pack, "| `%s` | %s | %s | %s | %s | %s |\n", r.ID, r.Over, severity, owaspWords(r.OWASP), strings.Join(r.Controls, ", "), r.Title)
	}
	pack.WriteString("\nBy risk:\n\n| OWASP | risk | rules |\n|---|---|---|\n")
	for _, risk := range retinue.OWASPRisks() {
		n := 0
		for _, r := range p.Rules {
			for _, o := range r.OWASP {
				if o == risk.ID {
					n++
				}
			}
		}
		fmt.Fprintf(&pack, "| %s | %s | %d |\n", risk.ID, risk.Name, n)
	}
	labels.WriteString("| rule | sets | value |\n|---|---|---|\n")
	for _, r := range p.Labels {
		fmt.Fprintf(&labels, "| `%s` | %s | %s |\n", r.ID, r.Sets, r.Value)
	}
	return map[string]string{"fields": fields(), "variables": variables.String(), "functions": functions.String(), "pack": pack.String(), "labels": labels.String()}
}

// fields lists the fields of the types by their JSON names.
func fields() string {
	var b strings.Builder
	b.WriteString("| type | fields |\n|---|---|\n")
	seen := map[reflect.Type]bool{}
	queue := []reflect.Type{}
	for _, t := range structs() {
		queue = append(queue, t.(reflect.Type))
	}
	for len(queue) > 0 {
		t := queue[0]
		queue = queue[1:]
		if seen[t] {
			continue
		}
		seen[t] = true
		var names []string
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || name == "-" || name == "" {
				continue
			}
			names = append(names, "`"+name+"`")
			el := f.Type
			for el.Kind() == reflect.Pointer || el.Kind() == reflect.Slice {
				el = el.Elem()
			}
			if el.Kind() == reflect.Struct && el != reflect.TypeFor[time.Time]() {
				queue = append(queue, el)
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", t, strings.Join(names, ", "))
	}
	return b.String()
}

func owaspWords(ids []retinue.OWASP) string {
	var out []string
	for _, id := range ids {
		out = append(out, string(id))
	}
	return strings.Join(out, ", ")
}
