package all_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/all"
)

// TestEveryOptionIsClassified walks all connectors: nobody adds an option, or a
// connector, without deciding whether it may be set through an API.
func TestEveryOptionIsClassified(t *testing.T) {
	// These read or run the machine itself. A new one belongs here only if that
	// is so.
	machine := []string{"anthropic", "azure", "exec", "gcp", "github", "gitlab", "googleworkspace", "host", "ndjson", "ocsf", "okta", "openai", "people", "repo", "slack", "vault"}
	for _, s := range all.Specs() {
		if fileOnly := s.Remote == nil; fileOnly != slices.Contains(machine, s.Kind) {
			t.Errorf("%s: configured in a file only: %v, which nobody decided", s.Kind, fileOnly)
		}
		for _, o := range s.Options {
			switch o.Reach {
			case connector.ReachSystem, connector.ReachMachine, connector.ReachAddress:
			default:
				t.Errorf("%s: option %s: reach %q: say what it lets whoever sets it reach", s.Kind, o.Name, o.Reach)
			}
		}
		remote := slices.ContainsFunc(s.Target, func(f connector.TargetForm) bool { return f.Remote })
		if remote != (s.Remote != nil) {
			t.Errorf("%s: no form of target says that it may be given through an API", s.Kind)
		}
	}
}

func TestCheckRemote(t *testing.T) {
	for _, c := range []struct {
		kind, target string
		options      map[string]string
		ok           bool
	}{
		{"aws", "env", map[string]string{"role": "arn:aws:iam::111111111111:role/Read", "regions": "eu-west-1"}, true},
		{"aws", "org:env", nil, true},
		{"aws", "env", map[string]string{"endpoint": "http://169.254.169.254"}, false},
		{"aws", "profile:prod", nil, false},
		{"aws", "org:profile:prod", nil, false},
		{"aws", "/etc/passwd", nil, false},
		{"aws", "", nil, false},
		{"kubernetes", "in-cluster", map[string]string{"secrets": "metadata"}, true},
		{"kubernetes", "", nil, false},
		{"kubernetes", "context:prod", nil, false},
		{"kubernetes", "/root/.kube/config", nil, false},
		{"kubernetes", "in-cluster", map[string]string{"contexts": "all"}, false},
		{"postgres", "postgres://retinue@db.example.org/app?sslmode=verify-full", nil, true},
		{"postgres", "host=db.example.org user=retinue dbname=app", map[string]string{"databases": "all"}, true},
		{"postgres", "postgres://retinue@a.example.org:5432,b.example.org:5432/app", nil, true},
		{"postgres", "", nil, false},
		{"postgres", "service:prod", nil, false},
		{"postgres", "globals.sql", nil, false},
		{"postgres", "postgres:///app?host=/var/run/postgresql&user=postgres", nil, false},
		{"postgres", "host=/var/run/postgresql user=postgres", nil, false},
		{"postgres", "host=db.example.org,/var/run/postgresql user=postgres", nil, false},
		{"postgres", "host='' user=postgres", nil, false},
		{"postgres", "user=retinue dbname=app", nil, false},
		{"postgres", "host=db.example.org dbname=app", nil, false},
		{"postgres", "postgres://db.example.org/app", nil, false},
		{"postgres", "postgres://retinue@db.example.org/app?sslkey=/etc/ssl/private/key.pem", nil, false},
		{"postgres", "postgres://retinue@db.example.org/app?sslrootcert=/etc/shadow", nil, false},
		{"postgres", "postgres://retinue@db.example.org/app?passfile=/root/.pgpass", nil, false},
		{"postgres", "postgres://retinue@db.example.org/app?servicefile=/etc/shadow&service=x", nil, false},
		{"postgres", "postgres://retinue@db.example.org/app?options=-c%20role=postgres", nil, false},
		{"postgres", "postgres://retinue@db.example.org/app", map[string]string{"system-identifier": "7300000000000000001"}, true},
		{"exec", "/bin/sh", nil, false},
		{"host", "", nil, false},
		{"repo", "/srv/app", nil, false},
		{"people", "/etc/passwd", nil, false},
		{"gcp", "/etc/passwd", nil, false},
		{"azure", "/etc/passwd", nil, false},
	} {
		s := spec(t, c.kind)
		err := s.CheckRemote(connector.Config{Target: c.target, Options: c.options})
		if (err == nil) != c.ok {
			t.Errorf("%s=%s %v: %v, want allowed %v", c.kind, c.target, c.options, err, c.ok)
		}
		if err != nil && !errors.Is(err, retinue.ErrDenied) {
			t.Errorf("%s=%s: %v is not ErrDenied", c.kind, c.target, err)
		}
	}
}

// TestCheckRemoteLogs: whoever uses the interface of a server has it read no file
// of its machine as a log, in whatever words.
func TestCheckRemoteLogs(t *testing.T) {
	live := map[string][]string{
		"aws":   {"s3://org-trail/AWSLogs", "sqs:https://sqs.eu-west-1.amazonaws.com/111111111111/trail", "lookup:env"},
		"gcp":   {"projects/my-project", "organizations/123456789012"},
		"azure": {"tenant:11111111-1111-1111-1111-111111111111", "subscription:11111111-1111-1111-1111-111111111111"},
		"okta":  {"https://acme.okta.com"},
	}
	for _, s := range all.Specs() {
		for _, target := range live[s.Kind] {
			if err := s.CheckRemoteLogs(connector.Config{Target: target}); err != nil {
				t.Errorf("%s=%s: %v", s.Kind, target, err)
			}
		}
		for _, target := range []string{"", ".", "/etc/passwd", "/var/log", "./AWSLogs", "logs/*.json", "~/x", "file:///etc/passwd", "profile:prod", "lookup:profile:prod", "http://169.254.169.254/", "projects/a/b"} {
			if err := s.CheckRemoteLogs(connector.Config{Target: target}); err == nil || s.Activity != nil && !errors.Is(err, retinue.ErrDenied) {
				t.Errorf("%s=%s: %v, want it denied", s.Kind, target, err)
			}
		}
		if s.Activity == nil {
			continue
		}
		if remote := slices.ContainsFunc(s.Activity.Target, func(f connector.TargetForm) bool { return f.Remote }); remote != (s.Activity.Remote != nil) {
			t.Errorf("%s: the forms of its logs and its Remote disagree on whether some may come from elsewhere", s.Kind)
		}
	}
}

// TestRemotePostgresUsesNothingOfTheMachine has the variables of the machine
// name another server and a password. What the source names is dialled, by Dial,
// and no password of the machine is there to be sent.
func TestRemotePostgresUsesNothingOfTheMachine(t *testing.T) {
	for name, v := range map[string]string{"PGHOST": "elsewhere.example", "PGPASSWORD": "of-the-" + "machine", "PGUSER": "postgres", "PGSSLMODE": "disable"} {
		t.Setenv(name, v)
	}
	var dialled []string
	refused := errors.New("refused by the test")
	env := connectortest.Env(t)
	env.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, refused
	}
	c, err := spec(t, "postgres").Open(t.Context(), connector.Config{Name: "db", Target: "postgres://retinue@192.0.2.7:5433/app", Remote: true}, env)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Check(t.Context()); err == nil {
		t.Fatal("a refused connection was no error")
	}
	if !slices.Contains(dialled, "192.0.2.7:5433") || len(slices.Compact(dialled)) != 1 {
		t.Errorf("dialled %q", dialled)
	}
}

// TestDialIsUsed has the other connectors that call over the network dial by
// the hook that they are given.
func TestDialIsUsed(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA"+"EXAMPLEEXAMPLE00")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not"+"-a-secret")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:3128")
	var dialled []string
	env := connectortest.Env(t)
	ctx, cancel := context.WithCancel(t.Context())
	env.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		cancel()
		return nil, context.Canceled
	}
	c, err := spec(t, "aws").Open(ctx, connector.Config{Name: "a", Target: "env", Options: map[string]string{"regions": "eu-west-1"}, Remote: true}, env)
	if err == nil {
		defer func() { _ = c.Close() }()
		_, err = c.Check(ctx)
	}
	if err == nil || len(dialled) == 0 || dialled[0] != "sts.us-east-1.amazonaws.com:443" {
		t.Errorf("dialled %q, %v", dialled, err)
	}
}

func spec(t *testing.T, kind string) connector.Spec {
	t.Helper()
	for _, s := range all.Specs() {
		if s.Kind == kind {
			return s
		}
	}
	t.Fatalf("no connector %s", kind)
	return connector.Spec{}
}
