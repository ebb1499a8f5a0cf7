package connectortest

import (
	"context"
	"slices"
	"testing"

	"github.com/retinue-id/retinue/connector"
)

// Subject is a connector under test, opened on a system that the test made and
// that does not change while the suite runs.
type Subject struct {
	Spec connector.Spec
	// Open opens the connector on the system. It is called many times.
	Open func(testing.TB, connector.Env) connector.Connector
	// Named opens the same with another connector.Config.Name. Nil uses Open
	// and leaves the name clause out, visibly.
	Named func(t testing.TB, env connector.Env, name string) connector.Connector
	// Broken opens the connector on the same system failing half way: after
	// some scopes, inside another. Nil where the system cannot fail half way.
	Broken func(testing.TB, connector.Env) connector.Connector
	// Same opens the same system read another way, such as an export in place
	// of the live system. Nil where there is one way only.
	Same func(testing.TB, connector.Env) connector.Connector
	// Secrets are values planted in the system that must appear nowhere.
	Secrets []string
	// Waive leaves a clause out, by its name, for the reason given. The reason
	// is printed.
	Waive map[string]string
}

// OpenSpec returns an Open for Subject that opens a configuration by its Spec.
func OpenSpec(spec connector.Spec, cfg connector.Config) func(testing.TB, connector.Env) connector.Connector {
	named := NameSpec(spec, cfg)
	return func(t testing.TB, env connector.Env) connector.Connector {
		t.Helper()
		return named(t, env, cfg.Name)
	}
}

// NameSpec returns a Named for Subject that opens a configuration by its Spec.
func NameSpec(spec connector.Spec, cfg connector.Config) func(testing.TB, connector.Env, string) connector.Connector {
	return func(t testing.TB, env connector.Env, name string) connector.Connector {
		t.Helper()
		cfg := cfg
		cfg.Name = name
		c, err := spec.Open(t.Context(), cfg, env)
		if err != nil {
			t.Fatalf("open %s: %v", spec.Kind, err)
		}
		return c
	}
}

// The names of the clauses.
const (
	clauseSpec         = "spec is complete"
	clauseCheck        = "check names the realm"
	clauseName         = "realm and refs do not depend on the source name"
	clauseRepeat       = "two runs state equal facts"
	clauseValid        = "every fact is valid"
	clauseScope        = "every scope is valid"
	clauseEnded        = "every scope is completed or has a problem"
	clauseExplained    = "completions, problems and notes explain themselves"
	clauseOrder        = "nothing is emitted after its scope is completed"
	clauseUnique       = "type and ref are unique in a scope"
	clauseProblem      = "a scope with a problem is not completed"
	clauseBroken       = "a failing system loses nothing and ends nothing"
	clauseCancelStart  = "a cancelled run completes nothing"
	clauseCancelMiddle = "a run cancelled half way stops"
	clauseLeak         = "no goroutine outlives the run"
	clauseSecrets      = "no secret value appears anywhere"
	clauseDryRun       = "a dry run only says what it would read"
	clauseSame         = "the same system read another way states the same"
	clauseClose        = "close works in every state"
)

// clause is one thing that every connector must do.
type clause struct {
	name  string
	check func(testing.TB, Subject)
	// applies returns why the clause cannot be checked for a subject, or "".
	applies func(Subject) string
}

func always(Subject) string { return "" }

func clauses() []clause {
	return []clause{
		{clauseSpec, checkSpec, always},
		{clauseCheck, checkCheck, always},
		{clauseName, checkName, func(s Subject) string { return unless(s.Named != nil, "Subject.Named is nil") }},
		{clauseRepeat, checkRepeat, always},
		{clauseValid, checkValid, always},
		{clauseScope, checkScopes, always},
		{clauseEnded, checkEnded, always},
		{clauseExplained, checkExplained, always},
		{clauseOrder, checkOrder, always},
		{clauseUnique, checkUnique, always},
		{clauseProblem, checkProblem, always},
		{clauseBroken, checkBroken, func(s Subject) string { return unless(s.Broken != nil, "Subject.Broken is nil") }},
		{clauseCancelStart, checkCancelStart, always},
		{clauseCancelMiddle, checkCancelMiddle, always},
		{clauseLeak, checkLeak, always},
		{clauseSecrets, checkSecrets, func(s Subject) string { return unless(len(s.Secrets) > 0, "no secret is planted") }},
		{clauseDryRun, checkDryRun, always},
		{clauseSame, checkSame, func(s Subject) string { return unless(s.Same != nil, "Subject.Same is nil") }},
		{clauseClose, checkClose, always},
	}
}

func unless(ok bool, reason string) string {
	if ok {
		return ""
	}
	return reason
}

// Run checks every clause against a subject, each as a subtest. A clause that
// does not apply is no test of the subject: it is logged with its reason. One
// that is waived is a skipped test.
func Run(t *testing.T, s Subject) {
	t.Helper()
	all := clauses()
	for name := range s.Waive {
		if !slices.ContainsFunc(all, func(c clause) bool { return c.name == name }) {
			t.Errorf("waived clause %q: there is no such clause", name)
		}
	}
	for _, c := range all {
		if reason := c.applies(s); reason != "" {
			t.Logf("%s: does not apply: %s", c.name, reason)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if reason := s.Waive[c.name]; reason != "" {
				t.Skipf("waived: %s", reason)
			}
			c.check(t, s)
		})
	}
}

// discover opens the subject, runs it once and closes it.
func discover(t testing.TB, open func(testing.TB, connector.Env) connector.Connector, env connector.Env) *Result {
	t.Helper()
	r := attempt(t.Context(), t, open, env, newRecorder())
	if r.Err != nil {
		t.Fatalf("discover: %v", r.Err)
	}
	return r
}

func attempt(ctx context.Context, t testing.TB, open func(testing.TB, connector.Env) connector.Connector, env connector.Env, rec *recorder) *Result {
	t.Helper()
	c := open(t, env)
	defer func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	return run(ctx, t, c, connector.Request{Now: env.Now()}, rec)
}
