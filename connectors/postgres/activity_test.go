package postgres

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connector/logs"
)

func planted() string { return strings.Join([]string{"planted", "value", "of", "a", "statement"}, "-") }

// sampleLine is the nth of a series of log entries of several sorts.
func sampleLine(n int) logLine {
	l := logLine{at: time.Date(2026, 3, 2, 8, 0, 0, n*1e6, time.UTC), user: "app", database: "shop", remote: "10.0.0.9", session: fmt.Sprintf("65a.%x", n/4),
		number: int64(n%4 + 1), severity: "LOG", state: "00000", application: "web", backend: "client backend"}
	switch n % 4 {
	case 0:
		l.message = "connection authorized: user=app database=shop application_name=web SSL enabled (protocol=TLSv1.3, cipher=x, bits=256)"
	case 1:
		l.message = `AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,"select '` + planted() + `', 1 from orders",<none>`
	case 2:
		l.severity, l.state, l.tag, l.message = "ERROR", "42501", "SELECT", "permission denied for table "+planted()
	case 3:
		l.message = "statement: update orders set note = '" + planted() + "'\nwhere id = 1"
	}
	return l
}

func sampleJSON(t testing.TB, n int) []byte {
	t.Helper()
	l := sampleLine(n)
	b, err := json.Marshal(map[string]any{"timestamp": l.at.Format("2006-01-02 15:04:05.000 MST"), "user": l.user, "dbname": l.database, "pid": 90, "remote_host": l.remote,
		"remote_port": 40, "session_id": l.session, "line_num": l.number, "ps": l.tag, "error_severity": l.severity, "state_code": l.state,
		"message": l.message, "statement": planted(), "detail": planted(), "application_name": l.application, "backend_type": l.backend})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sampleCSV(t testing.TB, w io.Writer, records []int) {
	t.Helper()
	for _, n := range records {
		if n == connectortest.Damaged {
			fmt.Fprintf(w, "%s,x\n", connectortest.DamagedText)
			continue
		}
		l := sampleLine(n)
		out := csv.NewWriter(w)
		_ = out.Write([]string{l.at.Format("2006-01-02 15:04:05.000 MST"), l.user, l.database, "90", l.remote + ":40", l.session, fmt.Sprint(l.number), l.tag,
			"2026-03-02 08:00:00 UTC", "3/1", "0", l.severity, l.state, l.message, planted(), "", "", "", "", planted(), "", "", l.application, l.backend, "", "0"})
		out.Flush()
	}
}

func logOptions() map[string]string {
	return map[string]string{"system-identifier": "7300000000000000001"}
}

func TestActivityConformance(t *testing.T) {
	t.Run("jsonlog", func(t *testing.T) {
		connectortest.Activity(t, connectortest.ActivitySubject{
			Spec: Spec(), Open: connectortest.OpenActivity(Spec(), logOptions()), File: "postgresql.json",
			Write: connectortest.Lines(sampleJSON, `{"timestamp":"`+connectortest.DamagedText+`", "user" "x"}`), Record: sampleJSON, Secrets: []string{planted()}, Options: logOptions(),
		})
	})
	t.Run("csvlog", func(t *testing.T) {
		connectortest.Activity(t, connectortest.ActivitySubject{
			Spec: Spec(), Open: connectortest.OpenActivity(Spec(), logOptions()), File: "postgresql.csv", Write: sampleCSV, Secrets: []string{planted()},
		})
	})
}

func TestActivityPage(t *testing.T) {
	connectortest.ActivityPage(t, Spec(), "../../docs/connectors/postgres.md")
	page, err := os.ReadFile("../../docs/connectors/postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), settingsQuery) {
		t.Error("the page does not hold the query of the settings")
	}
}

// brief writes what of an event the tests look at.
func brief(e retinue.Event) string {
	parts := []string{string(e.Class), e.Identity.Key, strings.TrimSpace(e.Action + " " + e.Operation), e.Resource.Kind + ":" + e.Resource.Key, string(e.Outcome)}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("reason", e.Reason)
	add("with", e.Credential.Key)
	add("app", e.Origin.Application)
	if e.Origin.Address.IsValid() {
		add("from", e.Origin.Address.String())
	}
	for _, c := range e.Context {
		add(c.Key, c.Value)
	}
	for _, x := range e.Touches {
		parts = append(parts, string(x.Kind)+"="+x.Target.Key)
	}
	return strings.Join(parts, " ")
}

func TestLogEvents(t *testing.T) {
	for _, c := range []struct {
		name string
		line logLine
		want string // empty: no event
	}{
		{"let in", logLine{severity: "LOG", message: "connection authorized: user=app database=my db application_name=web SSL enabled (x)", user: "app", database: "my db"},
			`sign_in app CONNECT database:"my db" success app=web`},
		{"let in, in the text format", logLine{severity: "LOG", message: "connection authorized: user=app database=shop application_name=web"}, "sign_in app CONNECT database:shop success app=web"},
		{"replication", logLine{severity: "LOG", user: "copy", message: "replication connection authorized: user=copy application_name=walreceiver"}, "sign_in copy replication : success app=walreceiver"},
		{"a wrong password", logLine{severity: "FATAL", state: "28P01", user: "app", database: "shop", message: `password authentication failed for user "app"`}, "sign_in app CONNECT database:shop denied reason=28P01"},
		{"disconnection", logLine{severity: "LOG", user: "app", database: "shop", message: "disconnection: session time: 0:00:01"}, "sign_in app disconnection database:shop success"},
		{"pgaudit", logLine{severity: "LOG", user: "app", database: "shop", message: `AUDIT: OBJECT,3,1,WRITE,UPDATE,TABLE,"sales.""My Orders""","update ""My Orders"" set x = 'y'",<not logged>`},
			`data app UPDATE table:shop.sales."My Orders" success`},
		{"pgaudit, a function", logLine{severity: "LOG", user: "app", database: "shop", message: `AUDIT: SESSION,1,1,FUNCTION,EXECUTE,FUNCTION,public.f,select f(),<none>`}, `data app EXECUTE function:shop.public.f success`},
		{"pgaudit, a role", logLine{severity: "LOG", user: "dba", database: "shop", message: `AUDIT: SESSION,1,1,ROLE,ALTER ROLE,,,"alter role ""App"" password <REDACTED>",<none>`}, `management dba ALTER ROLE : success rotate=App`},
		{"pgaudit, cut off", logLine{severity: "LOG", user: "dba", message: `AUDIT: SESSION,1,1`}, `unknown dba  : unknown`},
		{"a grant", logLine{severity: "LOG", user: "dba", message: `statement: grant select on t to app, "Bot" with grant option`}, "management dba GRANT : success edit=app edit=Bot"},
		{"a role that is dropped", logLine{severity: "LOG", user: "dba", message: "execute <unnamed>: /* x */ drop role if exists a, b;"}, "management dba DROP ROLE : success delete=a delete=b"},
		{"logging is switched off", logLine{severity: "LOG", user: "dba", message: "duration: 0.2 ms  statement: alter system set log_connections = off"}, "management dba ALTER SYSTEM : success silence="},
		{"logging was switched off", logLine{severity: "LOG", message: `parameter "log_connections" changed to "off"`}, "management  reload log_connections : success silence="},
		{"another setting", logLine{severity: "LOG", message: `parameter "primary_conninfo" changed to "password=x"`}, ""},
		{"a statement", logLine{severity: "LOG", user: "app", message: "statement: select 1"}, "data app SELECT : success"},
		{"no command of SQL", logLine{severity: "LOG", user: "app", message: "statement: hunter2"}, "data app statement : success"},
		{"a duration", logLine{severity: "LOG", user: "app", tag: "idle", message: "duration: 1.5 ms"}, "data app statement : success"},
		{"no permission", logLine{severity: "ERROR", state: "42501", user: "app", tag: "DELETE", message: "permission denied for table x"}, "data app DELETE : denied reason=42501"},
		{"another error", logLine{severity: "ERROR", state: "23505", user: "app", tag: "INSERT", message: "duplicate key value"}, "data app INSERT : error reason=23505"},
		{"the session was ended", logLine{severity: "FATAL", state: "57P01", user: "app", message: "terminating connection due to administrator command"}, ""},
		{"of the server", logLine{severity: "LOG", message: "checkpoint complete"}, ""},
		{"not known", logLine{severity: "LOG", user: "app", state: "00000", message: "could not send data: " + planted()}, "unknown app  : unknown"},
		{"a notice", logLine{severity: "NOTICE", user: "app", message: "x"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &logDecoder{realm: "postgres:1"}
			c.line.at = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
			e, ok := d.event(&c.line)
			got := ""
			if ok {
				d.name(&e, &c.line, []byte("x"))
				got = brief(e)
				if err := connectortest.CheckEvent(Spec(), e); err != nil {
					t.Error(err)
				}
				if strings.Contains(string(e.Raw), planted()) {
					t.Errorf("raw %q repeats the message", e.Raw)
				}
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestProofs follows a session from its proof to its connection.
func TestProofs(t *testing.T) {
	d := &logDecoder{realm: "postgres:1", open: &openSessions{}}
	event := func(l logLine) retinue.Event {
		d.open.resolve(&l)
		e, _ := d.event(&l)
		d.open.follow(&l)
		return e
	}
	for _, c := range []struct{ proof, want string }{
		{`connection authenticated: identity="app" method=scram-sha-256 (/etc/pg_hba.conf:9)`, "with=app authenticated_identity=app authentication_method=scram-sha-256"},
		{`connection authenticated: identity="CN=app,O=Example" method=cert (x:1)`, "authenticated_identity=CN=app,O=Example authentication_method=cert"},
		{`connection authenticated: user="app" method=trust (x:1)`, "authentication_method=trust"},
	} {
		event(logLine{severity: "LOG", user: "app", session: "s", message: c.proof})
		e := event(logLine{severity: "LOG", user: "app", database: "d", session: "s", message: "connection authorized: user=app database=d"})
		if got := brief(e); got != "sign_in app CONNECT database:d success "+c.want {
			t.Errorf("%s: got %s", c.proof, got)
		}
	}
	if n := d.open.Len(); n != 0 {
		t.Errorf("%d sessions are still kept", n)
	}
}

func TestLogTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		zone *time.Location
		want string
	}{
		{"2026-03-02 08:00:00.123 UTC", nil, "2026-03-02T08:00:00.123Z"},
		{"2026-07-02 08:00:00.123 CEST", nil, "2026-07-02T06:00:00.123Z"},
		{"2026-07-02 08:00:00 +0530", nil, "2026-07-02T02:30:00Z"},
		{"2026-07-02 08:00:00 -03", nil, "2026-07-02T11:00:00Z"},
		{"2026-10-25 02:30:00 CEST", berlin, "2026-10-25T00:30:00Z"},
		{"2026-10-25 02:30:00 CET", berlin, "2026-10-25T01:30:00Z"},
		{"2026-07-02 08:00:00 CST", nil, ""},
		{"yesterday", nil, ""},
	} {
		at, err := logTime(c.text, c.zone)
		if got := at.Format(time.RFC3339Nano); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.text, got, err, c.want)
		}
	}
}

func TestTextFormat(t *testing.T) {
	prefix, err := newPrefix("%m [%p] %q%u@%d/%a ")
	if err != nil {
		t.Fatal(err)
	}
	text := `2026-03-02 08:00:00.123 UTC [90] LOG:  checkpoint starting: time
2026-03-02 08:00:01.123 UTC [91] app@shop/[unknown] LOG:  connection authorized: user=app database=shop application_name=web
2026-03-02 08:00:02.123 UTC [91] app@shop/web ERROR:  permission denied for table x
2026-03-02 08:00:02.123 UTC [91] app@shop/web STATEMENT:  select '` + planted() + `'
	from x
2026-03-02 08:00:03.123 UTC [92] bob@shop/[unknown] FATAL:  password authentication failed for user "bob"
`
	d := &logDecoder{realm: "postgres:1", prefix: prefix}
	var got []string
	for line := range strings.Lines(text) {
		events, err := d.Decode(nil, logs.Record{Data: []byte(strings.TrimSuffix(line, "\n"))})
		if err != nil {
			t.Error(err)
		}
		for _, e := range events {
			got = append(got, brief(e))
		}
	}
	want := []string{"sign_in app CONNECT database:shop success app=web", "data app statement : denied reason=42501 app=web", "sign_in bob CONNECT database:shop denied reason=28000"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []string{"%u ", "%m %y ", strings.Repeat("%m", 200)} {
		if _, err := newPrefix(bad); err == nil {
			t.Errorf("the prefix %.20q was taken", bad)
		}
	}
}

// TestGaps takes a line out of the middle of a log.
func TestGaps(t *testing.T) {
	for _, c := range []struct {
		records []int
		code    string
	}{{[]int{0, 1, 2, 3, 4, 5}, ""}, {[]int{0, 1, 3, 4, 5}, "postgres.lines_missing"}} {
		dir := t.TempDir()
		var b bytes.Buffer
		for n := range 3 { // of the server's own process
			fmt.Fprintf(&b, "2026-03-02 08:00:00.00%d UTC,,,7,,65a.7777,%d,,2026-03-02 08:00:00 UTC,,0,LOG,00000,\"checkpoint\",,,,,,,,,\"\",\"checkpointer\",,0\n", n, n+1)
		}
		sampleCSV(t, &b, c.records)
		if err := os.WriteFile(filepath.Join(dir, "a.csv"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		r := connectortest.Read(t, connectortest.OpenActivity(Spec(), logOptions())(t, connectortest.Env(t), dir), nil)
		if len(r.Coverage) != 1 {
			t.Fatalf("coverage: %+v", r.Coverage)
		}
		got := ""
		for _, s := range r.Coverage[0].BlindSpots {
			if s.Code == "postgres.lines_missing" {
				got = s.Code
			}
		}
		if got != c.code || (r.Coverage[0].Proof == "") != (c.code != "") {
			t.Errorf("records %v: blind spot %q, proof %q", c.records, got, r.Coverage[0].Proof)
		}
	}
}

func TestSettingsSpots(t *testing.T) {
	codes := func(settings map[string]string) string {
		var out []string
		for _, s := range settingsSpots(settings) {
			out = append(out, strings.TrimPrefix(s.Code, "postgres."))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		settings map[string]string
		want     string
	}{
		{nil, "set_role logging_by_session settings_unknown connections_off open_sessions statements_off"},
		{map[string]string{"log_connections": "off", "log_disconnections": "off", "log_statement": "none"}, "set_role logging_by_session connections_off open_sessions statements_off"},
		{map[string]string{"log_connections": "receipt,authentication,authorization", "log_disconnections": "on", "log_statement": "all"}, "set_role logging_by_session"},
		{map[string]string{"log_connections": "on", "log_disconnections": "on", "log_statement": "none", "pgaudit.log": "read, write, function, role, ddl"}, "set_role logging_by_session"},
		{map[string]string{"log_connections": "on", "log_disconnections": "on", "log_statement": "ddl", "log_min_messages": "fatal", "lc_messages": "de_DE.UTF-8"},
			"set_role logging_by_session connections_off statements_off messages_translated"},
	} {
		if got := codes(c.settings); got != c.want {
			t.Errorf("%v: got %q, want %q", c.settings, got, c.want)
		}
	}
}

func TestActivityOpen(t *testing.T) {
	for _, opts := range []map[string]string{nil, {"system-identifier": "7", "timezone": "Nowhere/None"}, {"system-identifier": "7", "line-prefix": "%u"}, {"settings": "absent.json"}} {
		if _, err := Spec().Activity.Open(t.Context(), connector.Config{Target: "log", Options: opts}, connectortest.Env(t)); err == nil {
			t.Errorf("%v was opened", opts)
		}
	}
}

func FuzzLog(f *testing.F) {
	for n := range 4 {
		f.Add(sampleJSON(f, n))
		var b bytes.Buffer
		sampleCSV(f, &b, []int{n})
		f.Add(b.Bytes())
	}
	f.Add([]byte("2026-03-02 08:00:02.123 UTC [91] app@shop/web ERROR:  permission denied for table x"))
	prefix, err := newPrefix("%m [%p] %q%u@%d/%a ")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []logs.Format{logs.JSON, logs.CSV, logs.Lines} {
			d := &logDecoder{realm: "postgres:1", prefix: prefix, open: &openSessions{}, sessions: newSessionLines()}
			r := logs.NewReader(bytes.NewReader(data), logs.ReaderOptions{Format: format})
			for range 20 {
				rec, err := r.Next()
				if err != nil {
					break
				}
				events, _ := d.Decode(nil, rec)
				for _, e := range events {
					if err := connectortest.CheckEvent(Spec(), e); err != nil {
						t.Errorf("%v", err)
					}
				}
			}
		}
	})
}
