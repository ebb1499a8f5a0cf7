package cli

import (
	"context"
	"encoding/json"
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
	source, realm, kind, class, state string
	environ, critical, owner, text    string
	gone                              bool
}

func (f *entityFlags) add(c *cobra.Command, class bool) {
	f.listFlags.add(c)
	fl := c.Flags()
	fl.StringVar(&f.source, "source", "", "only what this source states")
	fl.StringVar(&f.realm, "realm", "", "only this system, such as aws:111111111111")
	fl.StringVar(&f.kind, "kind", "", "only this kind, such as role or api_key")
	fl.StringVar(&f.state, "state", "", "only this state, such as active, disabled or declared")
	fl.StringVar(&f.text, "text", "", "only names or keys that contain this")
	fl.BoolVar(&f.gone, "gone", false, "include what no longer exists")
	if class {
		fl.StringVar(&f.class, "class", "", "non_human, person or unclear")
		fl.StringVar(&f.environ, "environment", "", "only this environment")
		fl.StringVar(&f.critical, "criticality", "", "only this criticality")
		fl.StringVar(&f.owner, "owner", "", `only this owner; "none" for those without`)
	}
}

// thingQuery selects things: what exists, and with gone what has ended too.
type thingQuery struct {
	store.ListQuery
	gone  bool
	limit int // of all rows; 0: every row
}

func (f *entityFlags) query(t retinue.FactType) (thingQuery, error) {
	a, err := f.check()
	q := thingQuery{gone: f.gone, limit: f.limit}
	q.Type, q.AsOf, q.Limit, q.Count, q.Sort = t, a, store.MaxPage, store.CountNone, store.SortName
	q.Filter = store.Filter{Sources: given(f.source), Realms: given(f.realm), Kinds: given(f.kind), Classes: given(f.class), States: given(f.state),
		Environments: given(f.environ), Criticalities: given(f.critical), Owners: given(f.owner), Text: f.text}
	for _, v := range []struct{ flag, value, want string }{{"class", f.class, "non_human person unclear"}, {"environment", f.environ, fmt.Sprint(retinue.Environments())},
		{"criticality", f.critical, fmt.Sprint(retinue.Criticalities())}} {
		if v.value != "" && !slices.Contains(strings.Fields(strings.Trim(v.want, "[]")), v.value) {
			return q, usageError{fmt.Errorf("--%s %q: want one of %s", v.flag, v.value, strings.Join(strings.Fields(strings.Trim(v.want, "[]")), ", "))}
		}
	}
	return q, err
}

// given is a filter of one value, or none.
func given(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
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
		return list(e, f.listFlags, entitiesOf(ctx, s, q), cells, "nothing matches")
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
	return e.ask(ctx, func(s estate) error {
		if id != "" {
			x, err := find(ctx, s, retinue.FactIdentity, id)
			if err != nil {
				return err
			}
			q.Filter = store.Filter{IDs: []retinue.EntityID{x.ID}}
		}
		rows := s.grants(ctx, q.ListQuery)
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

// entitiesOf yields what a query selects: what exists, then what has ended.
func entitiesOf(ctx context.Context, s estate, q thingQuery) iter.Seq2[store.Entity, error] {
	passes := []bool{false}
	if q.gone && q.AsOf.IsZero() {
		passes = append(passes, true)
	}
	rows := func(yield func(store.Entity, error) bool) {
		for _, gone := range passes {
			q.Filter.Gone = gone
			for x, err := range s.things(ctx, q.ListQuery) {
				if !yield(x.Entity, err) {
					return
				}
			}
		}
	}
	if q.limit > 0 {
		return head(rows, q.limit)
	}
	return rows
}

// find resolves what a person typed: a public id, else a key, else a name, else
// a part of either that only one thing has. What exists comes before what has
// ended.
func find(ctx context.Context, s estate, t retinue.FactType, word string) (store.Entity, error) {
	q := thingQuery{ListQuery: store.ListQuery{Type: t, Filter: store.Filter{Text: word}, Limit: store.MaxPage, Count: store.CountNone}, gone: true}
	if prefix, _ := retinue.EntityPrefix(t); retinue.CheckID(prefix, word) == nil {
		q.Filter = store.Filter{IDs: []retinue.EntityID{retinue.EntityID(word)}}
	}
	var found [6][]store.Entity // by key, by name, by a part; then of what has ended
	for x, err := range entitiesOf(ctx, s, q) {
		if err != nil {
			return store.Entity{}, err
		}
		n := 2
		switch {
		case x.Key == word || len(q.Filter.IDs) > 0:
			n = 0
		case strings.EqualFold(x.Name, word):
			n = 1
		}
		if !x.GoneAt.IsZero() {
			n += 3
		}
		if found[n] = append(found[n], x); len(found[n]) > maxFound {
			found[n] = found[n][:maxFound]
		}
	}
	for _, list := range found {
		switch {
		case len(list) == 1:
			return list[0], nil
		case len(list) > 1:
			ids := make([]string, 0, 5)
			for _, x := range list[:min(len(list), 5)] {
				ids = append(ids, fmt.Sprintf("%s (%s, %s)", x.ID, x.Name, x.Source))
			}
			return store.Entity{}, fmt.Errorf("%w: %q names several things: give an id: %s", retinue.ErrInvalid, word, strings.Join(ids, ", "))
		}
	}
	return store.Entity{}, fmt.Errorf("%w: nothing is called %q; `list --text` searches", retinue.ErrNotFound, word)
}

// maxFound bounds how many things of one name are kept.
const maxFound = 20

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
				x, err := find(cmd.Context(), est, t, args[0])
				if err != nil {
					return err
				}
				s, err := est.whole(cmd.Context(), t, x.ID, when, history)
				if err != nil {
					return err
				}
				if format == "json" {
					return e.json(s)
				}
				e.showText(t, s)
				return nil
			})
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().BoolVar(&history, "history", false, "with every version that was stated of it")
	c.Flags().StringVar(&asof, "as-of", "", "as it was stated on a date: 2026-03-31, a time, or an age such as 30d")
	c.Flags().StringVar(&known, "known-at", "", "with --as-of: by what had been recorded by this date")
	return c
}

func (e *env) showText(t retinue.FactType, s app.Whole) {
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
	fact, _ := retinue.DecodeFact(t, s.Fact) // what cannot be read here stands in the JSON
	if id, ok := fact.(retinue.Identity); ok {
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

func (e *env) showLists(s app.Whole) {
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
