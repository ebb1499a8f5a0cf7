package aws

import (
	"context"
	"encoding/json"
	"io"

	"github.com/retinue-id/retinue"
)

type bucket struct {
	Name         string
	CreationDate moment
	BucketRegion string
}

// readBuckets lists the buckets. A bucket's ARN names neither account nor
// region, and the listing gives the region only to some ways of asking, so it
// is not stated.
func (a *accountReader) readBuckets(ctx context.Context, w *scopeWriter, out *[]bucket) error {
	return a.pages(ctx, w, call{op: opBuckets}, func(r io.Reader) error {
		return listOf(r, "Buckets", func(b bucket) error {
			if b.Name == "" {
				return nil
			}
			*out = append(*out, b)
			f := resource("s3_bucket", a.bucketARN(b.Name), a.account, "", b.Name)
			f.CreatedAt = b.CreationDate.Time
			return w.emit(f)
		})
	})
}

func (a *accountReader) bucketARN(name string) string { return "arn:" + a.partition + ":s3:::" + name }

func (a *accountReader) readBucketPolicies(ctx context.Context, w *scopeWriter, buckets []bucket) error {
	if !a.hasRead("s3-buckets") {
		return errNotExported
	}
	names := make([]string, len(buckets))
	for i, b := range buckets {
		names[i] = b.Name
	}
	return a.eachSubject(ctx, w, names, call{op: opBucketPolicy}, func(name string, r io.Reader) error {
		var p struct{ Policy json.RawMessage }
		if err := one(r, &p); err != nil {
			return err
		}
		return w.emit(resourcePolicy(retinue.NewRef(a.realm(), "s3_bucket", key(a.bucketARN(name))), a.account, document(p.Policy))...)
	})
}
