package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
)

// Owners tells who answers for what.
type Owners interface {
	// ListOwners lists everyone who answers for something that the scope sees.
	ListOwners(ctx context.Context, scope store.RowScope) ([]Owner, error)
	// ReadOwner tells about one owner; the name "none" stands for nobody.
	ReadOwner(ctx context.Context, scope store.RowScope, name string) (OwnerDetail, error)
	// OwnerQueue lists identities that need an owner, with who might be it.
	OwnerQueue(ctx context.Context, scope store.RowScope, q QueueQuery) (QueuePage, error)
	// IdentityOwnership tells who answers for an identity, who did, and who
	// might.
	IdentityOwnership(ctx context.Context, scope store.RowScope, id retinue.EntityID) (IdentityOwnership, error)
	// DenyOwner keeps that somebody is not the owner of an identity that the
	// caller may edit.
	DenyOwner(ctx context.Context, c auth.Caller, id retinue.EntityID, d OwnerDenial) (IdentityOwnership, error)
}

// Owner is a person or team with what they answer for.
type Owner struct {
	// ID is the name as it is registered; "none" stands for nobody.
	ID    string           `json:"id"`
	Title string           `json:"title,omitempty" doc:"What the directory calls them"`
	Kind  retinue.FactType `json:"kind,omitempty" doc:"person or team; absent where no directory knows the name"`
	Left  bool             `json:"left,omitempty" doc:"The directory says that they are no longer there"`

	Identities int64                      `json:"identities"`
	Findings   map[retinue.Severity]int64 `json:"findings" doc:"Open ones by severity"`
	Explicit   int64                      `json:"explicit" doc:"Identities that a person assigned; the others are by rule"`
	Unreviewed int64                      `json:"unreviewed" doc:"Identities without a review date that lies ahead"`
	Privileged int64                      `json:"privileged"`
	BackupFor  int64                      `json:"backupFor"`
}

// OwnerDetail is an owner with what else is known.
type OwnerDetail struct {
	Owner
	Teams   []string `json:"teams"`
	Manager string   `json:"manager,omitempty"`
	// Rules are the ownership rules that name them.
	Rules []string `json:"rules"`
	// Successors are suggested where they left.
	Successors []steward.Suggestion `json:"successors"`
	// Known is what somebody who left knows.
	Known []KnownCredential `json:"known" doc:"Credentials that they made, read or rotated before they left, by the logs, and that were not rotated since"`
}

// KnownCredential is a credential that somebody knows, by the logs.
type KnownCredential struct {
	ID    retinue.EntityID        `json:"id"`
	Ref   retinue.Ref             `json:"ref"`
	Name  string                  `json:"name"`
	Kind  retinue.CredentialKind  `json:"kind"`
	State retinue.CredentialState `json:"state,omitempty"`
	// Person is by what they are registered.
	Person string   `json:"person"`
	How    []string `json:"how" doc:"created, read, rotated or used"`
	// First and Last are when they first and last had it.
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Evidence []string  `json:"evidence" doc:"The logs with what was called"`
	// Grade is B where the log names the person, C where the client did.
	Grade retinue.Grade `json:"grade" enum:"B,C"`
}

// QueueQuery asks for identities that need an owner.
type QueueQuery struct {
	Reason string
	List   store.ListQuery
}

// QueueItem is an identity that needs an owner.
type QueueItem struct {
	store.ListRow
	Reason string `json:"reason" enum:"unowned,owner_left"`
	// Left is who left, where that is why.
	Left        string               `json:"left,omitempty"`
	Suggestions []steward.Suggestion `json:"suggestions" doc:"The likeliest first"`
}

// QueuePage is a page of the queue.
type QueuePage struct {
	Items       []QueueItem
	Next        string
	Total       int64
	TotalIsMore bool
}

// IdentityOwnership is who answers for an identity.
type IdentityOwnership struct {
	Now         OwnershipPeriod      `json:"now"`
	History     []OwnershipPeriod    `json:"history" doc:"Who answered for it before, the latest first"`
	Suggestions []steward.Suggestion `json:"suggestions"`
	Denied      []string             `json:"denied" doc:"Suggested owners that were turned down"`
}

// OwnershipPeriod is a time during which somebody answered for an identity.
type OwnershipPeriod struct {
	Owner  string         `json:"owner,omitempty" doc:"Absent: nobody"`
	Backup string         `json:"backup,omitempty"`
	Left   bool           `json:"left,omitempty" doc:"The directory says that the owner is no longer there"`
	From   time.Time      `json:"from,omitzero"`
	To     time.Time      `json:"to,omitzero"`
	How    steward.How    `json:"how" enum:"explicit,rule,fallback,none"`
	Rule   string         `json:"rule,omitempty"`
	Title  string         `json:"ruleTitle,omitempty"`
	Why    string         `json:"why,omitempty"`
	By     *retinue.Actor `json:"by,omitempty"`
}

// OwnerDenial turns a suggested owner down.
type OwnerDenial struct {
	Candidate string `json:"candidate" minLength:"1" maxLength:"320"`
	Reason    string `json:"reason,omitempty" maxLength:"2000"`
}

type ownerQueueInput struct {
	ListInput
	ThingFilter
	Reason string `query:"reason" default:"unowned" enum:"unowned,owner_left"`
	Sort   string `query:"sort" default:"-priority" enum:"priority,-priority,name,-name,source,-source,created,-created,lastUsed,-lastUsed,criticality,-criticality"`
}

func (in ownerQueueInput) query() QueueQuery {
	q := QueueQuery{Reason: in.Reason, List: store.ListQuery{Type: retinue.FactIdentity, Filter: in.filter(), Cursor: in.Cursor, Limit: in.Limit, Count: in.count()}}
	q.List.Sort, q.List.Desc = sorting(in.Sort)
	return q
}

func (a *API) owners() {
	s := a.services.Owners
	if s == nil {
		return
	}
	read := func(ctx context.Context) store.RowScope { return caller(ctx).Scope(auth.PermInventoryRead) }
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Owners"}, Summary: summary}
	}
	add(a, op("list-owners", http.MethodGet, "/owners", "Who answers for identities, with figures"),
		func(ctx context.Context, _ *struct{}) (*listed[Owner], error) {
			v, err := s.ListOwners(ctx, read(ctx))
			return wholeList(v), err
		})
	add(a, op("list-owner-queue", http.MethodGet, "/owners/queue", "Identities that need an owner, with who might be it and why"),
		func(ctx context.Context, in *ownerQueueInput) (*listed[QueueItem], error) {
			p, err := s.OwnerQueue(ctx, read(ctx), in.query())
			return pageOf(p.Items, p.Next, p.Total, p.TotalIsMore), err
		})
	add(a, op("get-owner", http.MethodGet, "/owners/{id}", "One owner"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"400" doc:"The name as it is registered, or none"`
		}) (*single[OwnerDetail], error) {
			return one(s.ReadOwner(ctx, read(ctx), in.ID))
		})
	add(a, op("get-identity-ownership", http.MethodGet, "/identities/{id}/ownership", "Who answers for an identity, who did, and who might"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*single[IdentityOwnership], error) {
			return one(s.IdentityOwnership(ctx, read(ctx), retinue.EntityID(in.ID)))
		})
	add(a, op("deny-owner", http.MethodPost, "/identities/{id}/ownership/denials", "Turn a suggested owner down"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Body OwnerDenial
		}) (*single[IdentityOwnership], error) {
			return one(s.DenyOwner(ctx, caller(ctx), retinue.EntityID(in.ID), in.Body))
		})
}
