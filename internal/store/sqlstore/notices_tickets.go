package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const ticketColumns = `SELECT t.id, t.public_id, t.outlet_id, t.marker, t.group_key, t.external, t.url, t.state, t.title, t.digest, t.closed_outside,
	t.attempts, t.error, t.created_at, t.updated_at FROM tickets t`

func scanTicket(row interface{ Scan(...any) error }) (store.Ticket, error) {
	var t store.Ticket
	var id, state string
	var created, updated int64
	var outside sql.NullInt64
	err := row.Scan(&t.Key, &id, &t.Outlet, &t.Marker, &t.Group, &t.External, &t.URL, &state, &t.Title, &t.Digest, &outside, &t.Attempts, &t.Error, &created, &updated)
	t.ID, t.State, t.ClosedOutside = retinue.TicketID(id), store.TicketState(state), fromMicros(outside)
	t.CreatedAt, t.UpdatedAt = observed(created), observed(updated)
	return t, err
}

// AddTicket keeps a ticket that is wanted and fills in its id, marker and key.
// The marker is the ticket's own id.
func (tx *Tx) AddTicket(t *store.Ticket) error {
	var err error
	if t.Key, err = tx.db.d.block(tx.ctx, tx.tx, "tickets", 1); err != nil {
		return err
	}
	t.ID, t.State, t.CreatedAt, t.UpdatedAt = retinue.NewTicketID(tx.at), store.TicketWanted, tx.at, tx.at
	t.Marker = "retinue-" + string(t.ID)[len("tkt_"):]
	return tx.exec(`INSERT INTO tickets (id, public_id, outlet_id, marker, group_key, external, url, state, title, digest, attempts, error, created_at,
		updated_at) VALUES ($1, $2, $3, $4, $5, '', '', $6, $7, '', 0, '', $8, $8)`, t.Key, string(t.ID), t.Outlet, t.Marker, t.Group,
		string(t.State), t.Title, tx.at.UnixMicro())
}

// SaveTicket writes what changed about a ticket.
func (tx *Tx) SaveTicket(t store.Ticket) error {
	return tx.exec(`UPDATE tickets SET external = $1, url = $2, state = $3, title = $4, digest = $5, closed_outside = $6, attempts = $7, error = $8,
		updated_at = $9 WHERE id = $10`, t.External, t.URL, string(t.State), t.Title, t.Digest, micros(t.ClosedOutside), t.Attempts, t.Error,
		tx.at.UnixMicro(), t.Key)
}

// TicketByKey returns a ticket by its internal key, or ErrNotFound.
func (tx *Tx) TicketByKey(key int64) (store.Ticket, error) {
	t, err := scanTicket(tx.queryRow(ticketColumns+" WHERE t.id = $1", key))
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("%w: ticket %d", retinue.ErrNotFound, key)
	}
	return t, err
}

// TicketOf returns the newest ticket of a group in an outlet that is not dead,
// or ErrNotFound.
func (tx *Tx) TicketOf(outlet int64, group string) (store.Ticket, error) {
	t, err := scanTicket(tx.queryRow(ticketColumns+" WHERE t.outlet_id = $1 AND t.group_key = $2 AND t.state <> $3 ORDER BY t.id DESC LIMIT 1",
		outlet, group, string(store.TicketDead)))
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("%w: ticket of %s", retinue.ErrNotFound, group)
	}
	return t, err
}

// TicketsOfFinding returns the internal keys of the tickets that a finding is
// in.
func (tx *Tx) TicketsOfFinding(id retinue.FindingID) ([]int64, error) {
	var out []int64
	err := tx.query(func(rows *sql.Rows) error {
		var k int64
		err := rows.Scan(&k)
		out = append(out, k)
		return err
	}, "SELECT ticket_id FROM ticket_findings WHERE finding = $1 ORDER BY ticket_id", string(id))
	if err != nil {
		return nil, fmt.Errorf("list tickets of finding: %w", err)
	}
	return out, nil
}

// LinkTicket adds a finding to a ticket, once.
func (tx *Tx) LinkTicket(ticket int64, finding retinue.FindingID, entity int64) error {
	return tx.exec("INSERT INTO ticket_findings (ticket_id, finding, entity_id) VALUES ($1, $2, $3) ON CONFLICT (ticket_id, finding) DO NOTHING",
		ticket, string(finding), entity)
}

// TicketFindings returns the findings of a ticket as they stand now. It reads
// without regard to the scope: a ticket is written for its whole group.
func (tx *Tx) TicketFindings(ticket int64) ([]retinue.Finding, error) {
	var out []retinue.Finding
	err := tx.query(func(rows *sql.Rows) error {
		f, err := scanFinding(rows)
		out = append(out, f)
		return err
	}, `SELECT f.body FROM ticket_findings x JOIN findings f ON f.public_id = x.finding WHERE x.ticket_id = $1
		ORDER BY f.priority DESC, f.severity, f.id`, ticket)
	if err != nil {
		return nil, fmt.Errorf("list findings of ticket: %w", err)
	}
	return out, nil
}

// AddTicketEvent keeps a receipt.
func (tx *Tx) AddTicketEvent(ticket int64, event string, ok bool, text string) error {
	key, err := tx.db.d.block(tx.ctx, tx.tx, "ticket_events", 1)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO ticket_events (id, ticket_id, at, event, ok, text) VALUES ($1, $2, $3, $4, $5, $6)",
		key, ticket, tx.at.UnixMicro(), event, flag(ok), text)
}

// TicketEvents returns the receipts of a ticket, the oldest first.
func (tx *Tx) TicketEvents(ticket int64) ([]store.TicketEvent, error) {
	var out []store.TicketEvent
	err := tx.query(func(rows *sql.Rows) error {
		var e store.TicketEvent
		var at, ok int64
		err := rows.Scan(&at, &e.Event, &ok, &e.Text)
		e.At, e.OK = observed(at), ok != 0
		out = append(out, e)
		return err
	}, "SELECT at, event, ok, text FROM ticket_events WHERE ticket_id = $1 ORDER BY id", ticket)
	if err != nil {
		return nil, fmt.Errorf("list receipts of ticket: %w", err)
	}
	return out, nil
}

// Tickets lists tickets, the newest first, that hold a finding which the
// transaction's scope may see.
func (tx *Tx) Tickets(q store.TicketQuery) ([]store.Ticket, error) {
	c := &conditions{}
	if q.ID != "" {
		c.add("t.public_id = ?", string(q.ID))
	}
	if q.Outlet != 0 {
		c.add("t.outlet_id = ?", q.Outlet)
	}
	if q.State != "" {
		c.add("t.state = ?", string(q.State))
	}
	if q.External != "" {
		c.add("t.external = ?", q.External)
	}
	if q.Marker != "" {
		c.add("t.marker = ?", q.Marker)
	}
	if q.Finding != "" {
		c.add("EXISTS (SELECT 1 FROM ticket_findings y WHERE y.ticket_id = t.id AND y.finding = ?)", string(q.Finding))
	}
	if q.Before > 0 {
		c.add("t.id < ?", q.Before)
	}
	if err := tx.ticketScope(c); err != nil {
		return nil, err
	}
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	var out []store.Ticket
	err := tx.query(func(rows *sql.Rows) error {
		t, err := scanTicket(rows)
		out = append(out, t)
		return err
	}, ticketColumns+c.where()+" ORDER BY t.id DESC"+limit, c.args...)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	return out, nil
}

// FindingVersions returns states of findings in the order in which they were
// kept: those after a key, at most limit. It is what a stream passes on, and
// reads without regard to the scope.
func (tx *Tx) FindingVersions(after int64, limit int) ([]store.FindingVersion, error) {
	var out []store.FindingVersion
	err := tx.query(func(rows *sql.Rows) error {
		var v store.FindingVersion
		var body string
		if err := rows.Scan(&v.Key, &body); err != nil {
			return err
		}
		out = append(out, v)
		return json.Unmarshal([]byte(body), &out[len(out)-1].Finding)
	}, "SELECT id, body FROM finding_versions WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
	if err != nil {
		return nil, fmt.Errorf("list states of findings: %w", err)
	}
	return out, nil
}

// LastFindingVersion returns the key of the newest state of a finding.
func (tx *Tx) LastFindingVersion() (int64, error) {
	var v sql.NullInt64
	err := tx.queryRow("SELECT max(id) FROM finding_versions").Scan(&v)
	return v.Int64, err
}

// AcceptancesEnding returns findings whose risk is accepted until a time
// between from and to.
func (tx *Tx) AcceptancesEnding(from, to time.Time) ([]store.SavedFinding, error) {
	var out []store.SavedFinding
	err := tx.query(func(rows *sql.Rows) error {
		var s store.SavedFinding
		var body string
		if err := rows.Scan(&s.Entity, &body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &s.Finding); err != nil {
			return err
		}
		if a := s.Finding.Accepted; a != nil && a.Until.After(from) && !a.Until.After(to) {
			out = append(out, s)
		}
		return nil
	}, "SELECT entity_id, body FROM findings WHERE state = $1 AND suppressed = '' ORDER BY id", string(retinue.FindingAccepted))
	if err != nil {
		return nil, fmt.Errorf("list acceptances that end: %w", err)
	}
	return out, nil
}
