package rules

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// PriorityInput is what a priority is made of. Zero values mean not known.
type PriorityInput struct {
	Severity    retinue.Severity
	Exposure    retinue.Exposure
	Criticality retinue.Criticality
	Environment retinue.Environment
	// Disabled is true where the subject cannot act.
	Disabled bool
	// LastUse is the latest use known; NeverUsed says that its source says it
	// never was.
	LastUse   time.Time
	NeverUsed bool
	Now       time.Time
}

// The days of silence after which a subject counts as used lately or not.
const (
	recentDays = 30
	idleDays   = 90
)

// Priority returns severity × exposure × criticality × in use as a number from
// 1 to 100, and the sentence that explains it. Each factor is at most 1, and
// one that is not known weighs in the middle and is named as not known. The
// weights order work; they are no probability, and the product is not called
// risk.
func Priority(in PriorityInput) (int, string) {
	sev, sevText := severityWeight(in.Severity)
	exp, expText := exposureWeight(in.Exposure)
	crit, critText := criticalityWeight(in.Criticality, in.Environment)
	use, useText := useWeight(in)
	p := int(math.Round(100 * sev * exp * crit * use))
	p = max(1, min(100, p))
	return p, fmt.Sprintf("Priority %d: %s × %s × %s × %s.", p, sevText, expText, critText, useText)
}

func severityWeight(s retinue.Severity) (float64, string) {
	weights := map[retinue.Severity]float64{retinue.SeverityCritical: 1, retinue.SeverityHigh: 0.75,
		retinue.SeverityMedium: 0.5, retinue.SeverityLow: 0.25, retinue.SeverityInfo: 0.1}
	w, ok := weights[s]
	if !ok {
		return 0.5, "severity not known"
	}
	return w, string(s) + " severity"
}

func exposureWeight(e retinue.Exposure) (float64, string) {
	switch e {
	case retinue.ExposurePublic:
		return 1, "open to anyone"
	case retinue.ExposureWorld:
		return 0.9, "widely open"
	case retinue.ExposureGroup:
		return 0.8, "open to a group"
	case retinue.ExposureOwner:
		return 0.6, "open to its own account only"
	}
	return 0.75, "exposure not known"
}

func criticalityWeight(c retinue.Criticality, e retinue.Environment) (float64, string) {
	switch c {
	case retinue.CriticalityCritical:
		return 1, "critical"
	case retinue.CriticalityHigh:
		return 0.9, "high criticality"
	case retinue.CriticalityMedium:
		return 0.75, "medium criticality"
	case retinue.CriticalityLow:
		return 0.5, "low criticality"
	}
	switch e {
	case retinue.EnvironmentProduction, retinue.EnvironmentShared:
		return 0.9, "criticality not set, " + string(e)
	case "":
		return 0.75, "criticality and environment not set"
	}
	return 0.6, "criticality not set, " + string(e)
}

func useWeight(in PriorityInput) (float64, string) {
	if in.Disabled {
		return 0.3, "disabled"
	}
	if in.LastUse.IsZero() {
		if in.NeverUsed {
			return 0.6, "never used as far as its source says"
		}
		return 0.8, "use not known"
	}
	days := max(0, int(in.Now.Sub(in.LastUse).Hours()/24))
	text := "last used " + plural(int64(days), "day") + " ago"
	switch {
	case days <= recentDays:
		return 1, text
	case days <= idleDays:
		return 0.8, text
	}
	return 0.6, text
}

// plural writes a count with its noun: "1 day", "3 copies".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	switch {
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ey") && !strings.HasSuffix(noun, "ay"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	case strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"), strings.HasSuffix(noun, "ch"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
