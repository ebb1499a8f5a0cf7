// Command awsestate fills an empty database with the made-up AWS accounts of a
// large organisation, and measures what it takes to find who can become an
// administrator in them:
//
//	go run ./internal/testkit/cmd/awsestate -make 1000000 -seed 1 -db big.db
//	go run ./internal/testkit/cmd/awsestate -measure -db big.db
//	go run ./internal/testkit/cmd/awsestate -steps -db big.db
//
// The last makes the graph of who can come to act as whom instead, into which
// the engines of other systems put their steps as well.
//
// The same seed makes the same estate. The database is a file that does not
// exist, or an empty PostgreSQL database by its URL. A measurement is a process
// of its own, so that its peak of memory says what the search takes.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit/awsestate"
)

func main() {
	var size awsestate.Size
	var db string
	var measured, stepped bool
	var profile string
	flag.IntVar(&size.Identities, "make", 0, "how many identities to make")
	flag.Uint64Var(&size.Seed, "seed", 1, "what the estate is made from")
	flag.StringVar(&db, "db", "", "file or PostgreSQL URL of a database")
	flag.BoolVar(&measured, "measure", false, "find who can become an administrator")
	flag.BoolVar(&stepped, "steps", false, "make the graph of who can come to act as whom")
	flag.StringVar(&profile, "cpuprofile", "", "file for a profile of the processors")
	flag.Parse()
	if db == "" || flag.NArg() > 0 || size.Identities <= 0 && !measured && !stepped {
		flag.Usage()
		fmt.Fprintln(os.Stderr, "awsestate: give -db, and -make, -measure or -steps")
		os.Exit(2)
	}
	if profile != "" {
		f, err := os.Create(profile) //nolint:gosec // the caller names the file
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "awsestate:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, db, size, measured, stepped); err != nil {
		fmt.Fprintln(os.Stderr, "awsestate:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, addr string, size awsestate.Size, measured, stepped bool) error {
	db, err := sqlstore.Open(ctx, addr, sqlstore.Options{})
	if err != nil {
		return err
	}
	if size.Identities > 0 {
		err = create(ctx, db, size)
	}
	if err == nil && measured {
		err = measure(ctx, db)
	}
	if err == nil && stepped {
		err = steps(ctx, db)
	}
	if err != nil {
		_ = db.Close()
		return err
	}
	return db.Close()
}

func create(ctx context.Context, db *sqlstore.DB, size awsestate.Size) error {
	start := time.Now()
	made, err := awsestate.Make(ctx, db, size)
	if err != nil {
		return err
	}
	fmt.Printf("%d accounts with %d identities, %d attachments and %d memberships of %d policies, %d of them distinct documents, in %s\n",
		made.Accounts, made.Identities, made.Attachments, made.Memberships, made.Policies, made.Documents, time.Since(start).Round(time.Second))
	return nil
}

// measure reads the estate and searches it, each once, as the command line does.
func measure(ctx context.Context, db *sqlstore.DB) error {
	start := time.Now()
	p, err := paths(ctx, db)
	if err != nil {
		return err
	}
	loaded := time.Since(start)
	cpu, peak := used()
	fmt.Printf("%d identities read in %s (%s of processors), peak %d MB\n", len(p.Principals), loaded.Round(time.Millisecond), cpu.Round(time.Millisecond), peak)
	start = time.Now()
	list := p.Escalations()
	took := time.Since(start)
	already, hops := 0, make(map[int]int)
	for _, e := range list {
		if e.Already {
			already++
		} else {
			hops[len(e.Hops)]++
		}
	}
	all, peak := used()
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	fmt.Printf("%d administrators and %d who reach one, by steps %v, found in %s (%s of processors), peak %d MB; what was found has the hash %.8x\n",
		already, len(list)-already, hops, took.Round(time.Millisecond), (all - cpu).Round(time.Millisecond), peak, sha256.Sum256(text))
	return nil
}

// steps reads the estate and makes the graph of its steps, each once.
func steps(ctx context.Context, db *sqlstore.DB) error {
	p, err := paths(ctx, db)
	if err != nil {
		return err
	}
	cpu, peak := used()
	fmt.Printf("%d identities read, peak %d MB\n", len(p.Principals), peak)
	start := time.Now()
	var b graph.Builder
	p.Steps(&b)
	g := b.Build()
	took := time.Since(start)
	all, peak := used()
	fmt.Printf("%d nodes, %d steps on %d grants, made in %s (%s of processors), peak %d MB; what was made has the hash %.8x\n", g.Len(), g.Steps(), g.Grants(),
		took.Round(time.Millisecond), (all - cpu).Round(time.Millisecond), peak, hashOf(g))
	return nil
}

// hashOf is the same for graphs of the same steps on the same grants.
func hashOf(g *graph.Graph) []byte {
	h := sha256.New()
	for id := range graph.StepID(g.Steps()) {
		s := g.Step(id)
		for _, n := range s.From {
			fmt.Fprintf(h, "%+v ", g.Node(n))
		}
		fmt.Fprintf(h, "%+v %s %q %q %q %v %v %v", g.Node(s.To), s.Verb, s.Technique, s.Through, s.Assumes, s.Remains, s.Unread, s.Because)
		for _, need := range s.Needs {
			for _, grant := range need {
				fmt.Fprintf(h, " %+v", g.Grant(grant))
			}
			fmt.Fprint(h, ";")
		}
		fmt.Fprintln(h)
	}
	return h.Sum(nil)
}

// paths reads what the search needs.
func paths(ctx context.Context, db *sqlstore.DB) (p *escalate.State, err error) {
	err = db.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var c escalate.Collector
		if err := tx.Documents(retinue.LanguageAWSIAM, func(hash, text []byte) error {
			c.Document(hash, text)
			return nil
		}); err != nil {
			return err
		}
		if err := tx.Stated("aws", escalate.Facts(), func(f *sqlstore.Stated) error {
			return c.Stated(f.Type, f.Authority, f.Since, f.Body, f.Document)
		}); err != nil {
			return err
		}
		p = c.State([]string{"lambda-functions/eu-west-1", "ec2-instances/eu-west-1", "ecs/eu-west-1"})
		return nil
	})
	return p, err
}

// used is the time of processors and the peak of memory of this process, in MB.
func used() (cpu time.Duration, peak int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss / 1024
}
