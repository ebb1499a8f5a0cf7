package app

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// writeTrail writes CloudTrail records of a day, as CloudTrail words them: 200
// roles that call 40 operations on 4,000 things from 300 addresses.
func writeTrail(b *testing.B, name string, events int) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	r := rand.New(rand.NewPCG(3, 4))
	start := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	_, _ = w.WriteString(`{"Records":[`)
	for i := range events {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		role, object := r.IntN(200), r.IntN(4000)
		_, _ = fmt.Fprintf(w, `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE%06d:i-%08x","arn":"arn:aws:sts::111122223333:assumed-role/service-%d/i-%08x","accountId":"111122223333","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE%06d","arn":"arn:aws:iam::111122223333:role/service-%d","accountId":"111122223333","userName":"service-%d"},"attributes":{"creationDate":"%s","mfaAuthenticated":"false"}}},"eventTime":"%s","eventSource":"s3.amazonaws.com","eventName":"%s","awsRegion":"eu-central-1","sourceIPAddress":"10.0.%d.%d","userAgent":"[aws-sdk-go-v2/1.30.%d os/linux lang/go#1.22 md/GOOS#linux md/GOARCH#amd64 api/s3#1.58.0]","requestParameters":{"bucketName":"bucket-%d","key":"data/%08x.parquet"},"responseElements":null,"requestID":"%016x","eventID":"%08x-%04x-4000-8000-%012x","readOnly":true,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::bucket-%d/data/%08x.parquet"}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data"}`,
			role, role*7919, role, role*7919, role, role, role, start.Format(time.RFC3339), start.Add(time.Duration(i)*24*time.Hour/time.Duration(events)).Format(time.RFC3339),
			[]string{"GetObject", "PutObject", "HeadObject", "DeleteObject"}[r.IntN(4)], role%3, role%100, role%5, object%40, object*104729, r.Uint64(), r.Uint32(), i%65536, r.Uint64()>>16, object%40, object*104729)
	}
	_, _ = w.WriteString("]}")
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkKeepEvents imports the same logs with events kept and not.
func BenchmarkKeepEvents(b *testing.B) {
	const events = 100_000
	name := filepath.Join(b.TempDir(), "111122223333_CloudTrail_eu-central-1_20260301T0000Z_abcdefghijklmnop.json")
	writeTrail(b, name, events)
	for _, days := range []int{0, 14} {
		b.Run(fmt.Sprint("days-", days), func(b *testing.B) {
			var bytes, kept int64
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				a, err := Open(b.Context(), Config{Database: filepath.Join(dir, "r.db"), KeyFile: filepath.Join(dir, "f.key"), SigningKeyFile: filepath.Join(dir, "c.key"),
					Usage: UsageConfig{RawDays: days}}, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := a.detector(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				reads, err := a.ImportActivity(b.Context(), []SourceConfig{{Name: "aws", Kind: "aws", Target: name}}, ActivityOptions{Actor: Actor(), Getenv: os.Getenv})
				if err != nil || reads[0].Error != "" || reads[0].New != events {
					b.Fatal(err, reads)
				}
				b.StopTimer()
				err = a.DB.View(b.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
					days, err := tx.EventDays()
					for _, d := range days {
						bytes, kept = bytes+d.Bytes, kept+d.Events
					}
					return err
				})
				if err != nil || days > 0 && kept == 0 {
					b.Fatal(err, kept)
				}
				_ = a.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
			if kept > 0 {
				b.ReportMetric(float64(bytes)/float64(kept), "B/event")
			}
		})
	}
}
