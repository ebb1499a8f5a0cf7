package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func s3Kind() PlaceKind {
	return PlaceKind{Name: "s3", Title: "Object store with object lock", Says: "One object a checkpoint in an S3 bucket with versioning and object lock, kept for a time in which not even its owner can delete it.",
		Fields: []outlet.Field{
			{Name: "bucket", Required: true, Says: "the bucket"},
			{Name: "region", Default: "us-east-1", Says: "its region"},
			{Name: "endpoint", Says: "the https address of another store that speaks S3; empty for AWS"},
			{Name: "prefix", Default: "retinue/checkpoints/", Says: "what names begin with"},
			{Name: "mode", Default: "COMPLIANCE", OneOf: []string{"COMPLIANCE", "GOVERNANCE"}, Says: "in compliance mode nobody can shorten the time; in governance mode some can"},
			{Name: "retain-days", Default: "400", Says: "for how many days an object is locked"},
			{Name: "access-key-id", Required: true, Says: "an access key that may put and lock objects under the prefix and read them back, and may not delete; docs/audit-delivery.md has the policy"},
			{Name: "secret-access-key", Secret: true, Required: true, Says: "its secret"},
		}, open: openS3}
}

type s3Place struct {
	c      outlet.Config
	client *s3.Client
	days   int
}

func openS3(c outlet.Config) (Place, error) {
	days, err := strconv.Atoi(c.Options["retain-days"])
	if err != nil || days < 1 || days > 36500 {
		return nil, outlet.Invalid("options.retain-days", "want a number of days")
	}
	opts := s3.Options{Region: c.Options["region"], HTTPClient: c.HTTP, RetryMaxAttempts: 3,
		Credentials: credentials.NewStaticCredentialsProvider(c.Options["access-key-id"], c.Secrets["secret-access-key"].Reveal(), "")}
	if e := c.Options["endpoint"]; e != "" {
		if err := outlet.HTTPSURL("options.endpoint", e); err != nil {
			return nil, err
		}
		opts.BaseEndpoint, opts.UsePathStyle = aws.String(e), true
	}
	if c.Endpoint != "" {
		opts.BaseEndpoint, opts.UsePathStyle = aws.String(c.Endpoint), true
	}
	return &s3Place{c: c, client: s3.New(opts), days: days}, nil
}

// Put implements Place. The lock is read back, since a bucket without object
// lock would keep an object that anybody can delete.
func (p *s3Place) Put(ctx context.Context, n Note) (Receipt, error) {
	bucket, key := aws.String(p.c.Options["bucket"]), aws.String(p.c.Options["prefix"]+n.name())
	until := p.c.Now().UTC().AddDate(0, 0, p.days).Truncate(time.Second)
	put, err := p.client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(n.Signed), ContentType: aws.String("text/plain; charset=utf-8"),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, // a lock is taken with a checksum only
		ObjectLockMode:    types.ObjectLockMode(p.c.Options["mode"]), ObjectLockRetainUntilDate: aws.Time(until)})
	if err != nil {
		return Receipt{}, s3Error("put object", err)
	}
	version := aws.ToString(put.VersionId)
	if version == "" {
		return Receipt{}, fmt.Errorf("%w: put object: the bucket keeps no versions, so the object can be replaced", retinue.ErrUnsupported)
	}
	held, err := p.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key, VersionId: put.VersionId})
	if err != nil {
		return Receipt{}, s3Error("read lock", err)
	}
	if string(held.ObjectLockMode) != p.c.Options["mode"] || aws.ToTime(held.ObjectLockRetainUntilDate).Before(until.Add(-time.Minute)) {
		return Receipt{}, fmt.Errorf("%w: put object: the bucket did not lock it as asked, or the key may not see that it did", retinue.ErrUnsupported)
	}
	return Receipt{Place: fmt.Sprintf("s3://%s/%s?versionId=%s", *bucket, *key, version)}, nil
}

// maxNote bounds a checkpoint that is read back, in bytes.
const maxNote = 64 << 10

// Fetch implements Fetcher.
func (p *s3Place) Fetch(ctx context.Context, place string) ([]byte, error) {
	rest, ok := strings.CutPrefix(place, "s3://"+p.c.Options["bucket"]+"/")
	key, version, found := strings.Cut(rest, "?versionId=")
	if !ok || !found {
		return nil, fmt.Errorf("%w: %q is no object of this bucket", retinue.ErrInvalid, place)
	}
	got, err := p.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(p.c.Options["bucket"]), Key: aws.String(key), VersionId: aws.String(version)})
	if err != nil {
		return nil, s3Error("read object", err)
	}
	defer func() { _ = got.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(got.Body, maxNote+1))
	if err != nil || len(b) > maxNote {
		return nil, errors.Join(fmt.Errorf("%w: read object: it could not be read, or is longer than a checkpoint", retinue.ErrUnavailable), err)
	}
	return b, nil
}

// Try implements Place: it reads the bucket's lock.
func (p *s3Place) Try(ctx context.Context) (string, error) {
	got, err := p.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: aws.String(p.c.Options["bucket"])})
	if err != nil {
		return "", s3Error("read the bucket's lock (s3:GetBucketObjectLockConfiguration)", err)
	}
	if got.ObjectLockConfiguration == nil || got.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return "", fmt.Errorf("%w: the bucket has no object lock", retinue.ErrUnsupported)
	}
	return "object lock is enabled", nil
}

func s3Error(what string, err error) error {
	kind, text := retinue.ErrUnavailable, outlet.WithoutURL(err).Error()
	var api smithy.APIError
	if errors.As(err, &api) {
		text = api.ErrorCode() + " " + api.ErrorMessage()
		switch api.ErrorCode() {
		case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken":
			kind = retinue.ErrDenied
		case "NoSuchBucket", "NoSuchKey", "NoSuchVersion":
			kind = retinue.ErrNotFound
		case "InvalidRequest", "ObjectLockConfigurationNotFoundError", "MissingContentMD5":
			kind = retinue.ErrUnsupported
		}
	}
	return fmt.Errorf("%w: %s: %s", kind, what, outlet.Quote([]byte(text)))
}
