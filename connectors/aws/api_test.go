package aws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/testkit"
)

// api is a server with recorded shapes of AWS's answers. What it has no answer
// for is denied, as AWS does.
type api struct {
	mu      sync.Mutex
	calls   map[string]int
	answers map[string]func(n int, form url.Values, r *http.Request) (int, string)
}

// start serves the answers and gives the test credentials.
func (a *api) start(t testing.TB) (endpoint string) {
	t.Helper()
	testkit.AWSEnv(t)
	a.calls = map[string]int{}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return srv.URL
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	service, name := "?", form.Get("Action")
	if len(scope) > 3 {
		service = scope[3]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndexByte(target, '.')+1:]
	}
	if name == "" {
		name = r.Method + " " + strings.TrimRight(r.URL.Path, "/")
	}
	key := service + " " + name
	a.mu.Lock()
	a.calls[key]++
	n := a.calls[key]
	a.mu.Unlock()
	status, text := http.StatusForbidden, denied(r, name)
	if f := a.answers[key]; f != nil {
		status, text = f(n, form, r)
	}
	if strings.HasPrefix(text, "{") {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if status != http.StatusOK {
			w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		}
	} else {
		w.Header().Set("Content-Type", "text/xml")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func denied(r *http.Request, name string) string {
	if r.Header.Get("X-Amz-Target") != "" || strings.Contains(r.Header.Get("Content-Type"), "json") {
		return `{"__type":"AccessDeniedException","message":"not authorized to perform: ` + name + `"}`
	}
	return failure("AccessDenied", "not authorized to perform: "+name)
}

func failure(code, message string) string {
	return `<ErrorResponse><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error><Errors><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error></Errors></ErrorResponse>`
}

func fixed(text string) func(int, url.Values, *http.Request) (int, string) {
	return func(int, url.Values, *http.Request) (int, string) { return http.StatusOK, text }
}

func result(name, inner string) string {
	return "<" + name + "Response><" + name + "Result>" + inner + "</" + name + "Result></" + name + "Response>"
}

func identity(id string) string {
	return result("GetCallerIdentity", "<Arn>arn:aws:iam::"+id+":user/scan</Arn><UserId>AIDAEXAMPLE</UserId><Account>"+id+"</Account>")
}

func userXML(id, name string) string {
	return "<member><Path>/</Path><UserName>" + name + "</UserName><UserId>AIDA" + name + "</UserId><Arn>arn:aws:iam::" + id + ":user/" + name +
		"</Arn><CreateDate>2024-01-02T03:04:05Z</CreateDate></member>"
}

func details(id, users, more string) string {
	return result("GetAccountAuthorizationDetails", "<IsTruncated>"+fmt.Sprint(more != "")+"</IsTruncated>"+more+"<UserDetailList>"+users+"</UserDetailList>"+
		"<GroupDetailList/><RoleDetailList><member><Path>/</Path><RoleName>r</RoleName><RoleId>AROAr</RoleId><Arn>arn:aws:iam::"+id+":role/r</Arn><CreateDate>2024-01-02T03:04:05Z</CreateDate>"+
		"<AssumeRolePolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</AssumeRolePolicyDocument></member></RoleDetailList><Policies/>")
}

// small is an account with users, two regions and functions in one.
func small() *api {
	return &api{answers: map[string]func(int, url.Values, *http.Request) (int, string){
		"sts GetCallerIdentity":              fixed(identity(account)),
		"iam GetAccountAuthorizationDetails": fixed(details(account, userXML(account, "a")+userXML(account, "b"), "")),
		"iam ListUsers":                      fixed(result("ListUsers", "<IsTruncated>false</IsTruncated><Users>"+userXML(account, "a")+"</Users>")),
		"iam ListAccessKeys":                 fixed(result("ListAccessKeys", "<IsTruncated>false</IsTruncated><AccessKeyMetadata/>")),
		"ec2 DescribeRegions": fixed(`<DescribeRegionsResponse><regionInfo><item><regionName>eu-west-1</regionName><optInStatus>opt-in-not-required</optInStatus></item>` +
			`<item><regionName>me-south-1</regionName><optInStatus>not-opted-in</optInStatus></item></regionInfo></DescribeRegionsResponse>`),
		"ec2 DescribeInstances": func(_ int, form url.Values, _ *http.Request) (int, string) {
			next, id := "<nextToken>p2</nextToken>", "i-1"
			if form.Get("NextToken") != "" {
				next, id = "", "i-2"
			}
			return http.StatusOK, `<DescribeInstancesResponse><reservationSet><item><ownerId>` + account + `</ownerId><instancesSet><item><instanceId>` + id +
				`</instanceId><instanceState><name>running</name></instanceState><iamInstanceProfile><arn>arn:aws:iam::` + account + `:instance-profile/web</arn></iamInstanceProfile></item></instancesSet></item></reservationSet>` + next + `</DescribeInstancesResponse>`
		},
		"lambda GET /2015-03-31/functions": fixed(`{"Functions":[{"FunctionName":"f","FunctionArn":"arn:aws:lambda:eu-west-1:` + account + `:function:f","Role":"arn:aws:iam::` + account + `:role/r"}]}`),
		"secretsmanager ListSecrets":       fixed(`{"SecretList":[]}`),
	}}
}

func accountRef(id string) retinue.Ref {
	return retinue.NewRef(retinue.NewRealm("aws", id), "account", id)
}

func liveOptions(endpoint string, more ...string) []string {
	return append([]string{"endpoint", endpoint, "requests-per-second", "1000"}, more...)
}

func TestLiveConformanceOnRecordedShapes(t *testing.T) {
	whole, broken := small().start(t), &api{}
	broken.answers = small().answers
	broken.answers["lambda GET /2015-03-31/functions"] = func(int, url.Values, *http.Request) (int, string) {
		return http.StatusBadRequest, `{"__type":"InvalidParameterValueException"}`
	}
	broken.answers["iam GetAccountAuthorizationDetails"] = func(_ int, form url.Values, _ *http.Request) (int, string) {
		if form.Get("Marker") == "" {
			return http.StatusOK, details(account, userXML(account, "a"), "<Marker>m</Marker>")
		}
		return http.StatusBadRequest, failure("ValidationError", "half way")
	}
	brokenURL := broken.start(t)
	connectortest.Run(t, connectortest.Subject{Spec: aws.Spec(), Open: opened(t, "env", liveOptions(whole)...),
		Named:  connectortest.NameSpec(aws.Spec(), settings("env", liveOptions(whole)...)),
		Broken: opened(t, "env", liveOptions(brokenURL)...)})
}

func TestLiveDeniedServiceIsAProblemOfItsScopeOnly(t *testing.T) {
	r := scan(t, "env", liveOptions(small().start(t))...)
	for _, path := range []string{"iam/users", "iam/roles", "region/eu-west-1/lambda-functions", "region/eu-west-1/ec2-instances", "region/eu-west-1/secrets", "region"} {
		if _, ok := r.Completed[scopeOf(path)]; !ok {
			t.Errorf("scope %s is not complete: %v", path, r.Problems[scopeOf(path)])
		}
	}
	for _, path := range []string{"s3-buckets", "iam-oidc-providers", "region/eu-west-1/sqs-queues", "region/eu-west-1/lambda-policies", "iam-credential-report"} {
		if errs := r.Problems[scopeOf(path)]; len(errs) == 0 || !errors.Is(errs[0], retinue.ErrDenied) {
			t.Errorf("scope %s: %v, want denied", path, errs)
		}
	}
	for _, s := range r.Scopes() {
		if strings.Contains(s.Path, "me-south-1") {
			t.Errorf("scope %s: the region is not enabled", s)
		}
	}
	if n := len(connectortest.Select(r, func(f retinue.Resource) bool { return f.Kind == "ec2_instance" })); n != 2 {
		t.Errorf("%d instances, want 2 of two pages", n)
	}
}

func TestLiveThrottlingIsWaitedOut(t *testing.T) {
	a := small()
	ok := a.answers["iam GetAccountAuthorizationDetails"]
	a.answers["iam GetAccountAuthorizationDetails"] = func(n int, form url.Values, r *http.Request) (int, string) {
		if n <= 2 {
			return http.StatusBadRequest, failure("Throttling", "Rate exceeded")
		}
		return ok(n, form, r)
	}
	r := scan(t, "env", liveOptions(a.start(t), "services", "iam")...)
	if _, done := r.Completed[scopeOf("iam/users")]; !done || a.calls["iam GetAccountAuthorizationDetails"] != 3 {
		t.Errorf("%d calls, problems %v", a.calls["iam GetAccountAuthorizationDetails"], r.Problems)
	}
}

func TestLiveRequestBudget(t *testing.T) {
	r := scan(t, "env", liveOptions(small().start(t), "max-requests", "4")...)
	found := false
	for _, errs := range r.Problems {
		found = found || strings.Contains(errors.Join(errs...).Error(), "max-requests")
	}
	if !found {
		t.Errorf("problems %v, want one about max-requests", r.Problems)
	}
}

func TestLiveServerThatHangsEndsWithTheContext(t *testing.T) {
	a := small()
	stop := make(chan struct{})
	defer close(stop)
	a.answers["lambda GET /2015-03-31/functions"] = func(_ int, _ url.Values, r *http.Request) (int, string) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
		return http.StatusOK, "{}"
	}
	c := opened(t, "env", liveOptions(a.start(t))...)(t, connectortest.Env(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	r := connectortest.DiscoverWith(ctx, t, c, connector.Request{Now: connectortest.Epoch()})
	if !errors.Is(r.Err, context.DeadlineExceeded) || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %s", r.Err, time.Since(start))
	}
	if _, done := r.Completed[scopeOf("region/eu-west-1/lambda-functions")]; done {
		t.Error("the scope that hung was completed")
	}
}

// TestLiveOrganization: the management account is read with the caller's own
// credentials, a member through its role, a suspended one is skipped and named,
// and one that cannot be entered is a problem of its own.
func TestLiveOrganization(t *testing.T) {
	a := small()
	org := func(name, text string) { a.answers["organizations "+name] = fixed(text) }
	org("DescribeOrganization", `{"Organization":{"Id":"o-example","MasterAccountId":"111111111111"}}`)
	org("ListAccounts", `{"Accounts":[{"Id":"111111111111","Name":"main","Status":"ACTIVE"},{"Id":"222222222222","Name":"prod","Status":"ACTIVE"},
 {"Id":"333333333333","Name":"old","Status":"SUSPENDED"},{"Id":"444444444444","Name":"shut","Status":"ACTIVE"}]}`)
	org("ListRoots", `{"Roots":[{"Id":"r-1","Name":"Root"}]}`)
	org("ListAccountsForParent", `{"Accounts":[{"Id":"222222222222"}]}`)
	org("ListOrganizationalUnitsForParent", `{"OrganizationalUnits":[]}`)
	a.answers["organizations ListPolicies"] = func(n int, _ url.Values, _ *http.Request) (int, string) {
		if n == 1 { // service control policies are asked for first
			return http.StatusOK, `{"Policies":[{"Id":"p-1"}]}`
		}
		return http.StatusOK, `{"Policies":[]}`
	}
	org("DescribePolicy", `{"Policy":{"Content":"{\"Version\":\"2012-10-17\"}","PolicySummary":{"Arn":"arn:aws:organizations::111111111111:policy/o-example/service_control_policy/p-1","Name":"guard","Type":"SERVICE_CONTROL_POLICY"}}}`)
	org("ListTargetsForPolicy", `{"Targets":[{"TargetId":"222222222222","Type":"ACCOUNT"},{"TargetId":"r-1","Type":"ROOT"}]}`)
	a.answers["sts AssumeRole"] = func(_ int, form url.Values, _ *http.Request) (int, string) {
		id := strings.Split(form.Get("RoleArn"), ":")[4]
		if id == "444444444444" || form.Get("ExternalId") != "shared-word" {
			return http.StatusForbidden, failure("AccessDenied", "not authorized to perform: sts:AssumeRole")
		}
		return http.StatusOK, result("AssumeRole", "<Credentials><AccessKeyId>ASIA"+id+"</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>")
	}
	own := func(r *http.Request) string {
		if i := strings.Index(r.Header.Get("Authorization"), "Credential=ASIA"); i >= 0 {
			return r.Header.Get("Authorization")[i+15 : i+27]
		}
		return account
	}
	a.answers["sts GetCallerIdentity"] = func(_ int, _ url.Values, r *http.Request) (int, string) { return http.StatusOK, identity(own(r)) }
	a.answers["iam GetAccountAuthorizationDetails"] = func(_ int, _ url.Values, r *http.Request) (int, string) {
		return http.StatusOK, details(own(r), userXML(own(r), "a"), "")
	}
	r := scan(t, "org:env", liveOptions(a.start(t), "external-id", "shared-word", "services", "iam")...)
	for _, id := range []string{account, "222222222222"} {
		if _, ok := r.Completed[retinue.NewScope(retinue.NewRealm("aws", id), "iam", "users")]; !ok {
			t.Errorf("account %s was not read", id)
		}
	}
	if errs := r.Problems[retinue.NewScope("aws:444444444444", "")]; len(errs) != 1 || !errors.Is(errs[0], retinue.ErrDenied) {
		t.Errorf("account that cannot be entered: %v", errs)
	}
	if n := r.NotesOf(connector.NoteFold); len(n) != 1 || n[0].Count != 1 || !strings.Contains(n[0].Text, "old (333333333333)") {
		t.Errorf("skipped: %v", n)
	}
	prod := accountRef("222222222222")
	for _, want := range []retinue.Fact{
		retinue.Container{Ref: prod, Name: "prod", Kind: retinue.ContainerAccount, State: retinue.StateActive},
		retinue.Container{Ref: prod, Kind: retinue.ContainerAccount, Parent: retinue.NewRef("aws:o-example", "unit", "r-1")},
		retinue.Container{Ref: accountRef("333333333333"), Name: "old", Kind: retinue.ContainerAccount, State: retinue.StateDisabled},
	} {
		if !stated(r, want) {
			t.Errorf("not stated: %s", text(t, want))
		}
	}
	scp := retinue.NewRef("aws:o-example", "policy", "arn:aws:organizations::111111111111:policy/o-example/service_control_policy/p-1")
	if !stated(r, retinue.Attachment{Policy: scp, Target: retinue.NewRef("aws:222222222222", "account", "222222222222"), Role: retinue.AttachServiceControl}) {
		t.Error("the service control policy is not attached to the account")
	}
}

func TestLiveCheckSaysWhatIsMissing(t *testing.T) {
	c := opened(t, "env", liveOptions(small().start(t))...)(t, connectortest.Env(t))
	a, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, m := range a.Missing {
		missing[m.Permission] = true
	}
	if !missing["s3:ListAllMyBuckets"] || missing["iam:GetAccountAuthorizationDetails"] || a.Calls == 0 || a.Principal == "" {
		t.Errorf("access: %+v", a)
	}
}

func TestLiveWithoutCredentials(t *testing.T) {
	a := small()
	delete(a.answers, "sts GetCallerIdentity")
	if _, err := try(t, "env", liveOptions(a.start(t))...); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("got %v, want denied", err)
	}
}
