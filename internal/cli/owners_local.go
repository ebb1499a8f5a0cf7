package cli

import (
	"context"
	"iter"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
)

// now is the time by this machine.
func (*env) now() time.Time { return time.Now() }

// whoever works on the database of this machine may do everything.
func localCaller() auth.Caller { return auth.System(app.Actor()) }

func (l local) owners(ctx context.Context) ([]app.Owner, error) {
	return l.ListOwners(ctx, store.Everything())
}

func (l local) owner(ctx context.Context, name string) (app.OwnerDetail, error) {
	return l.ReadOwner(ctx, store.Everything(), name)
}

func (l local) queue(ctx context.Context, reason string, q store.ListQuery) iter.Seq2[app.QueueItem, error] {
	return pagesOf(func(cursor string) ([]app.QueueItem, string, error) {
		q.Cursor = cursor
		p, err := l.OwnerQueue(ctx, store.Everything(), app.QueueQuery{Reason: reason, List: q})
		return p.Items, p.Next, err
	})
}

func (l local) ownership(ctx context.Context, id retinue.EntityID) (app.IdentityOwnership, error) {
	return l.IdentityOwnership(ctx, store.Everything(), id)
}

// settled does what a change leaves to the queue, as a server does.
func settled[T any](ctx context.Context, l local, v T, err error) (T, error) {
	if err == nil {
		_, err = l.Settle(ctx)
	}
	return v, err
}

func (l local) assign(ctx context.Context, a app.OwnerAssignment) (app.AssignmentResult, error) {
	r, err := l.AssignOwner(ctx, localCaller(), a)
	if a.DryRun {
		return r, err
	}
	return settled(ctx, l, r, err)
}

func (l local) undo(ctx context.Context, token string) (app.UndoResult, error) {
	r, err := l.Undo(ctx, localCaller(), token)
	return settled(ctx, l, r, err)
}

func (l local) ownershipRules() ruleBook { return localRules{l} }

type localRules struct{ local }

func (l localRules) read(ctx context.Context) (app.OwnershipRuleSet, error) {
	return l.OwnershipRules(ctx)
}

func (l localRules) preview(ctx context.Context, set steward.RuleSet) (steward.Preview, error) {
	return l.PreviewOwnershipRules(ctx, store.Everything(), set)
}

func (l localRules) replace(ctx context.Context, set steward.RuleSet) (app.OwnershipRuleSet, error) {
	r, err := l.SetOwnershipRules(ctx, localCaller(), set, func(any) error { return nil })
	return settled(ctx, l.local, r, err)
}
