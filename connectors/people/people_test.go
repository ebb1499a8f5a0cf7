package people

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

const (
	realm = retinue.Realm("people:default")
	good  = `Type,ID,Name,Email,State,Teams,Members,Team,Criticality,Manager,Cost Center
person,p1,"Lovelace, Ada",ada@example.com,Active,pay; core,,,,p2,4711
,p2,Grace Hopper,grace@example.com,left,,,,,,
team,pay,Payments,pay@example.com,,,p2;p1;p1,,,p1,
team,core,Core,,,,,,,,
application,shop,"The ""Shop""",shop@example.com,,,,pay,HIGH,,4712
`
)

// planted is a value that must appear nowhere; it is built so that no scanner
// of this repository takes it for one.
func planted() string { return strings.Join([]string{"Zk3", "qP9", "vT7", "xM2", "rB8", "wL4"}, "n") }

// write writes a file whose modification time lies a day before the tests'
// clock.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := connectortest.Epoch().Add(-24 * time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

func config(path string, options map[string]string) connector.Config {
	return connector.Config{Name: "test", Target: path, Options: options}
}

func discover(t testing.TB, text string, options map[string]string) *connectortest.Result {
	t.Helper()
	c, err := Spec().Open(t.Context(), config(write(t, text), options), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	return connectortest.Discover(t, c)
}

// problems returns the places and texts of a run's problems.
func problems(r *connectortest.Result) string {
	var out []string
	for _, errs := range r.Problems {
		for _, err := range errs {
			_, text, _ := strings.Cut(err.Error(), "people.csv")
			out = append(out, strings.TrimPrefix(text, ":"))
		}
	}
	return strings.Join(out, "\n")
}

func TestConformance(t *testing.T) {
	secret := planted()
	cfg := config(write(t, "Initial Password,id,name,state\n"+secret+",p1,Ada,active\n"+secret+",p2,Grace,left\n"), nil)
	broken := config(write(t, "Initial Password,id,name,state\n"+secret+",p1,Ada,active\np2,Grace,left,"+secret+"\n"+
		secret+",p3,"+secret+"\"x,left\n"+secret+",p4,,"+secret+"\n"), nil)
	other := config(write(t, "\ufeffNAME;STATE;ID;API token\r\nGrace;Left;p2;"+secret+"\r\nAda;Active;p1;\r\n"), nil)
	connectortest.Run(t, connectortest.Subject{
		Spec: Spec(), Open: connectortest.OpenSpec(Spec(), cfg), Named: connectortest.NameSpec(Spec(), cfg),
		Broken: connectortest.OpenSpec(Spec(), broken), Same: connectortest.OpenSpec(Spec(), other),
		Secrets: []string{secret},
	})
}

func TestFacts(t *testing.T) {
	r := discover(t, good, nil)
	if len(r.Problems) > 0 || len(r.Notes) > 0 || len(r.Emitted) != 5 {
		t.Fatalf("problems %v, notes %v, %d facts", r.Problems, r.Notes, len(r.Emitted))
	}
	ref := func(kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, key) }
	want := []retinue.Fact{
		retinue.Person{Ref: ref("person", "p1"), Name: "Lovelace, Ada", Email: "ada@example.com", State: retinue.StateActive,
			Teams: []retinue.Ref{ref("team", "core"), ref("team", "pay")},
			Attrs: retinue.Attrs{"manager": "p2", "state": "active", "cost center": "4711"}},
		retinue.Person{Ref: ref("person", "p2"), Name: "Grace Hopper", Email: "grace@example.com", State: retinue.StateDisabled,
			Attrs: retinue.Attrs{"state": "left"}},
		retinue.Team{Ref: ref("team", "pay"), Name: "Payments", Email: "pay@example.com",
			Members: []retinue.Ref{ref("person", "p1"), ref("person", "p2")}, Attrs: retinue.Attrs{"manager": "p1"}},
		retinue.Team{Ref: ref("team", "core"), Name: "Core"},
		retinue.Application{Ref: ref("application", "shop"), Name: `The "Shop"`, Team: ref("team", "pay"),
			Criticality: retinue.CriticalityHigh, Attrs: retinue.Attrs{"email": "shop@example.com", "cost center": "4712"}},
	}
	for i, f := range want {
		w, err1 := retinue.MarshalFact(f)
		g, err2 := retinue.MarshalFact(r.Emitted[i].Fact)
		if string(w) != string(g) || err1 != nil || err2 != nil {
			t.Errorf("fact %d: %s\nwant %s", i, g, w)
		}
	}
	done, ok := r.Completed[retinue.NewScope(realm, "people")]
	if !ok || done.Authority != connector.AuthoritySystem || !done.ObservedAt.Equal(connectortest.Epoch().Add(-24*time.Hour)) {
		t.Errorf("completion %+v %v", done, ok)
	}
}

// TestForms reads one list in every form that spreadsheets write.
func TestForms(t *testing.T) {
	want := discover(t, good, nil).Dump()
	semicolons := `type;id;name;email;state;teams;members;team;criticality;manager;cost center
person;p1;Lovelace, Ada;ada@example.com;active;"pay;core";;;;p2;4711
;p2;Grace Hopper;grace@example.com;left;;;;;;
team;pay;Payments;pay@example.com;;;"p1;p2";;;p1;
team;core;Core;;;;;;;;
application;shop;"The ""Shop""";shop@example.com;;;;pay;high;;4712`
	for name, text := range map[string]string{
		"BOM":         "\ufeff" + good,
		"CRLF":        strings.ReplaceAll(good, "\n", "\r\n"),
		"no last end": strings.TrimSuffix(good, "\n"),
		"blank lines": "\n" + strings.ReplaceAll(good, "\n", "\n,,,\n\n \n"),
		"semicolons":  semicolons,
		"tabs":        strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(semicolons, `"`, ""), "The Shop", `"The ""Shop"""`), ";", "\t"),
	} {
		if name == "blank lines" {
			// A line of separators is blank whatever its length.
			text = strings.ReplaceAll(text, "\n,,,\n", "\n,,,,,,,,,,,,,\n")
		}
		if name == "tabs" {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "pay\tcore", "pay;core"), "p1\tp2", "p1;p2")
		}
		if got := discover(t, text, nil).Dump(); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	r := discover(t, "id,email,state,a,b\np1,a@example.com,left,1,2\n",
		map[string]string{"directory": "example.com", "observed-at": "2026-03-31", "columns": "B;c"})
	p := connectortest.Get[retinue.Person](t, r, "person", "p1")
	if p.Ref.Realm != "people:example.com" || p.Attrs["a"] != nil || p.Attrs["b"] != "2" {
		t.Errorf("person %+v", p)
	}
	done := r.Completed[retinue.NewScope("people:example.com", "people")]
	if want := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC); !done.ObservedAt.Equal(want) {
		t.Errorf("observed at %s, want %s", done.ObservedAt, want)
	}
	if n := r.NotesOf(connector.NoteWarning); len(n) != 1 || !strings.Contains(n[0].Text, `"c"`) {
		t.Errorf("warnings %+v", n)
	}
}

func TestFutureModificationTime(t *testing.T) {
	path := write(t, "id\np1\n")
	ahead := connectortest.Epoch().Add(time.Hour)
	if err := os.Chtimes(path, ahead, ahead); err != nil {
		t.Fatal(err)
	}
	c, err := Spec().Open(t.Context(), config(path, nil), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	r := connectortest.Discover(t, c)
	if got := r.Completed[retinue.NewScope(realm, "people")].ObservedAt; !got.Equal(connectortest.Epoch()) {
		t.Errorf("observed at %s, want the time of the run", got)
	}
}

func TestMistakes(t *testing.T) {
	const head = "type,id,name,email,state,teams,members,team,criticality\n"
	const ok = "person,p1,Ada,,,,,,\n"
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		text string
		want string // the place and the start of what is wrong
		kept int
	}{
		"type":                 {head + ok + "robot,p2,,,,,,,\n", "3:1: type: want person, team or application", 1},
		"no id":                {head + ok + "person,,Grace,,,,,,\n", "3:8: id: missing", 1},
		"state":                {head + ok + "person,p2,Grace,,gone,,,,\n", "3:18: state: want active", 1},
		"criticality":          {head + ok + "application,a,,,,,,,huge\n", "3:21: criticality: want critical, high", 1},
		"email":                {head + ok + "person,p2,Zoë,ada,,,,,\n", "3:15: email: want one address", 1},
		"two addresses":        {head + ok + "person,p2,,a@b;c@d,,,,,\n", "3:12: email: want one address", 1},
		"members of a person":  {head + ok + "person,p2,,,,,p1,,\n", "3:15: members: this column is not for type person", 1},
		"teams of a team":      {head + ok + "team,t,,,,t2,,,\n", "3:11: teams: this column is not for type team", 1},
		"duplicate":            {head + ok + "team,p1,,,,,,,\nperson,p1,Other,,,,,,\n", "4:8: id: line 2 describes this person already", 2},
		"semicolon in id":      {head + ok + "person,a;b,,,,,,,\n", "3:8: id: an id holds a semicolon", 1},
		"long name":            {head + ok + "person,p2," + long + ",,,,,,\n", "3:11: name: longer than 1024 bytes", 1},
		"long id in list":      {head + ok + "person,p2,,,," + long + ",,,\n", "3:14: teams: an id is longer", 1},
		"control in id":        {head + ok + "person,p\x012,,,,,,,\n", "3:8: id: an id holds a control", 1},
		"too few":              {head + ok + "person,p2\n", "3:10: 2 values, and the first line names 9 columns", 1},
		"too many":             {head + ok + "person,p2,,,,,,,,x\n", "3:18: a value beyond the 9 columns", 1},
		"bare quote":           {head + "person,p2,5\" disk,,,,,,\n" + ok, `2:12: a quote inside a value`, 1},
		"after quote":          {head + "person,p2,\"a\"b,,,,,,\n" + ok, `2:14: text after a closing quote`, 1},
		"open quote":           {head + "person,p2,\"a,,,,,,\n" + ok + "person,p3,\"x, y\",,,,,,\n", `2:11: the quote that opens here is not closed`, 2},
		"UTF-8":                {head + ok + "person,p2,Zo\xeb,,,,,,\n", "3:13: not UTF-8", 1},
		"after a long value":   {head + "person,p2,\"a\nb\",,gone,,,,\n" + ok, "3:5: state: want active", 1},
		"long line":            {head + "person,p2," + strings.Repeat("x", maxLine) + ",,,,,,\n" + ok, "2: the line is longer than 1024 KiB", 1},
		"many values":          {head + strings.Repeat(",", 300) + "\n" + ok, "2:257: more than 256 values", 1},
		"no id column":         {"name,email\nAda,\n", "1: no column id", 0},
		"same column":          {"id,Name,name\n1,2,3\n", "1:9: two columns have this name", 0},
		"control in header":    {"id,na\x02me\n1,2\n", "1:4: the name of a column holds a control", 0},
		"quote in header":      {"id,\"name\n1,2\n", "1:4: the quote that opens here", 0},
		"long column":          {"id," + long + "\n1,2\n", "1:4: the name of a column is longer", 0},
		"many columns":         {"id" + strings.Repeat(",c%d", 33) + "\n", "1:", 0},
		"UTF-16":               {"\xff\xfei\x00d\x00\n\x00", "1:1: the file is UTF-16", 0},
		"nothing":              {"", ": the file is empty", 0},
		"nobody":               {head, ": no line after the first", 0},
		"value without column": {"id,,name\np1,,\np2,x,\n", "3:4: a value in a column without a name", 1},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if name == "many columns" {
				for i := range 33 {
					text = strings.Replace(text, "%d", fmt.Sprint(i), 1)
				}
			}
			r := discover(t, text, nil)
			if got := strings.TrimPrefix(problems(r), ":"); !strings.HasPrefix(got, strings.TrimPrefix(c.want, ":")) || strings.Contains(got, "\n") {
				t.Errorf("problems:\n%s\nwant one: %s", got, c.want)
			}
			if len(r.Emitted) != c.kept || len(r.Completed) > 0 {
				t.Errorf("%d facts kept, want %d; %d scopes complete", len(r.Emitted), c.kept, len(r.Completed))
			}
			for _, errs := range r.Problems {
				if !errors.Is(errs[0], retinue.ErrInvalid) || !strings.Contains(errs[0].Error(), "people.csv") {
					t.Errorf("error %v", errs[0])
				}
			}
		})
	}
}

// TestManyMistakes checks that a file that is no list is given up, and that the
// problems stay few.
func TestManyMistakes(t *testing.T) {
	r := discover(t, "id,name\np1,Ada\n"+strings.Repeat("\"x\n", 5000)+"p2,Grace\n", nil)
	if got := strings.Split(problems(r), "\n"); len(got) != maxShown+1 || !strings.Contains(got[maxShown], "the rest is not read") {
		t.Errorf("%d problems, the last %q", len(got), got[len(got)-1])
	}
	r = discover(t, "id,name\np1,Ada\n"+strings.Repeat(",x\n", 100)+"p2,Grace\n", nil)
	if got := strings.Split(problems(r), "\n"); len(got) != maxShown+1 || len(r.Emitted) != 2 {
		t.Errorf("%d problems, %d facts", len(got), len(r.Emitted))
	}
}

func TestNotes(t *testing.T) {
	r := discover(t, "id,teams,manager\np1,pay;core,p9\np2,core,p1\n", nil)
	var got []string
	for _, n := range r.Notes {
		_, place, _ := strings.Cut(n.Text, "people.csv")
		got = append(got, fmt.Sprint(n.Kind, " ", n.Count, " ", place))
	}
	want := []string{"not_covered 0 ", "not_covered 0 ", "warning 1 :2:13", "warning 2 :2:4"}
	if !slices.Equal(got, want) || len(r.Completed) != 1 {
		t.Errorf("notes %q, want %q", got, want)
	}
}

func TestOpenErrors(t *testing.T) {
	path := write(t, "id\np1\n")
	for name, c := range map[string]struct {
		path    string
		options map[string]string
		want    error
	}{
		"absent":         {path + ".not", nil, retinue.ErrNotFound},
		"folder":         {filepath.Dir(path), nil, retinue.ErrInvalid},
		"directory":      {path, map[string]string{"directory": "a\nb"}, retinue.ErrInvalid},
		"long directory": {path, map[string]string{"directory": strings.Repeat("x", 129)}, retinue.ErrInvalid},
		"time":           {path, map[string]string{"observed-at": "yesterday"}, retinue.ErrInvalid},
		"future":         {path, map[string]string{"observed-at": "2027-01-01"}, retinue.ErrInvalid},
	} {
		if _, err := Spec().Open(t.Context(), config(c.path, c.options), connectortest.Env(t)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestPage checks that the page for people is in step with the Spec, and reads
// the example that stands on it.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "people.md"))
	if err != nil {
		t.Fatal(err)
	}
	page, spec := string(b), Spec()
	for _, o := range spec.Options {
		if !strings.Contains(page, "| `"+o.Name+"` | "+o.Help) {
			t.Errorf("the page lacks option %s", o.Name)
		}
	}
	for _, d := range spec.Privileges {
		if !strings.Contains(page, d.Body) {
			t.Errorf("the page lacks the document %q", d.Title)
		}
	}
	texts := slices.Concat([]string{spec.Title, spec.Summary}, spec.Sees, spec.BlindSpots, spec.CouldRead)
	for _, e := range spec.Examples {
		texts = append(texts, e.Form)
	}
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	for _, c := range known() {
		if !strings.Contains(page, "| `"+c+"` |") {
			t.Errorf("the page lacks the column %s", c)
		}
	}
	_, example, found := strings.Cut(page, "```csv\n")
	example, _, _ = strings.Cut(example, "```")
	r := discover(t, example, nil)
	if !found || len(r.Completed) != 1 || len(r.Notes) > 0 || len(r.Emitted) < 4 {
		t.Errorf("the example of the page: problems %v, notes %v, %d facts", r.Problems, r.Notes, len(r.Emitted))
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("\ufeffid;teams;x\r\n1;\"a;b\";\"c\r\nd\"\r\n"))
	f.Add([]byte("id\n\"a\nb\n\"\"\n\"c\n"))
	f.Add([]byte("type,id,team,state\napplication,a,b,\nteam,a,,left\n"))
	path := filepath.Join(f.TempDir(), "people.csv")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Spec().Open(t.Context(), config(path, nil), connectortest.Env(t))
		if err != nil {
			t.Fatal(err)
		}
		r := connectortest.Discover(t, c)
		for _, v := range r.Violations {
			t.Errorf("%s: %s", v.Clause, v.Text)
		}
		seen := map[retinue.Ref]bool{}
		for _, e := range r.Emitted {
			if err := errors.Join(e.Fact.Validate(), e.Fact.FactRef().Validate()); err != nil || seen[e.Fact.FactRef()] {
				t.Errorf("fact %+v: %v", e.Fact, err)
			}
			seen[e.Fact.FactRef()] = true
		}
		if len(r.Completed)+len(r.Problems) != 1 {
			t.Errorf("%d scopes complete, %d with problems", len(r.Completed), len(r.Problems))
		}
		for _, errs := range r.Problems {
			for _, err := range errs {
				if retinue.CleanName(err.Error()) != err.Error() {
					t.Errorf("problem %q holds what should not be printed", err)
				}
			}
		}
	})
}
