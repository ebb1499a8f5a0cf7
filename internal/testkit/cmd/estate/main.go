// Command estate fills an empty database with the made-up identities and
// credentials of an organisation, for measurements and demonstrations of size:
//
//	go run ./internal/testkit/cmd/estate -identities 1000000 -credentials 3000000 -seed 1 -db big.db
//
// The same seed makes the same estate. The database is a file that does not
// exist, or an empty PostgreSQL database by its URL.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit/estate"
)

func main() {
	var size estate.Size
	var db string
	flag.IntVar(&size.Identities, "identities", 20_000, "how many identities to make")
	flag.IntVar(&size.Credentials, "credentials", 60_000, "how many credentials to make")
	flag.Uint64Var(&size.Seed, "seed", 1, "what the estate is made from")
	flag.StringVar(&db, "db", "", "file or PostgreSQL URL of an empty database")
	flag.Parse()
	if db == "" || flag.NArg() > 0 || size.Identities < 1000 {
		flag.Usage()
		fmt.Fprintln(os.Stderr, "estate: give -db, and at least 1000 identities")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, db, size); err != nil {
		fmt.Fprintln(os.Stderr, "estate:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, addr string, size estate.Size) error {
	start := time.Now()
	db, err := sqlstore.Open(ctx, addr, sqlstore.Options{})
	if err != nil {
		return err
	}
	if err := estate.Make(ctx, db, size); err != nil {
		_ = db.Close()
		return err
	}
	fmt.Printf("%d identities and %d credentials in %s\n", size.Identities, size.Credentials, time.Since(start).Round(time.Second))
	return db.Close()
}
