package app

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Whole implements api.Wholes.
func (a *App) Whole(ctx context.Context, scope store.RowScope, t retinue.FactType, id retinue.EntityID, at store.AsOf, history bool) (out api.Whole, err error) {
	now := at.IsZero()
	err = a.viewThing(ctx, scope, t, id, at, func(v *viewed) error {
		out, err = v.whole()
		if err != nil {
			return err
		}
		if history || !v.row.GoneAt.IsZero() {
			if out.History, err = v.tx.FactsOf(v.row.InternalKey, false); err != nil {
				return err
			}
		}
		if now {
			out.Findings, err = v.tx.FindingsOf(v.row.InternalKey)
		}
		return err
	})
	return out, err
}

// whole puts together what hangs on a thing. Values of credentials leave no
// trace in it: not even their fingerprints.
func (v *viewed) whole() (api.Whole, error) {
	th := v.thing
	fact := th.Fact
	if c, ok := fact.(retinue.Credential); ok {
		c.Fingerprints = nil
		fact = c
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(fact); err != nil {
		return api.Whole{}, err
	}
	out := api.Whole{Entity: v.row.Entity, Fact: bytes.TrimSpace(body.Bytes()), Refs: th.Refs, Grants: inventory.GrantsOf(v.row.Entity, th), Trusts: th.Trusts,
		Placements: slices.Clone(th.Placements), Uses: th.Uses, OwnerSignals: th.OwnerSignals, Registration: th.Registration}
	for _, c := range th.Credentials {
		c.Credential.Fingerprints = nil
		out.Credentials = append(out.Credentials, c.Credential)
		out.Placements = append(out.Placements, c.Placements...)
	}
	for _, r := range th.Runners {
		n, err := v.named(r.Ref)
		if err != nil {
			return out, err
		}
		if n.ID != "" { // what the reader may not see is not told
			out.RunsAs = append(out.RunsAs, r)
		}
	}
	return out, nil
}

// Diff implements api.Wholes.
func (a *App) Diff(ctx context.Context, scope store.RowScope, q store.ChangeQuery) (out []store.Change, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		all, err := tx.Changes(q.At.From, q.At.To)
		if err != nil {
			return err
		}
		for _, c := range all {
			if (len(q.Types) == 0 || slices.Contains(q.Types, c.Type)) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, c.Kind)) &&
				(len(q.Sources) == 0 || slices.Contains(q.Sources, c.Source)) && (q.Entity == "" || q.Entity == c.Entity) {
				out = append(out, c)
			}
		}
		return nil
	})
	return out, err
}

// Scopes implements api.Wholes.
func (a *App) Scopes(ctx context.Context, scope store.RowScope) (out []store.ScopeStatus, err error) {
	err = a.viewSources(ctx, scope, func(tx *sqlstore.Tx) error {
		seen := map[string]bool{}
		if !scope.All {
			list, err := tx.SourceConfigs()
			if err != nil {
				return err
			}
			for _, c := range list {
				seen[c.Source.Name] = true
			}
		}
		return tx.Within(store.Everything(), func() error {
			all, err := tx.Scopes()
			for _, s := range all {
				if scope.All || seen[s.Source] {
					out = append(out, s)
				}
			}
			return err
		})
	})
	return out, err
}

// RuleTexts implements api.Wholes.
func (a *App) RuleTexts(ctx context.Context) ([]api.RuleText, error) {
	out := RuleTexts(a.set.Rules())
	silent := map[string]int{}
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		dismissed, err := tx.DismissalsInForce(tx.At())
		for _, d := range dismissed {
			silent[d.Kind]++
		}
		return err
	})
	for i := range out {
		if n := silent[out[i].Signal]; out[i].Signal != "" {
			out[i].Dismissed = &n
		}
	}
	return out, err
}

// RuleTexts returns rules with their conditions, and after them those of signals,
// which are programs. What of them was dismissed is not known without a database.
func RuleTexts(list []rules.Rule) (out []api.RuleText) {
	kinds := map[string]behave.Kind{}
	for _, k := range behave.Kinds() {
		kinds[signalRuleID(k)] = k
	}
	for _, r := range append(slices.Clone(list), signalRules()...) {
		out = append(out, api.RuleText{ID: r.ID, Title: r.Title, Over: string(r.Over), Severity: r.Severity, OWASP: r.OWASP, Controls: r.Controls,
			When: r.When, Message: r.Message, Remediation: r.Remediation, Where: r.Where(), Signal: string(kinds[r.ID])})
		if r.Over == overUse {
			out[len(out)-1].Where = signalsPage
		}
	}
	return out
}
