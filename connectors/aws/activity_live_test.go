package aws

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/testkit"
)

// cloud answers for S3, SQS, STS and CloudTrail as far as the reader asks.
type cloud struct {
	closed   string // a region whose event history is refused
	mu       sync.Mutex
	objects  map[string]string
	broken   map[string]bool
	messages map[string]string
	history  []string // records, newest last
	trails   string
	selector string
	fetched  int
	listed   int
}

const cloudPage = 3 // objects in one page of a listing

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	target := r.Header.Get("X-Amz-Target")
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.Contains(string(body), "Action=GetCallerIdentity"):
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111111111111:user/reader</Arn><UserId>AIDAEXAMPLE</UserId><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case strings.HasSuffix(target, ".DescribeTrails"):
		c.answer(w, c.trails)
	case strings.HasSuffix(target, ".GetEventSelectors"):
		c.answer(w, c.selector)
	case strings.HasSuffix(target, ".LookupEvents") && c.closed != "" && strings.Contains(r.Header.Get("Authorization"), "/"+c.closed+"/"):
		c.answer(w, "")
	case strings.HasSuffix(target, ".LookupEvents"):
		c.lookup(w, body)
	case strings.HasPrefix(target, "AmazonSQS."):
		c.queue(w, target, body)
	case r.URL.Query().Get("list-type") == "2":
		c.list(w, r)
	default:
		c.object(w, r)
	}
}

func (c *cloud) answer(w http.ResponseWriter, text string) {
	if text == "" {
		w.WriteHeader(http.StatusBadRequest)
		text = `{"__type":"AccessDeniedException","message":"User: reader is not authorized to perform: cloudtrail:DescribeTrails"}`
	}
	fmt.Fprint(w, text)
}

func (c *cloud) lookup(w http.ResponseWriter, body []byte) {
	var q struct {
		StartTime, EndTime float64
		NextToken          string
	}
	_ = json.Unmarshal(body, &q)
	var out struct {
		Events    []map[string]string
		NextToken string `json:",omitempty"`
	}
	skip := 0
	_, _ = fmt.Sscan(q.NextToken, &skip)
	n := 0
	for _, text := range slices.Backward(c.history) {
		var e struct{ EventTime time.Time }
		_ = json.Unmarshal([]byte(text), &e)
		if at := float64(e.EventTime.Unix()); at < q.StartTime || at > q.EndTime {
			continue
		}
		if n++; n <= skip {
			continue
		}
		if len(out.Events) == 2 {
			out.NextToken = fmt.Sprint(skip + 2)
			break
		}
		out.Events = append(out.Events, map[string]string{"CloudTrailEvent": text})
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (c *cloud) queue(w http.ResponseWriter, target string, body []byte) {
	var q struct{ ReceiptHandle string }
	_ = json.Unmarshal(body, &q)
	if strings.HasSuffix(target, "DeleteMessage") {
		delete(c.messages, q.ReceiptHandle)
		fmt.Fprint(w, `{}`)
		return
	}
	var out struct{ Messages []map[string]string }
	for handle, text := range c.messages {
		if handle[0] == '!' { // received before, and not visible now
			continue
		}
		out.Messages = append(out.Messages, map[string]string{"MessageId": handle, "ReceiptHandle": "!" + handle, "Body": text})
		delete(c.messages, handle)
		c.messages["!"+handle] = text
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (c *cloud) list(w http.ResponseWriter, r *http.Request) {
	c.listed++
	q := r.URL.Query()
	prefix, after := q.Get("prefix"), max(q.Get("start-after"), q.Get("continuation-token"))
	type object struct {
		Key          string
		Size         int
		LastModified string
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []object
		CommonPrefixes        []struct{ Prefix string }
	}
	var keys []string
	for k := range c.objects {
		if strings.HasPrefix(k, prefix) && k > after {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if rest, _, ok := strings.Cut(k[len(prefix):], "/"); ok && q.Get("delimiter") == "/" {
			below := prefix + rest + "/"
			if n := len(out.CommonPrefixes); n == 0 || out.CommonPrefixes[n-1].Prefix != below {
				out.CommonPrefixes = append(out.CommonPrefixes, struct{ Prefix string }{below})
			}
			continue
		}
		if len(out.Contents) == cloudPage {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[cloudPage-1].Key
			break
		}
		out.Contents = append(out.Contents, object{k, len(c.objects[k]), "2026-01-02T03:04:05Z"})
	}
	_ = xml.NewEncoder(w).Encode(out)
}

func (c *cloud) object(w http.ResponseWriter, r *http.Request) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	text, ok := c.objects[key]
	switch {
	case c.broken[key]:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>`)
	default:
		c.fetched++
		fmt.Fprint(w, text)
	}
}

// run reads a target of the cloud once more into h.
func (c *cloud) run(t *testing.T, h *trailHost, target string, options ...string) error {
	t.Helper()
	srv := httptest.NewServer(c)
	defer srv.Close()
	cfg := connector.Config{Target: target, Options: map[string]string{"endpoint": srv.URL}}
	for i := 0; i+1 < len(options); i += 2 {
		cfg.Options[options[i]] = options[i+1]
	}
	r, err := testActivity().Open(t.Context(), cfg, connector.Env{UserAgent: "retinue/test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r.Activity(t.Context(), h.request(), h)
}

func cloudLog(region string, day, file, from, to int) (key, text string) {
	rnd := rand.New(rand.NewPCG(uint64(day), uint64(file)))
	var records []string
	for n := from; n < to; n++ {
		records = append(records, trailText(rnd, n))
	}
	return fmt.Sprintf("AWSLogs/o-example/111111111111/CloudTrail/%s/2026/01/%02d/111111111111_CloudTrail_%s_202601%02dT%04dZ_x.json.gz", region, day, region, day, file),
		`{"Records":[` + strings.Join(records, ",") + `]}`
}

func (c *cloud) put(region string, day, file, from, to int) string {
	key, text := cloudLog(region, day, file, from, to)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.objects == nil {
		c.objects, c.broken, c.messages = map[string]string{}, map[string]bool{}, map[string]string{}
	}
	c.objects[key] = text
	return key
}

// ids is how many different events there are, and fails on repeated ones.
func (h *trailHost) ids(t *testing.T) int {
	t.Helper()
	seen := map[string]bool{}
	for i := range h.events {
		if id := h.events[i].ID; seen[id] {
			t.Errorf("event %s twice", id)
		} else {
			seen[id] = true
		}
	}
	return len(seen)
}

// TestBucket reads a trail's bucket, then what came since: late files, files
// that could not be read the first time, and none twice.
func TestBucket(t *testing.T) {
	testkit.AWSEnv(t)
	c, h := &cloud{}, &trailHost{}
	for f := range 8 {
		c.put("eu-west-1", 1+f/4, f, f*10, f*10+10)
		c.put("us-east-1", 1+f/4, f, 1000+f*10, 1000+f*10+10)
	}
	c.objects["AWSLogs/o-example/111111111111/Config/eu-west-1/x.json.gz"] = "not ours"
	bad, _ := cloudLog("us-east-1", 2, 6, 0, 0)
	c.broken[bad] = true
	if err := c.run(t, h, "s3://trail/AWSLogs"); err != nil {
		t.Fatal(err)
	}
	if n := h.ids(t); n != 150 || len(h.faults) != 1 || !errors.Is(h.faults[0].Err, retinue.ErrInvalid) {
		t.Fatalf("%d events, faults %v", n, h.faults)
	}
	for _, spot := range h.covers[0].BlindSpots {
		if spot.Code == blindTrailUnknown {
			h.faults = nil
		}
	}
	if h.faults != nil {
		t.Errorf("the trail is not described, and the coverage does not say so: %+v", h.covers)
	}
	c.broken[bad] = false
	c.put("eu-west-1", 2, 2, 500, 510) // late: before the last key
	c.put("eu-west-1", 3, 1, 510, 520)
	fetched := c.fetched
	if err := c.run(t, h, "s3://trail/AWSLogs"); err != nil {
		t.Fatal(err)
	}
	if n := h.ids(t); n != 180 || len(h.faults) != 0 || c.fetched-fetched != 3 {
		t.Errorf("%d events, faults %v, %d objects fetched the second time", n, h.faults, c.fetched-fetched)
	}
}

func TestBucketDescribed(t *testing.T) {
	testkit.AWSEnv(t)
	c, h := &cloud{}, &trailHost{}
	c.put("eu-west-1", 1, 1, 0, 10)
	c.trails = `{"trailList":[{"Name":"all","TrailARN":"arn:aws:cloudtrail:us-east-1:222222222222:trail/all","IsMultiRegionTrail":true,"IsOrganizationTrail":true,"IncludeGlobalServiceEvents":true,"HomeRegion":"us-east-1"}]}`
	c.selector = `{"TrailARN":"arn:aws:cloudtrail:us-east-1:222222222222:trail/all","AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]},
		{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]},
		{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::Lambda::Function"]},{"Field":"resources.ARN","StartsWith":["arn:x"]}]}]}`
	if err := c.run(t, h, "s3://trail"); err != nil {
		t.Fatal(err)
	}
	spots := map[string]string{}
	for _, s := range h.covers[0].BlindSpots {
		for _, a := range s.Actions {
			spots[a] = s.Code
		}
		spots[s.Code] = s.Code
	}
	for action, want := range map[string]string{"s3:GetObject*": "", "lambda:InvokeFunction": blindDataPart, "dynamodb:GetItem": blindDataOff,
		"logs:PutLogEvents": blindNotLogged, blindTrailUnknown: "", blindRegions: "", blindReadOff: ""} {
		if spots[action] != want {
			t.Errorf("%s: blind spot %q, want %q", action, spots[action], want)
		}
	}
}

// TestQueue reads files that a queue announces in all four forms, and leaves a
// message whose file cannot be read.
func TestQueue(t *testing.T) {
	testkit.AWSEnv(t)
	c, h := &cloud{}, &trailHost{}
	var keys []string
	for f := range 5 {
		keys = append(keys, c.put("eu-west-1", 1, f, f*10, f*10+10))
	}
	s3notice := func(key string) string {
		return fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"trail"},"object":{"key":%q}}}]}`, strings.ReplaceAll(key, "/", "%2F"))
	}
	c.messages["s3"] = s3notice(keys[0])
	inner, _ := json.Marshal(fmt.Sprintf(`{"s3Bucket":"trail","s3ObjectKey":[%q]}`, keys[1]))
	c.messages["sns"] = `{"Type":"Notification","Message":` + string(inner) + `}`
	c.messages["bridge"] = fmt.Sprintf(`{"detail-type":"Object Created","detail":{"bucket":{"name":"trail"},"object":{"key":%q}}}`, keys[2])
	c.messages["trail"] = fmt.Sprintf(`{"s3Bucket":"trail","s3ObjectKey":[%q]}`, keys[3])
	c.messages["junk"] = `{"Event":"s3:TestEvent"}`
	c.broken[keys[4]] = true
	c.messages["broken"] = s3notice(keys[4])
	if err := c.run(t, h, "sqs:https://sqs.eu-west-1.amazonaws.com/111111111111/trail"); err != nil {
		t.Fatal(err)
	}
	if n := h.ids(t); n != 40 || len(h.faults) != 2 || len(c.messages) != 1 || c.messages["!broken"] == "" {
		t.Errorf("%d events, faults %v, messages left %v", n, h.faults, c.messages)
	}
}

// TestQueueOfOtherBuckets: what a message names beside the buckets of the
// configuration is not fetched; it is told, and the rest of the message is read.
func TestQueueOfOtherBuckets(t *testing.T) {
	testkit.AWSEnv(t)
	c, h := &cloud{}, &trailHost{}
	var keys []string
	for f := range 3 {
		keys = append(keys, c.put("eu-west-1", 1, f, f*10, f*10+10))
	}
	notice := func(bucket, key string) string {
		return fmt.Sprintf(`{"s3":{"bucket":{"name":%q},"object":{"key":%q}}}`, bucket, strings.ReplaceAll(key, "/", "%2F"))
	}
	c.messages["ours"] = `{"Records":[` + notice("trail", keys[0]) + `]}`
	c.messages["foreign"] = `{"Records":[` + notice("payroll", keys[1]) + `]}`
	c.messages["outside"] = `{"Records":[` + notice("trail", "other/"+keys[1]) + `]}`
	c.messages["mixed"] = `{"Records":[` + notice("payroll", keys[1]) + "," + notice("trail", keys[2]) + `]}`
	if err := c.run(t, h, "sqs:https://sqs.eu-west-1.amazonaws.com/111111111111/trail", "trail-buckets", "trail/AWSLogs"); err != nil {
		t.Fatal(err)
	}
	if n := h.ids(t); n != 20 || c.fetched != 2 {
		t.Errorf("%d events of %d files, want 20 of 2", n, c.fetched)
	}
	if len(h.faults) != 3 {
		t.Errorf("faults %v, want three", h.faults)
	}
	for _, f := range h.faults {
		if !errors.Is(f.Err, retinue.ErrDenied) || !strings.Contains(f.Error(), "payroll") && !strings.Contains(f.Error(), "trail") {
			t.Errorf("fault %v does not say which bucket was refused", f)
		}
	}
	if len(c.messages) != 3 || c.messages["ours"] != "" {
		t.Errorf("messages left %v, want all but the first", c.messages)
	}
	if _, err := testActivity().Open(t.Context(), connector.Config{Target: "sqs:https://x/y", Options: map[string]string{"trail-buckets": "s3://trail"}}, connector.Env{}); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a bucket with a scheme: %v", err)
	}
}

// TestLookup reads the event history, and then what is new.
func TestLookup(t *testing.T) {
	testkit.AWSEnv(t)
	c, h := &cloud{}, &trailHost{}
	now := time.Now().UTC()
	add := func(n int, at time.Time) {
		text := trailText(rand.New(rand.NewPCG(1, uint64(n))), n)
		i := strings.Index(text, `"eventTime":"`) + len(`"eventTime":"`)
		c.history = append(c.history, text[:i]+at.Format("2006-01-02T15:04:05Z")+text[i+20:])
	}
	for n := range 5 {
		add(n, now.Add(-time.Duration(10-n)*time.Hour))
	}
	if err := c.run(t, h, "lookup:env", "regions", "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if n := h.ids(t); n != 5 || len(h.covers) != 1 || h.covers[0].To.Sub(h.covers[0].From) < 89*24*time.Hour {
		t.Fatalf("%d events, coverage %+v", n, h.covers)
	}
	add(9, now.Add(50*time.Minute))
	h.events = nil
	if err := c.run(t, h, "lookup:env", "regions", "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if n := h.ids(t); n != 1 {
		t.Errorf("%d new events, want 1", n)
	}
}

// TestLookupOfClosedRegions: a region that cannot be read keeps none of the others
// from being read, and says nothing of itself.
func TestLookupOfClosedRegions(t *testing.T) {
	testkit.AWSEnv(t)
	c, h := &cloud{closed: "me-south-1"}, &trailHost{}
	c.history = append(c.history, trailText(rand.New(rand.NewPCG(1, 1)), 1))
	if err := c.run(t, h, "lookup:env", "regions", "me-south-1;eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if len(h.covers) != 1 || len(h.faults) != 1 || !errors.Is(h.faults[0].Err, retinue.ErrDenied) || !strings.Contains(h.faults[0].Label, "me-south-1") {
		t.Errorf("coverage %d, faults %v", len(h.covers), h.faults)
	}
	if err := c.run(t, h, "lookup:env", "regions", "me-south-1"); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("no region can be read: %v", err)
	}
}

func TestLiveTargets(t *testing.T) {
	for _, target := range []string{"", "env", "profile:x", "org:env", "s3://", "sqs:name", "lookup:./file"} {
		if _, err := testActivity().Open(t.Context(), connector.Config{Target: target}, connector.Env{}); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%q: %v", target, err)
		}
	}
}
