package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/usage/replay"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// UsageHistory answers what identities and credentials have really done.
type UsageHistory interface {
	// Usage answers about an identity or a credential. People are pseudonymous.
	Usage(ctx context.Context, scope store.RowScope, id retinue.EntityID) (Usage, error)
	// VerdictPage lists verdicts in the order of ids.
	VerdictPage(ctx context.Context, scope store.RowScope, q store.VerdictQuery) ([]VerdictLine, error)
	VerdictShares(ctx context.Context, scope store.RowScope) ([]store.VerdictShare, error)
	// ActivityLogs says what was read of logs.
	ActivityLogs(ctx context.Context) (ActivityLogs, error)
}

// Usage is what is known of the use of an identity or credential.
type Usage struct {
	ID   retinue.EntityID `json:"id"`
	Name string           `json:"name"`
	Ref  retinue.Ref      `json:"ref"`
	// Verdict is the usage status, Grade its evidence and Evidence the word for
	// that which people read.
	Verdict  verdict.Status `json:"verdict"`
	Grade    retinue.Grade  `json:"grade"`
	Evidence string         `json:"evidence"`
	UsageVerdict
	JudgedAt  time.Time       `json:"judgedAt,omitzero"`
	Consumers []UsageConsumer `json:"consumers"`
	// Shared says which consumers that have nothing to do with each other share a
	// credential of it; it is left out where nothing says so.
	Shared *usage.Sharing `json:"shared,omitempty"`
	// PossiblyShared says who may share it where the log does not tell them apart
	// by name or program: they keep different hours in different places.
	PossiblyShared *usage.Sharing    `json:"possiblyShared,omitempty"`
	Actions        []UsageAction     `json:"actions"`
	Touches        []store.UsedTouch `json:"touches"`
	// Signals are what is unusual about its use of the last 30 days.
	Signals []behave.Signal `json:"signals"`
	// Week counts uses by hour of the week in UTC, Monday 00:00 first; Days by
	// day.
	Week [168]int64 `json:"week"`
	Days []UsageDay `json:"days"`
	// History is what was concluded before, the newest first and what is concluded
	// now before all, each with what had changed.
	History []UsageChange `json:"history"`
	// UnusedGrants are what an identity is granted and has not used. The
	// interface has them by themselves, since they take longer.
	UnusedGrants *replay.UnusedGrants `json:"unusedGrants,omitempty"`
}

// UsageChange is what was concluded for some time about the use of a thing.
type UsageChange struct {
	At       time.Time      `json:"at"`
	Until    time.Time      `json:"until,omitzero" doc:"Not there: it is concluded now"`
	Verdict  verdict.Status `json:"verdict"`
	Before   verdict.Status `json:"before,omitempty" doc:"The usage status before"`
	Grade    retinue.Grade  `json:"grade"`
	Evidence string         `json:"evidence"`
	// LastUsed is the last use that was known when it began.
	LastUsed    time.Time       `json:"lastUsed,omitzero"`
	SilentSince time.Time       `json:"silentSince,omitzero" doc:"Of what was idle, dormant or never used"`
	Reason      string          `json:"reason"`
	Why         []verdict.Cause `json:"why" doc:"What had changed: uses that became known, what logs cover, the thing itself"`
}

// UsageVerdict are the other parts of a verdict, as it has them.
type UsageVerdict struct {
	Reason      string         `json:"reason"`
	Window      verdict.Window `json:"window"`
	Rhythm      verdict.Rhythm `json:"rhythm"`
	LastUsed    time.Time      `json:"lastUsed,omitzero"`
	Basis       verdict.Basis  `json:"basis,omitempty"`
	LastDenied  time.Time      `json:"lastDenied,omitzero"`
	SilentSince time.Time      `json:"silentSince,omitzero"`
	SilentUntil time.Time      `json:"silentUntil,omitzero"`
	// Confidence is how sure it is that it has stopped, 0 where that is not known;
	// WindowTooShort is true where the log is too short to know its rhythm.
	Confidence     float64 `json:"confidence,omitempty"`
	WindowTooShort bool    `json:"windowTooShort,omitempty"`
	// DormantOn is when it is called dormant if it stays silent, and
	// DormantConfidence how sure that is then: 0 where a limit decides and not its
	// rhythm.
	DormantOn         time.Time           `json:"dormantOn,omitzero"`
	DormantConfidence float64             `json:"dormantConfidence,omitempty"`
	BlindSpots        []retinue.BlindSpot `json:"blindSpots"`
	Untouched         []retinue.BlindSpot `json:"untouched,omitempty"`
	Caveats           []string            `json:"caveats,omitempty"`
	Raises            []verdict.Raise     `json:"raises,omitempty"`
}

// UsageConsumer is what used it, as a list of who would notice.
type UsageConsumer = usage.Recognised

// UsageAction is what was done with it.
type UsageAction struct {
	// Action is the permission, empty where none is known for Operation.
	Action    string    `json:"action,omitempty"`
	Operation string    `json:"operation,omitempty"`
	Resource  string    `json:"resource,omitempty"`
	Log       string    `json:"log"`
	Uses      int64     `json:"uses"`
	Denied    int64     `json:"denied,omitempty"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// UsageDay is how often it was used on a day.
type UsageDay struct {
	Day    string `json:"day"` // 2026-03-31
	Uses   int64  `json:"uses"`
	Denied int64  `json:"denied,omitempty"`
}

// EvidenceWord is the word for a grade of evidence.
func EvidenceWord(g retinue.Grade) string {
	switch g {
	case retinue.GradeA:
		return "complete"
	case retinue.GradeB:
		return "good"
	case retinue.GradeC:
		return "weak"
	}
	return "none"
}

// VerdictLine is a verdict in a list.
type VerdictLine struct {
	ID       retinue.EntityID `json:"id"`
	Kind     string           `json:"kind"`
	Name     string           `json:"name"`
	Status   verdict.Status   `json:"status"`
	Grade    retinue.Grade    `json:"grade"`
	Evidence string           `json:"evidence"`
	LastUsed time.Time        `json:"lastUsed,omitzero"`
	// SilentSince is since when it is known not to have been used.
	SilentSince time.Time `json:"silentSince,omitzero"`
	// Confidence is how sure it is that it has stopped, and DormantOn when it is
	// called dormant if it stays silent.
	Confidence float64   `json:"confidence,omitempty"`
	DormantOn  time.Time `json:"dormantOn,omitzero"`
	JudgedAt   time.Time `json:"judgedAt"`
	Reason     string    `json:"reason"`
}

// VerdictsInput selects verdicts.
type VerdictsInput struct {
	Of     string `query:"of" enum:"identities,credentials" doc:"Only these"`
	Status string `query:"status" enum:"active,idle,dormant,never_used,unknown" doc:"Only this usage status"`
	Grade  string `query:"grade" enum:"A,B,C,D" doc:"Only this grade of evidence"`
	Shared bool   `query:"shared" doc:"Only what several consumers share"`
	AsOf   string `query:"asOf" format:"date-time" doc:"As it was concluded at a time; not with shared"`
	After  string `query:"after" maxLength:"64" doc:"The last id of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many are listed"`
}

// Verdicts is a page of verdicts.
type Verdicts struct {
	Items []VerdictLine `json:"items"`
	Next  string        `json:"next,omitempty" doc:"Give it as after for the next page"`
}

// UsageShares are how many things have which usage status on which evidence.
type UsageShares struct {
	Items []store.VerdictShare `json:"items"`
}

// ActivityLogs are the logs that were read.
type ActivityLogs struct {
	Logs []ActivityLog `json:"logs"`
	// Faults are the latest things that could not be read.
	Faults []store.UsageFault `json:"faults"`
	// Unlisted were seen in logs and are in no listing.
	Unlisted []UnlistedIdentity `json:"unlisted"`
	// Streams are the streams of events that this server reads.
	Streams []EventStream `json:"streams"`
}

// ActivityLog is what one log of a system covers, and what it brought.
type ActivityLog struct {
	Log      string             `json:"log"`
	Realm    retinue.Realm      `json:"realm"`
	From     time.Time          `json:"from,omitzero"`
	To       time.Time          `json:"to,omitzero"`
	Coverage []retinue.Coverage `json:"coverage"`
	// Words are those that were given that it is whole, and not taken back.
	Words []store.Attestation `json:"words"`
	// Gaps are stretches between parts that are covered.
	Gaps []verdict.Window `json:"gaps"`
	// Events counts by class, and what was repeated or late.
	Events map[string]int64 `json:"events"`
	// Days are the events of the last 90 days.
	Days []UsageDay `json:"days"`
}

// UnlistedIdentity is somebody who was seen in logs and is in no listing.
type UnlistedIdentity struct {
	store.Unlisted
	// Why says why it may be unlisted: "shadow" where a source listed its system
	// and not it, "not_connected" where no source lists its system.
	Why string `json:"why" enum:"shadow,not_connected"`
	// Connect is the kind of source that would list it.
	Connect string `json:"connect,omitempty"`
}

func (a *API) usage() {
	s := a.services.UsageHistory
	if s == nil {
		return
	}
	tags := []string{"Usage"}
	add(a, huma.Operation{OperationID: "get-identity-usage", Method: http.MethodGet, Path: "/identities/{id}/usage", Tags: tags,
		Summary: "What an identity has really done, and whether it is still used"}, func(ctx context.Context, in *idInput) (*single[Usage], error) {
		return one(s.Usage(ctx, caller(ctx).Scope(auth.PermInventoryRead), retinue.EntityID(in.ID)))
	})
	add(a, huma.Operation{OperationID: "get-credential-usage", Method: http.MethodGet, Path: "/credentials/{id}/usage", Tags: tags,
		Summary: "What was done with a credential, and whether it is still used"}, func(ctx context.Context, in *idInput) (*single[Usage], error) {
		return one(s.Usage(ctx, caller(ctx).Scope(auth.PermInventoryRead), retinue.EntityID(in.ID)))
	})
	add(a, huma.Operation{OperationID: "list-verdicts", Method: http.MethodGet, Path: "/verdicts", Tags: tags,
		Summary: "Usage status and evidence of identities and credentials"}, func(ctx context.Context, in *VerdictsInput) (*single[Verdicts], error) {
		q := store.VerdictQuery{Status: in.Status, Grade: retinue.Grade(in.Grade), Shared: in.Shared, After: retinue.EntityID(in.After), Limit: in.Limit, NonHuman: true}
		switch in.Of {
		case "identities":
			q.Type = retinue.FactIdentity
		case "credentials":
			q.Type = retinue.FactCredential
		}
		if in.AsOf != "" {
			at, err := time.Parse(time.RFC3339, in.AsOf)
			if err != nil {
				return nil, invalidField("query.asOf", "want a time such as 2026-03-01T00:00:00Z")
			}
			if in.Shared {
				return nil, invalidField("query.shared", "what was shared is not known of the past: leave out asOf or shared")
			}
			q.AsOf = at
		}
		items, err := s.VerdictPage(ctx, caller(ctx).Scope(auth.PermInventoryRead), q)
		out := Verdicts{Items: items}
		if len(items) == in.Limit {
			out.Next = string(items[len(items)-1].ID)
		}
		return one(out, err)
	})
	add(a, huma.Operation{OperationID: "get-usage-shares", Method: http.MethodGet, Path: "/usage/shares", Tags: tags,
		Summary: "How many things have which usage status on which evidence"}, func(ctx context.Context, _ *struct{}) (*single[UsageShares], error) {
		items, err := s.VerdictShares(ctx, caller(ctx).Scope(auth.PermInventoryRead))
		return one(UsageShares{Items: items}, err)
	})
	add(a, huma.Operation{OperationID: "get-activity-logs", Method: http.MethodGet, Path: "/activity", Tags: tags,
		Summary: "What was read of logs: what they cover, what is missing, who is in them only"}, func(ctx context.Context, _ *struct{}) (*single[ActivityLogs], error) {
		return one(s.ActivityLogs(ctx))
	})
}
