package app

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/verdict"
	"github.com/retinue-id/retinue/internal/web/api"
)

// turned is what the history of a thing is told by a new conclusion, with what
// changed since the last one; nil where it says nothing else. It says something
// else where its status or grade is another, or where what is not used is silent
// since another time: that of what is active moves with each use.
func turned(tx *sqlstore.Tx, s store.UsageSubject, now conclusion) (*store.VerdictVersion, error) {
	row, err := tx.Verdict(s.ID)
	if err != nil && !errors.Is(err, retinue.ErrNotFound) {
		return nil, err
	}
	var causes []verdict.Cause
	if err != nil {
		causes = []verdict.Cause{{Kind: verdict.CauseFirst, Text: "It was looked at for the first time."}}
	} else {
		was, err := concluded(row)
		if err != nil {
			return nil, err
		}
		if was.Status == now.Status && was.Grade == now.Grade && silence(was.Verdict).Equal(silence(now.Verdict)) {
			return nil, nil
		}
		causes = verdict.Causes(was.Ground, now.Ground)
	}
	v := &store.VerdictVersion{Status: string(now.Status), Grade: now.Grade, LastUsed: now.LastUsed, Silent: silence(now.Verdict), Reason: now.Reason}
	for _, c := range causes {
		v.Why = append(v.Why, store.VerdictCause{Kind: string(c.Kind), Text: c.Text})
	}
	return v, nil
}

// silence is since when something is silent, of what is not used.
func silence(v verdict.Verdict) time.Time {
	if !v.Status.Inactive() {
		return time.Time{}
	}
	return v.SilentSince.Truncate(time.Microsecond)
}

// lastUseWords says what the last use was that logs show: the log, and what was
// done. Who did it is not said.
func lastUseWords(used []store.Used) string {
	var last int64
	words := ""
	for i := range used {
		b := &used[i].Behaviour
		if b.Class == retinue.EventUnknown || b.Class == retinue.EventInsight || b.Outcome == retinue.OutcomeDenied || len(used[i].Months) == 0 {
			continue
		}
		if at := used[i].Months[len(used[i].Months)-1].Last; words == "" || at > last {
			last, words = at, b.Log
			if what := cmp.Or(b.Action, b.Operation); what != "" {
				words += ": " + what
			}
		}
	}
	return retinue.CleanName(words)
}

// maxUsageChanges is how much of its history is told with the use of a thing; the
// rest is in its timeline.
const maxUsageChanges = 50

// usageChanges is what was concluded over time, the newest first.
func usageChanges(versions []store.VerdictVersion) []api.UsageChange {
	out := make([]api.UsageChange, 0, len(versions))
	for i, v := range versions {
		c := api.UsageChange{At: v.From, Until: v.To, Verdict: verdict.Status(v.Status), Grade: v.Grade, Evidence: EvidenceWord(v.Grade), LastUsed: v.LastUsed,
			SilentSince: v.Silent, Reason: v.Reason, Why: []verdict.Cause{}}
		if i+1 < len(versions) {
			c.Before = verdict.Status(versions[i+1].Status)
		}
		for _, w := range v.Why {
			c.Why = append(c.Why, verdict.Cause{Kind: verdict.CauseKind(w.Kind), Text: w.Text})
		}
		out = append(out, c)
	}
	return out
}

// verdictTimeline is what was concluded about the use of a thing, as its timeline
// has it.
func verdictTimeline(versions []store.VerdictVersion) []api.Version {
	out := make([]api.Version, 0, len(versions))
	word := func(s string) string { return strings.ReplaceAll(s, "_", " ") }
	for i, v := range versions {
		t := api.Version{At: v.From, Until: v.To, Change: "judged", Fields: []api.FieldChange{}}
		var was store.VerdictVersion
		if i+1 < len(versions) {
			was = versions[i+1]
		}
		differs := func(field, before, after string) {
			if before != after {
				t.Fields = append(t.Fields, api.FieldChange{Field: field, Before: orNothing(before), After: orNothing(after)})
			}
		}
		differs("usage status", word(was.Status), word(v.Status))
		differs("evidence", evidenceOrNone(was), evidenceOrNone(v))
		differs("silent since", dateOrNone(was.Silent), dateOrNone(v.Silent))
		parts := []string{fmt.Sprintf("usage status %s, evidence %s:", word(v.Status), EvidenceWord(v.Grade))}
		for _, w := range v.Why {
			parts = append(parts, w.Text)
		}
		if len(v.Why) == 0 {
			parts = append(parts, v.Reason)
		}
		t.Summary = strings.Join(parts, " ")
		out = append(out, t)
	}
	return out
}

// judgedTimeline is what was concluded about the use of an identity and of each of
// its credentials that the reader sees.
func judgedTimeline(tx *sqlstore.Tx, id retinue.EntityID, key int64) ([]api.Version, error) {
	own, err := tx.VerdictVersions(id, 0)
	if err != nil {
		return nil, err
	}
	out := verdictTimeline(own)
	related, err := tx.Related(key, relatedCredentials, store.EdgeIdentity)
	if err != nil {
		return nil, err
	}
	seen := map[retinue.EntityID]bool{}
	for _, f := range related {
		if f.Type != retinue.FactCredential || f.Entity == "" || seen[f.Entity] {
			continue
		}
		seen[f.Entity] = true
		versions, err := tx.VerdictVersions(f.Entity, 0)
		if errors.Is(err, retinue.ErrNotFound) {
			continue // the scope does not see it
		}
		if err != nil {
			return nil, err
		}
		for _, v := range verdictTimeline(versions) {
			v.Type, v.Source = retinue.FactCredential, f.Source
			v.Summary = "credential " + retinue.CleanName(f.Ref.Key) + ": " + v.Summary
			out = append(out, v)
		}
	}
	return out, nil
}

// relatedCredentials is of how many credentials of an identity its timeline tells.
const relatedCredentials = 500

// orNothing is a text as a field has it: nil is none.
func orNothing(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func evidenceOrNone(v store.VerdictVersion) string {
	if v.Grade == "" {
		return ""
	}
	return EvidenceWord(v.Grade)
}

func dateOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
