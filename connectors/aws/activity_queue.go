package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// maxReceives bounds the messages of one run, ten at a time.
const maxReceives = 10_000

// notice is what S3, SNS, EventBridge and CloudTrail write into a queue about a
// new file.
type notice struct {
	Records []struct {
		S3 struct {
			Bucket struct{ Name string }
			Object struct{ Key string }
		}
	}
	Detail struct {
		Bucket struct{ Name string }
		Object struct{ Key string }
	}
	Bucket  string   `json:"s3Bucket"`
	Keys    []string `json:"s3ObjectKey"`
	Message string
}

// place is an object that a notice names.
type place struct{ bucket, key string }

// places are the objects that a message names.
func places(body string, depth int) []place {
	var n notice
	if depth > 2 || len(body) > 1<<20 || json.Unmarshal([]byte(body), &n) != nil {
		return nil
	}
	var out []place
	for _, r := range n.Records {
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err == nil && r.S3.Bucket.Name != "" && key != "" {
			out = append(out, place{r.S3.Bucket.Name, key})
		}
	}
	if n.Detail.Bucket.Name != "" && n.Detail.Object.Key != "" {
		out = append(out, place{n.Detail.Bucket.Name, n.Detail.Object.Key})
	}
	for _, k := range n.Keys {
		if n.Bucket != "" && k != "" {
			out = append(out, place{n.Bucket, k})
		}
	}
	if len(out) == 0 && n.Message != "" {
		return places(n.Message, depth+1)
	}
	return out
}

// receive reads the files that a queue announces until it is empty. A message is
// deleted once its files are kept, so that one that is interrupted comes again.
func (r *trailCall) receive(ctx context.Context) error {
	q := r.sqs()
	for range maxReceives {
		got, err := q.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(r.live.queue), MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600})
		if err != nil {
			return fmt.Errorf("read the queue of new log files: %w", apiError(ctx, call{op: "sqs receive-message"}, err))
		}
		if len(got.Messages) == 0 {
			return nil
		}
		for _, m := range got.Messages {
			ok, err := r.announced(ctx, places(aws.ToString(m.Body), 0))
			if err != nil {
				return err
			}
			if !ok {
				continue // it comes again, and the queue's redrive policy ends that
			}
			if _, err := q.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(r.live.queue), ReceiptHandle: m.ReceiptHandle}); err != nil {
				return fmt.Errorf("delete a message that was read: %w", apiError(ctx, call{op: "sqs delete-message"}, err))
			}
		}
	}
	return nil
}

// announced reads the files of one message and reports whether all were there.
// Who can send to the queue chooses what its messages name, so that files of
// buckets which were not configured are refused; the message stays in the queue,
// since it may be the configuration that is wrong.
func (r *trailCall) announced(ctx context.Context, files []place) (bool, error) {
	failed := &failedKeys{first: map[string]string{}}
	named := len(files)
	files = slices.DeleteFunc(files, func(p place) bool {
		ok := r.live.settings.takes(p)
		if !ok {
			r.sink.Fault(connector.Fault{Input: "queue", Label: "queue of new log files",
				Err: fmt.Errorf("%w: a message names a file of bucket %q, which trail-buckets= does not", retinue.ErrDenied, retinue.CleanName(p.bucket[:min(len(p.bucket), 128)]))})
		}
		return !ok
	})
	refused := named - len(files)
	if refused > 0 && len(files) == 0 {
		return false, nil
	}
	inputs := func(yield func(logs.Input, error) bool) {
		for _, p := range files {
			if isDigestName(p.key) {
				continue // they prove a listing, not a stream
			}
			if !yield(failed.watch(r.object(p.bucket, p.key, types.Object{}), ""), nil) {
				return
			}
		}
	}
	if len(files) == 0 {
		r.sink.Fault(connector.Fault{Input: "queue", Label: "queue of new log files", Err: fmt.Errorf("%w: a message names no file", retinue.ErrInvalid)})
		return true, nil
	}
	o := r.options(logs.Options{Inputs: inputs, Workers: liveTrailWorkers})
	if err := logs.Read(ctx, r.req, r.sink, o); err != nil {
		return false, err
	}
	return refused == 0 && len(failed.first) == 0, nil
}

// takes reports whether a file that a queue announces is of a bucket, and below a
// prefix, that the configuration names; without any, all are.
func (s settings) takes(p place) bool {
	return len(s.trailBuckets) == 0 || slices.ContainsFunc(s.trailBuckets, func(allowed string) bool {
		bucket, prefix, _ := strings.Cut(allowed, "/")
		prefix = strings.TrimSuffix(prefix, "/")
		return p.bucket == bucket && (prefix == "" || strings.HasPrefix(p.key, prefix+"/"))
	})
}
