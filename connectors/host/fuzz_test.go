package host

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// fuzzArea is an area that keeps what it is given, to prove that whatever a
// parser makes of foreign input is a valid fact.
func fuzzArea(tb testing.TB) *area {
	r, err := newRecognizer(connectortest.Env(tb))
	if err != nil {
		tb.Fatal(err)
	}
	m := &machine{realm: "host:fuzz", ref: retinue.NewRef("host:fuzz", "host", "fuzz"), env: connectortest.Env(tb), secrets: r, tree: tree{root: tb.TempDir()}}
	return &area{m: m, scope: retinue.NewScope("host:fuzz", "x"), facts: map[factID]retinue.Fact{}, folds: map[string]int{}}
}

func (a *area) mustBeValid(t *testing.T) {
	t.Helper()
	for _, f := range a.facts {
		if err := f.Validate(); err != nil {
			t.Errorf("%T: %v", f, err)
		}
	}
	clear(a.facts)
}

func FuzzTools(f *testing.F) {
	a := fuzzArea(f)
	for i, seed := range []string{
		"[dev]\naws_access_key_id = AKIAAAAAAAAAAAAAAAAA\naws_secret_access_key=x\n", `{"auths":{"r":{"auth":"YTpi"}}}`,
		"contexts:\n- name: a\nusers:\n- name: u\n  user: {token: x}\n", "machine h login u password p\nmacdef x\n y\n\n", "h:1:d:u:p\\:q\n",
		"//r/:_authToken=x\n", "https://u:p@h/x\n", "export A_TOKEN='x y'\n", "credentials \"h\" {\n token = \"x\"\n}\n", "[registry]\ntoken = \"x\"\n",
		`{"type":"service_account","private_key":"-----BEGIN"}`, "a: &a [x,x]\nb: [*a,*a]\n",
	} {
		f.Add(i, []byte(seed))
	}
	files := toolFiles()
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		tool := files[(i%len(files)+len(files))%len(files)]
		r := tool.read(data)
		a.state(holder{path: "/home/u/" + tool.path, kind: retinue.PlaceFile, tool: tool.tool, consumer: a.m.account("u")}, r.found)
		a.mustBeValid(t)
		for kind, names := range r.opens {
			for _, n := range names {
				if n == "" || !utf8.ValidString(n) || strings.ContainsAny(n, "\n\x1b") {
					t.Errorf("%s offers %q", kind, n)
				}
			}
		}
	})
}

func FuzzAgentConfig(f *testing.F) {
	a := fuzzArea(f)
	f.Add(0, []byte(`{"mcpServers":{"a":{"command":"npx","args":["-y","p"],"env":{"T_TOKEN":"x"}}}}`))
	f.Add(5, []byte("{/* c */ \"mcpServers\": {\"u\": {\"url\": \"https://u:p@h/?token=x\", \"headers\": {\"Authorization\": \"Bearer x\"},}},}"))
	f.Add(0, []byte(`{"mcpServers":{"":{}}}`))
	f.Add(8, []byte("[mcp_servers.a]\ncommand=\"x\"\n"))
	files := append(agentFiles(), projectAgentFiles()...)
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		af := files[(i%len(files)+len(files))%len(files)]
		v, ok := af.read(data)
		if !ok {
			return
		}
		c := &agentConfig{m: a.m, a: a, acc: account{name: "u"}, client: a.m.agentRef(account{name: "u"}, af.agent), file: file{path: "/home/u/" + af.path}}
		c.holder = holder{path: c.file.path, kind: retinue.PlaceMCPConfig}
		c.servers("", entries(v, af.servers...))
		c.claude(v)
		a.mustBeValid(t)
	})
}

func FuzzStripComments(f *testing.F) {
	f.Add([]byte("{\"a\": 1, // x\n \"b\": [1,2,], /* y */ \"c\": \"//\\\"\"}"))
	f.Add([]byte("/*"))
	f.Add([]byte("\"\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out := stripComments(data)
		if len(out) != len(data) {
			t.Fatalf("length %d became %d", len(data), len(out))
		}
		if _, plain := decodeJSON(data); plain {
			if _, ok := decodeJSON(out); !ok {
				t.Errorf("JSON without comments was broken: %q became %q", data, out)
			}
		}
	})
}

func FuzzSudoers(f *testing.F) {
	f.Add([]byte("User_Alias A = a, B\nUser_Alias B = A\nA, %g ALL = (r : g) NOPASSWD: /bin/x a\\,b, !/bin/y : H = ALL\n@include x\n"))
	f.Add([]byte("a b=(\n\\\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := parseSudoers(data)
		for _, r := range s.rules {
			if len(expandAlias(r.users, s.aliases)) > maxSudoRules || len(r.commands) == 0 {
				t.Errorf("rule %+v", r)
			}
			_ = r.condition(s.aliases)
		}
	})
}

func FuzzCrontab(f *testing.F) {
	f.Add([]byte("A=b\n* * * * * root x\n@daily root y z\n"), true)
	f.Add([]byte("*/5 1-2 * * mon x\n"), false)
	f.Add([]byte("0 0 0 0 0 \""), false)
	f.Fuzz(func(t *testing.T, data []byte, system bool) {
		jobs, _, _ := parseCrontab(data, system)
		for _, j := range jobs {
			if j.command == "" || j.schedule == "" || (system && j.user == "") || cronProgram(j.command) == "" {
				t.Errorf("job %+v", j)
			}
		}
		_ = parseAnacrontab(data)
	})
}

func FuzzUnit(f *testing.F) {
	f.Add([]byte("[Service]\nUser=a\nExecStart=-/bin/x \"a b\" \\\n c\nEnvironment=A=1 'B=2 3'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		u := unit{name: "x.service"}
		u.add(file{path: "/x", data: data})
		for _, s := range u.settings {
			if s.line < 1 || !strings.Contains(s.key, ".") {
				t.Errorf("setting %+v", s)
			}
			_ = splitWords(s.value)
		}
		_ = program(u.get("Service.ExecStart"))
	})
}

func FuzzAccounts(f *testing.F) {
	f.Add([]byte("a:x:1:1:g:/h:/bin/sh\na:$6$x$y:1:0:9:7:::\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &machine{limits: loginLimits{min: 1000, max: 60000}}
		for _, a := range parsePasswd(data) {
			if class, why := m.classify(a); class == "" || why == "" {
				t.Errorf("%+v has no class", a)
			}
		}
		for _, s := range parseShadow(data) {
			if y := s.changed.Year(); y > 9999 {
				t.Errorf("year %d", y)
			}
			if y := s.expires.Year(); y > 9999 {
				t.Errorf("year %d", y)
			}
		}
		_ = parseGroup(data)
		c := sshdConfig{settings: map[string]string{}}
		c.parse(data, func(string) {})
	})
}

func FuzzPlist(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><plist version="1.0"><dict><key>Label</key><string>a</string><key>ProgramArguments</key><array><string>/b</string></array><key>Disabled</key><true/></dict></plist>`))
	f.Add([]byte("<plist><array><dict><key>x</key>"))
	a := fuzzArea(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, ok := parsePlist(data)
		if !ok {
			return
		}
		info, err := os.Stat(a.m.tree.root)
		if err != nil {
			t.Fatal(err)
		}
		a.m.launchdFacts(a, file{path: "/Library/LaunchDaemons/x.plist", info: info}, "root", v)
		a.mustBeValid(t)
	})
}
