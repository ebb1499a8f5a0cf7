package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Findings lists findings and takes decisions about them.
type Findings interface {
	ListFindings(ctx context.Context, scope store.RowScope, q store.FindingList) (store.FindingPage, error)
	// ReadFinding returns one finding with its history.
	ReadFinding(ctx context.Context, scope store.RowScope, id retinue.FindingID, at store.AsOf) (FindingDetail, error)
	// DecideFindings sets the state of findings that the caller may triage.
	DecideFindings(ctx context.Context, c auth.Caller, d FindingDecision) (DecisionResult, error)
}

// Undoer takes bulk actions back.
type Undoer interface {
	// Undo takes back what a token was given for, once. ErrNotFound says that
	// it cannot be taken back any more, or that the token is another's.
	Undo(ctx context.Context, c auth.Caller, token string) (UndoResult, error)
}

// FindingFilter are the filters of lists of findings.
type FindingFilter struct {
	IDs         []string  `query:"id,explode" maxItems:"200"`
	Severities  []string  `query:"severity,explode" maxItems:"5" enum:"critical,high,medium,low,info"`
	States      []string  `query:"state,explode" maxItems:"5" enum:"open,acknowledged,accepted,resolved,reopened" doc:"Without it every state but resolved"`
	Rules       []string  `query:"rule,explode" maxItems:"50"`
	OWASP       []string  `query:"owasp,explode" maxItems:"10" enum:"NHI1,NHI2,NHI3,NHI4,NHI5,NHI6,NHI7,NHI8,NHI9,NHI10"`
	Sources     []string  `query:"source,explode" maxItems:"50" doc:"Names or ids of sources"`
	Owners      []string  `query:"owner,explode" maxItems:"50" doc:"Of what it is about, or none"`
	Assignees   []string  `query:"assignee,explode" maxItems:"50" doc:"Or none"`
	Kinds       []string  `query:"kind,explode" maxItems:"50" doc:"Of what it is about"`
	Entity      string    `query:"entity" maxLength:"64" doc:"The id of what it is about"`
	Families    []string  `query:"family,explode" maxItems:"50"`
	Fixes       []string  `query:"fix,explode" maxItems:"50" doc:"Those that one change settles"`
	MinPriority int       `query:"min_priority" minimum:"0" maximum:"100"`
	SeenFrom    time.Time `query:"first_seen_from"`
	SeenTo      time.Time `query:"first_seen_to"`
	LastFrom    time.Time `query:"last_seen_from"`
	LastTo      time.Time `query:"last_seen_to"`
	Text        string    `query:"text" maxLength:"200" doc:"In the name or key of what it is about, or in the message"`
	Suppressed  bool      `query:"suppressed" doc:"Include what is noise"`
}

func (f FindingFilter) filter() store.FindingFilter {
	out := store.FindingFilter{Severities: f.Severities, States: f.States, Rules: f.Rules, OWASP: f.OWASP, Sources: f.Sources,
		Owners: f.Owners, Assignees: f.Assignees, Kinds: f.Kinds, Entity: retinue.EntityID(f.Entity), Families: f.Families, Fixes: f.Fixes,
		MinPriority: f.MinPriority, FirstSeen: store.Window{From: f.SeenFrom, To: f.SeenTo},
		LastSeen: store.Window{From: f.LastFrom, To: f.LastTo}, Text: f.Text, Suppressed: f.Suppressed}
	for _, id := range f.IDs {
		out.IDs = append(out.IDs, retinue.FindingID(id))
	}
	return out
}

// FindingDetail is a finding with what can be done and what was.
type FindingDetail struct {
	store.FindingRow
	// Versions are the states it had, the newest first.
	Versions []FindingVersion `json:"versions"`
	// Family and Fix count what shares them, this one included.
	FamilyCount int64 `json:"familyCount"`
	FixCount    int64 `json:"fixCount"`
}

// FindingVersion is a state that a finding had.
type FindingVersion struct {
	At       time.Time            `json:"at"`
	State    retinue.FindingState `json:"state"`
	Severity retinue.Severity     `json:"severity"`
	Accepted *retinue.Acceptance  `json:"accepted,omitempty"`
}

// FindingDecision is what somebody decides about findings: those of Ids, or
// all that Filter selects.
type FindingDecision struct {
	IDs    []retinue.FindingID `json:"ids,omitempty" maxItems:"1000"`
	Filter *DecisionFilter     `json:"filter,omitempty" doc:"Instead of ids: every finding that matches"`
	Family string              `json:"family,omitempty" maxLength:"200" doc:"Instead of ids: every finding of the family; an acceptance holds for those to come too"`
	// Expect guards a decision by filter: how many findings were shown.
	Expect int                  `json:"expect,omitempty" minimum:"0" doc:"With filter: how many findings the decision is meant for; with any other number it is refused"`
	State  retinue.FindingState `json:"state,omitempty" enum:"open,acknowledged,accepted,resolved" doc:"Absent: as it is. Accepting a finding about a signal dismisses what is like it; resolved is for those findings alone"`
	Reason string               `json:"reason,omitempty" maxLength:"2000" doc:"Needed to accept a risk"`
	Until  time.Time            `json:"until,omitzero" doc:"Until when a risk is accepted; a signal is dismissed for a year without it"`
	// Assignee is who is to act; a pointer, so that "" takes it away.
	Assignee *string `json:"assignee,omitempty" maxLength:"200" doc:"Who is to act; empty: nobody"`
	DryRun   bool    `json:"dryRun,omitempty" doc:"Only say how many it would be"`
}

// DecisionFilter selects findings in a decision; its fields are those of the
// list.
type DecisionFilter struct {
	Severities []string `json:"severity,omitempty" maxItems:"5" enum:"critical,high,medium,low,info"`
	States     []string `json:"state,omitempty" maxItems:"5" enum:"open,acknowledged,accepted,reopened"`
	Rules      []string `json:"rule,omitempty" maxItems:"50"`
	OWASP      []string `json:"owasp,omitempty" maxItems:"10"`
	Sources    []string `json:"source,omitempty" maxItems:"50"`
	Owners     []string `json:"owner,omitempty" maxItems:"50"`
	Assignees  []string `json:"assignee,omitempty" maxItems:"50"`
	Kinds      []string `json:"kind,omitempty" maxItems:"50"`
	Entity     string   `json:"entity,omitempty" maxLength:"64"`
	Families   []string `json:"family,omitempty" maxItems:"50"`
	Fixes      []string `json:"fix,omitempty" maxItems:"50"`
	Text       string   `json:"text,omitempty" maxLength:"200"`
}

// StoreFilter returns the filter in the words of the store.
func (f DecisionFilter) StoreFilter() store.FindingFilter {
	return store.FindingFilter{Severities: f.Severities, States: f.States, Rules: f.Rules, OWASP: f.OWASP, Sources: f.Sources, Owners: f.Owners,
		Assignees: f.Assignees, Kinds: f.Kinds, Entity: retinue.EntityID(f.Entity), Families: f.Families, Fixes: f.Fixes, Text: f.Text}
}

// DecisionResult says what a decision did.
type DecisionResult struct {
	Changed int `json:"changed"`
	// Undo takes it back until UndoUntil: POST /undo/{token}.
	Undo      string    `json:"undo,omitempty"`
	UndoUntil time.Time `json:"undoUntil,omitzero"`
}

// UndoResult says what was taken back.
type UndoResult struct {
	Restored int `json:"restored"`
	// Kept counts what somebody changed since: that is left as it is.
	Kept int `json:"kept"`
}

// ListFindingsInput is what the list of findings takes, and so does their export.
type ListFindingsInput struct {
	ListInput
	AsOfInput
	FindingFilter
	Sort string `query:"sort" default:"-priority" enum:"priority,-priority,severity,-severity,state,-state,rule,-rule,name,-name,source,-source,owner,-owner,assignee,-assignee,firstSeen,-firstSeen,lastSeen,-lastSeen"`
}

func (in ListFindingsInput) query() store.FindingList {
	q := store.FindingList{Filter: in.filter(), Cursor: in.Cursor, Limit: in.Limit, Count: in.count(), AsOf: in.asOf()}
	q.Sort, q.Desc = sorting(in.Sort)
	return q
}

func (a *API) findings() {
	s := a.services.Findings
	if s == nil {
		return
	}
	tags := []string{"Findings"}
	read := func(ctx context.Context) store.RowScope { return caller(ctx).Scope(auth.PermInventoryRead) }
	add(a, huma.Operation{OperationID: "list-findings", Method: http.MethodGet, Path: "/findings", Tags: tags, Summary: "Findings, worst first"},
		func(ctx context.Context, in *ListFindingsInput) (*listed[store.FindingRow], error) {
			p, err := s.ListFindings(ctx, read(ctx), in.query())
			return pageOf(p.Items, p.Next, p.Total, p.TotalIsMore), err
		})
	add(a, huma.Operation{OperationID: "get-identity-findings", Method: http.MethodGet, Path: "/identities/{id}/findings", Tags: tags, Summary: "The findings about an identity, its trusts and its credentials"},
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
			ListFindingsInput
		}) (*listed[store.FindingRow], error) {
			q := in.query()
			q.Filter.Entity = retinue.EntityID(in.ID)
			p, err := s.ListFindings(ctx, read(ctx), q)
			return pageOf(p.Items, p.Next, p.Total, p.TotalIsMore), err
		})
	add(a, huma.Operation{OperationID: "get-finding", Method: http.MethodGet, Path: "/findings/{id}", Tags: tags, Summary: "One finding"},
		func(ctx context.Context, in *idInput) (*single[FindingDetail], error) {
			return one(s.ReadFinding(ctx, read(ctx), retinue.FindingID(in.ID), in.asOf()))
		})
	addOnce(a, huma.Operation{OperationID: "decide-findings", Method: http.MethodPost, Path: "/findings/decisions", Tags: tags,
		Summary: "Acknowledge, accept, reopen or assign findings"},
		func(ctx context.Context, in *decideInput) (*single[DecisionResult], error) {
			return one(s.DecideFindings(ctx, caller(ctx), in.Body))
		})
	if u := a.services.Undoer; u != nil {
		add(a, huma.Operation{OperationID: "undo", Method: http.MethodPost, Path: "/undo/{token}", Tags: []string{"Undo"}, Summary: "Take back a bulk action"},
			func(ctx context.Context, in *struct {
				Token string `path:"token" maxLength:"128"`
			}) (*single[UndoResult], error) {
				return one(u.Undo(ctx, caller(ctx), in.Token))
			})
	}
}

type decideInput struct {
	IdempotencyKey
	Body FindingDecision
}
