package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/bench"
)

func (e *env) benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Make up an enterprise with known truth, and score conclusions about it",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(e.benchGenerateCommand(), e.benchScoreCommand())
	return c
}

func (e *env) benchGenerateCommand() *cobra.Command {
	var o bench.Options
	var end string
	var without []string
	c := &cobra.Command{
		Use:   "generate --out FOLDER",
		Short: "Make up an enterprise: exports, logs and the truth about them",
		Long: `Generate writes a made-up enterprise into an empty folder: exports of its systems
in the formats of the vendors' own tools (sources/), the logs that they wrote
(logs/), what to read as what (manifest.json), and what is really so (truth.json).
Equal flags give equal bytes. docs/nhi-bench.md describes it.`,
		Example: `  retinue bench generate --seed 1 --out bench
  retinue bench generate --identities 1000 --days 400 --end 2026-10-01 --without gaps,disorder --out bench`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Out == "" {
				return usageError{errors.New("--out is missing: the folder to write to")}
			}
			if end != "" {
				t, err := time.Parse(time.DateOnly, end)
				if err != nil {
					return usageError{fmt.Errorf("--end %q: want a date such as 2026-10-01", end)}
				}
				o.End = t
			}
			for _, w := range without {
				o.Without = append(o.Without, bench.Plant(w))
			}
			start := time.Now()
			t, err := bench.Generate(cmd.Context(), o)
			if err != nil {
				return err
			}
			return e.benchMade(t, o.Out, time.Since(start))
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.Seed, "seed", 1, "number that fixes what is drawn: equal seeds make equal enterprises")
	f.IntVar(&o.Identities, "identities", 200, "how many non-human identities")
	f.IntVar(&o.Days, "days", 90, "how many days the logs cover")
	f.StringVar(&end, "end", "", "the day with whose beginning in UTC the logs end (default: "+bench.DefaultEnd().Format(time.DateOnly)+")")
	f.StringVar(&o.Out, "out", "", "folder to write to; it must be empty or absent")
	f.StringSliceVar(&without, "without", nil, "what not to plant: "+bench.PlantNames())
	return c
}

// benchMade says what was made.
func (e *env) benchMade(t bench.Truth, out string, took time.Duration) error {
	var events int64
	for _, l := range t.Logs {
		events += l.Events
	}
	_, err := fmt.Fprintf(e.out, "Made %d identities and %d events from %s to %s in %s, into %s.\n", len(t.Identities), events,
		t.From.Format(time.DateOnly), t.To.Format(time.DateOnly), took.Round(100*time.Millisecond), retinue.CleanName(out))
	return err
}

func (e *env) benchScoreCommand() *cobra.Command {
	var truth, conclusions, format string
	c := &cobra.Command{
		Use:   "score --truth FILE",
		Short: "Compare conclusions with the truth",
		Long: `Score compares what was concluded about a made-up enterprise with what is really
so: dormancy by rhythm and grade, consumers, shared credentials, owners and
signals, each with its 95 % interval. The conclusions are those of the database,
into which the enterprise was scanned and its logs were imported, or those of a
file, so that any product can be scored: docs/nhi-bench.md describes it.`,
		Example: `  retinue bench score --db bench.db --truth bench/truth.json
  retinue bench score --truth bench/truth.json --conclusions found.json --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case format != "text" && format != "json":
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			case truth == "":
				return usageError{errors.New("want --truth FILE")}
			}
			r, err := e.benchScore(cmd.Context(), truth, conclusions)
			if err != nil {
				return err
			}
			if format == "text" {
				return r.WriteText(e.out)
			}
			enc := json.NewEncoder(e.out)
			enc.SetIndent("", "  ")
			return enc.Encode(r)
		},
	}
	c.Flags().StringVar(&truth, "truth", "", "truth.json of the enterprise")
	c.Flags().StringVar(&conclusions, "conclusions", "", `what was concluded, as JSON; "-" is standard input (default: what the database concludes)`)
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func (e *env) benchScore(ctx context.Context, truth, conclusions string) (bench.Result, error) {
	var t bench.Truth
	var c bench.Conclusions
	err := e.readWhole("truth", truth, func(r io.Reader) (err error) {
		t, err = bench.ReadTruth(r)
		return err
	})
	if err != nil {
		return bench.Result{}, err
	}
	if conclusions == "" {
		err = e.with(ctx, func(a *app.App) (err error) {
			c, err = benchConclusions(ctx, a)
			return err
		})
	} else {
		err = e.readWhole("conclusions", conclusions, func(r io.Reader) (err error) {
			c, err = bench.ReadConclusions(r)
			return err
		})
	}
	if err != nil {
		return bench.Result{}, err
	}
	return bench.Score(t, c), nil
}

func (e *env) readWhole(what, path string, read func(io.Reader) error) error {
	in, done, err := e.reader(what, path)
	if err != nil {
		return err
	}
	defer done()
	return read(in)
}
