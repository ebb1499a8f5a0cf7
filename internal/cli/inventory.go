package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// entityFlags are the filters of the lists of entities.
type entityFlags struct {
	listFlags
	q                               store.EntityQuery
	realm, class, environ, critical string
}

func (f *entityFlags) add(c *cobra.Command, class bool) {
	f.listFlags.add(c)
	fl := c.Flags()
	fl.StringVar(&f.q.Source, "source", "", "only what this source states")
	fl.StringVar(&f.realm, "realm", "", "only this system, such as aws:111111111111")
	fl.StringVar(&f.q.Kind, "kind", "", "only this kind, such as role or api_key")
	fl.StringVar(&f.q.State, "state", "", "only this state, such as active, disabled or declared")
	fl.StringVar(&f.q.Text, "text", "", "only names or keys that contain this")
	fl.BoolVar(&f.q.Gone, "gone", false, "include what no longer exists")
	if class {
		fl.StringVar(&f.class, "class", "", "non_human, person or unclear")
		fl.StringVar(&f.environ, "environment", "", "only this environment")
		fl.StringVar(&f.critical, "criticality", "", "only this criticality")
		fl.StringVar(&f.q.Owner, "owner", "", `only this owner; "none" for those without`)
	}
}

func (f *entityFlags) query(t retinue.FactType) (store.EntityQuery, error) {
	a, err := f.check()
	q := f.q
	q.Type, q.Realm, q.Class = t, retinue.Realm(f.realm), retinue.Class(f.class)
	q.Environment, q.Criticality = retinue.Environment(f.environ), retinue.Criticality(f.critical)
	q.Limit, q.AsOf = f.limit, a
	for _, v := range []struct{ flag, value, want string }{{"class", f.class, "non_human person unclear"}, {"environment", f.environ, fmt.Sprint(retinue.Environments())},
		{"criticality", f.critical, fmt.Sprint(retinue.Criticalities())}} {
		if v.value != "" && !slices.Contains(strings.Fields(strings.Trim(v.want, "[]")), v.value) {
			return q, usageError{fmt.Errorf("--%s %q: want one of %s", v.flag, v.value, strings.Join(strings.Fields(strings.Trim(v.want, "[]")), ", "))}
		}
	}
	return q, err
}

func (e *env) identitiesCommand() *cobra.Command {
	var f entityFlags
	l := &cobra.Command{Use: "list", Short: "List identities", Args: cobra.NoArgs,
		Example: "  retinue identities list --class non_human --owner none\n  retinue identities list --as-of 2026-03-31 --format csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listEntities(cmd.Context(), e, f, retinue.FactIdentity, []cell[store.Entity]{
				{"id", func(x store.Entity) string { return string(x.ID) }},
				{"name", func(x store.Entity) string { return firstOf(x.Name, x.Key) }},
				{"kind", func(x store.Entity) string { return x.Kind }},
				{"class", func(x store.Entity) string { return string(x.Class) }},
				{"source", func(x store.Entity) string { return x.Source }},
				{"state", func(x store.Entity) string { return dash(x.State) }},
				{"environment", func(x store.Entity) string { return dash(string(x.Environment)) }},
				{"owner", func(x store.Entity) string { return dash(x.Owner) }},
				{"last used", func(x store.Entity) string { return day(x.LastUsed) }},
				{"key", func(x store.Entity) string { return x.Key }},
			})
		}}
	f.add(l, true)
	return group("identities", "Identities: who can act", l, e.showCommand("identity", retinue.FactIdentity), e.setCommand())
}

func (e *env) credentialsCommand() *cobra.Command {
	var f entityFlags
	l := &cobra.Command{Use: "list", Short: "List credentials", Args: cobra.NoArgs,
		Example: "  retinue credentials list --kind access_key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listEntities(cmd.Context(), e, f, retinue.FactCredential, []cell[store.Entity]{
				{"id", func(x store.Entity) string { return string(x.ID) }},
				{"name", func(x store.Entity) string { return firstOf(x.Name, x.Key) }},
				{"kind", func(x store.Entity) string { return x.Kind }},
				{"subtype", func(x store.Entity) string { return dash(x.Subtype) }},
				{"source", func(x store.Entity) string { return x.Source }},
				{"state", func(x store.Entity) string { return dash(x.State) }},
				{"created", func(x store.Entity) string { return day(x.CreatedAt) }},
				{"expires", func(x store.Entity) string { return day(x.ExpiresAt) }},
				{"last used", func(x store.Entity) string { return day(x.LastUsed) }},
				{"key", func(x store.Entity) string { return x.Key }},
			})
		}}
	f.add(l, false)
	return group("credentials", "Credentials: what lets identities act", l, e.showCommand("credential", retinue.FactCredential))
}

func listEntities(ctx context.Context, e *env, f entityFlags, t retinue.FactType, cells []cell[store.Entity]) error {
	q, err := f.query(t)
	if err != nil {
		return err
	}
	return e.ask(ctx, func(s estate) error {
		return s.entities(ctx, q, func(rows iter.Seq2[store.Entity, error]) error {
			return list(e, f.listFlags, rows, cells, "nothing matches")
		})
	})
}

func (e *env) grantsCommand() *cobra.Command {
	var f entityFlags
	l := &cobra.Command{Use: "list", Short: "List what identities are granted",
		Long: `List what identities are granted, as their sources state it: policies attached
to them directly or through groups and roles, and privileges given without a
policy language. This is what the documents say, not an evaluation: conditions,
denies, boundaries and organisation policies are not applied.`,
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return e.grants(cmd.Context(), f, "") }}
	f.add(l, true)
	var sf entityFlags
	s := &cobra.Command{Use: "show IDENTITY", Short: "Show what one identity is granted", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.grants(cmd.Context(), sf, args[0]) }}
	sf.listFlags.add(s)
	return group("grants", "Grants: what identities are given", l, s)
}

func (e *env) grants(ctx context.Context, f entityFlags, id string) error {
	q, err := f.query(retinue.FactIdentity)
	if err != nil {
		return err
	}
	q.Limit = 0
	return e.ask(ctx, func(s estate) error {
		return s.grants(ctx, q, id, func(rows iter.Seq2[inventory.Grant, error]) error {
			if f.limit > 0 {
				rows = head(rows, f.limit)
			}
			return list(e, f.listFlags, rows, []cell[inventory.Grant]{
				{"name", func(g inventory.Grant) string { return g.Name }},
				{"source", func(g inventory.Grant) string { return g.Source }},
				{"kind", func(g inventory.Grant) string { return g.Kind }},
				{"policy", func(g inventory.Grant) string { return dash(firstOf(g.Policy, strings.Join(g.Privileges, ", "))) }},
				{"on", func(g inventory.Grant) string { return dash(firstOf(g.Resource, g.Within)) }},
				{"through", func(g inventory.Grant) string { return dash(firstOf(strings.Join(g.Path, " → "), g.Via)) }},
				{"says", func(g inventory.Grant) string { return dash(firstOf(g.Sentences...)) }},
			}, "nothing is granted")
		})
	})
}

// thingsAt answers about things now, or as of a date.
func thingsAt(tx *app.Snapshot, when store.AsOf) (*inventory.Things, error) {
	if when.IsZero() {
		return inventory.New(tx), nil
	}
	then, err := tx.Then(when)
	if err != nil {
		return nil, err
	}
	return inventory.New(then), nil
}

func firstOf(v ...string) string {
	for _, s := range v {
		if s != "" {
			return s
		}
	}
	return ""
}

func head[T any](rows iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		i := 0
		for r, err := range rows {
			if i++; !yield(r, err) || i >= n {
				return
			}
		}
	}
}

// find resolves what a person typed: a public id, a key or a name.
func find(tx *app.Snapshot, t retinue.FactType, word string) (store.Entity, error) {
	prefix, _ := retinue.EntityPrefix(t)
	tries := []store.EntityQuery{{Type: t, Key: word, Gone: true}, {Type: t, Text: word, Gone: true, Limit: 20}}
	if strings.HasPrefix(word, prefix) {
		tries = []store.EntityQuery{{Type: t, ID: retinue.EntityID(word), Gone: true}}
	}
	for _, q := range tries {
		var found []store.Entity
		for x, err := range tx.Entities(q) {
			if err != nil {
				return store.Entity{}, err
			}
			if q.Text != "" && !strings.EqualFold(x.Name, word) && len(found) > 0 {
				continue
			}
			found = append(found, x)
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			ids := make([]string, 0, 5)
			for _, x := range found[:min(len(found), 5)] {
				ids = append(ids, fmt.Sprintf("%s (%s, %s)", x.ID, x.Name, x.Source))
			}
			return store.Entity{}, fmt.Errorf("%w: %q names %d things: give an id: %s", retinue.ErrInvalid, word, len(found), strings.Join(ids, ", "))
		}
	}
	return store.Entity{}, fmt.Errorf("%w: nothing is called %q; `list --text` searches", retinue.ErrNotFound, word)
}

// shown is what `show --format json` prints.
type shown struct {
	store.Entity
	Fact         retinue.Fact          `json:"fact"`
	Refs         []retinue.Ref         `json:"refs"`
	Credentials  []retinue.Credential  `json:"credentials,omitempty"`
	Grants       []inventory.Grant     `json:"grants,omitempty"`
	Trusts       []retinue.Trust       `json:"trusts,omitempty"`
	Placements   []retinue.Placement   `json:"placements,omitempty"`
	Uses         []retinue.Use         `json:"uses,omitempty"`
	RunsAs       []retinue.Resource    `json:"runsAsThis,omitempty"`
	OwnerSignals []retinue.OwnerSignal `json:"ownerSignals,omitempty"`
	Registration *retinue.Registration `json:"registration,omitempty"`
	Findings     []retinue.Finding     `json:"findings,omitempty"`
	History      []store.Fact          `json:"history,omitempty"`
}

func (e *env) showCommand(noun string, t retinue.FactType) *cobra.Command {
	var format string
	var history bool
	var asof, known string
	c := &cobra.Command{Use: "show " + strings.ToUpper(noun), Short: "Show one " + noun + " with everything that hangs on it",
		Long: "Show one " + noun + ", named by its id, its vendor's key or its name.", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			}
			when, err := asOf(asof, known)
			if err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(est estate) error {
				s, err := est.show(cmd.Context(), t, args[0], history, when)
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(s)
				}
				e.showText(s)
				return nil
			})
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().BoolVar(&history, "history", false, "with every version that was stated of it")
	c.Flags().StringVar(&asof, "as-of", "", "as it was stated on a date: 2026-03-31, a time, or an age such as 30d")
	c.Flags().StringVar(&known, "known-at", "", "with --as-of: by what had been recorded by this date")
	return c
}

func show(tx *app.Snapshot, t retinue.FactType, word string, history bool, when store.AsOf) (*shown, error) {
	x, err := find(tx, t, word)
	if err != nil {
		return nil, err
	}
	s := &shown{Entity: x}
	if history || !x.GoneAt.IsZero() {
		if s.History, err = tx.FactsOf(x.InternalKey, false); err != nil {
			return nil, err
		}
	}
	if !x.GoneAt.IsZero() && when.IsZero() { // as it was last
		when.Observed = x.GoneAt.Add(-time.Microsecond)
	}
	if !when.IsZero() {
		for y, err := range tx.Entities(store.EntityQuery{Type: t, ID: x.ID, Gone: true, AsOf: when}) {
			if err != nil {
				return nil, err
			}
			y.GoneAt = x.GoneAt
			s.Entity = y
		}
	}
	things, err := thingsAt(tx, when)
	if err != nil {
		return nil, err
	}
	th, err := things.Thing(x.InternalKey)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil, fmt.Errorf("%w: nothing was known of %s at that time", retinue.ErrNotFound, x.Name)
	}
	if err != nil {
		return nil, err
	}
	s.Fact, s.Refs, s.Grants, s.Trusts, s.Uses = th.Fact, th.Refs, inventory.GrantsOf(s.Entity, th), th.Trusts, th.Uses
	s.Placements, s.RunsAs, s.OwnerSignals, s.Registration = th.Placements, th.Runners, th.OwnerSignals, th.Registration
	for _, c := range th.Credentials {
		s.Credentials = append(s.Credentials, c.Credential)
		s.Placements = append(s.Placements, c.Placements...)
	}
	if when.IsZero() {
		s.Findings, err = tx.FindingsOf(x.InternalKey)
	}
	return s, err
}

func (e *env) showText(s *shown) {
	p := func(label, value string) {
		if value != "" {
			e.printf("  %-14s %s\n", label, retinue.CleanName(value))
		}
	}
	e.printf("%s\n", retinue.CleanName(firstOf(s.Name, s.Key)))
	p("id", string(s.ID))
	p("kind", strings.TrimSpace(s.Kind+" "+s.Subtype))
	p("key", s.Key)
	p("system", string(s.Realm))
	p("source", s.Source)
	if !s.GoneAt.IsZero() {
		p("gone", day(s.GoneAt)+" (shown as it was last)")
	}
	p("state", s.State)
	if id, ok := s.Fact.(retinue.Identity); ok {
		p("class", string(id.Class)+": "+id.ClassReason)
		p("about", id.Description)
	}
	p("environment", firstOf(string(s.Environment), "unlabelled"))
	p("criticality", string(s.Criticality))
	p("owner", firstOf(s.Owner, "none registered"))
	if g := s.Registration; g != nil {
		p("backup owner", g.BackupOwner)
		p("purpose", g.Purpose)
		p("application", g.Application)
		p("end date", dayOf(g.EndDate))
		p("review date", dayOf(g.ReviewDate))
	}
	p("created", day(s.CreatedAt))
	p("expires", day(s.ExpiresAt))
	p("last used", day(s.LastUsed))
	e.showLists(s)
}

func (e *env) showLists(s *shown) {
	section(e, "Uses (grade C: only what the source's own field says)", s.Uses, func(u retinue.Use) string {
		at := u.At.Format("2006-01-02 15:04 MST")
		if u.Never {
			at = "never"
		}
		return u.Meaning + ": " + at + spaced(u.Action) + spaced(u.Consumer)
	})
	section(e, "Credentials", s.Credentials, func(c retinue.Credential) string {
		return string(c.Kind) + " " + firstOf(c.Name, c.Ref.Key) + spaced(string(c.State)) + " created " + day(c.CreatedAt) + " expires " + day(c.ExpiresAt)
	})
	section(e, "Granted", s.Grants, func(g inventory.Grant) string {
		return g.Kind + " " + firstOf(g.Policy, strings.Join(g.Privileges, ", ")) + through(g) + spaced(firstOf(g.Sentences...))
	})
	section(e, "Who can become it", s.Trusts, func(t retinue.Trust) string {
		out := string(t.Kind) + " " + t.Name
		if t.Vendor != "" {
			out += " (" + t.Vendor + ")"
		}
		if t.ThirdParty {
			out += ", third party"
		}
		return out
	})
	section(e, "Where its secrets lie", s.Placements, func(p retinue.Placement) string {
		out := string(p.Place.Kind) + " " + p.Place.Path
		if p.Place.Line > 0 {
			out += fmt.Sprintf(":%d", p.Place.Line)
		}
		if p.Historic {
			out += " (history only)"
		}
		return out
	})
	section(e, "What runs as it", s.RunsAs, func(r retinue.Resource) string { return r.Kind + " " + firstOf(r.Name, r.Ref.Key) })
	section(e, "Evidence of ownership", s.OwnerSignals, func(o retinue.OwnerSignal) string {
		return o.Candidate + " (" + o.Signal + spaced(o.Quote) + ")"
	})
	section(e, "Findings", s.Findings, func(f retinue.Finding) string {
		return string(f.Severity) + " " + string(f.State) + " " + string(f.ID) + "  " + f.Message
	})
	section(e, "History", s.History, func(f store.Fact) string {
		to := "now"
		if !f.ObservedTo.IsZero() {
			to = day(f.ObservedTo)
		}
		b, _ := json.Marshal(f.Body)
		return day(f.ObservedFrom) + " to " + to + "  " + f.Source + "  " + middle(string(b), 200)
	})
}

func through(g inventory.Grant) string {
	if len(g.Path) == 0 {
		return ""
	}
	return " through " + strings.Join(g.Path, " → ")
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return day(t)
}

func spaced(s string) string {
	if s == "" {
		return ""
	}
	return "  " + s
}

const maxShown = 50

func section[T any](e *env, title string, items []T, show func(T) string) {
	if len(items) == 0 {
		return
	}
	e.printf("\n%s (%d)\n", title, len(items))
	for _, it := range items[:min(len(items), maxShown)] {
		e.printf("  %s\n", retinue.CleanName(show(it)))
	}
	if len(items) > maxShown {
		e.printf("  … and %d more (--format json has them)\n", len(items)-maxShown)
	}
}
