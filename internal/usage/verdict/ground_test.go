package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// Each thing that can change a verdict is named by what changed, and only it is.
func TestCauses(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	base := func() Evidence {
		return Evidence{Now: at, Subject: Subject{CreatedAt: at.AddDate(-1, 0, 0), State: retinue.StateActive, Credentials: []retinue.CredentialKind{retinue.CredentialAccessKey}},
			FirstUse: at.AddDate(0, -3, 0), LastUse: at.AddDate(0, -1, 0), Grants: []string{"s3:*"}, GrantsKnown: true,
			Fields:   []retinue.Use{{Meaning: "last_used", At: at.AddDate(0, -1, 0)}},
			Coverage: []retinue.Coverage{{Log: "aws.cloudtrail", From: at.AddDate(0, -6, 0), To: at, Proof: "digests", Authenticated: true}}}
	}
	for name, c := range map[string]struct {
		change func(*Evidence)
		kind   CauseKind
		text   string
	}{
		"nothing":         {func(*Evidence) {}, CauseTime, "time went by"},
		"a use":           {func(e *Evidence) { e.LastUse = at.Add(-time.Hour) }, CauseEvents, "It was used at 2026-02-28 23:00 UTC (aws.cloudtrail: s3:GetObject)."},
		"an earlier use":  {func(e *Evidence) { e.FirstUse = at.AddDate(-2, 0, 0) }, CauseEvents, "from 2024-03-01 on"},
		"counts deleted":  {func(e *Evidence) { e.FirstUse, e.LastUse = time.Time{}, time.Time{} }, CauseEvents, "not kept any more"},
		"a field":         {func(e *Evidence) { e.Fields[0].At = at }, CauseSource, "last used at 2026-03-01"},
		"never, by field": {func(e *Evidence) { e.Fields = []retinue.Use{{Meaning: "last_used", Never: true}} }, CauseSource, "never used"},
		"a refusal by a field": {func(e *Evidence) {
			e.Fields = append(e.Fields, retinue.Use{Meaning: "last_denied", At: at})
		}, CauseTime, "time went by"},
		"disabled":         {func(e *Evidence) { e.Subject.State = retinue.StateDisabled }, CauseInventory, "It is disabled; before, it was active."},
		"a key":            {func(e *Evidence) { e.Subject.Credentials = append(e.Subject.Credentials, retinue.CredentialPassword) }, CauseInventory, "2 are known; before, it was 1"},
		"made later":       {func(e *Evidence) { e.Subject.CreatedAt = at }, CauseInventory, "made on 2026-03-01"},
		"granted more":     {func(e *Evidence) { e.Grants = append(e.Grants, "sqs:*") }, CauseInventory, "What it is granted changed."},
		"grants not read":  {func(e *Evidence) { e.GrantsKnown = false }, CauseInventory, "not known any more what it is granted"},
		"the log went on":  {func(e *Evidence) { e.Coverage[0].To = at.AddDate(0, 0, 1) }, CauseCoverage, "aws.cloudtrail is known until 2026-03-02 00:00 UTC; before, it was until 2026-03-01 00:00 UTC."},
		"an older log":     {func(e *Evidence) { e.Coverage[0].From = at.AddDate(-1, 0, 0) }, CauseCoverage, "known from 2025-03-01"},
		"a word withdrawn": {func(e *Evidence) { e.Coverage[0].Proof = "" }, CauseCoverage, "not known to be whole any more"},
		"a gap": {func(e *Evidence) {
			c := e.Coverage[0]
			c.From, e.Coverage[0].To = at.AddDate(0, -1, 0), at.AddDate(0, -2, 0)
			e.Coverage = append(e.Coverage, c)
		}, CauseCoverage, "gaps in aws.cloudtrail is 1; before, it was 0"},
		"a blind spot": {func(e *Evidence) { e.Coverage[0].BlindSpots = []retinue.BlindSpot{{Code: "aws.data_events_off"}} }, CauseCoverage, "aws.data_events_off"},
		"another log":  {func(e *Evidence) { e.Coverage = append(e.Coverage, retinue.Coverage{Log: "aws.s3", From: at, To: at}) }, CauseCoverage, "aws.s3 was read"},
		"a log gone":   {func(e *Evidence) { e.Coverage = nil }, CauseCoverage, "aws.cloudtrail covers nothing any more."},
		"a limit":      {func(e *Evidence) { e.Limits.Idle = 30 * 24 * time.Hour }, CauseLimits, "silent for 30 days"},
		"pauses":       {func(e *Evidence) { e.Limits.Pauses = 0.41 }, CauseLimits, "a pause is 0.41 times as likely as is assumed; before, it was 1 times."},
		"none learned": {func(e *Evidence) { e.Limits.Pauses = 1 }, CauseTime, "time went by"},
	} {
		e := base()
		before := GroundOf(e, "aws.cloudtrail: s3:PutObject")
		e = base()
		c.change(&e)
		got := Causes(before, GroundOf(e, "aws.cloudtrail: s3:GetObject"))
		if len(got) != 1 || got[0].Kind != c.kind || !strings.Contains(got[0].Text, c.text) || !strings.HasSuffix(got[0].Text, ".") {
			t.Errorf("%s: %+v, want one of kind %s with %q", name, got, c.kind, c.text)
		}
	}
}
