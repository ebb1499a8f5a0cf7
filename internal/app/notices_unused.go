package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// UnusedCheckConfig is the periodic check for identities that are not in use any
// more: who is routed notices of the kind `identity.unused` is told of each of them
// once a period, until it is used, disabled or gone.
type UnusedCheckConfig struct {
	// EveryDays is the period, from 1 to 400; 30 without it. Periods are counted from
	// the first of January 1970, so that all identities are told of together.
	EveryDays int `yaml:"everyDays"`
	// Statuses are the usage statuses that are told: `dormant` and `never_used`
	// without it, `idle` as well if it is named.
	Statuses []string `yaml:"statuses"`
	// Grade is the least evidence that is told of, `A` to `C`; `B` without it.
	Grade string `yaml:"grade"`
}

// The bounds of the check for what is not in use.
const (
	defaultUnusedDays  = 30
	maxUnusedDays      = 400
	defaultUnusedGrade = retinue.GradeB
	// maxUnused is of how many identities of a status is told at most.
	maxUnused = 10_000
)

// check reports a check that says nothing: ErrInvalid.
func (c UnusedCheckConfig) check() error {
	if c.EveryDays < 0 || c.EveryDays > maxUnusedDays {
		return fmt.Errorf("%w: usage.unusedCheck.everyDays %d: want 1 to %d", retinue.ErrInvalid, c.EveryDays, maxUnusedDays)
	}
	known := []string{string(verdict.StatusIdle), string(verdict.StatusDormant), string(verdict.StatusNeverUsed)}
	for _, s := range c.Statuses {
		if !slices.Contains(known, s) {
			return fmt.Errorf("%w: usage.unusedCheck.statuses: %q: want some of %v", retinue.ErrInvalid, s, known)
		}
	}
	if c.Grade != "" && !slices.Contains([]string{"A", "B", "C"}, c.Grade) {
		return fmt.Errorf("%w: usage.unusedCheck.grade %q: want A, B or C", retinue.ErrInvalid, c.Grade)
	}
	return nil
}

func (c UnusedCheckConfig) withDefaults() UnusedCheckConfig {
	if c.EveryDays == 0 {
		c.EveryDays = defaultUnusedDays
	}
	if len(c.Statuses) == 0 {
		c.Statuses = []string{string(verdict.StatusDormant), string(verdict.StatusNeverUsed)}
	}
	if c.Grade == "" {
		c.Grade = string(defaultUnusedGrade)
	}
	return c
}

// watchUnused tells once a period of every identity that is not in use by its
// usage status, on evidence that is good enough.
func watchUnused(_ context.Context, r *raiser) error {
	if !r.wants(notice.IdentityUnused) {
		return nil
	}
	c := r.app.Config.Usage.UnusedCheck.withDefaults()
	period := fmt.Sprint(r.tx.At().Unix() / (int64(c.EveryDays) * 24 * 60 * 60))
	standing := map[string]bool{}
	for _, status := range c.Statuses {
		rows, err := r.tx.Verdicts(store.VerdictQuery{Type: retinue.FactIdentity, Status: status, NonHuman: true, Limit: maxUnused})
		if err != nil {
			return err
		}
		for _, v := range rows {
			if string(v.Grade) > c.Grade {
				continue // the best grade is the first letter
			}
			if err := r.unused(v, period, standing); err != nil {
				return err
			}
		}
	}
	return r.resolveRest(notice.IdentityUnused, "unused/", standing)
}

// unused tells of one identity that is not in use, unless it cannot act any more.
func (r *raiser) unused(v store.VerdictRow, period string, standing map[string]bool) error {
	key, err := r.tx.EntityKey(v.Entity)
	if err != nil {
		return err
	}
	e, err := r.tx.NoticeSubject(key)
	ended := []retinue.State{retinue.StateDisabled, retinue.StateExpired, retinue.StateRetired, retinue.StateDeclared}
	if err != nil || !e.GoneAt.IsZero() || e.Managed != "" || slices.Contains(ended, retinue.State(e.State)) {
		return err
	}
	cause := "unused/" + string(e.ID)
	standing[cause] = true
	if same, err := r.sameStage(cause, period); err != nil || same {
		return err
	}
	b := entityBody(e)
	b.Stage = period
	b.Title = "Not in use: " + b.SubjectName + " (" + useWords(v) + ")"
	b.Text = useReason(v) + ownerWords(e) + " Before you disable it, have its page simulate what that would have refused."
	sev := retinue.SeverityLow
	if e.Environment == retinue.EnvironmentProduction || e.Privileged {
		sev = retinue.SeverityMedium
	}
	return r.raise(store.Notice{Key: cause, Kind: string(notice.IdentityUnused), Severity: sev, Entity: e.InternalKey, Source: e.Source, Body: b})
}

// useWords are a status and its evidence.
func useWords(v store.VerdictRow) string {
	return strings.ReplaceAll(v.Status, "_", " ") + ", evidence " + EvidenceWord(v.Grade)
}

// useReason is the sentence of a verdict.
func useReason(v store.VerdictRow) string {
	var body verdict.Verdict
	if err := json.Unmarshal(v.Body, &body); err == nil && body.Reason != "" {
		return body.Reason
	}
	if !v.Silent.IsZero() {
		return "It is silent since " + v.Silent.UTC().Format(time.DateOnly) + "."
	}
	return "It was not seen in use."
}

// ownerWords say whether somebody answers for it. Names of owners are not kept with
// notices.
func ownerWords(e store.Entity) string {
	if e.Owner == "" {
		return " Nobody owns it."
	}
	return ""
}

// useOf are the status and the evidence of an identity in a sentence, empty where
// it has no verdict yet.
func useOf(tx *sqlstore.Tx, id retinue.EntityID) (string, error) {
	v, err := tx.Verdict(id)
	if errors.Is(err, retinue.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return " Its usage status is " + useWords(v) + ".", nil
}
