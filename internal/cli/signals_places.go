package cli

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/store"
)

// alarm tells what is unusual in use.
type alarm interface {
	// signals yields at most limit signals, the newest first; 0 is every one.
	signals(ctx context.Context, q store.SignalQuery, limit int) iter.Seq2[app.SignalRow, error]
	dismissals(ctx context.Context) ([]app.SignalDismissal, error)
	revoke(ctx context.Context, id retinue.DismissalID) error
}

func (l local) signals(ctx context.Context, q store.SignalQuery, limit int) iter.Seq2[app.SignalRow, error] {
	return func(yield func(app.SignalRow, error) bool) {
		if err := l.conclude(ctx); err != nil {
			yield(app.SignalRow{}, err)
			return
		}
		q.Limit = store.MaxPage
		if limit > 0 {
			q.Limit = min(limit, store.MaxPage)
		}
		for n := 0; ; {
			page, err := l.Signals(ctx, store.Everything(), q)
			if err != nil {
				yield(app.SignalRow{}, err)
				return
			}
			for _, s := range page {
				if n++; !yield(s, nil) || n == limit {
					return
				}
			}
			if len(page) < q.Limit {
				return
			}
			last := page[len(page)-1]
			q.Before = store.SignalCursor{Last: last.Last.UnixMicro(), Fingerprint: last.Fingerprint}
		}
	}
}

func (l local) dismissals(ctx context.Context) ([]app.SignalDismissal, error) {
	return l.Dismissals(ctx, store.Everything(), store.MaxPage)
}

func (l local) revoke(ctx context.Context, id retinue.DismissalID) error {
	return l.Revoke(ctx, app.Actor(), id)
}

func (r *remote) signals(ctx context.Context, q store.SignalQuery, limit int) iter.Seq2[app.SignalRow, error] {
	path, v := "/signals", url.Values{"limit": {strconv.Itoa(store.MaxPage)}}
	if q.Entity != "" {
		path = thingPath(q.Entity) + "/signals"
	}
	several(v, "kind", q.Kinds)
	for _, s := range q.States {
		v.Add("state", string(s))
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339))
	}
	rows := pagesOf(func(cursor string) ([]app.SignalRow, string, error) {
		set(v, "cursor", cursor)
		var p struct {
			Items []app.SignalRow `json:"items"`
			Next  string          `json:"next"`
		}
		_, err := r.c.Do(ctx, client.Request{Path: path, Query: v}, &p)
		return p.Items, p.Next, err
	})
	if limit > 0 {
		return head(rows, limit)
	}
	return rows
}

func (r *remote) dismissals(ctx context.Context) ([]app.SignalDismissal, error) {
	var p struct {
		Items []app.SignalDismissal `json:"items"`
	}
	_, err := r.c.Do(ctx, client.Request{Path: "/signals/dismissals", Query: url.Values{"limit": {"500"}}}, &p)
	return p.Items, err
}

func (r *remote) revoke(ctx context.Context, id retinue.DismissalID) error {
	_, err := r.c.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/signals/dismissals/" + url.PathEscape(string(id))}, nil)
	return err
}
