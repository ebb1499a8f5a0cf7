package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Erased stands where the name of a person was erased.
const Erased = "[erased]"

// PurgePerson erases the personal data of a person who is known by words such
// as an e-mail address and a name: what the audit log commits to, earlier
// owners and registrations, and what sources stated of them, where none does
// any more, and how logs and what was noticed in them name them. The commitments
// stay, so that the log still holds. ErrConflict says that they still answer for
// something, or that a source still states them. mask is the pseudonym by which
// sentences call a person, which goes as well; nil where there are none.
func (tx *Tx) PurgePerson(words []string, mask func(name string) string) (map[string]int64, error) {
	out := map[string]int64{}
	for i, w := range words {
		words[i] = strings.ToLower(strings.TrimSpace(w))
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: purge person: name one", retinue.ErrInvalid)
	}
	list := tx.db.d.list(words)
	in := " IN (SELECT v FROM " + tx.db.d.each("$1") + " j)"
	var owned int64
	if err := tx.queryRow("SELECT count(*) FROM entities WHERE gone_at IS NULL AND lower(owner)"+in, list).Scan(&owned); err != nil {
		return nil, fmt.Errorf("purge person: %w", err)
	}
	if owned > 0 {
		return nil, fmt.Errorf("%w: purge person: they answer for %d things: give those another owner first", retinue.ErrConflict, owned)
	}
	for name, q := range map[string]string{
		"payloads":  "DELETE FROM record_payloads WHERE lower(payload)" + in,
		"owners":    "UPDATE ownerships SET owner = '" + Erased + "' WHERE to_at IS NOT NULL AND lower(owner)" + in,
		"backups":   "UPDATE ownerships SET backup = '" + Erased + "' WHERE to_at IS NOT NULL AND lower(backup)" + in,
		"denials":   "DELETE FROM owner_denials WHERE lower(candidate)" + in,
		"pastLists": "UPDATE entity_versions SET owner = '" + Erased + "' WHERE lower(owner)" + in,
	} {
		res, err := tx.execResult(q, list)
		if err != nil {
			return nil, fmt.Errorf("purge person: %w", err)
		}
		if out[name], err = res.RowsAffected(); err != nil {
			return nil, fmt.Errorf("purge person: %w", err)
		}
	}
	var err error
	if out["registrations"], err = tx.purgeRegistrations(words); err != nil {
		return nil, fmt.Errorf("purge person: %w", err)
	}
	out["facts"], err = tx.purgeFacts(words)
	if err != nil {
		return nil, fmt.Errorf("purge person: %w", err)
	}
	e, refs, consumers, err := tx.purgeUsers(words, mask)
	if err != nil {
		return nil, fmt.Errorf("purge person: %w", err)
	}
	out["refs"], out["consumers"] = refs, consumers
	if out["signals"], out["dismissals"], err = tx.purgeSignals(e); err != nil {
		return nil, fmt.Errorf("purge person: %w", err)
	}
	return out, nil
}

// purgeRegistrations takes a person out of registrations that were replaced.
func (tx *Tx) purgeRegistrations(words []string) (n int64, err error) {
	bodies := map[int64]string{}
	err = tx.query(func(rows *sql.Rows) error {
		var id int64
		var body string
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		var g retinue.Registration
		if err := json.Unmarshal([]byte(body), &g); err != nil {
			return err
		}
		before := g
		for _, name := range []*string{&g.Owner, &g.BackupOwner} {
			if slices.Contains(words, strings.ToLower(*name)) {
				*name = Erased
			}
		}
		if g == before {
			return nil
		}
		b, err := json.Marshal(g)
		bodies[id] = string(b)
		return err
	}, "SELECT id, body FROM registrations WHERE to_at IS NOT NULL")
	for id, body := range bodies {
		if err == nil {
			err = tx.exec("UPDATE registrations SET body = $1 WHERE id = $2", body, id)
		}
		n++
	}
	return n, err
}

// purgeFacts deletes what sources stated of a person who is gone.
func (tx *Tx) purgeFacts(words []string) (int64, error) {
	var ids, facts []int64
	there := false
	err := tx.query(func(rows *sql.Rows) error {
		var entity, fact int64
		var gone sql.NullInt64
		var body string
		if err := rows.Scan(&entity, &fact, &gone, &body); err != nil {
			return err
		}
		var p retinue.Person
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			return err
		}
		if !slices.ContainsFunc([]string{p.Email, p.Name, p.Ref.Key}, func(v string) bool { return slices.Contains(words, strings.ToLower(v)) }) {
			return nil
		}
		there = there || !gone.Valid
		ids, facts = append(ids, entity), append(facts, fact)
		return nil
	}, `SELECT e.id, f.id, e.gone_at, f.body FROM entities e JOIN refs r ON r.entity_id = e.id JOIN facts f ON f.ref_id = r.id AND f.type = $1
		WHERE e.type = $1`, store.TypeIndex(retinue.FactPerson))
	if err != nil || len(facts) == 0 {
		return 0, err
	}
	if there {
		return 0, fmt.Errorf("%w: a source still states them: take them out there and scan it first", retinue.ErrConflict)
	}
	for _, q := range []struct {
		text string
		ids  []int64
	}{
		{"DELETE FROM edges WHERE fact_id IN ", facts}, {"DELETE FROM facts WHERE id IN ", facts},
		{"DELETE FROM entity_versions WHERE id IN ", ids},
		{"UPDATE entities SET name = '" + Erased + "', search = '" + strings.ToLower(Erased) + "' WHERE id IN ", ids},
	} {
		if err := tx.exec(q.text+"(SELECT CAST(v AS BIGINT) FROM "+tx.db.d.each("$1")+" j)", tx.intList(q.ids)); err != nil {
			return 0, err
		}
	}
	return int64(len(facts)), nil
}
