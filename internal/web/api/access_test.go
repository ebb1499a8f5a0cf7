package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/web/api"
)

// TestEveryRouteEveryRole asks each operation as nobody, as each role and as
// somebody without a role: who is let in is what the table says, and nothing
// else decides.
func TestEveryRouteEveryRole(t *testing.T) {
	h := newHarness(t)
	h.callers["no-role"] = auth.Caller{Kind: auth.KindSession, Account: "acc_none"}
	routes := h.api.Routes()
	if len(routes) < 2 {
		t.Fatalf("%d routes: the walk sees nothing", len(routes))
	}
	names := []string{"", "unknown-token", "no-role", "stale-admin"}
	for _, r := range auth.Roles() {
		names = append(names, string(r.Role))
	}
	for _, r := range routes {
		t.Run(r.OperationID, func(t *testing.T) {
			for _, as := range names {
				want := expect(h, r, as)
				s := scenario{as: as, method: r.Method, path: samplePath(r.Path)}
				if r.Method != http.MethodGet {
					s.body = "{"
				}
				got := probe(h, s)
				if got != want {
					t.Errorf("as %q: %s, want %s", as, got, want)
				}
			}
		})
	}
}

// The outcomes of the walk: whether the request came past the table.
const (
	refusedSignIn = "sign in"
	refusedRole   = "no permission"
	refusedFresh  = "second factor"
	let           = "let in"
)

func expect(h *harness, r api.Route, as string) string {
	c, known := h.callers[as]
	switch {
	case r.Public:
		return let
	case !known:
		return refusedSignIn
	case r.Permission != "" && !c.Can(r.Permission):
		return refusedRole
	case r.Fresh && c.Fresh.IsZero():
		return refusedFresh
	}
	return let
}

func probe(h *harness, s scenario) string {
	ctx, cancel := probeContext(h.t)
	defer cancel()
	w := h.doContext(ctx, s)
	body := w.Body.String()
	switch {
	case w.Code == http.StatusUnauthorized && strings.Contains(body, api.ProblemSignIn):
		return refusedSignIn
	case w.Code == http.StatusForbidden && strings.Contains(body, api.ProblemSecondFactor):
		return refusedFresh
	case w.Code == http.StatusForbidden && strings.Contains(body, api.ProblemPermission):
		return refusedRole
	}
	return let
}

func samplePath(p string) string {
	for {
		i := strings.IndexByte(p, '{')
		if i < 0 {
			return p
		}
		j := i + strings.IndexByte(p[i:], '}')
		p = p[:i] + "none" + p[j+1:]
	}
}

// TestUnknownRoutes: what does not exist is not told apart by who asks.
func TestUnknownRoutes(t *testing.T) {
	h := newHarness(t)
	var all []scenario
	for _, as := range []string{"", "viewer", "admin"} {
		all = append(all,
			scenario{name: as + " unknown", as: as, path: "/no-such-thing", status: 404, contains: []string{"problem+json"}},
			scenario{name: as + " method", as: as, method: "DELETE", path: "/me", status: 405, contains: []string{"Allow: GET"}},
			scenario{name: as + " traversal", as: as, path: "/identities/../../../etc/passwd", status: 404, lacks: []string{"root:"}},
		)
	}
	h.run(all)
}
