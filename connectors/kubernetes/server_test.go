package kubernetes

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

func fakeScope(path ...string) retinue.Scope {
	return retinue.NewScope(retinue.NewRealm("kubernetes", fakeUID), path...)
}

// openFake opens the connector on a fake server. Waits are recorded and not
// waited.
func openFake(t *testing.T, f *fakeServer, options map[string]string) (*liveConnector, *[]time.Duration) {
	t.Helper()
	c, err := Spec().Open(t.Context(), config(kubeconfig(t, f.URL), options), connectortest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	live := c.(*liveConnector)
	waits := new([]time.Duration)
	for _, cl := range live.clusters {
		cl.client.sleep = func(ctx context.Context, d time.Duration) error {
			*waits = append(*waits, d)
			return ctx.Err()
		}
	}
	return live, waits
}

func TestConformance(t *testing.T) {
	whole := newFake(t, smallCluster())
	broken := newFake(t, smallCluster())
	broken.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/clusterrolebindings"):
			status(w, http.StatusForbidden, "forbidden")
		case strings.HasSuffix(r.URL.Path, "/roles") && r.URL.Query().Get("continue") != "":
			status(w, http.StatusBadRequest, "broken half way")
		default:
			return false
		}
		return true
	}
	file := kubeconfig(t, whole.URL)
	options := map[string]string{"secrets": "fingerprint", "page-size": "1"}
	connectortest.Run(t, connectortest.Subject{
		Spec:    Spec(),
		Open:    connectortest.OpenSpec(Spec(), config(file, options)),
		Named:   connectortest.NameSpec(Spec(), config(file, options)),
		Broken:  connectortest.OpenSpec(Spec(), config(kubeconfig(t, broken.URL), options)),
		Secrets: []string{"secret-value"},
	})
}

func TestPaging(t *testing.T) {
	f := newFake(t, smallCluster())
	c, _ := openFake(t, f, map[string]string{"page-size": "2"})
	paged := connectortest.Discover(t, c)
	whole, _ := openFake(t, newFake(t, smallCluster()), nil)
	if got, want := len(paged.Emitted), len(connectortest.Discover(t, whole).Emitted); got != want {
		t.Errorf("%d facts in pages of two, %d in one page", got, want)
	}
	if !slices.ContainsFunc(f.calls, func(u string) bool { return strings.Contains(u, "/roles?continue=2&limit=2") }) {
		t.Errorf("no second page was asked for: %v", f.calls)
	}
	if slices.ContainsFunc(f.calls, func(u string) bool { return strings.Contains(u, "/secrets") }) {
		t.Errorf("Secrets were asked for without the option")
	}
}

// TestExpired has the server forget the snapshot between two pages.
func TestExpired(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if strings.HasSuffix(r.URL.Path, "/roles") && r.URL.Query().Get("continue") != "" {
			status(w, http.StatusGone, "the provided continue parameter is too old")
			return true
		}
		return false
	}
	c, _ := openFake(t, f, map[string]string{"page-size": "1"})
	r := connectortest.Discover(t, c)
	if n := len(find(r, retinue.FactPolicy, "/role/")); n != 3 {
		t.Errorf("%d roles, want 3, each once", n)
	}
	for _, ns := range []string{"pay", "shop"} {
		if _, ok := r.Completed[fakeScope("namespace", ns, "role")]; !ok {
			t.Errorf("roles of %s are not complete: %v", ns, r.Problems)
		}
	}
}

func TestThrottled(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, "/serviceaccounts") || n > 2 {
			return false
		}
		w.Header().Set("Retry-After", "7")
		status(w, http.StatusTooManyRequests, "too many requests")
		return true
	}
	c, waits := openFake(t, f, nil)
	r := connectortest.Discover(t, c)
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	if want := []time.Duration{7 * time.Second, 7 * time.Second}; !slices.Equal(*waits, want) {
		t.Errorf("waits %v, want %v", *waits, want)
	}
}

func TestAlwaysFailing(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if strings.HasSuffix(r.URL.Path, "/deployments") {
			status(w, http.StatusServiceUnavailable, "etcd is away")
			return true
		}
		return false
	}
	c, waits := openFake(t, f, nil)
	r := connectortest.Discover(t, c)
	for _, ns := range []string{"kube-system", "pay", "shop"} {
		s := fakeScope("namespace", ns, "deployment")
		if len(r.Problems[s]) != 1 || !errors.Is(r.Problems[s][0], retinue.ErrUnavailable) {
			t.Errorf("scope %s: problems %v, want one that is ErrUnavailable", s, r.Problems[s])
		}
	}
	if len(*waits) != maxAttempts-1 {
		t.Errorf("%d waits, want %d", len(*waits), maxAttempts-1)
	}
	if _, ok := r.Completed[fakeScope("namespace")]; !ok {
		t.Errorf("the namespaces are not complete although they were listed")
	}
}

// TestHang has the server accept requests for a kind and never answer.
func TestHang(t *testing.T) {
	f := newFake(t, smallCluster())
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, "/deployments") {
			return false
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	c, _ := openFake(t, f, nil)
	c.clusters[0].client.timeout = 50 * time.Millisecond
	r := connectortest.Discover(t, c)
	if p := r.Problems[fakeScope("namespace", "pay", "deployment")]; len(p) != 1 || !strings.Contains(p[0].Error(), "no answer in time") {
		t.Errorf("problems: %v", p)
	}
}

// TestDrip has the server send a list a few bytes at a time, for ever.
func TestDrip(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, "/roles") {
			return false
		}
		_, _ = w.Write([]byte(`{"kind":"RoleList","items":[`))
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("   "))
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond) // the server's pace is what is tested
		}
		return true
	}
	c, _ := openFake(t, f, nil)
	c.clusters[0].client.timeout = 40 * time.Millisecond
	r := connectortest.Discover(t, c)
	if p := r.Problems[fakeScope("namespace", "pay", "role")]; len(p) != 1 || !strings.Contains(p[0].Error(), "no answer in time") {
		t.Errorf("problems: %v", p)
	}
}

// TestCutOff has answers end in the middle: the page is asked for again, and
// what was read of it is not stated twice.
func TestCutOff(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, "/roles") || n > 1 {
			return false
		}
		_, _ = w.Write([]byte(`{"kind":"RoleList","items":[` + smallCluster()["roles"][0] + `,{"metadata`))
		return true
	}
	c, _ := openFake(t, f, nil)
	r := connectortest.Discover(t, c)
	if n := len(find(r, retinue.FactPolicy, "/role/")); n != 3 || len(r.Problems) > 0 {
		t.Errorf("%d roles, want 3, each once; problems %v", n, r.Problems)
	}
}

// TestForbiddenKind has a kind allowed in one namespace only.
func TestForbiddenKind(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if strings.HasSuffix(r.URL.Path, "/roles") && !strings.Contains(r.URL.Path, "/namespaces/pay/") {
			status(w, http.StatusForbidden, "roles is forbidden")
			return true
		}
		return false
	}
	c, _ := openFake(t, f, nil)
	r := connectortest.Discover(t, c)
	if _, ok := r.Completed[fakeScope("namespace", "pay", "role")]; !ok {
		t.Errorf("roles of pay are not complete: %v", r.Problems)
	}
	s := fakeScope("namespace", "shop", "role")
	if p := r.Problems[s]; len(p) != 1 || !errors.Is(p[0], retinue.ErrDenied) || !strings.Contains(p[0].Error(), "list roles.rbac.authorization.k8s.io in namespace shop") {
		t.Errorf("scope %s: problems %v, want one that names the permission", s, p)
	}
}

// TestOneClusterTwoContexts reads two contexts that lead to one cluster, and
// one whose server is away.
func TestOneClusterTwoContexts(t *testing.T) {
	f := newFake(t, smallCluster())
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	file := kubeconfig(t, f.URL, f.URL, gone.URL)
	open := func(options map[string]string) connector.Connector {
		c, err := Spec().Open(t.Context(), config(file, options), connectortest.Env(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, cl := range c.(*liveConnector).clusters {
			cl.client.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	one := connectortest.Discover(t, open(nil))
	two := connectortest.Discover(t, open(map[string]string{"contexts": "a;b"}))
	if len(one.Emitted) != len(two.Emitted) {
		t.Errorf("%d facts through one context, %d through two", len(one.Emitted), len(two.Emitted))
	}
	offers := 0
	for _, n := range one.Notes {
		if n.Kind == connector.NoteOffer {
			offers++
		}
	}
	if offers != 2 {
		t.Errorf("%d other contexts offered, want 2", offers)
	}
	all := connectortest.DiscoverWith(t.Context(), t, open(map[string]string{"contexts": "all"}), connector.Request{Now: connectortest.Epoch()})
	if !errors.Is(all.Err, retinue.ErrUnavailable) || len(all.Emitted) != len(one.Emitted) {
		t.Errorf("with a server that is away: error %v and %d facts, want ErrUnavailable and %d", all.Err, len(all.Emitted), len(one.Emitted))
	}
}

// TestRedirect checks that credentials are not carried to another server.
func TestRedirect(t *testing.T) {
	hits := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer other.Close()
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		http.Redirect(w, r, other.URL, http.StatusFound)
		return true
	}
	c, _ := openFake(t, f, nil)
	if _, err := c.Check(t.Context()); err == nil || hits != 0 {
		t.Errorf("check: error %v after %d calls of another server, want an error and none", err, hits)
	}
}

// TestEndlessPages has the server send the same page for ever.
func TestEndlessPages(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, "/roles") {
			return false
		}
		_, _ = w.Write([]byte(`{"kind":"RoleList","metadata":{"continue":"1"},"items":[]}`))
		return true
	}
	c, _ := openFake(t, f, nil)
	r := connectortest.Discover(t, c)
	if len(r.Problems[fakeScope("namespace", "pay", "role")]) != 1 {
		t.Errorf("problems: %v", r.Problems)
	}
}

func TestNamed(t *testing.T) {
	f := newFake(t, smallCluster())
	c, _ := openFake(t, f, map[string]string{"namespaces": "pay"})
	r := connectortest.Discover(t, c)
	if _, ok := r.Completed[fakeScope("namespace")]; ok {
		t.Errorf("the list of namespaces is complete although one was named")
	}
	for _, e := range r.Emitted {
		if strings.HasPrefix(e.Scope.Path, "namespace/") && !strings.HasPrefix(e.Scope.Path, "namespace/pay") {
			t.Errorf("fact in %s", e.Scope)
		}
	}
	if len(find(r, retinue.FactPolicy, "/role/")) != 2 || len(find(r, retinue.FactPolicy, "/cluster_role/")) != 2 {
		t.Errorf("roles: %v", find(r, retinue.FactPolicy, ""))
	}
}

// TestSecretsTable checks that metadata is asked for in a form without values.
func TestSecretsTable(t *testing.T) {
	f := newFake(t, smallCluster())
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if strings.HasSuffix(r.URL.Path, "/secrets") && r.Header.Get("Accept") != acceptTable {
			t.Errorf("Secrets asked for as %q", r.Header.Get("Accept"))
		}
		return false
	}
	c, _ := openFake(t, f, map[string]string{"secrets": "metadata"})
	r := connectortest.Discover(t, c)
	var got []retinue.Credential
	for _, e := range r.Emitted {
		if c, ok := e.Fact.(retinue.Credential); ok && e.Scope == fakeScope("namespace", "pay", "secret") {
			got = append(got, c)
		}
	}
	if len(got) != 1 || got[0].Subtype != "Opaque" || len(got[0].Fingerprints) != 0 {
		t.Errorf("Secrets: %+v", got)
	}
}

// TestClusterUID gives the uid of a cluster that can and cannot be read.
func TestClusterUID(t *testing.T) {
	for _, c := range []struct {
		given  string
		hidden bool
		realm  string
	}{{fakeUID, false, "kubernetes:" + fakeUID}, {"another", false, ""}, {"another", true, "kubernetes:another"}, {"", true, ""}} {
		f := newFake(t, smallCluster())
		f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
			if c.hidden && strings.HasSuffix(r.URL.Path, "/kube-system") {
				status(w, http.StatusForbidden, "forbidden")
				return true
			}
			return false
		}
		conn, _ := openFake(t, f, map[string]string{"cluster-uid": c.given})
		a, err := conn.Check(t.Context())
		if string(a.Realm) != c.realm || (err == nil) != (c.realm != "") {
			t.Errorf("given %q, hidden %t: realm %q, error %v; want %q", c.given, c.hidden, a.Realm, err, c.realm)
		}
	}
}
