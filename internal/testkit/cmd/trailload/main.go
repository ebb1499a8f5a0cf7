// Command trailload measures what it takes to count the events of CloudTrail,
// beside merely decompressing the same files and decoding them with
// encoding/json into a struct of the needed fields:
//
//	go run ./internal/testkit/cmd/trailload -make trail -dir trail
//	go run ./internal/testkit/cmd/trailload -measure -dir trail -rounds 3
//	go run ./internal/testkit/cmd/trailload -handin -dir trail -rounds 3
//
// The last imports the files here, and hands them in to a server that is started
// for it, in turn.
//
// With -kind kubernetes the same is measured of a Kubernetes audit log, of the shape
// "audit".
//
// The shapes are "trail" (gzip files in the folders of S3, as a trail delivers
// them), "small" (ten thousand files of twenty records), "line" (one file of
// 2 GB without an end of line), "wide" (the same with one record of 1 GB in its
// middle) and "distinct" (a trail in which no two records are alike). The same
// seed makes the same files.
//
// A measurement is a process of its own, so that its peak of memory and its time
// of processors are its own; the two take turns. What imports is what `retinue
// activity import` calls, into a database that is made anew each time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

type options struct {
	shape   string
	dir     string
	files   int
	each    int
	seed    uint64
	rounds  int
	do      string
	db      string
	kind    string
	profile string
	option  string
	server  string // to which -do handin hands in
}

func main() {
	var o options
	var measured, handedIn bool
	flag.StringVar(&o.shape, "make", "", "make files of a shape: trail, small, line, wide, distinct or audit")
	flag.StringVar(&o.dir, "dir", "", "folder of the files")
	flag.IntVar(&o.files, "files", 240, "how many files a trail has")
	flag.IntVar(&o.each, "records", 1000, "how many records a file of a trail has")
	flag.Uint64Var(&o.seed, "seed", 1, "what the files are made from")
	flag.BoolVar(&measured, "measure", false, "decode and import the files, in turn")
	flag.IntVar(&o.rounds, "rounds", 3, "how often")
	flag.BoolVar(&handedIn, "handin", false, "import the files, and hand them in to a server, in turn")
	flag.StringVar(&o.do, "do", "", "do one thing only: decode, import, serve or handin")
	flag.StringVar(&o.db, "db", "", "database of -do import and serve: a file, or the URL of an empty PostgreSQL database")
	flag.StringVar(&o.server, "server", "", "server of -do handin, whose token is in "+tokenEnv)
	flag.StringVar(&o.kind, "kind", "aws", "kind of the source of -measure and -do: aws or kubernetes")
	flag.StringVar(&o.option, "option", "", "an option of the source, as NAME=VALUE")
	flag.StringVar(&o.profile, "cpuprofile", "", "file for a profile of the processors, with -do")
	flag.Parse()
	if o.kind == "kubernetes" && o.option == "" {
		o.option = auditCluster
	}
	if o.dir == "" || flag.NArg() > 0 || o.shape == "" && !measured && !handedIn && o.do == "" {
		flag.Usage()
		fmt.Fprintln(os.Stderr, "trailload: give -dir, and -make, -measure, -handin or -do")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, o, measured, handedIn)
	if err != nil {
		fmt.Fprintln(os.Stderr, "trailload:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, o options, measured, handedIn bool) error {
	if o.shape != "" {
		if err := makeFiles(o); err != nil {
			return err
		}
	}
	if measured {
		return measure(ctx, o)
	}
	if handedIn {
		return compare(ctx, o)
	}
	if o.do == "" {
		return nil
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch o.do {
	case "decode":
		n, err := decodeAll(o.dir, o.kind)
		fmt.Println(n)
		return err
	case "serve":
		return serve(ctx, o)
	case "handin":
		return handIn(ctx, o)
	}
	return importAll(ctx, o)
}

// importAll counts what the files hold and prints how many records that were.
func importAll(ctx context.Context, o options) error {
	keys := filepath.Dir(o.db)
	if o.db == "" || filepath.IsAbs(o.dir) && keys == "." {
		return fmt.Errorf("%w: import: give -db", retinue.ErrInvalid)
	}
	a, err := app.Open(ctx, app.Config{Database: o.db, KeyFile: filepath.Join(keys, "key"), SigningKeyFile: filepath.Join(keys, "sign")}, app.Options{})
	if err != nil {
		return err
	}
	reads, err := a.ImportActivity(ctx, []app.SourceConfig{sourceOf(o)}, app.ActivityOptions{Actor: app.Actor(), Getenv: noEnv})
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	say(reads)
	return err
}

func noEnv(string) string { return "" }

// sourceOf is the source whose logs the files are.
func sourceOf(o options) app.SourceConfig {
	source := app.SourceConfig{Name: "trail", Kind: o.kind, Target: o.dir}
	if name, value, ok := strings.Cut(o.option, "="); ok {
		source.Options = map[string]string{name: value}
	}
	return source
}

// say prints what was counted.
func say(reads []app.ActivityRead) {
	for _, r := range reads {
		fmt.Println(r.New)
		fmt.Fprintf(os.Stderr, "%d inputs, %d events, %d counted, %d repeated, %d faults %s\n", r.Inputs, r.Events, r.New, r.Repeated, r.Faults, r.Error)
	}
}
