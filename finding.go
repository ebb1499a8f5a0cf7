package retinue

import "time"

// Severity is how bad a finding's condition is by itself, before exposure,
// criticality and use are weighed in.
type Severity string

// The severities, worst first.
const (
	SeverityCritical Severity = "critical"
	SeverityHigh     Severity = "high"
	SeverityMedium   Severity = "medium"
	SeverityLow      Severity = "low"
	SeverityInfo     Severity = "info"
)

// Severities lists every severity, worst first.
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityInfo}
}

// AtLeast reports whether s is as bad as o or worse.
func (s Severity) AtLeast(o Severity) bool {
	rank := func(v Severity) int {
		for i, x := range Severities() {
			if x == v {
				return i
			}
		}
		return len(Severities())
	}
	return rank(s) <= rank(o)
}

// OWASP is an id of the OWASP Non-Human Identities Top 10 (2025).
type OWASP string

// The OWASP NHI risks.
const (
	NHI1  OWASP = "NHI1"  // Improper Offboarding
	NHI2  OWASP = "NHI2"  // Secret Leakage
	NHI3  OWASP = "NHI3"  // Vulnerable Third-Party NHI
	NHI4  OWASP = "NHI4"  // Insecure Authentication
	NHI5  OWASP = "NHI5"  // Overprivileged NHI
	NHI6  OWASP = "NHI6"  // Insecure Cloud Deployment Configurations
	NHI7  OWASP = "NHI7"  // Long-Lived Secrets
	NHI8  OWASP = "NHI8"  // Environment Isolation
	NHI9  OWASP = "NHI9"  // NHI Reuse
	NHI10 OWASP = "NHI10" // Human Use of NHI
)

// OWASPRisks lists the ten risks with their names.
func OWASPRisks() []struct {
	ID   OWASP
	Name string
} {
	return []struct {
		ID   OWASP
		Name string
	}{
		{NHI1, "Improper Offboarding"}, {NHI2, "Secret Leakage"}, {NHI3, "Vulnerable Third-Party NHI"},
		{NHI4, "Insecure Authentication"}, {NHI5, "Overprivileged NHI"},
		{NHI6, "Insecure Cloud Deployment Configurations"}, {NHI7, "Long-Lived Secrets"},
		{NHI8, "Environment Isolation"}, {NHI9, "NHI Reuse"}, {NHI10, "Human Use of NHI"},
	}
}

// FindingState is where a finding stands in its life.
type FindingState string

// The finding states. A reopened finding was resolved and its condition holds
// again.
const (
	FindingOpen         FindingState = "open"
	FindingAcknowledged FindingState = "acknowledged"
	FindingAccepted     FindingState = "accepted" // risk accepted until a date
	FindingResolved     FindingState = "resolved"
	FindingReopened     FindingState = "reopened"
)

// Finding is one subject for which the condition of a rule holds.
type Finding struct {
	ID FindingID `json:"id"`
	// Fingerprint is made of the rule and the refs, so that running the rules
	// again updates the finding.
	Fingerprint string       `json:"fingerprint"`
	Rule        string       `json:"rule"`
	Title       string       `json:"title"`
	Severity    Severity     `json:"severity"`
	State       FindingState `json:"state"`
	OWASP       []OWASP      `json:"owasp,omitempty"`
	// Controls are control ids that the rule supports: "supports", never
	// "compliant".
	Controls []string `json:"controls,omitempty"`
	Subject  Ref      `json:"subject"`
	Entity   EntityID `json:"entity,omitempty"`
	Name     string   `json:"name,omitempty"` // of the subject
	// Message is one sentence about this subject.
	Message     string `json:"message"`
	Remediation string `json:"remediation,omitempty"`
	// Evidence quotes what the rule saw. No secret value.
	Evidence map[string]any `json:"evidence,omitempty"`
	// Places are where to go, for findings about something in a file.
	Places []Place `json:"places,omitempty"`
	// Family is shared by findings with the same definition across accounts,
	// clusters and namespaces; Fix by those that one change settles.
	Family string `json:"family,omitempty"`
	Fix    string `json:"fix,omitempty"`
	// FixTitle says in words what that one change is.
	FixTitle string `json:"fixTitle,omitempty"`
	// Priority is severity × exposure × criticality × in use, 0 to 100, and
	// PriorityReason explains it in one sentence. It is not called risk.
	Priority       int       `json:"priority"`
	PriorityReason string    `json:"priorityReason,omitempty"`
	FirstSeen      time.Time `json:"firstSeen,omitzero"`
	LastSeen       time.Time `json:"lastSeen,omitzero"`
	ResolvedAt     time.Time `json:"resolvedAt,omitzero"`
	// Accepted explains an accepted risk.
	Accepted *Acceptance `json:"accepted,omitempty"`
	// Suppressed says why the finding is noise (provider-managed, system): it
	// is counted, not listed by default.
	Suppressed string `json:"suppressed,omitempty"`
}

// Acceptance is a decision to live with a finding for a time.
type Acceptance struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
	At     time.Time `json:"at"`
}

// Registration is the governance record of an identity.
type Registration struct {
	Entity      EntityID    `json:"entity"`
	Owner       string      `json:"owner,omitempty"`
	BackupOwner string      `json:"backupOwner,omitempty"`
	Purpose     string      `json:"purpose,omitempty"`
	Application string      `json:"application,omitempty"`
	Environment Environment `json:"environment,omitempty"`
	Criticality Criticality `json:"criticality,omitempty"`
	DataClass   string      `json:"dataClass,omitempty"`
	EndDate     time.Time   `json:"endDate,omitzero"`
	ReviewDate  time.Time   `json:"reviewDate,omitzero"`
	// Class overrides the class that sources gave, with its reason.
	Class       Class  `json:"class,omitempty"`
	ClassReason string `json:"classReason,omitempty"`
}
