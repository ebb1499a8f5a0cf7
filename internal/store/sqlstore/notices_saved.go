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
// see: those about a thing or a source that it sees. What is about the
// installation is for who sees everything.
func (tx *Tx) noticeScope(c *conditions) error {
	l, err := tx.lens()
	if err != nil || l.all {
		return err
	}
	c.add("(EXISTS (SELECT 1 FROM entities ve WHERE ve.id = n.entity_id AND " + l.sees("ve") + ") OR (n.entity_id < 0 AND " + l.seesSource("-n.entity_id") + "))")
	return nil
}

// ticketScope limits tickets, as t, to those of which every finding is about
// something that the transaction's scope sees: a ticket names them all.
func (tx *Tx) ticketScope(c *conditions) error {
	l, err := tx.lens()
	if err != nil || l.all {
		return err
	}
	c.add("NOT EXISTS (SELECT 1 FROM ticket_findings tf JOIN findings f ON f.public_id = tf.finding WHERE tf.ticket_id = t.id AND NOT " + l.seesFinding() + ")")
	return nil
}
