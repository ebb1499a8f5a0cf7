package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Rules tells about the rules in force.
type Rules interface {
	// ListRules returns every rule with how many open findings of it the scope
	// sees.
	ListRules(ctx context.Context, scope store.RowScope) ([]RuleRow, error)
	ReadRule(ctx context.Context, scope store.RowScope, id string) (RuleDetail, error)
}

// RuleRow is a rule in a list.
type RuleRow struct {
	ID       string           `json:"id"`
	Title    string           `json:"title"`
	Over     string           `json:"over" doc:"What it is about: identity, credential, resource, trust, pipeline or source"`
	Severity retinue.Severity `json:"severity"`
	OWASP    []retinue.OWASP  `json:"owasp"`
	Controls []string         `json:"controls"`
	// Open counts the open findings of the rule that the caller may see.
	Open       int64 `json:"open"`
	OpenIsMore bool  `json:"openIsMore" doc:"There are more than open"`
}

// RuleDetail is a rule in full.
type RuleDetail struct {
	RuleRow
	Where        string         `json:"where,omitempty" doc:"The file and line"`
	When         string         `json:"when" doc:"The condition, in CEL"`
	Message      string         `json:"message"`
	Remediation  string         `json:"remediation"`
	FixTitle     string         `json:"fixTitle,omitempty"`
	SeverityWhen []SeverityStep `json:"severityWhen"`
	Fire         []RuleCase     `json:"fire" doc:"Cases in which it must fire"`
	Quiet        []RuleCase     `json:"quiet" doc:"Cases in which it must not"`
}

// SeverityStep is a condition under which a rule has another severity.
type SeverityStep struct {
	When     string           `json:"when"`
	Severity retinue.Severity `json:"severity"`
}

// RuleCase is a case that a rule carries to test itself.
type RuleCase struct {
	Name    string         `json:"name"`
	Subject map[string]any `json:"subject,omitempty"`
}

func (a *API) rules() {
	s := a.services.Rules
	if s == nil {
		return
	}
	tags := []string{"Rules"}
	add(a, huma.Operation{OperationID: "list-rules", Method: http.MethodGet, Path: "/rules", Tags: tags, Summary: "The rules in force"},
		func(ctx context.Context, _ *struct{}) (*listed[RuleRow], error) {
			v, err := s.ListRules(ctx, caller(ctx).Scope(auth.PermInventoryRead))
			return wholeList(v), err
		})
	add(a, huma.Operation{OperationID: "get-rule", Method: http.MethodGet, Path: "/rules/{id}", Tags: tags, Summary: "One rule with its cases"},
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"200"`
		}) (*single[RuleDetail], error) {
			return one(s.ReadRule(ctx, caller(ctx).Scope(auth.PermInventoryRead), in.ID))
		})
}
