package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// sbom is a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/), as
// much of it as a Go program can state about itself. It lists what is linked
// into the program, which the program itself records, and not what its go.mod
// mentions.
type sbom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
	Lifecycle []phase   `json:"lifecycles"`
}

type phase struct {
	Phase string `json:"phase"`
}

type component struct {
	Type     string     `json:"type"`
	Ref      string     `json:"bom-ref"`
	Name     string     `json:"name"`
	Version  string     `json:"version"`
	PURL     string     `json:"purl"`
	Hashes   []hash     `json:"hashes,omitempty"`
	Property []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// newSBOM describes a program by the record that the linker left in it.
func newSBOM(r release, t target, info *debug.BuildInfo, program []byte) sbom {
	sum := sha256.Sum256(program)
	main := component{
		Type: "application", Name: r.Name, Version: r.Version, PURL: purl(info.Main.Path, r.Version),
		Hashes:   []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Property: []property{{"retinue:target", t.OS + "/" + t.Arch}},
	}
	main.Ref = main.PURL
	b := sbom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		// Equal programs have equal serial numbers: it is made of the program.
		Serial: "urn:uuid:" + uuidOf(sum[:]),
		Metadata: metadata{Timestamp: r.Time.Format(time.RFC3339), Component: main,
			Lifecycle: []phase{{"build"}}},
	}
	b.Components = append(b.Components, module("stdlib", strings.TrimPrefix(info.GoVersion, "go"), ""))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, module(m.Path, m.Version, m.Sum))
	}
	slices.SortFunc(b.Components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	root := dependency{Ref: main.Ref}
	for _, c := range b.Components {
		root.DependsOn = append(root.DependsOn, c.Ref)
	}
	b.Dependencies = []dependency{root}
	return b
}

// module is the component of a Go module. Its go.sum line is a hash over a
// list of files, which is no hash in CycloneDX's sense, and stands as a
// property.
func module(path, version, sum string) component {
	c := component{Type: "library", Name: path, Version: version, PURL: purl(path, version)}
	c.Ref = c.PURL
	if sum != "" {
		c.Property = []property{{"golang:h1", sum}}
	}
	return c
}

// purl is the package URL of a Go module:
// https://github.com/package-url/purl-spec, type golang.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + url.QueryEscape(version)
}

// uuidOf makes a UUID of version 8 (RFC 9562) of a hash.
func uuidOf(sum []byte) string {
	id := slices.Clone(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

func (b sbom) encode() ([]byte, error) {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write SBOM: %w", err)
	}
	return append(text, '\n'), nil
}
