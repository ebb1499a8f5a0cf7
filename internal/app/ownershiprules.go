package app

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

func shownRules(set steward.RuleSet) api.OwnershipRuleSet {
	return api.OwnershipRuleSet{Rules: orEmpty(set.Rules), Fallback: set.Fallback}
}

func decodeRules(body json.RawMessage) (set steward.RuleSet, err error) {
	if body == nil {
		return set, nil
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return set, fmt.Errorf("read ownership rules: %w", err)
	}
	return set, nil
}

// OwnershipRules implements api.OwnershipRules.
func (a *App) OwnershipRules(ctx context.Context) (out api.OwnershipRuleSet, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		set, _, err := ruleSetOf(tx)
		out = shownRules(set)
		return err
	})
	return out, err
}

// OwnershipRulesHistory implements api.OwnershipRules.
func (a *App) OwnershipRulesHistory(ctx context.Context) (out []api.OwnershipRulesVersion, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		versions, err := tx.OwnershipRulesVersions()
		if err != nil {
			return err
		}
		for _, v := range versions {
			set, err := decodeRules(v.Body)
			if err != nil {
				return err
			}
			out = append(out, api.OwnershipRulesVersion{From: v.From, To: v.To, By: v.By, OwnershipRuleSet: shownRules(set)})
		}
		return nil
	})
	return out, err
}

// SetOwnershipRules implements api.OwnershipRules. The identities follow in a
// job of their own.
func (a *App) SetOwnershipRules(ctx context.Context, c auth.Caller, set steward.RuleSet, match func(any) error) (out api.OwnershipRuleSet, err error) {
	if err := set.Validate(); err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		now, id, err := ruleSetOf(tx)
		if err != nil {
			return err
		}
		if err := match(shownRules(now)); err != nil {
			return err
		}
		dir, err := directoryOf(tx)
		if err != nil {
			return err
		}
		canonical(&set, dir)
		out = shownRules(set)
		if body, err := json.Marshal(set); err != nil || id != "" && ruleSetID(body) == id {
			return err
		}
		return setRuleSet(tx, set, c.Actor)
	})
	return out, err
}

// canonical gives owners the names under which the directory has them.
func canonical(set *steward.RuleSet, dir *steward.Directory) {
	for i := range set.Rules {
		r := &set.Rules[i]
		r.Owner, r.Backup = ownerName(dir, r.Owner), ownerName(dir, r.Backup)
	}
	if f := set.Fallback; f != nil {
		f.Owner, f.Backup = ownerName(dir, f.Owner), ownerName(dir, f.Backup)
	}
}

// PreviewOwnershipRules implements api.OwnershipRules.
func (a *App) PreviewOwnershipRules(ctx context.Context, scope store.RowScope, set steward.RuleSet) (out steward.Preview, err error) {
	if err := set.Validate(); err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		dir, err := directoryOf(tx)
		if err != nil {
			return err
		}
		canonical(&set, dir)
		p := steward.NewPreviewer(set)
		reader := tx.Ownables()
		for after := int64(0); ; {
			page, err := reader.Page(-1, after, ownPage)
			if err != nil {
				return err
			}
			for i := range page {
				after = page[i].Key
				if page[i].Identity.Class == retinue.ClassPerson {
					continue
				}
				p.Add(page[i].ID, subjectOfOwnable(&page[i]), page[i].Now.Owner)
			}
			if len(page) < ownPage {
				break
			}
		}
		out = p.Preview()
		return nil
	})
	return out, err
}
