package app_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/gcp"
	"github.com/retinue-id/retinue/connectors/kubernetes"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/testkit"
)

const homeUID = "11111111-2222-3333-4444-555555555555"

// TestEntriesOfCloudLoggingHaveOneHome imports an export of Cloud Logging that holds
// entries of a cluster and of other services both ways, in either order: each entry
// counts once, and what an account did in the cluster is in its history.
func TestEntriesOfCloudLoggingHaveOneHome(t *testing.T) {
	const entries = `{"logName":"projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access","insertId":"1","timestamp":"2026-03-02T08:00:00Z","resource":{"type":"k8s_cluster","labels":{"project_id":"acme-prod","location":"l","cluster_name":"main"}},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"k8s.io","methodName":"io.k8s.core.v1.secrets.get","resourceName":"core/v1/namespaces/pay/secrets/db","authenticationInfo":{"principalEmail":"deploy@acme-prod.iam.gserviceaccount.com"},"authorizationInfo":[{"granted":true,"permission":"io.k8s.core.v1.secrets.get","resource":"core/v1/namespaces/pay/secrets/db"}]}}
{"logName":"projects/acme-prod/logs/cloudaudit.googleapis.com%2Fdata_access","insertId":"2","timestamp":"2026-03-02T08:00:01Z","resource":{"type":"gcs_bucket","labels":{"project_id":"acme-prod","bucket_name":"b"}},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"storage.googleapis.com","methodName":"storage.objects.get","resourceName":"projects/_/buckets/b/objects/x","authenticationInfo":{"principalEmail":"deploy@acme-prod.iam.gserviceaccount.com"},"authorizationInfo":[{"granted":true,"permission":"storage.objects.get","resource":"projects/_/buckets/b/objects/x"}]}}
{"logName":"projects/acme-prod/logs/cloudaudit.googleapis.com%2Factivity","insertId":"3","timestamp":"2026-03-02T08:00:02Z","resource":{"type":"gke_cluster","labels":{"project_id":"acme-prod","location":"l","cluster_name":"main"}},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"container.googleapis.com","methodName":"google.container.v1.ClusterManager.UpdateCluster","resourceName":"projects/acme-prod/locations/l/clusters/main","authenticationInfo":{"principalEmail":"deploy@acme-prod.iam.gserviceaccount.com"},"authorizationInfo":[{"granted":true,"permission":"container.clusters.update"}]}}
`
	account := retinue.NewRef("gcp:acme-prod", "service_account", "deploy@acme-prod.iam.gserviceaccount.com")
	file := write(t, filepath.Join(t.TempDir(), "entries.json"), entries, 0o600)
	sources := []app.SourceConfig{{Name: "google", Kind: "gcp", Target: file},
		{Name: "cluster", Kind: "kubernetes", Target: file, Options: map[string]string{"cluster-uid": homeUID}}}
	for name, list := range map[string][]app.SourceConfig{"project first": sources, "cluster first": {sources[1], sources[0], sources[1]}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := newReceiver(t, dir, filepath.Join(dir, "r.db"))
			read, err := r.ImportActivity(t.Context(), list, app.ActivityOptions{Actor: operator().Actor, Getenv: func(string) string { return "" }})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range read {
				if x.Error != "" || x.Faults > 0 {
					t.Errorf("%s: %s, %d faults", x.Source, x.Error, x.Faults)
				}
			}
			if n := r.counted()["all"]; n != 3 {
				t.Errorf("%d events are counted of three entries", n)
			}
			r.Specs = append(r.Specs, listedRef{account}.spec())
			runs, err := r.Scan(t.Context(), []app.SourceConfig{{Name: "listed", Kind: "listed"}}, app.ScanOptions{Actor: operator().Actor})
			if err != nil || runs[0].State != store.RunComplete {
				t.Fatalf("%+v, %v", runs, err)
			}
			err = r.View(t.Context(), store.Everything(), func(tx *app.Snapshot) error {
				for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactIdentity}) {
					if err != nil {
						return err
					}
					used, err := tx.Usage(e.ID)
					if e.Ref() == account && len(used) != 3 {
						t.Errorf("%d ways of use of the account, want that in the cluster as well: %+v", len(used), used)
					}
					return err
				}
				t.Error("the account is not listed")
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestEntriesOfSamplesHaveOneHome: no entry of the samples is taken both ways, and
// none that one connector passes over is lost to the other.
func TestEntriesOfSamplesHaveOneHome(t *testing.T) {
	f, err := os.Open(testkit.Data(t, "cloudtrail", "events-by-source", "GCP.AuditLog.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cluster, err := kubernetes.Spec().Activity.Decoder(connector.Config{Options: map[string]string{"cluster-uid": homeUID}}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	homes := map[string]int{}
	for lines.Scan() {
		var s struct{ Event map[string]any }
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if s.Event["timestamp"] == nil {
			s.Event["timestamp"] = "2026-03-02T08:00:00Z"
		}
		record, err := json.Marshal(s.Event)
		if err != nil {
			t.Fatal(err)
		}
		inProject, errProject := gcp.Spec().Activity.Decode(record)
		inCluster, errCluster := cluster(record)
		switch {
		case len(inProject) > 0 && len(inCluster) > 0:
			t.Errorf("counted twice: %s", record)
		case len(inProject) > 0:
			homes["project"]++
		case len(inCluster) > 0:
			homes["cluster"]++
		case errProject != nil || errCluster != nil:
			homes["fault"]++
		default:
			if !strings.Contains(string(record), `"logName"`) {
				t.Errorf("lost: %s", record)
			}
		}
	}
	t.Logf("%v", homes)
	if homes["project"] < 50 || homes["cluster"] < 5 {
		t.Errorf("%v: want entries of both", homes)
	}
}
