package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// The version of the Open Cybersecurity Schema Framework that is written, and
// the classes of it: Detection Finding, whose analytic is a rule, is what
// security lakes and SIEMs take findings about resources as; Entity Management
// is the class of a change to something that is managed.
const (
	ocsfVersion        = "1.5.0"
	ocsfFindings       = 2
	ocsfIAM            = 3
	ocsfDetection      = 2004
	ocsfEntityManaged  = 3004
	ocsfCreate         = 1
	ocsfRead           = 2
	ocsfUpdate         = 3 // Entity Management; 2 in findings
	ocsfFindingUpdate  = 2
	ocsfFindingClose   = 3
	ocsfOther          = 99
	ocsfAnalyticRule   = 1
	ocsfUserTypeUser   = 1
	ocsfUserTypeSystem = 3
)

type ocsfEvent struct {
	ActivityID   int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	CategoryUID  int    `json:"category_uid"`
	CategoryName string `json:"category_name"`
	ClassUID     int    `json:"class_uid"`
	ClassName    string `json:"class_name"`
	TypeUID      int    `json:"type_uid"`
	TypeName     string `json:"type_name"`
	Time         int64  `json:"time"` // milliseconds since 1970
	SeverityID   int    `json:"severity_id"`
	Severity     string `json:"severity"`
	StatusID     int    `json:"status_id"`
	Status       string `json:"status"`
	Message      string `json:"message,omitempty"`
	// Metadata is required in every class.
	Metadata ocsfMetadata `json:"metadata"`

	FindingInfo *ocsfFindingInfo `json:"finding_info,omitempty"`
	Resources   []ocsfResource   `json:"resources,omitempty"`
	Remediation *ocsfRemediation `json:"remediation,omitempty"`

	Actor    *ocsfActor    `json:"actor,omitempty"`
	Entity   *ocsfEntity   `json:"entity,omitempty"`
	Endpoint *ocsfEndpoint `json:"src_endpoint,omitempty"`

	Unmapped map[string]any `json:"unmapped,omitempty"`
}

type ocsfMetadata struct {
	Version  string      `json:"version"`
	Product  ocsfProduct `json:"product"`
	UID      string      `json:"uid,omitempty"`
	LogName  string      `json:"log_name,omitempty"`
	Sequence int64       `json:"sequence,omitempty"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfFindingInfo struct {
	UID       string       `json:"uid"`
	Title     string       `json:"title"`
	Desc      string       `json:"desc,omitempty"`
	Types     []string     `json:"types,omitempty"`
	FirstSeen int64        `json:"first_seen_time,omitempty"`
	LastSeen  int64        `json:"last_seen_time,omitempty"`
	Created   int64        `json:"created_time,omitempty"`
	Analytic  ocsfAnalytic `json:"analytic"`
}

type ocsfAnalytic struct {
	UID    string `json:"uid"`
	Name   string `json:"name,omitempty"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfResource struct {
	UID  string `json:"uid"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

type ocsfRemediation struct {
	Desc string `json:"desc"`
}

type ocsfActor struct {
	User    *ocsfUser `json:"user,omitempty"`
	AppName string    `json:"app_name,omitempty"`
}

type ocsfUser struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfEntity struct {
	UID    string `json:"uid"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfEndpoint struct {
	Hostname string `json:"hostname"`
}

// OCSF says what every event carries.
type OCSF struct {
	Tool Tool
	// Now is the time of a finding that has none.
	Now time.Time
}

// WriteFindings writes findings as OCSF 1.5.0 Detection Findings (class 2004),
// one JSON object a line. What the class has no attribute for stands under
// unmapped.
func (o OCSF) WriteFindings(w io.Writer, findings iter.Seq2[retinue.Finding, error]) (Written, error) {
	return writeOCSF(w, "findings", findings, o.finding)
}

// WriteRecords writes audit records as OCSF 1.5.0 Entity Management events
// (class 3004), one JSON object a line, each with its place in the chain.
func (o OCSF) WriteRecords(w io.Writer, records iter.Seq2[retinue.Record, error]) (Written, error) {
	return writeOCSF(w, "records", records, o.record)
}

func writeOCSF[T any](w io.Writer, what string, items iter.Seq2[T, error], event func(T) ocsfEvent) (Written, error) {
	b := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(b)
	n := int64(0)
	for item, err := range items {
		if err == nil {
			err = enc.Encode(event(item))
		}
		if err != nil {
			return Written{Rows: n}, fmt.Errorf("write OCSF: %s: %d: %w", what, n+1, err)
		}
		n++
	}
	if err := b.Flush(); err != nil {
		return Written{Rows: n}, fmt.Errorf("write OCSF: %w", err)
	}
	return Written{Rows: n}, nil
}

func (o OCSF) metadata(uid string) ocsfMetadata {
	return ocsfMetadata{Version: ocsfVersion, UID: uid,
		Product: ocsfProduct{Name: o.Tool.Name, VendorName: o.Tool.Name, Version: o.Tool.Version}}
}

func (o OCSF) finding(f retinue.Finding) ocsfEvent {
	activity, status := findingActivity(f)
	at := f.LastSeen
	if f.State == retinue.FindingResolved && !f.ResolvedAt.IsZero() {
		at = f.ResolvedAt
	}
	if at.IsZero() {
		at = o.Now
	}
	e := ocsfEvent{CategoryUID: ocsfFindings, CategoryName: "Findings", ClassUID: ocsfDetection, ClassName: "Detection Finding",
		Time: at.UnixMilli(), Message: f.Message, Metadata: o.metadata(string(f.ID))}
	e.activity(activity, map[int]string{ocsfCreate: "Create", ocsfFindingUpdate: "Update", ocsfFindingClose: "Close"}[activity])
	e.SeverityID, e.Severity = ocsfSeverity(f.Severity)
	e.StatusID, e.Status = status, map[int]string{1: "New", 2: "In Progress", 3: "Suppressed", 4: "Resolved"}[status]
	e.FindingInfo = &ocsfFindingInfo{UID: f.Fingerprint, Title: f.Title, Desc: f.Message, FirstSeen: unixMilli(f.FirstSeen),
		LastSeen: unixMilli(f.LastSeen), Created: unixMilli(f.FirstSeen),
		Analytic: ocsfAnalytic{UID: f.Rule, Name: f.Title, TypeID: ocsfAnalyticRule, Type: "Rule"}}
	for _, n := range f.OWASP {
		e.FindingInfo.Types = append(e.FindingInfo.Types, "OWASP "+string(n)+":2025")
	}
	if !f.Subject.IsZero() {
		e.Resources = []ocsfResource{{UID: f.Subject.Key, Name: f.Name, Type: f.Subject.Kind}}
	}
	if f.Remediation != "" {
		e.Remediation = &ocsfRemediation{Desc: f.Remediation}
	}
	e.Unmapped = map[string]any{"priority": f.Priority, "state": f.State, "realm": f.Subject.Realm}
	for k, v := range map[string]string{"entity": string(f.Entity), "family": f.Family, "fix": f.Fix,
		"priority_reason": f.PriorityReason, "suppressed": f.Suppressed} {
		if v != "" {
			e.Unmapped[k] = v
		}
	}
	if len(f.Controls) > 0 {
		e.Unmapped["supports_controls"] = f.Controls
	}
	if len(f.Places) > 0 {
		e.Unmapped["places"] = f.Places
	}
	return e
}

func (e *ocsfEvent) activity(id int, name string) {
	e.ActivityID, e.ActivityName = id, name
	e.TypeUID = e.ClassUID*100 + id
	e.TypeName = e.ClassName + ": " + name
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func findingActivity(f retinue.Finding) (activity, status int) {
	switch {
	case f.State == retinue.FindingResolved:
		return ocsfFindingClose, 4
	case f.State == retinue.FindingAccepted || f.Suppressed != "":
		return ocsfFindingUpdate, 3
	case f.State == retinue.FindingAcknowledged:
		return ocsfFindingUpdate, 2
	case f.State == retinue.FindingReopened:
		return ocsfFindingUpdate, 1
	}
	return ocsfCreate, 1
}

func ocsfSeverity(s retinue.Severity) (int, string) {
	switch s {
	case retinue.SeverityCritical:
		return 5, "Critical"
	case retinue.SeverityHigh:
		return 4, "High"
	case retinue.SeverityMedium:
		return 3, "Medium"
	case retinue.SeverityLow:
		return 2, "Low"
	case retinue.SeverityInfo:
		return 1, "Informational"
	}
	return 0, "Unknown"
}

func (o OCSF) record(r retinue.Record) ocsfEvent {
	e := ocsfEvent{CategoryUID: ocsfIAM, CategoryName: "Identity & Access Management", ClassUID: ocsfEntityManaged,
		ClassName: "Entity Management", Time: r.At.UnixMilli(), SeverityID: 1, Severity: "Informational", StatusID: 1, Status: "Success",
		Message: string(r.Action) + " " + r.Subject, Metadata: o.metadata(string(r.ID))}
	e.Metadata.LogName, e.Metadata.Sequence = "audit", r.Seq
	e.activity(recordActivity(r.Action))
	subject := r.Subject
	if subject == "" {
		subject = string(r.Action) // the object must name something
	}
	e.Entity = &ocsfEntity{UID: subject, TypeID: ocsfOther, Type: entityType(r.Action)}
	switch r.Actor.Kind {
	case "person", "os_user":
		e.Actor = &ocsfActor{User: &ocsfUser{Name: r.Actor.Name, TypeID: ocsfUserTypeUser, Type: "User"}, AppName: o.Tool.Name}
	case "collector":
		e.Actor = &ocsfActor{User: &ocsfUser{Name: r.Actor.Name, TypeID: ocsfUserTypeSystem, Type: "System"}, AppName: o.Tool.Name}
	default:
		e.Actor = &ocsfActor{AppName: o.Tool.Name}
	}
	if r.Actor.Host != "" {
		e.Endpoint = &ocsfEndpoint{Hostname: r.Actor.Host}
	}
	e.Unmapped = map[string]any{"action": r.Action, "prev_hash": r.PrevHash, "hash": r.Hash, "actor_kind": r.Actor.Kind}
	if len(r.Details) > 0 {
		e.Unmapped["details"] = r.Details
	}
	return e
}

// entityType is what an action is about: the word before the dot.
func entityType(a retinue.RecordAction) string {
	word, _, _ := strings.Cut(string(a), ".")
	return word
}

// recordActivity maps an action to an activity of Entity Management; what is
// none of them is Other, named by the action itself.
func recordActivity(a retinue.RecordAction) (int, string) {
	switch a {
	case retinue.RecordFindingOpened, retinue.RecordCollectorEnrolled:
		return ocsfCreate, "Create"
	case retinue.RecordExported, retinue.RecordVerifyCalled:
		return ocsfRead, "Read"
	case retinue.RecordFindingChanged, retinue.RecordFindingResolved, retinue.RecordFindingReopened, retinue.RecordRegistrationSet,
		retinue.RecordRulesChanged, retinue.RecordFingerprintKey:
		return ocsfUpdate, "Update"
	}
	return ocsfOther, string(a)
}
