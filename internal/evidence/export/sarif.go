package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://json.schemastore.org/sarif-2.1.0.json"
	// sarifFingerprint names our fingerprint in partialFingerprints; the number
	// changes when what a fingerprint is made of does.
	sarifFingerprint = "retinueFinding/v1"
)

// Tool is the program that made an export.
type Tool struct {
	Name    string
	Version string
	URL     string
}

// Rule is what an export says about a rule.
type Rule struct {
	ID          string
	Title       string
	Description string
	Remediation string
	HelpURL     string
	Severity    retinue.Severity
	OWASP       []retinue.OWASP
	Controls    []string
}

// SARIF is what WriteSARIF writes: one run with its rules and results.
type SARIF struct {
	Tool Tool
	// Category tells runs of one repository apart ("retinue/repo"); empty: none.
	Category string
	Rules    []Rule
	Findings iter.Seq2[retinue.Finding, error]
	// Started and Ended are the time of the scan; zero where not known.
	Started, Ended time.Time
	// Skipped are the scopes that could not be read whole. They become tool
	// notifications, so that a partial run does not look like a clean one.
	Skipped []SkippedScope
}

// WriteSARIF writes findings as SARIF 2.1.0 (OASIS Standard), with the
// properties that code scanning services read. Critical and high severities are
// errors, medium ones warnings, the others notes; accepted and suppressed
// findings carry a suppression, resolved ones are passes. A finding in files
// has those as locations; one about an identity has the identity as a logical
// location. Equal findings give equal bytes.
func WriteSARIF(w io.Writer, s SARIF) (Written, error) {
	b := bufio.NewWriterSize(w, 64<<10)
	rules := slices.Clone(s.Rules)
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	index := make(map[string]int, len(rules))
	for i, r := range rules {
		index[r.ID] = i
	}
	head, err := json.Marshal(sarifRunHead(s, rules))
	if err != nil {
		return Written{}, fmt.Errorf("write SARIF: %w", err)
	}
	// The results go between the rest of the run and its closing brace.
	fmt.Fprintf(b, `{"$schema":%q,"version":%q,"runs":[%s,"results":[`, sarifSchema, sarifVersion, head[:len(head)-1])
	n := int64(0)
	for f, err := range s.Findings {
		var raw []byte
		if err == nil {
			raw, err = json.Marshal(newSarifResult(f, index))
		}
		if err != nil {
			return Written{Rows: n}, fmt.Errorf("write SARIF: finding %d: %w", n+1, err)
		}
		if n > 0 {
			_ = b.WriteByte(',')
		}
		_ = b.WriteByte('\n')
		_, _ = b.Write(raw) // a bufio.Writer keeps the first error
		n++
	}
	_, _ = b.WriteString("]}]}\n")
	if err := b.Flush(); err != nil {
		return Written{Rows: n}, fmt.Errorf("write SARIF: %w", err)
	}
	return Written{Rows: n}, nil
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Automation  *sarifAutomation  `json:"automationDetails,omitempty"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	URI     string      `json:"informationUri,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID       string     `json:"id"`
	Name     string     `json:"name,omitempty"`
	Short    *sarifText `json:"shortDescription,omitempty"`
	Full     *sarifText `json:"fullDescription,omitempty"`
	HelpURI  string     `json:"helpUri,omitempty"`
	Help     *sarifText `json:"help,omitempty"`
	Defaults struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
	Properties sarifProperties `json:"properties"`
}

type sarifProperties struct {
	SecuritySeverity string           `json:"security-severity,omitempty"`
	Tags             []string         `json:"tags,omitempty"`
	Severity         retinue.Severity `json:"retinueSeverity,omitempty"`
	Priority         int              `json:"retinuePriority,omitempty"`
	Reason           string           `json:"retinuePriorityReason,omitempty"`
	State            string           `json:"retinueState,omitempty"`
	Fix              string           `json:"retinueFix,omitempty"`
	Commit           string           `json:"commit,omitempty"`
	Field            string           `json:"field,omitempty"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Started             string              `json:"startTimeUtc,omitempty"`
	Ended               string              `json:"endTimeUtc,omitempty"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

func sarifRunHead(s SARIF, rules []Rule) sarifRun {
	run := sarifRun{ColumnKind: "utf16CodeUnits"}
	run.Tool.Driver = sarifDriver{Name: s.Tool.Name, Version: s.Tool.Version, URI: s.Tool.URL, Rules: []sarifRule{}}
	for _, r := range rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSarifRule(r))
	}
	inv := sarifInvocation{ExecutionSuccessful: true, Started: sarifTime(s.Started), Ended: sarifTime(s.Ended)}
	for _, k := range s.Skipped {
		text := fmt.Sprintf("Not read whole: %s (%s)", k.Scope, k.State)
		if k.Reason != "" {
			text += ": " + k.Reason
		}
		inv.Notifications = append(inv.Notifications, sarifNotification{Level: "warning", Message: sarifText{Text: text}})
	}
	run.Invocations = []sarifInvocation{inv}
	if s.Category != "" {
		// The part before the last slash is the category (SARIF 3.17.3).
		run.Automation = &sarifAutomation{ID: strings.TrimSuffix(s.Category, "/") + "/"}
	}
	return run
}

func sarifTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func newSarifRule(r Rule) sarifRule {
	out := sarifRule{ID: r.ID, Short: text(r.Title), Full: text(r.Description), HelpURI: r.HelpURL}
	help := r.Remediation
	if len(r.Controls) > 0 {
		help = strings.TrimSpace(help + "\n\nSupports controls: " + strings.Join(r.Controls, ", ") + ".")
	}
	out.Help = text(help)
	out.Defaults.Level = sarifLevel(r.Severity)
	out.Properties = sarifProperties{SecuritySeverity: securitySeverity(r.Severity), Severity: r.Severity, Tags: []string{"security"}}
	for _, o := range r.OWASP {
		out.Properties.Tags = append(out.Properties.Tags, "owasp-"+strings.ToLower(string(o)))
	}
	return out
}

func text(s string) *sarifText {
	if s == "" {
		return nil
	}
	return &sarifText{Text: s}
}

func sarifLevel(s retinue.Severity) string {
	switch s {
	case retinue.SeverityCritical, retinue.SeverityHigh:
		return "error"
	case retinue.SeverityMedium:
		return "warning"
	}
	return "note"
}

// securitySeverity is a number inside the range that code scanning services
// show under the same word: above 9.0 critical, from 7.0 high, from 4.0 medium,
// from 0.1 low (GitHub, "SARIF support for code scanning").
func securitySeverity(s retinue.Severity) string {
	switch s {
	case retinue.SeverityCritical:
		return "9.5"
	case retinue.SeverityHigh:
		return "8.0"
	case retinue.SeverityMedium:
		return "5.5"
	case retinue.SeverityLow:
		return "2.5"
	}
	return "0.0"
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    *int               `json:"ruleIndex,omitempty"`
	Kind         string             `json:"kind"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations,omitempty"`
	Partial      map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   sarifProperties    `json:"properties"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification,omitempty"`
}

type sarifLocation struct {
	Physical   *sarifPhysical   `json:"physicalLocation,omitempty"`
	Logical    []sarifLogical   `json:"logicalLocations,omitempty"`
	Properties *sarifProperties `json:"properties,omitempty"`
}

type sarifPhysical struct {
	Artifact struct {
		URI string `json:"uri"`
	} `json:"artifactLocation"`
	Region *sarifRegion `json:"region,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

type sarifLogical struct {
	Name string `json:"name,omitempty"`
	Full string `json:"fullyQualifiedName"`
	Kind string `json:"kind,omitempty"`
}

func newSarifResult(f retinue.Finding, index map[string]int) sarifResult {
	r := sarifResult{RuleID: f.Rule, Kind: "fail", Level: sarifLevel(f.Severity), Message: sarifText{Text: sarifMessage(f)},
		Partial: map[string]string{sarifFingerprint: f.Fingerprint}}
	if i, ok := index[f.Rule]; ok {
		r.RuleIndex = &i
	}
	if f.State == retinue.FindingResolved {
		r.Kind, r.Level = "pass", "none" // SARIF 3.27.9 and 3.27.10
	}
	if f.State == retinue.FindingAccepted {
		s := sarifSuppression{Kind: "external", Status: "accepted", Justification: "risk accepted"}
		if a := f.Accepted; a != nil {
			s.Justification = fmt.Sprintf("%s (accepted by %s until %s)", a.Reason, a.By, a.Until.UTC().Format(time.DateOnly))
		}
		r.Suppressions = append(r.Suppressions, s)
	}
	if f.Suppressed != "" {
		r.Suppressions = append(r.Suppressions, sarifSuppression{Kind: "external", Status: "accepted", Justification: f.Suppressed})
	}
	logical := sarifLogical{Name: f.Name, Full: f.Subject.String(), Kind: f.Subject.Kind}
	for _, p := range f.Places {
		r.Locations = append(r.Locations, newSarifLocation(p, logical))
	}
	if len(r.Locations) == 0 && !f.Subject.IsZero() {
		r.Locations = []sarifLocation{{Logical: []sarifLogical{logical}}}
	}
	r.Properties = sarifProperties{SecuritySeverity: securitySeverity(f.Severity), Severity: f.Severity, Priority: f.Priority,
		Reason: f.PriorityReason, State: string(f.State), Fix: f.Fix}
	for _, o := range f.OWASP {
		r.Properties.Tags = append(r.Properties.Tags, "owasp-"+strings.ToLower(string(o)))
	}
	return r
}

// sarifMessage escapes what SARIF takes for an embedded link or placeholder
// (3.11.5 and 3.11.6), so that a hostile name cannot make either.
func sarifMessage(f retinue.Finding) string {
	m := f.Message
	if m == "" {
		m = f.Title
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}").Replace(m)
}

// newSarifLocation makes a location of a place: physical for a file, logical
// for anything else.
func newSarifLocation(p retinue.Place, subject sarifLogical) sarifLocation {
	loc := sarifLocation{Logical: []sarifLogical{subject}}
	if p.Commit != "" || p.Field != "" {
		loc.Properties = &sarifProperties{Commit: p.Commit, Field: p.Field}
	}
	switch p.Kind {
	case retinue.PlaceFile, retinue.PlaceGit, retinue.PlaceMCPConfig, retinue.PlaceAuthorizedKeys, retinue.PlaceTrustStore:
	default:
		full := string(p.Realm) + "/" + p.Path
		if p.Field != "" {
			full += "#" + p.Field
		}
		loc.Logical = append(loc.Logical, sarifLogical{Name: path.Base(p.Path), Full: full, Kind: string(p.Kind)})
		return loc
	}
	loc.Physical = &sarifPhysical{}
	loc.Physical.Artifact.URI = fileURI(p.Path)
	if p.Line > 0 {
		loc.Physical.Region = &sarifRegion{StartLine: p.Line, StartColumn: max(p.Column, 0)}
	}
	return loc
}

// fileURI returns a relative reference for a relative path, and a file URL for
// an absolute one (a Windows drive included).
func fileURI(p string) string {
	if len(p) > 2 && p[1] == ':' && p[2] == '/' {
		p = "/" + p
	}
	u := url.URL{Path: p}
	if strings.HasPrefix(p, "/") {
		u.Scheme = "file"
	}
	return u.String() // a first element with a colon gets "./" in front
}
