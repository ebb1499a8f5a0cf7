package deliver

import (
	"net"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

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
