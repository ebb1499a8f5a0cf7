package app

import (
	"context"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/demo"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// The days, counted back from the end, on which the sample company began to
// govern: it wrote a few ownership rules and then more, later registered what matters most, and
// decided about findings.
const (
	demoFirstRulesDay = 310
	demoRulesDay      = 60
	demoRegisterDay   = 3
)

// demoRules are the ownership rules of the sample company. They leave a part
// of it to nobody.
func demoRules(now time.Time) steward.RuleSet {
	var set steward.RuleSet
	add := func(title string, m steward.Match, owner, backup string) {
		set.Rules = append(set.Rules, steward.Rule{ID: steward.NewRuleID(now), Title: title, Match: m, Owner: owner, Backup: backup})
	}
	add("Payments", steward.Match{Namespaces: []string{"payments-api", "settlement"}}, "@payments", "@platform-engineering")
	add("Booking", steward.Match{Namespaces: []string{"booking*", "quotes"}}, "@booking", "")
	add("Tracking by name", steward.Match{Names: []string{"tracking-*", "ais-feed-*", "eta-*"}}, "@tracking", "")
	add("Warehouse database", steward.Match{Sources: []string{"pg-warehouse"}}, "@data-platform", "")
	add("Data account", steward.Match{Accounts: []string{"tidewater-data"}}, "@data-platform", "")
	add("Cluster services", steward.Match{Namespaces: []string{"kube-system", "monitoring", "ingress-nginx", "cert-manager", "argocd"}}, "@platform-engineering", "")
	add("Release pipelines", steward.Match{Kinds: []string{"pipeline"}, Names: []string{"* release"}}, "@platform-engineering", "")
	return set
}

// governDemo does what people of the sample company did on a day.
func (a *App) governDemo(ctx context.Context, c *demo.Company, daysBefore int) error {
	here := c.Emails(false)
	by := retinue.Actor{Kind: "person", Name: here[0]}
	switch daysBefore {
	case demoFirstRulesDay:
		return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
			first := demoRules(tx.At())
			first.Rules = first.Rules[:2]
			return setRuleSet(tx, first, by)
		})
	case demoRulesDay:
		return a.DB.Update(ctx, func(tx *sqlstore.Tx) error { return setRuleSet(tx, demoRules(tx.At()), by) })
	case demoRegisterDay:
		if err := a.registerDemo(ctx, by, here, c.Emails(true)); err != nil {
			return err
		}
		return a.decideDemo(ctx, by)
	}
	return nil
}

// registerDemo registers a few of what nobody owns, some to people who have
// left since.
func (a *App) registerDemo(ctx context.Context, by retinue.Actor, here, left []string) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		p, err := tx.List(store.ListQuery{Type: retinue.FactIdentity, Filter: store.Filter{Owners: []string{store.None}, Classes: []string{string(retinue.ClassNonHuman)}},
			Sort: store.SortPriority, Desc: true, Limit: 60, Count: store.CountNone})
		if err != nil {
			return err
		}
		for i, row := range p.Items {
			g := retinue.Registration{Entity: row.ID, Owner: here[(i*7)%len(here)], Purpose: "Runs " + row.Name + " in " + row.Source,
				ReviewDate: tx.At().AddDate(0, 0, 20+i*3)}
			switch {
			case i%4 == 1:
				continue
			case i%6 == 2:
				g.Owner, g.ReviewDate = left[i%len(left)], time.Time{}
			}
			if err := register(tx, by, row.InternalKey, g); err != nil {
				return fmt.Errorf("register %s: %w", row.Name, err)
			}
		}
		return nil
	})
}

// decideDemo acknowledges some findings and accepts one risk for a time.
func (a *App) decideDemo(ctx context.Context, by retinue.Actor) error {
	var ids []retinue.FindingID
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		p, err := tx.ListFindings(store.FindingList{Sort: store.SortPriority, Desc: true, Limit: 12, Count: store.CountNone})
		for _, f := range p.Items {
			ids = append(ids, f.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		d := Decision{What: string(id), State: retinue.FindingAcknowledged, Reason: "looked at in the weekly round"}
		if i%5 == 4 {
			d = Decision{What: string(id), State: retinue.FindingAccepted, Reason: "the vendor changes it with the contract of next quarter", Until: a.DB.Now().AddDate(0, 3, 0)}
		}
		if _, err := a.Decide(ctx, by, d); err != nil {
			return err
		}
	}
	return nil
}
