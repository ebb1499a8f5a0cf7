package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/store"
)

func (e *env) diffCommand() *cobra.Command {
	var f listFlags
	var types []string
	c := &cobra.Command{
		Use:   "diff FROM [TO]",
		Short: "Show what changed between two times",
		Long: `Show what began, changed or ended between two times: dates (2026-03-31, meaning
the end of that day), times, or ages (30d, 36h). Without TO, until now.`,
		Example: "  retinue diff 7d\n  retinue diff 2026-03-01 2026-03-31 --type identity --format json",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			from, err := parseTime("FROM", args[0])
			if err != nil {
				return err
			}
			to := "0h"
			if len(args) == 2 {
				to = args[1]
			}
			until, err := parseTime("TO", to)
			if err != nil {
				return err
			}
			for _, t := range types {
				if !slices.Contains(retinue.FactTypes(), retinue.FactType(t)) {
					return usageError{fmt.Errorf("--type %q: want one of %v", t, retinue.FactTypes())}
				}
			}
			return e.askLedger(cmd.Context(), func(l ledger) error {
				changes, err := l.changes(cmd.Context(), from, until)
				if err != nil {
					return err
				}
				return list(e, f, pick(changes, types, f.limit), changeCells, "nothing changed")
			})
		}}
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	c.Flags().IntVar(&f.limit, "limit", 0, "print at most so many rows (default: every row)")
	c.Flags().StringSliceVar(&types, "type", nil, "only these types of fact, such as identity,credential,attachment")
	return c
}

var changeCells = []cell[store.Change]{
	{"change", func(c store.Change) string { return c.Kind }},
	{"at", func(c store.Change) string { return c.At.Format("2006-01-02 15:04") }},
	{"type", func(c store.Change) string { return string(c.Type) }},
	{"name", func(c store.Change) string { return firstOf(c.Name, c.Ref.Key) }},
	{"source", func(c store.Change) string { return c.Source }},
	{"what", func(c store.Change) string { return strings.Join(changedFields(c.Before, c.After), ", ") }},
}

// changedFields names the fields in which two versions differ.
func changedFields(before, after json.RawMessage) []string {
	var b, a map[string]json.RawMessage
	if len(before) == 0 || len(after) == 0 || json.Unmarshal(before, &b) != nil || json.Unmarshal(after, &a) != nil {
		return nil
	}
	var out []string
	for k := range b {
		if string(a[k]) != string(b[k]) {
			out = append(out, k)
		}
	}
	for k := range a {
		if _, ok := b[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func pick(changes []store.Change, types []string, limit int) func(func(store.Change, error) bool) {
	return func(yield func(store.Change, error) bool) {
		n := 0
		for _, c := range changes {
			if len(types) > 0 && !slices.Contains(types, string(c.Type)) {
				continue
			}
			if n++; limit > 0 && n > limit {
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (e *env) exportCommand() *cobra.Command {
	var o app.ExportOptions
	var out, severity, asof, known, source, text string
	c := &cobra.Command{
		Use:   "export [identities|credentials|grants|findings]",
		Short: "Write a file with a manifest that says exactly what it is",
		Long: `Export writes FILE and FILE.manifest.json: the query, the date asked about, who,
which version, how many rows, the SHA-256, how complete each source was, and the
head of the audit log. Without a subject it exports findings.

--sample N --seed S draws N rows such that anyone with the same data draws the
same ones.`,
		Example: "  retinue export identities --format xlsx --out identities.xlsx\n  retinue export --format sarif --out retinue.sarif",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Subject = "findings"
			if len(args) == 1 {
				o.Subject = args[0]
			}
			if !slices.Contains(app.ExportSubjects(), o.Subject) {
				return usageError{fmt.Errorf("export %q: want one of %s", o.Subject, strings.Join(app.ExportSubjects(), ", "))}
			}
			if !slices.Contains(app.ExportFormats(), o.Format) {
				return usageError{fmt.Errorf("--format %q: want one of %s", o.Format, strings.Join(app.ExportFormats(), ", "))}
			}
			if out == "" {
				out = "retinue-" + o.Subject + "." + extension(o.Format)
			}
			var err error
			if o.AsOf, err = asOf(asof, known); err != nil {
				return err
			}
			if severity != "" && !slices.Contains(retinue.Severities(), retinue.Severity(severity)) {
				return usageError{fmt.Errorf("--severity %q: want critical, high, medium, low or info", severity)}
			}
			o.Things = store.ListQuery{Filter: store.Filter{Sources: given(source), Text: text}, AsOf: o.AsOf, Sort: store.SortName}
			o.Findings = store.FindingList{AsOf: o.AsOf, Sort: store.SortPriority, Desc: true,
				Filter: store.FindingFilter{Sources: given(source), Text: text, Suppressed: o.Format == "sarif", Severities: atLeast(retinue.Severity(severity))}}
			o.Filters = filters(map[string]string{"source": source, "text": text, "severity": severity})
			return e.askLedger(cmd.Context(), func(l ledger) error {
				m, err := l.export(cmd.Context(), out, o)
				if err == nil {
					e.say("%s: %d rows, SHA-256 %s; manifest in %s.manifest.json", out, m.Rows, m.SHA256, out)
				}
				return err
			})
		}}
	fl := c.Flags()
	fl.StringVar(&o.Format, "format", "json", "json, csv, xlsx, sarif or ocsf")
	fl.StringVarP(&out, "out", "o", "", "file to write (default: retinue-SUBJECT.FORMAT)")
	fl.IntVar(&o.Sample, "sample", 0, "draw so many rows instead of all")
	fl.StringVar(&o.Seed, "seed", "1", "seed of the sample")
	fl.StringVar(&severity, "severity", "", "findings of this severity or worse")
	fl.StringVar(&source, "source", "", "only what this source states")
	fl.StringVar(&text, "text", "", "only names or keys that contain this")
	fl.StringVar(&asof, "as-of", "", "as of a date, a time or an age")
	fl.StringVar(&known, "known-at", "", "with --as-of: by what had been recorded by this date")
	return c
}

func extension(format string) string {
	if format == "ocsf" {
		return "ocsf.ndjson"
	}
	return format
}

func filters(m map[string]string) map[string][]string {
	out := map[string][]string{}
	for k, v := range m {
		if v != "" {
			out[k] = []string{v}
		}
	}
	return out
}

func (e *env) reportCommand() *cobra.Command {
	var html, asof, known string
	c := &cobra.Command{
		Use:     "report",
		Short:   "Show the main figures, top fixes, coverage and limits",
		Long:    "Report shows what the last scans found. --html writes one self-contained file that prints well.",
		Example: "  retinue report\n  retinue report --html report.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			when, err := asOf(asof, known)
			if err != nil {
				return err
			}
			o := reportOptions{at: when, html: html, out: e.out, width: terminalWidth(e.out), color: colour(e.out, e.getenv)}
			o.written = func(m export.Manifest) { e.say("%s: SHA-256 %s; manifest in %s.manifest.json", html, m.SHA256, html) }
			return e.askLedger(cmd.Context(), func(l ledger) error { return l.report(cmd.Context(), o) })
		}}
	c.Flags().StringVar(&html, "html", "", "write an HTML report to this file")
	c.Flags().StringVar(&asof, "as-of", "", "as of a date, a time or an age")
	c.Flags().StringVar(&known, "known-at", "", "with --as-of: by what had been recorded by this date")
	return c
}

// reportOptions say how a report is written: as text to out, or as HTML into a
// file.
type reportOptions struct {
	at      store.AsOf
	html    string
	out     io.Writer
	width   int
	color   bool
	written func(export.Manifest)
}

func (e *env) keysCommand() *cobra.Command {
	do := func(use, short, long string, run func(cmd *cobra.Command, k *app.Keys) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := e.settings()
			if err != nil {
				return err
			}
			k, err := app.OpenKeys(cfg.KeyFile)
			if err != nil {
				return err
			}
			return run(cmd, k)
		}}
	}
	enroll := do("enroll", "Take over another installation's fingerprint key, from standard input or a server",
		"With --server a collector fetches the key from the server, once, after an administrator allowed it.\nWithout, enroll reads the key that \"retinue keys export\" printed elsewhere, so that fingerprints taken here\ncompare with those taken there. It replaces the keys of this machine.",
		func(cmd *cobra.Command, k *app.Keys) error {
			if e.remote() {
				return e.enrollAt(cmd.Context(), k)
			}
			b, err := io.ReadAll(io.LimitReader(e.in, 4096))
			if err != nil {
				return err
			}
			if err := k.Enroll(strings.TrimSpace(string(b))); err != nil {
				return err
			}
			e.say("fingerprints are now taken under key %s", k.Current().ID)
			return nil
		})
	export := &cobra.Command{Use: "export", Short: "Print the fingerprint key, to enrol a collector", Args: cobra.NoArgs,
		Long: "Export prints the current fingerprint key in clear, and keeps on record that it did. Whoever has it\ncan test guesses against fingerprints: pass it on over a protected channel only, and keep no copy.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if isTerminal(e.out) {
				return usageError{errors.New("the key is not printed on a terminal: pipe it, for example `retinue keys export | ssh host retinue keys enroll`")}
			}
			a, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			key, err := a.ExportKey(cmd.Context())
			if err == nil {
				e.printf("%s\n", key)
			}
			return errors.Join(err, a.Close())
		}}
	return group("keys", "Fingerprint keys, which make equal secrets recognisable without keeping them, and sealing keys",
		do("list", "List the ids of the keys, the current one first", "", func(_ *cobra.Command, k *app.Keys) error {
			for _, id := range k.IDs() {
				e.printf("%s\n", id)
			}
			return nil
		}),
		e.keysChange("rotate", "Start a new key beside the old one",
			"Rotate starts a new fingerprint key. Until every scope was scanned again both are written, so\nnothing is lost; then `retinue keys retire` drops the old one.", (*app.App).RotateKey),
		e.keysChange("retire", "Drop old keys, once every scope was scanned under the new one", "", (*app.App).RetireKeys),
		export, enroll, e.sealingCommand(), e.resealCommand())
}
