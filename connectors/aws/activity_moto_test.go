//go:build live

package aws_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connectors/aws"
	"github.com/retinue-id/retinue/internal/testkit"
)

// liveSink counts events by id and keeps positions.
type liveSink struct {
	mu        sync.Mutex
	ids       map[string]int
	positions map[string]connector.Position
	faults    []connector.Fault
}

func (s *liveSink) Batch(_ context.Context, b connector.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Events {
		s.ids[b.Events[i].ID]++
	}
	s.positions[b.Input] = b.Position
	return nil
}
func (*liveSink) Cover(context.Context, retinue.Coverage) error { return nil }
func (s *liveSink) Fault(f connector.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}
func (*liveSink) Note(connector.Note)         {}
func (*liveSink) Progress(connector.Progress) {}

func (s *liveSink) read(t *testing.T, endpoint, target string) {
	t.Helper()
	r, err := aws.Spec().Activity.Open(t.Context(), connector.Config{Target: target, Options: map[string]string{"endpoint": endpoint}},
		connector.Env{UserAgent: "retinue/test", Now: time.Now})
	must(t, err)
	defer r.Close() //nolint:errcheck // it holds nothing
	must(t, r.Activity(t.Context(), connector.ActivityRequest{Now: time.Now(), Position: func(in string) (connector.Position, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.positions[in], nil
	}}, s))
}

// TestLiveTrail reads log files from the emulator's S3, by listing over several
// pages and by the notices in a queue.
func TestLiveTrail(t *testing.T) {
	endpoint := testkit.AWS(t)
	ctx := t.Context()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint))
	must(t, err)
	bucket := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = bucket.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: sdk.String("trail")})
	must(t, err)
	put := func(n int) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		fmt.Fprintf(z, `{"Records":[%s]}`, bytes.Join([][]byte{trailRecord(t, 4*n), trailRecord(t, 4*n+1)}, []byte(",")))
		must(t, z.Close())
		key := fmt.Sprintf("AWSLogs/111111111111/CloudTrail/eu-west-1/2026/01/%02d/111111111111_CloudTrail_eu-west-1_202601%02dT%04dZ_x.json.gz", 1+n/25, 1+n/25, n)
		_, err := bucket.PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("trail"), Key: sdk.String(key), Body: bytes.NewReader(b.Bytes())})
		must(t, err)
		return key
	}
	for n := range 60 {
		put(n)
	}
	s := &liveSink{ids: map[string]int{}, positions: map[string]connector.Position{}}
	s.read(t, endpoint, "s3://trail")
	put(60)
	s.read(t, endpoint, "s3://trail")
	if len(s.ids) != 122 || len(s.faults) > 0 {
		t.Errorf("%d events, faults %v", len(s.ids), s.faults)
	}
	for id, n := range s.ids {
		if n != 1 {
			t.Errorf("event %s %d times", id, n)
		}
	}

	queues := sqs.NewFromConfig(cfg)
	q, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: sdk.String("files")})
	must(t, err)
	_, err = queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: sdk.String(
		fmt.Sprintf(`{"Records":[{"s3":{"bucket":{"name":"trail"},"object":{"key":%q}}}]}`, strings.ReplaceAll(put(61), "/", "%2F")))})
	must(t, err)
	s.read(t, endpoint, "sqs:"+sdk.ToString(q.QueueUrl))
	s.read(t, endpoint, "sqs:"+sdk.ToString(q.QueueUrl))
	if len(s.ids) != 124 || len(s.faults) > 0 {
		t.Errorf("after the queue: %d events, faults %v", len(s.ids), s.faults)
	}
}
