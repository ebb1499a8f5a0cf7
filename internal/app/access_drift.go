package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// driftJob asks how access changed since it was last looked at. It follows the
// judge.
type driftJob struct{}

// Kind implements jobs.Args.
func (driftJob) Kind() string { return "access_drift" }

// driftMost is the number of identities up to which access is compared after
// each scan: beyond it the comparison takes longer than scanning.
const driftMost = 200_000

// metaDrift names what the comparison remembers.
const metaDrift = "access.drift"

// driftMark is how far access was compared.
type driftMark struct {
	Revision int64 `json:"revision"`
	// Basis is the program and the rules by which: another one sees other
	// things, and that is no change of access.
	Basis string `json:"basis"`
	// Read are the realms with the sources that stated them, "realm source".
	// What the first scan of a source finds is no news.
	Read []string `json:"read"`
}

// drift compares what the access of every identity comes to with what it came to
// when it was last looked at. Where no fact of access moved, there is nothing to
// do.
func (a *App) drift(ctx context.Context) error {
	before, now, due, err := a.driftDue(ctx)
	if err != nil || !due {
		return err
	}
	e, err := a.Estate(ctx, store.AsOf{})
	if errors.Is(err, retinue.ErrInvalid) {
		a.log.Warn("access not compared", "error", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	standings := e.Standings()
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if mark, err := readDrift(tx); err != nil || mark.Revision != before.Revision || mark.Basis != before.Basis {
			return err // somebody else compared
		}
		d := &drifter{app: a, tx: tx, estate: e, before: before, now: now, silent: before.Basis != now.Basis, known: before.known(now)}
		if err := d.compare(standings); err != nil {
			return err
		}
		text, err := json.Marshal(now)
		if err != nil {
			return err
		}
		return errors.Join(tx.SetMeta(metaDrift, string(text)), d.done(ctx))
	})
}

// driftDue reports how far access was compared, how far it is now, and whether
// there can be anything new.
func (a *App) driftDue(ctx context.Context) (before, now driftMark, due bool, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		if before, err = readDrift(tx); err != nil {
			return err
		}
		now.Basis = Version + " " + a.packID
		if now.Revision, err = tx.MaxRevision(); err != nil {
			return err
		}
		if before.Basis == now.Basis {
			if due, err = tx.FactsMoved(before.Revision, estate.Facts()...); err != nil || !due {
				return err
			}
		}
		page, err := tx.List(store.ListQuery{Type: retinue.FactIdentity, Limit: 1, Count: store.CountExact})
		if err != nil {
			return err
		}
		if due = page.Total > 0 && page.Total <= driftMost; !due {
			return nil
		}
		scopes, err := tx.Scopes()
		for _, s := range scopes {
			if word := string(s.Scope.Realm) + " " + s.Source; !slices.Contains(now.Read, word) {
				now.Read = append(now.Read, word)
			}
		}
		return err
	})
	return before, now, due, err
}

func readDrift(tx *sqlstore.Tx) (m driftMark, err error) {
	text, err := tx.Meta(metaDrift)
	if err != nil || text == "" {
		return m, err
	}
	if json.Unmarshal([]byte(text), &m) != nil {
		return driftMark{}, nil //nolint:nilerr // kept by another version: compared anew
	}
	return m, nil
}

// known returns whether a realm was read before, and by no fewer sources than
// now.
func (m driftMark) known(now driftMark) func(retinue.Realm) bool {
	fresh, seen := map[string]bool{}, map[string]bool{}
	for _, word := range now.Read {
		realm, _, _ := strings.Cut(word, " ")
		seen[realm] = true
		if !slices.Contains(m.Read, word) {
			fresh[realm] = true
		}
	}
	return func(r retinue.Realm) bool { return seen[string(r)] && !fresh[string(r)] }
}

// drifter compares standings within a transaction.
type drifter struct {
	app         *App
	tx          *sqlstore.Tx
	estate      *estate.Estate
	before, now driftMark
	silent      bool
	known       func(retinue.Realm) bool
	raiser      *raiser
	counts      map[string]int
}

func (d *drifter) compare(standings map[retinue.Ref]estate.Standing) error {
	have, err := d.tx.Standings()
	if err != nil {
		return err
	}
	if d.raiser, err = d.app.newRaiser(d.tx); err != nil {
		return err
	}
	d.counts = map[string]int{}
	var identities []store.Entity
	for e, err := range d.tx.Entities(store.EntityQuery{Type: retinue.FactIdentity}) {
		if err != nil {
			return err
		}
		identities = append(identities, e)
	}
	for _, e := range identities {
		is := standings[d.estate.Same(e.Ref())]
		body := ""
		if !is.IsZero() {
			text, err := json.Marshal(is)
			if err != nil {
				return err
			}
			body = string(text)
		}
		was := have[e.InternalKey]
		delete(have, e.InternalKey)
		if body == was {
			continue
		}
		if err := d.tx.SetStanding(e.InternalKey, body); err != nil {
			return err
		}
		if err := d.changed(e, was, is); err != nil {
			return err
		}
	}
	for gone := range have {
		if err := d.tx.SetStanding(gone, ""); err != nil {
			return err
		}
	}
	if len(d.counts) > 0 {
		d.tx.Record(retinue.Actor{Kind: "system", Name: "access"}, retinue.RecordAccessChanged, strconv.FormatInt(d.now.Revision, 10), d.counts)
	}
	return nil
}

// changed tells how the standing of an identity changed, unless it is news of a
// first scan.
func (d *drifter) changed(e store.Entity, body string, is estate.Standing) error {
	var was estate.Standing
	if body != "" {
		if json.Unmarshal([]byte(body), &was) != nil {
			return nil //nolint:nilerr // kept by another version: nothing to set it beside
		}
	}
	if d.silent || !d.known(e.Realm) {
		return nil
	}
	for _, c := range drifts(was, is, d.known) {
		if err := d.tell(e, c); err != nil {
			return err
		}
	}
	return nil
}

// drifted is one change of access.
type drifted struct {
	kind     notice.Kind
	severity retinue.Severity
	// about tells changes of one kind and identity apart.
	about string
	text  string
	over  bool // it settles what was told before
}

// drifts lists what a standing has over another one that matters.
func drifts(was, is estate.Standing, known func(retinue.Realm) bool) []drifted {
	var out []drifted
	switch {
	case is.Administrator && !was.Administrator:
		out = append(out, drifted{notice.AdministratorGained, retinue.SeverityCritical, "self", "It now administers its system.", false})
	case was.Administrator && !is.Administrator:
		out = append(out, drifted{notice.AdministratorLost, retinue.SeverityLow, "self", "It administers its system no more.", true})
	}
	for _, r := range is.Reaches {
		if slices.Contains(was.Reaches, r) || !known(r.Realm) {
			continue
		}
		switch r.Sort {
		case estate.ReachedAdministrator:
			out = append(out, drifted{notice.AdministratorGained, retinue.SeverityHigh, string(r.Realm), fmt.Sprintf("It can now come to an administrator of %s.", r.Realm), false})
		case estate.ReachedProduction:
			out = append(out, drifted{notice.ProductionReached, retinue.SeverityHigh, string(r.Realm), fmt.Sprintf("It now comes to production in %s.", r.Realm), false})
		default:
			out = append(out, drifted{notice.ProductionReached, retinue.SeverityHigh, r.Sort + " " + string(r.Realm), fmt.Sprintf("It now comes to %s data in %s.", r.Sort, r.Realm), false})
		}
	}
	for _, r := range was.Reaches {
		if r.Sort == estate.ReachedAdministrator && !slices.Contains(is.Reaches, r) && known(r.Realm) {
			out = append(out, drifted{notice.AdministratorLost, retinue.SeverityLow, string(r.Realm), fmt.Sprintf("It comes to no administrator of %s any more.", r.Realm), true})
		}
	}
	for _, a := range is.Admits {
		if !slices.ContainsFunc(was.Admits, func(o estate.Admission) bool { return o.Covers(a) }) {
			out = append(out, widened(a))
		}
	}
	return out
}

func widened(a estate.Admission) drifted {
	who, severity := a.Name, retinue.SeverityMedium
	switch {
	case a.Kind == retinue.TrusteeAnyone:
		who, severity = "anyone", retinue.SeverityHigh
	case a.Subject != "":
		who = "tokens of " + a.Name + " for " + a.Subject
	}
	text := "It can now be taken over by " + who
	if len(a.Conditions) > 0 {
		text += ", limited by " + strings.Join(a.Conditions, ", ")
	}
	return drifted{notice.TrustWidened, severity, strings.Join([]string{string(a.Kind), a.Name, a.Subject, a.Audience}, " "), text + ".", false}
}

// tell keeps a change and raises its notice.
func (d *drifter) tell(e store.Entity, c drifted) error {
	d.counts[string(c.kind)]++
	if err := d.tx.AddAccessChange(e.InternalKey, store.AccessChange{Kind: string(c.kind), Text: c.text, Revision: d.now.Revision}); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(c.about))
	about := string(e.ID) + "/" + hex.EncodeToString(sum[:8])
	if c.over {
		if err := d.raiser.settle("access/"+string(notice.AdministratorGained)+"/"+about, store.NoticeResolved, ""); err != nil {
			return err
		}
	}
	b := entityBody(e)
	b.Title, b.Text = driftTitle(c.kind)+": "+b.SubjectName, c.text
	return d.raiser.raise(store.Notice{Key: "access/" + string(c.kind) + "/" + about, Kind: string(c.kind), Severity: c.severity, Entity: e.InternalKey, Source: e.Source, Body: b})
}

func driftTitle(k notice.Kind) string {
	switch k {
	case notice.AdministratorGained:
		return "Gained administrator"
	case notice.AdministratorLost:
		return "Lost administrator"
	case notice.TrustWidened:
		return "Trust widened"
	}
	return "New reach to production"
}

func (d *drifter) done(ctx context.Context) error { return d.raiser.done(ctx) }

// AccessChanges lists how access changed, the newest first, as far as a reader
// may see it.
func (a *App) AccessChanges(ctx context.Context, scope store.RowScope, q store.AccessChangeQuery) (out []store.AccessChange, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		out, err = tx.AccessChanges(q)
		return err
	})
	return out, err
}
