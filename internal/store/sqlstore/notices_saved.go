package sqlstore

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// savedFinding notes that a finding's state or content changed, for the hooks
// that run before the update commits.
func (tx *Tx) savedFinding(entity int64, f retinue.Finding, before retinue.FindingState) {
	tx.saved = append(tx.saved, store.SavedFinding{Entity: entity, Finding: f, Before: before})
}

// TakeSaved returns the findings whose state or content this transaction
// changed, in order, and the runs that it finished, and forgets them.
func (tx *Tx) TakeSaved() ([]store.SavedFinding, []store.Run) {
	f, r := tx.saved, tx.finished
	tx.saved, tx.finished = nil, nil
	return f, r
}

// noticeScope limits notices, as n, to those that the transaction's scope may
// see: those about a thing that it sees, and those about a source that it
// names. What is about the installation is for who sees everything.
func (tx *Tx) noticeScope(c *conditions) {
	if !tx.scope.All {
		c.add("1 = 0")
	}
}

// ticketScope limits tickets, as t, to those that hold a finding about a thing
// that the transaction's scope sees.
func (tx *Tx) ticketScope(c *conditions) {
	if !tx.scope.All {
		c.add("1 = 0")
	}
}
