package cli

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
)

func (r *remote) owners(ctx context.Context) ([]app.Owner, error) {
	var p client.Page[app.Owner]
	_, err := r.c.Do(ctx, client.Request{Path: "/owners"}, &p)
	return p.Items, err
}

func (r *remote) owner(ctx context.Context, name string) (o app.OwnerDetail, err error) {
	_, err = r.c.Do(ctx, client.Request{Path: "/owners/" + url.PathEscape(name)}, &o)
	return o, err
}

func (r *remote) queue(ctx context.Context, reason string, q store.ListQuery) iter.Seq2[app.QueueItem, error] {
	o := thingOptions(q)
	o.Filter.Set("reason", reason)
	return client.List[app.QueueItem](ctx, r.c, "/owners/queue", o)
}

func (r *remote) ownership(ctx context.Context, id retinue.EntityID) (o app.IdentityOwnership, err error) {
	_, err = r.c.Do(ctx, client.Request{Path: "/identities/" + url.PathEscape(string(id)) + "/ownership"}, &o)
	return o, err
}

func (r *remote) assign(ctx context.Context, a app.OwnerAssignment) (out app.AssignmentResult, err error) {
	_, err = r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/identities/owner", Body: a, Once: true}, &out)
	return out, err
}

func (r *remote) undo(ctx context.Context, token string) (out app.UndoResult, err error) {
	_, err = r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/undo/" + url.PathEscape(token)}, &out)
	return out, err
}

func (r *remote) ownershipRules() ruleBook { return &remoteRules{c: r.c} }

type remoteRules struct{ c *client.Client }

func (r *remoteRules) read(ctx context.Context) (set app.OwnershipRuleSet, err error) {
	_, err = r.c.Do(ctx, client.Request{Path: "/ownership-rules"}, &set)
	return set, err
}

func (r *remoteRules) preview(ctx context.Context, set steward.RuleSet) (p steward.Preview, err error) {
	_, err = r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/ownership-rules/preview", Body: set}, &p)
	return p, err
}

// replace replaces the list that is in force now: another that came between is
// not lost.
func (r *remoteRules) replace(ctx context.Context, set steward.RuleSet) (out app.OwnershipRuleSet, err error) {
	etag, err := r.c.Do(ctx, client.Request{Path: "/ownership-rules"}, nil)
	if err == nil {
		_, err = r.c.Do(ctx, client.Request{Method: http.MethodPut, Path: "/ownership-rules", Body: set, IfMatch: etag}, &out)
	}
	return out, err
}
