package host

import (
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

// someKey is a fingerprint of no key.
func someKey(n int) string { return "SHA256:" + fmt.Sprintf("%043d", n) }

// signInText is the nth of a series of messages of several sorts.
func signInText(n int) (program, message string) {
	switch n % 5 {
	case 0:
		return "sshd", fmt.Sprintf("Accepted publickey for deploy from 10.0.0.%d port %d ssh2: ED25519 %s", n%250, 20000+n, someKey(n%3))
	case 1:
		return "sshd-session", fmt.Sprintf("Failed password for invalid user admin from 203.0.113.7 port %d ssh2", 20000+n)
	case 2:
		return "sudo", fmt.Sprintf("  ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/mysql -p%s --n %d", planted(), n)
	case 3:
		return "sshd", fmt.Sprintf("Accepted publickey for ci from 10.0.0.9 port %d ssh2: ED25519-CERT %s ID run (x) %d (serial 42) CA ED25519 %s", 20000+n, someKey(1), n, someKey(9))
	}
	return "sshd", fmt.Sprintf("Disconnected from user deploy 10.0.0.4 port %d", 20000+n)
}

func planted() string { return strings.Join([]string{"planted", "word", "of", "a", "command"}, "-") }

func sampleTime(n int) time.Time {
	return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
}

func syslogSample(_ testing.TB, n int) []byte {
	program, message := signInText(n)
	return fmt.Appendf(nil, "%s bastion %s[%d]: %s", sampleTime(n).Format(time.RFC3339), program, n, message)
}

func journalSample(t testing.TB, n int) []byte {
	t.Helper()
	program, message := signInText(n)
	e := map[string]any{"__CURSOR": fmt.Sprintf("s=1;i=%d", n), "__REALTIME_TIMESTAMP": fmt.Sprint(sampleTime(n).UnixMicro()), "_MACHINE_ID": fakeMachineID,
		"SYSLOG_IDENTIFIER": program, "_COMM": program, "_UID": "0", "MESSAGE": message}
	if n%3 == 0 {
		var b []int
		for _, c := range []byte(message) {
			b = append(b, int(c))
		}
		e["MESSAGE"] = b
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestActivityConformance(t *testing.T) {
	t.Run("journal", func(t *testing.T) {
		connectortest.Activity(t, connectortest.ActivitySubject{
			Spec: Spec(), Open: connectortest.OpenActivity(Spec(), nil), File: "journal.json",
			Write: connectortest.Lines(journalSample, `{"__CURSOR":"`+connectortest.DamagedText+`", "x" "y"}`), Record: journalSample, Secrets: []string{planted()},
		})
	})
	t.Run("syslog", func(t *testing.T) {
		connectortest.Activity(t, connectortest.ActivitySubject{
			Spec: Spec(), Open: connectortest.OpenActivity(Spec(), map[string]string{"id": "bastion"}), File: "auth.log",
			Write: func(t testing.TB, w io.Writer, records []int) {
				connectortest.Lines(syslogSample, connectortest.DamagedText)(t, w, records)
			}, Secrets: []string{planted()},
		})
	})
}

func TestActivityPage(t *testing.T) {
	connectortest.ActivityPage(t, Spec(), "../../docs/connectors/host.md")
}

// brief writes what of an event the tests look at.
func brief(e retinue.Event) string {
	parts := []string{string(e.Class), e.Identity.Key, e.Operation, string(e.Outcome)}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("reason", e.Reason)
	add("with", e.Credential.Key)
	for _, j := range e.Joins {
		add("join", j.Value)
	}
	for _, v := range e.Via {
		add("via", v.Key)
	}
	add("for", e.OnBehalfOf.Key)
	if e.Resource.Kind != "host" {
		add("on", e.Resource.Key)
	}
	if e.Origin.Address.IsValid() {
		add("from", e.Origin.Address.String())
	}
	if e.Origin.Interactive {
		add("tty", "yes")
	}
	for _, c := range e.Context {
		add(c.Key, c.Value)
	}
	return strings.Join(parts, " ")
}

func TestSignIns(t *testing.T) {
	key, authority := someKey(1), someKey(2)
	for _, c := range []struct{ program, message, want string }{
		{"sshd", "Accepted publickey for deploy from 10.0.0.4 port 22 ssh2: ED25519 " + key, "sign_in deploy publickey success with=" + key + " join=openssh:" + key + " from=10.0.0.4"},
		{"sshd-session", "Accepted publickey for ci from fe80::1%eth0 port 22 ssh2: ED25519-CERT " + key + " ID run (serial 1) x (serial 42) CA RSA " + authority,
			"sign_in ci publickey success join=openssh:" + authority + "/42/" + key + "/run (serial 1) x from=fe80::1 certificate_authority=" + authority + " certificate_id=run (serial 1) x certificate_serial=42"},
		{"sshd", "Accepted password for ann from 10.0.0.4 port 22 ssh2", "sign_in ann password success from=10.0.0.4"},
		{"sshd", "Accepted gssapi-with-mic for ann from 10.0.0.4 port 22 ssh2: ann@EXAMPLE.COM", "sign_in ann gssapi-with-mic success from=10.0.0.4 kerberos_principal=ann@EXAMPLE.COM"},
		{"sshd", `Accepted certificate ID "run" (serial 42) signed by RSA CA ` + authority + " via /etc/ssh/ca.pub", ""},
		{"sshd", "Failed publickey for deploy from 10.0.0.4 port 22 ssh2: ED25519 " + key, "sign_in deploy publickey denied reason=authentication_failed with=" + key + " join=openssh:" + key + " from=10.0.0.4"},
		{"sshd", "Failed password for invalid user root from 8.8.8.8 port 1 from 203.0.113.7 port 22 ssh2", "sign_in  password denied reason=invalid_user from=203.0.113.7"},
		{"sshd", "Invalid user x from 203.0.113.7 port 22", "sign_in  sign-in denied reason=invalid_user from=203.0.113.7"},
		{"sshd", "User ann from 10.0.0.4 not allowed because not listed in AllowUsers", "sign_in ann sign-in denied reason=not_allowed from=10.0.0.4"},
		{"sshd", "error: maximum authentication attempts exceeded for ann from 10.0.0.4 port 22 ssh2 [preauth]", "sign_in ann sign-in denied reason=too_many_attempts from=10.0.0.4"},
		{"sshd", "Connection closed by authenticating user ann 10.0.0.4 port 22 [preauth]", "sign_in ann sign-in denied reason=not_completed from=10.0.0.4"},
		{"sshd", "Connection closed by invalid user x 10.0.0.4 port 22 [preauth]", ""},
		{"sshd", "Disconnected from user ann 10.0.0.4 port 22", "sign_in ann disconnection success from=10.0.0.4"},
		{"sshd", "pam_unix(sshd:session): session closed for user ann", "sign_in ann disconnection success"},
		{"sshd", "Starting session: shell on pts/1 for ann from 10.0.0.4 port 22 id 0", "data ann shell success from=10.0.0.4 tty=yes"},
		{"sshd", "Starting session: subsystem 'sftp' for ann from 10.0.0.4 port 22 id 0", "data ann subsystem success from=10.0.0.4"},
		{"sshd", "error: Authentication key ED25519 " + key + " revoked by file /etc/ssh/revoked", "sign_in  sign-in denied reason=revoked_key with=" + key + " join=openssh:" + key},
		{"sshd", "Server listening on 0.0.0.0 port 22.", ""},
		{"sudo", "     ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/id -u ; USER=x", "data root sudo success via=ann on=/usr/bin/id tty=yes\ndata ann sudo success for=root on=/usr/bin/id tty=yes"},
		{"sudo", "ann : user NOT in sudoers ; TTY=unknown ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "data ann sudo denied reason=sudo_refused for=root on=/bin/sh"},
		{"sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by (uid=1000)", ""},
		{"su", "pam_unix(su-l:session): session opened for user root(uid=0) by ann(uid=1000)", "sign_in root su success via=ann\nsign_in ann su success for=root"},
		{"su", "FAILED SU (to root) ann on pts/0", "sign_in ann su denied reason=su_refused for=root tty=yes"},
	} {
		l := entry{program: c.program, message: c.message, event: retinue.Event{Log: sshLog, Realm: "host:h", At: sampleTime(0), ID: "x"}}
		var got []string
		for _, e := range l.events() {
			got = append(got, brief(e))
			if err := connectortest.CheckEvent(Spec(), e); err != nil {
				t.Error(err)
			}
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %s\ngot  %q\nwant %q", c.program, c.message, got, c.want)
		}
	}
}

// TestSignInsMeetTheInventory: the log's key and account are the scan's.
func TestSignInsMeetTheInventory(t *testing.T) {
	m := &machine{realm: "host:h"}
	l := entry{program: "sshd", message: "Accepted publickey for deploy from 10.0.0.4 port 22 ssh2: ED25519 " + someKey(1), event: retinue.Event{Realm: m.realm}}
	e := l.events()[0]
	if e.Identity != m.account("deploy") || e.Credential != retinue.NewRef(m.realm, "ssh_key", someKey(1)) {
		t.Errorf("identity %s, credential %s", e.Identity, e.Credential)
	}
}

func TestSyslogTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"Jan  2 08:00:00", "2026-01-02T07:00:00Z"},
		{"Dec 31 23:59:59", "2025-12-31T22:59:59Z"},
		{"Jan 10 08:00:00", "2026-01-10T07:00:00Z"}, // within a day of when the file was written
		{"Feb 29 08:00:00", "2024-02-29T07:00:00Z"},
		{"2026-01-02T08:00:00.5+02:00", "2026-01-02T06:00:00.5Z"},
		{"2026-01-02T08:00:00+0200", "2026-01-02T06:00:00Z"},
	} {
		d := newSyslogDecoder("host:h", berlin, time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC))
		events, err := d.Decode(nil, logs.Record{Data: []byte(c.text + " bastion sshd[1]: Accepted password for ann from 10.0.0.4 port 22 ssh2")})
		if err != nil || len(events) != 1 || events[0].At.Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: %v, %v; want %s", c.text, events, err, c.want)
		}
	}
	d := newSyslogDecoder("host:h", time.UTC, time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		line string
		n    int
	}{
		{"<86>1 2026-01-02T08:00:00Z bastion sshd 12 - - Accepted password for ann from 10.0.0.4 port 22 ssh2", 1},
		{"<86>Mar  2 08:00:00 bastion sshd[1]: message repeated 3 times: [ Failed password for ann from 10.0.0.4 port 22 ssh2]", 3},
		{"Mar  2 08:00:00 bastion CRON[1]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", 0},
		{"Mar  2 08:00:00 bastion /usr/sbin/sshd[1]: Accepted password for ann from 10.0.0.4 port 22 ssh2", 1},
	} {
		events, err := d.Decode(nil, logs.Record{Data: []byte(c.line)})
		ids := map[[16]byte]bool{}
		for _, e := range events {
			ids[e.Digest] = true
		}
		if err != nil || len(events) != c.n || len(ids) != c.n {
			t.Errorf("%s: %d events, %v; want %d", c.line, len(events), err, c.n)
		}
	}
}

// TestJournalForged: any account may write to the journal in sshd's name.
func TestJournalForged(t *testing.T) {
	good := string(journalSample(t, 4))
	for name, record := range map[string]string{
		"another program":   strings.Replace(good, `"_COMM":"sshd"`, `"_COMM":"logger"`, 1),
		"another account":   strings.Replace(good, `"_UID":"0"`, `"_UID":"1000"`, 1),
		"no machine":        strings.Replace(good, fakeMachineID, "x", 1),
		"no time":           strings.Replace(good, `"__REALTIME_TIMESTAMP":"`, `"__REALTIME_TIMESTAMP":"x`, 1),
		"not the journal's": `{"a":1}`,
	} {
		if events, err := (&journalDecoder{}).decode([]byte(record)); err == nil {
			t.Errorf("%s: gave %v", name, events)
		}
	}
	events, err := (&journalDecoder{}).decode([]byte(good))
	if err != nil || len(events) != 1 || events[0].Realm.Kind() != "host" || strings.Contains(string(events[0].Realm), fakeMachineID) {
		t.Errorf("%v, %v", events, err)
	}
}

// TestActivityMachine reads a copy of a machine: its logs, in its realm, with what
// its sshd_config says.
func TestActivityMachine(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"etc/passwd":              "root:x:0:0:root:/root:/bin/bash\n",
		"etc/machine-id":          fakeMachineID + "\n",
		"etc/ssh/sshd_config":     "LogLevel VERBOSE\n",
		"var/log/auth.log":        "Mar  2 08:00:00 bastion sshd[1]: Accepted password for ann from 10.0.0.4 port 22 ssh2\n",
		"var/log/auth.log.1":      "Mar  1 08:00:00 bastion sshd[1]: Accepted password for ann from 10.0.0.5 port 22 ssh2\n",
		"var/log/other.log":       "Mar  1 08:00:00 bastion sshd[1]: Accepted password for ann from 10.0.0.6 port 22 ssh2\n",
		"var/log/deeper/auth.log": "Mar  1 08:00:00 bastion sshd[1]: Accepted password for ann from 10.0.0.7 port 22 ssh2\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		written := connectortest.Epoch().Add(-time.Hour)
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
	r := connectortest.Read(t, connectortest.OpenActivity(Spec(), nil)(t, connectortest.Env(t), dir), nil)
	if len(r.Events) != 2 || len(r.Faults) != 0 || len(r.Coverage) != 1 {
		t.Fatalf("events %v, faults %v, coverage %v", r.Events, r.Faults, r.Coverage)
	}
	m, err := (&host{cfg: connector.Config{Target: dir}, env: connectortest.Env(t)}).machine()
	if err != nil || r.Events[0].Realm != m.realm {
		t.Errorf("realm %s, the scan has %s, %v", r.Events[0].Realm, m.realm, err)
	}
	for _, s := range r.Coverage[0].BlindSpots {
		if s.Code == "ssh.settings_unknown" || s.Code == "ssh.shared_connections" {
			t.Errorf("blind spot %s although sshd_config says LogLevel VERBOSE", s.Code)
		}
	}
	if _, err := Spec().Activity.Open(t.Context(), connector.Config{Target: dir, Options: map[string]string{"timezone": "No/Where"}}, connectortest.Env(t)); err == nil {
		t.Error("an unknown time zone was taken")
	}
}

// TestActivityJournalOnly: a machine without files of syslog is not silent.
func TestActivityJournalOnly(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"etc", "var/log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/machine-id"), []byte(fakeMachineID+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := connectortest.Read(t, connectortest.OpenActivity(Spec(), nil)(t, connectortest.Env(t), dir), nil)
	if r.Err != nil || len(r.Notes) != 1 || r.Notes[0].Kind != connector.NoteNotCovered {
		t.Errorf("error %v, notes %+v", r.Err, r.Notes)
	}
}

func FuzzSignIns(f *testing.F) {
	for n := range 5 {
		f.Add(syslogSample(f, n))
		f.Add(journalSample(f, n))
	}
	f.Add([]byte("<86>Mar  2 08:00:00 b sshd[1]: message repeated 3 times: [ Failed password for ann from 10.0.0.4 port 22 ssh2]"))
	f.Fuzz(func(t *testing.T, record []byte) {
		events, _ := (&journalDecoder{}).decode(record)
		more, _ := newSyslogDecoder("host:h", time.UTC, sampleTime(0)).Decode(nil, logs.Record{Data: record})
		for _, e := range append(events, more...) {
			if err := connectortest.CheckEvent(Spec(), e); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
