package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestAuditSamples reads real and made-up events of EKS, AKS and GKE. They were
// cut down to what a detection looks at: a time is added where none was left.
func TestAuditSamples(t *testing.T) {
	text, err := os.ReadFile(testkit.Data(t, "cloudtrail", "events-by-source", "Amazon.EKS.Audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	byTitle := map[string]retinue.Event{}
	counts := map[string]int{}
	for line := range bytes.Lines(text) {
		var s struct {
			Test, Rule string
			Event      map[string]any
		}
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		events, err := (&auditDecoder{realm: auditRealm()}).decode(timed(t, s.Event))
		switch {
		case err != nil:
			counts["refused"]++
		case len(events) == 0:
			counts["passed over"]++
		default:
			counts[string(events[0].Outcome)]++
			byTitle[s.Rule+"/"+s.Test] = events[0]
			if err := connectortest.CheckEvent(Spec(), events[0]); err != nil {
				t.Errorf("%s/%s: %v", s.Rule, s.Test, err)
			}
		}
	}
	// What is refused is of other products; what is passed over is another
	// category of AKS, and another service of Google Cloud.
	if want := "map[denied:18 error:2 passed over:2 refused:7 success:99 unknown:7]"; fmt.Sprint(counts) != want {
		t.Errorf("samples: %v, want %s", counts, want)
	}
	for name, want := range map[string]string{
		"Kubernetes.API.Multiple403.PublicIP/EKS 403 from Public IP":              "management service_account:kube-system/coredns watch endpointslices.discovery.k8s.io denied reason=403 from=5.5.5.5",
		"Kubernetes.Secret.AccessDenied/AKS failed secret get (401 Unauthorized)": "data user:compromised-user@example.com get default/secrets:api-token denied reason=401 from=1.2.3.4",
	} {
		if got := auditText(byTitle[name]); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}

// timed adds a time to a sample, also to one within an export of AKS.
func timed(t testing.TB, e map[string]any) []byte {
	t.Helper()
	const at = "2026-03-02T08:00:00Z"
	add := func(m map[string]any) {
		if m["requestReceivedTimestamp"] == nil && m["stageTimestamp"] == nil {
			m["requestReceivedTimestamp"] = at
		}
	}
	if p, ok := e["properties"].(map[string]any); ok {
		var inner map[string]any
		if text, ok := p["log"].(string); ok && json.Unmarshal([]byte(text), &inner) == nil {
			add(inner)
			b, _ := json.Marshal(inner)
			p["log"] = string(b)
		}
		if m, ok := p["log"].(map[string]any); ok {
			add(m)
		}
	} else if e["protoPayload"] != nil && e["timestamp"] == nil {
		e["timestamp"] = at
	} else {
		add(e)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzAudit(f *testing.F) {
	for n := range 4 {
		f.Add(auditSample(f, n))
	}
	f.Add([]byte(`{"messageType":"DATA_MESSAGE","logEvents":[{"message":"{}"}]}`))
	f.Add([]byte(`{"protoPayload":{"serviceName":"k8s.io","methodName":"io.k8s.get","resourceName":"a/v1/b"},"timestamp":"2026-03-02T08:00:00Z"}`))
	f.Add([]byte(`{"category":"kube-audit","properties":{"log":"{}"}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		events, _ := (&auditDecoder{realm: auditRealm(), issuer: "i"}).decode(record)
		for _, e := range events {
			if err := connectortest.CheckEvent(Spec(), e); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}

func FuzzAuditPolicy(f *testing.F) {
	f.Add([]byte("kind: Policy\nrules: [{level: None, verbs: [get], resources: [{group: apps, resources: [x/y], resourceNames: [z]}]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = (&auditDecoder{}).policySpots(text)
	})
}
