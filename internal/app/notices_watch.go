package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

const (
	day = 24 * time.Hour
	// overdueAfter is after how long without a run a source without a schedule
	// of its own counts as overdue.
	overdueAfter = 8 * day
	// grantsPage is how many new facts are looked at in one run.
	grantsPage = 2000
)

// expiryStages are the days before an end at which its owner is told.
func expiryStages() []int { return []int{1, 7, 14, 30} }

// metaGrants remembers the newest fact that was looked at for privileges.
const metaGrants = "notices.grants"

// watch raises what comes with time: acceptances and credentials that end,
// scans that are overdue, identities that are idle or not in use, days without a population record,
// and privileges that were granted since the last look. Each cause is a
// transaction of its own.
func (a *App) watch(ctx context.Context) error {
	var errs []error
	for _, look := range []func(context.Context, *raiser) error{watchAcceptances, watchExpiry, watchScans, watchIdle, watchUnused, watchPopulation, watchGrants} {
		errs = append(errs, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
			r, err := a.newRaiser(tx)
			if err != nil {
				return err
			}
			if err := look(ctx, r); err != nil {
				return err
			}
			return r.done(ctx)
		}))
	}
	return errors.Join(errs...)
}

// wants reports whether some route takes a kind, at any severity, so that
// nothing need be read for one that nobody asked for.
func (r *raiser) wants(k notice.Kind) bool {
	for _, s := range retinue.Severities() {
		if notice.Wanted(r.routes, k, s) {
			return true
		}
	}
	return false
}

func watchAcceptances(_ context.Context, r *raiser) error {
	if !r.wants(notice.AcceptanceEnding) {
		return nil
	}
	now := r.tx.At()
	ending, err := r.tx.AcceptancesEnding(now, now.Add(7*day))
	if err != nil {
		return err
	}
	for _, s := range ending {
		f := s.Finding
		stage := "7"
		if f.Accepted.Until.Sub(now) <= day {
			stage = "1"
		}
		key := fmt.Sprintf("acceptance/%s/%d", f.ID, f.Accepted.Until.Unix())
		if same, err := r.sameStage(key, stage); err != nil || same {
			if err != nil {
				return err
			}
			continue
		}
		b := findingBody(f)
		b.Title, b.Stage = "Accepted risk comes back: "+b.Title, stage
		b.Text = fmt.Sprintf("The risk was accepted until %s. Then the finding is open again. %s", f.Accepted.Until.UTC().Format(time.DateOnly), f.Message)
		if err := r.raise(store.Notice{Key: key, Kind: string(notice.AcceptanceEnding), Severity: f.Severity, Entity: s.Entity, Source: r.sourceOf(s.Entity), Body: b}); err != nil {
			return err
		}
	}
	return nil
}

// sameStage reports whether a cause was raised at this stage already.
func (r *raiser) sameStage(key, stage string) (bool, error) {
	have, err := r.tx.NoticeByKey(key)
	if errors.Is(err, retinue.ErrNotFound) {
		return false, nil
	}
	return err == nil && have.Body.Stage == stage && have.State != store.NoticeResolved, err
}

func watchExpiry(_ context.Context, r *raiser) error {
	if !r.wants(notice.ExpirySoon) {
		return nil
	}
	now := r.tx.At()
	standing := map[string]bool{}
	ending, err := r.tx.EntitiesEnding(retinue.FactCredential, now, now.Add(30*day))
	if err != nil {
		return err
	}
	for _, e := range ending {
		left := e.ExpiresAt.Sub(now)
		stage := 30
		for _, d := range expiryStages() {
			if left <= time.Duration(d)*day {
				stage = d
				break
			}
		}
		key := fmt.Sprintf("expiry/%s/%d", e.ID, e.ExpiresAt.Unix())
		standing[key] = true
		if same, err := r.sameStage(key, fmt.Sprint(stage)); err != nil || same {
			if err != nil {
				return err
			}
			continue
		}
		sev := map[int]retinue.Severity{1: retinue.SeverityHigh, 7: retinue.SeverityHigh, 14: retinue.SeverityMedium, 30: retinue.SeverityLow}[stage]
		b := entityBody(e)
		b.Stage = fmt.Sprint(stage)
		b.Title = fmt.Sprintf("Credential ends on %s: %s", e.ExpiresAt.UTC().Format(time.DateOnly), b.SubjectName)
		b.Text = fmt.Sprintf("%s of %s ends within %d days. What uses it must have another by then.", kindWord(e.Kind), e.Source, stage)
		if err := r.raise(store.Notice{Key: key, Kind: string(notice.ExpirySoon), Severity: sev, Entity: e.InternalKey, Source: e.Source, Body: b}); err != nil {
			return err
		}
	}
	return r.resolveRest(notice.ExpirySoon, "expiry/", standing)
}

// resolveRest resolves the notices of a kind whose cause no longer stands.
func (r *raiser) resolveRest(k notice.Kind, prefix string, standing map[string]bool) error {
	open, err := r.tx.OpenNotices(string(k), prefix)
	if err != nil {
		return err
	}
	for _, n := range open {
		if standing[n.Key] {
			continue
		}
		if err := r.settleNotice(n, store.NoticeResolved, ""); err != nil {
			return err
		}
	}
	return nil
}

func kindWord(kind string) string {
	if kind == "" {
		return "A credential"
	}
	return "The " + kind
}

func entityBody(e store.Entity) store.NoticeBody {
	b := store.NoticeBody{Subject: e.ID, SubjectName: e.Name, Path: "/identities/" + string(e.ID)}
	if e.Type == retinue.FactCredential {
		b.Path = "/credentials/" + string(e.ID)
	}
	if b.SubjectName == "" {
		b.SubjectName = e.Key
	}
	return b
}

func watchScans(_ context.Context, r *raiser) error {
	if !r.wants(notice.ScanOverdue) {
		return nil
	}
	late, err := r.tx.SourcesOverdue(overdueAfter)
	if err != nil {
		return err
	}
	standing := map[string]bool{}
	for _, s := range late {
		key := "overdue/" + string(s.Source.ID)
		standing[key] = true
		if same, err := r.sameStage(key, ""); err != nil || same {
			if err != nil {
				return err
			}
			continue
		}
		text := "It was never read."
		if !s.Last.IsZero() {
			text = "It was last read on " + s.Last.UTC().Format(time.RFC3339) + "; what is shown of it is as old as that."
		}
		if err := r.raise(store.Notice{Key: key, Kind: string(notice.ScanOverdue), Severity: retinue.SeverityMedium, Entity: -s.Source.Key, Source: s.Source.Name,
			Body: store.NoticeBody{Title: "Source " + s.Source.Name + " is overdue", Text: text, Path: "/sources/" + string(s.Source.ID)}}); err != nil {
			return err
		}
	}
	return r.resolveRest(notice.ScanOverdue, "overdue/", standing)
}

func watchIdle(_ context.Context, r *raiser) error {
	if !r.wants(notice.IdentityIdle) {
		return nil
	}
	after, err := r.app.idleAfter(r.tx)
	if err != nil {
		return err
	}
	now := r.tx.At()
	idle, err := r.tx.EntitiesIdle(after.Latest(now))
	if err != nil {
		return err
	}
	standing := map[string]bool{}
	for _, e := range idle {
		if !e.LastUsed.Before(after.Since(e.Kind, now)) {
			continue // its kind has longer
		}
		key := "idle/" + string(e.ID)
		standing[key] = true
		if same, err := r.sameStage(key, ""); err != nil || same {
			if err != nil {
				return err
			}
			continue
		}
		b := entityBody(e)
		b.Title = "Not used for " + fmt.Sprint(after.Of(e.Kind)) + " days: " + b.SubjectName
		b.Text = fmt.Sprintf("It was last seen in use on %s. That is a last-used date of the source, not a whole log: ask before you switch it off.",
			e.LastUsed.UTC().Format(time.DateOnly))
		use, err := useOf(r.tx, e.ID)
		if err != nil {
			return err
		}
		b.Text += use
		sev := retinue.SeverityLow
		if e.Environment == retinue.EnvironmentProduction {
			sev = retinue.SeverityMedium
		}
		if err := r.raise(store.Notice{Key: key, Kind: string(notice.IdentityIdle), Severity: sev, Entity: e.InternalKey, Source: e.Source, Body: b}); err != nil {
			return err
		}
	}
	return r.resolveRest(notice.IdentityIdle, "idle/", standing)
}

func watchPopulation(_ context.Context, r *raiser) error {
	if !r.wants(notice.PopulationMissed) {
		return nil
	}
	missed, err := r.tx.PopulationMissed(7)
	if err != nil {
		return err
	}
	for _, d := range missed {
		key := "population/" + d
		if _, err := r.tx.NoticeByKey(key); !errors.Is(err, retinue.ErrNotFound) {
			if err != nil {
				return err
			}
			continue
		}
		if err := r.raise(store.Notice{Key: key, Kind: string(notice.PopulationMissed), Severity: retinue.SeverityMedium,
			Body: store.NoticeBody{Title: "No population record of " + d, Path: "/overview",
				Text: "The day is shown as missed and is never filled in. Look whether the server ran, and whether its schedule did."}}); err != nil {
			return err
		}
	}
	return nil
}

// watchGrants looks at the attachments, memberships and grants that were added
// since the last time, to identities that were known before, by scopes that
// had been listed before: what a first scan finds is no news.
func watchGrants(ctx context.Context, r *raiser) error {
	from, err := r.tx.Meta(metaGrants)
	if err != nil {
		return err
	}
	upTo, err := r.tx.LastFact()
	if err != nil {
		return err
	}
	var after int64
	if _, err := fmt.Sscan(from, &after); err != nil || !r.wants(notice.PrivilegeGranted) {
		return r.tx.SetMeta(metaGrants, fmt.Sprint(upTo)) // from now on
	}
	news, last, err := r.tx.NewGrants(after, upTo, grantsPage)
	if err != nil {
		return err
	}
	for _, g := range news {
		b := entityBody(g.Subject)
		b.Title = "New privilege: " + b.SubjectName
		b.Text = fmt.Sprintf("Source %s lists a new %s: %s.", g.Source, g.Type, g.Ref.Key)
		sev := retinue.SeverityMedium
		if g.Privileged {
			sev = retinue.SeverityHigh
			b.Text += " The identity is privileged."
		}
		key := fmt.Sprintf("grant/%s/%d", g.Subject.ID, g.Key)
		if err := r.raise(store.Notice{Key: key, Kind: string(notice.PrivilegeGranted), Severity: sev, Entity: g.Subject.InternalKey, Source: g.Source, Body: b}); err != nil {
			return err
		}
	}
	if err := r.tx.SetMeta(metaGrants, fmt.Sprint(last)); err != nil {
		return err
	}
	if last < upTo {
		return r.app.insert(ctx, r.tx, watchJob{}, jobs.Options{Key: "more"})
	}
	return nil
}
