package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/all"
	"github.com/retinue-id/retinue/internal/steward/notice"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/web/api"
)

// seen is what the source of the tests lists.
type seen struct {
	gone     bool // the identity old is not there any more
	inactive bool // the key of carl does not work any more
	loose    bool // of the key of carl it does not say whose it is
}

const seenRealm = retinue.Realm("test:seen")

func (seen) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: seenRealm}, nil
}
func (seen) Close() error { return nil }
func (s seen) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(seenRealm, "part", "all")
	for _, name := range []string{"anna", "bert", "carl", "old", "p1", "p2", "p3"} {
		if s.gone && name == "old" {
			continue
		}
		id := retinue.Identity{Ref: retinue.NewRef(seenRealm, "account", name), Name: name, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, State: retinue.StateActive}
		if err := sink.Emit(scope, id); err != nil {
			return err
		}
	}
	key := retinue.Credential{Ref: retinue.NewRef(seenRealm, "access_key", "carl-1"), Name: "carl-1", Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive,
		Identity: retinue.NewRef(seenRealm, "account", "carl"), Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "test:carl-1"}}}
	if s.loose {
		key.Identity = retinue.Ref{}
	}
	if s.inactive {
		key.State = retinue.CredentialInactive
	}
	if err := sink.Emit(scope, key); err != nil {
		return err
	}
	at := day1.AddDate(0, 0, -40)
	if s.gone {
		at = day1.AddDate(0, 0, -10)
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: at, Basis: "the whole part"})
}

func seenSpecs(s seen) []connector.Spec {
	return append(all.Specs(), connector.Spec{Kind: "seen", TargetOptional: true, Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return s, nil }})
}

// strange are the logs of a month with something strange in them, an event a
// line: anna used from elsewhere lately, bert refused again and again two weeks
// ago, carl's key, and old.
func strange() []string {
	var out []string
	n := 0
	event := func(who string, at time.Time, action, outcome, address, agent, more string) {
		n++
		out = append(out, fmt.Sprintf(`{"log":"app.audit","id":"e-%d","at":%q,"realm":"test:seen","class":"data","identity":{"realm":"test:seen","kind":"account","key":%q},"action":%q,"outcome":%q,"origin":{"address":%q,"agent":%q}%s}`,
			n, at.Format(time.RFC3339), who, action, outcome, address, agent, more))
	}
	end := day1.Truncate(time.Hour)
	start := end.AddDate(0, 0, -32)
	carl := `,"joins":[{"kind":"provider_id","value":"test:carl-1"}]`
	for at := start; at.Before(end); at = at.Add(2 * time.Hour) {
		for i, who := range []string{"anna", "bert", "carl"} {
			more := ""
			if who == "carl" {
				more = carl
			}
			event(who, at.Add(time.Duration(i)*time.Minute), "docs:read", "success", fmt.Sprintf("10.0.%d.9", i), "worker/1.0", more)
		}
		if at.Before(end.AddDate(0, 0, -20)) {
			event("old", at, "docs:read", "success", "10.0.7.9", "worker/1.0", "")
		}
	}
	for i := range 12 {
		event("anna", end.Add(-5*time.Hour+time.Duration(i)*time.Minute), "docs:export", "success", "203.0.113.7", "curl/8.5", "")
	}
	for i := range 60 {
		event("bert", end.AddDate(0, 0, -14).Add(time.Duration(i)*20*time.Second), "docs:drop", "denied", "10.0.1.9", "worker/1.0", "")
	}
	for i := range 3 {
		event("carl", end.Add(-time.Duration(i+1)*time.Hour), "docs:read", "denied", "10.0.8.9", "worker/1.0", carl)
		event("old", end.AddDate(0, 0, -4+i), "docs:read", "denied", "10.0.9.9", "worker/1.0", "")
	}
	return out
}

func openSeen(t *testing.T, database string, s seen) *teller {
	t.Helper()
	w := &teller{t: t, time: day1}
	dir := t.TempDir()
	cfg := Config{Database: database, KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	a, err := Open(t.Context(), cfg, Options{Now: w.clock, Sealer: boundSealer{}, Specs: seenSpecs(s)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	w.App = a
	w.scanSeen(seen{})
	if s != (seen{}) {
		w.scanSeen(s)
	}
	return w
}

func (w *teller) scanSeen(s seen) {
	w.t.Helper()
	w.Specs = seenSpecs(s)
	if _, err := w.Scan(w.t.Context(), []SourceConfig{{Name: "seen", Kind: "seen"}}, ScanOptions{Actor: Actor()}); err != nil {
		w.t.Fatal(err)
	}
}

// importSeen imports lines of a log.
func (w *teller) importSeen(lines []string) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "log.ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	reads, err := w.ImportActivity(w.t.Context(), []SourceConfig{{Name: "log", Kind: "ndjson", Target: file}}, ActivityOptions{Actor: Actor(), Getenv: os.Getenv})
	if err != nil || reads[0].Error != "" {
		w.t.Fatalf("%v %+v", err, reads)
	}
}

func eachSeen(t *testing.T, s seen, test func(t *testing.T, w *teller)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openSeen(t, filepath.Join(t.TempDir(), "r.db"), s)) })
	t.Run("postgres", func(t *testing.T) { test(t, openSeen(t, testkit.Postgres(t).Database(t), s)) })
}

// told lists the findings about signals that are not resolved: rule, name, state.
func told(t *testing.T, a *App) []string {
	t.Helper()
	out := []string{}
	err := a.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			if isSignalRule(f.Rule) {
				state := f.State
				if state == retinue.FindingReopened {
					state = retinue.FindingOpen
				}
				out = append(out, fmt.Sprint(f.Rule, " ", f.Name, " ", state))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func sameTold(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: told are\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

var strangeTold = []string{"signal-denied-burst bert open", "signal-first-network anna open", "signal-tombstone-use carl-1 open", "signal-tombstone-use old open"}

// TestSignalsBecomeFindingsOnce: what is unusual is found once, however often it
// is noticed; a notice is sent of what ended lately, and of nothing else.
func TestSignalsBecomeFindingsOnce(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		w.importSeen(strange())
		sameTold(t, "while all live", told(t, w.App), "signal-denied-burst bert open", "signal-first-network anna open")
		w.scanSeen(seen{gone: true, inactive: true})
		if _, err := w.JudgeUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameTold(t, "once two are dead", told(t, w.App), strangeTold...)
		before := w.versions()
		w.importSeen(strange())
		if err := w.judge(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameTold(t, "again", told(t, w.App), strangeTold...)
		if after := w.versions(); after != before {
			t.Errorf("%d versions of findings, before %d: what is noticed again changed something", after, before)
		}
		list, err := w.Signals(t.Context(), store.Everything(), store.SignalQuery{Kinds: []string{"denied_burst"}})
		if err != nil || len(list) != 1 || !list[0].History || list[0].State != store.SignalTold || list[0].Count < 60 || list[0].FindingState != retinue.FindingOpen {
			t.Errorf("the burst is kept as %+v, %v", list, err)
		}
	})
}

func (w *teller) versions() int {
	w.t.Helper()
	n := 0
	if err := w.DB.Handle().QueryRowContext(w.t.Context(), "SELECT count(*) FROM finding_versions").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestOldLogsSendNoNotice: the first import of an old log is no flood.
func TestOldLogsSendNoNotice(t *testing.T) {
	eachSeen(t, seen{gone: true, inactive: true}, func(t *testing.T, w *teller) {
		o := w.hook()
		w.route("all", notice.Route{To: to(o)})
		w.importSeen(strange())
		var got []string
		for _, n := range w.notices(store.NoticeQuery{Limit: 100}) {
			if n.Kind == string(notice.SignalNoticed) || strings.HasPrefix(n.Body.Rule, "signal-") {
				got = append(got, n.Kind+" "+n.Body.Rule)
			}
		}
		slices.Sort(got)
		if want := []string{"signal.noticed signal-first-network", "signal.noticed signal-tombstone-use"}; !slices.Equal(got, want) {
			t.Errorf("notices: %q, want %q", got, want)
		}
	})
}

// hook makes a channel to a receiver that is not asked.
func (w *teller) hook() store.Outlet {
	w.t.Helper()
	w.Tell(Telling{Sealer: boundSealer{}, PublicURL: "https://retinue.example/", Endpoints: map[string]string{}})
	o, err := w.SaveOutlet(w.t.Context(), admin(), api.OutletEdit{Purpose: store.PurposeChannel, Kind: "webhook", Name: "ops", Enabled: true,
		Options: map[string]string{"url": "https://receiver.example/"}, Secrets: map[string]string{"key": testKey()}})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// TestDismissalsTeachAndAreTakenBack: what is like what was dismissed is silent
// until the dismissal is revoked, and who said so is on record.
func TestDismissalsTeachAndAreTakenBack(t *testing.T) {
	eachSeen(t, seen{gone: true}, func(t *testing.T, w *teller) {
		w.importSeen(strange())
		want := []string{"signal-denied-burst bert open", "signal-first-network anna open", "signal-tombstone-use old open"}
		sameTold(t, "first", told(t, w.App), want...)
		f := w.signalFinding("signal-first-network")
		if _, err := w.Decide(t.Context(), Actor(), Decision{What: string(f), State: retinue.FindingAccepted, Reason: "a new office"}); err != nil {
			t.Fatal(err)
		}
		end := day1.Truncate(time.Hour)
		again := fmt.Sprintf(`{"log":"app.audit","id":"x-1","at":%q,"realm":"test:seen","class":"data","identity":{"realm":"test:seen","kind":"account","key":"anna"},"action":"docs:burn","outcome":"success","origin":{"address":"203.0.113.7","agent":"curl/8.5"}}`,
			end.Add(-time.Hour).Format(time.RFC3339))
		w.importSeen([]string{again})
		sameTold(t, "dismissed", told(t, w.App), want[0], "signal-first-network anna accepted", want[2])
		list, err := w.Dismissals(t.Context(), store.Everything(), 10)
		if err != nil || len(list) != 1 || !list[0].InForce || list[0].Reason != "a new office" || list[0].Finding != f {
			t.Fatalf("dismissals: %+v, %v", list, err)
		}
		if err := w.Revoke(t.Context(), Actor(), list[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.JudgeUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameTold(t, "revoked", told(t, w.App), want...)
		if err := w.Revoke(t.Context(), Actor(), list[0].ID); !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("revoked twice: %v", err)
		}
		w.decided(f)
	})
}

// decided asks the audit log who dismissed and revoked.
func (w *teller) decided(retinue.FindingID) {
	w.t.Helper()
	var actions []string
	err := w.DB.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for r, err := range tx.Records(0) {
			if err != nil {
				return err
			}
			if r.Action == retinue.RecordSignalDismissed || r.Action == retinue.RecordDismissalRevoked {
				actions = append(actions, string(r.Action)+" by "+r.Actor.Name)
			}
		}
		return nil
	})
	who := " by " + Actor().Name
	if slices.Sort(actions); err != nil || !slices.Equal(actions, []string{"signal.dismissal_revoked" + who, "signal.dismissed" + who}) {
		w.t.Errorf("on record: %q, %v", actions, err)
	}
}

func (w *teller) signalFinding(rule string) (id retinue.FindingID) {
	w.t.Helper()
	err := w.DB.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for f, err := range tx.Findings(store.FindingQuery{}) {
			if err != nil {
				return err
			}
			if f.Rule == rule {
				id = f.ID
			}
		}
		return nil
	})
	if err != nil || id == "" {
		w.t.Fatalf("no finding of %s: %v", rule, err)
	}
	return id
}

// TestOrderOfImportsChangesNoFinding: however a log is cut and in whatever order
// its parts come, also before the dead are known to be dead, the same findings are
// open in the end.
func TestOrderOfImportsChangesNoFinding(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	for round := range 6 {
		db := func(t *testing.T) string { return filepath.Join(t.TempDir(), "r.db") }
		if round == 5 {
			db = func(t *testing.T) string { return testkit.Postgres(t).Database(t) }
		}
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			late := rnd.IntN(2) == 0
			dead := seen{gone: true, inactive: true}
			first := dead
			if late {
				first = seen{}
			}
			w := openSeen(t, db(t), first)
			lines := strange()
			parts := make([][]string, 2+rnd.IntN(4))
			for i, l := range lines {
				p := i * len(parts) / len(lines)
				if rnd.IntN(4) == 0 {
					p = rnd.IntN(len(parts))
				}
				parts[p] = append(parts[p], l)
			}
			rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			for i, p := range parts {
				rnd.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
				if i == 1 && late {
					w.scanSeen(dead)
				}
				w.importSeen(p)
			}
			sameTold(t, fmt.Sprintf("%d parts, dead late: %v", len(parts), late), told(t, w.App), strangeTold...)
		})
	}
}

// The variables by which a child process that is killed knows its installation.
const (
	killedSignalsDir = "RETINUE_SIGNALS_DIR"
	killedSignalsDB  = "RETINUE_SIGNALS_DB"
)

func openKilledSignals(ctx context.Context, dir, db string) (*App, error) {
	cfg := Config{Database: db, KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key")}
	return Open(ctx, cfg, Options{Now: func() time.Time { return day1 }, Specs: seenSpecs(seen{gone: true, inactive: true})})
}

// SignalsChild imports a log until it is killed.
func SignalsChild() int {
	ctx := context.Background()
	dir := os.Getenv(killedSignalsDir)
	a, err := openKilledSignals(ctx, dir, os.Getenv(killedSignalsDB))
	if err == nil {
		fmt.Println("open")
		_, err = a.ImportActivity(ctx, []SourceConfig{{Name: "log", Kind: "ndjson", Target: filepath.Join(dir, "log.ndjson")}}, ActivityOptions{Actor: Actor(), Getenv: os.Getenv})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilledRoundsLoseNoFinding kills imports and the rounds that follow them at
// random: when one comes through, the same is found as without.
func TestKilledRoundsLoseNoFinding(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			db := filepath.Join(dir, "r.db")
			if kind == "postgres" {
				db = testkit.Postgres(t).Database(t)
			}
			if err := os.WriteFile(filepath.Join(dir, "log.ndjson"), []byte(strings.Join(strange(), "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := openKilledSignals(t.Context(), dir, db)
			if err != nil {
				t.Fatal(err)
			}
			w := &teller{t: t, App: a}
			w.scanSeen(seen{})
			w.scanSeen(seen{gone: true, inactive: true})
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			killed := 0
			for i := range 8 {
				c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
				c.Env = append(os.Environ(), "RETINUE_SIGNALS_CHILD=1", killedSignalsDir+"="+dir, killedSignalsDB+"="+db)
				out, err := c.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				_, _ = out.Read(make([]byte, 5)) // it is open
				time.Sleep(time.Duration(rand.IntN(20*(i+1))) * time.Millisecond)
				_ = c.Process.Kill()
				if c.Wait() != nil {
					killed++
				}
			}
			if killed == 0 {
				t.Error("nothing was killed before its end")
			}
			if a, err = openKilledSignals(t.Context(), dir, db); err != nil {
				t.Fatal(err)
			}
			if _, err = a.ImportActivity(t.Context(), []SourceConfig{{Name: "log", Kind: "ndjson", Target: filepath.Join(dir, "log.ndjson")}}, ActivityOptions{Actor: Actor(), Getenv: os.Getenv}); err != nil {
				t.Fatal(err)
			}
			sameTold(t, kind, told(t, a), strangeTold...)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
