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

// ThirdParties tells what other organisations were granted.
type ThirdParties interface {
	ThirdParties(ctx context.Context, scope store.RowScope) ([]ThirdParty, error)
}

// ThirdParty is another organisation with what it was granted.
type ThirdParty struct {
	// Vendor is its name; where nobody knows it, what is known of it, such as
	// an account's number.
	Vendor string `json:"vendor"`
	// NameKnown is false where only a number or an address is known, so that
	// two rows may be one organisation.
	NameKnown bool `json:"nameKnown"`
	// OrganizationKnown is false where no source could decide whether it is
	// another organisation: the accounts of one's own are not known to it.
	OrganizationKnown bool               `json:"organizationKnown" doc:"Whether a source could decide that it is another organisation"`
	Access            []ThirdPartyAccess `json:"access"`
	// Privileged counts the identities through which it can administer.
	Privileged        int `json:"privileged"`
	MissingExternalID int `json:"missingExternalId" doc:"Trusts in a whole account without an external id"`
	Unowned           int `json:"unowned"`
	// LastUsed is the latest use of any of its access that is known.
	LastUsed   time.Time                  `json:"lastUsed,omitzero"`
	NeverUsed  int                        `json:"neverUsed" doc:"Access that its source says was never used"`
	UseUnknown int                        `json:"useUnknown" doc:"Access of which no source says whether it is used"`
	Owners     []string                   `json:"owners"`
	Findings   map[retinue.Severity]int64 `json:"findings" doc:"Open ones by severity"`
}

// ThirdPartyAccess is one identity through which a third party acts.
type ThirdPartyAccess struct {
	ID     retinue.EntityID `json:"id"`
	Name   string           `json:"name"`
	Kind   string           `json:"kind"`
	Source string           `json:"source"`
	// How is "trust" where it may become the identity, "app" where the
	// identity is its own application.
	How     string `json:"how" enum:"trust,app"`
	Account string `json:"account,omitempty" doc:"Who is trusted: an account, a principal, an issuer"`
	// ExternalID is "present", "missing", or "not_applicable".
	ExternalID string   `json:"externalId" enum:"present,missing,not_applicable"`
	Conditions []string `json:"conditions"`
	// Granted says in words what it can do, the gravest first; without any,
	// nothing is known to be granted.
	Granted      []string    `json:"granted"`
	GrantedMore  int         `json:"grantedMore,omitempty" doc:"How many more sentences there are"`
	Privileged   bool        `json:"privileged,omitempty"`
	Use          UseSummary  `json:"use"`
	Owner        string      `json:"owner,omitempty"`
	Since        time.Time   `json:"since,omitzero"`
	Environment  string      `json:"environment,omitempty"`
	Registration *ReviewDate `json:"review,omitempty"`
}

// ReviewDate is when access is looked at again.
type ReviewDate struct {
	ReviewDate time.Time `json:"reviewDate,omitzero"`
	EndDate    time.Time `json:"endDate,omitzero"`
	Purpose    string    `json:"purpose,omitempty"`
}

func (a *API) thirdParties() {
	s := a.services.ThirdParties
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "list-third-parties", Method: http.MethodGet, Path: "/third-parties", Tags: []string{"Third parties"},
		Summary: "Other organisations, with what they were granted"},
		func(ctx context.Context, _ *struct{}) (*listed[ThirdParty], error) {
			v, err := s.ThirdParties(ctx, caller(ctx).Scope(auth.PermInventoryRead))
			return wholeList(v), err
		})
}
