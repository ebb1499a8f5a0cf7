package sqlstore

import (
	"errors"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Within runs fn with the transaction reading through a scope. An update sees
// everything; who acts for a caller in one asks what that caller may see this
// way.
func (tx *Tx) Within(scope store.RowScope, fn func() error) error {
	before := tx.scope
	tx.scope = scope
	defer func() { tx.scope = before }()
	return fn()
}

// Visible reports whether the transaction's scope sees a thing. An id that
// was merged into another is as visible as that.
func (tx *Tx) Visible(id retinue.EntityID) (bool, error) {
	if !tx.scope.All {
		return false, nil
	}
	_, err := tx.EntityKey(id)
	if errors.Is(err, retinue.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// List returns a page of identities or credentials.
func (tx *Tx) List(q store.ListQuery) (store.ListPage, error) {
	return store.ListPage{}, fmt.Errorf("%w: list: being built", retinue.ErrUnsupported)
}

// ListFindings returns a page of findings.
func (tx *Tx) ListFindings(q store.FindingList) (store.FindingPage, error) {
	return store.FindingPage{}, fmt.Errorf("%w: list findings: being built", retinue.ErrUnsupported)
}

// Facets counts the rows that a filter selects by the values of a column.
func (tx *Tx) Facets(t retinue.FactType, f store.Filter, column store.SortKey) ([]store.Facet, error) {
	return nil, fmt.Errorf("%w: count by %s: being built", retinue.ErrUnsupported, column)
}
