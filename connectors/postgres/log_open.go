package postgres

import (
	"strings"

	"github.com/retinue-id/retinue/connector/logs"
)

// The beginnings of the entries that log_connections and log_disconnections write.
const (
	receivedMark      = "connection received: "
	authenticatedMark = "connection authenticated: "
	authorizedMark    = "connection authorized: "
	replicationMark   = "replication connection authorized: "
	disconnectedMark  = "disconnection: "
)

// letIn reports an entry that says that a session was let in.
func letIn(message string) bool {
	return strings.HasPrefix(message, authorizedMark) || strings.HasPrefix(message, replicationMark)
}

// openSession is what the log told of a session so far: how its role was proved,
// until it was let in; and of a log in the text format whose prefix leaves out in
// whose name, where, from where or by which application it acts, that, until it
// ends.
type openSession struct {
	Proved      string `json:"p,omitempty"`
	Method      string `json:"m,omitempty"`
	User        string `json:"u,omitempty"`
	Database    string `json:"d,omitempty"`
	Application string `json:"a,omitempty"`
	Remote      string `json:"r,omitempty"`
}

// openSessions are the sessions of a log by their id, or by the process where the
// prefix has no more.
type openSessions struct{ logs.Pending[openSession] }

// key names the session of an entry; empty where the log does not.
func (l *logLine) key() string {
	switch {
	case l.session != "" && len(l.session) <= 64:
		return l.session
	case l.process != "" && len(l.process) <= 16:
		return "pid " + l.process
	}
	return ""
}

// of returns what is known of the session of an entry.
func (o *openSessions) of(l *logLine) (openSession, bool) {
	if o == nil {
		return openSession{}, false
	}
	return o.Get(l.key())
}

// resolve takes in what an entry says of its session before it is read, and fills
// in what the session has said before.
func (o *openSessions) resolve(l *logLine) {
	key := l.key()
	if o == nil || key == "" {
		return
	}
	s, known := o.Get(key)
	switch m := l.message; {
	case strings.HasPrefix(m, receivedMark):
		if l.prefixed { // the other formats have it in each entry
			o.Put(key, openSession{Remote: bounded(orField("", " "+m[len(receivedMark):], "host"))})
		}
	case strings.HasPrefix(m, authenticatedMark):
		if s.User != "" { // another session of a process with the same number
			s = openSession{}
		}
		s.Proved, s.Method = bounded(quoted(m, `identity="`)), ""
		if i := strings.LastIndex(m, `" method=`); i >= 0 {
			method, _, _ := strings.Cut(m[i+len(`" method=`):], " ")
			s.Method = bounded(method)
		}
		o.Put(key, s)
	case known && l.prefixed && l.ofSession() && (l.user == "" || s.User == "" || l.user == s.User):
		l.user, l.database = orWord(l.user, s.User), orWord(l.database, s.Database)
		l.application, l.remote = orWord(l.application, s.Application), orWord(l.remote, s.Remote)
	}
}

// ofSession reports an entry that only a session writes: processes of the server's
// own that come to have the number of one that ended do not.
func (l *logLine) ofSession() bool {
	_, statement := statementOf(l.message)
	return statement || letIn(l.message) || strings.HasPrefix(l.message, disconnectedMark) || strings.HasPrefix(l.message, "AUDIT: ") ||
		l.severity == "ERROR" || l.severity == "FATAL"
}

// follow keeps what later entries of the session need, once an entry was read.
func (o *openSessions) follow(l *logLine) {
	key := l.key()
	if o == nil || key == "" {
		return
	}
	switch m := l.message; {
	case strings.HasPrefix(m, disconnectedMark), l.severity == "FATAL", l.severity == "PANIC":
		o.Take(key)
	case letIn(m):
		s, _ := o.Take(key)
		if !l.prefixed || l.whole {
			return
		}
		o.Put(key, openSession{User: bounded(orField(l.user, m, "user")), Database: bounded(orField(l.database, m, "database")),
			Application: bounded(orWord(l.application, applicationOf(m))), Remote: s.Remote})
	}
}

// applicationOf is the application that an entry of log_connections names, since
// version 12.
func applicationOf(message string) string {
	_, app, _ := strings.Cut(message, " application_name=")
	app, _, _ = strings.Cut(app, " SSL enabled (")
	app, _, _ = strings.Cut(app, " GSS (")
	return app
}

// bounded makes foreign text fit to be kept.
func bounded(s string) string { return clip(eventText(s), 256) }
