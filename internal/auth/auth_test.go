package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// TestRolesDocument holds the table of docs/sign-in.md to the code's.
func TestRolesDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/sign-in.md")
	if err != nil {
		t.Fatal(err)
	}
	roles := auth.Roles()
	var want strings.Builder
	want.WriteString("| permission |")
	for _, r := range roles {
		want.WriteString(" " + string(r.Role) + " |")
	}
	want.WriteString("\n|---|" + strings.Repeat("---|", len(roles)) + "\n")
	for _, p := range auth.Permissions() {
		name := "`" + string(p) + "`"
		if p.InstallationWide() {
			name += " *"
		}
		want.WriteString("| " + name + " |")
		for _, r := range roles {
			mark := "   |"
			if r.Role.Has(p) {
				mark = " ✓ |"
			}
			want.WriteString(mark)
		}
		want.WriteString("\n")
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/sign-in.md lacks this table:\n%s", want.String())
	}
}

func TestCallerScopes(t *testing.T) {
	pay, hr := store.RowScope{Tags: []string{"team=pay"}}, store.RowScope{Tags: []string{"team=hr"}}
	c := auth.Caller{Kind: auth.KindSession, Bindings: []auth.Binding{{Role: auth.RoleIdentityOwner, Scope: pay}, {Role: auth.RoleAdmin, Scope: hr}}}
	if got := c.Scope(auth.PermInventoryRead).Tags; !slices.Equal(got, []string{"team=hr", "team=pay"}) {
		t.Errorf("reads %v", got)
	}
	if c.Can(auth.PermAccountsManage) || c.Can(auth.PermAuditRead) {
		t.Error("the administrator of a part administers the installation")
	}
	if err := c.MayGrant(auth.RoleViewer, store.Everything()); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("grants more than it has: %v", err)
	}
	if err := c.MayGrant(auth.RoleViewer, pay); err != nil {
		t.Errorf("cannot grant what it has: %v", err)
	}
	if err := c.MayGrant(auth.RoleOperator, pay); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("grants a role it has not: %v", err)
	}
	if (auth.Caller{}).Can(auth.PermInventoryRead) || (auth.Caller{}).SignedIn() {
		t.Error("nobody may something")
	}
	c.Limit = &auth.Limit{Permissions: []auth.Permission{auth.PermInventoryRead}, Scope: hr}
	if c.Can(auth.PermFindingsTriage) || !slices.Equal(c.Scope(auth.PermInventoryRead).Tags, []string{"team=hr"}) {
		t.Errorf("a token goes beyond its limit: %+v", c.Scope(auth.PermInventoryRead))
	}
	if p := (auth.Caller{Kind: auth.KindSession, Pending: auth.PendingEnrol}); p.SignedIn() {
		t.Error("a session without a second factor counts as signed in")
	}
}

func TestIntersectSeesNoMore(t *testing.T) {
	a := store.RowScope{Sources: []string{"x", "y"}, Tags: []string{"t"}}
	b := store.RowScope{Sources: []string{"y", "z"}, Units: []string{"u"}}
	got := auth.Intersect(a, b)
	if !auth.Contains(a, got) || !auth.Contains(b, got) || !slices.Equal(got.Sources, []string{"y"}) || len(got.Tags)+len(got.Units) != 0 {
		t.Errorf("intersection is %+v", got)
	}
	if got := auth.Intersect(store.Everything(), b); !slices.Equal(got.Units, b.Units) {
		t.Errorf("with everything: %+v", got)
	}
	if auth.Contains(a, store.Everything()) || !auth.Contains(store.Everything(), a) {
		t.Error("everything is contained in a part")
	}
}

func TestFreshness(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for at, want := range map[time.Time]bool{{}: false, now: true, now.Add(-auth.FreshFor): true, now.Add(-auth.FreshFor - time.Second): false, now.Add(time.Minute): false} {
		if got := (auth.Caller{Kind: auth.KindSession, Fresh: at}).IsFresh(now); got != want {
			t.Errorf("proven at %s: %v", at, got)
		}
	}
}

func TestPasswords(t *testing.T) {
	p := auth.NewPasswords(auth.Cost{Time: 1, Memory: 64, Threads: 1})
	h, err := p.Hash(t.Context(), "correct staple of four")
	if err != nil {
		t.Fatal(err)
	}
	check := func(hash, password string, want bool) {
		t.Helper()
		if ok, _, err := p.Verify(t.Context(), hash, password); ok != want || err != nil {
			t.Errorf("%q: %v %v", password, ok, err)
		}
	}
	check(h, "correct staple of four", true)
	check(h, "correct staple of fouR", false)
	check("", "", false)
	check("", "anything at all", false)
	check(h, strings.Repeat("x", 5000), false)
	composed, _ := p.Hash(t.Context(), "Zu\u0308rich ist weit weg")
	check(composed, "Z\u00fcrich ist weit weg", true)
	dearer := auth.NewPasswords(auth.Cost{Time: 2, Memory: 64, Threads: 1})
	if ok, stale, _ := dearer.Verify(t.Context(), h, "correct staple of four"); !ok || !stale {
		t.Errorf("a hash of another cost: %v %v", ok, stale)
	}
	for _, bad := range []string{"x", "$argon2id$v=19$m=64,t=1,p=1$AA$AA", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"} {
		if ok, _, err := p.Verify(t.Context(), bad, "x"); ok || !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("hash %q: %v %v", bad, ok, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = p.Hash(ctx, "it must not hang whatever it answers")
}

func TestCheckPassword(t *testing.T) {
	for _, bad := range []string{"", "short", "elevenchars", strings.Repeat("long", 70), "password1234", "Passwort2026!", "PASSWORDPASSWORD", "123456789012", "abcabcabcabc",
		"aaaaaaaaaaaa", "qwertyuiop12", "correct horse battery staple", "abcdefghijkl", "ann@example.org1", "nul\x00in the middle", "not utf8 \xff\xff\xff\xff"} {
		if err := auth.CheckPassword(bad, "ann@example.org"); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q was accepted: %v", bad, err)
		}
	}
	for _, good := range []string{"violet harbour ticket", "zwölf Äpfel im Korb", "x9 gr8 pkt 17 lm", "tr0mbone!lattice", "ann@example.org likes tea in March"} {
		if err := auth.CheckPassword(good, "ann@example.org"); err != nil {
			t.Errorf("%q was refused: %v", good, err)
		}
	}
}

func TestTokens(t *testing.T) {
	a, b := auth.NewToken(), auth.NewToken()
	if a == b || !strings.HasPrefix(a, "rtn_") || len(a) != 53 {
		t.Errorf("tokens %d long", len(a))
	}
	if _, err := auth.ParseToken(a); err != nil {
		t.Error(err)
	}
	flip := []byte(a)
	flip[10] ^= 1
	for _, bad := range []string{"", "rtn_", a[:52], a + "0", "ghp_" + a[4:], string(flip), strings.ToUpper(a)} {
		if _, err := auth.ParseToken(bad); !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("a bad token was taken: %v", err)
		}
	}
	if hint := auth.TokenHint(a); len(hint) != 4 || !strings.HasSuffix(a, hint) {
		t.Errorf("hint %q", hint)
	}
	codes := auth.NewRecoveryCodes()
	if len(codes) != auth.RecoveryCodes {
		t.Fatal(codes)
	}
	h1, ok1 := auth.HashRecoveryCode(codes[0])
	h2, ok2 := auth.HashRecoveryCode(" " + strings.ToUpper(strings.ReplaceAll(codes[0], "-", " ")))
	if !ok1 || !ok2 || string(h1) != string(h2) {
		t.Error("a recovery code depends on how it is typed")
	}
	code := auth.NewUserCode()
	if got, ok := auth.ParseUserCode(strings.ToLower(strings.ReplaceAll(code, "-", ""))); !ok || got != code {
		t.Errorf("user code %q: %q", code, got)
	}
}

func TestSessionSteps(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	base := store.Session{SeenAt: now, RotatedAt: now, ConfirmedAt: now, ExpiresAt: now.Add(time.Hour)}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		edit func(*store.Session)
		want auth.SessionStep
	}{
		"fresh":                   {func(*store.Session) {}, auth.SessionUse},
		"seen a while ago":        {func(s *store.Session) { s.SeenAt = ago(2 * time.Minute) }, auth.SessionSee},
		"idle":                    {func(s *store.Session) { s.SeenAt = ago(auth.DefaultIdle) }, auth.SessionEnded},
		"past its end":            {func(s *store.Session) { s.ExpiresAt = now }, auth.SessionEnded},
		"due":                     {func(s *store.Session) { s.RotatedAt = ago(auth.DefaultRotate) }, auth.SessionRotate},
		"new value arrives":       {func(s *store.Session) { s.ConfirmedAt = time.Time{} }, auth.SessionConfirm},
		"old value in parallel":   {func(s *store.Session) { s.Replaced, s.ConfirmedAt = true, time.Time{} }, auth.SessionUse},
		"old value shortly after": {func(s *store.Session) { s.Replaced, s.ConfirmedAt = true, ago(30*time.Second) }, auth.SessionUse},
		"old value long after":    {func(s *store.Session) { s.Replaced, s.ConfirmedAt = true, ago(2*time.Minute) }, auth.SessionReplayed},
		"new value was lost":      {func(s *store.Session) { s.Replaced, s.ConfirmedAt, s.RotatedAt = true, time.Time{}, ago(time.Minute) }, auth.SessionRotate},
	} {
		s := base
		c.edit(&s)
		if got := (auth.SessionLimits{}).WithDefaults().Step(s, now); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestPaces(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := auth.PacePair(false)
	for failures, want := range map[int]time.Duration{0: 0, 4: 0, 5: time.Second, 6: 2 * time.Second, 9: 16 * time.Second, 40: 15 * time.Minute, 1 << 30: 15 * time.Minute} {
		if got := p.Wait(store.Throttle{Failures: failures, LastAt: now}, now); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
	if got := p.Wait(store.Throttle{Failures: 6, LastAt: now.Add(-3 * time.Second)}, now); got != 0 {
		t.Errorf("after the wait: %s", got)
	}
	if auth.ThrottleOrigin("2001:db8:1:2:3::4") != auth.ThrottleOrigin("2001:db8:1:2:ffff::1") || auth.ThrottleOrigin("192.0.2.1") == auth.ThrottleOrigin("192.0.2.2") {
		t.Error("origins are grouped wrongly")
	}
}

func front(t *testing.T, s string) auth.Front {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return auth.Front{Public: u}
}

func TestSameSite(t *testing.T) {
	f, tls := front(t, "http://localhost:8420"), front(t, "https://retinue.example.org")
	for _, c := range []struct {
		front        auth.Front
		method       string
		origin, site string
		want         bool
	}{
		{f, "GET", "https://evil.example", "cross-site", true},
		{f, "POST", "http://localhost:8420", "same-origin", true},
		{f, "POST", "http://127.0.0.1:8420", "", true},
		{f, "POST", "", "same-origin", true},
		{f, "POST", "", "", false},
		{f, "POST", "null", "", false},
		{f, "POST", "https://evil.example", "", false},
		{f, "POST", "http://localhost:3000", "same-site", false}, // another server of this machine
		{f, "POST", "http://localhost:3000", "", false},
		{f, "POST", "", "cross-site", false},
		{f, "DELETE", "", "none", false},
		{tls, "POST", "https://retinue.example.org", "same-origin", true},
		{tls, "POST", "http://retinue.example.org", "", false}, // somebody in between, without TLS
		{tls, "POST", "https://retinue.example.org.evil.example", "", false},
		{tls, "POST", "https://other.example.org", "same-site", false},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if got := c.front.SameSite(r); got != c.want {
			t.Errorf("%s from %q (%q) to %s: %v", c.method, c.origin, c.site, c.front.Origin(), got)
		}
	}
}

func TestHosts(t *testing.T) {
	f := front(t, "http://localhost:8420")
	for host, want := range map[string]bool{"localhost:8420": true, "127.0.0.1:8420": true, "[::1]:8420": true, "LOCALHOST:8420": true,
		"evil.example:8420": false, "localhost": false, "localhost:80": false, "localhost.evil.example:8420": false, "": false} {
		if got := f.HostAllowed(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	if tls := front(t, "https://retinue.example.org"); tls.HostAllowed("localhost") || !tls.HostAllowed("retinue.example.org") {
		t.Error("hosts of a public server")
	}
}

func TestCookies(t *testing.T) {
	plain, tls := front(t, "http://localhost:8420").SessionCookie("v", time.Hour), front(t, "https://retinue.example.org").SessionCookie("v", time.Hour)
	if plain.Name != "retinue" || plain.Secure || !plain.HttpOnly || plain.SameSite != http.SameSiteStrictMode || plain.Domain != "" {
		t.Errorf("on loopback %+v", plain)
	}
	if tls.Name != "__Host-retinue" || !tls.Secure || !tls.HttpOnly || tls.Path != "/" || tls.Domain != "" || tls.SameSite != http.SameSiteStrictMode {
		t.Errorf("under TLS %+v", tls)
	}
	if gone := front(t, "https://retinue.example.org").SessionCookie("", 0); gone.MaxAge != -1 {
		t.Errorf("removal %+v", gone)
	}
}

// FuzzPresent: whatever a request brings, nothing panics, and what is taken is
// bounded.
func FuzzPresent(f *testing.F) {
	f.Add("retinue=abc", "Bearer rtn_x", "Mozilla/5.0")
	f.Add("retinue=\"a;b\"; retinue=c", "bearer ", "\x00\u202e")
	f.Add("", auth.NewToken(), "")
	front := auth.Front{Public: &url.URL{Scheme: "http", Host: "localhost:8420"}}
	f.Fuzz(func(t *testing.T, cookie, authorization, agent string) {
		r := &http.Request{Header: http.Header{"Cookie": {cookie}, "Authorization": {authorization}, "User-Agent": {agent}}}
		p := front.Present(r, "192.0.2.1")
		if len(p.Session) > 128 || len(p.Bearer) > 256 || len([]rune(p.Agent)) > 200 {
			t.Errorf("too much is kept: %+v", p)
		}
		if hash, ok := auth.ParseSecret(p.Session); ok && len(hash) != 32 {
			t.Error("a hash of another length")
		}
		if hash, err := auth.ParseToken(p.Bearer); err == nil && len(hash) != 32 {
			t.Error("a hash of another length")
		}
		auth.HashRecoveryCode(cookie)
		auth.ParseUserCode(cookie)
	})
}
