package bench

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"time"
)

// trailBucket is where the company's trails deliver.
const trailBucket = "northwind-trail"

// trailSpool writes a trail of one account in the layout of its bucket (AWS
// CloudTrail User Guide, "Finding your CloudTrail log files"): a file an hour,
// and a digest an hour that names the hour's files and the digest before it, and
// signs it with a key that is beside the logs, as list-public-keys gives it.
type trailSpool struct {
	e   *enterprise
	sys *system
	dir string
	// hour is the next to be delivered, waiting what will be in it or later.
	hour    time.Time
	waiting map[int64][]trailEntry
	// begun is when the next digest begins, files what it will name.
	begun time.Time
	files []digestFile
	// before is the digest before: its object, hash and signature.
	before, beforeHash, beforeSignature string
	zip                                 *gzip.Writer
}

type trailEntry struct {
	at     time.Time
	record []byte
	order  uint64
}

func newTrailSpool(e *enterprise, s *system, dir string) *trailSpool {
	return &trailSpool{e: e, sys: s, dir: dir, hour: e.from, begun: e.from, waiting: map[int64][]trailEntry{}, zip: fastGzip()}
}

// fastGzip compresses quickly: most files are small, and what costs is to begin.
func fastGzip() *gzip.Writer {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(nil) // the level is one of its own
	}
	return w
}

func (t *trailSpool) write(d *deed) error {
	record, id, err := cloudTrail(d)
	if err != nil {
		return fmt.Errorf("write %s: %w", t.sys.stats.Log, err)
	}
	t.sys.stats.Events++
	if d.incident != nil {
		d.incident.event(id)
	}
	entry := trailEntry{at: d.at, record: record, order: d.draw(wordDelivery + 1)}
	hour, chance := d.at.Truncate(time.Hour), d.draw(wordDelivery)
	if t.e.opts.plants(PlantDisorder) {
		if chance%repeatOneIn == 0 {
			t.wait(hour.Add(time.Hour), entry)
		}
		if chance>>16%lateOneIn == 0 {
			t.sys.stats.Late++
			hour = hour.Add(time.Duration(1+chance>>40%30) * time.Hour)
		}
	}
	t.wait(hour, entry)
	return nil
}

// wait delivers an entry with an hour. What would come after the end of the logs
// comes with their last hour: digests of later hours would state that nothing
// happened in them, of which the enterprise knows nothing.
func (t *trailSpool) wait(hour time.Time, e trailEntry) {
	if last := t.e.to.Add(-time.Hour); hour.After(last) {
		hour = last
	}
	t.waiting[hour.Unix()] = append(t.waiting[hour.Unix()], e)
}

// endDay delivers the hours of a day.
func (t *trailSpool) endDay(day time.Time) error {
	for end := day.AddDate(0, 0, 1); t.hour.Before(end); t.hour = t.hour.Add(time.Hour) {
		if err := t.deliver(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the last digest.
func (t *trailSpool) close() error { return t.digest() }

// deliver writes the files of an hour, and with the last hour of a digest the
// digest. While the trail is stopped there are none, and its digests begin anew.
// A file that was lost stands in its digest.
func (t *trailSpool) deliver() error {
	entries := t.waiting[t.hour.Unix()]
	delete(t.waiting, t.hour.Unix())
	stopped, lost := false, false
	for _, g := range t.sys.gaps {
		if !t.hour.Before(g.From) && t.hour.Before(g.To) {
			lost, stopped = g.Stated, !g.Stated
		}
	}
	if stopped && len(entries) == 0 {
		err := t.digest()
		t.before, t.beforeHash, t.beforeSignature = "", "", ""
		t.begun = t.hour.Add(time.Hour)
		return err
	}
	if len(entries) > 0 {
		f, err := t.file(entries)
		if err != nil {
			return err
		}
		t.files = append(t.files, f)
	}
	if lost {
		t.files = append(t.files, t.lost())
	}
	if end := t.hour.Add(time.Hour); end.Hour()%t.e.opts.DigestHours == 0 {
		return t.digestUntil(end)
	}
	return nil
}

// object names a log file of the hour.
func (t *trailSpool) object(n uint64) string {
	words := newDice(t.e.opts.Seed, wordDelivery, mixText(t.sys.id), uint64(t.hour.Unix()), n)
	return path.Join("AWSLogs", t.sys.id, "CloudTrail", region, t.hour.Format("2006/01/02"),
		t.sys.id+"_CloudTrail_"+region+"_"+t.hour.Format("20060102T1504Z")+"_"+words.word(alphanum, 16)+".json.gz")
}

// lost is a log file that its digest names and that is not there.
func (t *trailSpool) lost() digestFile {
	return digestFile{Bucket: trailBucket, Object: t.object(1), Hash: hashOf(fmt.Appendf(nil, "lost %s", t.object(1))), HashAlgorithm: "SHA-256",
		Newest: stamp(t.hour.Add(59 * time.Minute)), Oldest: stamp(t.hour)}
}

// file writes a log file.
func (t *trailSpool) file(entries []trailEntry) (digestFile, error) {
	t.arrange(entries)
	var b bytes.Buffer
	b.WriteString(`{"Records":[`)
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e.record)
	}
	b.WriteString("]}")
	object := t.object(0)
	f := digestFile{Bucket: trailBucket, Object: object, Hash: hashOf(b.Bytes()), HashAlgorithm: "SHA-256", Newest: stamp(t.hour), Oldest: stamp(t.hour)}
	for i, e := range entries {
		if at := stamp(e.at); i == 0 || at < f.Oldest {
			f.Oldest = at
		}
		if at := stamp(e.at); i == 0 || at > f.Newest {
			f.Newest = at
		}
	}
	t.sys.stats.Records += int64(len(entries))
	t.sys.stats.Bytes += int64(b.Len())
	return f, t.gzip(object, b.Bytes())
}

// arrange puts the entries of a file into the order in which they stand there:
// none where disorder is planted.
func (t *trailSpool) arrange(entries []trailEntry) {
	if t.e.opts.plants(PlantDisorder) {
		sortBy(entries, func(a, b *trailEntry) bool { return a.order < b.order })
	}
}

func (t *trailSpool) gzip(object string, data []byte) error {
	f, err := createFile(filepath.Join(t.dir, filepath.FromSlash(object)))
	if err != nil {
		return err
	}
	t.zip.Reset(f)
	_, err = t.zip.Write(data)
	return joined(err, t.zip.Close(), f.Close())
}

// trailDigest is a digest file (AWS CloudTrail User Guide, "CloudTrail digest
// file structure").
type trailDigest struct {
	Account            string       `json:"awsAccountId"`
	Start              string       `json:"digestStartTime"`
	End                string       `json:"digestEndTime"`
	Bucket             string       `json:"digestS3Bucket"`
	Object             string       `json:"digestS3Object"`
	Fingerprint        string       `json:"digestPublicKeyFingerprint"`
	SignatureAlgorithm string       `json:"digestSignatureAlgorithm"`
	Newest             *string      `json:"newestEventTime"`
	Oldest             *string      `json:"oldestEventTime"`
	PreviousBucket     *string      `json:"previousDigestS3Bucket"`
	PreviousObject     *string      `json:"previousDigestS3Object"`
	PreviousHash       *string      `json:"previousDigestHashValue"`
	PreviousAlgorithm  *string      `json:"previousDigestHashAlgorithm"`
	PreviousSignature  *string      `json:"previousDigestSignature"`
	LogFiles           []digestFile `json:"logFiles"`
}

type digestFile struct {
	Bucket        string `json:"s3Bucket"`
	Object        string `json:"s3Object"`
	Hash          string `json:"hashValue"`
	HashAlgorithm string `json:"hashAlgorithm"`
	Newest        string `json:"newestEventTime"`
	Oldest        string `json:"oldestEventTime"`
}

// digest writes the digest of what was delivered since the one before.
func (t *trailSpool) digest() error {
	if !t.begun.Before(t.hour) {
		return nil
	}
	return t.digestUntil(t.hour)
}

func (t *trailSpool) digestUntil(end time.Time) error {
	files := t.files
	object := path.Join("AWSLogs", t.sys.id, "CloudTrail-Digest", region, end.Format("2006/01/02"),
		t.sys.id+"_CloudTrail-Digest_"+region+"_main_"+region+"_"+end.Format("20060102T150405Z")+".json.gz")
	d := trailDigest{Account: t.sys.id, Start: stamp(t.begun), End: stamp(end), Bucket: trailBucket, Object: object,
		Fingerprint: t.e.signer.fingerprint, SignatureAlgorithm: "SHA256withRSA", LogFiles: files}
	if files == nil {
		d.LogFiles = []digestFile{}
	}
	for i := range files {
		if d.Newest == nil || files[i].Newest > *d.Newest {
			d.Newest = &files[i].Newest
		}
		if d.Oldest == nil || files[i].Oldest < *d.Oldest {
			d.Oldest = &files[i].Oldest
		}
	}
	if t.before != "" {
		bucket, algorithm := trailBucket, "SHA-256"
		before, hash, signature := t.before, t.beforeHash, t.beforeSignature
		d.PreviousBucket, d.PreviousObject, d.PreviousHash, d.PreviousAlgorithm, d.PreviousSignature = &bucket, &before, &hash, &algorithm, &signature
	}
	data, err := json.Marshal(&d)
	if err != nil {
		return err
	}
	signature, err := t.e.signer.sign(end, object, hashOf(data), t.beforeSignature)
	if err != nil {
		return err
	}
	t.before, t.beforeHash, t.beforeSignature, t.begun, t.files = object, hashOf(data), signature, end, nil
	return t.gzip(object, data)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
