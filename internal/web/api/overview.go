package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Overviewer computes the overview.
type Overviewer interface {
	// Overview returns the overview of what the caller may see.
	Overview(ctx context.Context, c auth.Caller, q OverviewQuery) (Overview, error)
}

// OverviewQuery is what an overview is asked for.
type OverviewQuery struct {
	// Since is from when on changes are told; zero: the caller's visit before.
	Since time.Time
	// AsOf is the date that it is of; zero: now.
	AsOf time.Time
	// TrendDays is how many days trends go back.
	TrendDays int
}

// Overview is the first page of the console.
type Overview struct {
	At       time.Time `json:"at" doc:"Now, or the date that was asked about"`
	Sentence Sentence  `json:"sentence"`
	// Metrics are the eight headline metrics, those that discovery alone can
	// know first.
	Metrics  []Metric         `json:"metrics"`
	Figures  store.Figures    `json:"figures"`
	Fixes    []TopFix         `json:"fixes" doc:"The changes that settle most"`
	Changed  ChangedSince     `json:"changed"`
	Coverage []SourceCoverage `json:"coverage"`
	IdleDays int              `json:"idleDays" doc:"After how many days without use something is idle"`
	// NotTold are the parts that cannot be told of a past date. They are empty.
	NotTold []NotTold `json:"notTold"`
	// Sample offers the sample company where there is little to see.
	Sample string `json:"sample,omitempty" doc:"A command that makes a sample company to look at, in a database of its own; only where there are few identities"`
}

// NotTold is a part of the overview that cannot be told of a past date.
type NotTold struct {
	Part   string `json:"part" enum:"changed,coverage"`
	Reason string `json:"reason"`
}

// Sentence are the figures of the overview's sentence.
type Sentence struct {
	Identities      int64 `json:"identities"`
	Systems         int64 `json:"systems"`
	WithoutOwner    int64 `json:"withoutOwner"`
	OldStatic       int64 `json:"oldStatic" doc:"Static credentials older than oldDays"`
	OldDays         int   `json:"oldDays"`
	AgeUnknown      int64 `json:"ageUnknown" doc:"Static credentials whose age is not known"`
	ThirdParty      int64 `json:"thirdParty" doc:"Identities that belong to, or trust, a third party"`
	Gained          int64 `json:"gained" doc:"Grants, policies and memberships that were added since the visit before"`
	GainedIsMore    bool  `json:"gainedIsMore"`
	OpenFindings    int64 `json:"openFindings"`
	CriticalAndHigh int64 `json:"criticalAndHigh"`
}

// Metric is a headline metric. What is not measured stands in Unknown with its
// reason, and is no part of Value.
type Metric struct {
	Key   string `json:"key" enum:"unowned,rotation_frequency,over_privileged,excessive_token_permissions,inactive_identities,unused_tokens,dormant_workloads,failed_rotations"`
	Title string `json:"title"`
	// Value is absent where nothing of it can be measured.
	Value   *int64 `json:"value,omitempty"`
	Of      int64  `json:"of" doc:"The whole that value and unknown are parts of"`
	Unknown int64  `json:"unknown"`
	Reason  string `json:"reason,omitempty" doc:"Why the unknown part is not measured"`
	// Evidence says how good the measured part is, at its weakest.
	Evidence retinue.Grade `json:"evidence,omitempty" doc:"A complete, B good, C weak, D none"`
	// ByEvidence divides the measured part where logs are read: what is known of
	// use is then counted, the best evidence first.
	ByEvidence []MeasuredShare `json:"byEvidence,omitempty"`
	Meaning    string          `json:"meaning" doc:"What is counted, in one sentence"`
	HighIsGood bool            `json:"highIsGood,omitempty"`
	// List and Filter lead to what is behind the number.
	List   string              `json:"list,omitempty" enum:"identities,credentials,findings"`
	Filter map[string][]string `json:"filter,omitempty"`
	// From says since when the metric is measurable at all: by discovery, or
	// once a log is connected.
	Needs string       `json:"needs" enum:"discovery,log"`
	Trend []TrendPoint `json:"trend" doc:"By day, the oldest first, from the first day on that was recorded"`
	// TrendOf says what the trend counts where that is not what Value counts.
	TrendOf string `json:"trendOf,omitempty"`
}

// MeasuredShare is the part of a metric that is measured on some evidence.
type MeasuredShare struct {
	Grade retinue.Grade `json:"grade" enum:"A,B,C"`
	Value int64         `json:"value"`
	Of    int64         `json:"of"`
}

// GradeCount counts what has some evidence.
type GradeCount struct {
	Grade retinue.Grade `json:"grade" enum:"A,B,C,D" doc:"A complete, B good, C weak, D none"`
	N     int64         `json:"n"`
}

// SystemUse is what is known of use in one system of a source.
type SystemUse struct {
	Realm retinue.Realm `json:"realm"`
	// By says on what it rests: logs, the last-used fields of the source, or nothing.
	By    string        `json:"by" enum:"log,field,none"`
	Grade retinue.Grade `json:"grade" enum:"A,B,C,D" doc:"The best evidence on which the use of anybody is known, no better than what is covered"`
	// Coverage is what logs prove, the best first and what goes on after it at a
	// lower grade. Somebody whom a blind spot concerns is known on less.
	Coverage []CoveredStretch `json:"coverage"`
	// Judged counts its identities and credentials by their evidence, and Waiting
	// those of whose use nothing is concluded yet.
	Judged  []GradeCount `json:"judged"`
	Waiting int64        `json:"waiting,omitempty"`
}

// CoveredStretch is a stretch without a gap of which logs prove something.
type CoveredStretch struct {
	Grade retinue.Grade `json:"grade" enum:"A,B,C"`
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
}

// TrendPoint is a metric on a day (UTC). On a day that was missed nothing is
// known; otherwise there is no value where nothing of the whole was measured.
type TrendPoint struct {
	Day     string `json:"day"`
	Missed  bool   `json:"missed,omitempty" doc:"The day was not recorded: it is not zero, and not known"`
	Value   *int64 `json:"value,omitempty"`
	Of      int64  `json:"of"`
	Unknown int64  `json:"unknown"`
}

// TopFix is one change that settles findings.
type TopFix struct {
	Fix        string           `json:"fix"`
	Title      string           `json:"title"`
	Severity   retinue.Severity `json:"severity"`
	Findings   int64            `json:"findings"`
	Identities int64            `json:"identities"`
	Reason     string           `json:"reason"`
	Action     string           `json:"action"`
	Examples   []string         `json:"examples"`
}

// ChangedSince is what changed since a time.
type ChangedSince struct {
	Since time.Time  `json:"since,omitzero" doc:"Absent: the caller was never here before"`
	Items []Happened `json:"items"`
}

// Happened is a group of equal changes.
type Happened struct {
	Kind     string              `json:"kind" enum:"new_identities,gone_identities,new_credentials,new_findings,resolved_findings,gained,expiring,failed_scans"`
	Count    int64               `json:"count"`
	IsMore   bool                `json:"isMore,omitempty"`
	Text     string              `json:"text"`
	Examples []Named             `json:"examples"`
	List     string              `json:"list,omitempty"`
	Filter   map[string][]string `json:"filter,omitempty"`
}

// SourceCoverage is how well a source is known.
type SourceCoverage struct {
	ID          retinue.SourceID `json:"id"`
	Name        string           `json:"name"`
	Kind        string           `json:"kind"`
	State       store.RunState   `json:"state"`
	ScannedAt   time.Time        `json:"scannedAt,omitzero"`
	CompletedAt time.Time        `json:"completedAt,omitzero"`
	Complete    int              `json:"complete" doc:"Scopes that were listed completely"`
	Incomplete  int              `json:"incomplete"`
	Identities  int64            `json:"identities"`
	Credentials int64            `json:"credentials"`
	Use         retinue.Grade    `json:"use" doc:"The best evidence of use, of any of its systems"`
	UseSystems  []GradeCount     `json:"useSystems" doc:"How many of its systems have which evidence of use; empty where no log is read at all"`
	Systems     []SystemUse      `json:"systems" doc:"Those of useSystems, the best first; at most 20"`
	Missing     []string         `json:"missing" doc:"Privileges that it lacks"`
	Problems    []string         `json:"problems"`
	BlindSpots  []string         `json:"blindSpots"`
}

func (a *API) overview() {
	s := a.services.Overviewer
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "get-overview", Method: http.MethodGet, Path: "/overview", Tags: []string{"Inventory"}, Summary: "The whole in figures, what to do next, and what changed"},
		func(ctx context.Context, in *struct {
			Since time.Time `query:"since" doc:"What changed since then; the caller's visit before where absent"`
			AsOf  time.Time `query:"as_of" doc:"As it was observed at this time (RFC 3339); now where absent. What cannot be told of a past date is listed in notTold."`
			Trend int       `query:"trend" minimum:"7" maximum:"800" default:"90" doc:"How many days trends go back"`
		}) (*single[Overview], error) {
			return one(s.Overview(ctx, caller(ctx), OverviewQuery{Since: in.Since.UTC(), AsOf: in.AsOf.UTC(), TrendDays: in.Trend}))
		})
}
