package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The names of what retention remembers.
const (
	metaRetention = "retention"
	metaPruned    = "retention.pruned"
)

// pruneJob asks for what is older than its time to be deleted.
type pruneJob struct{}

// Kind implements jobs.Args.
func (pruneJob) Kind() string { return "prune" }

// pruneEvery is how often that happens.
const pruneEvery = 24 * time.Hour

// pruneBatch is how many rows of a table one transaction deletes.
const pruneBatch = 2000

// recordsKept says what is kept of the audit log.
const recordsKept = "Records are never deleted: a log that was cut cannot be told from one that was tampered with. The personal data beside them is deleted as the class people."

// classTexts say what the retention classes are.
func classTexts() map[store.RetentionClass]string {
	return map[store.RetentionClass]string{
		store.RetainHistory:    "What things were like before, for questions as of a date",
		store.RetainRuns:       "Runs of sources that later ones replaced, with their problems",
		store.RetainUses:       "Observations of use but the latest of each kind",
		store.RetainUsage:      "The usage history, by whole months: what logs told, what they covered and what of them could not be read",
		store.RetainFindings:   "Resolved findings, and earlier states of the others",
		store.RetainGovernance: "Registrations, owners and ownership rules that were replaced",
		store.RetainPeople:     "Names of persons beside records of the audit log",
		store.RetainSessions:   "Ended sessions, known browsers, tokens that were revoked or ran out",
		store.RetainNotices:    "Resolved notices with their deliveries, events of tickets, hand-ins",
		store.RetainPopulation: "The daily counts of identities",
	}
}

// retentionOf reads how long things are kept.
func retentionOf(tx *sqlstore.Tx) (store.Retention, error) {
	out := maps.Clone(store.RetentionPresets()[store.DefaultRetention])
	text, err := tx.Meta(metaRetention)
	if err != nil || text == "" {
		return out, err
	}
	var set store.Retention
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, fmt.Errorf("read retention: %w", err)
	}
	maps.Copy(out, set)
	return out, nil
}

// prunedOf reads what was deleted last of each class.
func prunedOf(tx *sqlstore.Tx) (map[store.RetentionClass]lastPruned, error) {
	out := map[store.RetentionClass]lastPruned{}
	text, err := tx.Meta(metaPruned)
	if err != nil || text == "" {
		return out, err
	}
	return out, json.Unmarshal([]byte(text), &out)
}

type lastPruned struct {
	Rows  int64     `json:"rows"`
	Until time.Time `json:"until"`
	At    time.Time `json:"at"`
}

// Retention implements api.Retentions.
func (a *App) Retention(ctx context.Context) (out api.RetentionSettings, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		out, err = a.retentionSettings(tx)
		return err
	})
	return out, err
}

// rawEventsAbout says what the events themselves are.
const rawEventsAbout = "The events of logs themselves, beside what is counted of them, compressed and sealed. How long they are kept is set in retinue.yaml: usage.rawDays"

func (a *App) retentionSettings(tx *sqlstore.Tx) (api.RetentionSettings, error) {
	out := api.RetentionSettings{Presets: store.RetentionPresets(), Records: recordsKept, RawEvents: api.RawEvents{Days: a.Config.Usage.RawDays, About: rawEventsAbout}}
	if out.RawEvents.Days > 0 {
		out.RawEvents.MegabytesPerDay = a.Config.Usage.megabytes()
	}
	set, err := retentionOf(tx)
	if err != nil {
		return out, err
	}
	last, err := prunedOf(tx)
	if err != nil {
		return out, err
	}
	for _, c := range store.RetentionClasses() {
		p := last[c]
		out.Classes = append(out.Classes, api.RetentionClass{Class: c, About: classTexts()[c], Days: set[c], LastRows: p.Rows, LastUntil: p.Until, LastAt: p.At})
	}
	for name, preset := range out.Presets {
		if maps.Equal(preset, set) {
			out.Preset = name
		}
	}
	return out, nil
}

// How long things are kept, as the interface has it.
type (
	// RetentionSettings is how long each class of data is kept.
	RetentionSettings = api.RetentionSettings
	// RetentionInput sets it: a preset, or days by class.
	RetentionInput = api.RetentionInput
)

// RetentionChange is what other times of keeping would do to a class.
type RetentionChange struct {
	Class store.RetentionClass `json:"class"`
	From  int                  `json:"from"` // days; 0 is for ever
	To    int                  `json:"to"`
	// Before is the time before which the next pruning deletes, where that is later
	// than now: what was kept is lost. It is zero where nothing more is deleted.
	Before time.Time `json:"before,omitzero"`
}

// retentionOfInput checks what is to be set.
func retentionOfInput(in api.RetentionInput) (store.Retention, error) {
	preset, named := store.RetentionPresets()[in.Preset]
	if named == (len(in.Days) > 0) || in.Preset != "" && !named {
		return nil, badField("body", "give one of preset and days")
	}
	days := store.Retention{}
	for k, v := range in.Days {
		days[store.RetentionClass(k)] = v
	}
	if named {
		days = preset
	}
	return days, days.Validate()
}

// PreviewRetention says what setting how long things are kept would change, in
// the order of the classes. It changes nothing.
func (a *App) PreviewRetention(ctx context.Context, in RetentionInput) (out []RetentionChange, err error) {
	days, err := retentionOfInput(in)
	if err != nil {
		return nil, err
	}
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		set, err := retentionOf(tx)
		if err != nil {
			return err
		}
		out = []RetentionChange{}
		for _, c := range store.RetentionClasses() {
			to, given := days[c]
			if !given || to == set[c] {
				continue
			}
			x := RetentionChange{Class: c, From: set[c], To: to}
			if to != 0 && (set[c] == 0 || to < set[c]) {
				x.Before = days.Before(c, tx.At())
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}

// ChangeRetention sets how long things are kept, on record with who did.
func (a *App) ChangeRetention(ctx context.Context, by retinue.Actor, in RetentionInput) (out RetentionSettings, err error) {
	days, err := retentionOfInput(in)
	if err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		out, err = a.setRetention(tx, by, days)
		return err
	})
	return out, err
}

// SetRetention implements api.Retentions.
func (a *App) SetRetention(ctx context.Context, c auth.Caller, in api.RetentionInput, match func(any) error) (out api.RetentionSettings, err error) {
	days, err := retentionOfInput(in)
	if err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		now, err := a.retentionSettings(tx)
		if err != nil {
			return err
		}
		if err := match(now); err != nil {
			return err
		}
		out, err = a.setRetention(tx, c.Actor, days)
		return err
	})
	return out, err
}

func (a *App) setRetention(tx *sqlstore.Tx, by retinue.Actor, days store.Retention) (api.RetentionSettings, error) {
	set, err := retentionOf(tx)
	if err != nil {
		return api.RetentionSettings{}, err
	}
	before := maps.Clone(set)
	maps.Copy(set, days)
	if !maps.Equal(before, set) {
		body, err := json.Marshal(set)
		if err != nil {
			return api.RetentionSettings{}, err
		}
		if err := tx.SetMeta(metaRetention, string(body)); err != nil {
			return api.RetentionSettings{}, err
		}
		tx.Record(by, retinue.RecordRetentionSet, "retention", map[string]any{"days": set, "before": before})
	}
	return a.retentionSettings(tx)
}

// Prune deletes what is older than its time, in small transactions, and keeps
// on record how many of what until when. History is deleted before runs, since
// it is told by them.
func (a *App) Prune(ctx context.Context) ([]store.Pruned, error) {
	var set store.Retention
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		set, err = retentionOf(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []store.Pruned
	for _, c := range store.RetentionClasses() {
		before := set.Before(c, a.DB.Now())
		if c == store.RetainRuns {
			// What was known at a time is told by runs: they stay as long as
			// the history that they recorded.
			if h := set.Before(store.RetainHistory, a.DB.Now()); h.Before(before) {
				before = h
			}
		}
		if before.IsZero() {
			continue
		}
		n, err := a.pruneClass(ctx, c, before)
		if n > 0 {
			out = append(out, store.Pruned{Class: c, Rows: n, Until: before})
		}
		if err != nil {
			return out, err
		}
	}
	events, err := a.pruneEvents(ctx)
	if out = append(out, events...); err != nil {
		return out, err
	}
	return out, a.KeepUsage(ctx)
}

func (a *App) pruneClass(ctx context.Context, c store.RetentionClass, before time.Time) (total int64, err error) {
	for more := true; more; {
		err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
			n, rest, err := tx.Prune(c, before, pruneBatch)
			if err != nil {
				return err
			}
			more = rest
			total += n
			if rest || total == 0 {
				return nil
			}
			return rememberPruned(tx, store.Pruned{Class: c, Rows: total, Until: before})
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func rememberPruned(tx *sqlstore.Tx, p store.Pruned) error {
	last, err := prunedOf(tx)
	if err != nil {
		return err
	}
	last[p.Class] = lastPruned{Rows: p.Rows, Until: p.Until, At: tx.At()}
	body, err := json.Marshal(last)
	if err != nil {
		return err
	}
	tx.Record(retinue.Actor{Kind: "system", Name: "retention"}, retinue.RecordPruned, string(p.Class), p)
	return tx.SetMeta(metaPruned, string(body))
}

// PurgePerson erases the personal data of a person, on record without their
// name.
func (a *App) PurgePerson(ctx context.Context, by retinue.Actor, words []string) (n map[string]int64, err error) {
	plain := plainWords(words)
	events := a.newPersonPurge(plain)
	if err := events.ahead(ctx); err != nil {
		return nil, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if n, err = tx.PurgePerson(words, a.pseudonym); err != nil {
			return err
		}
		if err = events.rest(ctx, tx); err != nil {
			return err
		}
		n["events"] = events.n
		if n["unknown"], err = a.purgeUnknown(ctx, tx, plain); err != nil {
			return err
		}
		// A commitment without its payload: who was purged cannot be read from
		// it, and whoever knows the name cannot try it either, since the salt
		// is not kept.
		tx.Record(by, retinue.RecordPersonPurged, string(evidence.Commit("person", words[0]).Commitment), n)
		return nil
	})
	return n, err
}

// plainWords are words by which somebody is known, as they are compared.
func plainWords(words []string) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if w = strings.ToLower(strings.TrimSpace(w)); w != "" {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
