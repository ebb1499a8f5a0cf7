package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// ArchiveFormat names the form of an exported audit log.
const ArchiveFormat = "retinue.audit.v1"

// maxArchiveLine bounds a line of an archive, in bytes.
const maxArchiveLine = 16 << 20

// ArchiveManifest is the first line of an exported audit log.
type ArchiveManifest struct {
	Format    string        `json:"format"`
	Origin    string        `json:"origin"`
	CreatedAt time.Time     `json:"createdAt"`
	By        retinue.Actor `json:"by"`
	// Tool is the program and version that wrote it.
	Tool string `json:"tool"`
}

// archiveTrailer is the last line.
type archiveTrailer struct {
	Records int64  `json:"records"`
	Head    string `json:"head"`
	// SHA256 covers every byte before this line.
	SHA256 string `json:"sha256"`
	// Checkpoint is a signed note over the head, PublicKey the key that it was
	// signed with. An auditor trusts a key they were given before, not this.
	Checkpoint string `json:"checkpoint,omitempty"`
	PublicKey  string `json:"publicKey,omitempty"`
}

// WriteArchive writes an audit log as NDJSON: the manifest, each record, and a
// trailer with the head, the SHA-256 of what stands before it and, where sign
// is not nil, a signed checkpoint. It verifies the log while it writes and
// stops with ErrConflict at the first record that does not hold, so that an
// archive is never of a broken log. It uses constant memory.
func WriteArchive(ctx context.Context, w io.Writer, m ArchiveManifest, records iter.Seq2[retinue.Record, error], key *SigningKey) (Verification, error) {
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	enc := json.NewEncoder(b)
	m.Format, m.CreatedAt = ArchiveFormat, m.CreatedAt.UTC()
	if key != nil {
		m.Origin = key.Origin()
	}
	if err := enc.Encode(m); err != nil {
		return Verification{}, fmt.Errorf("write audit archive: %w", err)
	}
	v, err := Verify(ctx, func(yield func(retinue.Record, error) bool) {
		for r, err := range records {
			if err == nil {
				err = enc.Encode(r)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	})
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return v, fmt.Errorf("write audit archive: %w", err)
	}
	if !v.OK() {
		return v, fmt.Errorf("%w: write audit archive: the log is %s", retinue.ErrConflict, v)
	}
	t := archiveTrailer{Records: v.Records, Head: v.Head, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if key != nil {
		msg, err := key.Sign(Checkpoint{Origin: m.Origin, Size: v.Records, Head: v.Head, At: m.CreatedAt})
		if err != nil {
			return v, fmt.Errorf("write audit archive: %w", err)
		}
		t.Checkpoint, t.PublicKey = string(msg), key.Public()
	}
	if err := json.NewEncoder(w).Encode(t); err != nil {
		return v, fmt.Errorf("write audit archive: %w", err)
	}
	return v, nil
}

// ArchiveReport is the outcome of verifying an archive.
type ArchiveReport struct {
	Manifest ArchiveManifest `json:"manifest"`
	Verification
	// SignedBy says which key the archive's own checkpoint was checked with:
	// "given" (the caller's), "own" (the one in the archive, which proves only
	// that nothing was changed after signing), or "" for no checkpoint.
	SignedBy   string      `json:"signedBy,omitempty"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	// Problem says in one sentence what is wrong with the archive around the
	// records; empty for an archive that holds.
	Problem string `json:"problem,omitempty"`
}

// OK reports whether the archive and the log in it hold.
func (r ArchiveReport) OK() bool { return r.Problem == "" && r.Verification.OK() }

// String says the outcome in one sentence.
func (r ArchiveReport) String() string {
	if r.Verification.OK() && r.Problem != "" {
		return r.Problem
	}
	return r.Verification.String()
}

// VerifyArchive verifies what WriteArchive wrote, from the file alone. With a
// public key (as SigningKey.Public returns it) the archive's checkpoint must be
// signed by it; without one, the key in the archive is used, and the report
// says so. Options hold the log to checkpoints kept elsewhere. Bytes that are
// wrong are reported in the ArchiveReport; the error is for reading that failed.
func VerifyArchive(ctx context.Context, r io.Reader, publicKey string, opts ...VerifyOption) (ArchiveReport, error) {
	a := &archiveReader{lines: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	var rep ArchiveReport
	line, err := a.next()
	if errors.Is(err, io.EOF) {
		err = nil // an empty file has no manifest, which is found next
	}
	if err != nil {
		err = rep.problem(err)
		return rep, err
	}
	if err := strictJSON(line, &rep.Manifest); err != nil {
		rep.Problem = fmt.Sprintf("its first line is not the manifest of %s: %v", ArchiveFormat, err)
		return rep, nil
	}
	if rep.Manifest.Format != ArchiveFormat {
		rep.Problem = fmt.Sprintf("its format is %q, not %s", retinue.CleanName(rep.Manifest.Format), ArchiveFormat)
		return rep, nil
	}
	a.digest(line)
	if rep.Verification, err = Verify(ctx, a.records, opts...); err != nil {
		err = rep.problem(err)
		return rep, err
	}
	if rep.Verification.OK() {
		rep.Problem = a.checkTrailer(&rep, publicKey)
	}
	return rep, nil
}

// problem notes an error that says something about the archive, and returns any
// other one.
func (r *ArchiveReport) problem(err error) error {
	var bad *archiveError
	if errors.As(err, &bad) {
		r.Problem = bad.Error()
		return nil
	}
	return fmt.Errorf("verify audit archive: %w", err)
}

// archiveError is something wrong with the archive's form.
type archiveError struct{ text string }

func (e *archiveError) Error() string { return e.text }

type archiveReader struct {
	lines   *bufio.Reader
	sum     hash.Hash
	number  int
	trailer []byte
}

// records yields the record lines. The last line is the trailer, so a line is
// a record once another follows it.
func (a *archiveReader) records(yield func(retinue.Record, error) bool) {
	line, err := a.next()
	for ; err == nil; line, err = a.nextAfter(line) {
		if _, perr := a.lines.Peek(1); errors.Is(perr, io.EOF) {
			a.trailer = line
			return
		}
		var r retinue.Record
		if jerr := strictJSON(line, &r); jerr != nil {
			yield(r, &archiveError{fmt.Sprintf("line %d is no record: %v", a.number, jerr)})
			return
		}
		if !yield(r, nil) {
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		yield(retinue.Record{}, err)
	}
}

func (a *archiveReader) nextAfter(line []byte) ([]byte, error) {
	a.digest(line)
	return a.next()
}

func (a *archiveReader) digest(line []byte) { a.sum.Write(line) }

// next reads a line with its newline.
func (a *archiveReader) next() ([]byte, error) {
	a.number++
	var line []byte
	for {
		part, err := a.lines.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxArchiveLine {
			return nil, &archiveError{fmt.Sprintf("line %d is longer than %d bytes", a.number, maxArchiveLine)}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return line, nil
		}
		return line, err
	}
}

// checkTrailer returns what is wrong with the last line, and "" for nothing.
func (a *archiveReader) checkTrailer(rep *ArchiveReport, publicKey string) string {
	var t archiveTrailer
	if a.trailer == nil || strictJSON(a.trailer, &t) != nil {
		return "it has no trailer: its end was cut off"
	}
	// One spelling only, because nothing hashes the trailer itself.
	var again bytes.Buffer
	if err := json.NewEncoder(&again).Encode(t); err != nil || !bytes.Equal(again.Bytes(), a.trailer) {
		return "its trailer is not written as Retinue writes it"
	}
	switch {
	case t.Records != rep.Records || t.Head != rep.Head:
		return fmt.Sprintf("its trailer is of %d records with head %s, and it has %d with head %s", t.Records, t.Head, rep.Records, rep.Head)
	case t.SHA256 != hex.EncodeToString(a.sum.Sum(nil)):
		return "its bytes do not have the SHA-256 that its trailer gives"
	case t.Checkpoint == "" && publicKey != "":
		return "it has no signed checkpoint"
	case t.Checkpoint == "":
		return ""
	}
	rep.SignedBy = "given"
	if publicKey == "" {
		publicKey, rep.SignedBy = t.PublicKey, "own"
	}
	if strings.TrimSpace(publicKey) != t.PublicKey {
		rep.SignedBy = ""
		return "it was signed with another key than the one given: it carries " + retinue.CleanName(t.PublicKey)
	}
	c, err := OpenCheckpoint([]byte(t.Checkpoint), publicKey)
	if err != nil {
		rep.SignedBy = ""
		return "its checkpoint does not hold: " + err.Error()
	}
	rep.Checkpoint = &c
	if c.Origin != rep.Manifest.Origin || c.Size != rep.Records || c.Head != rep.Head {
		return fmt.Sprintf("its checkpoint is of %d records of %s with head %s", c.Size, c.Origin, c.Head)
	}
	return ""
}

// strictJSON decodes one line that holds one value with known fields.
func strictJSON(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one value")
	}
	return nil
}
