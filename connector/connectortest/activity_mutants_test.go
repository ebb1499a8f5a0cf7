package connectortest

import (
	"slices"
	"strings"
	"testing"
)

// TestActivityMutants proves that each clause about reading logs finds the fault
// that is planted for it, and that only those clauses speak that the fault
// concerns.
func TestActivityMutants(t *testing.T) {
	mutants := []struct {
		fault   fault
		clauses []string
	}{
		{faultNone, nil},
		{faultLogBlind, []string{clauseActivitySpec}},
		{faultLogExample, []string{clauseActivitySpec}},
		{faultEventLong, []string{clauseActivityEvents}},
		{faultEventRealm, []string{clauseActivityEvents, clauseActivityCover}},
		{faultEventNoName, []string{clauseActivityEvents}},
		{faultEventZone, []string{clauseActivityEvents}},
		{faultEventContext, []string{clauseActivityEvents}},
		{faultEventRaw, []string{clauseActivityEvents}},
		{faultEventControl, []string{clauseActivityEvents}},
		{faultBatchLabel, []string{clauseActivityEvents}},
		{faultEventClock, []string{clauseActivityRepeat}},
		{faultInputClock, []string{clauseActivityRepeat}},
		{faultStopAhead, []string{clauseActivityStop}},
		{faultOnceIgnored, []string{clauseActivityOnce, clauseActivityGrow, clauseActivityPieces}},
		{faultDamagedEnds, []string{clauseActivityDamaged}},
		{faultDamagedSilent, []string{clauseActivityDamaged}},
		{faultDamagedPlace, []string{clauseActivityDamaged}},
		{faultDamagedText, []string{clauseActivityDamaged}},
		{faultGrowHalf, []string{clauseActivityGrow, clauseActivityPieces}},
		{faultGrowOnce, []string{clauseActivityGrow, clauseActivityPieces}},
		{faultPiecesForgot, []string{clauseActivityStop, clauseActivityGrow, clauseActivityPieces, clauseActivityDecode}},
		{faultGzipOther, []string{clauseActivityGzip}},
		{faultCutSilent, []string{clauseActivityCut}},
		{faultCutDone, []string{clauseActivityCut}},
		{faultCutLost, []string{clauseActivityCut}},
		{faultCoverNone, []string{clauseActivityCover}},
		{faultCoverClass, []string{clauseActivityCover}},
		{faultCoverShort, []string{clauseActivityCover}},
		{faultDecodeOther, []string{clauseActivityDecode}},
		{faultDecodeConfig, []string{clauseActivityDecode}},
		{faultDecodeKeeps, []string{clauseActivityDecode}},
		{faultCancelNilLog, []string{clauseActivityCancel}},
		{faultCancelGoesOn, []string{clauseActivityCancel}},
		{faultRefusedIgnored, []string{clauseActivityRefused}},
		{faultRefusedCover, []string{clauseActivityRefused}},
		{faultLogSecret, []string{clauseActivitySecrets}},
		{faultHostileEvent, []string{clauseActivityHostile}},
		{faultHostileKind, []string{clauseActivityHostile}},
		{faultCloseUnused, []string{clauseActivityClosable}},
	}
	covered := map[string]bool{}
	for _, m := range mutants {
		t.Run(strings.Join(append(m.clauses, string(m.fault)), " "), func(t *testing.T) {
			for _, c := range activityClauses() {
				said := judge(t, clause{check: func(t testing.TB, _ Subject) { c.check(t, diarySubject(m.fault)) }}, Subject{})
				switch expected := slices.Contains(m.clauses, c.name); {
				case expected && len(said) == 0:
					t.Errorf("clause %q did not notice", c.name)
				case !expected && len(said) > 0:
					t.Errorf("clause %q noticed as well: %s", c.name, strings.Join(said, "; "))
				}
			}
		})
		for _, name := range m.clauses {
			covered[name] = true
		}
	}
	for _, c := range activityClauses() {
		if !covered[c.name] {
			t.Errorf("clause %q has no mutant", c.name)
		}
	}
}

func TestActivityOnTheReference(t *testing.T) { Activity(t, diarySubject(faultNone)) }
