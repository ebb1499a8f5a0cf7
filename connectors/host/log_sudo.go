package host

import (
	"crypto/sha256"
	"strings"

	"github.com/retinue-id/retinue"
)

// sudo reads "ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/bin/ls -l",
// of a refusal with its reason before TTY. Of the command only the program is
// kept: its arguments may hold secrets. (sudoers(5), section "LOG FORMAT".)
func (l *entry) sudo() []retinue.Event {
	caller, rest, ok := strings.Cut(strings.TrimLeft(l.message, " "), " : ")
	if !ok || strings.Contains(caller, " ") || caller == "" {
		return nil
	}
	e := l.event
	e.Class, e.Outcome, e.Operation = retinue.EventData, retinue.OutcomeSuccess, "sudo"
	refusal, target := "", ""
	for part := range strings.SplitSeq(rest, " ; ") {
		name, value, isField := strings.Cut(part, "=")
		switch {
		case name == "COMMAND":
			program, _, _ := strings.Cut(value, " ")
			e.Resource = retinue.NewRef(e.Realm, "program", clipKey(retinue.CleanName(program)))
		case name == "USER":
			target = value
		case name == "TTY":
			e.Origin.Interactive = value != "unknown" && value != ""
		case !isField && refusal == "":
			refusal = part
		}
		if name == "COMMAND" {
			break // the rest is the command's own
		}
	}
	if target == "" || e.Resource.Key == "" {
		return nil
	}
	caller = strings.TrimSpace(caller)
	if refusal != "" {
		e.Outcome, e.Reason, e.Identity = retinue.OutcomeDenied, "sudo_refused", l.account(caller)
		e.OnBehalfOf = l.account(target)
		return []retinue.Event{e}
	}
	return l.become(e, caller, target)
}

// su reads the session that pam_unix opens, which distributions log alike, and
// the refusal that su itself logs.
func (l *entry) su() []retinue.Event {
	e := l.event
	e.Class, e.Outcome, e.Operation = retinue.EventSignIn, retinue.OutcomeSuccess, "su"
	if rest, ok := strings.CutPrefix(l.message, "FAILED SU (to "); ok {
		target, rest, ok := strings.Cut(rest, ") ")
		caller, tty, _ := strings.Cut(rest, " on ")
		e.Outcome, e.Reason = retinue.OutcomeDenied, "su_refused"
		e.Identity, e.OnBehalfOf, e.Origin.Interactive = l.account(caller), l.account(target), tty != "" && tty != "none"
		return some(e, ok)
	}
	_, rest, ok := strings.Cut(l.message, ":session): session opened for user ")
	target, rest, by := strings.Cut(rest, " by ")
	if !ok || !by || !strings.HasPrefix(l.message, "pam_unix(su") {
		return nil
	}
	target, _, _ = strings.Cut(target, "(")
	caller, _, _ := strings.Cut(rest, "(")
	if target == "" || caller == "" {
		return nil
	}
	return l.become(e, caller, target)
}

func some(e retinue.Event, ok bool) []retinue.Event {
	if !ok {
		return nil
	}
	return []retinue.Event{e}
}

// become states that one account acted as another: a use of the one, who became
// the other, and of the other, who then did what was asked.
func (l *entry) become(e retinue.Event, caller, target string) []retinue.Event {
	as := e
	as.Identity, as.Via = l.account(target), []retinue.Ref{l.account(caller)}
	by := e
	by.Identity, by.OnBehalfOf = l.account(caller), l.account(target)
	if by.ID != "" {
		by.ID += "#caller"
	} else {
		sum := sha256.Sum256(append(by.Digest[:], "#caller"...))
		copy(by.Digest[:], sum[:])
	}
	return []retinue.Event{as, by}
}
