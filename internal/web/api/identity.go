package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// Things tells about one identity or credential.
type Things interface {
	Identity(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (IdentityDetail, error)
	Access(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (GrantedAccess, error)
	Credential(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (CredentialDetail, error)
	History(ctx context.Context, scope store.RowScope, id retinue.EntityID) ([]Version, error)
	Facts(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) ([]store.Fact, error)
	Picture(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf, expand []string) (Picture, error)
}

// IdentityDetail is one identity with what hangs on it. Lists that can be long are
// resources of their own; Counts say how long they are.
type IdentityDetail struct {
	store.ListRow
	Description  string                `json:"description,omitempty"`
	ClassReason  string                `json:"classReason,omitempty"`
	StateReason  string                `json:"stateReason,omitempty"`
	Temporary    bool                  `json:"temporary,omitempty"`
	Publisher    string                `json:"publisher,omitempty"`
	Federation   *retinue.Federation   `json:"federation,omitempty"`
	Labels       map[string]string     `json:"labels,omitempty"`
	Attrs        map[string]any        `json:"attrs,omitempty"`
	Refs         []retinue.Ref         `json:"refs" doc:"Every ref by which it is known, the first seen first"`
	Containers   []Named               `json:"containers" doc:"What it lives in, the nearest first"`
	Registration *retinue.Registration `json:"registration,omitempty"`
	OwnerSignals []retinue.OwnerSignal `json:"ownerSignals" doc:"Evidence of who owns it"`
	Uses         []retinue.Use         `json:"uses" doc:"The newest observation of each kind"`
	Use          UseSummary            `json:"use"`
	Counts       IdentityCounts        `json:"counts"`
	// SeenAt is the date that it is shown as of, where it is gone.
	SeenAt time.Time `json:"seenAt,omitzero"`
}

// UseSummary says whether an identity is used, and how good the evidence is.
type UseSummary struct {
	Status   string        `json:"status" enum:"used,never_used,unknown"`
	LastUsed time.Time     `json:"lastUsed,omitzero"`
	Grade    retinue.Grade `json:"grade" doc:"A complete, B good, C weak (a last-used field of the source), D none"`
	Reason   string        `json:"reason" doc:"What the status rests on, or why it is unknown"`
}

// IdentityCounts are of everything, however much is listed.
type IdentityCounts struct {
	Credentials int64 `json:"credentials"`
	Grants      int64 `json:"grants"`
	Trusts      int64 `json:"trusts"`
	Placements  int64 `json:"placements"`
	Runners     int64 `json:"runners"`
	Findings    int64 `json:"findings" doc:"Open ones"`
}

// Named is a thing by its name, with its id where it is known and may be seen.
type Named struct {
	ID   retinue.EntityID `json:"id,omitempty"`
	Kind string           `json:"kind"`
	Name string           `json:"name"`
	Key  string           `json:"key,omitempty"`
}

// GrantedAccess is what an identity is granted, as its documents say.
type GrantedAccess struct {
	// Note says what the grants are and are not.
	Note string `json:"note"`
	// Consequences group the sentences by what can be done, the gravest first.
	Consequences []Consequence     `json:"consequences"`
	Grants       []inventory.Grant `json:"grants"`
	// Limited lists what is known to limit the grants and is not applied:
	// denies, boundaries, conditions.
	Limited []string `json:"limited"`
	// Missing counts policies whose document was not seen.
	Missing int `json:"missing"`
}

// Consequence is a group of sentences.
type Consequence struct {
	Kind      string          `json:"kind" enum:"administers,escalates,secrets,writes,reads,other"`
	Title     string          `json:"title"`
	Sentences []GrantSentence `json:"sentences"`
}

// GrantSentence is one thing that can be done, and the path by which.
type GrantSentence struct {
	Text   string   `json:"text"`
	Policy string   `json:"policy,omitempty"`
	Path   []string `json:"path" doc:"What it comes through, from the identity on"`
	Within string   `json:"within,omitempty"`
}

// HeldCredential is a credential of an identity, with its timeline.
type HeldCredential struct {
	ID retinue.EntityID `json:"id"`
	retinue.Credential
	LastUsed   time.Time           `json:"lastUsed,omitzero"`
	NeverUsed  bool                `json:"neverUsed,omitempty"`
	Holders    int                 `json:"holders" doc:"How many identities hold it"`
	Placements []retinue.Placement `json:"placements"`
}

// TrustRow is who can become an identity.
type TrustRow struct {
	retinue.Trust
	TrusteeID retinue.EntityID `json:"trusteeId,omitempty"`
	Sentence  string           `json:"sentence"`
}

// PlacementRow is a place of a credential.
type PlacementRow struct {
	Credential     retinue.EntityID `json:"credential,omitempty"`
	CredentialName string           `json:"credentialName,omitempty"`
	retinue.Placement
}

// Version is one version of what a source stated, and how it differs from the
// version before.
type Version struct {
	At      time.Time        `json:"at"`
	Until   time.Time        `json:"until,omitzero"`
	Change  string           `json:"change" enum:"added,changed,ended,registered,judged"`
	Type    retinue.FactType `json:"type,omitempty"`
	Source  string           `json:"source,omitempty"`
	Scope   string           `json:"scope,omitempty"`
	By      *retinue.Actor   `json:"by,omitempty" doc:"Who changed it, for changes made here"`
	Fields  []FieldChange    `json:"fields"`
	Body    json.RawMessage  `json:"body,omitempty"`
	Summary string           `json:"summary"`
}

// FieldChange is one field that differs.
type FieldChange struct {
	Field  string `json:"field"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// CredentialDetail is one credential with where it lies and who holds it.
type CredentialDetail struct {
	store.ListRow
	Fact       retinue.Credential  `json:"fact"`
	Refs       []retinue.Ref       `json:"refs"`
	Placements []retinue.Placement `json:"placements"`
	Uses       []retinue.Use       `json:"uses"`
	Use        UseSummary          `json:"use"`
	Holders    []Named             `json:"holders"`
	// SamePublicKey counts other credentials with its public key.
	SamePublicKey int       `json:"samePublicKey"`
	SeenAt        time.Time `json:"seenAt,omitzero"`
}

type idInput struct {
	ID string `path:"id" maxLength:"64" doc:"The public id"`
	AsOfInput
}

func (a *API) things() {
	s := a.services.Things
	if s == nil {
		return
	}
	read := func(ctx context.Context) store.RowScope { return caller(ctx).Scope(auth.PermInventoryRead) }
	get := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"Identities"}, Summary: summary}
	}
	add(a, get("get-identity", "/identities/{id}", "One identity"), func(ctx context.Context, in *idInput) (*single[IdentityDetail], error) {
		return one(s.Identity(ctx, read(ctx), retinue.EntityID(in.ID), in.asOf()))
	})
	add(a, get("get-identity-access", "/identities/{id}/access", "What an identity is granted, in words"), func(ctx context.Context, in *idInput) (*single[GrantedAccess], error) {
		return one(s.Access(ctx, read(ctx), retinue.EntityID(in.ID), in.asOf()))
	})
	add(a, get("get-identity-history", "/identities/{id}/history", "Every version of an identity, with what changed"), func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"64"`
	}) (*listed[Version], error) {
		v, err := s.History(ctx, read(ctx), retinue.EntityID(in.ID))
		return wholeList(v), err
	})
	add(a, get("get-identity-facts", "/identities/{id}/facts", "What sources state of an identity, verbatim"), func(ctx context.Context, in *idInput) (*listed[store.Fact], error) {
		v, err := s.Facts(ctx, read(ctx), retinue.EntityID(in.ID), in.asOf())
		return wholeList(v), err
	})
	add(a, get("get-identity-picture", "/identities/{id}/picture", "What can act as an identity, and what it can reach"), func(ctx context.Context, in *pictureInput) (*single[Picture], error) {
		return one(s.Picture(ctx, read(ctx), retinue.EntityID(in.ID), in.asOf(), in.Expand))
	})
	op := get("get-credential", "/credentials/{id}", "One credential")
	op.Tags = []string{"Credentials"}
	add(a, op, func(ctx context.Context, in *idInput) (*single[CredentialDetail], error) {
		return one(s.Credential(ctx, read(ctx), retinue.EntityID(in.ID), in.asOf()))
	})
}

// Relations lists what hangs on an identity.
type Relations interface {
	CredentialsOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) ([]HeldCredential, error)
	TrustsOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) ([]TrustRow, error)
	PlacementsOf(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) ([]PlacementRow, error)
}

func (a *API) relations() {
	s := a.services.Relations
	if s == nil {
		return
	}
	relation(a, "credentials", "The credentials of an identity", s.CredentialsOf)
	relation(a, "trusts", "Who can become an identity", s.TrustsOf)
	relation(a, "placements", "Where the secrets of an identity lie", s.PlacementsOf)
}

func relation[T any](a *API, noun, summary string, list func(context.Context, store.RowScope, retinue.EntityID, store.AsOf) ([]T, error)) {
	add(a, huma.Operation{OperationID: "get-identity-" + noun, Method: http.MethodGet, Path: "/identities/{id}/" + noun,
		Tags: []string{"Identities"}, Summary: summary}, func(ctx context.Context, in *idInput) (*listed[T], error) {
		v, err := list(ctx, caller(ctx).Scope(auth.PermInventoryRead), retinue.EntityID(in.ID), in.asOf())
		return wholeList(v), err
	})
}
