package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Registration implements api.Registrations.
func (a *App) Registration(ctx context.Context, scope store.RowScope, id retinue.EntityID) (g retinue.Registration, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		_, g, err = registrationOf(tx, id)
		return err
	})
	return g, err
}

// registrationOf returns the governance record of an identity that the
// transaction's scope sees; without one the record is empty but for its id.
func registrationOf(tx *sqlstore.Tx, id retinue.EntityID) (int64, retinue.Registration, error) {
	if err := retinue.CheckID("idn_", string(id)); err != nil {
		return 0, retinue.Registration{}, fmt.Errorf("%w: identity %.64q", retinue.ErrNotFound, string(id))
	}
	key, g, err := tx.RegistrationOf(id)
	if err != nil || g == nil {
		return key, retinue.Registration{Entity: id}, err
	}
	return key, *g, nil
}

// EditRegistration implements api.Registrations.
func (a *App) EditRegistration(ctx context.Context, c auth.Caller, id retinue.EntityID, p api.RegistrationPatch, match func(any) error) (g retinue.Registration, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var key int64
		err := tx.Within(c.Scope(auth.PermInventoryEdit), func() error {
			var err error
			key, g, err = registrationOf(tx, id)
			return err
		})
		if err != nil {
			return err
		}
		if err := match(g); err != nil {
			return err
		}
		dir, err := directoryOf(tx)
		if err != nil {
			return err
		}
		before := g
		if err := patchRegistration(&g, p, dir); err != nil {
			return err
		}
		if g == before {
			return nil
		}
		return register(tx, c.Actor, key, g)
	})
	return g, err
}

// register keeps a governance record, on record with the names of owners as
// commitments.
func register(tx *sqlstore.Tx, by retinue.Actor, key int64, g retinue.Registration) error {
	if err := tx.Register(key, g, by); err != nil {
		return err
	}
	if err := settleRegistered(tx, by, key); err != nil {
		return err
	}
	details, payloads := committed(g)
	tx.Record(by, retinue.RecordRegistrationSet, string(g.Entity), details, payloads...)
	return nil
}

// committed returns a governance record as the audit log holds it: who answers
// for an identity stands there as commitments.
func committed(g retinue.Registration) (retinue.Registration, []sqlstore.Payload) {
	var payloads []sqlstore.Payload
	commit := func(field string, value *string) {
		if *value == "" {
			return
		}
		p := evidence.Commit(field, *value)
		*value = string(p.Commitment)
		payloads = append(payloads, sqlstore.Payload{Name: field, Salt: p.Salt, Data: p.Value})
	}
	commit("owner", &g.Owner)
	commit("backupOwner", &g.BackupOwner)
	return g, payloads
}

// patchRegistration lays the fields that are given over a record.
func patchRegistration(g *retinue.Registration, p api.RegistrationPatch, dir *steward.Directory) error {
	for _, f := range []struct {
		field string
		value *string
		to    *string
	}{
		{"owner", p.Owner, &g.Owner}, {"backupOwner", p.BackupOwner, &g.BackupOwner}, {"purpose", p.Purpose, &g.Purpose},
		{"application", p.Application, &g.Application}, {"dataClass", p.DataClass, &g.DataClass}, {"classReason", p.ClassReason, &g.ClassReason},
	} {
		if f.value == nil {
			continue
		}
		v := strings.TrimSpace(*f.value)
		if f.field != "purpose" && v != retinue.CleanName(v) || strings.ContainsRune(v, 0) {
			return badField("body."+f.field, "it holds control characters, or ones that reorder text")
		}
		if f.to == &g.Owner || f.to == &g.BackupOwner {
			v = ownerName(dir, v)
		}
		*f.to = v
	}
	if p.Environment != nil {
		g.Environment = retinue.Environment(*p.Environment)
	}
	if p.Criticality != nil {
		g.Criticality = retinue.Criticality(*p.Criticality)
	}
	if p.Class != nil {
		g.Class = retinue.Class(*p.Class)
	}
	if err := patchDate("endDate", p.EndDate, &g.EndDate); err != nil {
		return err
	}
	if err := patchDate("reviewDate", p.ReviewDate, &g.ReviewDate); err != nil {
		return err
	}
	switch {
	case g.Class != "" && g.ClassReason == "":
		return badField("body.classReason", "to override the class, give a reason")
	case g.BackupOwner != "" && steward.Fold(g.BackupOwner) == steward.Fold(g.Owner):
		return badField("body.backupOwner", "it is the owner: name somebody else")
	}
	return nil
}

func patchDate(field string, value *string, to *time.Time) error {
	if value == nil {
		return nil
	}
	text := strings.TrimSpace(*value)
	if text == "" {
		*to = time.Time{}
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 && t.Year() < 3000 {
			*to = t.UTC()
			return nil
		}
	}
	return badField("body."+field, "want a date such as 2026-12-31, or a time such as 2026-12-31T18:00:00Z")
}

// ownerName returns an owner as it is kept: under the name that the directory
// has, so that one person is not two, else as it was written.
func ownerName(dir *steward.Directory, word string) string {
	word = strings.TrimSpace(word)
	if p, ok := dir.Find(word); ok {
		return p.Name
	}
	return word
}

// maxAssigned bounds how many identities one assignment changes.
const maxAssigned = 20_000

// assigned is an identity before an assignment, for undo.
type assigned struct {
	Key    int64                 `json:"key"`
	Before *retinue.Registration `json:"before,omitempty"`
	After  retinue.Registration  `json:"after"`
}

// AssignOwner implements api.Registrations.
func (a *App) AssignOwner(ctx context.Context, c auth.Caller, in api.OwnerAssignment) (out api.AssignmentResult, err error) {
	if err := checkAssignment(in); err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		dir, err := directoryOf(tx)
		if err != nil {
			return err
		}
		out = api.AssignmentResult{Examples: []api.AssignedIdentity{}}
		if in.Owner != nil {
			out.Owner = ownerName(dir, *in.Owner)
			_, out.Known = dir.Find(out.Owner)
		}
		keys, err := selectIdentities(tx, c.Scope(auth.PermInventoryEdit), in)
		if err != nil {
			return err
		}
		page, err := tx.Ownables().Of(keys)
		if err != nil {
			return err
		}
		changes := plan(in, dir, page, &out)
		if in.DryRun || len(changes) == 0 {
			return nil
		}
		return assign(tx, c, in, changes, &out)
	})
	return out, err
}

func checkAssignment(in api.OwnerAssignment) error {
	switch {
	case (len(in.IDs) > 0) == (in.Filter != nil):
		return badField("body", "give one of ids and filter")
	case in.Owner == nil && in.BackupOwner == nil:
		return badField("body", "give an owner, a backup owner, or both")
	}
	for field, v := range map[string]*string{"body.owner": in.Owner, "body.backupOwner": in.BackupOwner} {
		if v != nil && *v != retinue.CleanName(*v) {
			return badField(field, "it holds control characters, or ones that reorder text")
		}
	}
	return nil
}

// selectIdentities returns the keys of what an assignment is about, as the
// caller may edit it.
func selectIdentities(tx *sqlstore.Tx, scope store.RowScope, in api.OwnerAssignment) (keys []int64, err error) {
	f := store.Filter{IDs: in.IDs}
	if in.Filter != nil {
		f = in.Filter.StoreFilter()
		f.Classes = []string{string(retinue.ClassNonHuman), string(retinue.ClassUnclear)}
	}
	q := store.ListQuery{Type: retinue.FactIdentity, Filter: f, Limit: store.MaxPage, Count: store.CountNone}
	err = tx.Within(scope, func() error {
		for {
			p, err := tx.List(q)
			if err != nil {
				return err
			}
			for _, r := range p.Items {
				keys = append(keys, r.InternalKey)
			}
			if len(keys) > maxAssigned {
				return badField("body.filter", fmt.Sprintf("it selects more than %d identities: narrow it, or write an ownership rule", maxAssigned))
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				return nil
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0, len(in.IDs) > 0 && len(keys) < len(in.IDs):
		return nil, fmt.Errorf("%w: %d of the identities are not there, or are not yours to edit", retinue.ErrNotFound, max(len(in.IDs)-len(keys), 1))
	case in.Filter != nil && in.Expect > 0 && in.Expect != len(keys):
		return nil, fmt.Errorf("%w: %d identities match now, not the %d that were shown: look again", retinue.ErrConflict, len(keys), in.Expect)
	}
	return keys, nil
}

// plan says what an assignment changes, and counts it.
func plan(in api.OwnerAssignment, dir *steward.Directory, page []store.Ownable, out *api.AssignmentResult) []assigned {
	var changes []assigned
	for i := range page {
		x := &page[i]
		x0 := retinue.Registration{Entity: x.ID}
		if x.Registration != nil {
			x0 = *x.Registration
		}
		after := x0
		if in.Owner != nil {
			after.Owner = out.Owner
		}
		if in.BackupOwner != nil {
			after.BackupOwner = ownerName(dir, *in.BackupOwner)
		}
		switch {
		case in.OnlyUnowned && x.Now.Owner != "" && x.Now.Owner != out.Owner:
			out.Skipped++
			continue
		case after == x0:
			out.Unchanged++
			continue
		}
		out.Changed++
		if x0.Owner != "" && in.Owner != nil {
			out.FromPerson++
		}
		if len(out.Examples) < steward.MaxExamples {
			out.Examples = append(out.Examples, api.AssignedIdentity{ID: x.ID, Name: x.Identity.Name, Before: x.Now.Owner})
		}
		changes = append(changes, assigned{Key: x.Key, Before: x.Registration, After: after})
	}
	return changes
}

// assign carries out an assignment, on record, with what takes it back.
func assign(tx *sqlstore.Tx, c auth.Caller, in api.OwnerAssignment, changes []assigned, out *api.AssignmentResult) error {
	keys := make([]int64, len(changes))
	ids := make([]string, len(changes))
	for i, x := range changes {
		if err := tx.Register(x.Key, x.After, c.Actor); err != nil {
			return err
		}
		keys[i], ids[i] = x.Key, string(x.After.Entity)
	}
	if err := settleRegistered(tx, c.Actor, keys...); err != nil {
		return err
	}
	details := map[string]any{"identities": ids}
	if in.Reason != "" {
		details["reason"] = in.Reason
	}
	named, payloads := committed(retinue.Registration{Owner: changes[0].After.Owner, BackupOwner: changes[0].After.BackupOwner})
	if in.Owner != nil {
		details["owner"] = named.Owner
	}
	if in.BackupOwner != nil {
		details["backupOwner"] = named.BackupOwner
	}
	tx.Record(c.Actor, retinue.RecordOwnershipAssigned, "identities", details, payloads...)
	var err error
	out.Undo, out.UndoUntil, err = keepUndo(tx, c, undoRegistrations, changes)
	return err
}

// undoRegistrations is the kind of undo that gives governance records back.
const undoRegistrations = "registrations"

// takeBackAssignment gives identities the governance records back that they
// had before an assignment, but those that somebody changed since. Whoever gave
// something away may no longer see it, and takes it back all the same.
func takeBackAssignment(tx *sqlstore.Tx, c auth.Caller, u store.Undo) (out api.UndoResult, err error) {
	var changes []assigned
	if err := json.Unmarshal(u.Body, &changes); err != nil {
		return out, fmt.Errorf("undo: %w", err)
	}
	if err := c.Authorize(auth.PermInventoryEdit); err != nil {
		return out, err
	}
	var keys []int64
	var ids []string
	for _, x := range changes {
		_, now, err := registrationOf(tx, x.After.Entity)
		switch {
		case errors.Is(err, retinue.ErrNotFound), err == nil && now != x.After:
			out.Kept++
			continue
		case err != nil:
			return out, err
		}
		if err := tx.SetRegistration(x.Key, x.Before, c.Actor); err != nil {
			return out, err
		}
		keys, ids = append(keys, x.Key), append(ids, string(x.After.Entity))
		out.Restored++
	}
	if err := settleRegistered(tx, c.Actor, keys...); err != nil {
		return out, err
	}
	tx.Record(c.Actor, retinue.RecordUndone, u.Kind, map[string]any{"restored": out.Restored, "kept": out.Kept, "identities": ids})
	return out, nil
}
