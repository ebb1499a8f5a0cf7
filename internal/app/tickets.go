package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/steward/channel"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/steward/ticket"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// ticketJob brings one ticket up to date.
type ticketJob struct {
	Ticket int64 `json:"ticket"`
}

// Kind implements jobs.Args.
func (ticketJob) Kind() string { return "tickets_sync" }

// pollTicketsJob asks the ticket systems where the open tickets stand.
type pollTicketsJob struct{}

// Kind implements jobs.Args.
func (pollTicketsJob) Kind() string { return "tickets_poll" }

// groupOf is what findings of one ticket have in common: the change that
// settles them, else their definition, else the finding alone.
func groupOf(f retinue.Finding) string {
	switch {
	case f.Fix != "":
		return "fix/" + f.Fix
	case f.Family != "":
		return "family/" + f.Family
	}
	return findingKey(f.ID)
}

// ticketsFor makes sure that the findings of notices are in tickets of a
// tracker. Other notices get none: there is nothing that would close them.
func (a *App) ticketsFor(ctx context.Context, o store.Outlet, p parcel, items []channel.Item, entities []int64) (string, error) {
	if e := channel.Event(p.event); e != channel.Raised && e != channel.Escalated {
		return "the ticket follows its findings", nil
	}
	receipt := "no finding: no ticket"
	return receipt, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for i, item := range items {
			if item.Finding == "" {
				continue
			}
			f, _, err := visibleFinding(tx, item.Finding)
			if errors.Is(err, retinue.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			t, err := a.wantTicket(ctx, tx, tellActor(), o, f, entities[i])
			if err != nil {
				return err
			}
			receipt = string(t.ID)
		}
		return nil
	})
}

// wantTicket puts a finding into the ticket of its group, making that if need
// be, and has it brought up to date.
func (a *App) wantTicket(ctx context.Context, tx *sqlstore.Tx, by retinue.Actor, o store.Outlet, f retinue.Finding, entity int64) (store.Ticket, error) {
	t, err := tx.TicketOf(o.Key, groupOf(f))
	if errors.Is(err, retinue.ErrNotFound) {
		t = store.Ticket{Outlet: o.Key, Group: groupOf(f), Title: ticketTitle(f)}
		if err = tx.AddTicket(&t); err != nil {
			return t, err
		}
		tx.Record(by, retinue.RecordTicketWanted, string(t.ID), map[string]any{"channel": o.ID, "finding": f.ID, "group": t.Group})
	}
	if err != nil {
		return t, err
	}
	if err := tx.LinkTicket(t.Key, f.ID, entity); err != nil {
		return t, err
	}
	return t, a.insert(ctx, tx, ticketJob{t.Key}, jobs.Options{Key: fmt.Sprint(t.Key)})
}

func ticketTitle(f retinue.Finding) string {
	switch {
	case f.FixTitle != "":
		return outlet.Clean(f.FixTitle, 200)
	case f.Family != "" && f.Title != "":
		return outlet.Clean(f.Title, 200)
	}
	return outlet.Clean(f.Title+": "+f.Name, 200)
}

// ticketView is a ticket with what decides what it should be.
type ticketView struct {
	ticket   store.Ticket
	outlet   store.Outlet
	findings []retinue.Finding
	open     []retinue.Finding
}

func readTicket(tx *sqlstore.Tx, key int64) (v ticketView, err error) {
	if v.ticket, err = tx.TicketByKey(key); err != nil {
		return v, err
	}
	if v.outlet, err = tx.OutletByKey(v.ticket.Outlet); err != nil {
		return v, err
	}
	if v.findings, err = tx.TicketFindings(key); err != nil {
		return v, err
	}
	for _, f := range v.findings {
		if f.State != retinue.FindingResolved && f.Suppressed == "" {
			v.open = append(v.open, f)
		}
	}
	return v, nil
}

// digest says what the findings are: when it changes the ticket is told.
func (v ticketView) digest() string {
	h := sha256.New()
	for _, f := range v.findings {
		fmt.Fprintf(h, "%s %t %s %s\n", f.ID, f.State == retinue.FindingResolved || f.Suppressed != "", f.Severity, f.State)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func (a *App) draft(v ticketView) ticket.Draft {
	d := ticket.Draft{Marker: v.ticket.Marker, Since: v.ticket.CreatedAt, Title: v.ticket.Title, Severity: retinue.SeverityInfo,
		Link: a.link("/findings?ticket=" + string(v.ticket.ID))}
	d.Intro = fmt.Sprintf("Retinue found %d things that one change settles.", len(v.open))
	if len(v.open) == 1 {
		d.Intro = "Retinue found something that should be put right."
		d.Link = a.link("/findings/" + string(v.open[0].ID))
	}
	for _, f := range v.open {
		if f.Severity.AtLeast(d.Severity) {
			d.Severity = f.Severity
		}
		if d.HowTo == "" {
			d.HowTo = f.Remediation
		}
		text := f.Message
		if text == "" {
			text = f.Title + ": " + f.Name
		}
		d.Lines = append(d.Lines, ticket.Line{Severity: f.Severity, Text: text, URL: a.link("/findings/" + string(f.ID))})
	}
	return d
}

// syncTicket brings a ticket up to date: it is made, told what changed, closed
// when its last finding is resolved, and opened again with one that holds.
func (a *App) syncTicket(ctx context.Context, key int64) error {
	return a.alone(ctx, fmt.Sprintf("ticket/%d", key), func() error {
		var v ticketView
		err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
			v, err = readTicket(tx, key)
			return err
		})
		if err != nil || !v.outlet.Enabled {
			return err
		}
		event, err := a.syncView(ctx, &v)
		return a.syncedTicket(ctx, v, event, err)
	})
}

// syncView does what a ticket needs in its system, and says what it did.
func (a *App) syncView(ctx context.Context, v *ticketView) (event string, err error) {
	k, ok := ticket.Find(v.outlet.Kind)
	if !ok {
		return "", fmt.Errorf("%w: channel %s keeps no tickets", retinue.ErrUnsupported, v.outlet.Name)
	}
	c, _, err := a.openConfig(ctx, v.outlet)
	if err != nil {
		return "", err
	}
	tr, err := k.Open(c)
	if err != nil {
		return "", err
	}
	digest := v.digest()
	t := &v.ticket
	if t.External == "" {
		if len(v.open) == 0 {
			t.State, t.Digest = store.TicketClosed, digest // resolved before it was made
			return "not needed any more", nil
		}
		d := a.draft(*v)
		event = "made"
		issue, err := tr.Find(ctx, d)
		if errors.Is(err, retinue.ErrNotFound) {
			issue, err = tr.Create(ctx, d)
		} else if err == nil {
			event = "found again by its marker"
		}
		if err != nil {
			return "make", err
		}
		t.External, t.URL, t.Digest, t.State = issue.Key, issue.URL, digest, store.TicketOpen
		return event + " as " + outlet.Clean(issue.Label, 60), nil
	}
	issue, err := tr.State(ctx, t.External)
	if err != nil {
		return "read", err
	}
	return a.moveTicket(ctx, tr, v, issue, digest)
}

// moveTicket closes, opens or comments a ticket as its findings ask.
func (a *App) moveTicket(ctx context.Context, tr ticket.Tracker, v *ticketView, issue ticket.Issue, digest string) (event string, err error) {
	t := &v.ticket
	resolved := len(v.findings) - len(v.open)
	switch {
	case len(v.open) == 0 && issue.State != ticket.Closed:
		event = "closed"
		err = tr.SetOpen(ctx, t.External, false, fmt.Sprintf("Retinue no longer finds it: %d of %d findings are resolved.", resolved, len(v.findings)))
		if err == nil {
			t.State = store.TicketClosed
		}
	case len(v.open) == 0:
		t.State = store.TicketClosed
	case issue.State == ticket.Closed && a.mustReopen(v):
		event = "opened again"
		err = tr.SetOpen(ctx, t.External, true, fmt.Sprintf("Retinue still finds it: %d of %d findings hold, last seen %s.", len(v.open), len(v.findings),
			lastSeen(v.open).UTC().Format(time.RFC3339)))
		if err == nil {
			t.State, t.ClosedOutside = store.TicketOpen, time.Time{}
		}
	case issue.State == ticket.Closed:
		// Closed there; the next scan says whether it holds.
		if t.ClosedOutside.IsZero() {
			t.ClosedOutside, event = a.DB.Now(), "was closed there"
		}
		return event, nil
	case digest != t.Digest:
		event = "commented"
		err = tr.Comment(ctx, t.External, fmt.Sprintf("Retinue: %d of %d findings hold now, %d are resolved.", len(v.open), len(v.findings), resolved))
	}
	if err != nil {
		return event, err
	}
	t.Digest = digest
	if issue.State == ticket.Working && t.State == store.TicketOpen {
		t.State = store.TicketAcknowledged
		if event == "" {
			event = "is worked on there"
		}
	}
	return event, nil
}

// mustReopen reports whether a ticket that is closed there must be opened: we
// closed it, or a finding was seen again after somebody else did.
func (a *App) mustReopen(v *ticketView) bool {
	return v.ticket.State == store.TicketClosed || (!v.ticket.ClosedOutside.IsZero() && lastSeen(v.open).After(v.ticket.ClosedOutside))
}

func lastSeen(findings []retinue.Finding) time.Time {
	var at time.Time
	for _, f := range findings {
		if f.LastSeen.After(at) {
			at = f.LastSeen
		}
	}
	return at
}

// syncedTicket keeps what became of a ticket, with a receipt.
func (a *App) syncedTicket(ctx context.Context, v ticketView, event string, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t := v.ticket
	return a.DB.Update(context.WithoutCancel(ctx), func(tx *sqlstore.Tx) error {
		if cause == nil {
			t.Attempts, t.Error = 0, ""
			if err := tx.SaveTicket(t); err != nil || event == "" {
				return err
			}
			action := retinue.RecordTicketChanged
			if strings.HasPrefix(event, "made") || strings.HasPrefix(event, "found") {
				action = retinue.RecordTicketOpened
			}
			tx.Record(tellActor(), action, string(t.ID), map[string]any{"channel": v.outlet.ID, "key": t.External, "event": event, "state": t.State})
			if err := tx.AddTicketEvent(t.Key, event, true, ""); err != nil {
				return err
			}
			if t.State == store.TicketAcknowledged {
				return a.acknowledgeOf(ctx, tx, t)
			}
			return tx.OutletWorked(v.outlet.Key, 0)
		}
		t.Attempts, t.Error = t.Attempts+1, outlet.Clean(cause.Error(), 500)
		lost := errors.Is(cause, retinue.ErrInvalid) || errors.Is(cause, retinue.ErrUnsupported) || errors.Is(cause, retinue.ErrNotFound) || t.Attempts >= notice.MaxAttempts
		if lost {
			t.State = store.TicketDead
			tx.Record(tellActor(), retinue.RecordDeliveryGivenUp, string(t.ID), map[string]any{"channel": v.outlet.ID, "attempts": t.Attempts})
		}
		if err := errors.Join(tx.SaveTicket(t), tx.AddTicketEvent(t.Key, event, false, t.Error)); err != nil {
			return err
		}
		if lost {
			return tx.OutletFailed(v.outlet.Key, t.Error, time.Time{})
		}
		at := tx.At().Add(max(notice.Backoff(t.Attempts), outlet.RetryAfter(cause)))
		return a.insertAt(ctx, tx, ticketJob{t.Key}, fmt.Sprint(t.Key), at)
	})
}

// acknowledgeOf acknowledges the notices about a ticket's findings, because
// somebody works on them.
func (a *App) acknowledgeOf(ctx context.Context, tx *sqlstore.Tx, t store.Ticket) error {
	findings, err := tx.TicketFindings(t.Key)
	if err != nil {
		return err
	}
	r, err := a.newRaiser(tx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		all, err := tx.NoticesOf(f.ID)
		if err != nil {
			return err
		}
		for _, n := range all {
			if n.State != store.NoticeOpen {
				continue
			}
			if err := r.settleNotice(n, store.NoticeAcknowledged, "ticket "+outlet.Clean(t.External, 60)); err != nil {
				return err
			}
			tx.Record(tellActor(), retinue.RecordNoticeAcknowledged, string(n.ID), map[string]any{"ticket": t.ID, "finding": f.ID})
		}
	}
	return r.done(ctx)
}

// pollTickets has every ticket that is not closed looked at.
func (a *App) pollTickets(ctx context.Context) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		for _, state := range []store.TicketState{store.TicketOpen, store.TicketAcknowledged} {
			all, err := tx.Tickets(store.TicketQuery{State: state})
			if err != nil {
				return err
			}
			for _, t := range all {
				if err := a.insert(ctx, tx, ticketJob{t.Key}, jobs.Options{Key: fmt.Sprint(t.Key)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Tickets implements api.Tickets.
func (a *App) Tickets(ctx context.Context, scope store.RowScope, q api.TicketQuery) (out []api.Ticket, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		sq := store.TicketQuery{ID: q.ID, State: q.State, Finding: q.Finding, Before: q.Before, Limit: q.Limit}
		if q.Channel != "" {
			o, err := tx.Outlet(store.PurposeChannel, q.Channel)
			if err != nil {
				return err
			}
			sq.Outlet = o.Key
		}
		all, err := tx.Tickets(sq)
		for _, t := range all {
			shown, err := shownTicket(tx, t, q.ID != "")
			if err != nil {
				return err
			}
			out = append(out, shown)
		}
		return err
	})
	return out, err
}

func shownTicket(tx *sqlstore.Tx, t store.Ticket, receipts bool) (api.Ticket, error) {
	v, err := readTicket(tx, t.Key)
	if err != nil {
		return api.Ticket{}, err
	}
	out := api.Ticket{ID: t.ID, Channel: v.outlet.ID, ChannelName: v.outlet.Name, Kind: v.outlet.Kind, Title: t.Title, State: t.State, Key: t.External,
		URL: t.URL, Findings: []retinue.FindingID{}, Error: t.Error, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, InternalKey: t.Key}
	for _, f := range v.findings {
		out.Findings = append(out.Findings, f.ID)
	}
	if receipts {
		events, err := tx.TicketEvents(t.Key)
		if err != nil {
			return out, err
		}
		for _, e := range events {
			out.Receipts = append(out.Receipts, api.TicketReceipt{At: e.At, Event: e.Event, OK: e.OK, Text: e.Text})
		}
	}
	return out, nil
}

// OpenTicket implements api.Tickets.
func (a *App) OpenTicket(ctx context.Context, by auth.Caller, id retinue.ChannelID, findings []retinue.FindingID) (out []api.Ticket, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		o, err := tx.Outlet(store.PurposeChannel, id)
		if err != nil {
			return err
		}
		if _, ok := ticket.Find(o.Kind); !ok || !o.Enabled {
			return &retinue.FieldError{Field: "body.channel", Err: fmt.Errorf("%w: channel %s keeps no tickets, or is switched off", retinue.ErrInvalid, o.Name)}
		}
		keys := []int64{}
		for _, fid := range findings {
			var f retinue.Finding
			var entity int64
			err := tx.Within(by.Scope(auth.PermFindingsTriage), func() error {
				f, entity, err = visibleFinding(tx, fid)
				return err
			})
			if err != nil {
				return err
			}
			if f.State == retinue.FindingResolved {
				return fmt.Errorf("%w: finding %s is resolved", retinue.ErrConflict, fid)
			}
			t, err := a.wantTicket(ctx, tx, by.Actor, o, f, entity)
			if err != nil {
				return err
			}
			if !slices.Contains(keys, t.Key) {
				keys = append(keys, t.Key)
			}
		}
		for _, k := range keys {
			t, err := tx.TicketByKey(k)
			if err != nil {
				return err
			}
			shown, err := shownTicket(tx, t, false)
			if err != nil {
				return err
			}
			// A ticket that there was may hold what the caller does not see.
			shown.Findings = slices.DeleteFunc(shown.Findings, func(f retinue.FindingID) bool { return !slices.Contains(findings, f) })
			out = append(out, shown)
		}
		return nil
	})
	return out, err
}

// SyncTicket implements api.Tickets.
func (a *App) SyncTicket(ctx context.Context, by auth.Caller, id retinue.TicketID) (out api.Ticket, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		var all []store.Ticket
		err := tx.Within(by.Scope(auth.PermFindingsTriage), func() error {
			all, err = tx.Tickets(store.TicketQuery{ID: id, Limit: 1})
			return err
		})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("%w: ticket %s", retinue.ErrNotFound, id)
		}
		t := all[0]
		if t.State == store.TicketDead {
			// Tried again by a person's word.
			t.State, t.Attempts = store.TicketOpen, 0
			if t.External == "" {
				t.State = store.TicketWanted
			}
			if err := tx.SaveTicket(t); err != nil {
				return err
			}
		}
		tx.Record(by.Actor, retinue.RecordTicketChanged, string(id), map[string]any{"event": "asked to be brought up to date"})
		if out, err = shownTicket(tx, t, true); err != nil {
			return err
		}
		return a.insert(ctx, tx, ticketJob{t.Key}, jobs.Options{Key: fmt.Sprint(t.Key)})
	})
	return out, err
}

// TicketHook implements api.Tickets: what a ticket system reports is taken as
// a hint, and the ticket is read from it before anything is believed.
func (a *App) TicketHook(ctx context.Context, id retinue.ChannelID, header http.Header, body []byte) error {
	o, err := a.Outlet(ctx, store.PurposeChannel, id)
	if err != nil {
		return err
	}
	secrets, err := a.openSecrets(ctx, o)
	if err != nil {
		return err
	}
	change, err := ticket.Inbound(o.Kind, secrets["webhook-secret"], header, body, a.now(), standardSignature)
	if err != nil || change.Key == "" {
		return err
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		all, err := tx.Tickets(store.TicketQuery{Outlet: o.Key, External: change.Key, Limit: 1})
		if err != nil || len(all) == 0 {
			return err
		}
		return a.insert(ctx, tx, ticketJob{all[0].Key}, jobs.Options{Key: fmt.Sprint(all[0].Key)})
	})
}

func standardSignature(secret retinue.Secret, header http.Header, body []byte, now time.Time) error {
	key, err := channel.SigningKey(secret.Reveal())
	if err != nil {
		return fmt.Errorf("%w: the channel's webhook secret is too short to be a key", retinue.ErrDenied)
	}
	return channel.VerifySignature([][]byte{key}, header, body, now)
}
