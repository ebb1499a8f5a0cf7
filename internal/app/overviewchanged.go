package app

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// changed says what happened since the visit before, in groups.
func (o *overviewer) changed() error {
	o.out.Changed = api.ChangedSince{Since: o.since, Items: []api.Happened{}}
	week := o.tx.At().AddDate(0, 0, 7)
	if err := o.things("expiring", "%d credentials expire within a week", retinue.FactCredential, store.Filter{Expires: store.Window{From: o.tx.At(), To: week}},
		map[string][]string{"expires_from": {stamp(o.tx.At())}, "expires_to": {stamp(week)}}); err != nil {
		return err
	}
	o.failedScans()
	if o.since.IsZero() {
		return nil
	}
	since := store.Window{From: o.since}
	seen := map[string][]string{"first_seen_from": {stamp(o.since)}}
	if err := o.things("new_identities", "%d new identities", retinue.FactIdentity, store.Filter{Classes: nonHuman, FirstSeen: since}, seen); err != nil {
		return err
	}
	if err := o.things("new_credentials", "%d new credentials", retinue.FactCredential, store.Filter{FirstSeen: since}, seen); err != nil {
		return err
	}
	if err := o.newFindings(since); err != nil {
		return err
	}
	return o.gained()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// things adds a group of identities or credentials where there are any.
func (o *overviewer) things(kind, text string, t retinue.FactType, f store.Filter, filter map[string][]string) error {
	p, err := o.tx.List(store.ListQuery{Type: t, Filter: f, Sort: store.SortPriority, Desc: true, Limit: happenedNames})
	if err != nil || len(p.Items) == 0 {
		return err
	}
	h := api.Happened{Kind: kind, Count: p.Total, IsMore: p.TotalIsMore, Text: fmt.Sprintf(text, p.Total), List: "identities", Filter: filter}
	if t == retinue.FactCredential {
		h.List = "credentials"
	}
	for _, e := range p.Items {
		h.Examples = append(h.Examples, api.Named{ID: e.ID, Kind: e.Kind, Name: cmp.Or(e.Name, e.Key), Key: e.Key})
	}
	o.out.Changed.Items = append(o.out.Changed.Items, h)
	return nil
}

func (o *overviewer) newFindings(since store.Window) error {
	p, err := o.tx.ListFindings(store.FindingList{Filter: store.FindingFilter{FirstSeen: since}, Sort: store.SortPriority, Desc: true, Limit: happenedNames})
	if err != nil || len(p.Items) == 0 {
		return err
	}
	h := api.Happened{Kind: "new_findings", Count: p.Total, IsMore: p.TotalIsMore, Text: fmt.Sprintf("%d new findings", p.Total), List: "findings",
		Filter: map[string][]string{"first_seen_from": {stamp(since.From)}}}
	for _, f := range p.Items {
		h.Examples = append(h.Examples, api.Named{ID: retinue.EntityID(f.ID), Kind: string(f.Severity), Name: f.Title + ": " + cmp.Or(f.Name, f.Subject.Key)})
	}
	o.out.Changed.Items = append(o.out.Changed.Items, h)
	return nil
}

func (o *overviewer) gained() error {
	rev, err := o.tx.RevisionAt(store.AsOf{Known: o.since})
	if err != nil {
		return err
	}
	n, err := o.tx.CountGained(rev, gainedUpTo+1)
	if err != nil || n == 0 {
		return err
	}
	s := &o.out.Sentence
	s.Gained, s.GainedIsMore = min(n, gainedUpTo), n > gainedUpTo
	o.out.Changed.Items = append(o.out.Changed.Items, api.Happened{Kind: "gained", Count: s.Gained, IsMore: s.GainedIsMore, List: "changes", Examples: []api.Named{},
		Text:   fmt.Sprintf("%d grants, policies and memberships were added", s.Gained),
		Filter: map[string][]string{"from": {stamp(o.since)}, "type": {string(retinue.FactAttachment), string(retinue.FactGrant), string(retinue.FactMembership)}, "change": {"added"}}})
	return nil
}

func (o *overviewer) failedScans() {
	h := api.Happened{Kind: "failed_scans", List: "sources", Examples: []api.Named{}}
	for _, r := range o.runs {
		if r.State == store.RunFailed || r.State == store.RunCrashed {
			h.Count++
			if len(h.Examples) < happenedNames {
				h.Examples = append(h.Examples, api.Named{ID: retinue.EntityID(r.Source.ID), Kind: r.Source.Kind, Name: r.Source.Name})
			}
		}
	}
	if h.Count > 0 {
		h.Text = fmt.Sprintf("the last scan of %d sources failed", h.Count)
		o.out.Changed.Items = append(o.out.Changed.Items, h)
	}
}

// coverage says how well each source is known.
func (o *overviewer) coverage() error {
	o.out.Coverage = []api.SourceCoverage{}
	systems := o.systems()
	for _, r := range o.runs[:min(len(o.runs), coverageFor)] {
		line := sourceLine(r)
		c := api.SourceCoverage{ID: r.Source.ID, Name: r.Source.Name, Kind: r.Source.Kind, State: r.State, ScannedAt: r.StartedAt, Complete: line.Complete,
			Incomplete: line.Partial + line.Failed + line.Held, Identities: o.out.Figures.BySource[r.Source.Name], Credentials: o.out.Figures.CredentialsBySource[r.Source.Name],
			Use: retinue.GradeC, Missing: firstN(line.Missing), Problems: firstN(line.Problems), BlindSpots: firstN(slices.Concat(line.BlindSpots, line.NotCovered))}
		if r.State == store.RunComplete {
			c.CompletedAt = r.FinishedAt
		}
		if slices.Contains(o.silent, r.Source.Name) {
			c.Use = retinue.GradeD
		}
		coverUse(&c, systems[r.Source.Name])
		o.out.Coverage = append(o.out.Coverage, c)
	}
	return nil
}

func firstN(v []string) []string { return orEmpty(v[:min(len(v), coverageNotes)]) }
