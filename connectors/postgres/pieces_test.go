package postgres

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/connector/connectortest"
)

// sessionLog is what a server writes of sessions that run side by side: each is
// received, proved, let in, does something and ends, or does not yet. Its lines are
// in the format that write makes of an entry.
func sessionLog(rng *rand.Rand, sessions int, write func(b *strings.Builder, l logLine)) []byte {
	at := connectortest.Epoch().Add(-48 * time.Hour)
	var todo [][]logLine
	for n := range sessions {
		user, address := fmt.Sprintf("app%d", n%4), fmt.Sprintf("10.0.0.%d", n%200+1)
		base := logLine{user: user, database: "shop", application: "web", remote: address, session: fmt.Sprintf("65a.%x", n), process: fmt.Sprint(5000 + n%37), severity: "LOG", state: "00000", backend: "client backend"}
		var lines []logLine
		say := func(message string, change func(*logLine)) {
			l := base
			l.message, l.number = message, int64(len(lines)+1)
			if change != nil {
				change(&l)
			}
			lines = append(lines, l)
		}
		early := func(l *logLine) { l.application = "" }
		say("connection received: host="+address+" port=40", func(l *logLine) { l.user, l.database, l.application = "", "", "" })
		say(`connection authenticated: identity="`+user+`" method=scram-sha-256 (/etc/pg_hba.conf:9)`, early)
		say("connection authorized: user="+user+" database=shop application_name=web SSL enabled (protocol=TLSv1.3, cipher=x, bits=256)", early)
		for range rng.IntN(4) {
			say("statement: select '"+planted()+"' from orders", nil)
		}
		if rng.IntN(3) > 0 {
			say("permission denied for table "+planted(), func(l *logLine) { l.severity, l.state, l.tag = "ERROR", "42501", "SELECT" })
		}
		if rng.IntN(4) > 0 {
			say("disconnection: session time: 0:00:01.000 user="+user+" database=shop host="+address+" port=40", nil)
		}
		todo = append(todo, lines)
	}
	var b strings.Builder
	from := 0
	for from < len(todo) {
		if len(todo[from]) == 0 {
			from++
			continue
		}
		i := from + rng.IntN(min(6, len(todo)-from)) // six at a time
		if len(todo[i]) == 0 {
			continue
		}
		l := todo[i][0]
		todo[i] = todo[i][1:]
		at = at.Add(time.Duration(1+rng.IntN(5000)) * time.Millisecond)
		l.at = at
		write(&b, l)
	}
	return []byte(b.String())
}

const stamp = "2006-01-02 15:04:05.000 MST"

func csvEntry(b *strings.Builder, l logLine) {
	out := csv.NewWriter(b)
	_ = out.Write([]string{l.at.Format(stamp), l.user, l.database, "90", l.remote + ":40", l.session, fmt.Sprint(l.number), l.tag,
		"2026-03-02 08:00:00 UTC", "3/1", "0", l.severity, l.state, l.message, "", "", "", "", "", planted(), "", "", l.application, l.backend, "", "0"})
	out.Flush()
}

// bareEntry is the text format with the server's default prefix, "%m [%p] ".
func bareEntry(b *strings.Builder, l logLine) {
	fmt.Fprintf(b, "%s [%s] %s:  %s\n", l.at.Format(stamp), l.process, l.severity, l.message)
}

// TestPieces: however a log is cut into readings, what a session did is told with
// the role, the proof, the application and the address with which it began, and
// the numbers of its lines prove that nothing is missing.
func TestPieces(t *testing.T) {
	for _, c := range []struct {
		name, file string
		write      func(*strings.Builder, logLine)
		options    map[string]string
	}{
		{"csvlog", "postgresql.csv", csvEntry, logOptions()},
		{"text", "postgresql.log", bareEntry, map[string]string{"system-identifier": "7300000000000000001", "line-prefix": "%m [%p] "}},
		{"text of Debian", "postgresql.log", func(b *strings.Builder, l logLine) {
			who := ""
			if l.user != "" {
				who = l.user + "@" + l.database + " "
			}
			fmt.Fprintf(b, "%s [%s] %s%s:  %s\n", l.at.Format(stamp), l.process, who, l.severity, l.message)
		}, map[string]string{"system-identifier": "7300000000000000001", "line-prefix": "%m [%p] %q%u@%d "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := connectortest.OpenActivity(Spec(), c.options)
			for seed := range uint64(4) {
				rng := rand.New(rand.NewPCG(seed, 5))
				content := sessionLog(rng, 40, c.write)
				whole := connectortest.InPieces(t, open, c.file, content, nil)
				for _, e := range whole.Events {
					if text := brief(e); e.Identity.IsZero() || !strings.Contains(text, "app=web") || !strings.Contains(text, "from=10.0.0.") || strings.Contains(text, "CONNECT") && !strings.Contains(text, "with=app") {
						t.Fatalf("seed %d: %s is not told with its session", seed, text)
					}
				}
				if len(whole.Events) < 80 {
					t.Fatalf("seed %d: %d events of 40 sessions", seed, len(whole.Events))
				}
				pieces := connectortest.InPieces(t, open, c.file, content, connectortest.Lengths(rng, content, 12))
				connectortest.SameEvents(t, "one reading", whole, fmt.Sprintf("pieces of seed %d", seed), pieces)
				connectortest.SameEvents(t, "one reading", whole, fmt.Sprintf("files of seed %d that were rotated", seed), connectortest.Rotated(t, open, c.file, content, rng))
				for _, p := range pieces.Positions {
					if state := carriedIn(t, p.Cursor); strings.Contains(state, planted()) || strings.Contains(state, "select") {
						t.Errorf("text of a statement stands in a position: %s", state)
					}
				}
			}
		})
	}
}

// carriedIn is what a position's cursor carries.
func carriedIn(t testing.TB, cursor string) string {
	t.Helper()
	_, text, ok := strings.Cut(cursor, " state=1:")
	if !ok {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	state, err := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return string(state)
}

// TestProofGoesOn: where the numbers of the server's own processes go on from the
// reading before, the time between the two readings is proven to be whole too.
func TestProofGoesOn(t *testing.T) {
	var log strings.Builder
	at := connectortest.Epoch().Add(-48 * time.Hour)
	number, sessions := int64(0), 0
	checkpoint := func() {
		at = at.Add(time.Minute)
		number++
		csvEntry(&log, logLine{at: at, session: "65a.ffff", number: number, severity: "LOG", state: "00000", message: "checkpoint complete", backend: "checkpointer"})
	}
	connect := func() {
		at = at.Add(time.Minute)
		l := sampleLine(4 * sessions)
		l.at = at
		sessions++
		csvEntry(&log, l)
	}
	open := connectortest.OpenActivity(Spec(), logOptions())
	var r *connectortest.Reading
	read := func() (proven bool, from, to time.Time) {
		r = connectortest.Read(t, open(t, connectortest.Env(t), connectortest.LogFile(t, "postgresql.csv", log.String())), r)
		if len(r.Coverage) != 1 {
			t.Fatalf("coverage %+v", r.Coverage)
		}
		c := r.Coverage[0]
		return c.Proof != "", c.From, c.To
	}
	for range 3 {
		checkpoint()
		connect()
	}
	proven, _, until := read()
	if !proven {
		t.Fatal("the first reading is not proven")
	}
	checkpoint()
	connect()
	proven, from, _ := read()
	if !proven || from.After(until) {
		t.Errorf("the second reading: proven %v, from %s, after the first ended at %s", proven, from, until)
	}
	number++ // a line that is lost
	connect()
	checkpoint()
	if proven, _, _ := read(); proven {
		t.Error("a line is missing between two readings, and the second is proven to be whole")
	}
}

// TestGapBetweenReadings: a line that is missing where one reading ended and the
// next began is a gap, as one within a reading is.
func TestGapBetweenReadings(t *testing.T) {
	var first strings.Builder
	for n := range 8 {
		sampleCSV(t, &first, []int{n})
	}
	dir := connectortest.LogFile(t, "postgresql.csv", first.String())
	open := connectortest.OpenActivity(Spec(), logOptions())
	r := connectortest.Read(t, open(t, connectortest.Env(t), dir), nil)
	for _, more := range []struct {
		lines []int
		gap   bool
	}{{[]int{8, 9}, false}, {[]int{11}, true}} {
		sampleCSV(t, &first, more.lines)
		dir = connectortest.LogFile(t, "postgresql.csv", first.String())
		r = connectortest.Read(t, open(t, connectortest.Env(t), dir), r)
		if len(r.Coverage) != 1 || len(r.Events) != len(more.lines) {
			t.Fatalf("lines %v: %d events, coverage %+v", more.lines, len(r.Events), r.Coverage)
		}
		gap := false
		for _, s := range r.Coverage[0].BlindSpots {
			gap = gap || s.Code == "postgres.lines_missing"
		}
		if gap != more.gap {
			t.Errorf("lines %v: gap %v, want %v", more.lines, gap, more.gap)
		}
	}
}
