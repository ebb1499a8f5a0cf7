package cli

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/app"
)

// maxShownSpots is how many blind spots are printed that concern identities, and
// maxShownRealms of how many realms of a log it is printed what was read.
const (
	maxShownSpots  = 6
	maxShownRealms = 5
)

// showRead prints what came of reading a source's logs: what was read, what could
// not be, and whom that leaves in the dark.
func (e *env) showRead(r app.ActivityRead, verbose bool) {
	if r.Inputs == 0 && r.Faults == 0 {
		e.printf("%s: nothing that was not read before\n", retinue.CleanName(r.Source))
		e.showNotes(r.Notes, verbose)
		return
	}
	e.printf("%s: %s in %s, %d of them new", retinue.CleanName(r.Source), plural(int(r.Events), "event", "events"), plural(int(r.Inputs), "file or object", "files or objects"), r.New)
	if !r.From.IsZero() {
		e.printf(", from %s to %s", minute(r.From), minute(r.To))
	}
	e.printf("\n")
	line := func(n int64, text string) {
		if n > 0 {
			e.printf("  %d %s\n", n, text)
		}
	}
	line(r.Repeated, "had been counted before")
	line(r.LateUnverified, "came so late that it cannot be told whether they had been counted")
	line(r.Unknown, "are of no kind that is known: kept, and taken neither for use nor for silence")
	line(r.Faults, "could not be read")
	if r.HandedIn {
		e.showHandedIn(r)
	}
	e.showCoverage(r.Coverage, verbose)
	e.showSpots(r, verbose)
	e.showNotes(r.Notes, verbose)
}

// showCoverage prints one line for each log of a realm.
func (e *env) showCoverage(list []retinue.Coverage, verbose bool) {
	type key struct {
		log   string
		realm retinue.Realm
		whole bool
	}
	spans := map[key][2]time.Time{}
	var order []key
	for _, c := range list {
		k := key{c.Log, c.Realm, c.Proof != ""}
		s, ok := spans[k]
		if !ok {
			order, s = append(order, k), [2]time.Time{c.From, c.To}
		}
		if c.From.Before(s[0]) {
			s[0] = c.From
		}
		if c.To.After(s[1]) {
			s[1] = c.To
		}
		spans[k] = s
	}
	unproven := ""
	for i, k := range order {
		if i >= maxShownRealms && !verbose {
			e.printf("  and %s more: --verbose prints them\n", plural(len(order)-i, "log", "logs"))
			break
		}
		e.printf("  covers %s of %s from %s to %s", k.log, k.realm, spans[k][0].Format(time.DateOnly), spans[k][1].Format(time.DateOnly))
		if !k.whole {
			e.printf(", not proven to be whole")
			unproven = k.log
		}
		e.printf("\n")
	}
	if unproven != "" {
		e.printf("  If you know that nothing is missing, say so: retinue activity attest %s\n", unproven)
	}
}

// showSpots prints the blind spots that concern somebody, those that concern most
// first, and how many others there are.
func (e *env) showSpots(r app.ActivityRead, verbose bool) {
	texts := map[string]string{}
	var codes []string
	for _, c := range r.Coverage {
		for _, b := range c.BlindSpots {
			if _, ok := texts[b.Code]; !ok {
				codes = append(codes, b.Code)
				texts[b.Code] = retinue.CleanName(b.Text)
			}
		}
	}
	slices.SortStableFunc(codes, func(x, y string) int { return r.Concerns[y] - r.Concerns[x] })
	rest := 0
	for i, code := range codes {
		n := r.Concerns[code]
		switch {
		case n > 0 && (verbose || i < maxShownSpots):
			e.printf("  not shown, of %s: %s\n", plural(n, "identity or credential", "identities and credentials"), texts[code])
		case verbose:
			e.printf("  not shown: %s\n", texts[code])
		default:
			rest++
		}
	}
	if rest > 0 {
		e.printf("  %s: --verbose prints them\n", plural(rest, "further blind spot", "further blind spots"))
	}
}

// showNotes prints notes, those that say the same but for a number or name once.
func (e *env) showNotes(notes []connector.Note, verbose bool) {
	const most = 5
	for i, n := range notes {
		if i >= most && !verbose {
			e.printf("  %s: --verbose prints them\n", plural(len(notes)-i, "further note", "further notes"))
			return
		}
		e.printf("  note: %s\n", strings.TrimSpace(retinue.CleanName(n.Text)))
	}
}

// plural is a number with the word for that many.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
