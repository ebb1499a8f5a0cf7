package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/replay"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// Simulator answers what a change would have refused of what was really done.
// People are pseudonymous. An answer comes within a bounded time: what there was
// no time to judge is told as not judged.
type Simulator interface {
	SimulateChange(ctx context.Context, scope store.RowScope, q SimulationQuestion) (Simulation, error)
	// UnusedGrants says what an identity is granted and has not used.
	UnusedGrants(ctx context.Context, scope store.RowScope, id retinue.EntityID) (replay.UnusedGrants, error)
}

// SimulatedChange is a change that can be simulated.
type SimulatedChange string

// The changes.
const (
	SimulateDisable SimulatedChange = "disable" // an identity or credential cannot be used any more
	SimulateSplit   SimulatedChange = "split"   // each consumer gets an identity of its own
	SimulateDeny    SimulatedChange = "deny"    // an environment is closed to it
	SimulateRevoke  SimulatedChange = "revoke"  // grants are taken away
	SimulatePolicy  SimulatedChange = "policy"  // a policy of AWS gets another document
)

// SimulationQuestion asks what a change would have refused.
type SimulationQuestion struct {
	// ID is of an identity or, but for changes of grants, of a credential.
	ID     retinue.EntityID
	Change SimulatedChange
	// Environment is what deny closes.
	Environment retinue.Environment
	// Grants are the documents that revoke takes away, as the reasons of what is
	// held name them.
	Grants []string
	// Policy is the policy that gets the Document, by its ARN or name.
	Policy, Document string
	// Lines bounds the lines of the answer; 0 is all.
	Lines int
}

// Simulation is what a change would have done to the uses that are on record.
// Its JSON names are a contract.
type Simulation struct {
	// Change says in words what was supposed.
	Change string           `json:"change"`
	ID     retinue.EntityID `json:"id"`
	Ref    retinue.Ref      `json:"ref"`
	Name   string           `json:"name"`
	// Grade is that of the verdict on its use, Evidence the word for it, Window
	// what the logs cover, and Missing why uses may not be on record.
	Grade    retinue.Grade       `json:"grade"`
	Evidence string              `json:"evidence"`
	Window   verdict.Window      `json:"window"`
	Missing  []retinue.BlindSpot `json:"missing"`
	replay.Result
	// AllowedThen counts the uses that are denied by what is granted now and were
	// allowed by what was granted when they were made: a grant has gone since. They
	// are among the unexplained.
	AllowedThen int64 `json:"allowedThen,omitempty"`
	// LinesLeft is how many lines the answer leaves out. Everything else counts
	// them.
	LinesLeft int `json:"linesLeft,omitempty"`
	// Shares are who would go with what, where an identity is split.
	Shares []replay.Share `json:"shares,omitempty"`
	// Gaps say what of access was not read, where the change is one of grants.
	Gaps []string `json:"gaps,omitempty"`
}

// MaxSimulationLines is how many lines an answer has at most.
const MaxSimulationLines = 10_000

// SimulationInput is what every simulation takes.
type SimulationInput struct {
	ID    retinue.EntityID `path:"id" maxLength:"64" doc:"The public id"`
	Lines int              `query:"lines" minimum:"1" maximum:"10000" default:"500" doc:"How many lines are listed, those that would be refused first"`
}

func (in SimulationInput) ask(c SimulatedChange) SimulationQuestion {
	return SimulationQuestion{ID: in.ID, Change: c, Lines: in.Lines}
}

type simulateDenyInput struct {
	SimulationInput
	Environment retinue.Environment `query:"environment" required:"true" minLength:"1" maxLength:"40" doc:"The environment that is closed, such as production"`
}

type simulateRevokeInput struct {
	SimulationInput
	Grants []string `query:"grant,explode" required:"true" minItems:"1" maxItems:"50" doc:"The documents whose grants are taken away, as because names them"`
}

type simulatePolicyInput struct {
	SimulationInput
	Body struct {
		Policy   string `json:"policy" minLength:"1" maxLength:"2048" doc:"The policy that is replaced: its ARN or name"`
		Document string `json:"document" minLength:"1" maxLength:"262144" doc:"The text of the document that it would have"`
	}
}

func (a *API) simulations() {
	s := a.services.Simulator
	if s == nil {
		return
	}
	tags := []string{"Usage"}
	answer := func(ctx context.Context, q SimulationQuestion) (*single[Simulation], error) {
		return one(s.SimulateChange(ctx, caller(ctx).Scope(auth.PermInventoryRead), q))
	}
	for _, of := range []struct{ noun, path, summary string }{{"identity", "/identities/{id}", "an identity"}, {"credential", "/credentials/{id}", "a credential"}} {
		add(a, huma.Operation{OperationID: "simulate-disable-" + of.noun, Method: http.MethodGet, Path: of.path + "/simulations/disable", Tags: tags,
			Summary: "Which past uses disabling " + of.summary + " would have refused"}, func(ctx context.Context, in *SimulationInput) (*single[Simulation], error) {
			return answer(ctx, in.ask(SimulateDisable))
		})
		add(a, huma.Operation{OperationID: "simulate-split-" + of.noun, Method: http.MethodGet, Path: of.path + "/simulations/split", Tags: tags,
			Summary: "Who would go with which uses of " + of.summary + " if each consumer had one of its own"}, func(ctx context.Context, in *SimulationInput) (*single[Simulation], error) {
			return answer(ctx, in.ask(SimulateSplit))
		})
		add(a, huma.Operation{OperationID: "simulate-deny-" + of.noun, Method: http.MethodGet, Path: of.path + "/simulations/deny", Tags: tags,
			Summary: "Which past uses of " + of.summary + " closing an environment would have refused"}, func(ctx context.Context, in *simulateDenyInput) (*single[Simulation], error) {
			q := in.ask(SimulateDeny)
			q.Environment = in.Environment
			return answer(ctx, q)
		})
	}
	add(a, huma.Operation{OperationID: "simulate-revoke", Method: http.MethodGet, Path: "/identities/{id}/simulations/revoke", Tags: tags,
		Summary: "Which past uses hung on some grants"}, func(ctx context.Context, in *simulateRevokeInput) (*single[Simulation], error) {
		q := in.ask(SimulateRevoke)
		q.Grants = in.Grants
		return answer(ctx, q)
	})
	add(a, huma.Operation{OperationID: "simulate-policy", Method: http.MethodPost, Path: "/identities/{id}/simulations/policy", Tags: tags,
		Summary: "Which past uses another document of an AWS policy would have refused"}, func(ctx context.Context, in *simulatePolicyInput) (*single[Simulation], error) {
		q := in.ask(SimulatePolicy)
		q.Policy, q.Document = in.Body.Policy, in.Body.Document
		return answer(ctx, q)
	})
	add(a, huma.Operation{OperationID: "get-unused-grants", Method: http.MethodGet, Path: "/identities/{id}/unused-grants", Tags: tags,
		Summary: "What an identity is granted and has not used"}, func(ctx context.Context, in *struct {
		ID retinue.EntityID `path:"id" maxLength:"64" doc:"The public id"`
	}) (*single[replay.UnusedGrants], error) {
		return one(s.UnusedGrants(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.ID))
	})
}
