package usage_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

const (
	account = retinue.Realm("aws:111111111111")
	cluster = retinue.Realm("kubernetes:one")
)

func event(change func(*retinue.Event)) retinue.Event {
	e := retinue.Event{Log: "aws.cloudtrail", ID: "1", At: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC), Realm: account, Class: retinue.EventManagement,
		Identity: retinue.NewRef(account, "role", "arn:aws:iam::111111111111:role/backup"), Action: "s3:PutObject", Outcome: retinue.OutcomeSuccess,
		Origin: retinue.Origin{Address: netip.MustParseAddr("198.51.100.7"), Agent: "Boto3/1.34.1 md/Botocore#1.34"}}
	if change != nil {
		change(&e)
	}
	return e
}

func TestWhatChangesFromCallToCallIsTakenOff(t *testing.T) {
	for in, want := range map[string]string{
		"arn:aws:s3:::logs/2026/03/01/a.gz": "arn:aws:s3:::logs/*/*",
		"arn:aws:s3:::logs/nightly/a.gz":    "arn:aws:s3:::logs/nightly/*",
		"arn:aws:s3:::logs/a.gz":            "arn:aws:s3:::logs/*",
		"arn:aws:s3:::logs":                 "arn:aws:s3:::logs",
		"arn:aws:logs:eu-west-1:111111111111:log-group:app:log-stream:web/1f0c":    "arn:aws:logs:eu-west-1:111111111111:log-group:app:log-stream:*",
		"arn:aws:ecs:eu-west-1:111111111111:task/main/0123456789abcdef0123":        "arn:aws:ecs:eu-west-1:111111111111:task/main/*",
		"arn:aws:kms:eu-west-1:111111111111:key/1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4": "arn:aws:kms:eu-west-1:111111111111:key/1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4",
		"arn:aws:iam::111111111111:role/team-2024":                                 "arn:aws:iam::111111111111:role/team-2024",
	} {
		if got := usage.Resource(retinue.NewRef(account, "resource", in)).Key; got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"shop/web-7d9f8c6b5-x2k9q": "shop/web-*",
		"shop/agent-x2k9q":         "shop/agent-*",
		"shop/db-0":                "shop/db-0",
		"shop/front":               "shop/front",
	} {
		if got := usage.Workload(retinue.NewRef(cluster, "pod", in)).Key; got != want {
			t.Errorf("pod %s became %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"aws-cli/2.15.1 Python/3.11 Linux/6.1":     "aws-cli",
		"Boto3/1.34.1 md/Botocore#1.34 exec-env/x": "boto3",
		"kubectl/v1.30.1 (linux/amd64) kubernetes": "kubectl",
		"Mozilla/5.0 (X11; Linux x86_64)":          "browser",
		"my-service/4.1":                           "my-service",
		"":                                         "",
	} {
		if got := usage.AgentFamily(in); got != want {
			t.Errorf("agent %q is of family %q, want %q", in, got, want)
		}
	}
}

func TestConsumersAreNamedByTheSurestSign(t *testing.T) {
	nets := usage.Networks{{Prefix: netip.MustParsePrefix("198.51.100.0/22"), Name: "office"}, {Prefix: netip.MustParsePrefix("198.51.100.0/28"), Name: "build"}}
	for name, c := range map[string]struct {
		change func(*retinue.Event)
		want   store.Consumer
	}{
		"network": {nil, store.Consumer{Kind: usage.ConsumerNetwork, Name: "boto3 from build", Network: "build", Agent: "boto3"}},
		"unnamed network": {func(e *retinue.Event) { e.Origin.Address = netip.MustParseAddr("203.0.113.9") },
			store.Consumer{Kind: usage.ConsumerNetwork, Name: "boto3 from 203.0.113.0/24", Network: "203.0.113.0/24", Agent: "boto3"}},
		"service": {func(e *retinue.Event) { e.Origin = retinue.Origin{Service: "cloudformation.amazonaws.com"} },
			store.Consumer{Kind: usage.ConsumerService, Name: "cloudformation.amazonaws.com"}},
		"pod": {func(e *retinue.Event) {
			e.Origin = retinue.Origin{Workload: retinue.NewRef(cluster, "pod", "shop/web-7d9f8c6b5-x2k9q"), Host: "node-1"}
		}, store.Consumer{Kind: usage.ConsumerWorkload, Name: "shop/web-*", Workload: retinue.NewRef(cluster, "pod", "shop/web-*")}},
		"nothing": {func(e *retinue.Event) { e.Origin = retinue.Origin{} }, store.Consumer{Kind: usage.ConsumerUnknown}},
	} {
		f := usage.Folder{Networks: nets}
		e := event(c.change)
		if err := f.Add(&e); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, f.Take().Behaviours[0].Consumer); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestEventsOfOneBehaviourAreOne(t *testing.T) {
	f := usage.Folder{Tested: func(_ retinue.Realm, key string) bool { return key == "aws:SourceVpce" }}
	for i, change := range []func(*retinue.Event){
		nil,
		func(e *retinue.Event) {
			e.At = e.At.Add(time.Hour)
			e.Origin.Address = netip.MustParseAddr("198.51.100.9")
		},
		func(e *retinue.Event) { e.Context = []retinue.ContextValue{{Key: "aws:PrincipalTag/x", Value: "y"}} },
		func(e *retinue.Event) { e.Context = []retinue.ContextValue{{Key: "aws:SourceVpce", Value: "vpce-1"}} },
		func(e *retinue.Event) { e.Outcome = retinue.OutcomeDenied },
		func(e *retinue.Event) {
			e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:key-1"}}
		},
	} {
		e := event(change)
		e.ID = string(rune('a' + i))
		if err := f.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	b := f.Take()
	if len(b.Behaviours) != 4 || len(b.Events) != 6 {
		t.Fatalf("%d behaviours of %d events, want 4 of 6", len(b.Behaviours), len(b.Events))
	}
	if b.Behaviours[1].Context != "aws:SourceVpce=vpce-1" || b.Behaviours[0].Context != "" {
		t.Errorf("classes of conditions: %q and %q", b.Behaviours[0].Context, b.Behaviours[1].Context)
	}
	if want := store.KeyRef("provider_id", "aws:key-1"); b.Behaviours[3].Credential != want {
		t.Errorf("credential %v, want %v", b.Behaviours[3].Credential, want)
	}
	if f.Len() != 0 {
		t.Error("events were left")
	}
}

func TestTokensOfPodsAreTheirPods(t *testing.T) {
	f := usage.Folder{}
	for i, workload := range []retinue.Ref{retinue.NewRef(cluster, "pod", "shop/web-1"), {}, retinue.NewRef(cluster, "deployment", "shop/web")} {
		e := event(func(e *retinue.Event) {
			e.ID, e.Credential, e.Origin.Workload = string(rune('a'+i)), retinue.NewRef(cluster, "token", "0a1b"), workload
		})
		if err := f.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	b := f.Take()
	if !b.Behaviours[0].Credential.IsZero() || b.Behaviours[1].Credential.Key != "0a1b" || !b.Behaviours[2].Credential.IsZero() {
		t.Errorf("credentials %v, %v and %v", b.Behaviours[0].Credential, b.Behaviours[1].Credential, b.Behaviours[2].Credential)
	}
}

// TestBoundsAreKept refuses what a reader should not have sent.
func TestBoundsAreKept(t *testing.T) {
	long := strings.Repeat("x", retinue.MaxEventText+1)
	for name, change := range map[string]func(*retinue.Event){
		"no log":       func(e *retinue.Event) { e.Log = "" },
		"no realm":     func(e *retinue.Event) { e.Realm = "" },
		"no time":      func(e *retinue.Event) { e.At = time.Time{} },
		"far time":     func(e *retinue.Event) { e.At = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no id":        func(e *retinue.Event) { e.ID = "" },
		"long agent":   func(e *retinue.Event) { e.Origin.Agent = long },
		"long action":  func(e *retinue.Event) { e.Action = long },
		"broken ref":   func(e *retinue.Event) { e.Identity.Key = "a\x00b" },
		"many touches": func(e *retinue.Event) { e.Touches = make([]retinue.Touch, retinue.MaxEventTouches+1) },
	} {
		f := usage.Folder{}
		e := event(change)
		if err := f.Add(&e); !errors.Is(err, retinue.ErrInvalid) || f.Len() != 0 {
			t.Errorf("%s: %v, %d events taken", name, err, f.Len())
		}
	}
}

// TestWhatIsYetToCome: nothing counts that a wrong clock wrote for a day that has
// not come.
func TestWhatIsYetToCome(t *testing.T) {
	e := event(nil)
	f := usage.Folder{Latest: e.At.Add(-time.Second)}
	if err := f.Add(&e); !errors.Is(err, retinue.ErrInvalid) || f.Len() != 0 {
		t.Errorf("%v, %d events taken", err, f.Len())
	}
	f.Latest = e.At
	if err := f.Add(&e); err != nil || f.Len() != 1 {
		t.Errorf("%v, %d events taken, want 1", err, f.Len())
	}
}
