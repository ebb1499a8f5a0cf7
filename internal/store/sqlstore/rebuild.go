package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// metaLists says up to which form the rows that lists read were brought.
const (
	metaLists        = "lists"
	listsShape       = "3"
	listsShapeBefore = "12" // without figures of use, and of other organisations
)

// fill brings the rows that lists read into being in a database that was
// written before there were any, in one transaction: it costs what projecting
// everything once costs.
func (db *DB) fill(ctx context.Context) error {
	var shape string
	err := db.write.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = $1", metaLists).Scan(&shape)
	if err == nil && shape == listsShape {
		return nil
	}
	err = db.Update(ctx, func(tx *Tx) error {
		have, err := tx.Meta(metaLists)
		if err != nil || have == listsShape {
			return err
		}
		fill := tx.fill
		if have != "" && strings.Contains(listsShapeBefore, have) {
			fill = tx.recount // the rows are the same: figures were added
		}
		if err := fill(); err != nil {
			return err
		}
		return tx.SetMeta(metaLists, listsShape)
	})
	if err != nil {
		return fmt.Errorf("prepare lists: %w", err)
	}
	return nil
}

func (tx *Tx) fill() error {
	tx.filling = true
	defer func() { tx.filling = false }()
	for _, q := range []string{
		// A ref that was pointed at before its thing was stated did not lead to it.
		`UPDATE refs SET entity_id = (SELECT e.id FROM entities e WHERE e.ref_id = refs.id)
			WHERE entity_id IS NULL AND EXISTS (SELECT 1 FROM entities e WHERE e.ref_id = refs.id)`,
		`UPDATE entities SET source_id = (SELECT s.source_id FROM scopes s WHERE s.id = entities.scope_id),
			source = (SELECT o.name FROM scopes s JOIN sources o ON o.id = s.source_id WHERE s.id = entities.scope_id),
			search = lower(CASE WHEN name = '' THEN (SELECT r.key FROM refs r WHERE r.id = entities.ref_id) ELSE name END)`,
		`UPDATE entities SET version_from = COALESCE(gone_at, first_seen)`,
	} {
		if err := tx.exec(q); err != nil {
			return err
		}
	}
	if err := tx.fillEntities(); err != nil {
		return err
	}
	if err := tx.fillFindings(); err != nil {
		return err
	}
	versioned, err := tx.ints(`SELECT DISTINCT r.entity_id FROM facts f JOIN refs r ON r.id = f.ref_id
		WHERE f.rev_to IS NOT NULL AND f.dropped_rev IS NULL AND r.entity_id IS NOT NULL ORDER BY r.entity_id`)
	if err != nil {
		return err
	}
	for _, id := range versioned {
		if err := tx.rebuild(id); err != nil {
			return err
		}
	}
	return tx.recount()
}

// fillEntities projects every entity, those that leave something to others
// first.
func (tx *Tx) fillEntities() error {
	for _, credentials := range []string{"<>", "="} {
		after := int64(0)
		for {
			ids, err := tx.ints(fmt.Sprintf("SELECT id FROM entities WHERE type %s %d AND gone_at IS NULL AND id > $1 ORDER BY id LIMIT 500",
				credentials, store.TypeIndex(retinue.FactCredential)), after)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				break
			}
			after = ids[len(ids)-1]
			if err := tx.reproject(ids, 0, tx.at.UnixMicro()); err != nil {
				return err
			}
			for _, id := range ids {
				tx.stale[id] = struct{}{}
			}
		}
	}
	clear(tx.heirs) // each credential was projected after its holder
	return tx.settleCounts()
}

func (tx *Tx) fillFindings() error {
	type row struct {
		id, entity int64
		f          retinue.Finding
	}
	page := func(q string, after int64) (out []row, err error) {
		err = tx.query(func(rows *sql.Rows) error {
			var r row
			var body string
			if err := rows.Scan(&r.id, &r.entity, &body); err != nil {
				return err
			}
			out = append(out, r)
			return json.Unmarshal([]byte(body), &out[len(out)-1].f)
		}, q, after)
		return out, err
	}
	each := func(q string, fn func(row) error) error {
		after := int64(0)
		for {
			rows, err := page(q, after)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, r := range rows {
				after = r.id
				if err := fn(r); err != nil {
					return err
				}
			}
		}
	}
	err := each("SELECT id, entity_id, body FROM findings WHERE id > $1 ORDER BY id LIMIT 500", func(r row) error {
		source, err := tx.sourceOf(r.entity)
		if err != nil {
			return err
		}
		return tx.exec("UPDATE findings SET source_id = $1, search = $2, owasp = $3 WHERE id = $4",
			source, findingSearch(r.f), listedOf(r.entity, r.f).owasp, r.id)
	})
	if err != nil {
		return err
	}
	return each("SELECT id, finding_id, body FROM finding_versions WHERE id > $1 ORDER BY id LIMIT 500", func(r row) error {
		return tx.exec("UPDATE finding_versions SET severity = $1, state = $2, suppressed = $3, priority = $4, last_seen = $5 WHERE id = $6",
			listedOf(0, r.f).severity, string(r.f.State), r.f.Suppressed, r.f.Priority, r.f.LastSeen.UnixMicro(), r.id)
	})
}

// recount counts every figure from nothing.
func (tx *Tx) recount() error {
	clear(tx.figures)
	if err := tx.exec("DELETE FROM figures"); err != nil {
		return err
	}
	err := tx.query(func(rows *sql.Rows) error {
		var t int
		var source, n int64
		var kind, class, environment, state string
		var owned bool
		if err := rows.Scan(&t, &source, &kind, &class, &environment, &state, &owned, &n); err != nil {
			return err
		}
		s := shown{kind: kind, class: class, environment: environment, state: state}
		if owned {
			s.owner = "owned"
		}
		s.figureKeys(t, sql.NullInt64{}, func(name string, key ...string) {
			if name == figureEntities {
				tx.count(source, n)(name, key...)
			}
		})
		return nil
	}, fmt.Sprintf(countEntities, "entities e")+groupEntities)
	if err != nil {
		return err
	}
	for _, name := range []string{figureStatic, figureExpiry} {
		if err := tx.countDays("entities e", name, "", func(source int64, day string, n int64) { tx.count(source, n)(name, day) }); err != nil {
			return err
		}
	}
	if err := tx.recountUse(); err != nil {
		return err
	}
	if err := tx.recountThirdParties(); err != nil {
		return err
	}
	err = tx.query(func(rows *sql.Rows) error {
		var t int
		var n int64
		if err := rows.Scan(&t, &n); err != nil {
			return err
		}
		tx.count(0, n)(figureFacts, string(store.TypeAt(t)))
		return nil
	}, "SELECT type, count(*) FROM facts WHERE rev_to IS NULL GROUP BY type")
	if err != nil {
		return err
	}
	err = tx.countFindings("", func(k listedFinding, n int64) { k.figureKeys(tx.count(0, n)) })
	if err != nil {
		return err
	}
	return tx.writeFigures()
}

// heldFact is a fact about an entity with the time for which it is believed to
// have held.
type heldFact struct {
	stated
	obsTo sql.NullInt64
}

// rebuild writes the versions of an entity's row again from the versions of
// its facts: after an old observation came in, after it was joined with
// another or split from one.
func (tx *Tx) rebuild(entity int64) error {
	states, err := tx.states(tx.intList([]int64{entity}))
	if err != nil {
		return err
	}
	st := states[entity]
	if st == nil {
		return nil
	}
	var facts []heldFact
	err = tx.query(func(rows *sql.Rows) error {
		var f heldFact
		var body string
		if err := rows.Scan(&f.refID, &f.key, &f.scopeID, &f.sourceID, &f.ftype, &body, &f.authority, &f.obsFrom, &f.obsTo); err != nil {
			return err
		}
		f.body = []byte(body)
		facts = append(facts, f)
		return nil
	}, `SELECT f.ref_id, r.key, f.scope_id, s.source_id, f.type, f.body, s.authority, f.obs_from, f.obs_to
		FROM refs r JOIN facts f ON f.ref_id = r.id AND f.dropped_rev IS NULL JOIN scopes s ON s.id = f.scope_id
		WHERE r.entity_id = $1 ORDER BY s.authority DESC, f.obs_from DESC, f.id`, entity)
	if err != nil {
		return fmt.Errorf("rebuild versions: %w", err)
	}
	if err := tx.rebuildFrom(st, facts); err != nil {
		return fmt.Errorf("rebuild versions: %w", err)
	}
	return nil
}

func (tx *Tx) rebuildFrom(st *state, facts []heldFact) error {
	registered, err := tx.registrationsOf(st.id)
	if err != nil {
		return err
	}
	var times []int64
	for _, f := range facts {
		times = append(times, f.obsFrom)
		if f.obsTo.Valid {
			times = append(times, f.obsTo.Int64)
		}
	}
	for _, r := range registered {
		times = append(times, r.from)
	}
	judged, err := tx.ints(`SELECT v.from_at FROM findings f JOIN finding_versions v ON v.finding_id = f.id WHERE f.entity_id = $1`, st.id)
	if err != nil {
		return err
	}
	times = append(times, judged...)
	slices.Sort(times)
	times = slices.Compact(times)
	var out []pastRow
	for i, at := range times {
		end := int64(0) // none
		if i+1 < len(times) {
			end = times[i+1]
		}
		row, ok, err := tx.rowThen(st, facts, registered, at)
		if err != nil {
			return err
		}
		if n := len(out); ok && n > 0 && out[n-1].to == at && out[n-1].row == row {
			out[n-1].to = end
		} else if ok {
			out = append(out, pastRow{row, at, end})
		}
	}
	return tx.writePast(st, out)
}

type pastRow struct {
	row      shown
	from, to int64 // to is 0 where it still holds
}

type registeredThen struct {
	from         int64
	registration *retinue.Registration
}

func (tx *Tx) registrationsOf(entity int64) ([]registeredThen, error) {
	var out []registeredThen
	err := tx.query(func(rows *sql.Rows) error {
		r := registeredThen{registration: &retinue.Registration{}}
		var body string
		if err := rows.Scan(&r.from, &body); err != nil {
			return err
		}
		out = append(out, r)
		return json.Unmarshal([]byte(body), r.registration)
	}, "SELECT from_at, body FROM registrations WHERE entity_id = $1 ORDER BY from_at, id", entity)
	return out, err
}

// rowThen is the row that an entity had at a time.
func (tx *Tx) rowThen(st *state, facts []heldFact, registered []registeredThen, at int64) (shown, bool, error) {
	var held []stated
	for _, f := range facts {
		if f.obsFrom <= at && (!f.obsTo.Valid || f.obsTo.Int64 > at) {
			held = append(held, f.stated)
		}
	}
	if len(held) == 0 {
		return shown{}, false, nil
	}
	then := *st
	then.registration, then.firstSeen = nil, st.firstSeen
	for _, r := range registered {
		if r.from <= at {
			then.registration = r.registration
		}
	}
	conflicts := tx.conflicts
	p, err := tx.projection(&then, held)
	tx.conflicts = conflicts // they were reported when they arose
	if err != nil {
		return shown{}, false, err
	}
	if err := tx.locate([]*projected{p}); err != nil {
		return shown{}, false, err
	}
	p.now.soft = soft{worst: noFinding, credentials: st.credentials, privileged: p.now.privileged, thirdParty: p.now.thirdParty}
	return p.now, true, tx.findingsThen(&p.now, st.id, at)
}

func (tx *Tx) findingsThen(s *shown, entity, at int64) error {
	return tx.query(func(rows *sql.Rows) error {
		var severity, n, priority int64
		if err := rows.Scan(&severity, &n, &priority); err != nil {
			return err
		}
		if severity >= 0 && severity < int64(len(s.open)) {
			s.open[severity], s.priority, s.worst = n, max(s.priority, priority), min(s.worst, severity)
		}
		return nil
	}, `SELECT v.severity, count(*), max(v.priority) FROM findings f JOIN finding_versions v ON v.finding_id = f.id
		WHERE f.entity_id = $1 AND v.from_at <= $2 AND (v.to_at IS NULL OR v.to_at > $2) AND `+strings.ReplaceAll(openFinding, "f.", "v.")+`
		GROUP BY v.severity`, entity, at)
}

func (tx *Tx) writePast(st *state, past []pastRow) error {
	if err := tx.exec("DELETE FROM entity_versions WHERE id = $1", st.id); err != nil {
		return err
	}
	var public string
	if err := tx.queryRow("SELECT public_id FROM entities WHERE id = $1", st.id).Scan(&public); err != nil {
		return err
	}
	ins := newBulk(tx, `entity_versions (id, from_at, to_at, public_id, type, `+hardColumns+`, `+softColumns+`)`, " ON CONFLICT DO NOTHING")
	for _, p := range past {
		if p.to == 0 {
			if err := tx.exec("UPDATE entities SET version_from = $1 WHERE id = $2 AND gone_at IS NULL", p.from, st.id); err != nil {
				return err
			}
			continue
		}
		args := append([]any{st.id, p.from, p.to, public, st.etype}, p.row.hardValues()...)
		if err := ins.add(append(args, p.row.soft.values()...)...); err != nil {
			return err
		}
	}
	return ins.flush()
}
