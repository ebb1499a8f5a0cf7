package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The bounds of the overview.
const (
	topFixes      = 10
	happenedNames = 5
	gainedUpTo    = 1000
	inactiveDays  = 90 // until rhythms are known, what was not used for longer counts as inactive
	trendDays     = 90
	coverageFor   = 50 // sources
	coverageNotes = 10 // of a sort
	fixesFrom     = 2000
)

// Overview implements api.Overviewer.
func (a *App) Overview(ctx context.Context, c auth.Caller, since time.Time) (out api.Overview, err error) {
	err = a.DB.View(ctx, c.Scope(auth.PermInventoryRead), func(tx *sqlstore.Tx) error {
		if since.IsZero() && c.Account != "" {
			v, err := readVisit(tx, c.Account)
			if err != nil {
				return err
			}
			since = v.Before
		}
		o := &overviewer{tx: tx, out: &out, since: since}
		return o.build()
	})
	return out, err
}

type overviewer struct {
	tx     *sqlstore.Tx
	out    *api.Overview
	since  time.Time
	silent []string // sources that give no evidence of use
	runs   []store.Run
	trend  []store.PopulationDay
}

func (o *overviewer) build() error {
	o.out.At = o.tx.At()
	var err error
	if o.out.Figures, err = o.tx.Figures(); err != nil {
		return err
	}
	if o.runs, err = o.tx.LastRuns(); err != nil {
		return err
	}
	if o.trend, err = o.tx.Population(o.tx.At().AddDate(0, 0, -trendDays), o.tx.At()); err != nil {
		return err
	}
	slices.SortStableFunc(o.trend, func(x, y store.PopulationDay) int { return strings.Compare(x.Day, y.Day) })
	for _, step := range []func() error{o.use, o.metrics, o.fixes, o.changed, o.coverage, o.sentence} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// count counts identities or credentials exactly.
func (o *overviewer) count(t retinue.FactType, f store.Filter) (int64, error) {
	p, err := o.tx.List(store.ListQuery{Type: t, Filter: f, Limit: 1, Count: store.CountExact})
	return p.Total, err
}

func yes() *bool { b := true; return &b }

var nonHuman = []string{string(retinue.ClassNonHuman)}

func (o *overviewer) sentence() error {
	f, s := o.out.Figures, &o.out.Sentence
	s.Identities, s.WithoutOwner = f.NonHuman, f.NonHuman-f.Owned
	for _, n := range f.BySource {
		if n > 0 {
			s.Systems++
		}
	}
	s.OldStatic, s.OldDays, s.AgeUnknown = f.StaticOld, store.OldDays, f.AgeUnknown
	for sev, n := range f.Findings {
		s.OpenFindings += n
		if sev.AtLeast(retinue.SeverityHigh) {
			s.CriticalAndHigh += n
		}
	}
	var err error
	s.ThirdParty, err = o.count(retinue.FactIdentity, store.Filter{Classes: nonHuman, ThirdParty: yes()})
	return err
}

// use finds the sources that give no evidence of use at all.
func (o *overviewer) use() error {
	no := false
	used, err := o.tx.Facets(retinue.FactIdentity, store.Filter{NeverUsed: &no}, "source")
	if err != nil {
		return err
	}
	more, err := o.tx.Facets(retinue.FactCredential, store.Filter{NeverUsed: &no}, "source")
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, x := range append(used, more...) {
		has[x.Value] = x.Count > 0
	}
	for name, n := range o.out.Figures.BySource {
		if n > 0 && !has[name] {
			o.silent = append(o.silent, name)
		}
	}
	slices.Sort(o.silent)
	return nil
}

// noUse says why use is not known.
func (o *overviewer) noUse() string {
	if len(o.silent) == 0 {
		return "no use was observed of these: never used, or not told by the source"
	}
	return "no usage source for " + andMore(o.silent, 4)
}

func andMore(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

func (o *overviewer) metrics() error {
	f := o.out.Figures
	unowned, rotated := f.NonHuman-f.Owned, f.Static-f.StaticOld-f.AgeUnknown
	cutoff := o.tx.At().AddDate(0, 0, -inactiveDays)
	last := cutoff.Format(time.RFC3339)
	privileged, err := o.count(retinue.FactIdentity, store.Filter{Classes: nonHuman, Privileged: yes()})
	if err != nil {
		return err
	}
	strong, err := o.count(retinue.FactCredential, store.Filter{Privileged: yes()})
	if err != nil {
		return err
	}
	add := func(m api.Metric) {
		if m.Trend == nil {
			m.Trend = []api.TrendPoint{}
		}
		o.out.Metrics = append(o.out.Metrics, m)
	}
	add(api.Metric{Key: "unowned", Title: "Unowned accounts", Value: &unowned, Of: f.NonHuman, Needs: "discovery", Evidence: retinue.GradeA,
		Meaning: "Non-human identities that nobody is registered to answer for.", List: "identities", Filter: map[string][]string{"class": nonHuman, "owner": {"none"}},
		Trend: o.days(func(t store.PopulationTotals) int64 { return t.NonHuman - t.Owned })})
	add(api.Metric{Key: "rotation_frequency", Title: "Rotated within 90 days", Value: &rotated, Of: f.Static, Unknown: f.AgeUnknown, HighIsGood: true, Needs: "discovery", Evidence: retinue.GradeB,
		Reason: reasonIf(f.AgeUnknown, "the source does not say when these were made or rotated"), Meaning: "Static credentials whose value was made or changed within 90 days.",
		List: "credentials", Filter: map[string][]string{"static": {"true"}, "born_to": {last}}})
	add(api.Metric{Key: "over_privileged", Title: "Privileged identities", Value: &privileged, Of: f.NonHuman, Needs: "discovery", Evidence: retinue.GradeC,
		Meaning: "Identities with administrator rights, or with ways to gain them, as single documents say. Which of these rights are not needed, a log of use will tell.",
		List:    "identities", Filter: map[string][]string{"class": nonHuman, "privileged": {"true"}}})
	add(api.Metric{Key: "excessive_token_permissions", Title: "Credentials with privileged rights", Value: &strong, Of: f.Credentials, Needs: "discovery", Evidence: retinue.GradeC,
		Meaning: "Credentials that let their holder act as a privileged identity. Which permissions a token does not need, a log of use will tell.",
		List:    "credentials", Filter: map[string][]string{"privileged": {"true"}}})
	for _, m := range []struct {
		metric api.Metric
		t      retinue.FactType
		f      store.Filter
	}{
		{api.Metric{Key: "inactive_identities", Title: "Inactive identities", Meaning: "Identities last used more than 90 days ago, by the source's own field.", List: "identities",
			Filter: map[string][]string{"class": nonHuman, "last_used_to": {last}}}, retinue.FactIdentity, store.Filter{Classes: nonHuman}},
		{api.Metric{Key: "unused_tokens", Title: "Unused tokens", Meaning: "Credentials last used more than 90 days ago, by the source's own field.", List: "credentials",
			Filter: map[string][]string{"last_used_to": {last}}}, retinue.FactCredential, store.Filter{}},
		{api.Metric{Key: "dormant_workloads", Title: "Dormant workloads", Meaning: "Workloads, functions, services and machines last used more than 90 days ago, by the source's own field.", List: "identities",
			Filter: map[string][]string{"kind": machineKinds(), "last_used_to": {last}}}, retinue.FactIdentity, store.Filter{Classes: nonHuman, Kinds: machineKinds()}},
	} {
		metric, err := o.unused(m.metric, m.t, m.f, cutoff)
		if err != nil {
			return err
		}
		add(metric)
	}
	add(api.Metric{Key: "failed_rotations", Title: "Failed rotations", Of: f.Static, Unknown: f.Static, Needs: "log", Evidence: retinue.GradeD,
		Reason: "no rotation is carried out or watched from here yet", Meaning: "Rotations that did not end with the new value proven and the old one gone."})
	return nil
}

// unused measures what was not used for long, and what of it is not known.
func (o *overviewer) unused(m api.Metric, t retinue.FactType, f store.Filter, cutoff time.Time) (api.Metric, error) {
	var err error
	if m.Of, err = o.count(t, f); err != nil {
		return m, err
	}
	f.NeverUsed = yes()
	if m.Unknown, err = o.count(t, f); err != nil {
		return m, err
	}
	f.NeverUsed, f.LastUsed = nil, store.Window{To: cutoff}
	value, err := o.count(t, f)
	m.Needs, m.Evidence, m.Reason = "log", retinue.GradeC, reasonIf(m.Unknown, o.noUse())
	if m.Unknown < m.Of || m.Of == 0 {
		m.Value = &value
	} else {
		m.Evidence = retinue.GradeD
	}
	return m, err
}

func reasonIf(n int64, reason string) string {
	if n == 0 {
		return ""
	}
	return reason
}

func machineKinds() []string {
	var out []string
	for _, k := range retinue.IdentityKinds() {
		if k.Category() == retinue.CategoryMachine {
			out = append(out, string(k))
		}
	}
	return out
}

// days is a metric by day, over all sources; a day on which a source was
// missed is missed.
func (o *overviewer) days(value func(store.PopulationTotals) int64) []api.TrendPoint {
	out := []api.TrendPoint{}
	for i := 0; i < len(o.trend); {
		p := api.TrendPoint{Day: o.trend[i].Day}
		n, missed := int64(0), false
		for ; i < len(o.trend) && o.trend[i].Day == p.Day; i++ {
			n, missed = n+value(o.trend[i].Totals), missed || o.trend[i].Missed
		}
		if !missed {
			p.Value = &n
		}
		out = append(out, p)
	}
	return out
}

// fixes groups the worst open findings by the change that settles them.
func (o *overviewer) fixes() error {
	groups := map[string]*fixGroup{}
	q := store.FindingList{Filter: store.FindingFilter{States: []string{string(retinue.FindingOpen), string(retinue.FindingReopened)}},
		Sort: store.SortPriority, Desc: true, Limit: store.MaxPage, Count: store.CountNone}
	for n := 0; n < fixesFrom; {
		p, err := o.tx.ListFindings(q)
		if err != nil {
			return err
		}
		for _, f := range p.Items {
			addFix(groups, f.Finding)
		}
		n += len(p.Items)
		if q.Cursor = p.Next; q.Cursor == "" {
			break
		}
	}
	keys := make(map[*fixGroup]string, len(groups))
	all := make([]*fixGroup, 0, len(groups))
	for k, g := range groups {
		keys[g] = k
		all = append(all, g)
	}
	slices.SortFunc(all, func(x, y *fixGroup) int {
		return cmp.Or(y.priority*y.fix.Findings-x.priority*x.fix.Findings, strings.Compare(keys[x], keys[y]))
	})
	o.out.Fixes = []api.TopFix{}
	for _, g := range all[:min(len(all), topFixes)] {
		o.out.Fixes = append(o.out.Fixes, api.TopFix{Fix: keys[g], Title: g.fix.Title, Severity: g.fix.Severity, Findings: int64(g.fix.Findings),
			Identities: int64(g.fix.Identities), Reason: g.fix.Reason, Action: g.fix.Action, Examples: orEmpty(g.fix.Examples)})
	}
	return nil
}
