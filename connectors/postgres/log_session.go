package postgres

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// logged states what an entry of severity LOG tells.
func (d *logDecoder) logged(e retinue.Event, l *logLine) (retinue.Event, bool) {
	m := l.message
	if rest, ok := strings.CutPrefix(m, "AUDIT: "); ok {
		return d.audited(e, l, rest)
	}
	if name := changedSetting(m); name != "" {
		return silenced(e, name)
	}
	if l.user == "" && !letIn(m) && !strings.HasPrefix(m, disconnectedMark) {
		return e, false
	}
	switch {
	case strings.HasPrefix(m, receivedMark), strings.HasPrefix(m, "connection ready: "):
		return e, false
	case strings.HasPrefix(m, authenticatedMark):
		return e, false
	case strings.HasPrefix(m, authorizedMark):
		return d.connected(e, l, ""), true
	case strings.HasPrefix(m, replicationMark):
		return d.connected(e, l, "replication"), true
	case strings.HasPrefix(m, disconnectedMark):
		// It was open until now: a session may last for months without another
		// entry.
		e.Class, e.Operation, e.Resource = retinue.EventSignIn, "disconnection", d.databaseRef(orField(l.database, m, "database"))
		e.Identity = d.roleRef(orField(l.user, m, "user"))
		return e, !e.Identity.IsZero()
	}
	return d.statement(e, l)
}

// connected states a connection that was let in. The entry names the application
// since version 12; the role and the database stand in it as in columns of their
// own, which the text format need not have.
func (d *logDecoder) connected(e retinue.Event, l *logLine, operation string) retinue.Event {
	e.Class, e.Action, e.Operation = retinue.EventSignIn, "CONNECT", operation
	e.Identity = d.roleRef(orField(l.user, l.message, "user"))
	e.Resource = d.databaseRef(orField(l.database, l.message, "database"))
	if operation != "" {
		e.Action, e.Resource = "", retinue.Ref{} // takes the attribute REPLICATION
	}
	if e.Origin.Application == "" {
		e.Origin.Application = eventText(applicationOf(l.message))
	}
	e.Credential, e.Context = d.proved(l, e.Identity)
	return e
}

// orField returns a column's value, or that of "name=value" in a message. Names
// with blanks in them are cut there.
func orField(column, message, name string) string {
	if column != "" {
		return column
	}
	_, rest, ok := strings.Cut(message, " "+name+"=")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// statement states an entry of log_statement or log_min_duration_statement. Of
// the text only the command is taken, if it is one of SQL's, and of commands about
// roles the role's name.
func (d *logDecoder) statement(e retinue.Event, l *logLine) (retinue.Event, bool) {
	text, ok := statementOf(l.message)
	if !ok {
		e.Class, e.Outcome = retinue.EventUnknown, retinue.OutcomeUnknown
		e.Raw = []byte("severity " + eventText(l.severity) + " sqlstate " + eventText(l.state))
		return e, true
	}
	if text == "" {
		e.Class, e.Operation = retinue.EventData, orWord(commandTag(l.tag), "statement")
		return e, true
	}
	c := readCommand(text)
	d.say(&e, c)
	return e, true
}

// statementOf returns the statement of "statement: …", "execute name: …" and
// "duration: 1.2 ms  statement: …"; empty for a duration alone.
func statementOf(m string) (string, bool) {
	if rest, ok := strings.CutPrefix(m, "duration: "); ok {
		_, rest, ok = strings.Cut(rest, " ms")
		if m = strings.TrimSpace(rest); m == "" {
			return "", ok
		}
	}
	if text, ok := strings.CutPrefix(m, "statement: "); ok {
		return text, true
	}
	for _, word := range []string{"execute ", "execute fetch from ", "parse ", "bind "} {
		if rest, ok := strings.CutPrefix(m, word); ok {
			if _, text, ok := strings.Cut(rest, ": "); ok {
				return text, true
			}
		}
	}
	if strings.HasPrefix(m, "fastpath function call: ") {
		return "", true
	}
	return "", false
}

// changedSetting returns the setting that a reload changed, if it is one of
// logging: parameter "log_connections" changed to "off". Its value is not looked
// at.
func changedSetting(m string) string {
	rest, ok := strings.CutPrefix(m, `parameter "`)
	if !ok {
		return ""
	}
	name, rest, _ := strings.Cut(rest, `"`)
	if !strings.HasPrefix(rest, " changed to ") && !strings.HasPrefix(rest, " removed from configuration file") || !isLogSetting(name) {
		return ""
	}
	return name
}

func isLogSetting(name string) bool {
	return strings.HasPrefix(name, "log_") || strings.HasPrefix(name, "pgaudit.") || name == "logging_collector"
}

// silenced states a change of what is logged. It may also have widened the log;
// which of the two the name alone does not say.
func silenced(e retinue.Event, name string) (retinue.Event, bool) {
	e.Class, e.Operation = retinue.EventManagement, "reload "+eventText(name)
	e.Touches = []retinue.Touch{{Kind: retinue.TouchSilence}}
	return e, true
}
