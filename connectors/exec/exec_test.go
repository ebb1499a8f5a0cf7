package exec

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// planted is a value that must appear nowhere; it is built so that no scanner
// of this repository takes it for one.
func planted() string { return strings.Join([]string{"Zk3", "qP9", "vT7", "xM2", "rB8", "wL4"}, "n") }

func needShell(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are shell scripts")
	}
}

// write writes a program.
func write(t testing.TB, text string) string {
	t.Helper()
	needShell(t)
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// prints writes a program that prints lines and ends with a shell command.
func prints(t testing.TB, end string, lines ...string) string {
	t.Helper()
	return write(t, "#!/bin/sh\ncat <<'END'\n"+strings.Join(lines, "\n")+"\nEND\n"+end+"\n")
}

func config(path string, options map[string]string) connector.Config {
	return connector.Config{Name: "test", Target: path, Options: options}
}

func discover(t testing.TB, path string, options map[string]string) *connectortest.Result {
	t.Helper()
	c, err := Spec().Open(t.Context(), config(path, options), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	return connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch()})
}

const (
	realmLine    = `{"op":"realm","protocol":1,"realm":"sys:one"}`
	botLine      = `{"op":"fact","scope":{"realm":"sys:one","path":"bot"},"fact":{"type":"identity","ref":{"realm":"sys:one","kind":"bot","key":"a"},"kind":"bot","class":"non_human"}}`
	otherLine    = `{"op":"fact","scope":{"realm":"sys:one","path":"bot"},"fact":{"type":"identity","ref":{"realm":"sys:one","kind":"bot","key":"b"},"kind":"bot","class":"non_human"}}`
	completeLine = `{"op":"complete","scope":{"realm":"sys:one","path":"bot"},"basis":"all of it"}`
)

func bots() retinue.Scope { return retinue.NewScope("sys:one", "bot") }

// example is the program of the page for people.
func example(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "exec.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "<!-- the test of the package runs this program -->\n```sh\n")
	text, _, ok2 := strings.Cut(text, "```\n")
	if !ok || !ok2 {
		t.Fatal("the page has no program")
	}
	return write(t, text)
}

// TestExample runs the program of the page through the conformance suite.
func TestExample(t *testing.T) {
	program := example(t)
	csv := filepath.Join(t.TempDir(), "tokens.csv")
	rows := "1,import-bot,2025-03-01,2026-11-02," + planted() + "\n2,say \"hi\",2025-04-01,,second-" + planted() + "\n"
	if err := os.WriteFile(csv, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config(program, map[string]string{"args": csv})
	broken := config(write(t, "#!/bin/sh\n'"+program+"' '"+csv+"' | head -n 4\necho 'lost: "+planted()+"' >&2\nexit 3\n"), nil)
	connectortest.Run(t, connectortest.Subject{
		Spec: Spec(), Open: connectortest.OpenSpec(Spec(), cfg), Named: connectortest.NameSpec(Spec(), cfg),
		Broken: connectortest.OpenSpec(Spec(), broken), Secrets: []string{planted()},
	})
	r := discover(t, program, cfg.Options)
	if r.Err != nil || len(r.Emitted) != 6 || len(r.Completed) != 1 {
		t.Fatalf("%d facts, %d scopes complete, error %v; want 6, 1 and none", len(r.Emitted), len(r.Completed), r.Err)
	}
	want := connectortest.Key(t).Fingerprint(retinue.NewSecret(planted()))
	found := false
	for _, e := range r.Emitted {
		if c, ok := e.Fact.(retinue.Credential); ok && slices.Contains(c.Fingerprints, want) {
			found = true
		}
	}
	if !found {
		t.Error("the secret was not fingerprinted")
	}
}

func TestFailures(t *testing.T) {
	secretLine := func(fact string) string {
		return `{"op":"fact","scope":{"realm":"sys:one","path":"bot"},"fact":` + fact + `,"secret":"` + planted() + `"}`
	}
	for _, c := range []struct {
		name     string
		program  string
		facts    int
		complete bool
		problem  string // in the problem of the scope
		err      string
	}{
		{"good", prints(t, "", realmLine, botLine, "", completeLine), 1, true, "", ""},
		{"exit status", prints(t, "echo because >&2; exit 3", realmLine, botLine), 1, false, "because", ""},
		{"exit status after complete", prints(t, "exit 3", realmLine, botLine, completeLine), 1, true, "", ""},
		{"never completed", prints(t, "", realmLine, botLine), 1, false, "without completing", ""},
		{"not JSON", prints(t, "", realmLine, botLine, completeLine, "oops "+planted()), 1, false, "line 4", ""},
		{"unknown field", prints(t, "", realmLine, botLine, completeLine, `{"op":"note","colour":1}`), 1, false, `unknown field "colour"`, ""},
		{"unknown op", prints(t, "", realmLine, botLine, completeLine, `{"op":"dance"}`), 1, false, "want realm, fact", ""},
		{"unknown field of a fact", prints(t, "", realmLine, botLine, strings.Replace(otherLine, `"kind":"bot","class"`, `"colour":1,"class"`, 1), completeLine), 1, false, "colour", ""},
		{"fact without class", prints(t, "", realmLine, botLine, strings.Replace(otherLine, `,"class":"non_human"`, "", 1), completeLine), 1, false, "class", ""},
		{"fact of another realm", prints(t, "", realmLine, botLine, strings.Replace(otherLine, `{"realm":"sys:one","kind"`, `{"realm":"aws:111122223333","kind"`, 1), completeLine), 1, false, "speaks for the realms", ""},
		{"scope of another realm", prints(t, "", realmLine, botLine, strings.ReplaceAll(otherLine, "sys:one", "aws:111122223333"), completeLine), 1, false, "not declared", ""},
		{"after complete", prints(t, "", realmLine, botLine, completeLine, otherLine), 1, false, "after its scope was completed", ""},
		{"completed twice", prints(t, "", realmLine, botLine, completeLine, completeLine), 1, false, "completed before", ""},
		{"stated twice", prints(t, "", realmLine, botLine, botLine, completeLine), 1, true, "", ""},
		{"stated twice with other content", prints(t, "", realmLine, botLine, strings.Replace(botLine, "non_human", "person", 1), completeLine), 1, false, "other content", ""},
		{"problem", prints(t, "", realmLine, botLine, `{"op":"problem","scope":{"realm":"sys:one","path":"bot"},"kind":"denied","message":"no right to see `+planted()+`"}`, completeLine), 1, false, "no right to see [redacted]", ""},
		{"secret beside no credential", prints(t, "", realmLine, botLine, secretLine(`{"type":"use","subject":{"realm":"sys:one","kind":"bot","key":"a"},"meaning":"x","never":true,"grade":"C"}`), completeLine), 1, false, "only credentials", ""},
		{"secret in the fact too", prints(t, "", realmLine, botLine, secretLine(`{"type":"credential","ref":{"realm":"sys:one","kind":"token","key":"1"},"kind":"api_key","name":"`+planted()+`"}`), completeLine), 1, false, "stands in the fact too", ""},
		{"own fingerprints", prints(t, "", realmLine, botLine, secretLine(`{"type":"credential","ref":{"realm":"sys:one","kind":"token","key":"1"},"kind":"api_key","fingerprints":[{"keyId":"x","mac":"y"}]}`), completeLine), 1, false, "fingerprints are made", ""},
		{"no basis", prints(t, "", realmLine, botLine, strings.Replace(completeLine, `,"basis":"all of it"`, "", 1)), 1, false, "basis is missing", ""},
		{"child elsewhere", prints(t, "", realmLine, botLine, strings.Replace(completeLine, `"basis"`, `"children":["other"],"basis"`, 1)), 1, false, "does not lie inside", ""},
		{"no realm", prints(t, "", ""), 0, false, "", "declared no realm"},
		{"other protocol", prints(t, "", strings.Replace(realmLine, `:1,`, `:9,`, 1)), 0, false, "", "want 1"},
		{"exit at once", write(t, "#!/bin/sh\nexit 7\n"), 0, false, "", "exit status 7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := discover(t, c.program, nil)
			if strings.Contains(r.Dump(), planted()) {
				t.Errorf("the secret appears")
			}
			for _, v := range r.Violations {
				t.Errorf("%s: %s", v.Clause, v.Text)
			}
			_, complete := r.Completed[bots()]
			problem := ""
			if p := r.Problems[bots()]; len(p) > 0 {
				problem = p[0].Error()
			}
			if len(r.Emitted) != c.facts || complete != c.complete || (problem == "") != (c.problem == "") || !strings.Contains(problem, c.problem) {
				t.Errorf("%d facts, complete %t, problem %q; want %d, %t, %q", len(r.Emitted), complete, problem, c.facts, c.complete, c.problem)
			}
			if (r.Err == nil) != (c.err == "") || (r.Err != nil && !strings.Contains(r.Err.Error(), c.err)) {
				t.Errorf("error %v, want %q", r.Err, c.err)
			}
		})
	}
}

// TestEndlessLine prints more than a line may hold.
func TestEndlessLine(t *testing.T) {
	r := discover(t, write(t, "#!/bin/sh\necho '"+realmLine+"'\necho '"+botLine+"'\ntr '\\0' x </dev/zero\n"), nil)
	if p := r.Problems[bots()]; len(p) != 1 || !errors.Is(p[0], retinue.ErrInvalid) || !strings.Contains(p[0].Error(), "line 3") {
		t.Errorf("problems %v, want one about line 3", p)
	}
}

// TestLeftBehind has a program end and leave another one with its output open.
func TestLeftBehind(t *testing.T) {
	start := time.Now()
	r := discover(t, prints(t, "sleep 60 &", realmLine, botLine, completeLine), nil)
	if _, ok := r.Completed[bots()]; !ok || time.Since(start) > 20*time.Second {
		t.Errorf("complete %t after %s, want true before the child ends; problems %v", ok, time.Since(start), r.Problems)
	}
}

// TestCancel ends the context while the program and its child wait, and checks
// that neither is left.
func TestCancel(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "alive")
	path := prints(t, "(sleep 2; : >"+mark+") & sleep 60", realmLine, botLine, completeLine)
	c, err := Spec().Open(t.Context(), config(path, nil), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	r := connectortest.DiscoverWith(ctx, t, c, connector.Request{Now: connectortest.Epoch()})
	if !errors.Is(r.Err, context.DeadlineExceeded) || len(r.Completed) > 0 || time.Since(start) > 5*time.Second {
		t.Errorf("error %v, %d scopes complete, after %s", r.Err, len(r.Completed), time.Since(start))
	}
	time.Sleep(2500 * time.Millisecond) // longer than the child would have waited
	if _, err := os.Stat(mark); err == nil {
		t.Error("what the program started lived on")
	}
}

func TestTimeout(t *testing.T) {
	r := discover(t, prints(t, "sleep 60", realmLine, botLine), map[string]string{"timeout": "300ms"})
	if p := r.Problems[bots()]; len(p) != 1 || !errors.Is(p[0], retinue.ErrUnavailable) || !strings.Contains(p[0].Error(), "not done after 300ms") {
		t.Errorf("problems: %v, error %v", p, r.Err)
	}
}

// TestCheckOfPlainProgram checks a program that does not know the operation.
func TestCheckOfPlainProgram(t *testing.T) {
	c, err := Spec().Open(t.Context(), config(prints(t, "sleep 60", realmLine, botLine), nil), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Check(t.Context())
	if err != nil || a.Realm != "sys:one" {
		t.Errorf("access %+v, error %v", a, err)
	}
}

// TestEnvironment checks that only named variables are handed on.
func TestEnvironment(t *testing.T) {
	path := write(t, "#!/bin/sh\ncat <<END\n"+realmLine+"\n{\"op\":\"note\",\"kind\":\"warning\",\"text\":\"op $RETINUE_OP a ${A:-none} b ${B:-none}\"}\nEND\n")
	env := connectortest.Env(t)
	env.Getenv = func(n string) string { return map[string]string{"A": "one", "B": "two"}[n] }
	c, err := Spec().Open(t.Context(), config(path, map[string]string{"env": "A"}), env)
	if err != nil {
		t.Fatal(err)
	}
	r := connectortest.Discover(t, c)
	if len(r.Notes) != 1 || r.Notes[0].Text != "op discover a one b none" {
		t.Errorf("notes: %+v", r.Notes)
	}
}

func TestOpenErrors(t *testing.T) {
	needShell(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target  string
		options map[string]string
		want    error
	}{
		{filepath.Join(dir, "absent"), nil, retinue.ErrNotFound},
		{dir, nil, retinue.ErrInvalid},
		{plain, map[string]string{"timeout": "soon"}, retinue.ErrInvalid},
		{plain, map[string]string{"env": "A=b"}, retinue.ErrInvalid},
	} {
		if _, err := Spec().Open(t.Context(), config(c.target, c.options), connectortest.Env(t)); !errors.Is(err, c.want) {
			t.Errorf("open %s %v: %v, want %v", c.target, c.options, err, c.want)
		}
	}
	if r := discover(t, plain, nil); !errors.Is(r.Err, retinue.ErrDenied) {
		t.Errorf("run a file that is no program: %v, want ErrDenied", r.Err)
	}
}

func TestRedact(t *testing.T) {
	r := newRedactor()
	r.add(retinue.NewSecret("hunter-two"))
	for text, want := range map[string]string{
		"login with hunter-two failed":               "login with [redacted] failed",
		"password=hunter-two.":                       "password=[redacted]",
		"https://bot:" + "hunter-two@example.com/x":  "https://bot:[redacted]@example.com/x",
		"token " + planted() + " expired":            "token [redacted] expired",
		"could not open configuration-of-everything": "could not open configuration-of-everything",
		"a\x1b[2Jb": `a\u001b[2Jb`,
	} {
		if got := r.clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestPage checks that the page for people is in step with the Spec.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "exec.md"))
	if err != nil {
		t.Fatal(err)
	}
	spec := Spec()
	for _, o := range spec.Options {
		if !strings.Contains(string(page), "| `"+o.Name+"` | "+o.Help) {
			t.Errorf("the page lacks option %s", o.Name)
		}
	}
	for _, d := range spec.Privileges {
		if !strings.Contains(string(page), d.Body) {
			t.Errorf("the page lacks the document %q", d.Title)
		}
	}
	for _, text := range slices.Concat(spec.Sees, spec.BlindSpots, spec.CouldRead) {
		if !strings.Contains(string(page), text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(realmLine + "\n" + botLine + "\n" + completeLine))
	f.Add([]byte(`{"op":"realm","protocol":1,"realm":"a:b"}` + "\n" + `{"op":"note","kind":"fold","text":"x","count":1}`))
	f.Add([]byte(realmLine + "\n" + `{"op":"fact","scope":{"realm":"sys:one","path":"x"},"fact":{"type":"credential","ref":{"realm":"sys:one","kind":"k","key":"1"},"kind":"api_key"},"secret":"abcdefgh"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &replay{text: text, env: connectortest.Env(t)}
		r := connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch()})
		for _, v := range r.Violations {
			t.Errorf("%s: %s", v.Clause, v.Text)
		}
		for _, e := range r.Emitted {
			if err := errors.Join(e.Fact.Validate(), e.Fact.FactRef().Validate(), e.Scope.Validate()); err != nil {
				t.Errorf("scope %s: %v", e.Scope, err)
			}
		}
	})
}

// replay takes lines from memory in place of a program.
type replay struct {
	text []byte
	env  connector.Env
}

func (c *replay) Check(context.Context) (connector.Access, error) { return connector.Access{}, nil }
func (c *replay) Close() error                                    { return nil }
func (c *replay) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	r := newReception("replay", c.env, sink)
	return r.finish(readLines(strings.NewReader(string(c.text)), r.take))
}
