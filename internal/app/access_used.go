package app

import (
	"context"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// maxGrantUsers is of how many identities it is looked up which of their grants
// were used, for one question. Of the others it is not known.
const maxGrantUsers = 500

// grantUse answers from the usage history whether grants were used.
type grantUse struct {
	ctx    context.Context
	access *Access
	reader *reader
	known  map[retinue.Ref]map[grantName]*bool
	err    error
}

// grantName is a statement of a document, as reasons name it.
type grantName struct{ document, statement string }

// grantsUsed returns what tells of a grant whether a use is on record, nil where
// no log was read, or another date than now is asked about.
func (x *Access) grantsUsed(ctx context.Context, r *reader) (*grantUse, error) {
	if x.at != (store.AsOf{}) {
		return nil, nil
	}
	var read bool
	err := x.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		list, err := tx.UsageCoverage("")
		read = len(list) > 0
		return err
	})
	if err != nil || !read {
		return nil, err
	}
	return &grantUse{ctx: ctx, access: x, reader: r, known: map[retinue.Ref]map[grantName]*bool{}}, nil
}

// of says whether a use of a grant is on record, nil where that is not known.
func (u *grantUse) of(g graph.Grant) *bool {
	if u == nil || u.err != nil || g.Reason.Document == "" {
		return nil
	}
	uses, ok := u.known[g.Subject]
	if !ok {
		if len(u.known) < maxGrantUsers {
			uses = u.look(g.Subject)
		}
		u.known[g.Subject] = uses
	}
	return uses[grantName{g.Reason.Document, g.Reason.Statement}]
}

// look finds of an identity which of its grants were used. A statement that is
// held for several consequences was used if it was for one.
func (u *grantUse) look(subject retinue.Ref) map[grantName]*bool {
	thing, err := u.reader.ref(subject)
	if err != nil || thing.ID == "" {
		u.err = err
		return nil
	}
	unused, err := u.access.app.UnusedGrants(u.ctx, u.access.scope, thing.ID)
	if err != nil || !unused.Known {
		u.err = err
		return nil
	}
	held := map[grantName]int{}
	for _, h := range u.reader.estate.Held(u.reader.estate.Same(subject)) {
		for _, b := range h.Because {
			if b.Effect == "allow" {
				held[grantName{b.Document, b.Statement}]++
				break
			}
		}
	}
	return grantUses(held, unused)
}

// grantUses says of each statement whether it was used: not, if all that is held
// by it was not; not known, where the log cannot show it or it is too new.
func grantUses(held map[grantName]int, unused replay.UnusedGrants) map[grantName]*bool {
	idle, unseen := map[grantName]int{}, map[grantName]bool{}
	for _, g := range unused.Unused {
		if g.Whole {
			idle[grantName{g.Document, g.Statement}]++
		}
	}
	for _, g := range slices.Concat(unused.Unseen, unused.Recent) {
		unseen[grantName{g.Document, g.Statement}] = true
	}
	out := map[grantName]*bool{}
	for name, n := range held {
		if !unseen[name] {
			used := idle[name] < n
			out[name] = &used
		}
	}
	return out
}
