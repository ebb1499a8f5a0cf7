// Command generate writes the embedded roles of package k8sdata from the
// golden files of a Kubernetes release, which the module k8s.io/kubernetes holds
// under the Apache licence 2.0:
//
//	go generate ./internal/access/k8sdata
//
// The version is the one that the module of the peers is tested with.
package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// golden is where a release keeps what its API server makes at its start.
const golden = "plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata"

type role struct {
	Metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	Rules           []json.RawMessage `json:"rules"`
	AggregationRule *struct {
		ClusterRoleSelectors []struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"clusterRoleSelectors"`
	} `json:"aggregationRule"`
}

func main() {
	peers := flag.String("module", "../../testkit/peers", "folder of the module that names the version")
	out := flag.String("out", "roles.json.gz", "file to write")
	flag.Parse()
	if err := run(*peers, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(peers, out string) error {
	cmd := exec.CommandContext(context.Background(), "go", "list", "-m", "-json", "k8s.io/kubernetes")
	cmd.Dir, cmd.Stderr = peers, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("find k8s.io/kubernetes: %w", err)
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(text, &module); err != nil {
		return err
	}
	var roles []role
	for _, name := range []string{"cluster-roles.yaml", "controller-roles.yaml", "namespace-roles.yaml"} {
		list, err := read(filepath.Join(module.Dir, golden, name))
		if err != nil {
			return err
		}
		roles = append(roles, list...)
	}
	data := struct {
		Version string                       `json:"version"`
		Roles   map[string][]json.RawMessage `json:"roles"`
	}{module.Version, map[string][]json.RawMessage{}}
	for i := range roles {
		r := &roles[i]
		name := r.Metadata.Name
		if r.Metadata.Namespace != "" {
			name = r.Metadata.Namespace + "/" + name
		}
		data.Roles[name] = rules(r, roles, nil)
	}
	return write(out, data)
}

func read(path string) ([]role, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var whole any
	if err := yaml.Unmarshal(text, &whole); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if text, err = json.Marshal(whole); err != nil { // rules are kept as JSON
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var list struct{ Items []role }
	return list.Items, json.Unmarshal(text, &list)
}

// rules are a role's own, and those of the roles that it aggregates.
func rules(r *role, all []role, through []string) []json.RawMessage {
	out := slices.Clone(r.Rules)
	if r.AggregationRule == nil || slices.Contains(through, r.Metadata.Name) {
		return out
	}
	for _, s := range r.AggregationRule.ClusterRoleSelectors {
		for i := range all {
			if all[i].Metadata.Namespace == "" && matches(s.MatchLabels, all[i].Metadata.Labels) {
				out = append(out, rules(&all[i], all, append(through, r.Metadata.Name))...)
			}
		}
	}
	return out
}

func matches(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return len(want) > 0
}

func write(path string, data any) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
