package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
)

// stewardship is who answers for what: here, or at a server.
type stewardship interface {
	owners(ctx context.Context) ([]app.Owner, error)
	owner(ctx context.Context, name string) (app.OwnerDetail, error)
	queue(ctx context.Context, reason string, q store.ListQuery) iter.Seq2[app.QueueItem, error]
	ownership(ctx context.Context, id retinue.EntityID) (app.IdentityOwnership, error)
	assign(ctx context.Context, a app.OwnerAssignment) (app.AssignmentResult, error)
	undo(ctx context.Context, token string) (app.UndoResult, error)
	ownershipRules() ruleBook
}

// ruleBook is the list of ownership rules.
type ruleBook interface {
	read(ctx context.Context) (app.OwnershipRuleSet, error)
	preview(ctx context.Context, set steward.RuleSet) (steward.Preview, error)
	replace(ctx context.Context, set steward.RuleSet) (app.OwnershipRuleSet, error)
}

func (e *env) ownersCommand() *cobra.Command {
	return group("owners", "Owners: who answers for identities", e.ownersList(), e.ownersShow(), e.ownersHistory(), e.ownersQueue(), e.ownersAssign(),
		e.ownersUndo(), e.ownersRules())
}

func (e *env) ownersList() *cobra.Command {
	var f listFlags
	c := &cobra.Command{Use: "list", Short: "List who answers for identities, and for how many", Args: cobra.NoArgs,
		Long: "List who answers for identities. The line \"none\" counts what nobody answers for.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.check(); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				all, err := s.owners(cmd.Context())
				if err != nil {
					return err
				}
				if f.limit > 0 {
					all = all[:min(len(all), f.limit)]
				}
				return list(e, f, each(all), []cell[app.Owner]{
					{"owner", func(o app.Owner) string { return o.ID }},
					{"title", func(o app.Owner) string { return dash(o.Title) }},
					{"kind", func(o app.Owner) string { return dash(string(o.Kind)) }},
					{"left", func(o app.Owner) string { return dash(yes(o.Left)) }},
					{"identities", func(o app.Owner) string { return fmt.Sprint(o.Identities) }},
					{"assigned", func(o app.Owner) string { return fmt.Sprint(o.Explicit) }},
					{"privileged", func(o app.Owner) string { return fmt.Sprint(o.Privileged) }},
					{"backup for", func(o app.Owner) string { return fmt.Sprint(o.BackupFor) }},
					{"critical", func(o app.Owner) string { return fmt.Sprint(o.Findings[retinue.SeverityCritical]) }},
					{"high", func(o app.Owner) string { return fmt.Sprint(o.Findings[retinue.SeverityHigh]) }},
				}, "nobody answers for anything")
			})
		}}
	e.plainList(c, &f)
	return c
}

// plainList adds the flags of lists that are of now.
func (e *env) plainList(c *cobra.Command, f *listFlags) {
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv")
	c.Flags().IntVar(&f.limit, "limit", 0, "print at most so many rows (default: every row)")
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return ""
}

// each yields the items of a slice, none of which fails.
func each[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range items {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func (e *env) ownersShow() *cobra.Command {
	var format string
	c := &cobra.Command{Use: "show OWNER", Short: "Show one owner: teams, rules, and who takes over where they left", Args: cobra.ExactArgs(1),
		Example: "  retinue owners show @platform\n  retinue owners show none",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				o, err := s.owner(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(o)
				}
				e.showOwner(o)
				return nil
			})
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func textOrJSON(format string) error {
	if format != "text" && format != "json" {
		return usageError{fmt.Errorf("--format %q: want text or json", format)}
	}
	return nil
}

func (e *env) showOwner(o app.OwnerDetail) {
	e.printf("%s\n", retinue.CleanName(firstOf(o.Title, o.ID)))
	e.line("owner", o.ID)
	e.line("kind", string(o.Kind))
	if o.Left {
		e.line("left", "the directory says that they are no longer there")
	}
	e.line("manager", o.Manager)
	e.line("teams", strings.Join(o.Teams, ", "))
	e.line("answers for", fmt.Sprintf("%d identities, %d of them assigned by a person, %d privileged", o.Identities, o.Explicit, o.Privileged))
	e.line("backup for", fmt.Sprint(o.BackupFor))
	e.line("unreviewed", fmt.Sprint(o.Unreviewed))
	for _, s := range retinue.Severities() {
		if n := o.Findings[s]; n > 0 {
			e.line(string(s), fmt.Sprintf("%d open findings", n))
		}
	}
	e.line("by the rules", strings.Join(o.Rules, ", "))
	section(e, "Who might take over", o.Successors, suggested)
	section(e, "Credentials that they know, not rotated since", o.Known, func(k app.KnownCredential) string {
		return fmt.Sprintf("%s  %s: %s, last on %s (%s)", k.ID, k.Name, strings.Join(k.How, ", "), day(k.Last), strings.Join(append([]string{"evidence " + app.EvidenceWord(k.Grade)}, k.Evidence...), ", "))
	})
}

// line prints a labelled value, where there is one.
func (e *env) line(label, value string) {
	if value != "" {
		e.printf("  %-14s %s\n", label, retinue.CleanName(value))
	}
}

func suggested(s steward.Suggestion) string {
	return s.Owner + " (" + string(s.Confidence) + "): " + s.Summary
}

func (e *env) ownersHistory() *cobra.Command {
	var format string
	c := &cobra.Command{Use: "history IDENTITY", Short: "Show who answers for an identity, who did, and who might", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				x, err := find(cmd.Context(), s, retinue.FactIdentity, args[0])
				if err != nil {
					return err
				}
				o, err := s.ownership(cmd.Context(), x.ID)
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(o)
				}
				e.printf("%s\n", retinue.CleanName(firstOf(x.Name, x.Key)))
				section(e, "Now", []app.OwnershipPeriod{o.Now}, period)
				section(e, "Before", o.History, period)
				section(e, "Who it might be", o.Suggestions, suggested)
				section(e, "Turned down", o.Denied, func(s string) string { return s })
				return nil
			})
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func period(p app.OwnershipPeriod) string {
	out := firstOf(p.Owner, "nobody")
	if p.Backup != "" {
		out += ", backup " + p.Backup
	}
	if p.Left {
		out += " (left)"
	}
	if !p.From.IsZero() {
		out += "  from " + day(p.From)
	}
	if !p.To.IsZero() {
		out += " to " + day(p.To)
	}
	out += spaced(string(p.How)) + spaced(p.Title) + spaced(p.Why)
	if p.By != nil {
		out += spaced("by " + p.By.Name)
	}
	return out
}

func (e *env) ownersQueue() *cobra.Command {
	var f entityFlags
	var left bool
	c := &cobra.Command{Use: "queue", Short: "List identities that need an owner, with who it might be and why", Args: cobra.NoArgs,
		Long:    "List non-human identities that nobody answers for, the gravest first, or with --left those whose owner has left.",
		Example: "  retinue owners queue --limit 20\n  retinue owners queue --left",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(retinue.FactIdentity)
			if err != nil {
				return err
			}
			reason := "unowned"
			if left {
				reason = "owner_left"
			}
			q.Sort, q.Desc = store.SortPriority, true
			return e.ask(cmd.Context(), func(s estate) error {
				rows := s.queue(cmd.Context(), reason, q.ListQuery)
				if q.limit > 0 {
					rows = head(rows, q.limit)
				}
				return list(e, f.listFlags, rows, []cell[app.QueueItem]{
					{"id", func(x app.QueueItem) string { return string(x.ID) }},
					{"name", func(x app.QueueItem) string { return firstOf(x.Name, x.Key) }},
					{"kind", func(x app.QueueItem) string { return x.Kind }},
					{"source", func(x app.QueueItem) string { return x.Source }},
					{"priority", func(x app.QueueItem) string { return fmt.Sprint(x.Priority) }},
					{"left", func(x app.QueueItem) string { return dash(x.Left) }},
					{"might be", func(x app.QueueItem) string {
						if len(x.Suggestions) == 0 {
							return "—"
						}
						return x.Suggestions[0].Owner
					}},
					{"because", func(x app.QueueItem) string {
						if len(x.Suggestions) == 0 {
							return "—"
						}
						return x.Suggestions[0].Summary
					}},
				}, "nothing needs an owner")
			})
		}}
	e.plainList(c, &f.listFlags)
	fl := c.Flags()
	fl.StringVar(&f.source, "source", "", "only what this source states")
	fl.StringVar(&f.kind, "kind", "", "only this kind, such as role or api_key")
	fl.StringVar(&f.text, "text", "", "only names or keys that contain this")
	fl.StringVar(&f.environ, "environment", "", "only this environment")
	fl.StringVar(&f.critical, "criticality", "", "only this criticality")
	fl.BoolVar(&left, "left", false, "those whose owner has left, instead of those without one")
	return c
}

// assignFlags are the flags of `owners assign`.
type assignFlags struct {
	filter                  entityFlags
	backup, reason, format  string
	onlyUnowned, dryRun, by bool
}

func (e *env) ownersAssign() *cobra.Command {
	var f assignFlags
	c := &cobra.Command{
		Use:   "assign OWNER [IDENTITY …]",
		Short: "Give identities an owner, by name or by filter, with a preview and an undo",
		Long: `Assign an owner (a person's e-mail address, or a team as @team) to the identities
that are named, or to all that the filters select. What a person assigns wins
over every rule. An empty OWNER takes the owner away, so that rules decide.

--dry-run says what it would do and does nothing. Afterwards a word is printed
with which "retinue owners undo" takes everything back.`,
		Example: `  retinue owners assign @payments ci-deployer backup-job
  retinue owners assign @platform --source k8s-production --only-unowned --dry-run`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.by = cmd.Flags().Changed("backup")
			return e.assignOwner(cmd.Context(), args[0], args[1:], f)
		}}
	fl := c.Flags()
	fl.StringVar(&f.backup, "backup", "", "who answers when the owner does not")
	fl.StringVar(&f.reason, "reason", "", "why, for the record")
	fl.BoolVar(&f.onlyUnowned, "only-unowned", false, "leave alone what somebody answers for already")
	fl.BoolVar(&f.dryRun, "dry-run", false, "only say what it would do")
	fl.StringVar(&f.format, "format", "text", "text or json")
	fl.StringVar(&f.filter.source, "source", "", "instead of names: all that this source states")
	fl.StringVar(&f.filter.kind, "kind", "", "instead of names: all of this kind")
	fl.StringVar(&f.filter.text, "text", "", "instead of names: all whose name or key contains this")
	fl.StringVar(&f.filter.environ, "environment", "", "instead of names: all of this environment")
	fl.StringVar(&f.filter.critical, "criticality", "", "instead of names: all of this criticality")
	fl.StringVar(&f.filter.owner, "owner", "", `instead of names: all of this owner; "none" for those without`)
	return c
}

func (e *env) assignOwner(ctx context.Context, owner string, words []string, f assignFlags) error {
	if err := textOrJSON(f.format); err != nil {
		return err
	}
	f.filter.format = "table"
	q, err := f.filter.query(retinue.FactIdentity)
	if err != nil {
		return err
	}
	s := q.Filter
	by := &app.AssignmentFilter{Sources: s.Sources, Kinds: s.Kinds, Environments: s.Environments, Criticalities: s.Criticalities, Owners: s.Owners, Text: s.Text}
	byFilter := len(s.Sources)+len(s.Kinds)+len(s.Environments)+len(s.Criticalities)+len(s.Owners)+len(s.Text) > 0
	switch {
	case byFilter == (len(words) > 0):
		return usageError{errors.New("owners assign: name the identities, or select them by --source, --kind, --text, --environment, --criticality or --owner")}
	}
	a := app.OwnerAssignment{Owner: &owner, OnlyUnowned: f.onlyUnowned, Reason: f.reason, DryRun: f.dryRun}
	if f.by {
		a.BackupOwner = &f.backup
	}
	return e.ask(ctx, func(est estate) error {
		if byFilter {
			// What is counted now must still be what is changed: anything else is
			// refused.
			a.Filter, a.DryRun = by, true
			seen, err := est.assign(ctx, a)
			if err != nil {
				return err
			}
			a.Expect, a.DryRun = seen.Changed+seen.Unchanged+seen.Skipped, f.dryRun
		}
		for _, w := range words {
			x, err := find(ctx, est, retinue.FactIdentity, w)
			if err != nil {
				return err
			}
			a.IDs = append(a.IDs, x.ID)
		}
		r, err := est.assign(ctx, a)
		if err != nil {
			return err
		}
		if f.format == "json" {
			return e.json(r)
		}
		e.assigned(r, f.dryRun)
		return nil
	})
}

func (e *env) assigned(r app.AssignmentResult, dryRun bool) {
	verb := "changed"
	if dryRun {
		verb = "would change"
	}
	e.printf("%d %s", r.Changed, verb)
	if r.FromPerson > 0 {
		e.printf(" (%d of them a person had assigned to somebody else)", r.FromPerson)
	}
	e.printf(", %d had that owner already", r.Unchanged)
	if r.Skipped > 0 {
		e.printf(", %d belong to somebody and were left alone", r.Skipped)
	}
	e.printf("\n")
	if r.Owner != "" && !r.Known {
		e.say("no directory knows %s: is it written rightly?", retinue.CleanName(r.Owner))
	}
	for _, x := range r.Examples {
		e.printf("  %s  %s: %s → %s\n", x.ID, retinue.CleanName(x.Name), retinue.CleanName(firstOf(x.Before, "nobody")), retinue.CleanName(firstOf(r.Owner, "by the rules")))
	}
	if r.Undo != "" {
		e.say("retinue owners undo %s   takes it back until %s", r.Undo, r.UndoUntil.Format("2006-01-02 15:04 MST"))
	}
}

func (e *env) ownersUndo() *cobra.Command {
	return &cobra.Command{Use: "undo WORD", Short: "Take an assignment back", Args: cobra.ExactArgs(1),
		Long: "Take an assignment back, by the word that it printed. What somebody changed since is left as it is.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.ask(cmd.Context(), func(s estate) error {
				r, err := s.undo(cmd.Context(), args[0])
				if err == nil {
					e.printf("%d taken back, %d changed since and left as they are\n", r.Restored, r.Kept)
				}
				return err
			})
		}}
}

func (e *env) ownersRules() *cobra.Command {
	var format string
	show := &cobra.Command{Use: "show", Short: "Print the rules that give identities their owners, in order", Args: cobra.NoArgs,
		Long: "Print the ownership rules: the first that matches an identity decides, and a person's word wins over all of\nthem. `--format json` prints what `retinue owners rules set` takes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				set, err := s.ownershipRules().read(cmd.Context())
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(set)
				}
				e.showRules(set)
				return nil
			})
		}}
	show.Flags().StringVar(&format, "format", "text", "text or json")
	var dryRun bool
	var setFormat string
	set := &cobra.Command{Use: "set FILE", Short: "Put a list of ownership rules in force, with a preview", Args: cobra.ExactArgs(1),
		Long: `Put the list of ownership rules that a YAML or JSON file holds in force. "-"
reads standard input. The effect of each rule is printed; --dry-run changes
nothing. Earlier lists stay in the history.`,
		Example: "  retinue owners rules show --format json > rules.json\n  retinue owners rules set rules.json --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(setFormat); err != nil {
				return err
			}
			rules, err := e.readRules(args[0])
			if err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error { return e.setRules(cmd.Context(), s.ownershipRules(), rules, dryRun, setFormat) })
		}}
	set.Flags().BoolVar(&dryRun, "dry-run", false, "only say what it would do")
	set.Flags().StringVar(&setFormat, "format", "text", "text or json")
	return group("rules", "The rules that give identities their owners", show, set)
}

func (e *env) setRules(ctx context.Context, b ruleBook, rules steward.RuleSet, dryRun bool, format string) error {
	p, err := b.preview(ctx, rules)
	if err != nil {
		return err
	}
	if !dryRun {
		if _, err := b.replace(ctx, rules); err != nil {
			return err
		}
	}
	if format == "json" {
		return e.json(p)
	}
	for i, r := range p.Rules {
		e.printf("%3d  %-32s settles %d, changes %d", i+1, retinue.CleanName(rules.Rules[i].Owner), r.Settles, r.Changes)
		if r.Earlier > 0 {
			e.printf(", %d go to earlier rules", r.Earlier)
		}
		if r.Explicit > 0 {
			e.printf(", %d were assigned by a person", r.Explicit)
		}
		e.printf("  %s\n", retinue.CleanName(rules.Rules[i].Title))
	}
	if f := rules.Fallback; f != nil {
		e.printf("     %-32s settles %d, changes %d  what no rule matches\n", retinue.CleanName(f.Owner), p.Fallback.Settles, p.Fallback.Changes)
	}
	verb := "get another owner"
	if dryRun {
		verb = "would get another owner"
	}
	e.printf("%d of %d identities %s; nobody answers for %d\n", p.Changes, p.Identities, verb, p.Unowned)
	return nil
}

func (e *env) showRules(set app.OwnershipRuleSet) {
	for i, r := range set.Rules {
		e.printf("%3d  %-32s %s", i+1, retinue.CleanName(r.Owner), matched(r.Match))
		if r.Backup != "" {
			e.printf("  backup %s", retinue.CleanName(r.Backup))
		}
		if r.Title != "" {
			e.printf("  (%s)", retinue.CleanName(r.Title))
		}
		e.printf("\n")
	}
	if f := set.Fallback; f != nil {
		e.printf("     %-32s what no rule matches\n", retinue.CleanName(f.Owner))
	}
	if len(set.Rules) == 0 && set.Fallback == nil {
		e.say("there are no ownership rules")
	}
}

// matched says what a rule matches, in the words of its file.
func matched(m steward.Match) string {
	var fields map[string][]string
	b, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		return ""
	}
	var out []string
	for _, name := range []string{"accounts", "units", "namespaces", "repositories", "paths", "tags", "applications", "names", "sources", "kinds"} {
		if v := fields[name]; len(v) > 0 {
			out = append(out, name+" "+retinue.CleanName(strings.Join(v, " or ")))
		}
	}
	return strings.Join(out, " and ")
}

// maxRuleFile bounds a file of ownership rules, in bytes.
const maxRuleFile = 8 << 20

// readRules reads a list of ownership rules from YAML, of which JSON is a part.
// A rule without an id is new.
func (e *env) readRules(path string) (set steward.RuleSet, err error) {
	r := e.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return set, fmt.Errorf("%w: read ownership rules: %v", retinue.ErrInvalid, err)
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, maxRuleFile+1))
	if err != nil {
		return set, fmt.Errorf("%w: read ownership rules: %v", retinue.ErrInvalid, err)
	}
	if len(text) > maxRuleFile {
		return set, fmt.Errorf("%w: read ownership rules: more than %d bytes", retinue.ErrInvalid, maxRuleFile)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return set, fmt.Errorf("%w: read ownership rules in %s: %v", retinue.ErrInvalid, path, err)
	}
	b, err := json.Marshal(tree)
	if err != nil {
		return set, fmt.Errorf("%w: read ownership rules in %s: %v", retinue.ErrInvalid, path, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&set); err != nil {
		return set, fmt.Errorf("%w: read ownership rules in %s: %v", retinue.ErrInvalid, path, err)
	}
	for i := range set.Rules {
		if set.Rules[i].ID == "" {
			set.Rules[i].ID = steward.NewRuleID(e.now())
		}
	}
	return set, set.Validate()
}
