package cli

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// findingFlags are the filters of the lists of findings.
type findingFlags struct {
	listFlags
	severity, state, owasp, by        string
	rule, source, entity, family, fix string
	text                              string
	resolved, suppressed              bool
}

func (f *findingFlags) add(c *cobra.Command) {
	f.listFlags.add(c)
	fl := c.Flags()
	fl.StringVar(&f.severity, "severity", "", "this severity or worse: critical, high, medium, low, info")
	fl.StringVar(&f.rule, "rule", "", "only this rule")
	fl.StringVar(&f.state, "state", "", "open, acknowledged, accepted, resolved or reopened")
	fl.StringVar(&f.owasp, "owasp", "", "only this risk of the OWASP NHI Top 10, such as NHI2")
	fl.StringVar(&f.source, "source", "", "only about what this source states")
	fl.StringVar(&f.entity, "entity", "", "only about this identity, credential or resource, by id")
	fl.StringVar(&f.family, "family", "", "only this family: the same definition in several places")
	fl.StringVar(&f.fix, "fix", "", "only what this one fix settles")
	fl.StringVar(&f.text, "text", "", "only names, keys or messages that contain this")
	fl.BoolVar(&f.resolved, "resolved", false, "include resolved ones")
	fl.BoolVar(&f.suppressed, "suppressed", false, "include what is managed by a provider or package")
}

func (f *findingFlags) query() (store.FindingList, error) {
	a, err := f.check()
	severity, state, owasp := retinue.Severity(f.severity), retinue.FindingState(f.state), retinue.OWASP(strings.ToUpper(f.owasp))
	if severity != "" && !slices.Contains(retinue.Severities(), severity) {
		return store.FindingList{}, usageError{fmt.Errorf("--severity %q: want critical, high, medium, low or info", f.severity)}
	}
	states := []retinue.FindingState{retinue.FindingOpen, retinue.FindingAcknowledged, retinue.FindingAccepted, retinue.FindingResolved, retinue.FindingReopened}
	if state != "" && !slices.Contains(states, state) {
		return store.FindingList{}, usageError{fmt.Errorf("--state %q: want one of %v", f.state, states)}
	}
	if owasp != "" && !slices.ContainsFunc(retinue.OWASPRisks(), func(r struct {
		ID   retinue.OWASP
		Name string
	}) bool {
		return r.ID == owasp
	}) {
		return store.FindingList{}, usageError{fmt.Errorf("--owasp %q: want NHI1 to NHI10", f.owasp)}
	}
	q := store.FindingList{AsOf: a, Limit: store.MaxPage, Count: store.CountNone, Sort: store.SortPriority, Desc: true}
	q.Filter = store.FindingFilter{Rules: given(f.rule), States: given(f.state), OWASP: given(string(owasp)), Sources: given(f.source),
		Entity: retinue.EntityID(f.entity), Families: given(f.family), Fixes: given(f.fix), Text: f.text, Suppressed: f.suppressed}
	q.Filter.Severities = atLeast(severity)
	if f.resolved && f.state == "" {
		for _, s := range states {
			q.Filter.States = append(q.Filter.States, string(s))
		}
	}
	return q, err
}

// atLeast lists the severities that are at least as bad as one; without one,
// none.
func atLeast(severity retinue.Severity) (out []string) {
	for _, s := range retinue.Severities() {
		if severity != "" && s.AtLeast(severity) {
			out = append(out, string(s))
		}
	}
	return out
}

// findingsOf yields what a query selects, at most limit rows; 0: every row.
func findingsOf(ctx context.Context, s estate, q store.FindingList, limit int) iter.Seq2[retinue.Finding, error] {
	rows := func(yield func(retinue.Finding, error) bool) {
		for x, err := range s.findings(ctx, q) {
			if !yield(x.Finding, err) {
				return
			}
		}
	}
	if limit > 0 {
		return head(rows, limit)
	}
	return rows
}

func (e *env) findingsCommand() *cobra.Command {
	return group("findings", "Findings: what is wrong, worst first", e.findingsList(), e.findingsShow(), e.findingsDecide())
}

func (e *env) findingsList() *cobra.Command {
	var f findingFlags
	c := &cobra.Command{Use: "list", Short: "List findings, the highest priority first", Args: cobra.NoArgs,
		Long: `List findings, the highest priority first.

--by fix rolls them up by the one change that settles them ("1 fix, 312
identities"), --by family by the same definition in several places.`,
		Example: "  retinue findings list --severity high\n  retinue findings list --by fix\n  retinue findings list --owasp NHI2 --format json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(s estate) error {
				switch f.by {
				case "":
					return list(e, f.listFlags, findingsOf(cmd.Context(), s, q, f.limit), findingCells, "no findings match")
				case "fix", "family":
					return e.rollUp(findingsOf(cmd.Context(), s, q, 0), f)
				}
				return usageError{fmt.Errorf("--by %q: want fix or family", f.by)}
			})
		}}
	f.add(c)
	c.Flags().StringVar(&f.by, "by", "", "roll up by fix or by family")
	return c
}

var findingCells = []cell[retinue.Finding]{
	{"id", func(f retinue.Finding) string { return string(f.ID) }},
	{"priority", func(f retinue.Finding) string { return fmt.Sprint(f.Priority) }},
	{"severity", func(f retinue.Finding) string { return string(f.Severity) }},
	{"state", func(f retinue.Finding) string { return string(f.State) }},
	{"rule", func(f retinue.Finding) string { return f.Rule }},
	{"name", func(f retinue.Finding) string { return firstOf(f.Name, f.Subject.Key) }},
	{"message", func(f retinue.Finding) string { return f.Message }},
}

// rolled is a group of findings that one change settles, or that share a
// definition.
type rolled struct {
	Key         string           `json:"key"`
	Title       string           `json:"title"`
	Rule        string           `json:"rule"`
	Severity    retinue.Severity `json:"severity"`
	Priority    int              `json:"priority"`
	Findings    int              `json:"findings"`
	Subjects    int              `json:"subjects"`
	Remediation string           `json:"remediation,omitempty"`
	subjects    map[retinue.Ref]bool
}

func (e *env) rollUp(rows iter.Seq2[retinue.Finding, error], f findingFlags) error {
	groups := map[string]*rolled{}
	for x, err := range rows {
		if err != nil {
			return err
		}
		key := cmp.Or(x.Fix, x.Family, x.Fingerprint)
		title := cmp.Or(x.FixTitle, x.Title)
		if f.by == "family" {
			key, title = cmp.Or(x.Family, x.Fingerprint), x.Title
		}
		g := groups[key]
		if g == nil {
			g = &rolled{Key: key, Title: title, Rule: x.Rule, Severity: x.Severity, Remediation: x.Remediation, subjects: map[retinue.Ref]bool{}}
			groups[key] = g
		}
		g.Findings++
		g.subjects[x.Subject] = true
		g.Subjects = len(g.subjects)
		g.Priority = max(g.Priority, x.Priority)
		if x.Severity.AtLeast(g.Severity) {
			g.Severity = x.Severity
		}
	}
	all := make([]*rolled, 0, len(groups))
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *rolled) int {
		return cmp.Or(b.Priority-a.Priority, b.Findings-a.Findings, strings.Compare(a.Key, b.Key))
	})
	if f.limit > 0 {
		all = all[:min(len(all), f.limit)]
	}
	return list(e, f.listFlags, func(yield func(*rolled, error) bool) {
		for _, g := range all {
			if !yield(g, nil) {
				return
			}
		}
	}, []cell[*rolled]{
		{"priority", func(g *rolled) string { return fmt.Sprint(g.Priority) }},
		{"severity", func(g *rolled) string { return string(g.Severity) }},
		{"findings", func(g *rolled) string { return fmt.Sprint(g.Findings) }},
		{"subjects", func(g *rolled) string { return fmt.Sprint(g.Subjects) }},
		{"title", func(g *rolled) string { return g.Title }},
		{"key", func(g *rolled) string { return g.Key }},
	}, "no findings match")
}

func (e *env) findingsShow() *cobra.Command {
	var format string
	c := &cobra.Command{Use: "show FINDING", Short: "Show one finding with its evidence", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.ask(cmd.Context(), func(s estate) error {
				f, err := s.finding(cmd.Context(), retinue.FindingID(args[0]))
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(f)
				}
				e.showFinding(f)
				return nil
			})
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func (e *env) showFinding(f retinue.Finding) {
	p := func(label, value string) {
		if value != "" {
			e.printf("  %-12s %s\n", label, retinue.CleanName(value))
		}
	}
	e.printf("%s\n", retinue.CleanName(f.Title))
	p("about", firstOf(f.Name, f.Subject.Key))
	p("what", f.Message)
	p("do", f.Remediation)
	p("severity", string(f.Severity))
	p("priority", fmt.Sprintf("%d: %s", f.Priority, f.PriorityReason))
	p("state", string(f.State))
	if f.Accepted != nil {
		p("accepted", fmt.Sprintf("by %s until %s: %s", f.Accepted.By, day(f.Accepted.Until), f.Accepted.Reason))
	}
	p("suppressed", f.Suppressed)
	p("rule", f.Rule)
	owasp := make([]string, len(f.OWASP))
	for i, o := range f.OWASP {
		owasp[i] = string(o)
	}
	p("OWASP", strings.Join(owasp, ", "))
	p("supports", strings.Join(f.Controls, ", "))
	p("first seen", day(f.FirstSeen))
	p("last seen", day(f.LastSeen))
	p("family", f.Family)
	p("fix", firstOf(f.FixTitle, f.Fix))
	section(e, "Places", f.Places, func(pl retinue.Place) string {
		out := pl.Path
		if pl.Line > 0 {
			out += fmt.Sprintf(":%d", pl.Line)
		}
		if pl.Commit != "" {
			out += " in commit " + pl.Commit
		}
		return out
	})
	keys := make([]string, 0, len(f.Evidence))
	for k := range f.Evidence {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	section(e, "Evidence", keys, func(k string) string { return fmt.Sprintf("%s: %v", k, f.Evidence[k]) })
}

// findingsDecide is `findings set`: a person's decision on a finding or a
// family.
func (e *env) findingsDecide() *cobra.Command {
	var d app.Decision
	var until string
	c := &cobra.Command{
		Use:   "set FINDING|FAMILY STATE",
		Short: "Acknowledge a finding, accept its risk for a time, or open it again",
		Long: `Set the state of a finding, or of every finding of a family:

  acknowledged   somebody is at it
  accepted       the risk is accepted: give --reason and --until. Of a finding
                 about a signal of use, what is like it is silent from now on,
                 for a year without --until
  resolved       it was dealt with: for findings about signals of use alone, as
                 others are resolved by fixing them
  open           takes any of them back

Accepting a family holds for findings of it that come later, until the date.`,
		Example: "  retinue findings set fnd_… accepted --reason \"test account\" --until 2027-01-31",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.What, d.State = args[0], retinue.FindingState(args[1])
			if until != "" {
				var err error
				if d.Until, err = parseTime("--until", until); err != nil {
					return err
				}
			}
			return e.ask(cmd.Context(), func(s estate) error {
				n, err := s.decide(cmd.Context(), d)
				if err == nil {
					e.say("now %s: %d", d.State, n)
				}
				return err
			})
		}}
	c.Flags().StringVar(&d.Reason, "reason", "", "why the risk is accepted")
	c.Flags().StringVar(&until, "until", "", "until when it is accepted, as a date")
	return c
}

func (e *env) setCommand() *cobra.Command {
	var r app.RegistrationChange
	var end, review, environ, critical, class string
	c := &cobra.Command{
		Use:   "set IDENTITY",
		Short: "Register who answers for an identity, and why it exists",
		Long: `Set fields of an identity's registration: only the flags that are given change.
An empty value clears a field. The earlier registration stays in the history.`,
		Example: "  retinue identities set ci-deployer --owner platform-team --purpose \"deploys the shop\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Changed = func(name string) bool { return cmd.Flags().Changed(name) }
			var err error
			if end != "" {
				if r.Registration.EndDate, err = parseTime("--end-date", end); err != nil {
					return err
				}
			}
			if review != "" {
				if r.Registration.ReviewDate, err = parseTime("--review-date", review); err != nil {
					return err
				}
			}
			r.Registration.Environment, r.Registration.Criticality = retinue.Environment(environ), retinue.Criticality(critical)
			r.Registration.Class = retinue.Class(class)
			return e.ask(cmd.Context(), func(s estate) error {
				x, err := find(cmd.Context(), s, retinue.FactIdentity, args[0])
				if err != nil {
					return err
				}
				if err = s.register(cmd.Context(), x, r); err == nil {
					e.say("%s: registered", x.Name)
				}
				return err
			})
		}}
	fl := c.Flags()
	fl.StringVar(&r.Registration.Owner, "owner", "", "person or team that answers for it")
	fl.StringVar(&r.Registration.BackupOwner, "backup-owner", "", "who answers when the owner does not")
	fl.StringVar(&r.Registration.Purpose, "purpose", "", "why it exists")
	fl.StringVar(&r.Registration.Application, "application", "", "application that it belongs to")
	fl.StringVar(&r.Registration.DataClass, "data-class", "", "class of the data that it reaches")
	fl.StringVar(&environ, "environment", "", "production, staging, test, development, sandbox or shared")
	fl.StringVar(&critical, "criticality", "", "critical, high, medium or low")
	fl.StringVar(&end, "end-date", "", "when it is to end, as a date")
	fl.StringVar(&review, "review-date", "", "when it is to be reviewed, as a date")
	fl.StringVar(&class, "class", "", "non_human, person or unclear: overrides what the source says")
	fl.StringVar(&r.Registration.ClassReason, "class-reason", "", "why the class is overridden")
	return c
}
