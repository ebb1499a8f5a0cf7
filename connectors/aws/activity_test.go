package aws

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/testkit"
	"github.com/retinue-id/retinue/internal/testkit/awsactions"
)

// trailHost takes what a reader gives and keeps positions as a host does.
type trailHost struct {
	mu        sync.Mutex
	events    []retinue.Event
	faults    []connector.Fault
	covers    []retinue.Coverage
	positions map[string]connector.Position
}

func (h *trailHost) Batch(_ context.Context, b connector.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, b.Events...)
	if h.positions == nil {
		h.positions = map[string]connector.Position{}
	}
	h.positions[b.Input] = b.Position
	return nil
}

func (h *trailHost) Cover(_ context.Context, c retinue.Coverage) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.covers = append(h.covers, c)
	return nil
}

func (h *trailHost) Fault(f connector.Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, f)
}

func (h *trailHost) Note(connector.Note)         {}
func (h *trailHost) Progress(connector.Progress) {}

func (h *trailHost) request() connector.ActivityRequest {
	return connector.ActivityRequest{Now: time.Now().Add(time.Hour), Position: func(input string) (connector.Position, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.positions[input], nil
	}}
}

// readTrail reads a path once more into h.
func (h *trailHost) readTrail(t testing.TB, path string) {
	t.Helper()
	r, err := testActivity().Open(t.Context(), connector.Config{Target: path}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it holds nothing
	if err := r.Activity(t.Context(), h.request(), h); err != nil {
		t.Fatal(err)
	}
}

// testActivity is one description for all tests: its tables are made once.
var testActivity = sync.OnceValue(activity)

// decodeOne decodes the text of one record.
func decodeOne(t testing.TB, text string) []retinue.Event {
	t.Helper()
	events, err := testActivity().Decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return events
}

// checkEvent reports what no event may be.
func checkEvent(t testing.TB, e *retinue.Event) {
	t.Helper()
	bad := func(what string) { t.Errorf("event %s %s: %s", e.ID, e.Action, what) }
	if e.Log != trailLog || (e.ID == "") == (e.Digest == [16]byte{}) || len(e.ID) > retinue.MaxEventIDLength {
		bad("log or id")
	}
	if err := e.Realm.Validate(); err != nil {
		bad(err.Error())
	}
	refs := append([]retinue.Ref{e.Identity, e.Credential, e.OnBehalfOf, e.Resource, e.Origin.Workload}, e.Via...)
	for _, touch := range e.Touches {
		refs = append(refs, touch.Target)
	}
	for _, ref := range refs {
		if err := ref.Validate(); !ref.IsZero() && err != nil {
			bad(err.Error())
		}
	}
	texts := []string{e.Origin.Agent, e.Origin.Service, e.Operation, e.Reason, e.Region, e.Action}
	for _, c := range e.Context {
		texts = append(texts, c.Key, c.Value)
	}
	for _, s := range texts {
		if len(s) > retinue.MaxEventText || s != retinue.CleanName(s) {
			bad("text " + s)
		}
	}
	if len(e.More) > retinue.MaxEventActions || len(e.Via) > retinue.MaxEventVia || len(e.Context) > retinue.MaxEventContext ||
		len(e.Touches) > retinue.MaxEventTouches || len(e.Raw) > retinue.MaxEventUnknown {
		bad("too much of something")
	}
	if !slices.IsSortedFunc(e.Context, func(a, b retinue.ContextValue) int { return strings.Compare(a.Key, b.Key) }) {
		bad("context is not sorted")
	}
	if !slices.Contains(retinue.EventClasses(), e.Class) || !slices.Contains(retinue.Outcomes(), e.Outcome) {
		bad("class or outcome")
	}
}

// TestAttackRun reads 1,450 real events: all are understood, nearly all have
// their permission, and it shows who did what.
func TestAttackRun(t *testing.T) {
	h := &trailHost{}
	h.readTrail(t, testkit.Data(t, "cloudtrail", "attack-run-first-half.json.gz"))
	var own, sessions, named, denied, keyed, passed, addressed int
	known := awsactions.Known(t)
	for i := range h.events {
		e := &h.events[i]
		checkEvent(t, e)
		if e.Operation == sessionOperation {
			sessions++
			if len(e.Via) == 0 || e.Identity.Kind != "role" {
				t.Errorf("session of %v without whoever opened it", e.Identity)
			}
			continue
		}
		own++
		if e.Action != "" {
			named++
			if !known(e.Action) {
				t.Errorf("action %q does not exist", e.Action)
			}
		}
		if e.Outcome == retinue.OutcomeDenied {
			denied++
		}
		if e.Credential.Kind == "access_key" {
			keyed++
		}
		if slices.Contains(e.More, "iam:PassRole") {
			passed++
		}
		if e.Origin.Address.IsValid() || e.Origin.Service != "" {
			addressed++
		}
	}
	// Two are events of a service and no call, two are calls inside S3.
	if own != 1450 || sessions != 16 || named != 1446 || len(h.faults) != 0 {
		t.Errorf("%d events and %d sessions, %d with their permission, faults %v", own, sessions, named, h.faults)
	}
	if denied != 56 || keyed != 1119 || passed == 0 || addressed < 1440 {
		t.Errorf("%d denied, %d with an access key, %d passed a role, %d from somewhere", denied, keyed, passed, addressed)
	}
	if len(h.covers) != 1 || h.covers[0].Realm != "aws:123837392027" || h.covers[0].Proof != "" || len(h.covers[0].BlindSpots) < 10 {
		t.Errorf("coverage %+v", h.covers)
	}
	before := len(h.events)
	h.readTrail(t, testkit.Data(t, "cloudtrail", "attack-run-first-half.json.gz"))
	if len(h.events) != before {
		t.Errorf("read again: %d events more", len(h.events)-before)
	}
}

// TestTechniqueLogs looks for what each labelled attack does.
func TestTechniqueLogs(t *testing.T) {
	const lab = "aws."
	want := map[string]struct {
		action string
		touch  retinue.TouchKind
		kind   string // of the target
	}{
		"credential-access.ec2-get-password-data":                 {action: "ec2:GetPasswordData"},
		"credential-access.secretsmanager-batch-retrieve-secrets": {"secretsmanager:BatchGetSecretValue", retinue.TouchRead, ""},
		"credential-access.secretsmanager-retrieve-secrets":       {"secretsmanager:GetSecretValue", retinue.TouchRead, "secret"},
		"credential-access.ssm-retrieve-securestring-parameters":  {"ssm:GetParameters", retinue.TouchRead, "ssm_parameter"},
		"defense-evasion.cloudtrail-delete":                       {"cloudtrail:DeleteTrail", retinue.TouchSilence, "cloudtrail_trail"},
		"defense-evasion.cloudtrail-event-selectors":              {"cloudtrail:PutEventSelectors", retinue.TouchSilence, "cloudtrail_trail"},
		"defense-evasion.cloudtrail-stop":                         {"cloudtrail:StopLogging", retinue.TouchSilence, "cloudtrail_trail"},
		"defense-evasion.dns-delete-logs":                         {"route53resolver:DeleteResolverQueryLogConfig", retinue.TouchSilence, ""},
		"defense-evasion.vpc-remove-flow-logs":                    {"ec2:DeleteFlowLogs", retinue.TouchSilence, ""},
		"execution.ec2-user-data":                                 {"ec2:ModifyInstanceAttribute", retinue.TouchEdit, "ec2_instance"},
		"execution.ssm-send-command":                              {"ssm:SendCommand", retinue.TouchRun, ""},
		"execution.ssm-start-session":                             {"ssm:StartSession", retinue.TouchRun, "ec2_instance"},
		"exfiltration.ec2-security-group-open-port-22-ingress":    {"ec2:AuthorizeSecurityGroupIngress", retinue.TouchExpose, "ec2_security_group"},
		"exfiltration.ec2-share-ami":                              {"ec2:ModifyImageAttribute", retinue.TouchExpose, "ec2_image"},
		"exfiltration.ec2-share-ebs-snapshot":                     {"ec2:ModifySnapshotAttribute", retinue.TouchExpose, "ec2_snapshot"},
		"exfiltration.rds-share-snapshot":                         {"rds:ModifyDBSnapshotAttribute", retinue.TouchExpose, "rds_snapshot"},
		"impact.bedrock-invoke-model":                             {action: "bedrock:InvokeModel"},
		"lateral-movement.ec2-instance-connect":                   {"ec2-instance-connect:SendSSHPublicKey", retinue.TouchRun, "ec2_instance"},
		"lateral-movement.ec2-serial-console-send-ssh-public-key": {"ec2-instance-connect:SendSerialConsoleSSHPublicKey", retinue.TouchRun, "ec2_instance"},
		"persistence.iam-backdoor-role":                           {"iam:UpdateAssumeRolePolicy", retinue.TouchEdit, "role"},
		"persistence.iam-backdoor-user":                           {"iam:CreateAccessKey", retinue.TouchIssue, "user"},
		"persistence.iam-create-admin-user":                       {"iam:CreateUser", retinue.TouchCreate, "user"},
		"persistence.iam-create-backdoor-role":                    {"iam:CreateRole", retinue.TouchCreate, "role"},
		"persistence.iam-create-user-login-profile":               {"iam:CreateLoginProfile", retinue.TouchIssue, "password"},
		"persistence.lambda-backdoor-function":                    {"lambda:AddPermission", retinue.TouchExpose, "lambda_function"},
		"persistence.lambda-overwrite-code":                       {"lambda:UpdateFunctionCode", retinue.TouchRun, ""},
		"persistence.rolesanywhere-create-trust-anchor":           {"rolesanywhere:CreateTrustAnchor", retinue.TouchCreate, ""},
		"persistence.sts-federation-token":                        {"sts:GetFederationToken", retinue.TouchIssue, "user"},
		"privilege-escalation.iam-update-user-login-profile":      {"iam:UpdateLoginProfile", retinue.TouchRotate, "password"},
	}
	for name, w := range want {
		t.Run(name, func(t *testing.T) {
			h := &trailHost{}
			h.readTrail(t, testkit.Data(t, "cloudtrail", "technique-logs", lab+name+".json"))
			if len(h.faults) > 0 {
				t.Fatal(h.faults)
			}
			done, touched := false, w.touch == ""
			for i := range h.events {
				e := &h.events[i]
				checkEvent(t, e)
				if e.Action != w.action {
					continue
				}
				done = true
				for _, x := range e.Touches {
					touched = touched || x.Kind == w.touch && (w.kind == "" || x.Target.Kind == w.kind)
				}
			}
			if !done || !touched {
				t.Errorf("%s: seen %v, touches found %v", w.action, done, touched)
			}
		})
	}
}

// TestOnePerAPI reads a sample of each of many APIs: where IAM has an action for
// it, it is found.
func TestOnePerAPI(t *testing.T) {
	files, err := filepath.Glob(testkit.Data(t, "cloudtrail", "one-per-api") + "/*.cloudtrail")
	if err != nil || len(files) < 500 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	h := &trailHost{}
	known := awsactions.Known(t)
	total, mapped, actual := 0, 0, 0
	var missing []string
	for _, f := range files {
		h.events = nil
		h.readTrail(t, f)
		for i := range h.events {
			e := &h.events[i]
			checkEvent(t, e)
			if e.Operation == sessionOperation {
				continue
			}
			total++
			if e.Action != "" {
				mapped++
			} else {
				missing = append(missing, e.Operation)
			}
			if known(e.Action) {
				actual++
			}
		}
		h.positions = nil
	}
	t.Logf("%d of %d samples have their permission, %d of them known to IAM; without: %v", mapped, total, actual, missing)
	if total < 550 || actual != mapped || mapped < total-8 {
		t.Errorf("%d of %d samples have their permission, %d exist; without: %v", mapped, total, actual, missing)
	}
}

// TestPantherSamples decodes events that were written by hand to try detections,
// many of them incomplete: all are understood or kept as unknown.
func TestPantherSamples(t *testing.T) {
	f, err := os.Open(testkit.Data(t, "cloudtrail", "events-by-source", "AWS.CloudTrail.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	decode := testActivity().Decode
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	total, unknown, refused := 0, 0, 0
	for lines.Scan() {
		var l struct{ Event json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		total++
		events, err := decode(l.Event)
		if errors.Is(err, retinue.ErrInvalid) {
			refused++
			continue
		}
		if err != nil || len(events) == 0 {
			t.Fatalf("%s: %v", l.Event, err)
		}
		for i := range events {
			checkEvent(t, &events[i])
		}
		if events[0].Class == retinue.EventUnknown {
			unknown++
			if len(events[0].Raw) == 0 {
				t.Error("an unknown event without its record")
			}
		}
	}
	t.Logf("%d samples, %d unknown, %d refused", total, unknown, refused)
	if total != 236 || unknown > 12 || refused > 6 {
		t.Errorf("%d samples, %d unknown, %d refused", total, unknown, refused)
	}
}
