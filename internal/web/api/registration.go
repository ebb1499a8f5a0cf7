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

// Registrations reads and changes the governance records of identities.
type Registrations interface {
	Registration(ctx context.Context, scope store.RowScope, id retinue.EntityID) (retinue.Registration, error)
	// EditRegistration changes fields of a record, of an identity that the
	// caller may edit. Match is asked, in the same transaction, whether the
	// record as it stands is what the caller read.
	EditRegistration(ctx context.Context, c auth.Caller, id retinue.EntityID, p RegistrationPatch, match func(current any) error) (retinue.Registration, error)
	// AssignOwner gives many identities an owner at once.
	AssignOwner(ctx context.Context, c auth.Caller, a OwnerAssignment) (AssignmentResult, error)
}

// RegistrationPatch changes the fields of a governance record that are given;
// an empty text takes a field away. Dates are 2026-12-31, or RFC 3339 times.
type RegistrationPatch struct {
	Owner       *string `json:"owner,omitempty" maxLength:"320" doc:"A person's e-mail address, or a team as @team"`
	BackupOwner *string `json:"backupOwner,omitempty" maxLength:"320"`
	Purpose     *string `json:"purpose,omitempty" maxLength:"2000" doc:"What it is for: the business justification"`
	Application *string `json:"application,omitempty" maxLength:"200"`
	Environment *string `json:"environment,omitempty" enum:",production,staging,test,development,sandbox,shared"`
	Criticality *string `json:"criticality,omitempty" enum:",critical,high,medium,low"`
	DataClass   *string `json:"dataClass,omitempty" maxLength:"100"`
	EndDate     *string `json:"endDate,omitempty" maxLength:"40" doc:"When it is to be gone"`
	ReviewDate  *string `json:"reviewDate,omitempty" maxLength:"40" doc:"When somebody looks at it again"`
	Class       *string `json:"class,omitempty" enum:",non_human,person,unclear" doc:"Overrides the class that sources gave; needs a reason"`
	ClassReason *string `json:"classReason,omitempty" maxLength:"500"`
}

// OwnerAssignment gives identities an owner: those of Ids, or all that Filter
// selects.
type OwnerAssignment struct {
	IDs    []retinue.EntityID `json:"ids,omitempty" maxItems:"1000"`
	Filter *AssignmentFilter  `json:"filter,omitempty" doc:"Instead of ids: every identity that matches"`
	// Expect guards an assignment by filter.
	Expect      int     `json:"expect,omitempty" minimum:"0" doc:"With filter: how many identities it is meant for; with any other number it is refused"`
	Owner       *string `json:"owner,omitempty" maxLength:"320" doc:"Empty takes the owner away, so that rules decide"`
	BackupOwner *string `json:"backupOwner,omitempty" maxLength:"320"`
	// OnlyUnowned leaves alone what somebody answers for already.
	OnlyUnowned bool   `json:"onlyUnowned,omitempty"`
	Reason      string `json:"reason,omitempty" maxLength:"2000"`
	DryRun      bool   `json:"dryRun,omitempty" doc:"Only say what it would do"`
}

// AssignmentFilter selects identities in an assignment; its fields are those
// of the list.
type AssignmentFilter struct {
	Sources       []string `json:"source,omitempty" maxItems:"50"`
	Kinds         []string `json:"kind,omitempty" maxItems:"50"`
	Environments  []string `json:"environment,omitempty" maxItems:"10"`
	Criticalities []string `json:"criticality,omitempty" maxItems:"5"`
	Owners        []string `json:"owner,omitempty" maxItems:"50"`
	Units         []string `json:"unit,omitempty" maxItems:"50"`
	Tags          []string `json:"tag,omitempty" maxItems:"50"`
	Severity      string   `json:"severity,omitempty" enum:"critical,high,medium,low,info"`
	Text          string   `json:"text,omitempty" maxLength:"200"`
}

// StoreFilter returns the filter in the words of the store.
func (f AssignmentFilter) StoreFilter() store.Filter {
	return store.Filter{Sources: f.Sources, Kinds: f.Kinds, Environments: f.Environments, Criticalities: f.Criticalities, Owners: f.Owners,
		Units: f.Units, Tags: f.Tags, Severity: retinue.Severity(f.Severity), Text: f.Text}
}

// AssignmentResult says what an assignment did, or would do.
type AssignmentResult struct {
	// Changed counts the identities whose owner or backup became another.
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged" doc:"They had that owner already"`
	Skipped   int `json:"skipped" doc:"Somebody else answers for them, and only unowned ones were asked for"`
	// FromPerson counts, among the changed, those that a person had assigned.
	FromPerson int `json:"fromPerson" doc:"Of the changed: a person had assigned another owner"`
	// Owner is the owner as it is kept: the name in the directory.
	Owner    string             `json:"owner"`
	Known    bool               `json:"known" doc:"A directory knows the owner"`
	Examples []AssignedIdentity `json:"examples"`
	// Undo takes it back until UndoUntil: POST /undo/{token}.
	Undo      string    `json:"undo,omitempty"`
	UndoUntil time.Time `json:"undoUntil,omitzero"`
}

// AssignedIdentity is an identity that an assignment changes.
type AssignedIdentity struct {
	ID     retinue.EntityID `json:"id"`
	Name   string           `json:"name"`
	Before string           `json:"before,omitempty"`
}

type patchRegistrationInput struct {
	ID string `path:"id" maxLength:"64"`
	IfMatch
	Body RegistrationPatch
}

type assignOwnerInput struct {
	IdempotencyKey
	Body OwnerAssignment
}

func (a *API) registrations() {
	s := a.services.Registrations
	if s == nil {
		return
	}
	tags := []string{"Registration"}
	add(a, huma.Operation{OperationID: "get-registration", Method: http.MethodGet, Path: "/identities/{id}/registration", Tags: tags,
		Summary: "The governance record of an identity"},
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*single[retinue.Registration], error) {
			return one(s.Registration(ctx, caller(ctx).Scope(auth.PermInventoryRead), retinue.EntityID(in.ID)))
		})
	add(a, huma.Operation{OperationID: "patch-registration", Method: http.MethodPatch, Path: "/identities/{id}/registration", Tags: tags,
		Summary: "Change the governance record of an identity"},
		func(ctx context.Context, in *patchRegistrationInput) (*single[retinue.Registration], error) {
			return one(s.EditRegistration(ctx, caller(ctx), retinue.EntityID(in.ID), in.Body, in.check))
		})
	addOnce(a, huma.Operation{OperationID: "assign-owner", Method: http.MethodPost, Path: "/identities/owner", Tags: tags,
		Summary: "Give many identities an owner"},
		func(ctx context.Context, in *assignOwnerInput) (*single[AssignmentResult], error) {
			return one(s.AssignOwner(ctx, caller(ctx), in.Body))
		})
}
