package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// The names of what the settling of owners remembers.
const (
	metaOwned      = "owned.revision"
	metaOwnedRules = "owned.rules"
)

// ownJob asks for the owners of what changed to be settled again.
type ownJob struct{}

// Kind implements jobs.Args.
func (ownJob) Kind() string { return "own" }

// ownPage is how many identities are settled in one transaction.
const ownPage = 500

// settleOwners brings the owners that rules give up to date: of everything
// when the rules changed, else of what changed since the last time.
func (a *App) settleOwners(ctx context.Context) error {
	var from, upTo int64
	var set steward.RuleSet
	var id string
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		if set, id, err = ruleSetOf(tx); err != nil {
			return err
		}
		if upTo, err = tx.MaxRevision(); err != nil {
			return err
		}
		before, err := tx.Meta(metaOwnedRules)
		if err != nil || before != id {
			return err
		}
		rev, err := tx.Meta(metaOwned)
		from, _ = strconv.ParseInt(rev, 10, 64)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle owners: %w", err)
	}
	if id == "" && from > 0 && len(set.Rules) == 0 && set.Fallback == nil {
		return nil // nothing was ever settled by a rule, and nothing is
	}
	for after, more := int64(0), true; more; {
		var differ []int64
		if differ, after, more, err = a.unsettled(ctx, set, from, after); err != nil {
			return fmt.Errorf("settle owners: %w", err)
		}
		if err := a.settleThese(ctx, differ); err != nil {
			return fmt.Errorf("settle owners: %w", err)
		}
	}
	return a.rememberSettled(ctx, id, upTo)
}

// unsettled reads a page of identities and returns those whose owner is no
// longer what the rules say.
func (a *App) unsettled(ctx context.Context, set steward.RuleSet, from, after int64) (differ []int64, last int64, more bool, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		reader := tx.Ownables()
		for len(differ) < ownPage {
			page, err := reader.Page(from, after, ownPage)
			if err != nil {
				return err
			}
			for i := range page {
				if _, changed := settle(set, &page[i]); changed {
					differ = append(differ, page[i].Key)
				}
				after = page[i].Key
			}
			if more = len(page) == ownPage; !more {
				break
			}
		}
		return nil
	})
	return differ, after, more, err
}

// settleThese settles identities by the rules in force.
func (a *App) settleThese(ctx context.Context, keys []int64) error {
	if len(keys) == 0 {
		return nil
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		set, _, err := ruleSetOf(tx)
		if err != nil {
			return err
		}
		page, err := tx.Ownables().Of(keys)
		if err != nil {
			return err
		}
		return settlePage(tx, set, page)
	})
}

// rememberSettled keeps up to where owners are settled, unless that is known.
func (a *App) rememberSettled(ctx context.Context, rules string, upTo int64) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.SetMeta(metaOwnedRules, rules); err != nil {
			return err
		}
		return tx.SetMeta(metaOwned, strconv.FormatInt(upTo, 10))
	})
}

// ownershipRules is who acts where rules decide.
func ownershipRules() retinue.Actor {
	return retinue.Actor{Kind: "system", Name: "ownership rules"}
}

// settle decides who answers for an identity, and whether that is something
// else than what is kept.
func settle(set steward.RuleSet, x *store.Ownable) (store.Ownership, bool) {
	s := set.Settle(subjectOfOwnable(x))
	o := store.Ownership{Entity: x.Key, Owner: s.Owner, Backup: s.Backup, How: string(s.How), Rule: s.Rule, Why: s.Why, By: ownershipRules()}
	return o, !o.Same(x.Now) && (s.How != steward.HowNone || x.Now.Owner != "" || x.Now.Backup != "")
}

// settlePage settles some identities, on record.
func settlePage(tx *sqlstore.Tx, set steward.RuleSet, page []store.Ownable) error {
	var changes []store.Ownership
	by := map[string][]string{}
	for i := range page {
		o, changed := settle(set, &page[i])
		if !changed {
			continue
		}
		changes = append(changes, o)
		key := o.How
		if o.Rule != "" {
			key = o.Rule
		}
		by[key] = append(by[key], string(page[i].ID))
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := tx.Own(changes); err != nil {
		return err
	}
	tx.Record(ownershipRules(), retinue.RecordOwnershipSettled, "identities", map[string]any{"count": len(changes), "by": by})
	return nil
}

// settleRegistered settles identities of which a person changed the
// registration: the record of that change is the record of this one too.
func settleRegistered(tx *sqlstore.Tx, by retinue.Actor, keys ...int64) error {
	set, _, err := ruleSetOf(tx)
	if err != nil {
		return err
	}
	page, err := tx.Ownables().Of(keys)
	if err != nil {
		return err
	}
	var changes []store.Ownership
	for i := range page {
		o, changed := settle(set, &page[i])
		if o.How == string(steward.HowExplicit) {
			o.By = by
		}
		if changed {
			changes = append(changes, o)
		}
	}
	_, err = tx.Own(changes)
	return err
}

// subjectOfOwnable is an identity as the ownership rules see it.
func subjectOfOwnable(x *store.Ownable) *steward.Subject {
	f := &x.Identity
	s := &steward.Subject{Name: f.Name, Key: x.RefKey, Realm: x.Realm, Kind: f.Kind, Subtype: f.Subtype, Labels: f.Labels,
		Sources: x.Sources, Declared: f.Declared}
	for _, c := range x.Containers {
		s.Containers = append(s.Containers, steward.Container{ID: c.ID, Key: c.Key, Name: c.Container.Name, Kind: c.Container.Kind, Labels: c.Container.Labels})
	}
	if g := x.Registration; g != nil {
		s.Application, s.Owner, s.Backup = g.Application, g.Owner, g.BackupOwner
	}
	return s
}

// ruleSetOf reads the ownership rules in force and an id of their content.
func ruleSetOf(tx *sqlstore.Tx) (steward.RuleSet, string, error) {
	var set steward.RuleSet
	r, err := tx.OwnershipRules()
	if err != nil || r.Body == nil {
		return set, "", err
	}
	set, err = decodeRules(r.Body)
	return set, ruleSetID(r.Body), err
}

func ruleSetID(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:12])
}

// setRuleSet puts ownership rules in force, on record with the names of owners
// as commitments.
func setRuleSet(tx *sqlstore.Tx, set steward.RuleSet, by retinue.Actor) error {
	body, err := json.Marshal(set)
	if err != nil {
		return err
	}
	if err := tx.SetOwnershipRules(body, by); err != nil {
		return err
	}
	shown := set
	shown.Rules = append([]steward.Rule{}, set.Rules...)
	var payloads []sqlstore.Payload
	commit := func(field string, value *string) {
		if *value == "" {
			return
		}
		p := evidence.Commit(field, *value)
		*value = string(p.Commitment)
		payloads = append(payloads, sqlstore.Payload{Name: field, Salt: p.Salt, Data: p.Value})
	}
	for i := range shown.Rules {
		commit("rules/"+shown.Rules[i].ID+"/owner", &shown.Rules[i].Owner)
		commit("rules/"+shown.Rules[i].ID+"/backup", &shown.Rules[i].Backup)
	}
	if f := shown.Fallback; f != nil {
		g := *f
		commit("fallback/owner", &g.Owner)
		commit("fallback/backup", &g.Backup)
		shown.Fallback = &g
	}
	tx.Record(by, retinue.RecordOwnershipRules, ruleSetID(body), shown, payloads...)
	return nil
}
