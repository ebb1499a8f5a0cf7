//go:build live

package k8srbac_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

// token returns a token of an account.
func (l *live) token(namespace, account string) string {
	l.t.Helper()
	text, err := os.ReadFile(l.TokenKubeconfig(l.t, namespace, account))
	if err != nil {
		l.t.Fatal(err)
	}
	var config struct {
		Users []struct{ User struct{ Token string } }
	}
	if err := json.Unmarshal(text, &config); err != nil || len(config.Users) != 1 {
		l.t.Fatalf("kubeconfig of %s/%s: %v", namespace, account, err)
	}
	return config.Users[0].User.Token
}

// review asks who the server takes an impersonating account for.
func (l *live) review(token, user string, groups ...string) (int, string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.URL+"/apis/authentication.k8s.io/v1/selfsubjectreviews", strings.NewReader(`{}`))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	if user != "" {
		req.Header.Set("Impersonate-User", user)
	}
	for _, g := range groups {
		req.Header.Add("Impersonate-Group", g)
	}
	// Not with the administrator's certificate, which would count before the token.
	bare := l.client.Transport.(*http.Transport).Clone()
	bare.TLSClientConfig.Certificates = nil
	resp, err := (&http.Client{Transport: bare}).Do(req)
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

// impersonation: a group is taken on with a user only, and a user without the
// groups of its certificate.
func (l *live) impersonation() {
	impersonate := func(resource string, names ...string) k8srbac.Rule {
		return only(rule("", resource, "impersonate"), names...)
	}
	tokens := map[string]string{}
	for name, rules := range map[string][]k8srbac.Rule{
		"of-user": {impersonate("users", "ann")}, "of-group": {impersonate("groups", "system:masters")},
		"of-both": {impersonate("groups", "system:masters"), impersonate("users", "nobody")},
	} {
		l.Do(l.t, http.MethodPost, "/api/v1/namespaces/n0/serviceaccounts", `{"metadata":{"name":"`+name+`"}}`)
		l.Do(l.t, http.MethodPost, rbacPath+"/clusterroles", map[string]any{"metadata": map[string]any{"name": name}, "rules": rules})
		l.Do(l.t, http.MethodPost, rbacPath+"/clusterrolebindings", `{"metadata":{"name":"`+name+`"},"roleRef":{"apiGroup":"`+rbacAPI+`","kind":"ClusterRole","name":"`+name+`"},
			"subjects":[{"kind":"ServiceAccount","namespace":"n0","name":"`+name+`"}]}`)
		tokens[name] = l.token("n0", name)
	}
	l.Wait(l.t, "the roles are in force", func() bool {
		a, _ := l.review(tokens["of-user"], "ann")
		b, _ := l.review(tokens["of-both"], "nobody", "system:masters")
		return a == http.StatusCreated && b == http.StatusCreated
	})
	w := l.world().user("ann", "ops")
	g := w.graph()
	for _, c := range []struct {
		account, user string
		groups        []string
		to            retinue.Ref
	}{
		{"of-user", "ann", nil, ref("user_without_groups", "ann")}, {"of-user", "ann", []string{"ops"}, ref("user", "ann")}, {"of-user", "bob", nil, ref("user", "bob")},
		{"of-group", "", []string{"system:masters"}, masters}, {"of-group", "nobody", []string{"system:masters"}, masters}, {"of-both", "nobody", []string{"system:masters"}, masters},
	} {
		status, text := l.review(tokens[c.account], c.user, c.groups...)
		if _, known := path(g, ref("service_account", "n0/"+c.account), c.to); known != (status == http.StatusCreated) {
			l.t.Errorf("%s as %s in %v: the server says %d %s; the graph has a way to %s: %v", c.account, c.user, c.groups, status, text, c.to, known)
		}
	}
	if _, text := l.review(tokens["of-user"], "ann"); strings.Contains(text, `"ops"`) {
		l.t.Errorf("an impersonated user has groups of its own: %s", text)
	}
}

// podSecurity: what the label of a namespace keeps from the files of nodes, and
// that who may change the namespace takes it away.
func (l *live) podSecurity() {
	for _, level := range []string{"none", "baseline", "restricted"} {
		labels := map[string]string{}
		if level != "none" {
			labels["pod-security.kubernetes.io/enforce"] = level
		}
		l.Do(l.t, http.MethodPost, "/api/v1/namespaces", map[string]any{"metadata": map[string]any{"name": "ps-" + level, "labels": labels}})
		l.Wait(l.t, "the account default exists", func() bool {
			code, _ := l.Call(l.t, http.MethodGet, "/api/v1/namespaces/ps-"+level+"/serviceaccounts/default", nil)
			return code == http.StatusOK
		})
		l.Do(l.t, http.MethodPost, rbacPath+"/namespaces/ps-"+level+"/roles", map[string]any{"metadata": map[string]any{"name": "maker"}, "rules": []k8srbac.Rule{rule("", "pods", "create")}})
		l.Do(l.t, http.MethodPost, rbacPath+"/namespaces/ps-"+level+"/rolebindings", `{"metadata":{"name":"maker"},"roleRef":{"apiGroup":"`+rbacAPI+`","kind":"Role","name":"maker"},
			"subjects":[{"kind":"User","apiGroup":"`+rbacAPI+`","name":"maker-`+level+`"}]}`)
	}
	volumes := map[string]any{
		"host":  map[string]any{"name": "v", "hostPath": map[string]any{"path": "/"}},
		"claim": map[string]any{"name": "v", "persistentVolumeClaim": map[string]any{"claimName": "c"}},
	}
	try := func(level, volume string) int {
		status, _ := l.as(k8srbac.Who{User: "maker-" + level}, http.MethodPost, "/api/v1/namespaces/ps-"+level+"/pods?dryRun=All", map[string]any{
			"metadata": map[string]any{"name": "try"}, "spec": map[string]any{"containers": []any{map[string]any{"name": "c", "image": "i"}}, "volumes": []any{volumes[volume]}}})
		return status
	}
	l.Wait(l.t, "the roles are in force", func() bool {
		return try("none", "host") == http.StatusCreated && try("baseline", "claim") == http.StatusCreated
	})
	for _, level := range []string{"none", "baseline", "restricted"} {
		w := l.worldOf(map[string]string{"ps-baseline": "baseline", "ps-restricted": "restricted"})
		_, known := path(w.graph(), ref("user", "maker-"+level), ref("nodes", "*"))
		if got := try(level, "host") == http.StatusCreated; got != known {
			l.t.Errorf("hostPath under %s: the server allows it: %v, the graph: %v", level, got, known)
		}
	}
	got := fmt.Sprint(try("baseline", "claim") == http.StatusCreated, try("restricted", "claim") == http.StatusCreated)
	if got != "true false" { // a root container with a claim: what the technique of persistent volumes rests on
		l.t.Errorf("a claim as root under baseline and restricted: %s", got)
	}
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
