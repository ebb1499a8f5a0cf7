package cli

import (
	"context"
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
company that it bought, Northwind, four months of logs are read up to last
midnight: an enterprise of NHI-Bench (docs/nhi-bench.md), with everything that is
planted there. With --serve the console is there in seconds, and they are read
while you look around. It lives in a file of its own with keys of its own, and is marked
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
			return e.demo(cmd.Context(), cfg, seed, serve, listen)
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 1, "number that fixes what is drawn: equal seeds make equal companies")
	c.Flags().BoolVar(&serve, "serve", false, "serve its console on this machine, with a link that signs you in once")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8420", "where to serve it")
	return c
}

// demo makes the sample company and has its logs read: before it returns, or while
// its console is served.
func (e *env) demo(ctx context.Context, cfg app.Config, seed uint64, serve bool, listen string) error {
	start := time.Now()
	made, err := app.MakeDemo(ctx, cfg, app.Options{}, app.DemoOptions{Seed: seed, OnScan: func(at time.Time, done, total int) {
		_, _ = fmt.Fprintf(e.err, "day %s (%d of %d)\n", at.Format(time.DateOnly), done+1, total)
	}})
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, app.Options{Log: e.logger()})
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	if serve {
		return e.serveDemo(ctx, a, listen)
	}
	pending, err := a.DemoLogsPending(ctx)
	if err == nil && pending {
		err = a.ReadDemoLogs(ctx, e.demoStep)
	}
	if err == nil {
		_, err = a.Settle(ctx)
	}
	if err != nil {
		return err
	}
	if made || pending {
		_, _ = fmt.Fprintf(e.out, "Made the sample company in %s in %s.\n", cfg.Database, time.Since(start).Round(100*time.Millisecond))
	} else {
		_, _ = fmt.Fprintf(e.out, "The sample company is in %s already.\n", cfg.Database)
	}
	_, err = fmt.Fprintf(e.out, "Look at it: retinue demo --db %s --serve\n", cfg.Database)
	return err
}

func (e *env) demoStep(what string, step, of int) {
	_, _ = fmt.Fprintf(e.err, "%s (%d of %d)\n", what, step, of)
}

// serveDemo serves the console of the sample company, and has its logs read
// meanwhile.
func (e *env) serveDemo(ctx context.Context, a *app.App, listen string) error {
	o := app.ServeOptions{Listen: listen, OneTimeLink: true}
	o.Started = func(url string, _ net.Addr) { e.say("the sample company is at %s", url) }
	o.Link = func(what, link string) { e.say("%s, once and within ten minutes:\n  %s", what, link) }
	o.Beside = func(ctx context.Context) {
		switch pending, err := a.DemoLogsPending(ctx); {
		case err == nil && !pending:
			return
		case err == nil:
			err = a.ReadDemoLogs(ctx, e.demoStep)
			fallthrough
		default:
			if err == nil {
				e.say("all of it is there")
			} else if ctx.Err() == nil {
				e.say("its logs were not read to their end, and will be the next time: %v", err)
			}
		}
	}
	return a.Serve(ctx, o)
}
