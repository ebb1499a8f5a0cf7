//go:build live

package k8srbac_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
	"github.com/retinue-id/retinue/internal/testkit"
)

// live is a real API server with random roles.
type live struct {
	*testkit.Cluster
	t      *testing.T
	r      *rand.Rand
	client *http.Client
}

const (
	rbacPath = "/apis/rbac.authorization.k8s.io/v1"
	csrPath  = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
)

// TestAnswersOfTheRealServerLive makes random roles and bindings on a real API
// server, and compares with what it answers and does.
func TestAnswersOfTheRealServerLive(t *testing.T) {
	c := testkit.Kubernetes(t)
	l := &live{Cluster: c, t: t, r: rand.New(rand.NewPCG(1, 2)), client: adminClient(t, c)} //nolint:gosec // a test wants the same draws again
	l.fill()
	// Before there are roles that lead everywhere.
	t.Run("impersonation", func(t *testing.T) { l.t = t; l.impersonation() })
	t.Run("Pod Security", func(t *testing.T) { l.t = t; l.podSecurity() })
	l.t = t
	l.fillRoles()
	t.Run("SubjectAccessReview", func(t *testing.T) { l.t = t; l.reviews() })
	t.Run("binding and escalating", func(t *testing.T) { l.t = t; l.writes() })
	t.Run("steps", func(t *testing.T) { l.t = t; l.steps() })
	t.Run("certificates", func(t *testing.T) { l.t = t; l.certificates() })
	t.Run("exec by get", func(t *testing.T) { l.t = t; l.execByGet() })
}

// adminClient is a client with the administrator's certificate, for requests
// with headers of their own.
func adminClient(t *testing.T, c *testkit.Cluster) *http.Client {
	t.Helper()
	text, err := os.ReadFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				CA string `json:"certificate-authority"`
			}
		}
		Users []struct {
			User struct {
				Cert string `json:"client-certificate"`
				Key  string `json:"client-key"`
			}
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(config.Users[0].User.Cert, config.Users[0].User.Key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(config.Clusters[0].Cluster.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

// as sends a request as somebody else and returns the status.
func (l *live) as(who k8srbac.Who, method, path string, body any) (int, string) {
	l.t.Helper()
	enc, err := json.Marshal(body)
	if err != nil {
		l.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.URL+path, bytes.NewReader(enc))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", map[bool]string{true: "application/merge-patch+json", false: "application/json"}[method == http.MethodPatch])
	req.Header.Set("Impersonate-User", who.User)
	for _, g := range who.Groups {
		req.Header.Add("Impersonate-Group", g)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (l *live) one(list ...string) string { return list[l.r.IntN(len(list))] }

// fill makes namespaces and accounts.
func (l *live) fill() {
	for i := range 3 {
		ns := fmt.Sprint("n", i)
		l.Do(l.t, http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"`+ns+`"}}`)
		for _, name := range []string{"a", "b"} {
			l.Do(l.t, http.MethodPost, "/api/v1/namespaces/"+ns+"/serviceaccounts", `{"metadata":{"name":"`+name+`"}}`)
		}
		l.Do(l.t, http.MethodPost, "/api/v1/namespaces/"+ns+"/secrets", `{"metadata":{"name":"a-token","annotations":{"kubernetes.io/service-account.name":"a"}},"type":"kubernetes.io/service-account-token"}`)
	}
}

// fillRoles makes roles of what techniques call for, and bindings.
func (l *live) fillRoles() {
	for i := range 120 {
		ns := l.one("", "n0", "n1", "n2")
		kind, path := "ClusterRole", rbacPath+"/clusterroles"
		if ns != "" && l.r.IntN(2) == 0 {
			kind, path = "Role", rbacPath+"/namespaces/"+ns+"/roles"
		}
		name := fmt.Sprint("r", i)
		var rules []k8srbac.Rule
		for range 1 + l.r.IntN(3) {
			rules = append(rules, l.rule(kind == "ClusterRole" && ns == ""))
		}
		if l.r.IntN(2) == 0 { // all that one technique needs
			rules = nil
			list := k8srbac.Techniques()
			for _, c := range list[l.r.IntN(len(list))].Calls {
				rules = append(rules, l.ruleOf(&c))
			}
		}
		l.Do(l.t, http.MethodPost, path, map[string]any{"metadata": map[string]any{"name": name}, "rules": rules})
		l.bindTo(ns, kind, name)
	}
}

func (l *live) rule(paths bool) k8srbac.Rule {
	if paths && l.r.IntN(8) == 0 {
		return k8srbac.Rule{Verbs: []string{l.one("get", "*")}, NonResourceURLs: []string{l.one("/metrics", "/healthz/*", "/api*", "*")}}
	}
	list := k8srbac.Techniques()
	calls := list[l.r.IntN(len(list))].Calls
	r := l.ruleOf(&calls[l.r.IntN(len(calls))])
	switch l.r.IntN(12) {
	case 0:
		r.Verbs = []string{"*"}
	case 1:
		r.Resources = append(r.Resources, "*/"+l.one("token", "exec", "status"))
	case 2, 3:
		r.ResourceNames = []string{l.one("a", "a-token", "r1", "r2", "r3", "view", "cluster-admin", "n0")}
	case 4:
		r.APIGroups = []string{"*"}
	case 5:
		r.Verbs = append(r.Verbs, "get", "list")
	}
	return r
}

// ruleOf is a rule that allows a call.
func (l *live) ruleOf(c *k8srbac.Call) k8srbac.Rule {
	r := k8srbac.Rule{Verbs: []string{c.Verbs[l.r.IntN(len(c.Verbs))]}, APIGroups: []string{c.APIGroup}, Resources: []string{c.Resource}}
	if c.Subresource != "" {
		r.Resources[0] += "/" + c.Subresource
	}
	return r
}

func (l *live) bindTo(ns, kind, role string) {
	subject := map[string]any{"kind": "ServiceAccount", "namespace": l.one("n0", "n1", "n2"), "name": l.one("a", "b")}
	switch l.r.IntN(6) {
	case 0:
		subject = map[string]any{"kind": "Group", "apiGroup": rbacAPI, "name": l.one("system:serviceaccounts:n1", "ops", "system:serviceaccounts")}
	case 1:
		subject = map[string]any{"kind": "User", "apiGroup": rbacAPI, "name": l.one("ann", "bob")}
	}
	path := rbacPath + "/clusterrolebindings"
	if ns != "" {
		path = rbacPath + "/namespaces/" + ns + "/rolebindings"
	}
	l.Do(l.t, http.MethodPost, path, map[string]any{"metadata": map[string]any{"name": "bind-" + role},
		"roleRef": map[string]any{"apiGroup": rbacAPI, "kind": kind, "name": role}, "subjects": []any{subject}})
}

// world reads the cluster into facts, as the connector states them.
func (l *live) world() *world { return l.worldOf(nil) }

// worldOf is world with what Pod Security is told of namespaces.
func (l *live) worldOf(enforce map[string]string) *world {
	var version struct{ GitVersion string }
	l.get("/version", &version)
	w := newWorld(l.t, version.GitVersion)
	for _, ns := range items[struct{}](l, "/api/v1/namespaces") {
		w.namespace(ns.Metadata.Name, enforce[ns.Metadata.Name])
	}
	for _, a := range items[struct{}](l, "/api/v1/serviceaccounts") {
		w.account(a.Metadata.Namespace + "/" + a.Metadata.Name)
	}
	for _, s := range items[struct{}](l, "/api/v1/secrets") {
		if account := s.Metadata.Annotations["kubernetes.io/service-account.name"]; account != "" {
			w.tokenSecret(s.Metadata.Namespace+"/"+s.Metadata.Name, account)
		}
	}
	for _, path := range []string{"/clusterroles", "/roles"} {
		for _, r := range items[struct{ Rules []k8srbac.Rule }](l, rbacPath+path) {
			w.role(r.key(), r.Body.Rules...)
		}
	}
	for _, path := range []string{"/clusterrolebindings", "/rolebindings"} {
		for _, b := range items[struct {
			RoleRef  struct{ Kind, Name string }
			Subjects []k8srbac.Subject
		}](l, rbacPath+path) {
			role := b.Body.RoleRef.Name
			if b.Body.RoleRef.Kind == "Role" {
				role = b.Metadata.Namespace + "/" + role
			}
			for _, s := range b.Body.Subjects {
				kind, name := map[k8srbac.SubjectKind]string{k8srbac.User: "user", k8srbac.Group: "group", k8srbac.ServiceAccount: "service_account"}[s.Kind], s.Name
				if s.Kind == k8srbac.ServiceAccount {
					name = s.Namespace + "/" + s.Name
				}
				w.bind(b.key(), role, kind, name)
			}
		}
	}
	return w.add(retinue.Group{Ref: ref("group", "ops")}).user("ann").user("bob")
}

type item[T any] struct {
	Metadata struct {
		Name, Namespace string
		Annotations     map[string]string
	}
	Body T
}

func (i *item[T]) key() string {
	if i.Metadata.Namespace == "" {
		return i.Metadata.Name
	}
	return i.Metadata.Namespace + "/" + i.Metadata.Name
}

func items[T any](l *live, path string) []item[T] {
	l.t.Helper()
	var list struct{ Items []json.RawMessage }
	l.get(path, &list)
	out := make([]item[T], len(list.Items))
	for i, raw := range list.Items {
		for _, into := range []any{&out[i], &out[i].Body} {
			if err := json.Unmarshal(raw, into); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	return out
}

func (l *live) get(path string, into any) {
	l.t.Helper()
	if err := json.Unmarshal(l.Do(l.t, http.MethodGet, path, nil), into); err != nil {
		l.t.Fatal(err)
	}
}

// actors are who is asked about, as the server sees them.
func actors() map[retinue.Ref]k8srbac.Who {
	out := map[retinue.Ref]k8srbac.Who{
		ref("user", "ann"):                        {User: "ann", Groups: []string{"system:authenticated"}},
		ref("user", "bob"):                        {User: "bob", Groups: []string{"system:authenticated"}},
		ref("group", "ops"):                       {User: "somebody", Groups: []string{"ops", "system:authenticated"}},
		ref("group", "system:serviceaccounts:n1"): {User: "somebody", Groups: []string{"system:serviceaccounts:n1", "system:serviceaccounts", "system:authenticated"}},
		ref("service_account", "kube-system/generic-garbage-collector"): k8srbac.Account("kube-system", "generic-garbage-collector"),
		ref("user", "system:kube-controller-manager"):                   {User: "system:kube-controller-manager", Groups: []string{"system:authenticated"}},
	}
	for _, ns := range []string{"n0", "n1", "n2"} {
		for _, name := range []string{"a", "b"} {
			out[ref("service_account", ns+"/"+name)] = k8srbac.Account(ns, name)
		}
	}
	return out
}

func sortedActors() []retinue.Ref {
	var out []retinue.Ref
	for r := range actors() {
		out = append(out, r)
	}
	slices.SortFunc(out, retinue.Ref.Compare)
	return out
}

// reviews compares answers with those of SubjectAccessReview.
func (l *live) reviews() {
	e := l.world().engine()
	who := actors()
	list := sortedActors()
	wrong, yes := 0, 0
	for range 3000 {
		s := list[l.r.IntN(len(list))]
		verb, resource, spec := l.question()
		spec["user"], spec["groups"] = who[s].User, who[s].Groups
		var answer struct{ Status struct{ Allowed bool } }
		out := l.Do(l.t, http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", map[string]any{"spec": spec})
		if err := json.Unmarshal(out, &answer); err != nil {
			l.t.Fatal(err)
		}
		d := e.Can(s, verb, resource)
		if (d.Outcome == access.Allowed) != answer.Status.Allowed {
			if wrong++; wrong < 10 {
				l.t.Errorf("%s %s %s: %+v, the server says %v", s.Key, verb, resource, d, answer.Status.Allowed)
			}
		}
		if answer.Status.Allowed {
			yes++
		}
	}
	if yes < 150 {
		l.t.Errorf("only %d answers were yes", yes)
	}
	l.t.Logf("3000 questions, %d yes, %d wrong", yes, wrong)
}

// question draws a question in our words and in those of a review.
func (l *live) question() (verb, resource string, spec map[string]any) {
	if l.r.IntN(10) == 0 {
		verb, resource = l.one("get", "post"), l.one("/metrics", "/healthz/x", "/api/v1", "/version", "/other")
		return verb, resource, map[string]any{"nonResourceAttributes": map[string]any{"verb": verb, "path": resource}}
	}
	list := k8srbac.Techniques()
	c := list[l.r.IntN(len(list))].Calls[0]
	verb = l.one(append([]string{"get", "list", "delete", "*"}, c.Verbs...)...)
	ns, name := l.one("*", "n0", "n1", "n2"), l.one("", "", "a", "a-token", "r1", "r2", "cluster-admin")
	resource = ns + "/" + c.Resource
	if c.APIGroup != "" {
		resource += "." + c.APIGroup
	}
	if c.Subresource != "" {
		resource += "/" + c.Subresource
	}
	if name != "" {
		resource += ":" + name
	}
	return verb, resource, map[string]any{"resourceAttributes": map[string]any{"verb": verb, "group": c.APIGroup, "resource": c.Resource, "subresource": c.Subresource,
		"name": name, "namespace": strings.TrimPrefix(ns, "*")}}
}
