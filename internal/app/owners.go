package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ListOwners implements api.Owners.
func (a *App) ListOwners(ctx context.Context, scope store.RowScope) (out []api.Owner, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		dir, err := directoryOf(tx)
		if err != nil {
			return err
		}
		figures, err := tx.OwnerFigures()
		for _, f := range figures {
			out = append(out, ownerOfFigures(dir, f))
		}
		return err
	})
	return out, err
}

func ownerOfFigures(dir *steward.Directory, f store.OwnerFigures) api.Owner {
	o := api.Owner{ID: f.Owner, Identities: f.Identities, Findings: f.Findings, Explicit: f.Explicit, Unreviewed: f.Unreviewed,
		Privileged: f.Privileged, BackupFor: f.BackupFor}
	if o.ID == "" {
		o.ID = store.None
		return o
	}
	if p, ok := dir.Find(f.Owner); ok {
		o.Title, o.Kind, o.Left = p.Title, p.Kind, p.Left
	}
	return o
}

// ReadOwner implements api.Owners.
func (a *App) ReadOwner(ctx context.Context, scope store.RowScope, name string) (out api.OwnerDetail, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		dir, err := directoryOf(tx)
		if err != nil {
			return err
		}
		word := name
		if name == store.None {
			word = ""
		}
		figures, err := tx.OwnerFigures(word)
		if err != nil {
			return err
		}
		p, known := dir.Find(word)
		seen := []api.KnownCredential{}
		if known && p.Left {
			if seen, err = knownBy(tx, dir, p.Name); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(figures, func(f store.OwnerFigures) bool { return f.Owner == word })
		if i < 0 && len(seen) == 0 {
			return fmt.Errorf("%w: owner %.64q answers for nothing that you may see", retinue.ErrNotFound, name)
		}
		f := store.OwnerFigures{Owner: p.Name}
		if i >= 0 {
			f = figures[i]
		}
		out = api.OwnerDetail{Owner: ownerOfFigures(dir, f), Teams: []string{}, Rules: []string{}, Successors: []steward.Suggestion{}, Known: seen}
		if known && word != "" {
			out.Teams, out.Manager = orEmpty(distinct(p.Teams)), p.Manager
			if p.Left {
				out.Successors = orEmpty(steward.Succeed(word, "", dir))
			}
		}
		set, _, err := ruleSetOf(tx)
		for _, r := range set.Rules {
			if word != "" && (r.Owner == word || r.Backup == word) {
				out.Rules = append(out.Rules, r.ID)
			}
		}
		return err
	})
	return out, err
}

func distinct(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// The reasons for which an identity is in the queue.
const (
	reasonUnowned = "unowned"
	reasonLeft    = "owner_left"
)

// OwnerQueue implements api.Owners.
func (a *App) OwnerQueue(ctx context.Context, scope store.RowScope, q api.QueueQuery) (out api.QueuePage, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		d, err := newDetective(tx)
		if err != nil {
			return err
		}
		q.List.Filter.Owners = []string{store.None}
		if len(q.List.Filter.Classes) == 0 {
			q.List.Filter.Classes = []string{string(retinue.ClassNonHuman)}
		}
		if len(q.List.Filter.Managed) == 0 {
			q.List.Filter.Managed = []string{store.None}
		}
		if q.Reason == reasonLeft {
			if q.List.Filter.Owners, err = ownersWhoLeft(tx, d.dir); err != nil || len(q.List.Filter.Owners) == 0 {
				return err
			}
		}
		p, err := tx.List(q.List)
		if err != nil {
			return err
		}
		out.Next, out.Total, out.TotalIsMore = p.Next, p.Total, p.TotalIsMore
		for _, row := range p.Items {
			item, err := d.queued(row, q.Reason)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, item)
		}
		return nil
	})
	return out, err
}

// ownersWhoLeft lists the owners of what the scope sees of whom the directory
// says that they left.
func ownersWhoLeft(tx *sqlstore.Tx, dir *steward.Directory) ([]string, error) {
	figures, err := tx.OwnerFigures()
	var out []string
	for _, f := range figures {
		if p, ok := dir.Find(f.Owner); ok && p.Left && f.Identities > 0 {
			out = append(out, f.Owner)
		}
	}
	return out, err
}

func (d *detective) queued(row store.ListRow, reason string) (api.QueueItem, error) {
	item := api.QueueItem{ListRow: row, Reason: reasonUnowned}
	found, err := d.suggest(row.InternalKey)
	if err != nil {
		return item, err
	}
	if reason == reasonLeft {
		item.Reason, item.Left = reasonLeft, row.Owner
		found, err = d.successors(row.InternalKey, row.Owner, found)
	}
	item.Suggestions = orEmpty(found)
	return item, err
}

// successors puts who takes over from somebody who left before what else
// speaks for an owner.
func (d *detective) successors(key int64, owner string, found []steward.Suggestion) ([]steward.Suggestion, error) {
	o, err := d.tx.Owner(key)
	if err != nil {
		return nil, err
	}
	out := steward.Succeed(owner, o.Backup, d.dir)
	for _, s := range found {
		if !slices.ContainsFunc(out, func(x steward.Suggestion) bool { return steward.Fold(x.Owner) == steward.Fold(s.Owner) }) {
			out = append(out, s)
		}
	}
	return out[:min(len(out), steward.MaxSuggestions)], nil
}

// IdentityOwnership implements api.Owners.
func (a *App) IdentityOwnership(ctx context.Context, scope store.RowScope, id retinue.EntityID) (out api.IdentityOwnership, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		key, _, err := registrationOf(tx, id)
		if err != nil {
			return err
		}
		out, err = ownershipOf(tx, key)
		return err
	})
	return out, err
}

func ownershipOf(tx *sqlstore.Tx, key int64) (out api.IdentityOwnership, err error) {
	out = api.IdentityOwnership{Now: api.OwnershipPeriod{How: steward.HowNone}, History: []api.OwnershipPeriod{}, Denied: []string{}}
	all, err := tx.Ownerships(key)
	if err != nil {
		return out, err
	}
	d, err := newDetective(tx)
	if err != nil {
		return out, err
	}
	titles, err := ruleTitles(tx)
	if err != nil {
		return out, err
	}
	for _, o := range all {
		p := api.OwnershipPeriod{Owner: o.Owner, Backup: o.Backup, From: o.From, To: o.To, How: steward.How(o.How), Rule: o.Rule,
			Title: titles[o.Rule], Why: o.Why}
		if o.By.Name != "" {
			by := o.By
			p.By = &by
		}
		if o.To.IsZero() {
			who, ok := d.dir.Find(o.Owner)
			p.Left = ok && who.Left
			out.Now = p
			continue
		}
		out.History = append(out.History, p)
	}
	if out.Now.Owner == "" {
		if err := registeredBefore(tx, key, &out.Now); err != nil {
			return out, err
		}
	}
	found, err := d.suggest(key)
	if err != nil {
		return out, err
	}
	if out.Now.Left {
		if found, err = d.successors(key, out.Now.Owner, found); err != nil {
			return out, err
		}
	}
	out.Suggestions = orEmpty(found)
	denied, err := tx.DeniedOwners(key)
	out.Denied = orEmpty(denied)
	return out, err
}

// registeredBefore tells about an owner who was registered before owners were
// kept apart, and whom nothing has settled since.
func registeredBefore(tx *sqlstore.Tx, key int64, now *api.OwnershipPeriod) error {
	versions, err := tx.RegistrationVersions(key)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v.Until.IsZero() && v.Registration.Owner != "" {
			by := v.By
			*now = api.OwnershipPeriod{Owner: v.Registration.Owner, Backup: v.Registration.BackupOwner, From: v.At, How: steward.HowExplicit,
				Why: "registered by a person", By: &by}
		}
	}
	return nil
}

// ruleTitles are the titles of all ownership rules that there were, by id.
func ruleTitles(tx *sqlstore.Tx) (map[string]string, error) {
	out := map[string]string{}
	versions, err := tx.OwnershipRulesVersions()
	if err != nil {
		return nil, err
	}
	for _, v := range slices.Backward(versions) {
		set, err := decodeRules(v.Body)
		if err != nil {
			return nil, err
		}
		for _, r := range set.Rules {
			out[r.ID] = r.Title
		}
	}
	return out, nil
}

// DenyOwner implements api.Owners.
func (a *App) DenyOwner(ctx context.Context, c auth.Caller, id retinue.EntityID, in api.OwnerDenial) (out api.IdentityOwnership, err error) {
	if in.Candidate = strings.TrimSpace(in.Candidate); in.Candidate == "" || retinue.CleanName(in.Candidate) != in.Candidate {
		return out, badField("body.candidate", "name who is not the owner")
	}
	var key int64
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		err := tx.Within(c.Scope(auth.PermInventoryEdit), func() error {
			var err error
			key, _, err = registrationOf(tx, id)
			return err
		})
		if err != nil {
			return err
		}
		if err := tx.DenyOwner(store.OwnerDenial{Entity: key, Candidate: in.Candidate, Reason: in.Reason, By: c.Actor}); err != nil {
			return err
		}
		p := evidence.Commit("candidate", in.Candidate)
		tx.Record(c.Actor, retinue.RecordOwnershipDenied, string(id), map[string]any{"candidate": p.Commitment, "reason": in.Reason},
			sqlstore.Payload{Name: "candidate", Salt: p.Salt, Data: p.Value})
		return nil
	})
	if err != nil {
		return out, err
	}
	return a.IdentityOwnership(ctx, c.Scope(auth.PermInventoryEdit), id)
}

// previewTime bounds how long a preview of ownership rules looks.
const previewTime = 30 * time.Second
