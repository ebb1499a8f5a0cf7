package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// lookBack is how far behind the last file of a listing the next listing begins:
// files are delivered late, mostly by minutes, and a file that could not be read
// is tried again so long.
const lookBack = 26 * time.Hour

// maxFolders bounds the folders of accounts and regions in a bucket.
const maxFolders = 200_000

// trailFolder is a folder of a bucket in which a trail writes by date: of one
// account and region.
type trailFolder struct {
	prefix string
	digest bool
}

// readBucket reads what is new in a bucket.
func (r *trailCall) readBucket(ctx context.Context, bucket, prefix string) error {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	folders, err := r.folders(ctx, bucket, prefix, 0)
	if err != nil {
		return err
	}
	if len(folders) == 0 {
		folders = []trailFolder{{prefix: prefix}} // files in no layout of CloudTrail's
	}
	for _, f := range folders {
		if !f.digest {
			continue
		}
		for in, err := range r.objects(ctx, bucket, f.prefix, new(string)) {
			if err == nil {
				err = r.proven.read(ctx, in)
			}
			if err != nil {
				r.sink.Fault(connector.Fault{Input: in.ID, Label: in.Label, Err: err})
			}
		}
	}
	ends := make([]string, len(folders))
	failed := &failedKeys{first: map[string]string{}}
	inputs := func(yield func(logs.Input, error) bool) {
		for i, f := range folders {
			if f.digest {
				continue
			}
			for in, err := range r.objects(ctx, bucket, f.prefix, &ends[i]) {
				if !yield(failed.watch(in, f.prefix), err) {
					return
				}
			}
		}
	}
	o := r.options(logs.Options{Inputs: inputs, Workers: liveTrailWorkers})
	if err := logs.Read(ctx, r.req, r.sink, o); err != nil {
		return err
	}
	for i, f := range folders {
		if err := r.reached(ctx, bucket, f, failed.before(f.prefix, ends[i])); err != nil {
			return err
		}
	}
	return nil
}

// reached keeps how far a folder was listed.
func (r *trailCall) reached(ctx context.Context, bucket string, f trailFolder, key string) error {
	if f.digest || key == "" {
		return nil
	}
	id := folderID(bucket, f.prefix)
	return r.sink.Batch(ctx, connector.Batch{Input: id, Label: id, Position: connector.Position{Cursor: key}})
}

func folderID(bucket, prefix string) string { return "s3://" + bucket + "/" + prefix }

// folders finds the folders in which a trail writes by date.
func (r *trailCall) folders(ctx context.Context, bucket, prefix string, depth int) ([]trailFolder, error) {
	if name := path.Base(path.Dir(strings.TrimSuffix(prefix, "/"))); isTrailFolder(name) {
		return []trailFolder{{prefix: prefix, digest: name == "CloudTrail-Digest"}}, nil
	}
	if depth > 8 {
		return nil, nil
	}
	var out []trailFolder
	p := s3.NewListObjectsV2Paginator(r.s3(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix), Delimiter: aws.String("/")})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list bucket %s: %w", bucket, apiError(ctx, call{op: "s3api list-objects-v2"}, err))
		}
		for _, c := range page.CommonPrefixes {
			below := aws.ToString(c.Prefix)
			switch path.Base(below) {
			case "Config", "elasticloadbalancing", "vpcflowlogs", "GuardDuty", "WAFLogs": // of other services
				continue
			}
			found, err := r.folders(ctx, bucket, below, depth+1)
			if err != nil {
				return nil, err
			}
			if out = append(out, found...); len(out) > maxFolders {
				return nil, fmt.Errorf("%w: bucket %s has more than %d folders of accounts and regions", retinue.ErrInvalid, bucket, maxFolders)
			}
		}
	}
	return out, nil
}

func isTrailFolder(name string) bool {
	return name == "CloudTrail" || name == "CloudTrail-Digest" || name == "CloudTrail-Insight" || name == "CloudTrail-NetworkActivity"
}

// objects lists the files of a folder from a little before where the last run
// ended, and sets end to the last.
func (r *trailCall) objects(ctx context.Context, bucket, prefix string, end *string) iter.Seq2[logs.Input, error] {
	return func(yield func(logs.Input, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix)}
		if at, err := r.req.Position(folderID(bucket, prefix)); err == nil && at.Cursor != "" {
			in.StartAfter = aws.String(before(prefix, at.Cursor))
			*end = at.Cursor
		} else if !r.req.Since.IsZero() {
			in.StartAfter = aws.String(prefix + r.req.Since.Add(-lookBack).UTC().Format("2006/01/02/"))
		}
		p := s3.NewListObjectsV2Paginator(r.s3(), in)
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if err != nil {
				yield(logs.Input{Name: folderID(bucket, prefix)}, fmt.Errorf("list bucket %s: %w", bucket, apiError(ctx, call{op: "s3api list-objects-v2"}, err)))
				return
			}
			for _, o := range page.Contents {
				key := aws.ToString(o.Key)
				if strings.HasSuffix(key, "/") || aws.ToInt64(o.Size) == 0 {
					continue
				}
				if !yield(r.object(bucket, key, o), nil) {
					return
				}
				*end = max(*end, key)
			}
		}
	}
}

// before is the key from which to list again: of the day before that of a file
// in a layout by date, or the folder's beginning.
func before(prefix, key string) string {
	if rest, ok := strings.CutPrefix(key, prefix); ok && len(rest) > 11 {
		if day, err := time.Parse("2006/01/02/", rest[:11]); err == nil {
			return prefix + day.Add(-lookBack).Format("2006/01/02/")
		}
	}
	return prefix
}

// object is an object of the bucket as an input.
func (r *trailCall) object(bucket, key string, o types.Object) logs.Input {
	id := folderID(bucket, key)
	if len(id) > 1024 {
		id = id[:1024]
	}
	return logs.Input{ID: id, Name: key, Label: folderID(bucket, retinue.CleanName(key)), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified),
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			got, err := r.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
			if err != nil {
				return nil, apiError(ctx, call{op: "s3api get-object"}, err)
			}
			return got.Body, nil
		}}
}

// failedKeys remembers the first file of each folder that could not be opened:
// the next run begins there.
type failedKeys struct {
	mu    sync.Mutex
	first map[string]string
}

func (f *failedKeys) watch(in logs.Input, prefix string) logs.Input {
	open := in.Open
	in.Open = func(ctx context.Context) (io.ReadCloser, error) {
		body, err := open(ctx)
		if err != nil && !errors.Is(err, retinue.ErrNotFound) {
			f.mu.Lock()
			if first, ok := f.first[prefix]; !ok || in.Name < first {
				f.first[prefix] = in.Name
			}
			f.mu.Unlock()
		}
		return body, err
	}
	return in
}

// before is the key up to which all of a folder was read.
func (f *failedKeys) before(prefix, end string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first, ok := f.first[prefix]; ok {
		return min(first, end)
	}
	return end
}
