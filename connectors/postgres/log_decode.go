package postgres

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// serverLog is the name of the server's log.
const serverLog = "postgres.log"

// logDecoder turns entries of the server's log into events. The log does not say
// which server it is of.
type logDecoder struct {
	realm  retinue.Realm
	zone   *time.Location
	prefix *prefixParser // of the text format; nil: not given
	// open are the sessions of which later entries need to know something; nil
	// where entries come one by one.
	open *openSessions
	// sessions watches the numbers of lines for gaps, from those in lines on; nil
	// where nobody asks.
	sessions *sessionLines
	lines    logs.Pending[numbered]
}

// Decode implements logs.Decoder.
func (d *logDecoder) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	var l logLine
	var err error
	switch {
	case rec.Fields != nil:
		l, err = csvLine(rec.Fields, d.zone)
	case len(rec.Data) > 0 && rec.Data[0] == '{':
		l, err = jsonLine(rec.Data, d.zone)
	default:
		var ok bool
		if l, ok, err = d.textLine(rec.Data); !ok {
			return dst, err
		}
	}
	if err != nil {
		return dst, err
	}
	d.watch(&l)
	d.open.resolve(&l)
	e, ok := d.event(&l)
	d.open.follow(&l)
	if !ok {
		return dst, nil
	}
	d.name(&e, &l, rec.Data)
	return append(dst, e), nil
}

// decodeRecord reads an entry of jsonlog by itself.
func (d *logDecoder) decodeRecord(record []byte) ([]retinue.Event, error) {
	record = bytes.TrimSpace(record)
	if len(record) == 0 || record[0] != '{' {
		return nil, fmt.Errorf("%w: not an entry of jsonlog", retinue.ErrInvalid)
	}
	return d.Decode(nil, logs.Record{Data: record})
}

// name gives the event its id: the session, the number of its line and the time.
// Both structured formats have these, so that a server which writes both is read
// once. The text format need not have them.
func (d *logDecoder) name(e *retinue.Event, l *logLine, data []byte) {
	if l.session != "" && l.number > 0 && len(l.session) <= 64 {
		e.ID = fmt.Sprintf("%s:%d@%s", retinue.CleanName(l.session), l.number, l.at.Format("2006-01-02T15:04:05.000Z"))
		return
	}
	sum := sha256.Sum256(data)
	copy(e.Digest[:], sum[:])
}

func (d *logDecoder) ref(kind, key string) retinue.Ref {
	return retinue.NewRef(d.realm, kind, boundKey(key))
}

func (d *logDecoder) roleRef(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	return d.ref("role", name)
}

// event says what an entry tells. Most do not tell of anybody's use.
func (d *logDecoder) event(l *logLine) (retinue.Event, bool) {
	e := retinue.Event{Log: serverLog, At: l.at, Realm: d.realm, Identity: d.roleRef(l.user), Outcome: retinue.OutcomeSuccess,
		Origin: retinue.Origin{Address: l.address(), Application: eventText(l.application)}}
	if e.Origin.Address == (retinue.Origin{}).Address && l.remote != "" && l.remote != "[local]" {
		e.Origin.Host = eventText(l.remote)
	}
	switch strings.ToUpper(l.severity) {
	case "LOG":
		return d.logged(e, l)
	case "ERROR", "FATAL", "PANIC":
		return d.failed(e, l)
	}
	return e, false // notices, warnings and debugging say nothing of use
}

// failed states a refusal or an error of somebody's session.
func (d *logDecoder) failed(e retinue.Event, l *logLine) (retinue.Event, bool) {
	if user := quoted(l.message, `authentication failed for user "`); l.user == "" && user != "" {
		e.Identity = d.roleRef(user)
	}
	if e.Identity.IsZero() {
		return e, false // the server's own processes
	}
	e.Class, e.Reason, e.Operation = retinue.EventData, eventText(l.state), commandTag(l.tag)
	e.Outcome = retinue.OutcomeError
	switch {
	case signInFailed(l):
		e.Class, e.Outcome, e.Action, e.Operation = retinue.EventSignIn, retinue.OutcomeDenied, "CONNECT", ""
		e.Resource = d.databaseRef(l.database)
		e.Credential, e.Context = d.proved(l, e.Identity)
	case l.state == "42501": // insufficient_privilege
		e.Outcome = retinue.OutcomeDenied
		e.Action = privilegeOf(e.Operation)
	case l.state == "57P01" || l.state == "57P02" || l.state == "57P03" || l.state == "57P05" || l.state == "08006" || l.state == "08P01":
		return e, false // the session was ended from outside
	}
	if e.Action == "" || e.Action != e.Operation {
		e.Operation = orWord(e.Operation, "statement")
	}
	if e.Action != "" && (e.Action == e.Operation || e.Class == retinue.EventSignIn) {
		e.Operation = ""
	}
	return e, true
}

func orWord(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// signInFailed reports the refusals of a connection: class 28 (invalid
// authorization), a database that is not there, or one that the role may not
// connect to. (Manual, appendix "PostgreSQL Error Codes".)
func signInFailed(l *logLine) bool {
	if strings.ToUpper(l.severity) != "FATAL" {
		return false
	}
	return strings.HasPrefix(l.state, "28") || l.state == "3D000" || l.state == "42501" || l.state == "53300"
}

func (d *logDecoder) databaseRef(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	return d.ref("database", quoteIdent(name))
}

// proved says by what a session's role was proved, as far as the log told before.
func (d *logDecoder) proved(l *logLine, role retinue.Ref) (retinue.Ref, []retinue.ContextValue) {
	p, ok := d.open.of(l)
	if !ok {
		return retinue.Ref{}, nil
	}
	var out []retinue.ContextValue
	if p.Proved != "" {
		out = append(out, retinue.ContextValue{Key: "authenticated_identity", Value: p.Proved})
	}
	if p.Method != "" {
		out = append(out, retinue.ContextValue{Key: "authentication_method", Value: p.Method})
	}
	switch p.Method {
	case "scram-sha-256", "md5", "password":
		return d.ref("password", role.Key), out
	}
	return retinue.Ref{}, out
}

// quoted returns the text between a mark that ends in a quote and the next quote.
func quoted(text, mark string) string {
	_, rest, ok := strings.Cut(text, mark)
	if !ok {
		return ""
	}
	value, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return ""
	}
	return value
}
