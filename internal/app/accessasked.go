package app

import (
	"context"
	"errors"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// first returns at most n of a list.
func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// AnswerCan implements api.AccessEngine.
func (a *App) AnswerCan(ctx context.Context, scope store.RowScope, at store.AsOf, q api.AccessQuestion) (api.CanAnswer, error) {
	if q.Identity == "" {
		return api.CanAnswer{}, badField("query.identity", "say whose access is asked about")
	}
	return a.AccessOf(scope, at).Can(ctx, q.Identity, q.Realm, q.Action, q.Resource)
}

// AnswerHeld implements api.AccessEngine.
func (a *App) AnswerHeld(ctx context.Context, scope store.RowScope, at store.AsOf, id retinue.EntityID) (api.HeldAnswer, error) {
	out, err := a.AccessOf(scope, at).Held(ctx, string(id), "")
	out.Held = orEmpty(out.Held)
	return out, err
}

// AnswerWhoCan implements api.AccessEngine.
func (a *App) AnswerWhoCan(ctx context.Context, scope store.RowScope, at store.AsOf, q api.AccessQuestion) (api.WhoCanAnswer, error) {
	out, err := a.AccessOf(scope, at).WhoCan(ctx, q.Realm, q.Language, q.Action, q.Resource)
	out.Total = len(out.Holders)
	out.Holders = first(out.Holders, q.Limit)
	return out, err
}

// AnswerEscalations implements api.AccessEngine.
func (a *App) AnswerEscalations(ctx context.Context, scope store.RowScope, at store.AsOf, q api.EscalationQuestion) (out api.Escalations, err error) {
	x := a.AccessOf(scope, at)
	found, err := x.Escalations(ctx, EscalationQuery{To: q.To, Language: q.Language, Realm: q.Realm})
	if err != nil {
		return out, err
	}
	out.Gaps, out.Items = found.Gaps, []api.Escalation{}
	for _, e := range found.List {
		if e.Already {
			out.Already++
		}
		if !e.Already || q.Already {
			out.Items = append(out.Items, e)
		}
	}
	out.Total = len(out.Items)
	out.Items = first(out.Items, q.Limit)
	return out, x.name(ctx, out.Items)
}

// name looks up the identities of escalations.
func (x *Access) name(ctx context.Context, list []api.Escalation) error {
	return x.read(ctx, func(r *reader) error {
		for i := range list {
			t, err := r.find(list[i].Identity, list[i].Realm, retinue.FactIdentity)
			switch {
			case err == nil:
				list[i].Thing = &t
			case !errors.Is(err, retinue.ErrNotFound) && !errors.Is(err, retinue.ErrInvalid):
				return err
			}
		}
		return nil
	})
}

// AnswerWays implements api.AccessEngine.
func (a *App) AnswerWays(ctx context.Context, scope store.RowScope, at store.AsOf, q api.WayQuestion) (out api.AccessWays, err error) {
	x := a.AccessOf(scope, at)
	if out.Items, out.Gaps, err = x.AttackPaths(ctx, q.From, "", q.To); err != nil {
		return out, err
	}
	out.Total, out.Items = len(out.Items), first(out.Items, q.Limit)
	err = x.read(ctx, func(r *reader) error {
		out.From, err = r.find(q.From, "")
		return err
	})
	return out, err
}

// AnswerReach implements api.AccessEngine.
func (a *App) AnswerReach(ctx context.Context, scope store.RowScope, at store.AsOf, q api.ReachQuestion) (api.BlastRadius, error) {
	return a.AccessOf(scope, at).blast(ctx, blastQuery{q.Of, "", q.Inverse, q.Limit})
}

// AnswerCuts implements api.AccessCutter.
func (a *App) AnswerCuts(ctx context.Context, scope store.RowScope, at store.AsOf, q api.TargetQuestion) (api.Cut, error) {
	return a.AccessOf(scope, at).Cuts(ctx, q.Target, q.Realm)
}

// AnswerChokePoints implements api.AccessCutter.
func (a *App) AnswerChokePoints(ctx context.Context, scope store.RowScope, at store.AsOf, q api.TargetQuestion) (api.ChokePoints, error) {
	return a.AccessOf(scope, at).ChokePoints(ctx, q.Target, q.Realm, q.Most)
}

// AnswerWithout implements api.AccessCutter.
func (a *App) AnswerWithout(ctx context.Context, scope store.RowScope, at store.AsOf, q api.WithoutQuestion) (api.Without, error) {
	return a.AccessOf(scope, at).Without(ctx, string(q.ID), q.Documents)
}

// Without says what an identity could not do any more without the grants of
// some documents, as the reasons of what it holds name them. What another grant
// gives too is kept.
func (x *Access) Without(ctx context.Context, identity string, documents []string) (out api.Without, err error) {
	err = x.read(ctx, func(r *reader) error {
		out.Lost = []api.LostHeld{}
		if out.Identity, err = r.find(identity, "", retinue.FactIdentity, retinue.FactGroup); err != nil {
			return err
		}
		ref := out.Identity.Ref
		known := map[string]bool{}
		for _, h := range x.estate.Held(ref) {
			grants := allowing(h.Because)
			rests := slices.ContainsFunc(grants, func(g access.Reason) bool { return !slices.Contains(documents, g.Document) })
			touched := false
			for _, g := range grants {
				known[g.Document] = true
				touched = touched || slices.Contains(documents, g.Document)
			}
			switch {
			case !touched:
			case rests || x.givenElsewhere(ref, h, documents):
				out.Kept++
			default:
				out.Lost = append(out.Lost, api.LostHeld{Consequence: string(h.Consequence), Sentence: h.Sentence, Document: grants[0].Document, Statement: grants[0].Statement})
			}
		}
		for _, d := range documents {
			if !known[d] {
				out.Unknown = append(out.Unknown, d)
			}
		}
		out.Before, out.After = x.reachWithout(ref, nil), x.reachWithout(ref, documents)
		return nil
	})
	return out, err
}

// allowing are the statements that give what is held, any of them enough.
func allowing(because []access.Reason) []access.Reason {
	return slices.DeleteFunc(slices.Clone(because), func(r access.Reason) bool { return !gives(r) })
}

// gives reports whether a reason is a grant and not a layer that only limits,
// whose allowing statements stand among the reasons too.
func gives(r access.Reason) bool {
	switch r.Layer {
	case awsiam.LayerBoundary.String(), awsiam.LayerSession.String(), awsiam.LayerServiceControl.String(), awsiam.LayerResourceControl.String(), awsiam.LayerEndpoint.String():
		return false
	}
	return r.Effect == "allow"
}

// elsewhereTried bounds the questions that one thing that is held is put to.
const elsewhereTried = 40

// givenElsewhere reports whether every action and resource of what is held is
// allowed by another document as well. What is too much to ask counts as lost.
func (x *Access) givenElsewhere(ref retinue.Ref, h access.Held, documents []string) bool {
	resources := h.Resources
	if len(resources) == 0 {
		resources = []string{""}
	}
	if len(h.Actions)*len(resources) > elsewhereTried || len(h.Actions) == 0 {
		return false
	}
	for _, action := range h.Actions {
		for _, resource := range resources {
			answers, err := x.estate.Can(ref, action, resource)
			if err != nil || !slices.ContainsFunc(answers, func(d estate.Answer) bool {
				return slices.ContainsFunc(d.Because, func(b access.Reason) bool { return gives(b) && !slices.Contains(documents, b.Document) })
			}) {
				return false
			}
		}
	}
	return true
}

// reachWithout counts what an identity comes to without the grants of some
// documents that are its own.
func (x *Access) reachWithout(ref retinue.Ref, documents []string) (out api.WithoutReach) {
	g := x.estate.Graph()
	n := g.Find(x.estate.Same(ref))
	if n == graph.None {
		return out
	}
	var opt graph.Options
	for id := graph.GrantID(0); int(id) < g.Grants() && len(documents) > 0; id++ {
		if grant := g.Grant(id); grant.Subject == ref && slices.Contains(documents, grant.Reason.Document) {
			opt.Without = append(opt.Without, id)
		}
	}
	for _, id := range g.Reach(opt, n).Nodes() {
		node := g.Node(id)
		switch {
		case id == n || node.Kind == graph.Set:
		case node.Admin:
			out.Administrators++
			fallthrough
		default:
			out.Things++
		}
	}
	return out
}
