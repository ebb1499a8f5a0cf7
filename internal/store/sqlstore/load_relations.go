package sqlstore

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Relate adds a relation, such as an attachment, between things that were added
// before and not forgotten.
func (l *Loader) Relate(f retinue.Fact) error {
	hash := store.HashRef(f.FactRef())
	if err := l.stated(f, hash, nil, l.span.First.UnixMicro(), l.source.first, nil, nil); err != nil {
		return err
	}
	l.source.facts++
	l.tx.count(0, 1)(figureFacts, string(f.FactType()))
	for _, e := range store.Edges(f) {
		at, ok := l.refs[store.HashRef(e.Ref)]
		if !ok {
			return fmt.Errorf("%w: relate: %s was not added", retinue.ErrInvalid, e.Ref)
		}
		if err := l.into("edges", "ref_id, role, fact_id", at.key, e.Role, l.fact); err != nil {
			return err
		}
	}
	return nil
}

// stated writes the row of a fact; ref is the key of what it is about, if it is
// about one thing.
func (l *Loader) stated(f retinue.Fact, hash store.Hash, ref any, from, rev int64, to, revTo any) error {
	l.fact++
	text, document := "", any(nil)
	if p, ok := f.(retinue.Policy); ok && p.Document != "" {
		sum := sha256.Sum256([]byte(p.Document))
		if !l.texts[sum] {
			l.texts[sum] = true
			if err := l.into("documents", "hash, language, body", sum[:], string(p.Language), p.Document); err != nil {
				return err
			}
		}
		text, document, p.Document = p.Document, sum[:], ""
		f = p
	}
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	content := store.HashContent(body, text)
	return l.into("facts", "id, scope_id, type, ref_hash, ref_id, content, body, document, obs_from, obs_to, rev_from, rev_to",
		l.fact, l.source.id, store.TypeIndex(f.FactType()), hash[:], ref, content[:], string(body), document, from, to, rev, revTo)
}
