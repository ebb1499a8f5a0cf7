package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// liveTrail reads CloudTrail through the APIs of S3, SQS or CloudTrail itself.
type liveTrail struct {
	*trailReader
	settings settings
	env      connector.Env
	bucket   string
	prefix   string
	queue    string // URL
	lookup   bool
}

const (
	// liveTrailWorkers is how many objects are fetched at once: each waits for the
	// network far longer than it is worked on.
	liveTrailWorkers = 16
	// liveTrailRate is how many calls a second are made to read a bucket, where
	// nothing else is set. S3 allows 5,500 for each prefix.
	liveTrailRate = 100
)

// openLiveTrail makes the reader of a bucket, a queue or the event history.
func openLiveTrail(r *trailReader, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	l := &liveTrail{trailReader: r, env: env}
	target := cfg.Target
	switch {
	case strings.HasPrefix(target, "s3://"):
		l.bucket, l.prefix, _ = strings.Cut(strings.TrimPrefix(target, "s3://"), "/")
		if l.bucket == "" {
			return nil, fmt.Errorf("%w: source aws: %q: want s3://BUCKET or s3://BUCKET/PREFIX", retinue.ErrInvalid, target)
		}
		target = "env"
	case strings.HasPrefix(target, "sqs:"):
		l.queue = strings.TrimPrefix(target, "sqs:")
		if !strings.Contains(l.queue, "://") {
			return nil, fmt.Errorf("%w: source aws: %q: want sqs: and the queue's URL", retinue.ErrInvalid, target)
		}
		target = "env"
	default:
		l.lookup, target = true, strings.TrimPrefix(target, "lookup:")
		if target != "env" && !strings.HasPrefix(target, "profile:") {
			return nil, fmt.Errorf("%w: source aws: %q: want lookup:env or lookup:profile:NAME", retinue.ErrInvalid, cfg.Target)
		}
	}
	cfg.Target = target
	var err error
	if l.settings, err = parseSettings(cfg); err != nil {
		return nil, err
	}
	if cfg.Option("requests-per-second", "") == "" && !l.lookup {
		l.settings.perSecond = liveTrailRate
	}
	return l, nil
}

// Activity implements connector.ActivityReader.
func (l *liveTrail) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	if req.Position == nil {
		req.Position = func(string) (connector.Position, error) { return connector.Position{}, nil }
	}
	if req.Now.IsZero() {
		req.Now = time.Now()
	}
	src, err := l.settings.connect(ctx, l.env)
	if err != nil {
		return err
	}
	defer src.close()
	run := &trailCall{trailRun: l.newRun(sink), live: l, src: src, req: req}
	switch {
	case l.lookup:
		return run.lookup(ctx)
	case l.queue != "":
		run.describe(ctx)
		return run.receive(ctx)
	}
	run.describe(ctx)
	return run.readBucket(ctx, l.bucket, l.prefix)
}

// trailCall is one run through the APIs.
type trailCall struct {
	*trailRun
	live *liveTrail
	src  *liveSource
	req  connector.ActivityRequest
}

func (r *trailCall) s3() *s3.Client {
	return s3.NewFromConfig(r.src.cfg, func(o *s3.Options) {
		o.UsePathStyle = r.live.settings.endpoint != ""
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}

func (r *trailCall) sqs() *sqs.Client { return sqs.NewFromConfig(r.src.cfg) }

// describe asks how the trails are set up. Without the permission it stays
// unknown, which the coverage says.
func (r *trailCall) describe(ctx context.Context) {
	c := newTrailClient(r.src.cfg)
	var list struct {
		TrailList []trailInfo `json:"trailList"`
	}
	if err := c.do(ctx, "DescribeTrails", map[string]any{"includeShadowTrails": true}, &list); err != nil {
		r.sink.Note(connector.Note{Kind: connector.NoteBlindSpot,
			Text: "how the trails are set up is not known: " + retinue.CleanName(apiError(ctx, call{op: "cloudtrail describe-trails", region: c.cfg.Region}, err).Error())})
		return
	}
	r.trails.trails = append(r.trails.trails, list.TrailList...)
	for _, t := range list.TrailList {
		cfg := r.src.cfg.Copy()
		cfg.Region = first(t.HomeRegion, cfg.Region)
		var s trailSelectors
		if err := newTrailClient(cfg).do(ctx, "GetEventSelectors", map[string]any{"TrailName": t.TrailARN}, &s); err != nil {
			r.sink.Note(connector.Note{Kind: connector.NoteBlindSpot,
				Text: "which events a trail has is not known: " + retinue.CleanName(apiError(ctx, call{op: "cloudtrail get-event-selectors", region: cfg.Region}, err).Error())})
			continue
		}
		s.TrailARN = first(s.TrailARN, t.TrailARN)
		r.trails.selectors = append(r.trails.selectors, s)
	}
}

// trailClient makes the three calls of CloudTrail that are needed, of its JSON
// protocol.
type trailClient struct {
	cfg      aws.Config
	endpoint string
	signer   *v4.Signer
	retryer  aws.Retryer
}

func newTrailClient(cfg aws.Config) *trailClient {
	c := &trailClient{cfg: cfg, signer: v4.NewSigner(), retryer: newRetryer(), endpoint: "https://cloudtrail." + cfg.Region + "." + dnsSuffix(cfg.Region)}
	if cfg.BaseEndpoint != nil {
		c.endpoint = *cfg.BaseEndpoint
	}
	return c
}

// do makes a call, and again while the answer is that it may.
func (c *trailClient) do(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, operation, body, out)
		if err == nil || attempt >= c.retryer.MaxAttempts() || !c.retryer.IsErrorRetryable(err) {
			return err
		}
		delay, derr := c.retryer.RetryDelay(attempt, err)
		if derr != nil {
			return err
		}
		if err := wait(ctx, delay); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// maxTrailAnswer bounds one answer; a page of LookupEvents has 50 events.
const maxTrailAnswer = 32 << 20

func (c *trailClient) once(ctx context.Context, operation string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."+operation)
	creds, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "cloudtrail", c.cfg.Region, time.Now()); err != nil {
		return err
	}
	res, err := c.cfg.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	dec := json.NewDecoder(io.LimitReader(res.Body, maxTrailAnswer))
	if res.StatusCode/100 != 2 {
		var f struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if dec.Decode(&f) != nil || f.Type == "" {
			return &smithy.GenericAPIError{Code: fmt.Sprint(res.StatusCode)}
		}
		return &smithy.GenericAPIError{Code: f.Type[strings.LastIndexByte(f.Type, '#')+1:], Message: f.Message}
	}
	if err := dec.Decode(out); err != nil {
		return &smithy.GenericAPIError{Code: "InvalidResponse"}
	}
	return nil
}
