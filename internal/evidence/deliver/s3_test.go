package deliver

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func makeBucket(t *testing.T, p *s3Place, locked bool) {
	t.Helper()
	if _, err := p.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(p.c.Options["bucket"]), ObjectLockEnabledForBucket: aws.Bool(locked)}); err != nil {
		t.Fatal(err)
	}
}

func deleteVersion(t *testing.T, p *s3Place, place string) error {
	t.Helper()
	rest, _ := strings.CutPrefix(place, "s3://"+p.c.Options["bucket"]+"/")
	key, version, _ := strings.Cut(rest, "?versionId=")
	_, err := p.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(p.c.Options["bucket"]), Key: aws.String(key), VersionId: aws.String(version)})
	return err
}
