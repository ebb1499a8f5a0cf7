package kubernetes

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// auditSample is the nth of a series of audit events of several sorts.
func auditSample(t testing.TB, n int) []byte {
	t.Helper()
	at := time.Date(2026, 3, 2, 8, 0, n%60, n*1000, time.UTC).Add(time.Duration(n/60) * time.Minute).Format("2006-01-02T15:04:05.000000Z")
	e := map[string]any{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": fmt.Sprintf("audit-%d", n), "stage": "ResponseComplete",
		"requestURI": "/api/v1/namespaces/pay/secrets/db", "verb": "get", "requestReceivedTimestamp": at, "stageTimestamp": at,
		"user": map[string]any{"username": "system:serviceaccount:pay:api", "groups": []string{"system:serviceaccounts", "system:authenticated"},
			"extra": map[string]any{extraCredential: []string{"JTI=" + fmt.Sprintf("1b2c-%d", n)}, extraPod: []string{"web-7d9f8c6b54-x2x4k"}, extraNode: []string{"node-1"}}},
		"sourceIPs": []string{"192.0.2.9", "10.1.2.3"}, "userAgent": "agent/1", "responseStatus": map[string]any{"code": 200},
		"objectRef":   map[string]any{"resource": "secrets", "namespace": "pay", "name": "db", "apiVersion": "v1"},
		"annotations": map[string]string{annotationDecided: "allow"}}
	switch n % 4 {
	case 1:
		e["verb"], e["responseStatus"] = "list", map[string]any{"code": 403, "reason": "Forbidden"}
		e["annotations"] = map[string]string{annotationDecided: "forbid"}
	case 2:
		e["verb"], e["requestURI"] = "create", "/api/v1/namespaces/pay/pods/web/exec?command=sh&command=-c&command="+auditSecret()+"&tty=true&stdin=true"
		e["objectRef"] = map[string]any{"resource": "pods", "namespace": "pay", "name": "web", "subresource": "exec", "apiVersion": "v1"}
	case 3:
		delete(e, "auditID")
		e["requestObject"] = map[string]any{"kind": "Secret", "stringData": map[string]string{"password": auditSecret()}, "n": n}
		e["verb"] = "create"
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func auditSecret() string { return strings.Join([]string{"planted", "in", "a", "body", "8155"}, "-") }

func auditOptions() map[string]string { return map[string]string{"cluster-uid": fakeUID} }

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: Spec(), Open: connectortest.OpenActivity(Spec(), auditOptions()), File: "audit.log",
		Write: connectortest.Lines(auditSample, `{"kind":"Event","verb":"`+connectortest.DamagedText+`", "user" "x"}`), Record: auditSample,
		Secrets: []string{auditSecret()}, Options: auditOptions(),
	})
}

func TestActivityPage(t *testing.T) {
	connectortest.ActivityPage(t, Spec(), "../../docs/connectors/kubernetes.md")
}

func auditRealm() retinue.Realm { return retinue.NewRealm("kubernetes", fakeUID) }

// decodeAudit decodes a record as one of the fake cluster.
func decodeAudit(t testing.TB, record string) []retinue.Event {
	t.Helper()
	events, err := (&auditDecoder{realm: auditRealm(), issuer: "https://issuer.example"}).decode([]byte(record))
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, record)
	}
	for _, e := range events {
		if err := connectortest.CheckEvent(Spec(), e); err != nil {
			t.Errorf("%v\n%s", err, record)
		}
	}
	return events
}

// auditText writes what of an event the tests look at.
func auditText(e retinue.Event) string {
	parts := []string{string(e.Class), e.Identity.Kind + ":" + e.Identity.Key, e.Action, e.Resource.Key, string(e.Outcome)}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("reason", e.Reason)
	if !e.Credential.IsZero() {
		add("with", e.Credential.Kind+":"+e.Credential.Key)
	}
	for _, j := range e.Joins {
		add("join", string(j.Kind)+":"+j.Value)
	}
	for _, v := range e.Via {
		add("via", v.Kind+":"+v.Key)
	}
	if !e.OnBehalfOf.IsZero() {
		add("for", e.OnBehalfOf.Kind+":"+e.OnBehalfOf.Key)
	}
	if e.Origin.Address.IsValid() {
		add("from", e.Origin.Address.String())
	}
	if !e.Origin.Workload.IsZero() {
		add("workload", e.Origin.Workload.Kind+":"+e.Origin.Workload.Key+" "+e.Origin.Run)
	}
	if e.Origin.Interactive {
		add("tty", "yes")
	}
	for _, c := range e.Context {
		add(c.Key, c.Value)
	}
	for _, x := range e.Touches {
		add(string(x.Kind), x.Target.Kind+":"+x.Target.Key)
	}
	return strings.Join(parts, " ")
}

// audit makes an event of a few fields.
func audit(fields string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a-1","stage":"ResponseComplete","requestReceivedTimestamp":"2026-03-02T08:00:00.000001Z",` + fields + `}`
}

func TestAuditEvents(t *testing.T) {
	const account = `"user":{"username":"system:serviceaccount:pay:api","groups":["system:authenticated"]}`
	sum := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name, record string
		want         []string
	}{
		{"a bound token", audit(`"verb":"get","user":{"username":"system:serviceaccount:pay:api","extra":{"authentication.kubernetes.io/credential-id":["JTI=7d2e"],
			"authentication.kubernetes.io/pod-name":["web-7d9f8c6b54-x2x4k"],"authentication.kubernetes.io/node-name":["n1"]}},"sourceIPs":["203.0.113.9","::ffff:10.0.0.4"],
			"objectRef":{"resource":"deployments","namespace":"pay","name":"web","apiGroup":"apps","subresource":"scale"},"responseStatus":{"code":200}`),
			[]string{"management service_account:pay/api get pay/deployments.apps/scale:web success with=token:7d2e join=provider_id:https://issuer.example:7d2e via=user:system:node:n1 from=10.0.0.4 workload=deployment:pay/web web-7d9f8c6b54-x2x4k"}},
		{"a certificate", audit(`"verb":"list","user":{"username":"jane","groups":["ops","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=` + sum + `"]}},
			"objectRef":{"resource":"secrets","namespace":"pay"},"responseStatus":{"code":200}`),
			[]string{"data user:jane list pay/secrets success with=certificate:" + sum + " join=certificate:" + sum + " groups=ops read=namespace:pay"}},
		{"a legacy token", audit(`"verb":"get",` + account + `,"requestURI":"/healthz?x=1","annotations":{"authentication.k8s.io/legacy-token-manual-secret":"api-token"},"responseStatus":{"code":200}`),
			[]string{"management service_account:pay/api get /healthz success with=secret:pay/api-token"}},
		{"an invalidated token", audit(`"verb":"get","user":{},"requestURI":"/api","annotations":{"authentication.k8s.io/legacy-token-invalidated":"api-token/pay"},"responseStatus":{"code":401,"reason":"Unauthorized"}`),
			[]string{"sign_in : get /api denied reason=Unauthorized with=secret:pay/api-token"}},
		{"a role of AWS", audit(`"verb":"get","user":{"username":"dev","extra":{"accessKeyId":["ASIA` + `ABCDEFGHIJKLMNOP"],"arn":["arn:aws:sts::111122223333:assumed-role/Dev/ann"]}},
			"objectRef":{"resource":"pods"},"responseStatus":{"code":404,"reason":"NotFound"}`),
			[]string{"management user:dev get pods error reason=NotFound join=provider_id:aws:ASIA" + "ABCDEFGHIJKLMNOP via=role:arn:aws:iam::111122223333:role/Dev"}},
		{"impersonation", audit(`"verb":"delete","user":{"username":"admin@example.com"},"impersonatedUser":{"username":"system:serviceaccount:pay:api","groups":["system:serviceaccounts","breakglass"]},
			"objectRef":{"resource":"pods","namespace":"pay","name":"web"},"responseStatus":{"code":200}`),
			[]string{"management service_account:pay/api delete pay/pods:web success via=user:admin@example.com groups=breakglass",
				"management user:admin@example.com impersonate pay/serviceaccounts:api success for=service_account:pay/api",
				"management user:admin@example.com impersonate groups:breakglass success for=service_account:pay/api"}},
		{"a token that is issued", audit(`"verb":"create",` + account + `,"objectRef":{"resource":"serviceaccounts","namespace":"pay","name":"ci","subresource":"token"},
			"annotations":{"authentication.kubernetes.io/issued-credential-id":"JTI=99"},"responseStatus":{"code":201}`),
			[]string{"management service_account:pay/api create pay/serviceaccounts/token:ci success issue=service_account:pay/ci issue=token:99"}},
		{"a binding", audit(`"verb":"create",` + account + `,"objectRef":{"resource":"rolebindings","namespace":"pay","name":"x","apiGroup":"rbac.authorization.k8s.io"},"responseStatus":{"code":201},
			"requestObject":{"subjects":[{"kind":"ServiceAccount","name":"bot"},{"kind":"Group","name":"ops"}]}`),
			[]string{"management service_account:pay/api create pay/rolebindings.rbac.authorization.k8s.io success edit=role_binding:pay/x edit=service_account:pay/bot edit=group:ops"}},
		{"an escalation that was refused", audit(`"verb":"create",` + account + `,"annotations":{"authorization.k8s.io/decision":"allow"},"objectRef":{"resource":"clusterroles","name":"x","apiGroup":"rbac.authorization.k8s.io"},"responseStatus":{"code":403,"reason":"Forbidden"}`),
			[]string{"management service_account:pay/api create clusterroles.rbac.authorization.k8s.io denied reason=Forbidden after authorization"}},
		{"a command in a pod", audit(`"verb":"create",` + account + `,"requestURI":"/x?command=id&tty=true","objectRef":{"resource":"pods","namespace":"pay","name":"web","subresource":"exec"},"responseStatus":{"code":101}`),
			[]string{"data service_account:pay/api create pay/pods/exec:web success tty=yes run=pod:pay/web"}},
		{"a pod that runs as an account", audit(`"verb":"create",` + account + `,"objectRef":{"resource":"pods","namespace":"pay"},"requestObject":{"spec":{"serviceAccountName":"admin"}},"responseStatus":{"code":201}`),
			[]string{"management service_account:pay/api create pay/pods success run=service_account:pay/admin"}},
		{"an approval", audit(`"verb":"update",` + account + `,"objectRef":{"resource":"certificatesigningrequests","name":"r","apiGroup":"certificates.k8s.io","subresource":"approval"},"responseStatus":{"code":200}`),
			[]string{"management service_account:pay/api update */certificatesigningrequests.certificates.k8s.io/approval:r success issue=certificate_signing_request:r"}},
		{"a pod that a controller named", audit(`"verb":"create",` + account + `,"objectRef":{"resource":"pods","namespace":"pay","name":"web-7d9f8c6b54-x2x4k","subresource":"attach"},"responseStatus":{"code":101}`),
			[]string{"data service_account:pay/api create pay/pods/attach success run=pod:pay/web-7d9f8c6b54-x2x4k"}},
		{"a replica set", audit(`"verb":"get",` + account + `,"objectRef":{"resource":"replicasets","namespace":"pay","name":"web-7d9f8c6b54","apiGroup":"apps"},"responseStatus":{"code":200}`),
			[]string{"management service_account:pay/api get pay/replicasets.apps success"}},
		{"a pod of a stateful set", audit(`"verb":"get",` + account + `,"objectRef":{"resource":"pods","namespace":"pay","name":"db-0"},"responseStatus":{"code":200}`),
			[]string{"management service_account:pay/api get pay/pods:db-0 success"}},
		{"a panic", audit(`"verb":"get",` + account + `,"requestURI":"/x","stage":"Panic","responseStatus":{"code":500}`),
			[]string{"management service_account:pay/api get /x error reason=500"}},
		{"before anything was decided", strings.Replace(audit(`"verb":"get",`+account), "ResponseComplete", "RequestReceived", 1), nil},
		{"an unknown version", strings.Replace(audit(`"verb":"get",`+account), "audit.k8s.io/v1", "audit.k8s.io/v2", 1), []string{"unknown :   unknown"}},
		{"other types", audit(`"verb":7,"user":[]`), []string{"unknown :   unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range decodeAudit(t, c.record) {
				got = append(got, auditText(e))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestAuditStages: the stages of one request have one id, and so do not two
// requests to which a caller gave one audit id.
func TestAuditStages(t *testing.T) {
	record := audit(`"verb":"watch","user":{"username":"jane"},"objectRef":{"resource":"pods"},"responseStatus":{"code":200},"stageTimestamp":"2026-03-02T09:00:00Z"`)
	a := decodeAudit(t, record)[0]
	b := decodeAudit(t, strings.Replace(record, "ResponseComplete", "ResponseStarted", 1))[0]
	c := decodeAudit(t, strings.Replace(record, "08:00:00.000001", "08:00:00.000002", 1))[0]
	if a.ID != b.ID || !a.At.Equal(b.At) || a.ID == c.ID {
		t.Errorf("ids %q, %q, %q: want two alike and one other", a.ID, b.ID, c.ID)
	}
	long := decodeAudit(t, strings.Replace(record, "a-1", strings.Repeat("x", 4000), 1))[0]
	if len(long.ID) > retinue.MaxEventIDLength {
		t.Errorf("an audit id of %d bytes", len(long.ID))
	}
}

// TestAuditEnvelopes delivers one event in every form: it has one id in all.
func TestAuditEnvelopes(t *testing.T) {
	event := string(auditSample(t, 0))
	quoted, _ := json.Marshal(event)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	fmt.Fprintf(w, `{"messageType":"DATA_MESSAGE","owner":"1","logStream":"kube-apiserver-audit-1","logEvents":[{"id":"1","timestamp":1,"message":%s},{"id":"2","message":"I0302 started"}]}`, quoted)
	_ = w.Close()
	data := base64.StdEncoding.EncodeToString(z.Bytes())
	forms := map[string]string{
		"plain":        event,
		"webhook":      `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + event + `]}`,
		"subscription": fmt.Sprintf(`{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":%s}]}`, quoted),
		"control":      `{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE: Checking"}]}`,
		"lambda":       `{"awslogs":{"data":"` + data + `"}}`,
		"kinesis":      `{"Records":[{"kinesis":{"data":"` + data + `"}}]}`,
		"firehose":     `{"records":[{"data":"` + data + `"}]}`,
		"filtered":     fmt.Sprintf(`{"events":[{"logStreamName":"x","timestamp":1,"message":%s,"eventId":"3"}],"searchedLogStreams":[]}`, quoted),
		"bucket":       "2026-03-02T08:00:00.000Z " + event,
		"event hub":    fmt.Sprintf(`{"records":[{"category":"kube-audit","time":"x","properties":{"log":%s,"stream":"stdout"}},{"category":"guard","properties":{"log":"x"}}]}`, quoted),
		"object":       `{"category":"kube-audit-admin","properties":{"log":` + event + `}}`,
	}
	want := decodeAudit(t, event)[0]
	for name, form := range forms {
		got := decodeAudit(t, form)
		if name == "control" {
			if len(got) != 0 {
				t.Errorf("%s: %d events", name, len(got))
			}
			continue
		}
		if len(got) != 1 || got[0].ID != want.ID || auditText(got[0]) != auditText(want) {
			t.Errorf("%s: got %v, want %s", name, got, auditText(want))
		}
	}
	dir := t.TempDir()
	for name, form := range forms {
		if err := os.WriteFile(filepath.Join(dir, name+".log"), []byte(form+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "delivered.gz"), z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := connectortest.Read(t, connectortest.OpenActivity(Spec(), auditOptions())(t, connectortest.Env(t), dir), nil)
	for _, f := range r.Faults {
		t.Errorf("files: %v", f)
	}
	for _, e := range r.Events {
		if e.ID != want.ID {
			t.Errorf("an event of another id: %s", e.ID)
		}
	}
	if len(r.Events) != len(forms) { // without control, with the delivered file
		t.Errorf("%d events from files, want %d", len(r.Events), len(forms))
	}
	nested := event
	for range maxWraps + 2 {
		nested = `{"items":[` + nested + `]}`
	}
	if _, err := (&auditDecoder{}).decode([]byte(nested)); err == nil {
		t.Error("an event wrapped too often was taken")
	}
}

func TestAuditGoogle(t *testing.T) {
	const entry = `{"insertId":"i1","timestamp":"2026-03-02T08:00:00.5Z","protoPayload":{"serviceName":"k8s.io","methodName":"io.k8s.core.v1.pods.exec.create",
		"resourceName":"core/v1/namespaces/pay/pods/web/exec","authenticationInfo":{"principalEmail":"system:serviceaccount:pay:api"},
		"authorizationInfo":[{"granted":true,"permission":"x"}],"requestMetadata":{"callerIp":"10.0.0.7","callerSuppliedUserAgent":"kubectl"},"status":{}},
		"operation":{"id":"op","first":true,"last":true},"labels":{"authorization.k8s.io/decision":"allow"}}`
	got := decodeAudit(t, entry)[0]
	if want := "data service_account:pay/api create pay/pods/exec:web success from=10.0.0.7 run=pod:pay/web"; auditText(got) != want {
		t.Errorf("got %s, want %s", auditText(got), want)
	}
	denied := decodeAudit(t, strings.Replace(strings.Replace(entry, `"granted":true`, `"granted":false`, 1), `"status":{}`, `"status":{"code":7}`, 1))[0]
	if denied.Outcome != retinue.OutcomeDenied || len(denied.Touches) != 0 {
		t.Errorf("denied: %s", auditText(denied))
	}
	first := decodeAudit(t, strings.Replace(entry, `"last":true`, `"last":false`, 1))[0]
	last := decodeAudit(t, strings.Replace(strings.Replace(entry, `"first":true`, `"first":false`, 1), `"insertId":"i1"`, `"insertId":"i2"`, 1))[0]
	if first.ID != last.ID {
		t.Errorf("the entries of one operation are %q and %q", first.ID, last.ID)
	}
	for name, other := range map[string]string{
		"another service": strings.Replace(strings.ReplaceAll(entry, "io.k8s.", "google."), `"k8s.io"`, `"storage.googleapis.com"`, 1),
		"another log":     `{"logName":"projects/p/logs/stdout","insertId":"x","timestamp":"2026-03-02T08:00:00Z","textPayload":"hello"}`,
	} {
		if got, err := (&auditDecoder{}).decode([]byte(other)); err != nil || len(got) != 0 {
			t.Errorf("an entry of %s: %v, %v", name, got, err)
		}
	}
	message := `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(entry)) + `","messageId":"1"},"subscription":"s"}`
	if got := decodeAudit(t, message); len(got) != 1 || got[0].ID != decodeAudit(t, entry)[0].ID {
		t.Errorf("in a message of Pub/Sub: %v", got)
	}
	for email, via := range map[string]string{
		"Deploy@acme-prod.iam.gserviceaccount.com":           "gcp:acme-prod/service_account/deploy@acme-prod.iam.gserviceaccount.com",
		"acme-prod@appspot.gserviceaccount.com":              "gcp:acme-prod/service_account/acme-prod@appspot.gserviceaccount.com",
		"123456789012-compute@developer.gserviceaccount.com": "",
		"ann@example.com": "google:example.com/user/ann@example.com",
	} {
		e := decodeAudit(t, strings.Replace(entry, "system:serviceaccount:pay:api", email, 1))[0]
		if e.Identity.Realm != auditRealm() || e.Identity.Key != email || via == "" && len(e.Via) > 0 || via != "" && (len(e.Via) != 1 || e.Via[0].String() != via) {
			t.Errorf("%s: %s by way of %v, want %s", email, e.Identity, e.Via, via)
		}
	}
}

// TestAuditGoogleClusters reads entries of several clusters.
func TestAuditGoogleClusters(t *testing.T) {
	entry := func(id, cluster string) []byte {
		return []byte(`{"insertId":"` + id + `","timestamp":"2026-03-02T08:00:00Z","resource":{"type":"k8s_cluster","labels":{"project_id":"p","location":"l","cluster_name":"` + cluster + `"}},
			"protoPayload":{"serviceName":"k8s.io","methodName":"io.k8s.core.v1.pods.list","resourceName":"core/v1/namespaces/pay/pods","authenticationInfo":{"principalEmail":"ann@example.com"}}}`)
	}
	for option, want := range map[string]string{"": "1 0!", "a": "1 0", "projects/p/locations/l/clusters/b": "0 1", "projects/q/locations/l/clusters/b": "0 0"} {
		decode, err := Spec().Activity.Decoder(connector.Config{Options: map[string]string{"cluster-uid": fakeUID, "gke-cluster": option}}, connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := decode(entry("1", "a"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := decode(entry("2", "b"))
		got := fmt.Sprint(len(a), " ", len(b))
		if err != nil {
			got += "!"
		}
		if got != want {
			t.Errorf("gke-cluster=%s: %s of clusters a and b, want %s", option, got, want)
		}
	}
}

func TestAuditPolicy(t *testing.T) {
	d := &auditDecoder{realm: auditRealm()}
	spots, err := d.policySpots([]byte(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:kube-proxy"]
    verbs: ["watch"]
    resources: [{group: "", resources: ["endpoints", "services/status"]}]
  - level: None
    nonResourceURLs: ["/healthz*"]
  - level: Metadata
    resources: [{group: "", resources: ["secrets"]}]
  - level: Metadata
    omitStages: [ResponseComplete]
    verbs: [list]
    namespaces: [pay]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range spots {
		if s.Text == "" || s.Raise == "" || s.Cost == "" {
			t.Errorf("blind spot %+v: a text is missing", s)
		}
		got = append(got, fmt.Sprint(s.Code, s.Actions, s.Resources, s.Identities))
	}
	want := []string{
		"kubernetes.audit_policy_none[watch] [*/endpoints */endpoints:* */services/status */services/status:*] [" + string(auditRealm()) + "/user/system:kube-proxy]",
		"kubernetes.audit_policy_none[] [/healthz*] []",
		"kubernetes.audit_policy_none[list] [pay/*] []",
		"kubernetes.audit_policy_rest[] [] []",
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || strings.ReplaceAll(got[i], "endpoints endpoints:* services/status services/status:* ", "") != want[i] {
			t.Errorf("blind spot %d: got %q, want %q", i, got, want)
			break
		}
	}
	if spots, err := d.policySpots([]byte("kind: Policy\nrules: [{level: Metadata}]")); err != nil || len(spots) != 0 {
		t.Errorf("a policy that logs everything: %v, %v", spots, err)
	}
	if _, err := d.policySpots([]byte("kind: Deployment")); err == nil {
		t.Error("another object was taken for a policy")
	}
}

func TestActivityOpen(t *testing.T) {
	for _, c := range []struct {
		target  string
		options map[string]string
		ok      bool
	}{{"audit.log", auditOptions(), true}, {"audit.log", nil, false}, {"", auditOptions(), false},
		{"audit.log", map[string]string{"cluster-uid": fakeUID, "audit-policy": "absent.yaml"}, false}} {
		_, err := Spec().Activity.Open(t.Context(), connector.Config{Target: c.target, Options: c.options}, connectortest.Env(t))
		if (err == nil) != c.ok {
			t.Errorf("%s %v: %v", c.target, c.options, err)
		}
	}
}
