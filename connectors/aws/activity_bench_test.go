package aws

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/testkit"
)

// trailFiles writes files of CloudTrail as the trail delivers them and returns
// their uncompressed size.
func trailFiles(t testing.TB, dir string, files, each int) int64 {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	var size int64
	for f := range files {
		var b bytes.Buffer
		b.WriteString(`{"Records":[`)
		for i := range each {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(trailText(rnd, f*each+i))
		}
		b.WriteString("]}")
		size += int64(b.Len())
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprintf("111111111111_CloudTrail_eu-west-1_2026%04dT0000Z_x.json.gz", f))
		if err := os.WriteFile(name, z.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return size
}

// trailText is a record such as roles of applications cause most.
func trailText(rnd *rand.Rand, n int) string {
	role := fmt.Sprintf("service-%02d", rnd.IntN(40))
	calls := [][3]string{{"s3", "GetObject", fmt.Sprintf(`{"bucketName":"data-%d","Host":"data-%d.s3.eu-west-1.amazonaws.com","key":"in/%d/part-%d.parquet"}`, rnd.IntN(9), rnd.IntN(9), rnd.IntN(999), n)},
		{"dynamodb", "GetItem", fmt.Sprintf(`{"tableName":"orders-%d","key":{"id":"HIDDEN"},"consistentRead":false}`, rnd.IntN(9))},
		{"secretsmanager", "GetSecretValue", fmt.Sprintf(`{"secretId":"prod/db-%d"}`, rnd.IntN(20))},
		{"kms", "Decrypt", `{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::data"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`},
		{"ec2", "DescribeInstances", `{"filterSet":{"items":[{"name":"tag:env","valueSet":{"items":[{"value":"prod"}]}}]},"instancesSet":{}}`}}
	c := calls[rnd.IntN(len(calls))]
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEEXAMPLEAAA:%[1]s","arn":"arn:aws:sts::111111111111:assumed-role/%[1]s/%[1]s","accountId":"111111111111","accessKeyId":"ASIAEXAMPLE%09[10]d","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEEXAMPLEAAA","arn":"arn:aws:iam::111111111111:role/app/%[1]s","accountId":"111111111111","userName":"%[1]s"},"attributes":{"creationDate":"2026-01-02T03:04:05Z","mfaAuthenticated":"false"}}},"eventTime":"2026-01-02T%02[3]d:%02[4]d:05Z","eventSource":"%[5]s.amazonaws.com","eventName":"%[6]s","awsRegion":"eu-west-1","sourceIPAddress":"10.0.%[7]d.%[8]d","userAgent":"aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/%[5]s#1.58.2","requestParameters":%[9]s,"responseElements":null,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","bytesTransferredOut":%[2]d},"requestID":"%08[2]x-0000-4000-8000-%012[2]x","eventID":"%08[2]x-1111-4000-8000-%012[2]x","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%[5]s.eu-west-1.amazonaws.com"}}`,
		role, n, rnd.IntN(24), rnd.IntN(60), c[0], c[1], rnd.IntN(8), rnd.IntN(250), c[2], n/5000)
}

// countSink counts events and keeps nothing.
type countSink struct {
	mu sync.Mutex
	n  int
}

func (s *countSink) Batch(_ context.Context, b connector.Batch) error {
	s.mu.Lock()
	s.n += len(b.Events)
	s.mu.Unlock()
	return nil
}
func (*countSink) Cover(context.Context, retinue.Coverage) error { return nil }
func (*countSink) Fault(connector.Fault)                         {}
func (*countSink) Note(connector.Note)                           {}
func (*countSink) Progress(connector.Progress)                   {}

const benchFiles, benchEach = 40, 1000

// BenchmarkTrail compares reading gzip files of CloudTrail to events with merely
// decompressing them and decoding the fields with encoding/json, on as many
// cores.
func BenchmarkTrail(b *testing.B) {
	dir := b.TempDir()
	size := trailFiles(b, dir, benchFiles, benchEach)
	b.Run("json", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if n := decodeAll(b, dir); n != benchFiles*benchEach {
				b.Fatal(n)
			}
		}
	})
	b.Run("events", func(b *testing.B) {
		b.SetBytes(size)
		r, err := testActivity().Open(b.Context(), connector.Config{Target: dir}, connector.Env{})
		if err != nil {
			b.Fatal(err)
		}
		var high uint64
		for b.Loop() {
			s := &countSink{}
			if err := r.Activity(b.Context(), connector.ActivityRequest{}, s); err != nil || s.n != benchFiles*benchEach {
				b.Fatal(s.n, err)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			high = max(high, m.HeapInuse)
		}
		b.ReportMetric(float64(high)/(1<<20), "MiB-heap")
	})
}

// decodeAll is the baseline.
func decodeAll(t testing.TB, dir string) int {
	t.Helper()
	names, err := filepath.Glob(dir + "/*.gz")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	total := 0
	queue := make(chan string)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for name := range queue {
				n, err := decodeFile(name)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				total += n
				mu.Unlock()
			}
		})
	}
	for _, n := range names {
		queue <- n
	}
	close(queue)
	group.Wait()
	return total
}

func decodeFile(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return 0, err
	}
	var w testkit.TrailRecords
	if err := json.Unmarshal(data, &w); err != nil {
		return 0, err
	}
	return len(w.Records), nil
}
