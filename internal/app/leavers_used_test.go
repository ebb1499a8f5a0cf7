package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// Who worked with a credential by hand has seen it: where the log names them, or
// their client does. What a pipeline did for them they have not, and a network
// names nobody.
func TestLeaversKnowWhatTheyUsed(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	dir := handed(t, now)
	key := func(n int) string { return "AKIA" + strings.Repeat("A", 15) + fmt.Sprint(n) }
	for i, name := range []string{"web", "bo", "ada"} {
		text := fmt.Sprintf(`{"AccessKeyMetadata":[{"UserName":%q,"AccessKeyId":%q,"Status":"Active","CreateDate":%q}]}`, name, key(i+3), now.AddDate(0, 0, -300).Format(time.RFC3339))
		if err := os.WriteFile(filepath.Join(dir, "aws", "access-keys", name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ada := map[string]any{"realm": "okta:northwind", "kind": "user", "key": "ada@northwind.example"}
	var lines []string
	used := func(n int, change map[string]any) {
		e := map[string]any{"log": "app.audit", "id": fmt.Sprint("e", len(lines)), "at": now.AddDate(0, 0, -30).Format(time.RFC3339), "realm": "aws:111111111111", "class": "data",
			"identity": map[string]any{"realm": "aws:111111111111", "kind": "user", "key": "arn:aws:iam::111111111111:user/x"}, "action": "s3:GetObject", "outcome": "success",
			"joins": []any{map[string]any{"kind": "provider_id", "value": "aws:" + key(n)}}}
		for k, v := range change {
			e[k] = v
		}
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	used(3, map[string]any{"onBehalfOf": ada, "origin": map[string]any{"interactive": true, "address": "198.51.100.7"}})
	used(4, map[string]any{"origin": map[string]any{"application": "ada@northwind.example", "agent": "psql"}})
	used(2, map[string]any{"onBehalfOf": ada, "origin": map[string]any{"workload": map[string]any{"realm": "forge:northwind", "kind": "pipeline", "key": "deploy"}, "agent": "aws-cli/2"}})
	used(5, map[string]any{"origin": map[string]any{"address": "198.51.100.7", "agent": "psql"}})
	used(5, map[string]any{"outcome": "denied", "onBehalfOf": ada, "origin": map[string]any{"interactive": true}})
	log := filepath.Join(dir, "app.ndjson")
	if err := os.WriteFile(log, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := staffed(t, dir, now, app.SourceConfig{Name: "app", Kind: "ndjson", Target: log}, 5)
	owner, err := a.ReadOwner(t.Context(), store.Everything(), "ada@northwind.example")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, k := range owner.Known {
		got[k.Ref.Key[len(k.Ref.Key)-1:]] = fmt.Sprint(k.How, k.Grade, k.Evidence)
	}
	if want := map[string]string{"3": "[used]B[app.audit: s3:GetObject]", "4": "[used]C[app.audit: s3:GetObject with psql]"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Ada knows %v, want %v", got, want)
	}
	if _, err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	severity := map[string]retinue.Severity{}
	err = a.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			if f.Rule == "nhi1-known-to-leaver" {
				severity[f.Subject.Key[len(f.Subject.Key)-1:]] = f.Severity
			}
		}
		return nil
	})
	if err != nil || len(severity) != 2 || severity["3"] != retinue.SeverityHigh || severity["4"] != retinue.SeverityMedium {
		t.Errorf("findings are %v, %v", severity, err)
	}
}
