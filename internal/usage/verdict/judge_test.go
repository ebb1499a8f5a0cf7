package verdict

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

var (
	noon  = time.Date(2026, 6, 17, 12, 0, 0, 0, time.UTC)
	realm = retinue.NewRealm("aws", "111122223333")
)

const oneDay = 24 * time.Hour

func ago(days int) time.Time { return noon.AddDate(0, 0, -days) }

// full is a log that is known to be complete, up to an hour ago.
func full(from time.Time, spots ...retinue.BlindSpot) retinue.Coverage {
	return retinue.Coverage{Log: "aws.cloudtrail", Realm: realm, From: from, To: noon.Add(-time.Hour),
		Classes: []retinue.EventClass{retinue.EventManagement, retinue.EventData, retinue.EventSignIn},
		Proof:   "digest files chain without a gap", Authenticated: true, BlindSpots: spots}
}

// nightly is a job at 02:00 UTC, from so many days ago until so many days ago.
func nightly(from, until int) rhythm.Series {
	var s rhythm.Series
	for d := from; d >= until; d-- {
		s.Hours = append(s.Hours, rhythm.HourCount{Hour: ago(d).Truncate(oneDay).Unix()/3600 + 2, Count: 1})
	}
	return s
}

func subject(days int) Subject {
	return Subject{Ref: retinue.Ref{Realm: realm, Kind: "iam_role", Key: "nightly"}, Kind: retinue.IdentityRole,
		Credentials: []retinue.CredentialKind{retinue.CredentialAccessKey}, CreatedAt: ago(days), State: retinue.StateActive}
}

var dataEventsOff = retinue.BlindSpot{Code: "aws.data_events_off", Text: "Calls on the data of buckets are not logged.",
	Actions: []string{"s3:GetObject*", "s3:PutObject*"}, Raise: "Log data events.", Cost: "About 0.10 USD per 100,000 events."}

var hmac = retinue.BlindSpot{Code: "gcp.hmac_not_logged", Text: "Use of HMAC keys is not recorded.",
	Credentials: []retinue.CredentialKind{retinue.CredentialAccessKey}}

type testCase struct {
	name     string
	evidence Evidence
	status   Status
	grade    retinue.Grade
	reason   string   // a part of it
	spots    []string // codes that concern it
	raises   []string // codes, in order
	caveat   string
}

func field(meaning string, days, precision int) retinue.Use {
	return retinue.Use{Meaning: meaning, At: ago(days), Precision: precision, Grade: retinue.GradeC}
}

func grants(known bool, actions ...string) func(*Evidence) {
	return func(e *Evidence) { e.GrantsKnown, e.Grants = known, actions }
}

// given makes evidence of a subject that is two years old.
func given(uses rhythm.Series, coverage []retinue.Coverage, change ...func(*Evidence)) Evidence {
	e := Evidence{Subject: subject(730), Uses: uses, Coverage: coverage, Now: noon, GrantsKnown: true,
		Grants: []string{"sqs:SendMessage"}}
	for _, c := range change {
		c(&e)
	}
	return e
}

func fields(f ...retinue.Use) func(*Evidence) { return func(e *Evidence) { e.Fields = f } }

func made(days int) func(*Evidence) { return func(e *Evidence) { e.Subject.CreatedAt = ago(days) } }

func logs(c ...retinue.Coverage) []retinue.Coverage { return c }

// with changes a coverage.
func with(c retinue.Coverage, change func(*retinue.Coverage)) retinue.Coverage {
	change(&c)
	return c
}

func cases() []testCase {
	year := full(ago(365))
	unproven := with(year, func(c *retinue.Coverage) { c.Proof = "" })
	open := with(year, func(c *retinue.Coverage) { c.Authenticated = false })
	before := with(full(ago(365)), func(c *retinue.Coverage) { c.To = ago(30) })
	none := rhythm.Series{}
	return []testCase{
		{name: "a nightly job", evidence: given(nightly(300, 0), logs(year)), status: StatusActive, grade: retinue.GradeA,
			reason: "within its rhythm"},
		{name: "one missed night", evidence: given(nightly(300, 2), logs(year)), status: StatusIdle, grade: retinue.GradeA,
			reason: "past its rhythm"},
		{name: "stopped", evidence: given(nightly(300, 60), logs(year)), status: StatusDormant, grade: retinue.GradeA,
			reason: "sure that it has stopped"},
		{name: "stopped, the log unproven", evidence: given(nightly(300, 60), logs(unproven)), status: StatusDormant,
			grade: retinue.GradeC, raises: []string{"log.proof"}},
		{name: "stopped, anyone could write the log", evidence: given(nightly(300, 60), logs(open)), status: StatusDormant,
			grade: retinue.GradeC, raises: []string{"log.authenticate"}},
		{name: "stopped, a gap since", evidence: given(nightly(300, 60), logs(before, full(ago(25)))), status: StatusDormant,
			grade: retinue.GradeA},
		{name: "stopped, a gap lately", evidence: given(nightly(300, 60), logs(before, full(ago(1)))), status: StatusDormant,
			grade: retinue.GradeC, raises: []string{"log.gap"}},
		{name: "the log ended a month ago", evidence: given(nightly(300, 30), logs(before)), status: StatusUnknown,
			grade: retinue.GradeC, reason: "ends on", raises: []string{"log.resume"}},
		{name: "never used", evidence: given(none, logs(year), made(100)), status: StatusNeverUsed, grade: retinue.GradeA,
			reason: "Not used since it was made"},
		{name: "never used, made before the log", evidence: given(none, logs(year), made(500)), status: StatusIdle,
			grade: retinue.GradeA, reason: "No use is seen", raises: nil},
		{name: "never used, unproven", evidence: given(none, logs(unproven), made(100)), status: StatusIdle,
			grade: retinue.GradeC},
		{name: "new", evidence: given(none, logs(year), made(3)), status: StatusUnknown, grade: retinue.GradeA,
			reason: "too early to say"},
		{name: "refused only", evidence: given(none, logs(year), made(100), func(e *Evidence) {
			e.Denied, e.FirstDenied, e.LastDenied = 9, ago(50), ago(20)
		}), status: StatusNeverUsed, grade: retinue.GradeA, reason: "only refused"},
		{name: "used twice", evidence: given(rhythm.Series{Hours: nightly(200, 199).Hours}, logs(year)), status: StatusIdle,
			grade: retinue.GradeA, reason: "too few times"},
		{name: "a young key that acts nightly", evidence: given(nightly(20, 0), logs(year), made(21)), status: StatusActive,
			grade: retinue.GradeA},
		{name: "a young key, silent for ten days", evidence: given(nightly(20, 10), logs(year), made(21)), status: StatusIdle,
			grade: retinue.GradeA},
		{name: "nothing", evidence: given(none, nil), status: StatusUnknown, grade: retinue.GradeD, reason: "no log is connected",
			raises: []string{"log.connect"}},

		// The sources, row by row.
		{name: "AWS last accessed counts refusals", evidence: given(none, nil, fields(field("last_denied_or_used", 10, 0))),
			status: StatusActive, grade: retinue.GradeC, spots: []string{"field.last_use_only", "field.counts_denied"}},
		{name: "AWS last accessed was a refusal, by the log", evidence: given(none, logs(year), made(100),
			fields(field("last_denied_or_used", 10, 0)), func(e *Evidence) { e.Denied, e.LastDenied = 1, ago(10) }),
			status: StatusNeverUsed, grade: retinue.GradeA, caveat: "was a refused attempt"},
		{name: "a key's last use, and a refusal by a complete log", evidence: given(none, logs(year), made(100),
			fields(field("last_used", 10, 60)), func(e *Evidence) { e.Denied, e.LastDenied = 1, ago(10) }),
			status: StatusActive, grade: retinue.GradeC, spots: []string{"field.last_use_only"}, caveat: "not as complete as it says"},
		{name: "a key's last use, and a refusal by a log that may lack some", evidence: given(none, logs(unproven), made(100),
			fields(field("last_used", 10, 60)), func(e *Evidence) { e.Denied, e.LastDenied = 1, ago(10) }),
			status: StatusActive, grade: retinue.GradeC, spots: []string{"field.last_use_only"}},
		{name: "never used by its source, made before the log", evidence: given(none, logs(full(ago(200))), made(500),
			fields(retinue.Use{Meaning: "last_used", Never: true})), status: StatusNeverUsed, grade: retinue.GradeC, spots: []string{"field.not_kept"}},
		{name: "AWS key without a last use", evidence: given(none, nil, fields(retinue.Use{Meaning: "last_used", Never: true})),
			status: StatusNeverUsed, grade: retinue.GradeC, spots: []string{"field.not_kept"}},
		{name: "AWS key used long ago", evidence: given(none, nil, fields(field("last_used", 120, 60))),
			status: StatusIdle, grade: retinue.GradeC, spots: []string{"field.last_use_only"}, reason: "no log tells more", raises: []string{"log.connect"}},
		{name: "CloudTrail without data events, untouched", evidence: given(nightly(300, 60), logs(full(ago(365), dataEventsOff))),
			status: StatusDormant, grade: retinue.GradeB, raises: []string{"aws.data_events_off"}},
		{name: "CloudTrail without data events, touched", evidence: given(nightly(300, 60), logs(full(ago(365), dataEventsOff)),
			grants(true, "s3:Get*")), status: StatusDormant, grade: retinue.GradeC, spots: []string{"aws.data_events_off"},
			raises: []string{"aws.data_events_off"}},
		{name: "CloudTrail without data events, grants unknown", evidence: given(nightly(300, 60),
			logs(full(ago(365), dataEventsOff)), grants(false)), status: StatusDormant, grade: retinue.GradeC,
			spots: []string{"aws.data_events_off"}, raises: []string{"aws.data_events_off", "grants.unknown"}},
		{name: "GCP HMAC keys do not show", evidence: given(nightly(300, 60), logs(full(ago(365), hmac))), status: StatusDormant,
			grade: retinue.GradeC, spots: []string{"gcp.hmac_not_logged"}},
		{name: "GCP account without HMAC keys", evidence: given(nightly(300, 60), logs(full(ago(365), hmac)), func(e *Evidence) {
			e.Subject.Credentials = []retinue.CredentialKind{retinue.CredentialJWT}
		}), status: StatusDormant, grade: retinue.GradeA},
		{name: "GCP last authentication counts failures", evidence: given(none, nil, fields(field("last_authenticated", 5, 86400))),
			status: StatusActive, grade: retinue.GradeC, spots: []string{"field.last_use_only", "field.counts_denied"}},
		{name: "Secret Manager without data access log", evidence: given(none, logs(full(ago(365), retinue.BlindSpot{
			Code: "gcp.data_access_off", Text: "Reads of secrets are not logged.", Actions: []string{"secretmanager.*"}})),
			made(100), grants(true, "secretmanager.versions.access")), status: StatusIdle, grade: retinue.GradeC,
			spots: []string{"gcp.data_access_off"}},
		{name: "Entra knows each secret's last use", evidence: given(none, nil, fields(field("last_used", 3, 86400))),
			status: StatusActive, grade: retinue.GradeC, spots: []string{"field.last_use_only"}},
		{name: "GitHub log without apps that users authorised", evidence: given(none, logs(full(ago(365), retinue.BlindSpot{
			Code: "github.user_oauth_apps", Text: "Apps that users authorised are not listed.",
			Kinds: []retinue.IdentityKind{retinue.IdentityOAuthApp}})), made(100)), status: StatusNeverUsed, grade: retinue.GradeA},
		{name: "Kubernetes without an audit log", evidence: given(none, nil, fields(field("last_used", 400, 86400))),
			status: StatusIdle, grade: retinue.GradeC, spots: []string{"field.last_use_only"}, raises: []string{"log.connect"}},
		{name: "Vault does not show background rotation", evidence: given(nightly(300, 60), logs(full(ago(365),
			retinue.BlindSpot{Code: "vault.background_rotation", Text: "Rotations by Vault itself are not in its log.",
				Actions: []string{"database/rotate-*"}}))), status: StatusDormant, grade: retinue.GradeB},
		{name: "an SSH log that nobody ships", evidence: given(none, nil, fields(field("last_login", 50, 1))),
			status: StatusActive, grade: retinue.GradeC, spots: []string{"field.last_use_only"}},
		{name: "a field that the log does not bear out", evidence: given(nightly(300, 60), logs(year),
			fields(field("last_used", 9, 60))), status: StatusIdle, grade: retinue.GradeC, spots: []string{"field.last_use_only"}, caveat: "not as complete as it says"},
		{name: "a field that is newer than the log", evidence: given(nightly(300, 60), logs(year),
			fields(field("last_used", 0, 60))), status: StatusActive, grade: retinue.GradeA},
		{name: "a log that does not say what it holds", evidence: given(nightly(300, 60), logs(with(year,
			func(c *retinue.Coverage) { c.Classes = nil }))), status: StatusDormant, grade: retinue.GradeC,
			spots: []string{"log.classes_unknown"}},
		{name: "a log without data events that names none", evidence: given(nightly(300, 60), logs(with(year,
			func(c *retinue.Coverage) { c.Classes = c.Classes[:1] }))), status: StatusDormant, grade: retinue.GradeC,
			spots: []string{"log.no_data_events"}},
	}
}

func codes[T any](all []T, code func(T) string) []string {
	var out []string
	for _, x := range all {
		out = append(out, code(x))
	}
	return out
}

func TestJudge(t *testing.T) {
	f := rhythm.NewFitter(rhythm.DefaultZones()...)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			v := Judge(f, c.evidence)
			if v.Status != c.status || v.Grade != c.grade {
				t.Errorf("got %s %s, want %s %s: %s", v.Status, v.Grade, c.status, c.grade, v.Reason)
			}
			if !strings.Contains(v.Reason, c.reason) || !strings.HasSuffix(v.Reason, ".") {
				t.Errorf("reason %q, want it to have %q", v.Reason, c.reason)
			}
			if got := codes(v.BlindSpots, func(b retinue.BlindSpot) string { return b.Code }); !slices.Equal(got, c.spots) {
				t.Errorf("blind spots %v, want %v", got, c.spots)
			}
			if got := codes(v.Raises, func(r Raise) string { return r.Code }); c.raises != nil && !slices.Equal(got, c.raises) {
				t.Errorf("raises %v, want %v", got, c.raises)
			}
			if got := strings.Join(v.Caveats, " "); !strings.Contains(got, c.caveat) || c.caveat == "" && got != "" {
				t.Errorf("caveats %q, want %q", got, c.caveat)
			}
			t.Logf("%s %s: %s", v.Status, v.Grade, v.Reason)
		})
	}
}
