package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

// TestNamedNetworks: what is known by its address alone is called by the name
// that the configuration gives the narrowest block around it.
func TestNamedNetworks(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "retinue.yaml")
	load := func(networks string) (app.Config, error) {
		if err := os.WriteFile(config, []byte("networks:\n"+networks), 0o600); err != nil {
			t.Fatal(err)
		}
		return app.LoadConfig(config, func(string) string { return dir })
	}
	for text, want := range map[string]string{
		"- {name: office, blocks: [10.0.0.0/8, 10.0.0.1/24]}":                          "retinue.yaml: networks: 1 (office): blocks: \"10.0.0.1/24\" begins in the middle of a block: want 10.0.0.0/24",
		"- {name: office, blocks: [ten]}":                                              "want an address or a block",
		"- {blocks: [10.0.0.0/8]}":                                                     "networks: 1 (): name is missing",
		"- {name: office}":                                                             "blocks are missing",
		"- {name: a, blocks: [10.0.0.0/8]}\n- {name: b, blocks: [10.0.0.0/8]}":         "networks: 2 (b): blocks: 10.0.0.0/8 is named a already",
		"- {name: \"a\\u202eb\", blocks: [10.0.0.0/8]}":                                "printable",
		"- {name: " + strings.Repeat("x", 65) + ", blocks: [\"::ffff:10.0.0.0/104\"]}": "at most 64 bytes",
	} {
		if _, err := load(text); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	cfg, err := load("- {name: the company, blocks: [10.0.0.0/8]}\n- {name: build machines, blocks: [10.0.0.1]}\n")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Database, cfg.KeyFile, cfg.SigningKeyFile = filepath.Join(dir, "r.db"), filepath.Join(dir, "key"), filepath.Join(dir, "sign")
	a, err := app.Open(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	log := filepath.Join(dir, "app.ndjson")
	writeLog(t, log, logLines(0, 3)+strings.ReplaceAll(logLines(3, 1), "10.0.0.1", "10.9.9.9"))
	if _, err := a.ImportActivity(t.Context(), []app.SourceConfig{{Name: "app", Kind: "ndjson", Target: log}}, app.ActivityOptions{Actor: operator().Actor}); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	rows, err := a.DB.Handle().QueryContext(t.Context(), "SELECT name FROM usage_consumers")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if err := rows.Err(); err != nil || !names["build machines"] || !names["the company"] || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}
