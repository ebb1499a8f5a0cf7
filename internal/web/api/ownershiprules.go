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

// OwnershipRules reads and changes the rules that give identities their
// owners.
type OwnershipRules interface {
	OwnershipRules(ctx context.Context) (OwnershipRuleSet, error)
	OwnershipRulesHistory(ctx context.Context) ([]OwnershipRulesVersion, error)
	// SetOwnershipRules puts a list in force. Match is asked, in the same
	// transaction, whether the list as it stands is what the caller read.
	SetOwnershipRules(ctx context.Context, c auth.Caller, set steward.RuleSet, match func(current any) error) (OwnershipRuleSet, error)
	// PreviewOwnershipRules says what a list would do to what the scope sees.
	PreviewOwnershipRules(ctx context.Context, scope store.RowScope, set steward.RuleSet) (steward.Preview, error)
}

// OwnershipRuleSet is the ordered list of rules: the first that matches an
// identity decides. A person's word wins over all of them.
type OwnershipRuleSet struct {
	Rules    []steward.Rule    `json:"rules"`
	Fallback *steward.Assignee `json:"fallback,omitempty" doc:"Who answers for what no rule matches"`
}

// OwnershipRulesVersion is a list of rules that was in force.
type OwnershipRulesVersion struct {
	From time.Time     `json:"from"`
	To   time.Time     `json:"to,omitzero" doc:"Absent: in force"`
	By   retinue.Actor `json:"by"`
	OwnershipRuleSet
}

type ownershipRuleInput struct {
	ID     string        `json:"id,omitempty" maxLength:"64" doc:"Absent for a new rule"`
	Title  string        `json:"title,omitempty" maxLength:"200"`
	Match  steward.Match `json:"match"`
	Owner  string        `json:"owner" maxLength:"320" doc:"A person's e-mail address, or a team as @team"`
	Backup string        `json:"backup,omitempty" maxLength:"320"`
}

// OwnershipRuleSetInput is a list of rules as it is sent: rules without an id
// are new.
type OwnershipRuleSetInput struct {
	Rules    []ownershipRuleInput `json:"rules" maxItems:"2000"`
	Fallback *steward.Assignee    `json:"fallback,omitempty"`
}

// set gives new rules their ids.
func (in OwnershipRuleSetInput) set(now time.Time) steward.RuleSet {
	set := steward.RuleSet{Rules: make([]steward.Rule, len(in.Rules)), Fallback: in.Fallback}
	for i, r := range in.Rules {
		if r.ID == "" {
			r.ID = steward.NewRuleID(now)
		}
		set.Rules[i] = steward.Rule(r)
	}
	return set
}

func (a *API) ownershipRules() {
	s := a.services.OwnershipRules
	if s == nil {
		return
	}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Ownership rules"}, Summary: summary}
	}
	add(a, op("get-ownership-rules", http.MethodGet, "/ownership-rules", "The rules that give identities their owners, in order"),
		func(ctx context.Context, _ *struct{}) (*single[OwnershipRuleSet], error) {
			return one(s.OwnershipRules(ctx))
		})
	add(a, op("put-ownership-rules", http.MethodPut, "/ownership-rules", "Replace the list of rules"),
		func(ctx context.Context, in *struct {
			IfMatch
			Body OwnershipRuleSetInput
		}) (*single[OwnershipRuleSet], error) {
			return one(s.SetOwnershipRules(ctx, caller(ctx), in.Body.set(a.services.Now()), in.check))
		})
	add(a, op("preview-ownership-rules", http.MethodPost, "/ownership-rules/preview", "What a list of rules would do, without doing it"),
		func(ctx context.Context, in *struct{ Body OwnershipRuleSetInput }) (*single[steward.Preview], error) {
			return one(s.PreviewOwnershipRules(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.Body.set(a.services.Now())))
		})
	add(a, op("list-ownership-rules-history", http.MethodGet, "/ownership-rules/history", "The lists that were in force, the latest first"),
		func(ctx context.Context, _ *struct{}) (*listed[OwnershipRulesVersion], error) {
			v, err := s.OwnershipRulesHistory(ctx)
			return wholeList(v), err
		})
}
