// Package k8sdata is reference data about Kubernetes: the roles that its API
// server makes at its start, with their rules. What a cluster says of its own
// roles goes before it.
//
// The data is taken from the golden files of k8s.io/kubernetes, which is under
// the Apache licence 2.0; the program in generate makes it.
package k8sdata

//go:generate go run ./generate

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed roles.json.gz
var embedded []byte

// Data holds the default roles of one version of Kubernetes. It may be used from
// several goroutines.
type Data struct {
	// Version is the version of Kubernetes, such as "v1.36.3".
	Version string
	rules   map[string]json.RawMessage
}

// Embedded reads the copy in the program: keep what it returns.
func Embedded() (*Data, error) { return decode(embedded) }

func decode(text []byte) (*Data, error) {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read default roles: %w", err)
	}
	var raw struct {
		Version string                     `json:"version"`
		Roles   map[string]json.RawMessage `json:"roles"`
	}
	if err := json.NewDecoder(r).Decode(&raw); err != nil {
		return nil, fmt.Errorf("read default roles: %w", err)
	}
	return &Data{Version: raw.Version, rules: raw.Roles}, nil
}

// Rules returns the rules of a default role as the JSON list that stands under
// its "rules", those that it aggregates included, and false for roles that
// Kubernetes does not make. A Role's name has its namespace before it, with a
// slash between.
func (d *Data) Rules(name string) (string, bool) {
	text, ok := d.rules[name]
	return string(text), ok
}

// Roles are the names, sorted.
func (d *Data) Roles() []string {
	out := make([]string, 0, len(d.rules))
	for name := range d.rules {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
