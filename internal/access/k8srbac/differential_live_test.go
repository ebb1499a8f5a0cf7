//go:build live

package k8srbac_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
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
	"github.com/retinue-id/retinue/internal/access/graph"
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

// TestAnswersOfTheRealServer makes random roles and bindings on a real API
// server, and compares with what it answers and does.
func TestAnswersOfTheRealServer(t *testing.T) {
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
		rules := make([]k8srbac.Rule, 1+l.r.IntN(3))
		for j := range rules {
			rules[j] = l.rule(kind == "ClusterRole" && ns == "")
		}
		if l.r.IntN(2) == 0 { // all that one technique needs
			rules = rules[:0]
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

// writes has everybody try to bind every role and to write rules of it, without
// effect, and compares.
func (l *live) writes() {
	w := l.world()
	x, err := k8srbac.New(w.c.State())
	if err != nil {
		l.t.Fatal(err)
	}
	who := actors()
	tried, yes, wrong := 0, 0, 0
	compare := func(what string, status int, text string, decisions ...access.Decision) {
		tried++
		want := !slices.ContainsFunc(decisions, func(d access.Decision) bool { return d.Outcome != access.Allowed })
		if got := status == http.StatusCreated || status == http.StatusOK; got != want || !got && status != http.StatusForbidden {
			if wrong++; wrong < 10 {
				l.t.Errorf("%s: %v, the server says %d %s", what, want, status, text)
			}
		}
		if want {
			yes++
		}
	}
	for _, s := range sortedActors() {
		for i := range x.Roles() {
			role := &x.Roles()[i]
			if l.r.IntN(3) > 0 {
				continue
			}
			ns, kind := l.one("", "n0", "n1", "n2"), "ClusterRole"
			if role.Namespace != "" {
				ns, kind = role.Namespace, "Role"
			}
			path, resource := rbacPath+"/clusterrolebindings", "clusterrolebindings"
			if ns != "" {
				path, resource = rbacPath+"/namespaces/"+ns+"/rolebindings", "rolebindings"
			}
			status, text := l.as(who[s], http.MethodPost, path+"?dryRun=All", map[string]any{"metadata": map[string]any{"name": "try"},
				"roleRef": map[string]any{"apiGroup": rbacAPI, "kind": kind, "name": role.Name}})
			compare(fmt.Sprintf("%s binds %s in %q", s.Key, role.Title(), ns), status, text,
				x.Decide(who[s], &k8srbac.Attributes{Verb: "create", APIGroup: rbacAPI, Resource: resource, Namespace: ns}), x.MayBind(who[s], ns, role))
			path, resource = rbacPath+"/clusterroles", "clusterroles"
			if role.Namespace != "" {
				path, resource = rbacPath+"/namespaces/"+role.Namespace+"/roles", "roles"
			}
			status, text = l.as(who[s], http.MethodPost, path+"?dryRun=All", map[string]any{"metadata": map[string]any{"name": "try"}, "rules": role.Rules})
			compare(fmt.Sprintf("%s copies %s", s.Key, role.Title()), status, text,
				x.Decide(who[s], &k8srbac.Attributes{Verb: "create", APIGroup: rbacAPI, Resource: resource, Namespace: role.Namespace}),
				x.MayWriteRules(who[s], role.Namespace, "try", role.Rules))
		}
	}
	if yes < 10 {
		l.t.Errorf("only %d of %d were let through", yes, tried)
	}
	l.t.Logf("%d attempts, %d let through, %d wrong", tried, yes, wrong)
}

// steps has everybody take the steps that the graph says they can.
func (l *live) steps() {
	g := l.world().graph()
	who := actors()
	taken := map[string]int{}
	for _, s := range sortedActors() {
		n := g.Find(s)
		if n == graph.None {
			continue
		}
		for _, id := range g.From(n) {
			step := g.Step(id)
			method, path, body := attempt(step.Technique, g.Node(step.To).Ref, step.Through)
			if path == "" {
				continue
			}
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			if method != http.MethodGet {
				path += sep + "dryRun=All"
			}
			status, text := l.as(who[s], method, path, body)
			if status < 200 || status > 299 {
				l.t.Errorf("%s: %s to %s: the server says %d %s", s.Key, step.Technique, g.Node(step.To).Ref, status, text)
			}
			taken[step.Technique]++
		}
	}
	if len(taken) < 5 {
		l.t.Errorf("only %v were tried", taken)
	}
	l.t.Logf("steps taken: %v", taken)
}

// attempt is the request by which a step is taken, as far as it can be without
// nodes.
func attempt(technique string, to retinue.Ref, through string) (method, path string, body any) {
	ns, name, _ := strings.Cut(to.Key, "/")
	if ns == "*" || to.Kind == "group" {
		ns = "n2"
	}
	if _, in, ok := strings.Cut(to.Key, " in namespace "); ok {
		ns = in
	}
	kind, role, _ := strings.Cut(through, " ")
	bind := map[string]any{"metadata": map[string]any{"name": "try"}, "roleRef": map[string]any{"apiGroup": rbacAPI, "kind": kind, "name": role[strings.IndexByte(role, '/')+1:]},
		"subjects": []any{map[string]any{"kind": "Group", "apiGroup": rbacAPI, "name": "tried"}}}
	rules := map[string]any{"rules": []any{map[string]any{"apiGroups": []string{"*"}, "resources": []string{"*"}, "verbs": []string{"*"}}}}
	switch technique {
	case "create pods":
		return http.MethodPost, "/api/v1/namespaces/" + ns + "/pods", map[string]any{"metadata": map[string]any{"name": "try"},
			"spec": map[string]any{"serviceAccountName": "b", "containers": []any{map[string]any{"name": "c", "image": "i"}}}}
	case "serviceaccounts/token":
		if name == "" {
			name = "b"
		}
		return http.MethodPost, "/api/v1/namespaces/" + ns + "/serviceaccounts/" + name + "/token", map[string]any{"spec": map[string]any{}}
	case "create secrets":
		return http.MethodPost, "/api/v1/namespaces/" + ns + "/secrets", map[string]any{"metadata": map[string]any{"name": "try",
			"annotations": map[string]any{"kubernetes.io/service-account.name": "b"}}, "type": "kubernetes.io/service-account-token"}
	case "bind clusterroles":
		return http.MethodPost, rbacPath + "/clusterrolebindings", bind
	case "bind clusterroles in a namespace", "bind roles":
		return http.MethodPost, rbacPath + "/namespaces/" + ns + "/rolebindings", bind
	case "escalate clusterroles":
		return http.MethodPatch, rbacPath + "/clusterroles/" + role, rules
	case "escalate roles":
		in, roleName, _ := strings.Cut(role, "/")
		return http.MethodPatch, rbacPath + "/namespaces/" + in + "/roles/" + roleName, rules
	case "create mutatingwebhookconfigurations":
		return http.MethodPost, "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", map[string]any{"metadata": map[string]any{"name": "try"}}
	case "create persistentvolumes":
		return http.MethodPost, "/api/v1/persistentvolumes", map[string]any{"metadata": map[string]any{"name": "try"}, "spec": map[string]any{
			"capacity": map[string]any{"storage": "1Gi"}, "accessModes": []string{"ReadWriteOnce"}, "hostPath": map[string]any{"path": "/"}}}
	}
	return "", "", nil
}

// certificates has an account that may approve requests get certificates: of any
// group but the administrators'.
func (l *live) certificates() {
	w := k8srbac.Account("n0", "approver")
	l.Do(l.t, http.MethodPost, "/api/v1/namespaces/n0/serviceaccounts", `{"metadata":{"name":"approver"}}`)
	l.Do(l.t, http.MethodPost, rbacPath+"/clusterroles", map[string]any{"metadata": map[string]any{"name": "approver"}, "rules": []k8srbac.Rule{
		rule(certAPI, "certificatesigningrequests", "create", "get"), rule(certAPI, "certificatesigningrequests/approval", "patch"), only(rule(certAPI, "signers", "approve"), signer)}})
	l.Do(l.t, http.MethodPost, rbacPath+"/clusterrolebindings", `{"metadata":{"name":"approver"},"roleRef":{"apiGroup":"`+rbacAPI+`","kind":"ClusterRole","name":"approver"},
		"subjects":[{"kind":"ServiceAccount","namespace":"n0","name":"approver"}]}`)
	ask := func(name, group string) (int, string) {
		return l.as(w, http.MethodPost, csrPath, map[string]any{"metadata": map[string]any{"name": name}, "spec": map[string]any{
			"request": base64.StdEncoding.EncodeToString(l.SigningRequest(l.t, "system:kube-controller-manager", group)), "signerName": signer, "usages": []string{"client auth"}}})
	}
	l.Wait(l.t, "the role is in force", func() bool { status, _ := ask("first", "ops"); return status == http.StatusCreated })
	if status, text := l.as(w, http.MethodPatch, csrPath+"/first/approval", map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Approved", "status": "True", "reason": "r", "message": "m"}}}}); status != http.StatusOK {
		l.t.Fatalf("approve: %d %s", status, text)
	}
	l.Wait(l.t, "the certificate is issued", func() bool {
		_, text := l.as(w, http.MethodGet, csrPath+"/first", nil)
		return strings.Contains(text, `"certificate":`)
	})
	if status, text := ask("second", "system:masters"); status != http.StatusForbidden {
		l.t.Errorf("a certificate of system:masters: %d %s", status, text)
	}
	g := l.world().graph()
	if _, ok := path(g, ref("service_account", "n0/approver"), ref("user", "system:kube-controller-manager")); !ok {
		l.t.Error("the graph does not know the way")
	}
}

// execByGet: a server of 1.35 or later asks for create where a WebSocket begins
// with a GET, and older ones do not.
func (l *live) execByGet() {
	l.Do(l.t, http.MethodPost, "/api/v1/namespaces/n0/pods", `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}`)
	for _, c := range []struct {
		name  string
		verbs []string
	}{{"getter", []string{"get"}}, {"both", []string{"get", "create"}}} {
		l.Do(l.t, http.MethodPost, rbacPath+"/namespaces/n0/roles", map[string]any{"metadata": map[string]any{"name": c.name}, "rules": []k8srbac.Rule{rule("", "pods/exec", c.verbs...)}})
		l.Do(l.t, http.MethodPost, rbacPath+"/namespaces/n0/rolebindings", `{"metadata":{"name":"`+c.name+`"},"roleRef":{"apiGroup":"`+rbacAPI+`","kind":"Role","name":"`+c.name+`"},
			"subjects":[{"kind":"User","apiGroup":"`+rbacAPI+`","name":"`+c.name+`"}]}`)
	}
	upgrade := func(user string) int {
		req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.URL+"/api/v1/namespaces/n0/pods/p/exec?command=id&stdout=1", nil)
		if err != nil {
			l.t.Fatal(err)
		}
		for k, v := range map[string]string{"Impersonate-User": user, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "v5.channel.k8s.io"} {
			req.Header.Set(k, v)
		}
		resp, err := l.client.Do(req)
		if err != nil {
			l.t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	l.Wait(l.t, "the roles are in force", func() bool { return upgrade("both") != http.StatusForbidden })
	refused := upgrade("getter") == http.StatusForbidden
	_, known := path(func() *graph.Graph { w := l.world(); w.workload("pod", "n0/p", "default", nil); return w.graph() }(), ref("user", "getter"), ref("service_account", "n0/default"))
	if refused == known {
		l.t.Errorf("the server refuses a GET: %v; the graph has the way: %v", refused, known)
	}
}
