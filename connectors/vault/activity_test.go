package vault

import (
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

func planted() string { return "hv" + "s." + strings.Repeat("plantedRoot", 3) }

// sample is the nth of a series of entries of several sorts.
func sample(t testing.TB, n int) []byte {
	t.Helper()
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second).Format(time.RFC3339Nano)
	auth := map[string]any{"accessor": "hmac-sha256:aa" + fmt.Sprint(n%3), "client_token": planted(), "display_name": "approle", "entity_id": "e-1",
		"policies": []string{"default", "ci"}, "metadata": map[string]string{"role_name": "ci"}, "token_type": "service", "policy_results": map[string]any{"allowed": true}}
	req := map[string]any{"id": fmt.Sprintf("r-%d", n), "operation": "read", "path": "secret/data/db", "mount_point": "secret/", "mount_type": "kv", "mount_class": "secret",
		"client_token": planted(), "client_token_accessor": "hmac-sha256:aa" + fmt.Sprint(n%3), "remote_address": "10.0.0.9", "namespace": map[string]any{"id": "root"}}
	e := map[string]any{"time": at, "type": "response", "auth": auth, "request": req, "response": map[string]any{"data": map[string]any{"data": planted()}}}
	switch n % 4 {
	case 1:
		e["error"] = "1 error occurred:\n\t* permission denied " + planted()
		auth["policy_results"] = map[string]any{"allowed": false}
	case 2:
		delete(e, "auth")
		req["path"], req["operation"], req["mount_point"] = "auth/approle/login", "update", "auth/approle/"
		req["data"] = map[string]any{"secret_id": planted()}
		e["response"] = map[string]any{"auth": auth}
	case 3:
		delete(req, "id")
		req["n"] = n
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func options() map[string]string { return map[string]string{"cluster": "c-1"} }

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: Spec(), Open: connectortest.OpenActivity(Spec(), options()), File: "audit.log",
		Write: connectortest.Lines(sample, `{"time":"`+connectortest.DamagedText+`", "request" "x"}`), Record: sample,
		Secrets: []string{planted()}, Options: options(),
	})
}

func TestActivityPage(t *testing.T) {
	connectortest.ActivityPage(t, Spec(), "../../docs/connectors/vault.md")
}

func decode(t testing.TB, record string) []retinue.Event {
	t.Helper()
	events, err := (&decoder{realm: "vault:c-1"}).decode([]byte(record))
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

// brief writes what of an event the tests look at.
func brief(e retinue.Event) string {
	parts := []string{string(e.Class), e.Identity.Kind + ":" + e.Identity.Key, e.Action + e.Operation, e.Resource.Key, string(e.Outcome)}
	if e.Reason != "" {
		parts = append(parts, "reason="+e.Reason)
	}
	if !e.Credential.IsZero() {
		parts = append(parts, "with="+e.Credential.Key)
	}
	for _, j := range e.Joins {
		parts = append(parts, "join="+j.Value)
	}
	for _, x := range e.Touches {
		parts = append(parts, string(x.Kind)+"="+x.Target.Kind+":"+x.Target.Key)
	}
	return strings.Join(parts, " ")
}

// answered makes a response to a request.
func answered(operation, path, mount, kind, rest string) string {
	return fmt.Sprintf(`{"time":"2026-03-02T08:00:00.5Z","type":"response","auth":{"accessor":"hmac-sha256:a","entity_id":"e-1","display_name":"approle"},
		"request":{"id":"r-1","operation":%q,"path":%q,"mount_point":%q,"mount_type":%q,"client_token_accessor":"hmac-sha256:a"}%s}`, operation, path, mount, kind, rest)
}

func TestAuditEvents(t *testing.T) {
	for _, c := range []struct{ name, record, want string }{
		{"a secret", answered("read", "secret/data/db", "secret/", "kv", `,"response":{"data":{"data":"hmac-sha256:x"}}`),
			"data entity:e-1 read secret/data/db success with=hmac-sha256:a read=path:secret/data/db"},
		{"names of secrets", answered("list", "secret/metadata/", "secret/", "kv", `,"response":{}`), "data entity:e-1 list secret/metadata/ success with=hmac-sha256:a"},
		{"a secret that is replaced", answered("update", "secret/data/db", "secret/", "kv", `,"response":{}`), "data entity:e-1 update secret/data/db success with=hmac-sha256:a rotate=path:secret/data/db"},
		{"a database login", answered("read", "database/creds/app", "database/", "database", `,"response":{"secret":{"lease_id":"x"}}`),
			"data entity:e-1 read database/creds/app success with=hmac-sha256:a issue=path:database/creds/app"},
		{"a secret id", answered("update", "auth/approle/role/ci/secret-id", "auth/approle/", "approle", `,"response":{"data":{"secret_id":"x"}}`),
			"management entity:e-1 update auth/approle/role/ci/secret-id success with=hmac-sha256:a issue=path:auth/approle/role/ci/secret-id"},
		{"a token", answered("update", "auth/token/create", "auth/token/", "token", `,"response":{"auth":{"accessor":"hmac-sha256:new"}}`),
			"management entity:e-1 update auth/token/create success with=hmac-sha256:a issue=token:hmac-sha256:new"},
		{"a refusal", answered("read", "secret/data/db", "secret/", "kv", `,"error":"1 error occurred:\n\t* permission denied"`),
			"data entity:e-1 read secret/data/db denied reason=permission denied with=hmac-sha256:a"},
		{"an error", answered("read", "secret/nope", "secret/", "kv", `,"error":"something with a value in it"`), "data entity:e-1 read secret/nope error reason=error with=hmac-sha256:a"},
		{"the end of a device", answered("delete", "sys/audit/file", "sys/", "system", `,"response":{}`), "management entity:e-1 delete sys/audit/file success with=hmac-sha256:a silence=path:sys/audit/file"},
		{"a policy", answered("update", "sys/policies/acl/ci", "sys/", "system", `,"response":{}`), "management entity:e-1 update sys/policies/acl/ci success with=hmac-sha256:a edit=policy:ci"},
		{"the storage", answered("read", "sys/raw/core/keyring", "sys/", "system", `,"response":{}`), "management entity:e-1 read sys/raw/core/keyring success with=hmac-sha256:a read=path:sys/raw/core/keyring"},
		{"a lease", answered("update", "sys/leases/revoke/database/creds/app/Xy12", "sys/", "system", `,"response":{}`), "management entity:e-1 update sys/leases/revoke/database/creds/app success with=hmac-sha256:a delete=path:sys/leases/revoke/database/creds/app"},
		{"a certificate", answered("update", "pki/issue/web", "pki/", "pki", `,"response":{}`), "data entity:e-1 update pki/issue/web success with=hmac-sha256:a issue=path:pki/issue/web"},
		{"a sign-in", `{"time":"2026-03-02T08:00:00Z","type":"response","request":{"id":"r","operation":"update","path":"auth/approle/login","mount_point":"auth/approle/"},
			"response":{"auth":{"accessor":"hmac-sha256:n","entity_id":"e-2","display_name":"approle","metadata":{"role_name":"ci"}}}}`,
			"sign_in entity:e-2 update auth/approle/login success issue=token:hmac-sha256:n"},
		{"a refused sign-in", `{"time":"2026-03-02T08:00:00Z","type":"response","request":{"id":"r","operation":"update","path":"auth/x/y/login/ann","mount_point":"auth/x/y/"},
			"response":{"data":{"error":"hmac-sha256:x"}}}`, "sign_in : update auth/x/y/login/ann denied reason=sign-in refused"},
		{"a token without an entity", `{"time":"2026-03-02T08:00:00Z","type":"response","auth":{"accessor":"Q7kAccessor","display_name":"root"},"request":{"id":"r","operation":"help","path":"sys/mounts"},"response":{}}`,
			"management client:root help sys/mounts success with=Q7kAccessor join=vault:Q7kAccessor"},
		{"a raw device", `{"time":"2026-03-02T08:00:00Z","type":"response","auth":{"accessor":"` + planted() + `","display_name":"root"},"request":{"id":"r","operation":"read","path":"sys/mounts"},"response":{}}`,
			"management client:root read sys/mounts success"},
		{"an unknown type", `{"time":"2026-03-02T08:00:00Z","type":"heartbeat","request":{"id":"r","path":"x"}}`, "unknown :   unknown"},
		{"other types", `{"time":"2026-03-02T08:00:00Z","type":"response","request":[1]}`, "unknown :   unknown"},
		{"a prefix", `Mar  2 08:00:00 host vault[1]: @cee: ` + answered("list", "secret/metadata/", "secret/", "kv", ``), "data entity:e-1 list secret/metadata/ success with=hmac-sha256:a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range decode(t, c.record) {
				got = append(got, brief(e))
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestRequests: a request and its response are one use; a request that nothing
// answered counts by itself.
func TestRequests(t *testing.T) {
	dir := t.TempDir()
	line := func(kind, id, at string) string {
		return fmt.Sprintf(`{"time":"2026-03-02T08:%sZ","type":%q,"auth":{"entity_id":"e"},"request":{"id":%q,"operation":"read","path":"secret/x","mount_type":"kv"}}`, at, kind, id)
	}
	text := strings.Join([]string{line("request", "a", "00:00"), line("request", "b", "00:01"), line("response", "a", "00:02"), line("request", "c", "05:00"), line("response", "c", "05:01")}, "\n")
	if err := os.WriteFile(filepath.Join(dir, "audit.log"), []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := connectortest.Read(t, connectortest.OpenActivity(Spec(), options())(t, connectortest.Env(t), dir), nil)
	got := map[string]retinue.Outcome{}
	for _, e := range r.Events {
		got[e.ID] = e.Outcome
	}
	want := map[string]retinue.Outcome{"a": retinue.OutcomeSuccess, "b": retinue.OutcomeUnknown, "c": retinue.OutcomeSuccess}
	if len(r.Events) != 3 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestDisabled: the time from the end of a device to the next entry is a gap.
func TestDisabled(t *testing.T) {
	dir := t.TempDir()
	off := strings.Replace(answered("delete", "sys/audit/file", "sys/", "system", ""), `"response"`, `"request"`, 1)
	on := strings.Replace(answered("read", "secret/x", "secret/", "kv", ""), "08:00:00.5", "11:30:00", 1)
	content := strings.ReplaceAll(off, "\n", "") + "\n" + strings.ReplaceAll(strings.Replace(on, "r-1", "r-2", 1), "\n", "") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "audit.log"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	r := connectortest.Read(t, connectortest.OpenActivity(Spec(), options())(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 2 || len(r.Events[0].Touches) != 1 || r.Events[0].Touches[0].Kind != retinue.TouchSilence || r.Events[0].Outcome != retinue.OutcomeUnknown {
		t.Errorf("events: %+v", r.Events)
	}
	for _, c := range r.Coverage {
		for _, s := range c.BlindSpots {
			if s.Code == "vault.audit_disabled" && s.From.Hour() == 8 && s.To.Hour() == 11 {
				return
			}
		}
	}
	t.Errorf("no gap in %+v", r.Coverage)
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		target  string
		options map[string]string
	}{{"", options()}, {"audit.log", nil}} {
		if _, err := Spec().Activity.Open(t.Context(), connector.Config{Target: c.target, Options: c.options}, connectortest.Env(t)); err == nil {
			t.Errorf("%q %v was opened", c.target, c.options)
		}
	}
	if _, err := Spec().Connect(t.Context(), connector.Config{Target: "x"}, connectortest.Env(t)); err == nil {
		t.Error("a kind that only reads logs was opened as a source")
	}
}

func FuzzAudit(f *testing.F) {
	for n := range 4 {
		f.Add(sample(f, n))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		d := newFileDecoder("vault:c-1", &gaps{}).decoder
		for range 2 {
			events, _ := d.decode(record)
			for _, e := range events {
				if err := connectortest.CheckEvent(Spec(), e); err != nil {
					t.Errorf("%v", err)
				}
				if strings.Contains(fmt.Sprint(e.Credential, e.Joins), "hvs.") {
					t.Errorf("a token in %s", brief(e))
				}
			}
		}
	})
}
