package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// auditCluster is the cluster of which the audit log is.
const auditCluster = "cluster-uid=6b1c2f0e-0d57-4f0e-9d34-8a1a2b3c4d5e"

// account is a service account of a cluster, with all that it ever does.
type account struct {
	namespace, name, id, agent string
	pods                       int
	calls                      []auditCall
}

// auditCall is a request; %d of its object changes from request to request.
type auditCall struct{ verb, group, resource, object string }

// accountsOfCluster is how many service accounts act.
const accountsOfCluster = 3000

// audit writes files of an audit log as an API server rotates them, compressed:
// one a slot, an event a line at level Metadata.
func audit(dir string, files, each int, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 0x6175_6469_74)) //nolint:gosec // made-up data
	list := make([]account, accountsOfCluster)
	for i := range list {
		list[i] = newAccount(rng, i)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	n := 0
	for i := range files {
		at := begin.Add(time.Duration(i) * slot)
		err := writeLines(filepath.Join(dir, fmt.Sprintf("audit-%s.log.gz", at.Format("2006-01-02T15-04-05.000"))), func(w io.Writer) error {
			for k := range each {
				x := rng.Float64() // few act much
				n++
				if err := list[int(x*x*accountsOfCluster)].event(w, rng, n, at.Add(slot*time.Duration(k)/time.Duration(each))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func newAccount(rng *rand.Rand, i int) account {
	a := account{namespace: fmt.Sprintf("team-%03d", i%200), id: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i), pods: 1 + rng.IntN(4),
		name:  fmt.Sprintf("%s-%s-%04d", []string{"billing", "checkout", "ledger", "search", "report"}[rng.IntN(5)], []string{"api", "worker", "operator", "sync"}[rng.IntN(4)], i),
		agent: []string{"controller/v0.0.0 (linux/amd64) kubernetes/$Format", "kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0", "python-requests/2.32.3", "okhttp/4.12.0"}[rng.IntN(4)]}
	some := []auditCall{{"get", "", "secrets", "db"}, {"update", "coordination.k8s.io", "leases", "leader"}, {"watch", "", "configmaps", ""}, {"list", "", "pods", ""},
		{"get", "", "pods", "web-7d9f8c6b54-%d"}, {"patch", "apps", "deployments", "web"}, {"create", "", "events", ""}, {"get", "apps", "replicasets", "web-%d"}}
	for range 1 + rng.IntN(6) {
		a.calls = append(a.calls, some[rng.IntN(len(some))])
	}
	return a
}

// event writes an event of the account.
func (a *account) event(w io.Writer, rng *rand.Rand, n int, at time.Time) error {
	c := a.calls[rng.IntN(len(a.calls))]
	object := strings.ReplaceAll(c.object, "%d", strconv.Itoa(rng.IntN(20)))
	pod, path := rng.IntN(a.pods), "/api/v1"
	if c.group != "" {
		path = "/apis/" + c.group + "/v1"
	}
	code, decided := 200, "allow"
	if rng.IntN(50) == 0 {
		code, decided = 403, "forbid"
	}
	stamp := at.Format("2006-01-02T15:04:05.000000Z")
	_, err := fmt.Fprintf(w, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%08[1]x-1111-4000-8000-%012[1]x","stage":"ResponseComplete","requestURI":"%[2]s/namespaces/%[3]s/%[4]s/%[5]s","verb":"%[6]s","user":{"username":"system:serviceaccount:%[3]s:%[7]s","uid":"%[8]s","groups":["system:serviceaccounts","system:serviceaccounts:%[3]s","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["JTI=%08[9]x-2222-4000-8000-%012[9]x"],"authentication.kubernetes.io/node-name":["node-%[10]d"],"authentication.kubernetes.io/node-uid":["%08[10]x-3333-4000-8000-%012[10]x"],"authentication.kubernetes.io/pod-name":["%[7]s-%[11]d"],"authentication.kubernetes.io/pod-uid":["%08[9]x-4444-4000-8000-%012[9]x"]}},"sourceIPs":["10.%[12]d.%[10]d.%[11]d"],"userAgent":"%[13]s","objectRef":{"resource":"%[4]s","namespace":"%[3]s","name":"%[5]s","apiGroup":"%[14]s","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":%[15]d},"requestReceivedTimestamp":"%[16]s","stageTimestamp":"%[16]s","annotations":{"authorization.k8s.io/decision":"%[17]s","authorization.k8s.io/reason":"RBAC: allowed by RoleBinding \"%[7]s/%[3]s\" of Role \"%[7]s\" to ServiceAccount \"%[7]s/%[3]s\""}}`+"\n",
		n, path, a.namespace, c.resource, object, c.verb, a.name, a.id, len(a.name)*1e6+pod*1e3+int(at.Sub(begin)/time.Hour), (len(a.name)+pod)%40, pod, len(a.name)%200, a.agent, c.group, code, stamp, decided)
	return err
}

// writeLines writes a compressed file.
func writeLines(name string, lines func(io.Writer) error) (err error) {
	f, err := os.Create(name) //nolint:gosec // the caller names the folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := bufio.NewWriterSize(f, 1<<20)
	z := gzip.NewWriter(b)
	return errors.Join(lines(z), z.Close(), b.Flush())
}

// auditRecord are the needed fields of an audit event.
type auditRecord struct {
	Kind             string            `json:"kind"`
	APIVersion       string            `json:"apiVersion"`
	AuditID          string            `json:"auditID"`
	Stage            string            `json:"stage"`
	RequestURI       string            `json:"requestURI"`
	Verb             string            `json:"verb"`
	User             auditUser         `json:"user"`
	ImpersonatedUser *auditUser        `json:"impersonatedUser"`
	SourceIPs        []string          `json:"sourceIPs"`
	UserAgent        string            `json:"userAgent"`
	RequestObject    json.RawMessage   `json:"requestObject"`
	Received         string            `json:"requestReceivedTimestamp"`
	Staged           string            `json:"stageTimestamp"`
	Annotations      map[string]string `json:"annotations"`
	Object           *struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		APIGroup    string `json:"apiGroup"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	Response *struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"responseStatus"`
}

type auditUser struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

// decodeEvents decodes the audit events of a stream.
func decodeEvents(r io.Reader) (int, error) {
	dec := json.NewDecoder(r)
	for n := 0; ; n++ {
		var e auditRecord
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}
