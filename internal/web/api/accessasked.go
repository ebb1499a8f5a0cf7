package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// AccessEngine answers what identities can do and whom they come to, exactly, as
// far as systems were read. Every word that names a thing is a public id, a
// vendor's key or a name that only one has.
type AccessEngine interface {
	AnswerCan(ctx context.Context, scope store.RowScope, at store.AsOf, q AccessQuestion) (CanAnswer, error)
	AnswerHeld(ctx context.Context, scope store.RowScope, at store.AsOf, id retinue.EntityID) (HeldAnswer, error)
	AnswerWhoCan(ctx context.Context, scope store.RowScope, at store.AsOf, q AccessQuestion) (WhoCanAnswer, error)
	AnswerEscalations(ctx context.Context, scope store.RowScope, at store.AsOf, q EscalationQuestion) (Escalations, error)
	AnswerWays(ctx context.Context, scope store.RowScope, at store.AsOf, q WayQuestion) (AccessWays, error)
	AnswerReach(ctx context.Context, scope store.RowScope, at store.AsOf, q ReachQuestion) (BlastRadius, error)
}

// AccessCutter answers what to take away.
type AccessCutter interface {
	AnswerCuts(ctx context.Context, scope store.RowScope, at store.AsOf, q TargetQuestion) (Cut, error)
	AnswerChokePoints(ctx context.Context, scope store.RowScope, at store.AsOf, q TargetQuestion) (ChokePoints, error)
	AnswerWithout(ctx context.Context, scope store.RowScope, at store.AsOf, q WithoutQuestion) (Without, error)
}

// AccessQuestion asks who may do what to what.
type AccessQuestion struct {
	AsOfInput
	Identity string        `query:"identity" maxLength:"2048" doc:"Who: a public id, a vendor's key or a name that only one has"`
	Action   string        `query:"action" required:"true" minLength:"1" maxLength:"512" doc:"In the words of the system, such as s3:GetObject, get, SELECT"`
	Resource string        `query:"resource" maxLength:"2048" doc:"In the words of the system; any where absent"`
	Realm    retinue.Realm `query:"realm" maxLength:"512" doc:"The system that is asked about"`
	Language string        `query:"language" maxLength:"40" doc:"The policy language that is asked about"`
	Limit    int           `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many are listed"`
}

// EscalationQuestion selects escalations.
type EscalationQuestion struct {
	AsOfInput
	To       string        `query:"to" maxLength:"2048" default:"admin" doc:"What is reached: admin, or a thing"`
	Realm    retinue.Realm `query:"realm" maxLength:"512" doc:"Only identities of this system"`
	Language string        `query:"language" maxLength:"40" doc:"Only identities of systems of this language"`
	Already  bool          `query:"already" doc:"List those too who are there already"`
	Limit    int           `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many are listed"`
}

// WayQuestion asks whom the holder of a thing comes to act as.
type WayQuestion struct {
	AsOfInput
	From  string `query:"from" required:"true" minLength:"1" maxLength:"2048"`
	To    string `query:"to" maxLength:"2048" doc:"Only the way to this; to every identity where absent"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many are listed"`
}

// ReachQuestion asks what the holder of a thing comes to, or who comes to it.
type ReachQuestion struct {
	AsOfInput
	Of      string `query:"of" required:"true" minLength:"1" maxLength:"2048"`
	Inverse bool   `query:"inverse" doc:"Who comes to it, rather than what its holder comes to"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many are listed"`
}

// TargetQuestion names what is to be out of reach.
type TargetQuestion struct {
	AsOfInput
	Target string        `query:"target" maxLength:"2048" default:"admin" doc:"admin for all administrators, or a thing"`
	Realm  retinue.Realm `query:"realm" maxLength:"512" doc:"With admin: the administrators of this system"`
	Most   int           `query:"most" minimum:"1" maximum:"100" default:"20" doc:"How many choke points are listed"`
}

// WithoutQuestion asks what an identity would lose without some grants.
type WithoutQuestion struct {
	AsOfInput
	ID retinue.EntityID `path:"id" maxLength:"64"`
	// Documents are the documents of the grants, as the reasons of what is held
	// name them.
	Documents []string `query:"document,explode" required:"true" minItems:"1" maxItems:"50" doc:"The documents whose grants are taken away, as because names them"`
}

// Without is what an identity can do with and without some grants.
type Without struct {
	Identity AccessThing `json:"identity"`
	// Lost is what it could not do any more, and Kept how much it still could,
	// by other grants.
	Lost []LostHeld `json:"lost"`
	Kept int        `json:"kept"`
	// Before and After say what it comes to with them and without.
	Before WithoutReach `json:"before"`
	After  WithoutReach `json:"after"`
	// Unknown are documents by which it holds nothing.
	Unknown []string `json:"unknown,omitempty"`
}

// LostHeld is something that would be lost.
type LostHeld struct {
	Consequence string `json:"consequence"`
	Sentence    string `json:"sentence"`
	Document    string `json:"document"`
	Statement   string `json:"statement,omitempty"`
}

// WithoutReach counts what is come to.
type WithoutReach struct {
	Administrators int `json:"administrators"`
	Things         int `json:"things"`
}

// Escalations are the identities that reach a target, with what was not read.
type Escalations struct {
	Items []Escalation `json:"items"`
	Total int          `json:"total"`
	// Already is how many administer already, whether they are listed or not.
	Already int      `json:"already"`
	Gaps    []string `json:"gaps,omitempty"`
}

// AccessWays are ways from one thing.
type AccessWays struct {
	From  AccessThing `json:"from"`
	Items []AccessWay `json:"items"`
	Total int         `json:"total"`
	Gaps  []string    `json:"gaps,omitempty"`
}

func (a *API) accessAsked() {
	s, c := a.services.AccessEngine, a.services.AccessCutter
	if s == nil || c == nil {
		return
	}
	asked(a, "ask-can", "/access/can", "Whether an identity may do something", s.AnswerCan)
	asked(a, "ask-who-can", "/access/who-can", "Who may do something", s.AnswerWhoCan)
	asked(a, "list-escalations", "/access/escalations", "Who reaches an administrator, and how", s.AnswerEscalations)
	asked(a, "list-attack-paths", "/access/paths", "Whom the holder of a thing comes to act as", s.AnswerWays)
	asked(a, "get-blast-radius", "/access/reach", "What the holder of a thing comes to, or who comes to it", s.AnswerReach)
	asked(a, "get-cuts", "/access/cuts", "The fewest removals that put a target out of reach", c.AnswerCuts)
	asked(a, "get-choke-points", "/access/choke-points", "What most ways to a target lead through", c.AnswerChokePoints)
	asked(a, "get-identity-without", "/identities/{id}/without", "What an identity would lose without some grants", c.AnswerWithout)
	add(a, huma.Operation{OperationID: "get-identity-held", Method: http.MethodGet, Path: "/identities/{id}/held", Tags: []string{"Access"},
		Summary: "What an identity can do, after everything that limits it"}, func(ctx context.Context, in *idInput) (*single[HeldAnswer], error) {
		return one(s.AnswerHeld(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.asOf(), retinue.EntityID(in.ID)))
	})
}

// asked adds a question about access.
func asked[Q interface{ asOf() store.AsOf }, R any](a *API, id, path, summary string, answer func(context.Context, store.RowScope, store.AsOf, Q) (R, error)) {
	add(a, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"Access"}, Summary: summary},
		func(ctx context.Context, in *Q) (*single[R], error) {
			return one(answer(ctx, caller(ctx).Scope(auth.PermInventoryRead), (*in).asOf(), *in))
		})
}
