package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/cli"
	"github.com/retinue-id/retinue/internal/demo"
)

// machine is somebody's machine: a home folder, in which commands run.
type machine struct {
	t    *testing.T
	home string
	env  map[string]string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	home := t.TempDir()
	return &machine{t: t, home: home, env: map[string]string{"HOME": home, "XDG_DATA_HOME": filepath.Join(home, "data"), "XDG_CONFIG_HOME": filepath.Join(home, "config"), "USER": "ada"}}
}

// said is what a command said, and its exit code.
type said struct {
	code     int
	out, err string
}

func (m *machine) start(ctx context.Context, in io.Reader, errw io.Writer, args ...string) said {
	var out, err bytes.Buffer
	code := cli.Run(ctx, args, in, &out, io.MultiWriter(&err, errw), func(name string) string { return m.env[name] })
	return said{code, out.String(), err.String()}
}

// run runs a command.
func (m *machine) run(args ...string) said {
	return m.start(m.t.Context(), strings.NewReader(""), io.Discard, args...)
}

// must runs a command that must succeed.
func (m *machine) must(args ...string) string {
	m.t.Helper()
	s := m.run(args...)
	if s.code != cli.ExitDone {
		m.t.Fatalf("retinue %s: exit code %d\n%s%s", strings.Join(args, " "), s.code, s.out, s.err)
	}
	return s.out
}

// companySpecs are connectors that read the sample company as it was at the
// time that the clock tells.
func companySpecs(company *demo.Company, now func() time.Time) []connector.Spec {
	var out []connector.Spec
	kinds := map[string]int{}
	for _, s := range company.Sources() {
		if kinds[s.Kind]++; kinds[s.Kind] > 1 {
			continue // one of a kind is enough
		}
		out = append(out, connector.Spec{Kind: s.Name, TargetOptional: true,
			Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) {
				return s.Connector(now()), nil
			}})
	}
	return out
}

// configOf is the configuration that commands with --db of a file have.
func configOf(db, dir string) app.Config {
	return app.Config{Database: db, KeyFile: filepath.Join(dir, "fingerprint.key"), SigningKeyFile: filepath.Join(dir, "checkpoint.key")}
}

// makeEstate scans a part of the sample company at two days a month apart.
func makeEstate(t *testing.T, cfg app.Config) {
	t.Helper()
	company := demo.New(demo.Options{Now: time.Now()})
	days := company.Scans()
	at := days[len(days)-4]
	now := func() time.Time { return at }
	specs := companySpecs(company, now)
	a, err := app.Open(t.Context(), cfg, app.Options{Specs: specs, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var sources []app.SourceConfig
	for _, s := range specs {
		sources = append(sources, app.SourceConfig{Name: s.Kind, Kind: s.Kind})
	}
	for _, at = range []time.Time{days[len(days)-4], days[len(days)-1]} {
		if _, err := a.Scan(t.Context(), sources, app.ScanOptions{Actor: retinue.Actor{Kind: "system", Name: "test"}, AcceptEnded: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// site is a server that runs, with a browser in which its first administrator
// is signed in.
type site struct {
	t       *testing.T
	app     *app.App
	url     string
	browser *http.Client
	stop    func()
}

type obj = map[string]any

// freeListen is an address on this machine where nothing listens.
func freeListen(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// serveSite serves an installation as `retinue serve` does, and makes the first
// administrator by the link that it shows.
func serveSite(t *testing.T, cfg app.Config, opt app.Options) *site {
	t.Helper()
	links := make(chan string, 1)
	s := startSite(t, cfg, opt, links)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.browser = &http.Client{Jar: jar}
	link, err := url.Parse(<-links)
	if err != nil {
		t.Fatal(err)
	}
	s.post("/auth/setup", obj{"token": link.Fragment, "login": "ada@example.org", "name": "Ada", "password": "violet harbour ticket"})
	return s
}

// join is another server on the database of a site, to which the same browser
// speaks.
func (s *site) join(cfg app.Config, opt app.Options) *site {
	s.t.Helper()
	other := startSite(s.t, cfg, opt, nil)
	other.browser = s.browser
	return other
}

func startSite(t *testing.T, cfg app.Config, opt app.Options, links chan<- string) *site {
	t.Helper()
	a, err := app.Open(t.Context(), cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	urls := make(chan string, 1)
	o := app.ServeOptions{Listen: freeListen(t), Started: func(u string, _ net.Addr) { urls <- u }}
	if links != nil {
		o.Link = func(_, link string) { links <- link }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, o) }()
	s := &site{t: t, app: a}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, a.Close()); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(s.stop)
	select {
	case s.url = <-urls:
	case err := <-ended:
		ended <- err
		t.Fatalf("the server did not start: %v", err)
	}
	return s
}

// post sends JSON as the administrator's browser does, and returns the answer.
func (s *site) post(path string, body any) obj {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := s.browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		s.t.Fatalf("POST %s: %s, %v\n%s", path, resp.Status, err, text)
	}
	out := obj{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

// token makes a token of the administrator with permissions; with none, with
// all that are of use to the command line.
func (s *site) token(permissions ...string) string {
	s.t.Helper()
	if len(permissions) == 0 {
		permissions = []string{"inventory.read", "inventory.edit", "findings.triage", "sources.read", "sources.manage", "scans.run", "rules.read", "audit.read", "evidence.export", "settings.manage"}
	}
	a := s.post("/tokens", obj{"name": "test " + fmt.Sprint(len(permissions)), "permissions": permissions, "scope": obj{"all": true}, "expiresAt": time.Now().Add(time.Hour)})
	word, _ := a["secret"].(string)
	return word
}

// copyFiles copies the files of a folder into a new one.
func copyFiles(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	list, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.IsDir() || strings.HasSuffix(f.Name(), ".lock") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// firstDifference shows where two texts part.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		l, r := "(nothing)", "(nothing)"
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			return fmt.Sprintf("line %d of %d and %d\n  here:   %.400s\n  server: %.400s", i+1, len(x), len(y), l, r)
		}
	}
	return "none"
}

func lines(s string) int {
	return len(slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return l == "" }))
}
