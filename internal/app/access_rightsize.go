package app

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// RightSizeQuery asks for the smallest policy for an identity.
type RightSizeQuery struct {
	// Identity is a public id, a vendor's key or a name that only one has.
	Identity string
	Realm    retinue.Realm
	Uses     []rightsize.Use
	// History takes the uses from the usage history, in place of Uses. Actions
	// that the log cannot show are then kept as they are granted.
	History bool
	// DropUnseen leaves out what the log cannot show; Recorded are services
	// whose data events the uses hold.
	DropUnseen bool
	Recorded   []string
	Limit      rightsize.Limit
}

// RightSized is a policy right-sized to uses, with what it is instead of.
type RightSized = api.RightSized

// ProposalQuestion asks for the smallest policy for what an identity did.
type ProposalQuestion = api.ProposalQuestion

// ReadUses reads a file of uses; see [rightsize.ReadUses].
func ReadUses(r io.Reader) ([]rightsize.Use, []rightsize.Problem, error) {
	return rightsize.ReadUses(r)
}

// RightSizeDocuments right-sizes policy documents that come without an
// inventory, by AWS's reference as it is embedded. Names are for people.
func RightSizeDocuments(documents []*awsiam.Policy, q RightSizeQuery) (RightSized, error) {
	data, err := awsdata.Embedded()
	if err != nil {
		return RightSized{}, err
	}
	out := RightSized{Replaces: names(documents)}
	out.Result, err = rightsize.Shrink(rightsize.Input{Old: documents, Uses: q.Uses, Data: data, DropUnseen: q.DropUnseen, Recorded: q.Recorded, Limit: q.Limit})
	return out, err
}

func names(policies []*awsiam.Policy) []string {
	out := []string{}
	for _, p := range policies {
		if name := p.Name(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// ProposePolicy implements api.RightSizer.
func (a *App) ProposePolicy(ctx context.Context, scope store.RowScope, q api.ProposalQuestion) (RightSized, error) {
	ctx, done := context.WithTimeoutCause(ctx, simulationTime, errNoTime)
	defer done()
	ask := RightSizeQuery{Identity: string(q.ID), History: true}
	for _, l := range rightsize.Limits() {
		if l.Name == q.As {
			ask.Limit = l
		}
	}
	out, err := a.AccessOf(scope, store.AsOf{}).RightSize(ctx, ask)
	if out.History != nil {
		a.shorten(&out.History.Simulation, q.Lines)
	}
	return out, err
}

// maxPathsCompared bounds the identities of an inventory in which the ways of
// an identity are looked for before and after.
const maxPathsCompared = 20_000

// RightSize right-sizes the policies of an AWS user or role. Its boundary and
// the organisation's policies say which uses were possible.
func (x *Access) RightSize(ctx context.Context, q RightSizeQuery) (out RightSized, err error) {
	var arn string
	var id retinue.EntityID
	err = x.read(ctx, func(r *reader) error {
		who, err := r.find(q.Identity, q.Realm, retinue.FactIdentity)
		arn, id = who.Key, who.ID
		if err == nil && who.Realm.Kind() != "aws" {
			err = fmt.Errorf("%w: right-size %s: it lives in %s: only policies of AWS can be right-sized", retinue.ErrUnsupported, retinue.CleanName(who.Key), who.Realm)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	var history *rightSizing
	var unshown, recent []string
	if q.History {
		if history, err = x.history(ctx, id); err != nil {
			return out, err
		}
		q.Uses, unshown, recent = history.uses, history.unshown, history.young()
	}
	data, err := x.app.AWSReference(ctx)
	if err != nil {
		return out, err
	}
	p, err := x.app.AccessPaths(ctx)
	if err != nil {
		return out, err
	}
	who := p.Principals[arn]
	if who == nil {
		return out, fmt.Errorf("%w: right-size: %s is no AWS user or role", retinue.ErrUnsupported, retinue.CleanName(arn))
	}
	old := slices.Clone(who.Own)
	for _, g := range who.Groups {
		if group := p.Groups[g]; group != nil {
			old = append(old, group.Policies...)
		}
	}
	out = RightSized{Identity: arn, Replaces: names(old)}
	if x.scope.All {
		out.Gaps = append(slices.Clone(p.Partial), p.Gaps...)
	}
	out.Result, err = rightsize.Shrink(rightsize.Input{
		Old: old, Limits: &awsiam.Layers{Boundary: who.Boundary, ServiceControl: who.ServiceControl, Unread: p.Unread}, Principal: who.Principal(),
		Uses: q.Uses, Data: data, DropUnseen: q.DropUnseen, Recorded: q.Recorded, Unshown: unshown, Recent: recent, Limit: q.Limit,
	})
	if err == nil && history != nil {
		out.History, err = history.simulate(out.Result)
	}
	if err != nil || len(p.Principals) > maxPathsCompared || !x.scope.All {
		return out, err
	}
	return out, x.pathsAfter(ctx, p, arn, &out)
}

// pathsAfter says which ways to others the smaller policy closes.
func (x *Access) pathsAfter(ctx context.Context, before Paths, arn string, out *RightSized) error {
	after, err := x.app.AccessPaths(ctx)
	if err != nil {
		return err
	}
	who := after.Principals[arn]
	if who == nil {
		return fmt.Errorf("%w: right-size: %s went away meanwhile", retinue.ErrConflict, retinue.CleanName(arn))
	}
	who.Own, who.Groups, who.Attached = nil, nil, nil
	for i, d := range out.Documents {
		p, err := awsiam.Parse(d.Policy)
		if err != nil {
			return err
		}
		who.Own = append(who.Own, p.Named(fmt.Sprintf("new document %d", i+1)))
	}
	left := reachedFrom(after.State, arn)
	for _, r := range reachedFrom(before.State, arn) {
		if slices.Contains(left, r) {
			out.PathsLeft = append(out.PathsLeft, r)
		} else {
			out.PathsLost = append(out.PathsLost, r)
		}
	}
	return nil
}

func reachedFrom(s *escalate.State, arn string) []string {
	reached, _ := s.From(arn)
	var out []string
	for _, r := range reached {
		if r.ARN != arn || r.Admin {
			out = append(out, r.ARN)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
