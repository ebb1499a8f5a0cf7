package app

import (
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// headline is one of the headline metrics: what it says, and how it is counted
// from the totals of a day.
type headline struct {
	api.Metric
	// count returns what is counted, the whole, and what of it is not known.
	count func(t store.PopulationTotals, m store.Measures) (value, of, unknown int64)
	// measured says that the count needs more than the totals that were
	// recorded from the first day on.
	measured bool
	reason   string // why a part is not known
	// judged selects those whose usage status says it where logs are read; nil:
	// logs do not change the metric.
	judged func(store.UsageShare) bool
}

// headlines are the eight, those that discovery alone can know first.
func (o *overviewer) headlines() []headline {
	day := o.at.UTC().Truncate(24 * time.Hour)
	old, idle := stamp(day.AddDate(0, 0, -store.OldDays)), stamp(o.idle.Since("", o.at))
	days := o.idleWords()
	return []headline{
		{Metric: api.Metric{Key: "unowned", Title: "Unowned accounts", Needs: "discovery", Evidence: retinue.GradeA,
			Meaning: "Non-human identities that nobody is registered to answer for.", List: "identities", Filter: map[string][]string{"class": nonHuman, "owner": {"none"}}},
			count: func(t store.PopulationTotals, _ store.Measures) (int64, int64, int64) {
				return t.NonHuman - t.Owned, t.NonHuman, 0
			}},
		{Metric: api.Metric{Key: "rotation_frequency", Title: fmt.Sprintf("Rotated within %d days", store.OldDays), HighIsGood: true, Needs: "discovery", Evidence: retinue.GradeB,
			Meaning: fmt.Sprintf("Static credentials whose value was made or changed within %d days.", store.OldDays), List: "credentials",
			Filter: map[string][]string{"static": {"true"}, "born_from": {old}}}, measured: true, reason: "the source does not say when these were made or rotated",
			count: func(t store.PopulationTotals, m store.Measures) (int64, int64, int64) {
				return t.Static - m.StaticOld - m.AgeUnknown, t.Static, m.AgeUnknown
			}},
		{Metric: api.Metric{Key: "over_privileged", Title: "Privileged identities", Needs: "discovery", Evidence: retinue.GradeC,
			Meaning: "Identities with administrator rights, or with ways to gain them, as single documents say. Which of these rights are not needed, a log of use will tell.",
			List:    "identities", Filter: map[string][]string{"class": nonHuman, "privileged": {"true"}}}, measured: true,
			count: func(t store.PopulationTotals, m store.Measures) (int64, int64, int64) {
				return m.Privileged, t.NonHuman, 0
			}},
		{Metric: api.Metric{Key: "excessive_token_permissions", Title: "Credentials with privileged rights", Needs: "discovery", Evidence: retinue.GradeC,
			Meaning: "Credentials that let their holder act as a privileged identity. Which permissions a token does not need, a log of use will tell.",
			List:    "credentials", Filter: map[string][]string{"privileged": {"true"}}}, measured: true,
			count: func(t store.PopulationTotals, m store.Measures) (int64, int64, int64) {
				return m.StrongCredentials, t.Credentials, 0
			}},
		{Metric: api.Metric{Key: "inactive_identities", Title: "Inactive identities", Needs: "log", Evidence: retinue.GradeC,
			Meaning: "Identities last used more than " + days + " ago, by the source's own field.", List: "identities",
			Filter: map[string][]string{"class": nonHuman, "last_used_to": {idle}}}, measured: true, reason: o.noUse(),
			count: func(t store.PopulationTotals, m store.Measures) (int64, int64, int64) {
				return m.IdleIdentities, t.NonHuman, m.UnknownIdentities
			}, judged: func(s store.UsageShare) bool { return s.Type == retinue.FactIdentity }},
		{Metric: api.Metric{Key: "unused_tokens", Title: "Unused tokens", Needs: "log", Evidence: retinue.GradeC,
			Meaning: fmt.Sprintf("Credentials last used more than %d days ago, by the source's own field.", o.idle.Of("")), List: "credentials",
			Filter: map[string][]string{"last_used_to": {idle}}}, measured: true, reason: o.noUse(),
			count: func(t store.PopulationTotals, m store.Measures) (int64, int64, int64) {
				return m.IdleCredentials, t.Credentials, m.UnknownCredentials
			}, judged: func(s store.UsageShare) bool { return s.Type == retinue.FactCredential }},
		{Metric: api.Metric{Key: "dormant_workloads", Title: "Dormant workloads", Needs: "log", Evidence: retinue.GradeC,
			Meaning: "Workloads, functions, services and machines last used more than " + days + " ago, by the source's own field.", List: "identities",
			Filter: map[string][]string{"class": nonHuman, "kind": store.WorkloadKinds(), "last_used_to": {idle}}}, measured: true, reason: o.noUse(),
			count: func(_ store.PopulationTotals, m store.Measures) (int64, int64, int64) {
				return m.DormantWorkloads, m.Workloads, m.UnknownWorkloads
			}, judged: func(s store.UsageShare) bool { return s.Workload }},
		{Metric: api.Metric{Key: "failed_rotations", Title: "Failed rotations", Needs: "log", Evidence: retinue.GradeD,
			Meaning: "Rotations that did not end with the new value proven and the old one gone."}, reason: "no rotation is carried out or watched from here yet",
			count: func(t store.PopulationTotals, _ store.Measures) (int64, int64, int64) { return 0, t.Static, t.Static }},
	}
}

// idleWords says the threshold of identities.
func (o *overviewer) idleWords() string {
	if len(o.idle.ByKind) == 0 {
		return fmt.Sprintf("%d days", o.idle.Of(""))
	}
	return fmt.Sprintf("%d days (%d kinds have their own threshold)", o.idle.Of(""), len(o.idle.ByKind))
}

// metrics counts the headline metrics as of the time asked about, and on each
// day before it.
func (o *overviewer) metrics() error {
	f := o.out.Figures
	now := store.PopulationTotals{NonHuman: f.NonHuman, Owned: f.Owned, Credentials: f.Credentials, Static: f.Static, Measures: &store.Measures{}}
	for _, m := range o.measures {
		now.Measures.Add(*m)
	}
	days := addUp(o.trend)
	for _, h := range o.headlines() {
		p := h.on(now)
		m := h.Metric
		m.Value, m.Of, m.Unknown, m.Reason = p.Value, p.Of, p.Unknown, reasonIf(p.Unknown, h.reason)
		if h.judged != nil && len(o.logs) > 0 {
			o.judge(&m, h.judged)
		}
		if m.Value == nil {
			m.Evidence = retinue.GradeD
		}
		m.Trend = make([]api.TrendPoint, 0, len(days))
		for _, d := range days {
			p := api.TrendPoint{Missed: true}
			if !d.Missed {
				p = h.on(d.Totals)
			}
			p.Day = d.Day
			m.Trend = append(m.Trend, p)
		}
		o.out.Metrics = append(o.out.Metrics, m)
	}
	return nil
}

// on counts a metric from totals. Where nothing of the whole is known there is
// no value.
func (h *headline) on(t store.PopulationTotals) api.TrendPoint {
	m := t.Measures
	if m == nil {
		m = &store.Measures{}
	}
	value, of, unknown := h.count(t, *m)
	if h.measured && t.Measures == nil {
		unknown = of
	}
	p := api.TrendPoint{Of: of, Unknown: unknown}
	if unknown < of || of == 0 {
		p.Value = &value
	}
	return p
}

// addUp adds the sources up, day by day. A day on which a source was missed is
// missed; one of which a source has no measures has none.
func addUp(rows []store.PopulationDay) []store.PopulationDay {
	out := []store.PopulationDay{}
	for i := 0; i < len(rows); {
		d := store.PopulationDay{Day: rows[i].Day, Totals: store.PopulationTotals{Measures: &store.Measures{}}}
		for ; i < len(rows) && rows[i].Day == d.Day; i++ {
			t := rows[i].Totals
			d.Missed = d.Missed || rows[i].Missed
			d.Totals.NonHuman += t.NonHuman
			d.Totals.Owned += t.Owned
			d.Totals.Credentials += t.Credentials
			d.Totals.Static += t.Static
			if t.Measures == nil {
				d.Totals.Measures = nil
			} else if d.Totals.Measures != nil {
				d.Totals.Measures.Add(*t.Measures)
			}
		}
		out = append(out, d)
	}
	return out
}

func reasonIf(n int64, reason string) string {
	if n == 0 {
		return ""
	}
	return reason
}
