package aws

import (
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// cover says what was read of each account: from the first event to the last,
// and, where digest files prove that nothing is missing, each stretch that they
// prove.
func (r *trailRun) cover(seen logs.Seen) []retinue.Coverage {
	regions := map[retinue.Realm]map[string]bool{}
	for _, p := range seen.Parts() {
		if regions[p.Realm] == nil {
			regions[p.Realm] = map[string]bool{}
		}
		regions[p.Realm][p.Region] = true
	}
	var out []retinue.Coverage
	for _, c := range seen.Coverage() {
		account := c.Realm.ID()
		if !isAccountID(account) {
			continue
		}
		c.BlindSpots = r.special
		if !r.gone {
			c.BlindSpots = append(c.BlindSpots, r.trails.blindSpots(account, len(regions[c.Realm]))...)
		}
		out = append(out, c)
		proof, wrong := r.proven.verified(account)
		r.tell(account, wrong)
		for _, s := range proof.signed {
			out = append(out, proven(c, s, true))
		}
		for _, s := range without(proof.whole, proof.signed) {
			out = append(out, proven(c, s, false))
		}
	}
	return out
}

// proven is a coverage of a stretch that digest files prove.
func proven(c retinue.Coverage, s span, signed bool) retinue.Coverage {
	c.From, c.To = s.from, s.to
	c.Classes = withManagement(c.Classes)
	c.Proof = fmt.Sprintf("digest files chain without a gap and every log file is as they list it, from %s to %s",
		s.from.UTC().Format(time.RFC3339), s.to.UTC().Format(time.RFC3339))
	if signed {
		c.Proof += ", signed by CloudTrail but for the newest digest file, whose signature comes with the next"
		c.Authenticated = true
	}
	return c
}

// withManagement adds the class that a trail always has: silence is proven of
// it even where nothing was seen.
func withManagement(classes []retinue.EventClass) []retinue.EventClass {
	for _, c := range classes {
		if c == retinue.EventManagement {
			return classes
		}
	}
	return append([]retinue.EventClass{retinue.EventManagement}, classes...)
}

// maxWrong is how many things that digest files find wrong are told one by one.
const maxWrong = 20

func (r *trailRun) tell(account string, wrong []string) {
	for i, text := range wrong {
		f := connector.Fault{Input: "cloudtrail-digest:" + account, Label: "digest files of account " + account,
			Err: fmt.Errorf("%w: %s", retinue.ErrConflict, text)}
		if i == maxWrong {
			f.Count = int64(len(wrong) - i)
			f.Err = fmt.Errorf("%w: more log files are not as digest files have them", retinue.ErrConflict)
		}
		r.sink.Fault(f)
		if i == maxWrong {
			return
		}
	}
}

// looksLikeCSV tells the CSV of an export of Athena or CloudTrail Lake by its
// header.
func looksLikeCSV(head string) bool {
	line, _, _ := strings.Cut(head, "\n")
	line = strings.ToLower(line)
	return !strings.HasPrefix(strings.TrimSpace(line), "{") && !strings.HasPrefix(strings.TrimSpace(line), "[") && strings.Contains(line, ",") &&
		(strings.Contains(line, "eventname") || strings.Contains(line, "eventjson") || strings.Contains(line, "eventdata"))
}
