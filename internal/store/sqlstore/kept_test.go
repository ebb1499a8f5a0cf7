package sqlstore_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// churn does random things to a store: scans of scopes that nest several
// sources' views of the same things, late and partial ones too, findings,
// registrations and renamed sources.
type churn struct {
	*world
	*rand.Rand
	day int
}

func (c *churn) step() {
	c.day++
	switch c.IntN(8) {
	case 0, 1, 2:
		c.scanSome(day(c.day))
	case 3:
		c.scanSome(day(c.day - 1 - c.IntN(4))) // perhaps history
	case 4, 5:
		c.judge()
	case 6:
		c.register()
	case 7:
		c.time = c.time.Add(time.Duration(c.IntN(100)) * time.Hour)
	}
}

func (c *churn) scanSome(at time.Time) {
	n := c.IntN(3)
	var facts []retinue.Fact
	for i := range 8 {
		if c.IntN(4) == 0 {
			continue
		}
		facts = append(facts, c.identity(i))
	}
	for i := range 12 {
		if c.IntN(4) == 0 {
			continue
		}
		facts = append(facts, c.credential(n, i))
	}
	for i := range 3 {
		facts = append(facts, retinue.Container{Ref: retinue.NewRef(realm, "account", fmt.Sprint(i)), Kind: retinue.ContainerAccount, Name: fmt.Sprint("account ", i)})
	}
	if c.IntN(2) == 0 {
		facts = append(facts, retinue.Use{Subject: retinue.NewRef(realm, "role", fmt.Sprint("i", c.IntN(8))), Meaning: "last_used", At: at.Add(-time.Hour), Grade: retinue.GradeC})
	}
	l := listing{scope: retinue.NewScope(realm, fmt.Sprint("scope", n)), at: at, facts: facts, open: c.IntN(6) == 0}
	if n == 2 {
		l.auth = connector.AuthorityDeclared
	}
	c.scan(fmt.Sprint("source", c.IntN(2)+n), l)
}

func pick[T any](r *rand.Rand, v ...T) T { return v[r.IntN(len(v))] }

func (c *churn) identity(i int) retinue.Identity {
	id := identity(fmt.Sprint("i", i))
	id.Name = pick(c.Rand, "", "Zeta", "alpha", fmt.Sprint("name ", i))
	id.Class = pick(c.Rand, retinue.ClassNonHuman, retinue.ClassNonHuman, retinue.ClassPerson, retinue.ClassUnclear)
	id.Environment = pick(c.Rand, "", retinue.EnvironmentProduction, retinue.EnvironmentTest)
	id.Criticality = pick(c.Rand, "", retinue.CriticalityCritical, retinue.CriticalityLow)
	id.State = pick(c.Rand, retinue.StateActive, retinue.StateDisabled)
	if c.IntN(2) == 0 {
		id.Container = retinue.NewRef(realm, "account", fmt.Sprint(c.IntN(4)))
		id.Labels = map[string]string{"team": pick(c.Rand, "a", "b")}
		id.CreatedAt = day0.AddDate(0, 0, -c.IntN(200))
	}
	return id
}

func (c *churn) credential(n, i int) retinue.Credential {
	k := retinue.Credential{Ref: retinue.NewRef(realm, "key", fmt.Sprintf("k%d-%d", n, i)), Kind: pick(c.Rand, retinue.CredentialAccessKey, retinue.CredentialAPIKey),
		State: retinue.CredentialActive, Identity: retinue.NewRef(realm, "role", fmt.Sprint("i", (i+c.IntN(2))%10)), ShortLived: c.IntN(5) == 0}
	if c.IntN(3) > 0 {
		k.CreatedAt, k.ExpiresAt = day0.AddDate(0, 0, -c.IntN(200)), day0.AddDate(0, 0, c.IntN(90)-20)
	}
	if c.IntN(3) == 0 { // one value in several places
		k.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: fmt.Sprint("test:", i%3)}}
	}
	return k
}

func (c *churn) judge() {
	rows := c.list(store.EntityQuery{})
	if len(rows) == 0 {
		return
	}
	err := c.Update(c.t.Context(), func(tx *sqlstore.Tx) error {
		for range 4 {
			e := pick(c.Rand, rows...)
			rule := fmt.Sprint("rule", c.IntN(3))
			f := retinue.Finding{ID: retinue.NewFindingID(tx.At()), Fingerprint: rule + string(e.ID), Rule: rule, Severity: pick(c.Rand, retinue.Severities()...),
				State: pick(c.Rand, retinue.FindingOpen, retinue.FindingOpen, retinue.FindingResolved, retinue.FindingAccepted), Entity: e.ID,
				Subject: e.Ref(), Name: e.Name, Message: "message", Priority: c.IntN(100), FirstSeen: tx.At(), LastSeen: tx.At(),
				OWASP: []retinue.OWASP{pick(c.Rand, retinue.NHI1, retinue.NHI7)}, Suppressed: pick(c.Rand, "", "", "noise")}
			if err := tx.SaveFinding(e.InternalKey, f, true); err != nil {
				return err
			}
			if err := tx.SetLabels(e.InternalKey, sqlstore.Labels{Privileged: c.IntN(2) == 0}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *churn) register() {
	rows := c.list(store.EntityQuery{Type: retinue.FactIdentity})
	if len(rows) == 0 {
		return
	}
	e := pick(c.Rand, rows...)
	err := c.Update(c.t.Context(), func(tx *sqlstore.Tx) error {
		return tx.Register(e.InternalKey, retinue.Registration{Entity: e.ID, Owner: pick(c.Rand, "", "ada@example.com", "@team"),
			Criticality: pick(c.Rand, "", retinue.CriticalityHigh)}, actor)
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// kept dumps what is kept while it changes.
func (w *world) kept() (figures, rows, marks []string) {
	figures = rowsOf(w.t, w, "SELECT name || ' ' || CAST(source_id AS TEXT) || ' ' || key || ' ' || CAST(n AS TEXT) FROM figures WHERE n <> 0 ORDER BY 1")
	rows = rowsOf(w.t, w, `SELECT CAST(id AS TEXT) || ' ' || search || ' ' || kind || ' ' || class || ' ' || state || ' ' || environment || ' ' || criticality || ' ' ||
		CAST(crit_rank AS TEXT) || ' ' || owner || ' ' || source || ' ' || CAST(source_id AS TEXT) || ' container ' || COALESCE(CAST(container_id AS TEXT), '-') || ' holder ' ||
		COALESCE(CAST(holder_id AS TEXT), '-') || ' born ' || COALESCE(CAST(born_at AS TEXT), '-') || ' static ' || CAST(static AS TEXT) || ' used ' || COALESCE(CAST(last_used AS TEXT), '-') ||
		' priority ' || CAST(priority AS TEXT) || ' open ' || CAST(open_critical AS TEXT) || CAST(open_high AS TEXT) || CAST(open_medium AS TEXT) || CAST(open_low AS TEXT) || CAST(open_info AS TEXT) ||
		' worst ' || CAST(worst AS TEXT) || ' credentials ' || CAST(credentials AS TEXT) || ' privileged ' || CAST(privileged AS TEXT) FROM entities WHERE gone_at IS NULL ORDER BY id`)
	marks = rowsOf(w.t, w, `SELECT CAST(m.mark AS TEXT) || ' ' || CAST(m.entity_id AS TEXT) FROM entity_marks m JOIN entities e ON e.id = m.entity_id
		WHERE e.gone_at IS NULL ORDER BY m.mark, m.entity_id`)
	return figures, rows, marks
}

// TestWhatIsKeptEqualsWhatIsCounted: after random changes, what is kept while
// it changes equals what is computed from nothing, and lists of the past equal
// what the versions of facts say.
func TestWhatIsKeptEqualsWhatIsCounted(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		for seed := range uint64(2) {
			c := &churn{world: w, Rand: rand.New(rand.NewPCG(seed, 7))}
			for range 25 {
				c.step()
			}
			figures, rows, marks := w.kept()
			w.comparePast(c, "kept")
			if err := w.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.Refill() }); err != nil {
				t.Fatal(err)
			}
			figures2, rows2, marks2 := w.kept()
			sameLines(t, fmt.Sprint("figures of seed ", seed), figures, figures2)
			sameLines(t, fmt.Sprint("rows of seed ", seed), rows, rows2)
			sameLines(t, fmt.Sprint("marks of seed ", seed), marks, marks2)
			if len(figures) < 10 || len(rows) < 8 || len(marks) == 0 {
				t.Errorf("too little was made: %d figures, %d rows, %d marks", len(figures), len(rows), len(marks))
			}
			w.comparePast(c, "rebuilt")
		}
	})
}

func sameLines(t *testing.T, what string, kept, counted []string) {
	t.Helper()
	for _, x := range kept {
		if !slices.Contains(counted, x) {
			t.Errorf("%s: kept    %s", what, x)
		}
	}
	for _, x := range counted {
		if !slices.Contains(kept, x) {
			t.Errorf("%s: counted %s", what, x)
		}
	}
}

func (w *world) comparePast(c *churn, how string) {
	w.t.Helper()
	for d := -2; d < c.day+2; d += 2 {
		at := store.AsOf{Observed: day(d).Add(time.Hour)}
		for _, typ := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential, retinue.FactContainer} {
			var listed, stated []string
			for _, r := range w.page(store.ListQuery{Type: typ, AsOf: at, Limit: store.MaxPage}).Items {
				listed = append(listed, pastLine(r.Entity))
			}
			for _, e := range w.list(store.EntityQuery{Type: typ, AsOf: at}) {
				stated = append(stated, pastLine(e))
			}
			sameLines(w.t, fmt.Sprintf("%s %ss on day %d", how, typ, d), listed, stated)
		}
	}
}

// pastLine is what both ways to ask about the past tell of a thing.
func pastLine(e store.Entity) string {
	return strings.Join([]string{string(e.ID), e.Name, e.Kind, e.State, e.CreatedAt.String(), e.ExpiresAt.String()}, "|")
}

// TestListsAreOrderedAndCutIntoPages compares lists with the rows sorted here,
// for every order, page by page, now and as of a date.
func TestListsAreOrderedAndCutIntoPages(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		c := &churn{world: w, Rand: rand.New(rand.NewPCG(99, 1))}
		for range 40 {
			c.step()
		}
		asOf := store.AsOf{Observed: day(c.day / 2)}
		for _, typ := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential} {
			for _, sort := range store.SortKeys() {
				for _, desc := range []bool{false, true} {
					for _, at := range []store.AsOf{{}, asOf} {
						if sort == store.SortLastUsed && !at.IsZero() {
							continue // refused: TestListsAsOfADateAreNotOrderedByUse
						}
						w.checkOrder(store.ListQuery{Type: typ, Sort: sort, Desc: desc, AsOf: at, Limit: 3, Count: store.CountExact})
					}
				}
			}
		}
	})
}

// TestListsAsOfADateAreNotOrderedByUse: the order for which the uses of
// everything would be read is refused by name, and no other is.
func TestListsAsOfADateAreNotOrderedByUse(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		for _, at := range []store.AsOf{{Observed: day(1)}, {Observed: day(1), Known: day(2)}} {
			for _, sort := range store.SortKeys() {
				err := w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
					_, err := tx.List(store.ListQuery{Type: retinue.FactIdentity, Sort: sort, AsOf: at})
					return err
				})
				switch {
				case sort != store.SortLastUsed && err != nil:
					t.Errorf("by %s: %v", sort, err)
				case sort == store.SortLastUsed && (!errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "last use")):
					t.Errorf("by %s: %v", sort, err)
				}
			}
		}
	})
}

func (w *world) checkOrder(q store.ListQuery) {
	w.t.Helper()
	what := fmt.Sprintf("%s by %s, descending %v, past %v", q.Type, q.Sort, q.Desc, !q.AsOf.IsZero())
	whole := q
	whole.Limit = store.MaxPage
	all := w.page(whole)
	if len(all.Items) < 5 {
		w.t.Fatalf("%s: only %d rows", what, len(all.Items))
	}
	sorted := slices.Clone(all.Items)
	slices.SortStableFunc(sorted, func(a, b store.ListRow) int { return compareRows(q, a, b) })
	var got, want, paged []string
	for i := range sorted {
		got, want = append(got, sortLine(q, all.Items[i])), append(want, sortLine(q, sorted[i]))
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
	for n := 0; ; n++ {
		p := w.page(q)
		if p.Total != int64(len(all.Items)) || p.TotalIsMore {
			w.t.Fatalf("%s: page %d counts %d, more %v, of %d", what, n, p.Total, p.TotalIsMore, len(all.Items))
		}
		for _, r := range p.Items {
			paged = append(paged, sortLine(q, r))
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(paged, got) {
		w.t.Errorf("%s: in pages\n got %q\nwant %q", what, paged, got)
	}
}

func sortLine(q store.ListQuery, r store.ListRow) string {
	text, num, none := sortValue(q.Sort, r)
	return fmt.Sprint(r.InternalKey, " ", text, " ", num, " ", none)
}

// sortValue is what a row is ordered by, and whether it lacks it.
func sortValue(key store.SortKey, r store.ListRow) (text string, num int64, none bool) {
	at := func(t time.Time) (string, int64, bool) { return "", t.UnixMicro(), t.IsZero() }
	word := func(s string) (string, int64, bool) { return s, 0, s == "" }
	switch key {
	case store.SortName:
		return strings.ToLower(cmp.Or(r.Name, r.Key) + "\x1f" + r.Key), 0, false
	case store.SortKind:
		return word(r.Kind)
	case store.SortSource:
		return word(r.Source)
	case store.SortOwner:
		return word(r.Owner)
	case store.SortEnvironment:
		return word(string(r.Environment))
	case store.SortCriticality:
		n := map[retinue.Criticality]int64{"critical": 4, "high": 3, "medium": 2, "low": 1}[r.Criticality]
		return "", n, n == 0
	case store.SortCreated:
		return at(r.CreatedAt)
	case store.SortExpires:
		return at(r.ExpiresAt)
	case store.SortLastUsed:
		return at(r.LastUsed)
	case store.SortFirstSeen:
		return at(r.FirstSeen)
	case store.SortPriority:
		return "", int64(r.Priority), r.Priority == 0
	}
	return "", int64(r.Credentials), false
}

func compareRows(q store.ListQuery, a, b store.ListRow) int {
	at, an, anone := sortValue(q.Sort, a)
	bt, bn, bnone := sortValue(q.Sort, b)
	if anone != bnone {
		if anone {
			return 1
		}
		return -1
	}
	c := cmp.Or(cmp.Compare(at, bt), cmp.Compare(an, bn))
	if anone {
		c = 0
	}
	c = cmp.Or(c, cmp.Compare(a.InternalKey, b.InternalKey))
	if q.Desc {
		return -c
	}
	return c
}
