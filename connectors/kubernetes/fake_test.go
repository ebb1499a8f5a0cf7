package kubernetes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const fakeUID = "0f0e0d0c-0b0a-4900-8800-070605040302"

// fakeServer answers like an API server for the objects that it is given.
type fakeServer struct {
	*httptest.Server
	objects map[string][]string // JSON objects by resource, in order of their keys

	mu    sync.Mutex
	calls []string // path and query of each call
	// fault may answer a call in place of the server; n counts the calls of
	// the path, from 1.
	fault func(w http.ResponseWriter, r *http.Request, n int) bool
	seen  map[string]int
}

func newFake(t testing.TB, objects map[string][]string) *fakeServer {
	t.Helper()
	f := &fakeServer{objects: objects, seen: map[string]int{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// smallCluster is a cluster with a little of everything.
func smallCluster() map[string][]string {
	pod := `"spec":{"serviceAccountName":"api","containers":[{"env":[{"name":"P","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]}]}`
	return map[string][]string{
		"namespaces": {
			`{"metadata":{"name":"kube-system","uid":"` + fakeUID + `"}}`, `{"metadata":{"name":"pay","uid":"2"}}`, `{"metadata":{"name":"shop","uid":"3"}}`,
		},
		"serviceaccounts": {
			`{"metadata":{"name":"default","namespace":"kube-system"}}`, `{"metadata":{"name":"api","namespace":"pay"},"automountServiceAccountToken":false}`,
			`{"metadata":{"name":"default","namespace":"pay"}}`, `{"metadata":{"name":"default","namespace":"shop"}}`,
		},
		"clusterroles": {`{"metadata":{"name":"admin"},"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}`, `{"metadata":{"name":"view"},"rules":null}`},
		"clusterrolebindings": {
			`{"metadata":{"name":"admins"},"roleRef":{"kind":"ClusterRole","name":"admin"},"subjects":[{"kind":"Group","name":"system:masters"},{"kind":"User","name":"ann@example.com"}]}`,
		},
		"roles": {`{"metadata":{"name":"r1","namespace":"pay"},"rules":[]}`, `{"metadata":{"name":"r2","namespace":"pay"},"rules":[]}`,
			`{"metadata":{"name":"r3","namespace":"shop"},"rules":[]}`},
		"rolebindings": {`{"metadata":{"name":"b","namespace":"pay"},"roleRef":{"kind":"Role","name":"r1"},"subjects":[{"kind":"ServiceAccount","name":"api"}]}`},
		"deployments":  {`{"metadata":{"name":"a","namespace":"pay"},"spec":{"template":{` + pod + `}}}`, `{"metadata":{"name":"b","namespace":"shop"},"spec":{"template":{"spec":{"containers":[]}}}}`},
		"pods":         {`{"metadata":{"name":"p","namespace":"pay"},` + pod + `}`},
		"secrets":      {`{"metadata":{"name":"db","namespace":"pay"},"type":"Opaque","data":{"password":"c2VjcmV0` + `LXZhbHVl"}}`},
	}
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls = append(f.calls, r.URL.RequestURI())
	f.seen[r.URL.Path]++
	n := f.seen[r.URL.Path]
	f.mu.Unlock()
	if f.fault != nil && f.fault(w, r, n) {
		return
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	resource := path[len(path)-1]
	switch {
	case r.URL.Path == "/version":
		_, _ = fmt.Fprint(w, `{"gitVersion":"v1.36.3"}`)
	case r.URL.Path == "/.well-known/openid-configuration":
		_, _ = fmt.Fprint(w, `{"issuer":"https://issuer.example"}`)
	case strings.HasSuffix(resource, "reviews"):
		_, _ = fmt.Fprint(w, `{"status":{"allowed":true,"userInfo":{"username":"tester"}}}`)
	case len(path) == 4 && path[2] == "namespaces":
		f.namespace(w, resource)
	default:
		f.list(w, r, resource, namespaceOf(path))
	}
}

func namespaceOf(path []string) string {
	if i := slices.Index(path, "namespaces"); i >= 0 && i+2 < len(path) {
		return path[i+1]
	}
	return ""
}

func (f *fakeServer) namespace(w http.ResponseWriter, name string) {
	for _, o := range f.objects["namespaces"] {
		if metaOf(o).Name == name {
			_, _ = fmt.Fprint(w, o)
			return
		}
	}
	status(w, http.StatusNotFound, `namespaces "`+name+`" not found`)
}

func metaOf(object string) meta {
	var h head
	if err := json.Unmarshal([]byte(object), &h); err != nil {
		panic(err)
	}
	return h.Metadata
}

func status(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","message":%q}`, message)
}

// list serves one page. The continue token is the index of the next object.
func (f *fakeServer) list(w http.ResponseWriter, r *http.Request, resource, namespace string) {
	var items []string
	for _, o := range f.objects[resource] {
		if namespace == "" || metaOf(o).Namespace == namespace {
			items = append(items, o)
		}
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	to := len(items)
	next := ""
	if limit, _ := strconv.Atoi(r.URL.Query().Get("limit")); limit > 0 && from+limit < to {
		to = from + limit
		next = strconv.Itoa(to)
	}
	if strings.Contains(r.Header.Get("Accept"), "as=Table") {
		f.table(w, items[from:to], next)
		return
	}
	_, _ = fmt.Fprintf(w, `{"kind":"List","metadata":{"continue":%q,"remainingItemCount":%d},"items":[%s]}`, next, len(items)-to, strings.Join(items[from:to], ","))
}

func (f *fakeServer) table(w http.ResponseWriter, items []string, next string) {
	rows := make([]string, len(items))
	for i, o := range items {
		var s struct {
			Type     string          `json:"type"`
			Metadata json.RawMessage `json:"metadata"`
		}
		if err := json.Unmarshal([]byte(o), &s); err != nil {
			panic(err)
		}
		rows[i] = fmt.Sprintf(`{"cells":["x",%q,1,"1d"],"object":{"metadata":%s}}`, s.Type, s.Metadata)
	}
	_, _ = fmt.Fprintf(w, `{"kind":"Table","metadata":{"continue":%q},"columnDefinitions":[{"name":"Name"},{"name":"Type"},{"name":"Data"},{"name":"Age"}],"rows":[%s]}`, next, strings.Join(rows, ","))
}

// kubeconfig writes a kubeconfig with one context a URL, named a, b, …; the
// first is current.
func kubeconfig(t testing.TB, urls ...string) string {
	t.Helper()
	var clusters, contexts []any
	for i, u := range urls {
		name := string(rune('a' + i))
		clusters = append(clusters, map[string]any{"name": name, "cluster": map[string]any{"server": u}})
		contexts = append(contexts, map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": "u"}})
	}
	enc, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Config", "current-context": "a", "clusters": clusters,
		"contexts": contexts, "users": []any{map[string]any{"name": "u", "user": map[string]any{}}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, enc, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
