package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// release says what to build and from what.
type release struct {
	Name    string // of the program, its archives and its SBOM
	Version string
	Symbol  string // the string variable that the linker sets to Version
	Dir     string // of the module
	Package string // to build, relative to Dir
	Out     string
	Extra   []string // files of the module that go into every archive
	Targets []target
	Time    time.Time // given to every file in an archive
}

// file is one file of a release or of an archive.
type file struct {
	name string
	data []byte
	mode os.FileMode
}

// build writes the archive and the SBOM of every target, and SHA256SUMS over
// them all. It tells each name once it is written.
func (r release) build(ctx context.Context, written func(string)) error {
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	var extra []file
	for _, name := range r.Extra {
		data, err := os.ReadFile(filepath.Join(r.Dir, name))
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		extra = append(extra, file{name, data, 0o644})
	}
	var sums []string
	for _, t := range r.Targets {
		files, err := r.buildTarget(ctx, t, extra)
		if err != nil {
			return fmt.Errorf("build for %s/%s: %w", t.OS, t.Arch, err)
		}
		for _, f := range files {
			if err := r.write(f); err != nil {
				return err
			}
			sums = append(sums, fmt.Sprintf("%x  %s\n", sha256.Sum256(f.data), f.name))
			written(filepath.Join(r.Out, f.name))
		}
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	if err := r.write(file{"SHA256SUMS", []byte(strings.Join(sums, "")), 0o644}); err != nil {
		return err
	}
	written(filepath.Join(r.Out, "SHA256SUMS"))
	return nil
}

func (r release) write(f file) error {
	if err := os.WriteFile(filepath.Join(r.Out, f.name), f.data, f.mode); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// buildTarget returns the archive and the SBOM of one target.
func (r release) buildTarget(ctx context.Context, t target, extra []file) ([]file, error) {
	program, err := r.compile(ctx, t)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("read modules of the program: %w", err)
	}
	bom, err := newSBOM(r, t, info, program).encode()
	if err != nil {
		return nil, err
	}
	base := strings.Join([]string{r.Name, strings.TrimPrefix(r.Version, "v"), t.OS, t.Arch}, "_")
	name, pack, suffix := r.Name, tarGz, ".tar.gz"
	if t.OS == "windows" {
		name, pack, suffix = r.Name+".exe", zipped, ".zip"
	}
	inside := append([]file{{name, program, 0o755}}, extra...)
	archive, err := pack(base, inside, r.Time)
	if err != nil {
		return nil, fmt.Errorf("pack archive: %w", err)
	}
	return []file{{base + suffix, archive, 0o644}, {base + ".cdx.json", bom, 0o644}}, nil
}

// compile builds the program without anything of this machine in it.
func (r release) compile(ctx context.Context, t target) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags=-s -w -buildid= -X "+r.Symbol+"="+r.Version, "-o", out, r.Package)
	cmd.Dir = r.Dir
	// GOAMD64 and the like of the person who builds must not decide.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.OS, "GOARCH="+t.Arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return os.ReadFile(out)
}
