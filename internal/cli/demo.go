package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) demoCommand() *cobra.Command {
	var seed uint64
	var serve bool
	var listen string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Make a sample company to look at",
		Long: `Make a database that holds an invented company, Tidewater Freight: cloud
accounts, clusters, databases, repositories and machines with a good year
of history, owners that are partly missing, third parties and findings. Of a
company that it bought, Northwind, three months of logs are read up to last
midnight: an enterprise of NHI-Bench (docs/nhi-bench.md), with everything that is
planted there. It lives in a file of its own with keys of its own, and is marked
so that the console says what it is. Nothing of it enters any other database.

A file that holds the sample company already is left as it is: delete it to
have it made again up to today. One in which making it was cut short is made anew.`,
		Example: `  retinue demo
  retinue demo --db /tmp/demo.db && retinue --db /tmp/demo.db identities list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := app.DemoConfig(e.db, e.getenv)
			if err != nil {
				return err
			}
			start := time.Now()
			made, err := app.MakeDemo(cmd.Context(), cfg, app.Options{}, app.DemoOptions{Seed: seed, OnScan: func(at time.Time, done, total int) {
				_, _ = fmt.Fprintf(e.err, "day %s (%d of %d)\n", at.Format(time.DateOnly), done+1, total)
			}, OnLogs: func() { e.say("three months of logs") }})
			if err != nil {
				return err
			}
			if !made {
				_, _ = fmt.Fprintf(e.out, "The sample company is in %s already.\n", cfg.Database)
			} else {
				_, _ = fmt.Fprintf(e.out, "Made the sample company in %s in %s.\n", cfg.Database, time.Since(start).Round(100*time.Millisecond))
			}
			if serve {
				return e.serveDemo(cmd.Context(), cfg, listen)
			}
			_, _ = fmt.Fprintf(e.out, "Look at it: retinue demo --db %s --serve\n", cfg.Database)
			return nil
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 1, "number that fixes what is drawn: equal seeds make equal companies")
	c.Flags().BoolVar(&serve, "serve", false, "serve its console on this machine, with a link that signs you in once")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8420", "where to serve it")
	return c
}

// serveDemo serves the console of the sample company.
func (e *env) serveDemo(ctx context.Context, cfg app.Config, listen string) error {
	a, err := app.Open(ctx, cfg, app.Options{Log: e.logger()})
	if err != nil {
		return err
	}
	o := app.ServeOptions{Listen: listen, OneTimeLink: true}
	o.Started = func(url string, _ net.Addr) { e.say("the sample company is at %s", url) }
	o.Link = func(what, link string) { e.say("%s, once and within ten minutes:\n  %s", what, link) }
	return errors.Join(a.Serve(ctx, o), a.Close())
}
