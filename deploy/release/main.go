// Command release builds the archives of a release, one for each system, with
// their software bills of materials and their checksums:
//
//	go run ./deploy/release -out dist
//
// The same commit gives the same bytes, on any machine with the same Go: no
// paths, no times of day and no host are in them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := release{Name: "retinue", Dir: ".", Package: "./cmd/retinue",
		Symbol: "main.version", Extra: []string{"LICENSE", "README.md", "CHANGELOG.md"}}
	var targets string
	flag.StringVar(&r.Out, "out", "dist", "the folder to write to")
	flag.StringVar(&r.Version, "version", "", "the version (default: git describe)")
	flag.StringVar(&targets, "targets", allTargets, "the systems to build for")
	flag.Parse()
	if err := run(ctx, r, targets); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

const allTargets = "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64"

func run(ctx context.Context, r release, targets string) error {
	var err error
	if r.Targets, err = parseTargets(targets); err != nil {
		return err
	}
	if r.Version == "" {
		if r.Version, err = git(ctx, r.Dir, "describe", "--tags", "--always", "--dirty"); err != nil {
			return fmt.Errorf("find version: %w", err)
		}
	}
	seconds, err := git(ctx, r.Dir, "log", "-1", "--format=%ct")
	if err != nil {
		return fmt.Errorf("find time of the commit: %w", err)
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("find time of the commit: %w", err)
	}
	r.Time = time.Unix(unix, 0).UTC()
	return r.build(ctx, func(file string) { fmt.Println(file) })
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// target is a system to build for.
type target struct{ OS, Arch string }

func parseTargets(list string) ([]target, error) {
	var found []target
	for _, t := range strings.Fields(list) {
		system, arch, ok := strings.Cut(t, "/")
		if !ok || system == "" || arch == "" {
			return nil, fmt.Errorf("read target %q: want a system and an architecture, such as linux/amd64", t)
		}
		found = append(found, target{system, arch})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("read targets: there are none")
	}
	return found, nil
}
