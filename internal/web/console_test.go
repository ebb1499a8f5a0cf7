package web

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// TestConsole: files are packed and kept by name, pages carry a nonce of their
// own that is the policy's, and every other path is a page.
func TestConsole(t *testing.T) {
	c := newConsole(fstest.MapFS{
		"index.html":        {Data: []byte(`<meta name="csp-nonce" content="__CSP_NONCE__" />`)},
		"assets/app-1a2.js": {Data: []byte(strings.Repeat("let a = 1;", 1000))},
		"icon.svg":          {Data: []byte("<svg/>")},
		".vite/manifest":    {Data: []byte("{}")},
	}, true)
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		return w
	}
	nonce := regexp.MustCompile(`content="([A-Z2-7]{20,})"`)
	seen := map[string]bool{}
	for _, path := range []string{"/", "/identities?owner=none", "/identities/idn_x", "/settings/people"} {
		w := get(path)
		m := nonce.FindStringSubmatch(w.Body.String())
		if w.Code != 200 || m == nil || seen[m[1]] || !strings.Contains(w.Header().Get("Content-Security-Policy"), "'nonce-"+m[1]+"'") || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %s %s", path, w.Code, w.Header(), w.Body)
		}
		seen[m[1]] = true
	}
	w := get("/assets/app-1a2.js", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() > 500 ||
		w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("asset: %s, %d bytes", w.Header(), w.Body.Len())
	}
	if w := get("/assets/app-1a2.js"); w.Body.Len() != 10000 {
		t.Errorf("asset unpacked: %d bytes", w.Body.Len())
	}
	if again := get("/assets/app-1a2.js", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("asset again: %d", again.Code)
	}
	if w := get("/icon.svg"); w.Header().Get("Cache-Control") != "no-cache" || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %s", w.Header())
	}
	for _, path := range []string{"/assets/app-old.js", "/assets/../index.html.js"} {
		if w := get(path); w.Code != 404 && !strings.Contains(w.Body.String(), "csp-nonce") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get("/.vite/manifest"); strings.Contains(w.Body.String(), "{}") {
		t.Error("hidden files are served")
	}
	post := httptest.NewRecorder()
	c.ServeHTTP(post, httptest.NewRequest("POST", "/", nil))
	if post.Code != 405 {
		t.Errorf("POST: %d", post.Code)
	}
}
