package behave

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// deedKind is the signal about a touch, and how bad it is; empty where the touch
// alone is none: to start something (TouchRun) is the work of every deployment,
// and told where the action is new.
func deedKind(k retinue.TouchKind) (Kind, retinue.Severity, string) {
	switch k {
	case retinue.TouchSilence:
		return LoggingDisabled, retinue.SeverityCritical, "switched off or narrowed a log or a detector"
	case retinue.TouchExpose:
		return Exposure, retinue.SeverityHigh, "opened a resource to others"
	case retinue.TouchEdit:
		return PrivilegeEdit, retinue.SeverityHigh, "changed permissions, trust or settings"
	case retinue.TouchIssue:
		return PrivilegeEdit, retinue.SeverityHigh, "made a credential"
	case retinue.TouchCreate:
		return PrivilegeEdit, retinue.SeverityMedium, "made an identity"
	case retinue.TouchRotate:
		return PrivilegeEdit, retinue.SeverityMedium, "replaced a credential's value"
	case retinue.TouchEnable:
		return PrivilegeEdit, retinue.SeverityMedium, "enabled what was disabled"
	}
	return "", "", ""
}

// deeds tells what a subject did to identities, credentials, logs and resources
// for the first time. Silencing a log is told from the first day on; the rest
// once the subject was watched for long enough, as there are machines whose work
// it is.
func (d *detector) deeds() {
	behind := map[string][]*observation{}
	for _, x := range d.history.all {
		if !x.denied() {
			behind[string(x.hash[:])] = append(behind[string(x.hash[:])], x)
		}
	}
	sorted := slices.Clone(d.subject.Deeds)
	slices.SortStableFunc(sorted, func(a, b Deed) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Behaviour[:], b.Behaviour[:]))
	})
	done := map[string]bool{} // what it does, by kind and action
	for _, deed := range sorted {
		kind, severity, words := deedKind(deed.Kind)
		of := behind[string(deed.Behaviour[:])]
		own := deed.Target == d.subject.Ref && deed.Kind == retinue.TouchRotate
		if kind == "" || len(of) == 0 || own {
			continue // refused; or it rotates its own key
		}
		what := string(kind) + " " + of[0].values[dimAction]
		if done[what] {
			continue
		}
		done[what] = true
		if kind != LoggingDisabled && deed.First.Sub(d.watched()) < d.options.Learn {
			continue
		}
		d.deed(deed, kind, severity, words, of)
	}
}

// watched is from when on it would have been seen.
func (d *detector) watched() time.Time {
	if !d.subject.Since.IsZero() && d.subject.Since.Before(d.history.start) {
		return d.subject.Since
	}
	return d.history.start
}

func (d *detector) deed(deed Deed, kind Kind, severity retinue.Severity, words string, of []*observation) {
	x := of[0]
	s := Signal{Kind: kind, Severity: severity, What: x.values[dimAction], Compared: Comparison{From: d.watched(), To: deed.First}}
	target := ""
	if !deed.Target.IsZero() {
		target = " to " + d.options.Mask("target", deed.Target.Key)
	}
	s.Sentence = fmt.Sprintf("%s %s on %s: %s%s, from %s. It had not done so since %s, when it was first watched.",
		d.name(), words, minute(deed.First), d.action(x), target, d.place(x), date(d.watched()))
	if deed.First.Sub(d.watched()) < d.options.Learn {
		s.Sentence = fmt.Sprintf("%s %s on %s: %s%s, from %s.", d.name(), words, minute(deed.First), d.action(x), target, d.place(x))
	}
	d.add(s, of)
}
