package kubernetes

import (
	"encoding/json"
	"testing"
)

// BenchmarkAudit decodes one event of each sort.
func BenchmarkAudit(b *testing.B) {
	var records [][]byte
	var size int64
	for n := range 4 {
		records = append(records, auditSample(b, n))
		size += int64(len(records[n]))
	}
	d := &auditDecoder{realm: auditRealm()}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range records {
			if _, err := d.decode(r); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkAuditJSON decodes the same events with encoding/json alone, into a struct
// of the fields that are needed.
func BenchmarkAuditJSON(b *testing.B) {
	var records [][]byte
	var size int64
	for n := range 4 {
		records = append(records, auditSample(b, n))
		size += int64(len(records[n]))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range records {
			var e auditEvent
			if err := json.Unmarshal(r, &e); err != nil {
				b.Fatal(err)
			}
		}
	}
}
