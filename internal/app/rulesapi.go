package app

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ListRules implements api.Rules.
func (a *App) ListRules(ctx context.Context, scope store.RowScope) (out []api.RuleRow, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		for _, r := range a.everyRule() {
			row, err := ruleRow(tx, r)
			if err != nil {
				return err
			}
			out = append(out, row)
		}
		return nil
	})
	return out, err
}

func ruleRow(tx *sqlstore.Tx, r rules.Rule) (api.RuleRow, error) {
	p, err := tx.ListFindings(store.FindingList{Filter: store.FindingFilter{Rules: []string{r.ID}, States: openStates()}, Limit: 1})
	return api.RuleRow{ID: r.ID, Title: r.Title, Over: string(r.Over), Severity: r.Severity, OWASP: orEmpty(r.OWASP), Controls: orEmpty(r.Controls),
		Open: p.Total, OpenIsMore: p.TotalIsMore}, err
}

// openStates are the states of findings that wait for somebody.
func openStates() []string {
	return []string{string(retinue.FindingOpen), string(retinue.FindingReopened), string(retinue.FindingAcknowledged)}
}

// ReadRule implements api.Rules.
func (a *App) ReadRule(ctx context.Context, scope store.RowScope, id string) (out api.RuleDetail, err error) {
	for _, r := range a.everyRule() {
		if r.ID != id {
			continue
		}
		err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
			out.RuleRow, err = ruleRow(tx, r)
			return err
		})
		out.Where, out.When, out.Message, out.Remediation, out.FixTitle = r.Where(), r.When, r.Message, r.Remediation, r.FixTitle
		if r.Over == overUse {
			out.Where = signalsPage
		}
		out.Fire, out.Quiet, out.SeverityWhen = ruleCases(r.Cases.Fire), ruleCases(r.Cases.Quiet), []api.SeverityStep{}
		for _, s := range r.SeverityWhen {
			out.SeverityWhen = append(out.SeverityWhen, api.SeverityStep{When: s.When, Severity: s.Severity})
		}
		return out, err
	}
	return out, fmt.Errorf("%w: rule %.100q", retinue.ErrNotFound, id)
}

func ruleCases(cases []rules.Case) []api.RuleCase {
	out := []api.RuleCase{}
	for _, c := range cases {
		rc := api.RuleCase{Name: c.Name}
		_ = c.Subject.Decode(&rc.Subject) // compiled before, so it is an object
		out = append(out, rc)
	}
	return out
}
