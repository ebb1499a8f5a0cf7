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
	coverageFor   = 50 // sources
	coverageNotes = 10 // of a sort
	fixesFrom     = 2000
)

// Overview implements api.Overviewer.
func (a *App) Overview(ctx context.Context, c auth.Caller, q api.OverviewQuery) (out api.Overview, err error) {
	var logs map[retinue.Realm][]retinue.Coverage
	if q.AsOf.IsZero() {
		if logs, err = a.logCoverage(ctx); err != nil {
			return out, err
		}
	}
	err = a.DB.View(ctx, c.Scope(auth.PermInventoryRead), func(tx *sqlstore.Tx) error {
		if q.Since.IsZero() && c.Account != "" && q.AsOf.IsZero() {
			v, err := readVisit(tx, c.Account)
			if err != nil {
				return err
			}
			q.Since = v.Before
		}
		o := &overviewer{tx: tx, out: &out, since: q.Since, asOf: store.AsOf{Observed: q.AsOf}, at: tx.At(), logs: logs}
		if !q.AsOf.IsZero() {
			o.at = q.AsOf
		}
		if o.idle, err = a.idleAfter(tx); err != nil {
			return err
		}
		if err := o.build(q.TrendDays); err != nil {
			return err
		}
		if q.AsOf.IsZero() && c.Scope(auth.PermInventoryRead).All {
			out.Sample = a.sampleOffer(out.Figures)
		}
		return nil
	})
	return out, err
}

type overviewer struct {
	tx       *sqlstore.Tx
	out      *api.Overview
	since    time.Time
	asOf     store.AsOf
	at       time.Time // now, or the date that is asked about
	idle     store.IdleAfter
	measures map[string]*store.Measures // by source
	silent   []string                   // sources that give no evidence of use
	runs     []store.Run
	trend    []store.PopulationDay
	logs     map[retinue.Realm][]retinue.Coverage // what logs cover; of a past date nothing
	shares   []store.UsageShare                   // where there are logs
}

func (o *overviewer) build(trendDays int) error {
	o.out.At, o.out.IdleDays, o.out.NotTold = o.at, o.idle.Of(""), []api.NotTold{}
	var err error
	if o.out.Figures, err = o.tx.FiguresAt(o.asOf); err != nil {
		return err
	}
	if o.measures, err = o.tx.Measures(o.asOf, o.idle); err != nil {
		return err
	}
	if o.trend, err = o.tx.Population(o.at.AddDate(0, 0, -trendDays), o.at); err != nil {
		return err
	}
	slices.SortStableFunc(o.trend, func(x, y store.PopulationDay) int { return strings.Compare(x.Day, y.Day) })
	steps := []func() error{o.metrics, o.fixes, o.changed, o.coverage, o.sentence}
	if o.asOf.IsZero() {
		if o.runs, err = o.tx.LastRuns(); err != nil {
			return err
		}
	} else {
		steps = []func() error{o.metrics, o.fixes, o.onlyNow, o.sentence}
	}
	o.use()
	if len(o.logs) > 0 {
		if o.shares, err = o.tx.UsageShares(); err != nil {
			return err
		}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// onlyNow leaves out what is not told of a past date, and says so.
func (o *overviewer) onlyNow() error {
	o.out.Changed, o.out.Coverage = api.ChangedSince{Items: []api.Happened{}}, []api.SourceCoverage{}
	o.out.NotTold = []api.NotTold{
		{Part: "changed", Reason: "What changed is told since your last visit, which is not on that day. The list of changes shows any time."},
		{Part: "coverage", Reason: "How completely each source was read is told of the last scan only. The list of scans shows earlier ones."},
	}
	return nil
}

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
	s.ThirdParty, err = o.tx.ThirdParties(o.asOf)
	return err
}

// use finds the sources that give no evidence of use at all.
func (o *overviewer) use() {
	for name, n := range o.out.Figures.BySource {
		m := o.measures[name]
		if n > 0 && (m == nil || (m.UnknownIdentities == n && m.UnknownCredentials == o.out.Figures.CredentialsBySource[name])) {
			o.silent = append(o.silent, name)
		}
	}
	slices.Sort(o.silent)
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

// fixes groups the worst open findings by the change that settles them.
func (o *overviewer) fixes() error {
	groups := map[string]*fixGroup{}
	q := store.FindingList{Filter: store.FindingFilter{States: []string{string(retinue.FindingOpen), string(retinue.FindingReopened)}},
		Sort: store.SortPriority, Desc: true, Limit: store.MaxPage, Count: store.CountNone, AsOf: o.asOf}
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
