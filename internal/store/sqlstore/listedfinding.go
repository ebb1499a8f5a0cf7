package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// listedFinding is what figures and lists take from a finding.
type listedFinding struct {
	entity            int64
	severity          int
	state, suppressed string
	owasp             string // "NHI1 NHI5", each between spaces, so that one can be asked for
}

func listedOf(entity int64, f retinue.Finding) listedFinding {
	out := listedFinding{entity: entity, severity: slices.Index(retinue.Severities(), f.Severity), state: string(f.State), suppressed: f.Suppressed}
	for _, o := range f.OWASP {
		out.owasp = cmp.Or(out.owasp, " ") + string(o) + " "
	}
	return out
}

// figureKeys are the figures in which a finding counts.
func (l listedFinding) figureKeys(add func(name string, key ...string)) {
	severity := ""
	if l.severity >= 0 && l.severity < len(retinue.Severities()) {
		severity = string(retinue.Severities()[l.severity])
	}
	suppressed := ""
	if l.suppressed != "" {
		suppressed = "suppressed"
	}
	add(figureFindings, severity, l.state, suppressed)
	if suppressed != "" || l.state == string(retinue.FindingResolved) || l.state == string(retinue.FindingAccepted) {
		return
	}
	for o := range strings.FieldsSeq(l.owasp) {
		add(figureOWASP, o, severity)
	}
}

// findingSearch is what a finding is found by, its subject's name first.
func findingSearch(f retinue.Finding) string {
	return strings.ToLower(cmp.Or(f.Name, f.Subject.Key) + "\x1f" + f.Subject.Key + "\x1f" + f.Message)
}

// sourceOf returns the key of the source that states an entity; a finding
// about a source itself has the source's negative key for its entity.
func (tx *Tx) sourceOf(entity int64) (int64, error) {
	if entity < 0 {
		return -entity, nil
	}
	var source int64
	err := tx.queryRow("SELECT source_id FROM entities WHERE id = $1", entity).Scan(&source)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read source of finding: %w", err)
	}
	return source, nil
}
