package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// tiny is a release of a program of three lines, for this machine.
func tiny(t *testing.T) release {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module example.org/tiny\n\ngo 1.26.0\n",
		"LICENSE":          "free\n",
		"cmd/tiny/main.go": "package main\n\nvar version = \"devel\"\n\nfunc main() { println(version) }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return release{Name: "tiny", Version: "v1.2.3", Symbol: "main.version", Dir: dir, Package: "./cmd/tiny", Out: filepath.Join(dir, "dist"),
		Extra: []string{"LICENSE"}, Targets: []target{{runtime.GOOS, runtime.GOARCH}},
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func TestBuildIsReproducible(t *testing.T) {
	first, second := tiny(t), tiny(t) // two folders with the same source
	a, b := buildAll(t, first), buildAll(t, second)
	if len(a) != 3 {
		t.Fatalf("wrote %d files, want an archive, an SBOM and checksums", len(a))
	}
	for name, data := range a {
		if !bytes.Equal(data, b[name]) {
			t.Errorf("%s differs between two builds of the same source", name)
		}
	}
	for name, data := range untar(t, a["tiny_1.2.3_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz"], first.Time) {
		if bytes.Contains(data, []byte(first.Dir)) {
			t.Errorf("%s holds the path of the machine that built it", name)
		}
	}
	for line := range strings.Lines(string(a["SHA256SUMS"])) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		got := sha256.Sum256(a[name])
		if !ok || sum != hex.EncodeToString(got[:]) {
			t.Errorf("checksum line %q is wrong", line)
		}
	}
	if n := strings.Count(string(a["SHA256SUMS"]), "\n"); n != 2 {
		t.Errorf("%d checksums, want 2", n)
	}
}

func buildAll(t *testing.T, r release) map[string][]byte {
	t.Helper()
	var names []string
	if err := r.build(t.Context(), func(name string) { names = append(names, name) }); err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = data
	}
	return files
}

func TestArchivedProgramKnowsItsVersion(t *testing.T) {
	r := tiny(t)
	files := buildAll(t, r)
	base := "tiny_1.2.3_" + runtime.GOOS + "_" + runtime.GOARCH
	inside := untar(t, files[base+".tar.gz"], r.Time)
	if want := []string{base + "/LICENSE", base + "/tiny"}; !slices.Equal(sortedKeys(inside), want) {
		t.Fatalf("archive holds %v, want %v", sortedKeys(inside), want)
	}
	path := filepath.Join(t.TempDir(), "tiny")
	if err := os.WriteFile(path, inside[base+"/tiny"], 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "v1.2.3" {
		t.Errorf("the program says %q, %v", out, err)
	}
	var bom sbom
	if err := json.Unmarshal(files[base+".cdx.json"], &bom); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(inside[base+"/tiny"])
	if got := bom.Metadata.Component; got.Hashes[0].Content != hex.EncodeToString(sum[:]) || got.PURL != "pkg:golang/example.org/tiny@v1.2.3" {
		t.Errorf("SBOM describes another program: %+v", got)
	}
}

func untar(t *testing.T, data []byte, at time.Time) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	inside := make(map[string][]byte)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return inside
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(at) || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s carries time %s and owner %d %q", h.Name, h.ModTime, h.Uid, h.Uname)
		}
		if inside[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func sortedKeys(m map[string][]byte) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestZip(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	data, err := zipped("folder", []file{{"p.exe", []byte("program"), 0o755}}, at)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "folder/p.exe" || !z.File[0].Modified.Equal(at) || z.File[0].Mode() != 0o755 {
		t.Errorf("archive holds %+v", z.File[0].FileHeader)
	}
}

func TestSBOM(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "example.org/m"}, Deps: []*debug.Module{
		{Path: "example.org/b", Version: "v2.0.0+incompatible", Sum: "h1:b"},
		{Path: "example.org/a", Version: "v1.0.0", Sum: "h1:a"},
		{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new", Version: "v1.1.0"}},
	}}
	r := release{Name: "m", Version: "v1.0.0", Time: time.Unix(0, 0).UTC()}
	b := newSBOM(r, target{"linux", "amd64"}, info, []byte("program"))
	var purls []string
	for _, c := range b.Components {
		purls = append(purls, c.PURL)
	}
	want := []string{"pkg:golang/example.org/a@v1.0.0", "pkg:golang/example.org/b@v2.0.0%2Bincompatible",
		"pkg:golang/example.org/new@v1.1.0", "pkg:golang/stdlib@1.26.8"}
	if !slices.Equal(purls, want) {
		t.Errorf("components %v, want %v", purls, want)
	}
	if !slices.Equal(b.Dependencies[0].DependsOn, want) {
		t.Errorf("dependencies %v, want %v", b.Dependencies[0].DependsOn, want)
	}
	// The pattern that the schema of CycloneDX 1.6 gives for serial numbers.
	serial := regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	if !serial.MatchString(b.Serial) {
		t.Errorf("serial number %s", b.Serial)
	}
	if other := newSBOM(r, target{"linux", "amd64"}, info, []byte("other")); other.Serial == b.Serial {
		t.Error("two programs share a serial number")
	}
}

func TestParseTargets(t *testing.T) {
	if got, err := parseTargets(allTargets); err != nil || len(got) != 6 {
		t.Errorf("targets %v, %v", got, err)
	}
	for _, bad := range []string{"", "linux", "/amd64", "linux/"} {
		if _, err := parseTargets(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestSymbolExists holds the variable that the linker sets to what the source
// declares: the linker says nothing about one that is not there.
func TestSymbolExists(t *testing.T) {
	files, err := filepath.Glob("../../cmd/retinue/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of the program: %v", err)
	}
	declared := regexp.MustCompile(`(?m)^var version = "`)
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil && declared.Match(text) {
			return
		}
	}
	t.Error("the program declares no string variable version")
}

func TestBuildFails(t *testing.T) {
	r := tiny(t)
	r.Package = "./cmd/absent"
	if err := r.build(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), runtime.GOOS) {
		t.Errorf("building an absent package: %v", err)
	}
	r = tiny(t)
	r.Extra = []string{"NOTICE"}
	if err := r.build(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "NOTICE") {
		t.Errorf("packing an absent file: %v", err)
	}
}
