package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// digestOf names a record that has no id of its own.
func digestOf(record []byte) string {
	sum := sha256.Sum256(record)
	return "digest:" + hex.EncodeToString(sum[:16])
}

// githubRecord is an entry of an organisation's audit log (GitHub documentation,
// "Audit log events for your organization").
type githubRecord struct {
	Timestamp      int64  `json:"@timestamp"`
	DocumentID     string `json:"_document_id"`
	Action         string `json:"action"`
	Actor          string `json:"actor"`
	ActorID        int64  `json:"actor_id"`
	ActorIP        string `json:"actor_ip"`
	ActorIsBot     bool   `json:"actor_is_bot"`
	CreatedAt      int64  `json:"created_at"`
	HashedToken    string `json:"hashed_token"`
	OperationType  string `json:"operation_type"`
	Org            string `json:"org"`
	OrgID          int64  `json:"org_id"`
	AccessType     string `json:"programmatic_access_type"`
	Repo           string `json:"repo"`
	TokenID        int64  `json:"token_id"`
	User           string `json:"user,omitempty"`
	UserAgent      string `json:"user_agent"`
	RepositoryOpen bool   `json:"repository_public"`
}

// githubAudit writes a deed as GitHub does, and returns the document's id.
func githubAudit(d *deed) (record []byte, id string, err error) {
	a, who := d.action(), d.by.id
	word := newDice(d.word, 1)
	id = base64.RawURLEncoding.EncodeToString([]byte(word.word(alphanum, 16)))
	r := githubRecord{Timestamp: d.at.UnixMilli(), DocumentID: id, Action: a.permission, Actor: who.Name + "[bot]", ActorIsBot: true, ActorID: 10_000_000 + int64(who.n),
		ActorIP: d.address(), CreatedAt: d.at.UnixMilli(), HashedToken: who.Credentials[0].ID, OperationType: "access", Org: domainOrg, OrgID: 4_000_000,
		AccessType: "GitHub App server-to-server token", Repo: d.resource(), TokenID: 50_000_000 + int64(who.n),
		UserAgent: d.by.host(d.at).agent}
	if a.write {
		r.OperationType = "modify"
	}
	if a.permission == "repo.add_member" {
		r.OperationType, r.User = "create", "outside-collaborator"
	}
	record, err = json.Marshal(&r)
	return record, id, err
}

// postgresSession is the session of a deed: its id is the time and process in
// hexadecimal, as the server makes it.
type postgresSession struct {
	process int
	from    string
	began   time.Time
	lines   int
	buf     bytes.Buffer
	csv     *csv.Writer
}

// postgresLog writes a deed as a server does that logs connections and has
// pgaudit, in the columns of csvlog (PostgreSQL 18 manual, "Using CSV-Format Log
// Output"): the connection, then what was done. It returns the lines, and session
// and number of the last.
func postgresLog(d *deed) (lines [][]byte, name string) {
	s := &postgresSession{process: int(1000 + d.draw(1)%60_000), from: fmt.Sprintf("%s:%d", d.address(), 32_768+d.draw(2)%28_000), began: d.at}
	s.csv = csv.NewWriter(&s.buf)
	role := d.by.id.Name
	switch application := d.by.host(d.at).agent; d.action().service {
	case "guess":
		lines = [][]byte{s.line(d, "FATAL", "28P01", "authentication", `password authentication failed for user "`+role+`"`, "")}
	case "retired":
		lines = [][]byte{s.line(d, "FATAL", "28000", "authentication", `role "`+role+`" is not permitted to log in`, "")}
	default:
		lines = [][]byte{
			s.line(d, "LOG", "00000", "authentication", "connection authorized: user="+role+" database="+database(d.by.id)+" application_name="+application, ""),
			s.statement(d, application),
		}
	}
	return lines, s.id() + ":" + itoa(s.lines)
}

// statement writes what was done, or why it was not.
func (s *postgresSession) statement(d *deed, application string) []byte {
	a, table := d.action(), d.resource()
	switch d.outcome {
	case retinue.OutcomeDenied:
		return s.line(d, "ERROR", "42501", a.operation, "permission denied for table "+table[strings.LastIndexByte(table, '.')+1:], application)
	case retinue.OutcomeError:
		return s.line(d, "ERROR", "40001", a.operation, "could not serialize access due to concurrent update", application)
	}
	return s.line(d, "LOG", "00000", a.operation, "AUDIT: SESSION,1,1,"+a.service+","+a.operation+",TABLE,"+table+",<not logged>,<not logged>", application)
}

// id names the session.
func (s *postgresSession) id() string { return fmt.Sprintf("%x.%x", s.began.Unix(), s.process) }

// line writes one line; the session's first have no application yet.
func (s *postgresSession) line(d *deed, severity, state, tag, message, application string) []byte {
	s.buf.Reset()
	s.lines++
	at := d.at.Add(time.Duration(s.lines-1) * 4 * time.Millisecond)
	clock := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
	_ = s.csv.Write([]string{clock(at), d.by.id.Name, database(d.by.id), itoa(s.process), s.from, s.id(),
		itoa(s.lines), tag, s.began.UTC().Format("2006-01-02 15:04:05 UTC"), "3/" + itoa(int(d.draw(3)%100_000)), "0", severity, state, message,
		"", "", "", "", "", "", "", "", application, "client backend", "", "0"})
	s.csv.Flush() // to memory: it cannot fail
	return bytes.Clone(bytes.TrimSuffix(s.buf.Bytes(), []byte("\n")))
}

// database is the one that an identity connects to.
func database(id *identity) string { return id.app.id }

// sshLog writes a deed as sshd and the system's logger do, with times as rsyslog
// 8 writes them (RFC 3339). It returns the lines, and the digest of the first.
func sshLog(d *deed) (lines [][]byte, name string) {
	id := d.by.id
	process, port := 1000+d.draw(1)%60_000, 32_768+d.draw(2)%28_000
	line := func(after time.Duration, text string) []byte {
		return fmt.Appendf(nil, "%s %s sshd-session[%d]: %s", d.at.Add(after).Format("2006-01-02T15:04:05.000000-07:00"), id.sys.name, process, text)
	}
	if d.action().service == "guess" || d.outcome == retinue.OutcomeDenied {
		lines = [][]byte{line(0, fmt.Sprintf("Failed password for %s from %s port %d ssh2", id.Name, d.address(), port))}
		return lines, digestOf(lines[0])
	}
	lines = [][]byte{
		line(0, fmt.Sprintf("Accepted publickey for %s from %s port %d ssh2: ED25519 %s", id.Name, d.address(), port, id.Credentials[0].ID)),
		line(3*time.Millisecond, fmt.Sprintf("pam_unix(sshd:session): session opened for user %s(uid=%d) by %s(uid=0)", id.Name, id.osUID(), id.Name)),
		line(time.Duration(d.draw(4)%900)*time.Millisecond+5*time.Millisecond, fmt.Sprintf("pam_unix(sshd:session): session closed for user %s", id.Name)),
	}
	return lines, digestOf(lines[0])
}

// osUID is the number of an account of a machine: one of those for services.
func (id *identity) osUID() int { return 200 + id.n%700 }
