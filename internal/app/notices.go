package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/steward/ticket"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// routeJob routes what was raised and climbs escalations.
type routeJob struct{}

// Kind implements jobs.Args.
func (routeJob) Kind() string { return "notices_route" }

// sendJob sends what is due through one channel.
type sendJob struct {
	Outlet int64 `json:"outlet"`
}

// Kind implements jobs.Args.
func (sendJob) Kind() string { return "notices_send" }

// watchJob looks for causes that come with time.
type watchJob struct{}

// Kind implements jobs.Args.
func (watchJob) Kind() string { return "notices_watch" }

// tellHandlers registers the jobs that tell people and systems. They wait for
// the network, so a command that drains the queue leaves them to the server.
func (a *App) tellHandlers(h *jobs.Handlers) {
	jobs.HandleAside(h, func(ctx context.Context, _ routeJob) error { return a.routeNotices(ctx) })
	jobs.HandleAside(h, func(ctx context.Context, j sendJob) error { return a.sendNotices(ctx, j.Outlet) })
	jobs.HandleAside(h, func(ctx context.Context, _ watchJob) error { return a.watch(ctx) })
	jobs.HandleAside(h, func(ctx context.Context, j ticketJob) error { return a.syncTicket(ctx, j.Ticket) })
	jobs.HandleAside(h, func(ctx context.Context, _ pollTicketsJob) error { return a.pollTickets(ctx) })
	jobs.HandleAside(h, func(ctx context.Context, j streamJob) error { return a.runStream(ctx, j.Outlet) })
	jobs.HandleAside(h, func(ctx context.Context, _ streamsJob) error { return a.runStreams(ctx) })
	jobs.HandleAside(h, func(ctx context.Context, _ checkpointsJob) error { return a.pushCheckpoints(ctx) })
}

// insert adds a job to the transaction.
func (a *App) insert(ctx context.Context, tx *sqlstore.Tx, args jobs.Args, o jobs.Options) error {
	sqltx, conn := tx.SQL()
	_, err := a.queue.Insert(ctx, jobs.Tx{Tx: sqltx, Conn: conn}, args, o)
	return err
}

// raiser raises notices within a transaction; it reads the routes once.
type raiser struct {
	app    *App
	tx     *sqlstore.Tx
	routes []notice.Route
	raised bool
}

// raiseNotices runs before every update commits: what it did to findings and
// runs becomes notices, acknowledgements and ticket changes of the same
// transaction.
func (a *App) raiseNotices(ctx context.Context, tx *sqlstore.Tx) error {
	findings, runs := tx.TakeSaved()
	if len(findings) == 0 && len(runs) == 0 {
		return nil
	}
	outlets, err := tx.Outlets(store.PurposeChannel)
	if err != nil || len(outlets) == 0 {
		return err // nobody to tell
	}
	r, err := a.newRaiser(tx)
	if err != nil {
		return err
	}
	tracking := slices.ContainsFunc(outlets, func(o store.Outlet) bool { _, ok := ticket.Find(o.Kind); return ok })
	tickets := map[int64]bool{}
	for _, f := range findings {
		if err := r.finding(f); err != nil {
			return err
		}
		if !tracking || f.Before == "" {
			continue
		}
		keys, err := tx.TicketsOfFinding(f.Finding.ID)
		if err != nil {
			return err
		}
		for _, k := range keys {
			tickets[k] = true
		}
	}
	for _, run := range runs {
		if err := r.run(run); err != nil {
			return err
		}
	}
	for k := range tickets {
		if err := a.insert(ctx, tx, ticketJob{k}, jobs.Options{Key: fmt.Sprint(k)}); err != nil {
			return err
		}
	}
	return r.done(ctx)
}

func (a *App) newRaiser(tx *sqlstore.Tx) (*raiser, error) {
	stored, err := readRoutes(tx)
	if err != nil {
		return nil, err
	}
	return &raiser{app: a, tx: tx, routes: rulesOf(stored)}, nil
}

// done has what was raised routed.
func (r *raiser) done(ctx context.Context) error {
	if !r.raised {
		return nil
	}
	return r.app.insert(ctx, r.tx, routeJob{}, jobs.Options{Key: "all"})
}

// raise keeps a notice, unless no route takes any of its kind and severity.
func (r *raiser) raise(n store.Notice) error {
	if !notice.Wanted(r.routes, notice.Kind(n.Kind), n.Severity) {
		return nil
	}
	n.Body.Title, n.Body.Text = outlet.Clean(n.Body.Title, 300), outlet.Clean(n.Body.Text, 1000)
	if _, err := r.tx.Raise(n); err != nil {
		return err
	}
	r.raised = true
	return nil
}

// settle resolves or acknowledges the notices of a key.
func (r *raiser) settle(key string, state store.NoticeState, by string) error {
	n, err := r.tx.NoticeByKey(key)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.settleNotice(n, state, by)
}

func (r *raiser) settleNotice(n store.Notice, state store.NoticeState, by string) error {
	n, did, err := r.tx.Settle(n, state, by)
	if err != nil || !did {
		return err
	}
	event, why := channel.Acknowledged, "it was acknowledged"
	if state == store.NoticeResolved {
		event, why = channel.Resolved, "it was resolved"
	}
	told, err := r.tx.CancelDeliveries(n.InternalKey, why)
	if err != nil {
		return err
	}
	return r.close(n, event, told)
}

// close has those who were told of a notice told that it is settled, where
// their channel wants that.
func (r *raiser) close(n store.Notice, event channel.Event, told []store.Delivery) error {
	for _, d := range told {
		o, err := r.tx.OutletByKey(d.Outlet)
		if err != nil {
			return err
		}
		s, err := settingsOf(o)
		if err != nil || !o.Enabled || !s.Closing {
			continue
		}
		d.Event, d.Occasion, d.Step, d.DueAt = string(event), n.Occasion, 0, s.Timetable.Due(n.Severity, r.tx.At())
		if _, err := r.tx.Plan(d); err != nil {
			return err
		}
		r.raised = true // the routing job wakes the channels
	}
	return nil
}

func findingKey(id retinue.FindingID) string { return "finding/" + string(id) }

// finding raises what the change of a finding is worth telling.
func (r *raiser) finding(s store.SavedFinding) error {
	f := s.Finding
	switch {
	case f.State == retinue.FindingResolved || f.Suppressed != "":
		return r.settleFinding(s, store.NoticeResolved)
	case f.State == retinue.FindingAcknowledged || f.State == retinue.FindingAccepted:
		return r.settleFinding(s, store.NoticeAcknowledged)
	}
	kind := notice.FindingOpened
	signal := isSignalRule(f.Rule)
	switch {
	case signal && inHistory(&f):
		return nil // what an old log tells is found, and is no news
	case signal && s.Before == retinue.FindingResolved, signal && s.Before == "":
		kind = notice.SignalNoticed
	case s.Before == "":
	case f.State == retinue.FindingReopened && s.Before != retinue.FindingReopened:
		kind = notice.FindingReopened
	default:
		have, err := r.tx.NoticeByKey(findingKey(f.ID))
		if errors.Is(err, retinue.ErrNotFound) {
			if signal {
				kind = notice.SignalNoticed
			}
			break // no route took it as it was before
		}
		if err != nil {
			return err
		}
		if f.Severity == have.Severity || have.Severity.AtLeast(f.Severity) {
			return nil
		}
		kind = notice.Kind(have.Kind)
	}
	return r.raise(store.Notice{Key: findingKey(f.ID), Kind: string(kind), Severity: f.Severity, Entity: s.Entity, Source: r.sourceOf(s.Entity),
		Body: findingBody(f)})
}

func findingBody(f retinue.Finding) store.NoticeBody {
	b := store.NoticeBody{Title: f.Title, Text: f.Message, Path: "/findings/" + string(f.ID), Finding: f.ID, Subject: f.Entity,
		SubjectName: outlet.Clean(f.Name, 200), Rule: f.Rule, Family: f.Family, Fix: f.Fix}
	if b.Title == "" {
		b.Title = f.Rule
	}
	if b.SubjectName != "" {
		b.Title += ": " + b.SubjectName
	}
	return b
}

// sourceOf names the source of an entity, or of a source's own key; empty
// where it is not known.
func (r *raiser) sourceOf(entity int64) string {
	name, err := r.tx.SourceNameOf(entity)
	if err != nil {
		return ""
	}
	return name
}

func (r *raiser) settleFinding(s store.SavedFinding, state store.NoticeState) error {
	if s.Before == "" {
		return nil
	}
	all, err := r.tx.NoticesOf(s.Finding.ID)
	if err != nil {
		return err
	}
	by := ""
	if s.Finding.Accepted != nil {
		by = s.Finding.Accepted.By
	}
	for _, n := range all {
		// A decision about a finding does not settle that the acceptance ends.
		if n.Kind == string(notice.AcceptanceEnding) && s.Finding.State == retinue.FindingAccepted && s.Before == retinue.FindingAccepted {
			continue
		}
		if err := r.settleNotice(n, state, by); err != nil {
			return err
		}
	}
	return nil
}

// run raises how a run of a source ended, and settles what came before.
func (r *raiser) run(run store.Run) error {
	id := string(run.Source.ID)
	body := store.NoticeBody{Path: "/sources/" + id}
	switch run.State {
	case store.RunFailed, store.RunCrashed:
		body.Title, body.Text = "Source "+run.Source.Name+" could not be read", run.Error
		return r.raise(store.Notice{Key: "scan/" + id, Kind: string(notice.ScanFailed), Severity: retinue.SeverityHigh, Entity: -run.Source.Key,
			Source: run.Source.Name, Body: body})
	case store.RunPartial:
		if err := r.settle("scan/"+id, store.NoticeResolved, ""); err != nil {
			return err
		}
		partial := 0
		for _, s := range run.Scopes {
			if s.State != store.ScopeComplete {
				partial++
			}
		}
		body.Title = "Source " + run.Source.Name + " was read in part"
		body.Text = fmt.Sprintf("%d of %d scopes are not complete. Nothing in them is taken to be gone.", partial, len(run.Scopes))
		return r.raise(store.Notice{Key: "partial/" + id, Kind: string(notice.SourcePartial), Severity: retinue.SeverityMedium, Entity: -run.Source.Key,
			Source: run.Source.Name, Body: body})
	case store.RunComplete:
		for _, key := range []string{"scan/" + id, "partial/" + id, "overdue/" + id} {
			if err := r.settle(key, store.NoticeResolved, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Notices implements api.Notices.
func (a *App) Notices(ctx context.Context, scope store.RowScope, q store.NoticeQuery) (out []store.Notice, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = tx.Notices(q)
		return err
	})
	return out, err
}

// AcknowledgeNotice implements api.Notices.
func (a *App) AcknowledgeNotice(ctx context.Context, by auth.Caller, id retinue.NoticeID) (n store.Notice, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var all []store.Notice
		err := tx.Within(by.Scope(auth.PermFindingsTriage), func() error {
			all, err = tx.Notices(store.NoticeQuery{ID: id, Limit: 1})
			return err
		})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("%w: notice %s", retinue.ErrNotFound, id)
		}
		n = all[0]
		if n.State != store.NoticeOpen {
			return nil
		}
		r, err := a.newRaiser(tx)
		if err != nil {
			return err
		}
		if err := r.settleNotice(n, store.NoticeAcknowledged, by.Actor.Name); err != nil {
			return err
		}
		tx.Record(by.Actor, retinue.RecordNoticeAcknowledged, string(id), map[string]any{"kind": n.Kind, "finding": n.Body.Finding})
		n, err = tx.NoticeByInternalKey(n.InternalKey)
		return errors.Join(err, r.done(ctx))
	})
	return n, err
}

// NoticeDeliveries implements api.Notices.
func (a *App) NoticeDeliveries(ctx context.Context, scope store.RowScope, q api.DeliveryQuery) (out []api.Delivery, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		dq := store.DeliveryQuery{State: q.State, Before: q.Before, Limit: q.Limit}
		if q.Channel != "" {
			o, err := tx.Outlet(store.PurposeChannel, q.Channel)
			if err != nil {
				return err
			}
			dq.Outlet = o.Key
		}
		if q.Notice != "" {
			all, err := tx.Notices(store.NoticeQuery{ID: q.Notice, Limit: 1})
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return fmt.Errorf("%w: notice %s", retinue.ErrNotFound, q.Notice)
			}
			dq.Notice = all[0].InternalKey
		}
		all, err := tx.Deliveries(dq)
		for _, d := range all {
			shown, err := shownDelivery(tx, d)
			if err != nil {
				return err
			}
			out = append(out, shown)
		}
		return err
	})
	return out, err
}

func shownDelivery(tx *sqlstore.Tx, d store.Delivery) (api.Delivery, error) {
	o, err := tx.OutletByKey(d.Outlet)
	if err != nil {
		return api.Delivery{}, err
	}
	n, err := tx.NoticeByInternalKey(d.Notice)
	return api.Delivery{ID: d.ID, Notice: n.ID, Title: n.Body.Title, Event: d.Event, Channel: o.ID, ChannelName: o.Name, Address: d.Address,
		State: d.State, Step: d.Step, DueAt: d.DueAt, Attempts: d.Attempts, SentAt: d.SentAt, Message: d.Message, Receipt: d.Receipt, Error: d.Error,
		Key: d.Key}, err
}

// RetryDelivery implements api.Notices.
func (a *App) RetryDelivery(ctx context.Context, by auth.Caller, id retinue.DeliveryID) (out api.Delivery, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var all []store.Delivery
		err := tx.Within(by.Scope(auth.PermChannelsManage), func() error {
			all, err = tx.Deliveries(store.DeliveryQuery{ID: id, Limit: 1})
			return err
		})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("%w: delivery %s", retinue.ErrNotFound, id)
		}
		if all[0].State != store.DeliveryDead {
			return fmt.Errorf("%w: delivery %s was not given up", retinue.ErrConflict, id)
		}
		if err := tx.Revive(all[0].Key); err != nil {
			return err
		}
		tx.Record(by.Actor, retinue.RecordDeliveryRetried, string(id), map[string]any{"error": all[0].Error})
		if err := a.insert(ctx, tx, sendJob{all[0].Outlet}, jobs.Options{Key: fmt.Sprint(all[0].Outlet)}); err != nil {
			return err
		}
		all[0].State, all[0].Attempts, all[0].DueAt = store.DeliveryWaiting, 0, tx.At()
		out, err = shownDelivery(tx, all[0])
		return err
	})
	return out, err
}

// storedRoute is a route with its row.
type storedRoute struct {
	stored store.Route
	rule   notice.Route
}

func readRoutes(tx *sqlstore.Tx) ([]storedRoute, error) {
	rows, err := tx.Routes()
	if err != nil {
		return nil, err
	}
	out := make([]storedRoute, len(rows))
	for i, r := range rows {
		out[i].stored = r
		if err := json.Unmarshal(r.Body, &out[i].rule); err != nil {
			return nil, fmt.Errorf("%w: read route %s: %v", retinue.ErrInvalid, r.Name, err)
		}
		out[i].rule.ID, out[i].rule.Enabled = r.ID, r.Enabled
	}
	return out, nil
}

func rulesOf(routes []storedRoute) []notice.Route {
	out := make([]notice.Route, len(routes))
	for i, r := range routes {
		out[i] = r.rule
	}
	return out
}

// names reports whether a route sends to a channel.
func (r storedRoute) names(id retinue.ChannelID) bool {
	to := slices.Clone(r.rule.To)
	for _, s := range r.rule.Escalate {
		to = append(to, s.To...)
	}
	return slices.ContainsFunc(to, func(t notice.Target) bool { return t.Channel == id })
}
