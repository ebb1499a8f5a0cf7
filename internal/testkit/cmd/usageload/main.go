// Command usageload measures what it takes to keep the usage history of a large
// organisation:
//
//	go run ./internal/testkit/cmd/usageload -identities 100000 -days 30 -db big.db
//	go run ./internal/testkit/cmd/usageload -identities 100000 -days 30 -db big.db -judge 100000
//	go run ./internal/testkit/cmd/usageload -identities 100000 -days 30 -db big.db -judge 100000 -few
//
// The second lists the identities in the database that the first filled, forms
// the verdicts on the use of all of them, and again after batches that touch few.
// The third does the latter alone.
// It counts the made-up events of package bench as if each hour passed while
// they came: hours that are over are packed, and what is beyond the horizon is
// forgotten. It prints the speed, the rows, and the size of the database a row.
// The database is a file that does not exist, or an empty PostgreSQL database.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue/internal/bench"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
)

// batchEvents is how many events are counted in one transaction.
const batchEvents = 20_000

func main() {
	var o bench.LoadOptions
	var db, profile string
	var judged int
	var few bool
	flag.IntVar(&o.Identities, "identities", 100_000, "how many identities there are")
	flag.IntVar(&o.Days, "days", 30, "for how many days they act")
	flag.Uint64Var(&o.Seed, "seed", 1, "what the events are made from")
	flag.Int64Var(&o.Events, "events", 0, "stop after so many (default: all)")
	flag.StringVar(&db, "db", "", "file or PostgreSQL URL of a database")
	flag.IntVar(&judged, "judge", 0, "list so many of the identities in a database that was filled, and form the verdicts on their use")
	flag.BoolVar(&few, "few", false, "with -judge: leave the verdicts that an earlier run formed, and measure rounds that touch few")
	flag.StringVar(&profile, "cpuprofile", "", "file for a profile of the processors; with -judge of the verdicts alone")
	flag.Parse()
	if db == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	measured := func() error { return profiled(profile) }
	var err error
	if judged > 0 {
		err = judge(ctx, db, o, judged, few, measured)
	} else if err = measured(); err == nil {
		err = run(ctx, db, o)
	}
	pprof.StopCPUProfile()
	if err != nil {
		fmt.Fprintln(os.Stderr, "usageload:", err)
		os.Exit(1)
	}
}

// profiled has the processors profiled from now on, where a file for it is given.
func profiled(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file) //nolint:gosec // the caller names the file
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	return err
}

func run(ctx context.Context, addr string, o bench.LoadOptions) error {
	var clock atomic.Int64 // the time of the events, which is the store's
	db, err := sqlstore.Open(ctx, addr, sqlstore.Options{Now: func() time.Time { return time.Unix(clock.Load(), 0) }})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	start := time.Now()
	var f usage.Folder
	var events, rows, day int64
	var peak uint64
	flush := func() error {
		b := f.Take()
		b.Log = b.Behaviours[0].Log
		got, err := db.CountUsage(ctx, b)
		events += got.New
		rows += got.Hours
		return err
	}
	for e := range bench.Events(o) {
		if err := f.Add(&e); err != nil {
			return err
		}
		clock.Store(max(clock.Load(), e.At.Unix()))
		if f.Len() < batchEvents {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if today := clock.Load() / 86400; today != day {
			day = today
			if err := keep(ctx, db); err != nil {
				return err
			}
			peak = max(peak, heap())
			fmt.Fprintf(os.Stderr, "%s: %d events in %s\n", time.Unix(clock.Load(), 0).UTC().Format(time.DateOnly), events, time.Since(start).Round(time.Second))
		}
	}
	if f.Len() > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	counted := time.Since(start)
	if _, err := db.PackUsage(ctx, time.Unix(clock.Load()+7200, 0)); err != nil {
		return err
	}
	fmt.Printf("%d events in %s: %.0f a second, with packing; peak of memory %d MB; %d rows were written on the way\n",
		events, counted.Round(time.Second), float64(events)/counted.Seconds(), max(peak, heap())>>20, rows)
	return report(ctx, db, addr)
}

// keep does what a server does now and then.
func keep(ctx context.Context, db *sqlstore.DB) error {
	if _, err := db.PackUsage(ctx, db.Now().Add(-48*time.Hour)); err != nil {
		return err
	}
	_, err := db.ForgetEvents(ctx, 0)
	return err
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// report prints what a database holds whose hours are packed.
func report(ctx context.Context, db *sqlstore.DB, addr string) error {
	var behaviours, months, seen int64
	var rows, events int64
	for q, to := range map[string]*int64{"usage_behaviours": &behaviours, "usage_packed": &months, "usage_seen": &seen} {
		if err := db.Handle().QueryRowContext(ctx, "SELECT count(*) FROM "+q).Scan(to); err != nil {
			return err
		}
	}
	r, err := db.Handle().QueryContext(ctx, "SELECT month, body FROM usage_packed")
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		var month int64
		var body []byte
		if err := r.Scan(&month, &body); err != nil {
			return err
		}
		m, err := store.UnpackMonth(month, body)
		if err != nil {
			return err
		}
		rows += int64(len(m.Hours))
		for _, t := range m.Hours {
			events += t.N
		}
	}
	if err := r.Err(); err != nil {
		return err
	}
	fmt.Printf("%d events in %d rows by hour (%.1f events each) of %d behaviours in %d packed months; %d events are known again\n",
		events, rows, float64(events)/float64(rows), behaviours, months, seen)
	size, err := sizeOf(ctx, db, addr)
	if err == nil {
		fmt.Printf("database: %d MB, %.1f bytes a row by hour\n", size>>20, float64(size)/float64(rows))
	}
	return err
}

// sizeOf is how large a database is, in bytes.
func sizeOf(ctx context.Context, db *sqlstore.DB, addr string) (size int64, err error) {
	if strings.Contains(addr, "://") {
		err = db.Handle().QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&size)
		return size, err
	}
	info, err := os.Stat(addr)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
