//go:build live

package k8srbac_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

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
