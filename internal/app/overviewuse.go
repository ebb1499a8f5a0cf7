package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
	"github.com/retinue-id/retinue/internal/web/api"
)

// coverageSystems is of how many systems of a source the overview tells each.
const coverageSystems = 20

// logCoverage is what the logs of each system cover, as the verdicts take it: blind
// spots that the logs of other systems make good are gone. tx must see everything, or
// a system that it does not see could be taken not to be there.
func logCoverage(tx *sqlstore.Tx) (map[retinue.Realm][]retinue.Coverage, error) {
	list, err := tx.UsageCoverage("")
	if err != nil {
		return nil, err
	}
	out := map[retinue.Realm][]retinue.Coverage{}
	for _, c := range list {
		out[c.Realm] = append(out[c.Realm], c)
	}
	for realm, list := range out {
		out[realm] = verdict.MergeCoverage(list)
	}
	return out, seeElsewhere(tx, out)
}

func (a *App) logCoverage(ctx context.Context) (out map[retinue.Realm][]retinue.Coverage, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = logCoverage(tx)
		return err
	})
	return out, err
}

// judge counts a metric by what is concluded about use, in place of the last-used
// fields alone.
func (o *overviewer) judge(m *api.Metric, of func(store.UsageShare) bool) {
	m.TrendOf = fmt.Sprintf("counting what was last used more than %s ago", o.idleWords())
	m.Meaning = m.Title + " have the usage status idle, dormant or never used, by what logs show and, where none is read, the source's own field."
	m.List, m.Filter = "", nil // no list is of several statuses
	m.Value, m.Of, m.Unknown, m.Reason, m.Evidence = nil, 0, 0, "", ""
	var value, waiting, unsaid, unread int64
	byGrade, where := map[retinue.Grade]*api.MeasuredShare{}, map[string]bool{}
	for _, s := range o.shares {
		if !of(s) {
			continue
		}
		m.Of += s.N
		switch status := verdict.Status(s.Status); {
		case s.Status == "":
			waiting += s.N
		case status != verdict.StatusUnknown && s.Grade != retinue.GradeD:
			g := at(byGrade, s.Grade, func() *api.MeasuredShare { return &api.MeasuredShare{Grade: s.Grade} })
			g.Of += s.N
			if status.Inactive() {
				g.Value += s.N
				value += s.N
			}
		case len(o.logs[s.Realm]) > 0:
			unsaid += s.N
		default:
			unread += s.N
			where[s.Source] = true
		}
	}
	m.Unknown = waiting + unsaid + unread
	m.Reason = whyUnknown(waiting, unsaid, unread, slices.Sorted(maps.Keys(where)))
	if m.Unknown == m.Of && m.Of > 0 {
		return
	}
	m.Value = &value
	for _, g := range slices.Sorted(maps.Keys(byGrade)) {
		m.ByEvidence, m.Evidence = append(m.ByEvidence, *byGrade[g]), g
	}
}

// whyUnknown says why something is not known of use where logs are read.
func whyUnknown(waiting, unsaid, unread int64, where []string) string {
	var out []string
	if unread > 0 {
		out = append(out, fmt.Sprintf("%d in systems of which no log is read (%s)", unread, andMore(where, 4)))
	}
	if unsaid > 0 {
		out = append(out, fmt.Sprintf("%d of which the logs that are read do not say it", unsaid))
	}
	if waiting > 0 {
		out = append(out, fmt.Sprintf("%d not judged yet", waiting))
	}
	return strings.Join(out, "; ")
}

// systems says of each system of each source what is known of use, the best first.
func (o *overviewer) systems() map[string][]api.SystemUse {
	type place struct {
		source string
		realm  retinue.Realm
	}
	found := map[place]*api.SystemUse{}
	for _, s := range o.shares {
		u := at(found, place{s.Source, s.Realm}, func() *api.SystemUse {
			return &api.SystemUse{Realm: s.Realm, Coverage: []api.CoveredStretch{}, Judged: []api.GradeCount{}}
		})
		if s.Grade == "" {
			u.Waiting += s.N
		} else {
			u.Judged = addGrade(u.Judged, s.Grade, s.N)
		}
	}
	out := map[string][]api.SystemUse{}
	for p, u := range found {
		o.prove(u)
		out[p.source] = append(out[p.source], *u)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b api.SystemUse) int {
			return cmp.Or(cmp.Compare(a.Grade, b.Grade), cmp.Compare(a.By, b.By), cmp.Compare(a.Realm, b.Realm))
		})
	}
	return out
}

// prove says what logs prove of a system. Its grade is no better than the best on
// which anybody's use is known there.
func (o *overviewer) prove(u *api.SystemUse) {
	best := retinue.GradeA
	if len(u.Judged) > 0 {
		best = u.Judged[0].Grade
	}
	for _, s := range verdict.Proven(o.logs[u.Realm], o.at) {
		u.Coverage = append(u.Coverage, api.CoveredStretch{Grade: s.Grade, From: s.From, To: s.To})
	}
	switch {
	case len(u.Coverage) > 0:
		u.By, u.Grade = "log", max(u.Coverage[0].Grade, best)
	case len(u.Judged) > 0 && best != retinue.GradeD:
		u.By, u.Grade = "field", retinue.GradeC
	default:
		u.By, u.Grade = "none", retinue.GradeD
	}
}

// coverUse tells what is known of use in the systems of a source. Where nothing is
// concluded of them yet, what its last-used fields say stands.
func coverUse(c *api.SourceCoverage, systems []api.SystemUse) {
	c.UseSystems, c.Systems = []api.GradeCount{}, orEmpty(systems[:min(len(systems), coverageSystems)])
	for _, s := range systems {
		c.UseSystems = addGrade(c.UseSystems, s.Grade, 1)
	}
	if len(systems) > 0 {
		c.Use = min(c.Use, systems[0].Grade)
	}
}

// addGrade counts n more of a grade, the best grade first.
func addGrade(list []api.GradeCount, g retinue.Grade, n int64) []api.GradeCount {
	i, found := slices.BinarySearchFunc(list, g, func(c api.GradeCount, g retinue.Grade) int { return cmp.Compare(c.Grade, g) })
	if !found {
		list = slices.Insert(list, i, api.GradeCount{Grade: g})
	}
	list[i].N += n
	return list
}
