package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Stated is a fact in force as it is stored, without what is known of its
// subject. It is for reading very many.
type Stated struct {
	Type retinue.FactType
	// Realm is that of the scope which states it, Authority how far that is
	// believed, Since in microseconds when it began to state it. Of several
	// facts about one thing that of the greatest authority counts, of those the
	// newest.
	Realm     retinue.Realm
	Authority int
	Since     int64
	// Body is the fact's, for a policy without its document. It is good until
	// the next fact.
	Body []byte
	// Document is the hash of a policy's document, empty where it has none; it
	// is good until the next fact.
	Document []byte
}

// Stated calls yield for the facts of some types in the realms of one kind, in
// no order. It reads one table and decodes nothing, so that it takes a few
// microseconds for each, and reads on while yield is at work, which must not
// use the transaction.
func (tx *Tx) Stated(kind string, types []retinue.FactType, yield func(*Stated) error) error {
	l, err := tx.lens()
	if err != nil {
		return err
	}
	scopes, few, err := tx.statingScopes(kind)
	if err != nil || len(scopes) == 0 {
		return err
	}
	numbers := make([]string, len(types))
	for i, t := range types {
		numbers[i] = fmt.Sprint(store.TypeIndex(t))
	}
	// Where most facts are of the realms, the table is read from end to end; a
	// plus keeps an index from being used, which would look up each row.
	by := "+f.rev_to IS NULL AND f.type"
	if few {
		by = "f.rev_to IS NULL AND f.scope_id IN (SELECT s.id FROM scopes s JOIN realms m ON m.id = s.realm_id WHERE " + realmOfKind + ") AND f.type"
	}
	q := `SELECT f.scope_id, f.type, f.obs_from, f.body, f.document FROM facts f WHERE ` + by + ` IN (` + strings.Join(numbers, ", ") + `)` + and(l.seesFact())
	args := []any{}
	if few {
		args = append(args, kind+":%")
	}
	err = apart(func(put func(paged, []byte, []byte) error) error {
		return tx.stating(scopes, put, q, args...)
	}, func(p *page) error { return p.each(yield) })
	if err != nil {
		return fmt.Errorf("read facts of %s: %w", kind, err)
	}
	return nil
}

// stating reads the rows of a query for facts in force.
func (tx *Tx) stating(scopes map[int64]statingScope, put func(paged, []byte, []byte) error, q string, args ...any) error {
	var f paged
	var body, document sql.RawBytes
	var scope int64
	into := []any{&scope, &f.number, &f.since, &body, &document}
	return tx.query(func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var ok bool
		if f.scope, ok = scopes[scope]; !ok {
			return nil
		}
		return put(f, body, document)
	}, q, args...)
}

// each calls yield for the facts of a page.
func (p *page) each(yield func(*Stated) error) error {
	var s Stated
	start := 0
	for i := range p.facts {
		f := &p.facts[i]
		s.Type, s.Realm, s.Authority, s.Since = store.TypeAt(int(f.number)), f.scope.realm, f.scope.authority, f.since
		s.Body, s.Document = p.bytes[start:f.body:f.body], p.bytes[f.body:f.document:f.document]
		start = f.document
		if err := yield(&s); err != nil {
			return err
		}
	}
	return nil
}

// realmOfKind selects the realms m of a kind, and some that are looked at for
// nothing where the kind has an underscore, which stands for any letter.
const realmOfKind = "m.realm LIKE $1"

type statingScope struct {
	realm     retinue.Realm
	authority int
}

// statingScopes are the scopes of the realms of a kind; few says that they hold
// less than a quarter of all facts.
func (tx *Tx) statingScopes(kind string) (out map[int64]statingScope, few bool, err error) {
	out = make(map[int64]statingScope)
	var here, all int64
	err = tx.query(func(rows *sql.Rows) error {
		var id, facts int64
		var realm string
		var s statingScope
		if err := rows.Scan(&id, &realm, &s.authority, &facts); err != nil {
			return err
		}
		all += facts
		if s.realm = retinue.Realm(realm); s.realm.Kind() == kind {
			out[id] = s
			here += facts
		}
		return nil
	}, `SELECT s.id, m.realm, s.authority, s.facts FROM scopes s JOIN realms m ON m.id = s.realm_id`)
	if err != nil {
		return nil, false, fmt.Errorf("list scopes: %w", err)
	}
	return out, here < all/4, nil
}

// Documents calls yield for every policy document in a language, with its hash.
// Both are good until the next.
func (tx *Tx) Documents(language retinue.PolicyLanguage, yield func(hash, text []byte) error) error {
	err := tx.query(func(rows *sql.Rows) error {
		var hash, text sql.RawBytes
		if err := rows.Scan(&hash, &text); err != nil {
			return err
		}
		return yield(hash, text)
	}, `SELECT hash, body FROM documents WHERE language = $1`, string(language))
	if err != nil {
		return fmt.Errorf("read documents: %w", err)
	}
	return nil
}
