package accounts_test

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/app/accounts"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// world is an installation behind its interface, with a clock that tests move.
type world struct {
	t      *testing.T
	app    *app.App
	people *accounts.Service
	h      http.Handler
	log    *lockedBuffer
	mu     sync.Mutex
	now    time.Time
	public string
	// secrets are all that a person or program could present again: none may
	// stand in a record, the log, or an answer that is not its first.
	secrets []string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open makes a world that is reached at an address.
func open(t *testing.T, public string, edit ...func(*accounts.Options)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC(), log: &lockedBuffer{}, public: public}
	dir := t.TempDir()
	cfg := app.Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	var err error
	w.app, err = app.Open(t.Context(), cfg, app.Options{Now: w.clock, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	front := auth.Front{Public: u}
	i, err := w.app.Interface(front, front.Loopback(),
		append(edit, func(o *accounts.Options) { o.Cost = auth.Cost{Time: 1, Memory: 64, Threads: 1} })...)
	if err != nil {
		t.Fatal(err)
	}
	w.h, w.people = i.API, i.People
	t.Cleanup(func() {
		w.noSecrets()
		if err := w.app.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// records returns the audit log as JSON lines.
func (w *world) records() []string {
	w.t.Helper()
	var out []string
	err := w.app.View(w.t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for r, err := range tx.Records(1) {
			if err != nil {
				return err
			}
			b, err := json.Marshal(r)
			if err != nil {
				return err
			}
			out = append(out, string(b))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) recorded(action retinue.RecordAction) int {
	n := 0
	for _, r := range w.records() {
		if strings.Contains(r, `"action":"`+string(action)+`"`) {
			n++
		}
	}
	return n
}

// noSecrets looks for everything secret in the log and the audit log.
func (w *world) noSecrets() {
	w.t.Helper()
	if err := w.people.Close(w.t.Context()); err != nil && w.t.Context().Err() == nil {
		w.t.Error(err)
	}
	all := w.log.String()
	if w.t.Context().Err() == nil {
		all += strings.Join(w.records(), "\n")
	}
	for _, s := range w.secrets {
		if s != "" && strings.Contains(all, s) {
			w.t.Errorf("a secret stands in the log or the audit log: %.6s…", s)
		}
	}
}

// browser is a browser at an address: it keeps cookies and names its site.
type browser struct {
	w       *world
	addr    string
	cookies map[string]string
	// site is what it says in Sec-Fetch-Site, bearer a token instead of cookies.
	site, bearer string
	// once is the idempotency key that it sends.
	once string
	all  []string // every cookie value that it ever had
}

func (w *world) browser(addr string) *browser {
	return &browser{w: w, addr: addr, cookies: map[string]string{}, site: "same-origin"}
}

type answer struct {
	*httptest.ResponseRecorder
	body map[string]any
}

// do makes a request below /api/v1.
func (b *browser) do(method, path string, body any) answer {
	b.w.t.Helper()
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	r := httptest.NewRequest(method, api.Base+path, bytes.NewReader(text))
	if strings.HasPrefix(path, "/scim/") {
		r = httptest.NewRequest(method, path, bytes.NewReader(text))
	}
	r = r.WithContext(api.WithOrigin(b.w.t.Context(), api.Origin{Addr: netip.MustParseAddr(b.addr)}))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for n, v := range b.cookies {
		r.AddCookie(&http.Cookie{Name: n, Value: v})
	}
	if b.site != "" {
		r.Header.Set("Sec-Fetch-Site", b.site)
	}
	if b.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+b.bearer)
	}
	if b.once != "" {
		r.Header.Set("Idempotency-Key", b.once)
	}
	rec := httptest.NewRecorder()
	b.w.h.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
		b.all = append(b.all, c.Value)
		b.w.secrets = append(b.w.secrets, c.Value)
		if strings.Contains(rec.Body.String(), c.Value) {
			b.w.t.Errorf("%s %s: the answer contains a cookie's value", method, path)
		}
	}
	a := answer{ResponseRecorder: rec}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.body)
	return a
}

// want makes a request that must be answered by a status.
func (b *browser) want(status int, method, path string, body any) answer {
	b.w.t.Helper()
	a := b.do(method, path, body)
	if a.Code != status {
		b.w.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.Code, status, a.Body)
	}
	return a
}

type obj = map[string]any

const password = "violet harbour ticket"

// setUp makes the first administrator and returns their browser.
func (w *world) setUp() *browser {
	w.t.Helper()
	link, err := w.people.SetUpLink(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.secrets = append(w.secrets, password)
	b := w.browser("127.0.0.1")
	a := b.want(200, "POST", "/auth/setup", obj{"token": w.token(link), "login": "Ada@example.org", "name": "Ada", "password": password})
	if want := map[bool]string{true: "done", false: "enrol"}[strings.Contains(w.public, "localhost")]; a.body["next"] != want {
		w.t.Fatalf("set-up: next is %v", a.body["next"])
	}
	return b
}

// token takes the secret out of a link: it stands behind the #.
func (w *world) token(link string) string {
	w.t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Fragment == "" || u.RawQuery != "" || !strings.HasPrefix(link, w.public+"/") {
		w.t.Fatalf("a link without a secret in its fragment: %v", err)
	}
	w.secrets = append(w.secrets, u.Fragment)
	return u.Fragment
}

// enrol sets one-time codes up and returns their secret and recovery codes.
func (b *browser) enrol() (secret []byte, codes []string) {
	b.w.t.Helper()
	a := b.want(200, "POST", "/auth/totp/begin", nil)
	text, _ := a.body["secret"].(string)
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.w.secrets = append(b.w.secrets, text)
	a = b.want(200, "POST", "/auth/totp/finish", obj{"code": auth.TOTPCode(secret, b.w.clock())})
	list, _ := a.body["codes"].([]any)
	for _, c := range list {
		codes = append(codes, c.(string))
		b.w.secrets = append(b.w.secrets, c.(string))
	}
	return secret, codes
}

func TestSetUpOnceAndEnrol(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	if a := w.browser("192.0.2.1").want(200, "GET", "/auth/methods", nil); a.body["setUp"] != true {
		t.Errorf("methods: %v", a.body)
	}
	first, err := w.people.SetUpLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := w.setUp()
	if _, ok := b.cookies["__Host-retinue"]; !ok {
		t.Errorf("cookies %v", b.cookies)
	}
	// The first link ended when the second was made, and both with the set-up.
	w.browser("192.0.2.9").want(409, "POST", "/auth/setup", obj{"token": w.token(first), "login": "eve", "name": "Eve", "password": "another good phrase"})
	if _, err := w.people.SetUpLink(t.Context()); err == nil {
		t.Error("a second set-up")
	}
	// Until there is a second factor, nothing else can be done.
	for _, path := range []string{"/me", "/accounts", "/tokens", "/sessions", "/identities"} {
		if a := b.want(403, "GET", path, nil); !strings.Contains(a.Body.String(), api.ProblemEnrol) {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	b.want(403, "POST", "/tokens", obj{"name": "x", "permissions": []string{"inventory.read"}, "scope": obj{"all": true}, "expiresAt": w.now.Add(time.Hour)})
	before := b.cookies["__Host-retinue"]
	_, codes := b.enrol()
	if len(codes) != auth.RecoveryCodes || b.cookies["__Host-retinue"] == before {
		t.Errorf("%d recovery codes; the session has its old value: %v", len(codes), b.cookies["__Host-retinue"] == before)
	}
	if a := b.want(200, "GET", "/me", nil); a.body["name"] != "Ada" {
		t.Errorf("me: %s", a.Body)
	}
	b.want(200, "GET", "/accounts", nil)
	if w.recorded(retinue.RecordSetUp) != 1 || w.recorded(retinue.RecordFactorAdded) != 2 {
		t.Errorf("records: %v", w.records())
	}
	if all := strings.Join(w.records(), ""); strings.Contains(strings.ToLower(all), "ada@example.org") {
		t.Error("a login stands in a record in clear")
	}
}

func TestSetUpLinkEnds(t *testing.T) {
	w := open(t, "http://localhost:8420")
	link, err := w.people.SetUpLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.pass(10*time.Minute + time.Second)
	w.browser("127.0.0.1").want(401, "POST", "/auth/setup", obj{"token": w.token(link), "login": "eve", "name": "Eve", "password": "another good phrase"})
}

func TestPasswordAndCode(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	secret, codes := w.setUp().enrol()
	w.pass(time.Minute)
	b := w.browser("192.0.2.1")
	planted := auth.NewSecret()
	b.cookies["__Host-retinue"] = planted // a value that somebody else put there
	if a := b.want(200, "POST", "/auth/sign-in/password", obj{"login": "ADA@example.org", "password": password}); a.body["next"] != "code" {
		t.Fatalf("next %v", a.body)
	}
	b.want(401, "GET", "/me", nil)
	b.want(401, "POST", "/auth/sign-in/code", obj{"code": "000000"})
	code := auth.TOTPCode(secret, w.clock())
	b.want(200, "POST", "/auth/sign-in/code", obj{"code": code})
	if b.cookies["__Host-retinue"] == planted {
		t.Error("the session has the value that was planted")
	}
	b.want(200, "GET", "/me", nil)

	// The same code again, in another browser.
	c := w.browser("192.0.2.2")
	c.want(200, "POST", "/auth/sign-in/password", obj{"login": "ada@example.org", "password": password})
	c.want(401, "POST", "/auth/sign-in/code", obj{"code": code})
	c.want(200, "POST", "/auth/sign-in/code", obj{"code": codes[0]})
	d := w.browser("192.0.2.3")
	d.want(200, "POST", "/auth/sign-in/password", obj{"login": "ada@example.org", "password": password})
	d.want(401, "POST", "/auth/sign-in/code", obj{"code": codes[0]})
	for range 4 {
		d.want(401, "POST", "/auth/sign-in/code", obj{"code": "123123"})
	}
	// The sixth code of one sign-in ends it, right or not.
	d.want(401, "POST", "/auth/sign-in/code", obj{"code": codes[1]})
	d.want(401, "POST", "/auth/sign-in/code", obj{"code": codes[1]})

	// Signing out ends the session for whoever has its value.
	copied := w.browser("192.0.2.1")
	copied.cookies["__Host-retinue"] = b.cookies["__Host-retinue"]
	copied.want(200, "GET", "/me", nil)
	b.want(204, "POST", "/auth/sign-out", nil)
	copied.want(401, "GET", "/me", nil)
	if w.recorded(retinue.RecordSignedIn) != 3 || w.recorded(retinue.RecordSignedOut) != 1 {
		t.Errorf("signed in %d, out %d", w.recorded(retinue.RecordSignedIn), w.recorded(retinue.RecordSignedOut))
	}
}

// TestAnswersTellNothingOfAccounts: whether a login exists cannot be told from
// status, answer or how often it may be tried.
func TestAnswersTellNothingOfAccounts(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	w.setUp().enrol()
	try := func(addr, login string) []string {
		b := w.browser(addr)
		var got []string
		for range 8 {
			a := b.do("POST", "/auth/sign-in/password", obj{"login": login, "password": "wrong but long enough"})
			got = append(got, a.Result().Status+a.body["detail"].(string)+a.Header().Get("Set-Cookie"))
			w.pass(300 * time.Millisecond)
		}
		return got
	}
	there, not := try("192.0.2.1", "ada@example.org"), try("192.0.2.2", "nobody@example.org")
	for i := range there {
		if there[i] != not[i] {
			t.Errorf("attempt %d: %q for a login that exists, %q for one that does not", i, there[i], not[i])
		}
	}
	if !strings.HasPrefix(there[0], "401") || !strings.HasPrefix(there[7], "429") {
		t.Errorf("answers are %q", there)
	}
}

// TestNobodyIsLockedOut: failures from elsewhere, as many as may be, keep
// neither a known browser nor a new origin out.
func TestNobodyIsLockedOut(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	known := w.setUp()
	known.enrol()
	known.want(204, "POST", "/auth/sign-out", nil)
	w.pass(time.Minute)
	right, wrong := obj{"login": "ada@example.org", "password": password}, obj{"login": "ada@example.org", "password": "wrong but long enough"}
	for i := range auth.AttackAfter + 5 {
		w.browser(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}).String()).want(401, "POST", "/auth/sign-in/password", wrong)
	}
	w.browser("192.0.2.77").want(200, "POST", "/auth/sign-in/password", right)
	// From one origin the delay grows, for a right password too.
	noisy := w.browser("203.0.113.5")
	noisy.want(401, "POST", "/auth/sign-in/password", wrong)
	if a := noisy.want(429, "POST", "/auth/sign-in/password", right); !strings.Contains(a.Body.String(), api.ProblemRateLimit) {
		t.Errorf("answer %s", a.Body)
	}
	// The browser that is known is let in from that very origin.
	known.addr = "203.0.113.5"
	known.want(200, "POST", "/auth/sign-in/password", right)
	// Somebody else's device cookie helps nobody: it belongs to its account.
	w.pass(2 * time.Minute)
	if err := w.people.Sweep(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if n := w.recorded(retinue.RecordSignInDenied); n != auth.AttackAfter+5+1 {
		t.Errorf("%d records of refusals, one a minute and origin wanted", n)
	}
	for _, r := range w.records() {
		if strings.Contains(r, "198.51.100") || strings.Contains(r, "203.0.113.5") {
			t.Errorf("an address stands in a record in clear: %s", r)
		}
	}
}

func TestManyAttemptsAtOnceGainNothing(t *testing.T) {
	w := open(t, "https://retinue.example.org")
	w.setUp().enrol()
	w.pass(time.Minute)
	var mu sync.Mutex
	codes := map[int]int{}
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			r := httptest.NewRequest("POST", api.Base+"/auth/sign-in/password", strings.NewReader(`{"login":"ada@example.org","password":"wrong but long enough"}`))
			r = r.WithContext(api.WithOrigin(r.Context(), api.Origin{Addr: netip.MustParseAddr("192.0.2.4")}))
			r.Header.Set("Content-Type", "application/json")
			rec := httptest.NewRecorder()
			w.h.ServeHTTP(rec, r)
			mu.Lock()
			defer mu.Unlock()
			codes[rec.Code]++
		})
	}
	wg.Wait()
	if codes[401] > 5 || codes[401]+codes[429] != 30 {
		t.Errorf("answers: %v", codes)
	}
}

func TestSessionRotation(t *testing.T) {
	w := open(t, "http://localhost:8420")
	b := w.setUp()
	first := b.cookies["retinue"]
	w.pass(auth.DefaultRotate)
	b.want(200, "GET", "/me", nil)
	second := b.cookies["retinue"]
	if second == first {
		t.Fatal("the session was not rotated")
	}
	old := w.browser("127.0.0.1")
	old.cookies["retinue"] = first
	old.want(200, "GET", "/me", nil) // a request that was on its way
	if old.cookies["retinue"] != first {
		t.Error("a parallel request rotated again")
	}
	b.want(200, "GET", "/me", nil) // the new value arrives
	w.pass(30 * time.Second)
	old.want(200, "GET", "/me", nil)
	w.pass(2 * time.Minute)
	// Long after, the old value is a copy: the session ends for both.
	old.want(401, "GET", "/me", nil)
	b.want(401, "GET", "/me", nil)
	if w.recorded(retinue.RecordSessionReplayed) != 1 {
		t.Error("the copy is not on record")
	}
}

func TestSessionsEnd(t *testing.T) {
	w := open(t, "http://localhost:8420")
	w.setUp()
	signIn := func() *browser {
		b := w.browser("127.0.0.1")
		b.want(200, "POST", "/auth/sign-in/password", obj{"login": "ada@example.org", "password": password})
		return b
	}
	a, b, c := signIn(), signIn(), signIn()
	list, _ := a.want(200, "GET", "/sessions", nil).body["items"].([]any)
	if len(list) != 4 {
		t.Fatalf("%d sessions", len(list))
	}
	for _, s := range list {
		if m := s.(map[string]any); m["current"] == true {
			b.want(204, "DELETE", "/sessions/"+m["id"].(string), nil)
		}
	}
	a.want(401, "GET", "/me", nil)
	c.want(200, "DELETE", "/sessions", nil)
	b.want(401, "GET", "/me", nil)
	w.pass(auth.DefaultIdle)
	c.want(401, "GET", "/me", nil)
	d := signIn()
	for range 15 {
		w.pass(auth.DefaultIdle - time.Hour)
		d.do("GET", "/me", nil)
	}
	w.pass(auth.DefaultIdle - time.Hour)
	d.want(401, "GET", "/me", nil) // a week is the most, however busy
}

func TestOtherSites(t *testing.T) {
	w := open(t, "http://localhost:8420")
	b := w.setUp()
	b.site = "cross-site"
	b.want(403, "POST", "/auth/sign-out", nil)
	b.site = "same-site" // another port of this machine
	b.want(403, "DELETE", "/sessions", nil)
	b.site = ""
	b.want(403, "DELETE", "/sessions", nil) // a browser that says nothing
	b.site = "same-origin"
	b.want(200, "DELETE", "/sessions", nil)
	// Signing somebody in from another site is refused too.
	evil := w.browser("127.0.0.1")
	evil.site = "cross-site"
	evil.want(403, "POST", "/auth/sign-in/password", obj{"login": "ada@example.org", "password": password})
}

func TestOneTimeLink(t *testing.T) {
	w := open(t, "http://localhost:8420")
	link, err := w.people.OneTimeLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token := w.token(link)
	far := w.browser("192.0.2.1")
	far.want(401, "POST", "/auth/sign-in/link", obj{"token": token})
	b := w.browser("127.0.0.1")
	b.want(200, "POST", "/auth/sign-in/link", obj{"token": token})
	b.want(200, "GET", "/accounts", nil)
	w.browser("127.0.0.1").want(401, "POST", "/auth/sign-in/link", obj{"token": token})
	again, err := w.people.OneTimeLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.pass(11 * time.Minute)
	w.browser("127.0.0.1").want(401, "POST", "/auth/sign-in/link", obj{"token": w.token(again)})
	if n, _, err := w.people.Accounts(t.Context(), store.AccountQuery{}); err != nil || len(n) != 1 {
		t.Errorf("%d accounts: %v", len(n), err)
	}
	public := open(t, "https://retinue.example.org")
	if _, err := public.people.OneTimeLink(t.Context()); err == nil {
		t.Error("a one-time link on a server that others reach")
	}
}
