package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes a result as a table for people.
func (r Result) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-34s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("identities", "%d", r.Identities)
	line("answered", "%s", r.Answered)
	d := r.Dormancy
	b.WriteString("\nDORMANCY\n")
	line("  precision", "%s", d.Precision)
	line("  recall of those answered", "%s", d.Recall)
	line("  recall of all", "%s", d.Overall)
	line("  idle or more, precision", "%s", d.Inactive.Precision)
	line("  idle or more, recall of all", "%s", d.Inactive.Recall)
	line("  unknown", "%s", d.Unknown)
	line("  dead, no use due yet", "%d", d.Early)
	line("  called never used, was used", "%d", d.WrongNever)
	line("  silent with grade A or B", "%d", d.WrongSilent.Stated)
	line("    wrong on complete logs", "%d (must be 0)", d.WrongSilent.Complete)
	line("    wrong where logs have holes", "%d (must be 0)", d.WrongSilent.Holes)
	for _, ref := range d.WrongSilent.Identities {
		line("    wrong about", "%s", ref)
	}
	parts(&b, "rhythm", d.ByRhythm)
	parts(&b, "grade", d.ByGrade)
	b.WriteString("\nOTHERS\n")
	line("  rhythm named rightly", "%s", r.Rhythm)
	for _, f := range []struct {
		name string
		Found
	}{{"consumers", r.Consumers}, {"shared credentials", r.Shared}, {"shared or possibly", r.Possibly}, {"shadow identities", r.Shadows}} {
		line("  "+f.name+", precision", "%s", f.Precision)
		line("  "+f.name+", recall", "%s", f.Recall)
	}
	line("  owners answered", "%s", r.Owners.Answered)
	line("  owners right, of those answered", "%s", r.Owners.Accuracy)
	line("  owners right, of all", "%s", r.Owners.Overall)
	if r.Owners.Brier >= 0 {
		line("  owners, Brier score", "%.3f", r.Owners.Brier)
	}
	r.Signals.write(line)
	_, err := io.WriteString(w, b.String())
	return err
}

func (a *Alerts) write(line func(name, format string, args ...any)) {
	line("\nSIGNALS", "")
	line("  signals", "%d", a.Count)
	line("  for an identity and day", "%.4f, of them wrong %.4f", a.PerIdentityDay, a.False)
	line("  precision", "%s", a.Precision)
	line("  recall", "%s", a.Recall)
	for _, p := range a.ByIncident {
		line("    noticed "+p.Name, "%s", p.Rate)
	}
	for _, p := range a.ByKind {
		line("    right "+p.Name, "%s", p.Rate)
	}
}

func parts(b *strings.Builder, of string, all []DormancyPart) {
	fmt.Fprintf(b, "\n  %-14s %-42s %-42s %s\n", "by "+of, "precision", "recall", "unknown")
	for _, p := range all {
		fmt.Fprintf(b, "  %-14s %-42s %-42s %s\n", p.Name, p.Precision, p.Recall, p.Unknown)
	}
}
