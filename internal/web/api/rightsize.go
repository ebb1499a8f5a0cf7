package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// RightSizer proposes smaller policies from what was really done. It changes
// nothing anywhere.
type RightSizer interface {
	// ProposePolicy is of an AWS user or role. ErrUnsupported says that it is none,
	// ErrNotFound that no use of it is on record. People are pseudonymous.
	ProposePolicy(ctx context.Context, scope store.RowScope, q ProposalQuestion) (RightSized, error)
}

// ProposalQuestion asks for the smallest policy for what an identity did.
type ProposalQuestion struct {
	ID retinue.EntityID `path:"id" maxLength:"64" doc:"The public id"`
	As string           `query:"as" enum:"managed,user,group,role" default:"managed" doc:"What the policy is for, which limits its size: a managed policy, or an inline one of a user, group or role"`
	// Lines bounds the lines of the replay.
	Lines int `query:"lines" minimum:"1" maximum:"10000" default:"500" doc:"How many lines of the replay are listed, those that would be refused first"`
}

// RightSized is a policy right-sized to uses, with what it is instead of. Its JSON
// names are a contract.
type RightSized struct {
	// Identity is empty where documents were given instead.
	Identity string `json:"identity,omitempty"`
	// Replaces names the policies that the new ones are instead of: all that are
	// attached to the identity, and to its groups.
	Replaces []string `json:"replaces"`
	*rightsize.Result
	// History is where the uses are from the usage history: what they are, and
	// what the smaller policy would have refused of it.
	History *RightSizeHistory `json:"history,omitempty"`
	// PathsLost are the identities that it could come to act as and no longer
	// can, PathsLeft those that it still can. They are nil where documents were
	// given, or where the inventory has too many identities to look for both.
	PathsLost []string `json:"pathsLost,omitempty"`
	PathsLeft []string `json:"pathsLeft,omitempty"`
	// Gaps say what was not read, such as policies that may be attached too.
	Gaps []string `json:"gaps,omitempty"`
}

// RightSizeHistory says on what history a policy was right-sized.
type RightSizeHistory struct {
	// Unmapped are calls of which the permission is not known: the smaller policy
	// may lack it.
	Unmapped []string `json:"unmapped"`
	// Unshown are patterns of actions that the log cannot show; what was granted
	// of them is kept.
	Unshown []string `json:"unshown"`
	// Recent was granted too lately to have been used; it is kept.
	Recent []replay.UnusedGrant `json:"recent"`
	// Simulation replays the history under the smaller policy.
	Simulation Simulation `json:"simulation"`
}

func (a *API) rightSizes() {
	s := a.services.RightSizer
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "right-size-identity", Method: http.MethodGet, Path: "/identities/{id}/right-size", Tags: []string{"Usage"},
		Summary: "The smallest AWS policy for what an identity really did, with its replay"}, func(ctx context.Context, in *ProposalQuestion) (*single[RightSized], error) {
		return one(s.ProposePolicy(ctx, caller(ctx).Scope(auth.PermInventoryRead), *in))
	})
}
