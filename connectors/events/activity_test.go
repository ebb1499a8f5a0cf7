package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/events"
)

// full is a line with every field.
const full = `{"log":"shop.access","id":"r1","at":"2026-03-02T08:00:00.5Z","realm":"shop:eu","class":"data","identity":"shop:eu/client/web/1","person":true,` +
	`"credential":{"realm":"forge:example.com/org","kind":"token","key":"t1"},"joins":[{"kind":"provider_id","value":"shop:k1"}],` +
	`"fingerprints":[{"keyId":"k","mac":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}],"via":["shop:eu/gateway/g"],"onBehalfOf":"shop:eu/user/ann",` +
	`"action":"orders.read","more":["orders.list"],"operation":"GET /orders","resource":"shop:eu/order/7","outcome":"denied","reason":"scope","region":"west",` +
	`"origin":{"address":"192.0.2.1","agent":"curl/8","workload":"shop:eu/pod/p","run":"9","host":"h","application":"a","service":"s","interactive":true},` +
	`"context":{"b":"2","a":"1"},"touches":[{"kind":"rotate","target":"shop:eu/secret/s"},{"kind":"silence"}]}`

func sample(t testing.TB, n int) []byte {
	t.Helper()
	e := map[string]any{"log": "shop.access", "at": time.Date(2026, 3, 2, 8, 0, n, 0, time.UTC).Format(time.RFC3339), "realm": "shop:eu", "class": "data",
		"identity": fmt.Sprintf("shop:eu/client/c%d", n%5), "operation": "GET /orders", "outcome": "success", "origin": map[string]any{"address": "192.0.2.1"}}
	if n%2 == 0 {
		e["id"] = fmt.Sprint("r", n)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestActivityConformance(t *testing.T) {
	connectortest.Activity(t, connectortest.ActivitySubject{
		Spec: events.Spec(), Open: connectortest.OpenActivity(events.Spec(), nil), File: "events.ndjson",
		Write: connectortest.Lines(sample, `{"log":"`+connectortest.DamagedText+`", "a" 1}`), Record: sample,
	})
}

// TestEveryField reads a line that has every field.
func TestEveryField(t *testing.T) {
	got, err := events.Spec().Activity.Decode([]byte(full))
	if err != nil || len(got) != 1 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	want := "data | by client/web/1* | with forge:example.com/org/token/t1 | known shop:k1 | 1 fingerprints | via gateway/g | for user/ann | op GET /orders | " +
		"needs orders.read orders.list | on order/7 | denied scope | from 192.0.2.1 | agent curl/8 | in pod/p | run 9 | host h | app a | service s | interactive | a 1 | b 2 | " +
		"rotate secret/s | silence"
	if b := connectortest.Brief(got[0]); b != want {
		t.Errorf("\n got %s\nwant %s", b, want)
	}
	e := got[0]
	if e.Log != "shop.access" || e.ID != "r1" || e.Realm != "shop:eu" || e.Region != "west" || !e.At.Equal(time.Date(2026, 3, 2, 8, 0, 0, 500_000_000, time.UTC)) {
		t.Errorf("event %+v", e)
	}
	if err := connectortest.CheckEvent(events.Spec(), e); err != nil {
		t.Error(err)
	}
}

// TestFaults names the field that is wrong.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`"person":true`, `"persn":true`, "unknown field persn"},
		{`"run":"9"`, `"runn":"9"`, "unknown field runn"},
		{`"log":"shop.access"`, `"Log":"shop.access"`, "unknown field Log"},
		{`"host":"h"`, `"Host":"h"`, "unknown field Host"},
		{`"key":"t1"`, `"key":"t1","name":"x"`, "unknown field name"},
		{`"person":true`, `"person":"yes"`, "field person: want true or false"},
		{`"run":"9"`, `"run":9`, "field origin.run: want text"},
		{`"log":"shop.access"`, `"log":"Shop Access"`, "field log:"},
		{`"at":"2026-03-02T08:00:00.5Z"`, `"at":"yesterday"`, "field at:"},
		{`"at":"2026-03-02T08:00:00.5Z"`, `"at":"0001-01-01T00:00:00Z"`, "field at:"},
		{`"realm":"shop:eu"`, `"realm":"shop"`, "field realm:"},
		{`"class":"data"`, `"class":"unknown"`, "field class:"},
		{`"shop:eu/client/web/1"`, `"shop:eu/Client/web"`, "field identity:"},
		{`"outcome":"denied"`, `"outcome":"refused"`, "field outcome:"},
		{`"address":"192.0.2.1"`, `"address":"here"`, "field origin.address:"},
		{`"kind":"rotate"`, `"kind":"spin"`, "field touches:"},
		{`"kind":"provider_id"`, `"kind":"name"`, "field joins:"},
		{`"0123456789abcdef0123`, `"0123456789ABCDEF0123`, "field fingerprints:"},
		{`"id":"r1"`, `"id":"` + strings.Repeat("x", 257) + `"`, "field id:"},
		{`"reason":"scope"`, `"reason":"` + strings.Repeat("x", 513) + `"`, "field reason:"},
		{`"action":"orders.read","more":["orders.list"],"operation":"GET /orders"`, `"more":[]`, "field action:"},
		{`"via":["shop:eu/gateway/g"]`, `"via":[` + strings.Repeat(`"shop:eu/gateway/g",`, 8) + `"shop:eu/gateway/g"]`, "field via:"},
	} {
		line := strings.Replace(full, c.from, c.to, 1)
		if line == full {
			t.Fatalf("%q is not in the line", c.from)
		}
		got, err := events.Spec().Activity.Decode([]byte(line))
		if len(got) > 0 || !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d events, %v; want %q", c.to[:min(40, len(c.to))], len(got), err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(full))
	f.Add(sample(f, 1))
	spec := events.Spec()
	f.Fuzz(func(t *testing.T, record []byte) {
		got, err := spec.Activity.Decode(record)
		if err != nil {
			return
		}
		for _, e := range got {
			if err := connectortest.CheckEvent(spec, e); err != nil {
				t.Error(err)
			}
		}
	})
}
