package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// routePage is how many notices are routed in one transaction.
const routePage = 200

// routing is what is read once for the notices of a transaction.
type routing struct {
	app     *App
	tx      *sqlstore.Tx
	routes  []notice.Route
	byID    map[retinue.ChannelID]store.Outlet
	byKey   map[int64]store.Outlet
	tables  map[int64]notice.Timetable
	book    notice.Directory
	touched map[int64]bool
}

func (a *App) newRouting(tx *sqlstore.Tx) (*routing, error) {
	stored, err := readRoutes(tx)
	if err != nil {
		return nil, err
	}
	r := &routing{app: a, tx: tx, routes: rulesOf(stored), byID: map[retinue.ChannelID]store.Outlet{}, byKey: map[int64]store.Outlet{},
		tables: map[int64]notice.Timetable{}, touched: map[int64]bool{}}
	outlets, err := tx.Outlets(store.PurposeChannel)
	if err != nil {
		return nil, err
	}
	for _, o := range outlets {
		s, err := settingsOf(o)
		if err != nil {
			return nil, err
		}
		r.byID[o.ID], r.byKey[o.Key], r.tables[o.Key] = o, o, s.Timetable
	}
	if needsBook(r.routes) {
		r.book, err = readBook(tx)
	}
	return r, err
}

// needsBook reports whether a route sends to whoever answers for a subject.
func needsBook(routes []notice.Route) bool {
	byRole := func(t notice.Target) bool {
		return t.Address == notice.ToOwner || t.Address == notice.ToBackupOwner || t.Address == notice.ToTeamLead
	}
	return slices.ContainsFunc(routes, func(r notice.Route) bool {
		return slices.ContainsFunc(r.To, byRole) ||
			slices.ContainsFunc(r.Escalate, func(s notice.Step) bool { return slices.ContainsFunc(s.To, byRole) })
	})
}

// readBook reads the addresses of people and teams, and who leads the teams. A
// name that two share names neither.
func readBook(tx *sqlstore.Tx) (notice.Directory, error) {
	address, lead := map[string]string{}, map[string]string{}
	keep := func(m map[string]string, word, v string) {
		if word = foldName(word); word == "" || v == "" {
			return
		}
		if have, ok := m[word]; ok && have != v {
			v = ""
		}
		m[word] = v
	}
	members := map[retinue.Ref][]string{}
	for f, err := range tx.FactsOfType(retinue.FactPerson, store.AsOf{}) {
		if err != nil {
			return notice.Directory{}, err
		}
		d, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return notice.Directory{}, err
		}
		p, ok := d.(retinue.Person)
		if !ok || p.Email == "" || p.State == retinue.StateDisabled || p.State == retinue.StateGone {
			continue // whoever left is not told
		}
		words := []string{p.Ref.Key, p.Name, p.Email}
		for _, w := range words {
			keep(address, w, p.Email)
		}
		for _, t := range p.Teams {
			members[t] = append(members[t], words...)
		}
	}
	for f, err := range tx.FactsOfType(retinue.FactTeam, store.AsOf{}) {
		if err != nil {
			return notice.Directory{}, err
		}
		d, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return notice.Directory{}, err
		}
		t, ok := d.(retinue.Team)
		if !ok {
			continue
		}
		head, _ := t.Attrs["lead"].(string)
		for _, w := range []string{t.Ref.Key, t.Name} {
			keep(address, w, t.Email)
			keep(lead, w, head)
		}
		for _, w := range members[t.Ref] {
			keep(lead, w, head)
		}
	}
	return notice.Directory{Address: func(o string) string { return address[foldName(o)] }, Lead: func(o string) string { return lead[foldName(o)] }}, nil
}

// routeNotices routes what was raised, climbs the escalations that are due, and
// wakes the channels. Each page is one transaction.
func (a *App) routeNotices(ctx context.Context) error {
	for {
		more := false
		err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
			r, err := a.newRouting(tx)
			if err != nil {
				return err
			}
			fresh, err := tx.Unrouted(routePage)
			if err != nil {
				return err
			}
			for _, n := range fresh {
				if err := r.route(n); err != nil {
					return err
				}
			}
			due, err := tx.StepsDue(tx.At(), routePage)
			if err != nil {
				return err
			}
			for _, n := range due {
				if err := r.escalate(n); err != nil {
					return err
				}
			}
			more = len(fresh) == routePage || len(due) == routePage
			return r.wake(ctx)
		})
		if err != nil {
			return fmt.Errorf("route notices: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// subject is a notice as routes look at it: who owns it, its labels and its
// environment are read anew, so that a notice goes to who answers now.
func (r *routing) subject(n store.Notice) (notice.Subject, error) {
	s := notice.Subject{Kind: notice.Kind(n.Kind), Severity: n.Severity, Source: n.Source, News: n.Body.News}
	if n.Entity <= 0 {
		return s, nil
	}
	return s, r.describe(n.Entity, &s)
}

func (r *routing) describe(entity int64, s *notice.Subject) error {
	e, err := r.tx.NoticeSubject(entity)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Owner, s.Environment = e.Owner, e.Environment
	if s.Source == "" {
		s.Source = e.Source
	}
	reg, err := r.tx.Registration(entity)
	if err != nil {
		return err
	}
	if reg != nil {
		s.BackupOwner = reg.BackupOwner
	}
	facts, err := r.tx.FactsOf(entity, true)
	if err != nil {
		return err
	}
	for _, f := range facts {
		var l struct {
			Labels map[string]string `json:"labels"`
		}
		if json.Unmarshal(f.Body, &l) != nil {
			continue // a fact without labels has none
		}
		for k, v := range l.Labels {
			s.Tags = append(s.Tags, k+"="+v)
		}
	}
	slices.Sort(s.Tags)
	return nil
}

func (r *routing) route(n store.Notice) error {
	if n.State != store.NoticeOpen {
		return r.tx.Routed(n) // settled before anybody was told
	}
	s, err := r.subject(n)
	if err != nil {
		return err
	}
	told, err := r.told(n)
	if err != nil {
		return err
	}
	out := notice.Plan(r.usable(), s, r.book, told, r.tx.At())
	for _, t := range out.Tells {
		if err := r.plan(n, t, channel.Raised, 0); err != nil {
			return err
		}
	}
	if n.Body.News {
		_, climbed, next := notice.Climb(out.Ladder, n.LastAt, 0, n.LastAt)
		n.Step, n.StepAt = int64(climbed), next
	}
	return r.tx.Routed(n)
}

// usable are the routes with the channels that are there and switched on: a
// target that is not is nobody.
func (r *routing) usable() []notice.Route {
	keep := func(to []notice.Target) []notice.Target {
		return slices.DeleteFunc(slices.Clone(to), func(t notice.Target) bool { return !r.byID[t.Channel].Enabled })
	}
	out := make([]notice.Route, len(r.routes))
	for i, x := range r.routes {
		x.To = keep(x.To)
		x.Escalate = slices.Clone(x.Escalate)
		for j := range x.Escalate {
			x.Escalate[j].To = keep(x.Escalate[j].To)
		}
		out[i] = x
	}
	return out
}

// told says when each receiver was last told of a notice.
func (r *routing) told(n store.Notice) (map[notice.Receiver]time.Time, error) {
	rows, err := r.tx.LastTold(n.InternalKey)
	if err != nil {
		return nil, err
	}
	out := map[notice.Receiver]time.Time{}
	for key, at := range rows {
		number, address, _ := strings.Cut(key, "/")
		for k, o := range r.byKey {
			if fmt.Sprint(k) == number {
				out[notice.Receiver{Channel: o.ID, Address: address}] = at
			}
		}
	}
	return out, nil
}

func (r *routing) plan(n store.Notice, t notice.Tell, event channel.Event, step int64) error {
	o := r.byID[t.Channel]
	due := r.tables[o.Key].Due(n.Severity, r.tx.At())
	_, err := r.tx.Plan(store.Delivery{Notice: n.InternalKey, Occasion: n.Occasion, Step: step, Event: string(event), Outlet: o.Key,
		Address: t.Address, Route: string(t.Route), DueAt: due})
	return err
}

// escalate climbs the steps that are due for a notice on which nobody acted.
func (r *routing) escalate(n store.Notice) error {
	s, err := r.subject(n)
	if err != nil {
		return err
	}
	s.News = true // the routes are asked as they were when it was raised
	ladder := notice.Plan(r.usable(), s, r.book, nil, r.tx.At()).Ladder
	tells, climbed, next := notice.Climb(ladder, n.LastAt, int(n.Step), r.tx.At())
	n.Step, n.StepAt = int64(climbed), next
	for _, t := range tells {
		if err := r.plan(n, t, channel.Escalated, n.Step); err != nil {
			return err
		}
	}
	return r.tx.Routed(n)
}

// wake has the channels send when the first of their deliveries is due, and
// this job run when the next step of an escalation is.
func (r *routing) wake(ctx context.Context) error {
	due, err := r.tx.OutletsDue()
	if err != nil {
		return err
	}
	for key, at := range due {
		if o := r.byKey[key]; o.NextAt.After(at) {
			at = o.NextAt
		}
		if err := r.app.insertAt(ctx, r.tx, sendJob{key}, fmt.Sprint(key), at); err != nil {
			return err
		}
	}
	next, err := r.tx.NextStep()
	if err != nil || next.IsZero() {
		return err
	}
	return r.app.insertAt(ctx, r.tx, routeJob{}, "", next)
}

// insertAt adds a job that is due at a time. One that waits for another time
// does not stand for it, so the time is part of the key, to the minute.
func (a *App) insertAt(ctx context.Context, tx *sqlstore.Tx, args jobs.Args, key string, at time.Time) error {
	if !at.After(tx.At()) {
		if key == "" {
			key = "all"
		}
		return a.insert(ctx, tx, args, jobs.Options{Key: key})
	}
	if rest := at.Truncate(time.Minute); rest.Before(at) {
		at = rest.Add(time.Minute)
	}
	return a.insert(ctx, tx, args, jobs.Options{Key: fmt.Sprintf("%s@%d", key, at.Unix()), At: at})
}

// NoticeRoutes implements api.NoticeRoutes.
func (a *App) NoticeRoutes(ctx context.Context) (out []api.NoticeRoute, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		all, err := readRoutes(tx)
		for _, r := range all {
			out = append(out, shownRoute(r))
		}
		return err
	})
	return out, err
}

func shownRoute(r storedRoute) api.NoticeRoute {
	s := r.stored
	return api.NoticeRoute{ID: s.ID, Name: s.Name, Position: s.Position, Enabled: s.Enabled, Version: s.Version, CreatedAt: s.CreatedAt,
		UpdatedAt: s.UpdatedAt, Route: r.rule}
}

// SaveNoticeRoute implements api.NoticeRoutes.
func (a *App) SaveNoticeRoute(ctx context.Context, by auth.Caller, e api.NoticeRoute) (out api.NoticeRoute, err error) {
	name := strings.TrimSpace(e.Name)
	if name == "" || len(name) > 100 || retinue.CleanName(name) != name {
		return out, &retinue.FieldError{Field: "name", Err: fmt.Errorf("%w: want a name of at most 100 characters", retinue.ErrInvalid)}
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		outlets, err := tx.Outlets(store.PurposeChannel)
		if err != nil {
			return err
		}
		known := func(id retinue.ChannelID) bool {
			return slices.ContainsFunc(outlets, func(o store.Outlet) bool { return o.ID == id })
		}
		if err := e.Validate(known); err != nil {
			return err
		}
		body, err := json.Marshal(e.Route)
		if err != nil {
			return err
		}
		row := store.Route{Name: name, Position: e.Position, Enabled: e.Enabled, Body: body}
		action := retinue.RecordRouteCreated
		if e.ID == "" {
			err = tx.CreateRoute(&row)
		} else {
			action = retinue.RecordRouteChanged
			var have storedRoute
			if have, err = routeByID(tx, e.ID); err != nil {
				return err
			}
			row.Key, row.ID, row.CreatedAt, row.Version = have.stored.Key, have.stored.ID, have.stored.CreatedAt, e.Version
			err = tx.ChangeRoute(&row)
		}
		if err != nil {
			return err
		}
		tx.Record(by.Actor, action, string(row.ID), map[string]any{"name": row.Name, "position": row.Position, "enabled": row.Enabled, "version": row.Version,
			"channels": channelsOf(e.Route)})
		out = shownRoute(storedRoute{row, e.Route})
		return nil
	})
	return out, err
}

// channelsOf lists the channels of a route for its record: addresses are
// personal data and stay out of it.
func channelsOf(r notice.Route) []string {
	var out []string
	for _, t := range r.To {
		out = append(out, string(t.Channel))
	}
	for _, s := range r.Escalate {
		for _, t := range s.To {
			out = append(out, string(t.Channel))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func routeByID(tx *sqlstore.Tx, id retinue.RouteID) (storedRoute, error) {
	all, err := readRoutes(tx)
	if err != nil {
		return storedRoute{}, err
	}
	for _, r := range all {
		if r.stored.ID == id {
			return r, nil
		}
	}
	return storedRoute{}, fmt.Errorf("%w: route %s", retinue.ErrNotFound, id)
}

// DeleteNoticeRoute implements api.NoticeRoutes.
func (a *App) DeleteNoticeRoute(ctx context.Context, by auth.Caller, id retinue.RouteID) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		r, err := routeByID(tx, id)
		if err != nil {
			return err
		}
		tx.Record(by.Actor, retinue.RecordRouteDeleted, string(id), map[string]any{"name": r.stored.Name})
		return tx.DeleteRoute(r.stored.Key)
	})
}

// PreviewRoutes implements api.NoticeRoutes.
func (a *App) PreviewRoutes(ctx context.Context, scope store.RowScope, q api.RoutePreview) (out api.RoutePreviewed, err error) {
	out = api.RoutePreviewed{Told: []api.PreviewTold{}, Escalation: []api.PreviewStep{}, Skipped: []notice.Skip{}, Routes: []retinue.RouteID{}}
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		s := notice.Subject{Kind: q.Kind, Severity: q.Severity, Owner: q.Owner, BackupOwner: q.BackupOwner, Tags: q.Tags, Source: q.Source,
			Environment: q.Environment, News: true}
		if s.Kind == "" {
			s.Kind = notice.FindingOpened
		}
		entity := int64(0)
		if q.Finding != "" {
			f, key, err := visibleFinding(tx, q.Finding)
			if err != nil {
				return err
			}
			entity, s.Severity = key, f.Severity
		} else if s.Severity == "" {
			return &retinue.FieldError{Field: "body.severity", Err: fmt.Errorf("%w: give a finding, or a severity", retinue.ErrInvalid)}
		}
		// Routes and addresses are the installation's, whatever the caller sees.
		return tx.Within(store.Everything(), func() error {
			r, err := a.newRouting(tx)
			if err != nil {
				return err
			}
			if entity > 0 {
				if err := r.describe(entity, &s); err != nil {
					return err
				}
			}
			if q.Finding != "" && s.Source == "" {
				if s.Source, err = tx.SourceNameOf(entity); err != nil {
					return err
				}
			}
			at := q.At
			if at.IsZero() {
				at = a.DB.Now()
			}
			return r.preview(&out, s, at)
		})
	})
	return out, err
}

func visibleFinding(tx *sqlstore.Tx, id retinue.FindingID) (retinue.Finding, int64, error) {
	var hit *retinue.Finding
	for f, err := range tx.Findings(store.FindingQuery{ID: id, Resolved: true, Suppressed: true}) {
		if err != nil {
			return f, 0, err
		}
		hit = &f
	}
	if hit == nil {
		return retinue.Finding{}, 0, fmt.Errorf("%w: finding %s", retinue.ErrNotFound, id)
	}
	key, err := tx.FindingEntity(id)
	return *hit, key, err
}

func (r *routing) preview(out *api.RoutePreviewed, s notice.Subject, at time.Time) error {
	stored, err := readRoutes(r.tx)
	if err != nil {
		return err
	}
	names := map[retinue.RouteID]string{}
	for _, x := range stored {
		names[x.stored.ID] = x.stored.Name
	}
	show := func(tells []notice.Tell, at time.Time) []api.PreviewTold {
		told := []api.PreviewTold{}
		for _, t := range tells {
			o := r.byID[t.Channel]
			told = append(told, api.PreviewTold{Tell: t, ChannelName: o.Name, RouteName: names[t.Route], DueAt: r.tables[o.Key].Due(s.Severity, at)})
		}
		return told
	}
	plan := notice.Plan(r.usable(), s, r.book, nil, at)
	out.Told = show(plan.Tells, at)
	out.Routes = append(out.Routes, plan.Routes...)
	out.Skipped = append(out.Skipped, plan.Skips...)
	for _, rung := range plan.Ladder {
		out.Escalation = append(out.Escalation, api.PreviewStep{AfterMinutes: int(rung.After / time.Minute), Told: show(rung.Tells, at.Add(rung.After))})
	}
	return nil
}

// foldName makes the names of people and teams comparable.
func foldName(word string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(word), "@"))
}
