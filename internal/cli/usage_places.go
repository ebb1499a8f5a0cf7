package cli

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// witness answers what identities have really done.
type witness interface {
	// usage shows people by a pseudonym, or by name for a reason.
	usage(ctx context.Context, id retinue.EntityID, reason string) (app.UsageAnswer, error)
	// verdicts yields at most limit verdicts in the order of ids; 0 is every one.
	verdicts(ctx context.Context, q store.VerdictQuery, limit int) iter.Seq2[app.VerdictLine, error]
	simulate(ctx context.Context, q app.SimulationQuestion) (app.Simulation, error)
	// events lists the events themselves, with people by a pseudonym, or by name for
	// a reason.
	events(ctx context.Context, q app.UsageEventQuery, reason string) (app.UsageEventsAnswer, error)
	// rightSize writes the smallest policy for what an identity of AWS did, in a
	// form that limits its size.
	rightSize(ctx context.Context, id retinue.EntityID, as string) (app.RightSized, error)
}

func (l local) rightSize(ctx context.Context, id retinue.EntityID, as string) (app.RightSized, error) {
	return l.ProposePolicy(ctx, store.Everything(), app.ProposalQuestion{ID: id, As: as, Lines: app.MaxSimulationLines})
}

func (r *remote) rightSize(ctx context.Context, id retinue.EntityID, as string) (out app.RightSized, err error) {
	_, err = r.c.Do(ctx, client.Request{Path: thingPath(id) + "/right-size", Query: url.Values{"as": {as}, "lines": {strconv.Itoa(app.MaxSimulationLines)}}}, &out)
	return out, err
}

func (l local) events(ctx context.Context, q app.UsageEventQuery, reason string) (app.UsageEventsAnswer, error) {
	if reason != "" {
		return l.NamedEvents(ctx, app.Actor(), store.Everything(), q, reason)
	}
	return l.UsageEvents(ctx, store.Everything(), q)
}

func (l local) usage(ctx context.Context, id retinue.EntityID, reason string) (app.UsageAnswer, error) {
	if reason != "" {
		return l.Unmask(ctx, app.Actor(), store.Everything(), id, reason)
	}
	return l.MaskedUsage(ctx, store.Everything(), id)
}

func (l local) verdicts(ctx context.Context, q store.VerdictQuery, limit int) iter.Seq2[app.VerdictLine, error] {
	return func(yield func(app.VerdictLine, error) bool) {
		if err := l.conclude(ctx); err != nil {
			yield(app.VerdictLine{}, err)
			return
		}
		l.Verdicts(ctx, store.Everything(), q, limit)(yield)
	}
}

// conclude forms the verdicts that are due, and has the rules look at them.
func (l local) conclude(ctx context.Context) error {
	if _, err := l.JudgeUsage(ctx); err != nil {
		return err
	}
	_, err := l.Settle(ctx)
	return err
}

func (l local) simulate(ctx context.Context, q app.SimulationQuestion) (app.Simulation, error) {
	return l.Simulate(ctx, store.Everything(), q)
}

// thingPath is where a server has an identity or credential.
func thingPath(id retinue.EntityID) string {
	t := retinue.FactIdentity
	if prefix, _ := retinue.EntityPrefix(retinue.FactCredential); retinue.CheckID(prefix, string(id)) == nil {
		t = retinue.FactCredential
	}
	return listOf(t) + "/" + url.PathEscape(string(id))
}

func (r *remote) usage(ctx context.Context, id retinue.EntityID, reason string) (u app.UsageAnswer, err error) {
	path := thingPath(id)
	if reason != "" {
		_, err = r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: path + "/usage/people", Body: map[string]string{"reason": reason}}, &u)
		return u, err
	}
	if _, err = r.c.Do(ctx, client.Request{Path: path + "/usage"}, &u); err != nil || !strings.HasPrefix(path, listOf(retinue.FactIdentity)) {
		return u, err
	}
	u.UnusedGrants = &replay.UnusedGrants{}
	_, err = r.c.Do(ctx, client.Request{Path: path + "/unused-grants"}, u.UnusedGrants)
	return u, err
}

func (r *remote) verdicts(ctx context.Context, q store.VerdictQuery, limit int) iter.Seq2[app.VerdictLine, error] {
	v := url.Values{"limit": {strconv.Itoa(store.MaxPage)}}
	set(v, "status", q.Status)
	set(v, "grade", string(q.Grade))
	if q.Shared {
		v.Set("shared", "true")
	}
	if !q.AsOf.IsZero() {
		v.Set("asOf", q.AsOf.Format(time.RFC3339Nano))
	}
	switch q.Type {
	case retinue.FactIdentity:
		v.Set("of", "identities")
	case retinue.FactCredential:
		v.Set("of", "credentials")
	}
	rows := pagesOf(func(cursor string) ([]app.VerdictLine, string, error) {
		set(v, "after", cursor)
		var p app.VerdictList
		_, err := r.c.Do(ctx, client.Request{Path: "/verdicts", Query: v}, &p)
		return p.Items, p.Next, err
	})
	if limit > 0 {
		return head(rows, limit)
	}
	return rows
}

// simulate asks for every line that a server gives.
func (r *remote) simulate(ctx context.Context, q app.SimulationQuestion) (s app.Simulation, err error) {
	req := client.Request{Path: thingPath(q.ID) + "/simulations/" + string(q.Change), Query: url.Values{"lines": {strconv.Itoa(app.MaxSimulationLines)}}}
	switch q.Change {
	case app.ChangeDeny:
		req.Query.Set("environment", string(q.Environment))
	case app.ChangeRevoke:
		several(req.Query, "grant", q.Grants)
	case app.ChangePolicy:
		req.Method, req.Body = http.MethodPost, map[string]string{"policy": q.Policy, "document": q.Document}
	}
	_, err = r.c.Do(ctx, req, &s)
	return s, err
}

func (r *remote) events(ctx context.Context, q app.UsageEventQuery, reason string) (out app.UsageEventsAnswer, err error) {
	if reason != "" {
		body := struct {
			app.UsageEventQuery
			Reason string `json:"reason"`
		}{q, reason}
		_, err = r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/usage/events/people", Body: body}, &out)
		return out, err
	}
	v := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	for name, value := range map[string]string{"identity": q.Identity, "signal": q.Signal, "action": q.Action, "kind": q.Kind, "outcome": q.Outcome, "event": q.Event, "cursor": q.Cursor} {
		set(v, name, value)
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	_, err = r.c.Do(ctx, client.Request{Path: "/usage/events", Query: v}, &out)
	return out, err
}
