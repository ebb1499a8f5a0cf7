package kubernetes

import "testing"

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
