package app

import (
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The bounds of hand-ins.
const (
	// uploadLife is how long a hand-in may take; every chunk prolongs it.
	uploadLife = 24 * time.Hour
	// maxUploads bounds the hand-ins of one collector that are on their way.
	maxUploads = 4
	// maxUnpacked bounds a hand-in once it is decompressed, in bytes.
	maxUnpacked = 16 << 30
)

// BeginHandIn implements api.HandIns.
func (a *App) BeginHandIn(ctx context.Context, c auth.Caller, in api.HandInInput) (out api.HandIn, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		col, err := callingCollector(tx, c)
		if err != nil {
			return err
		}
		if err := tx.NotePush(col.Key, retinue.CleanName(in.Program), retinue.CleanName(in.Host)); err != nil {
			return err
		}
		u, err := tx.SameUpload(col.Key, in.Digest)
		if err == nil { // it was begun before: it goes on
			if u.Size != in.Size {
				return fieldError("body.size", "the same content was announced with %d bytes", u.Size)
			}
			out = handInView(u)
			return nil
		}
		if !errors.Is(err, retinue.ErrNotFound) {
			return err
		}
		open, err := tx.OpenUploads(col.Key)
		if err != nil {
			return err
		}
		if len(open) >= maxUploads {
			return fmt.Errorf("%w: hand in: %d are on their way, which is the most", retinue.ErrConflict, len(open))
		}
		u, err = tx.CreateUpload(col.Key, store.Upload{Collector: col.ID, Digest: in.Digest, Size: in.Size, ChunkSize: api.ChunkSize, ExpiresAt: tx.At().Add(uploadLife)})
		out = handInView(u)
		return err
	})
	return out, err
}

func handInView(u store.Upload) api.HandIn {
	return api.HandIn{ID: u.ID, State: u.State, Digest: u.Digest, Size: u.Size, ChunkSize: u.ChunkSize, Chunks: u.Chunks(), Have: list(u.Have),
		ExpiresAt: u.ExpiresAt, EndedAt: u.EndedAt, Runs: list(u.Runs), Refused: u.Refused, Error: u.Error}
}

// ownUpload returns a hand-in of the collector that calls; those of others are
// not found.
func ownUpload(tx *sqlstore.Tx, c auth.Caller, id store.UploadID) (store.Upload, error) {
	col, err := callingCollector(tx, c)
	if err != nil {
		return store.Upload{}, err
	}
	u, err := tx.Upload(id)
	if err == nil && u.Collector != col.ID {
		err = fmt.Errorf("%w: hand-in", retinue.ErrNotFound)
	}
	return u, err
}

// HandIn implements api.HandIns.
func (a *App) HandIn(ctx context.Context, c auth.Caller, id store.UploadID) (out api.HandIn, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		u, err := ownUpload(tx, c, id)
		if err == nil {
			out = handInView(u)
		}
		return err
	})
	return out, err
}

// PutChunk implements api.HandIns.
func (a *App) PutChunk(ctx context.Context, c auth.Caller, id store.UploadID, number int64, digest string, data []byte) (out api.HandIn, err error) {
	if err := checkDigest(digest, data); err != nil {
		return out, err
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		u, err := ownUpload(tx, c, id)
		if err != nil {
			return err
		}
		if u.State != store.UploadOpen {
			return fmt.Errorf("%w: hand-in %s takes no chunks any more: it is %s", retinue.ErrConflict, u.ID, u.State)
		}
		want := u.ChunkSize
		switch last := u.Chunks() - 1; {
		case number > last:
			return &retinue.FieldError{Field: "path.number", Err: fmt.Errorf("%w: the last chunk is %d", retinue.ErrInvalid, last)}
		case number == last:
			want = u.Size - last*u.ChunkSize
		}
		if int64(len(data)) != want {
			return &retinue.FieldError{Field: "body", Err: fmt.Errorf("%w: chunk %d has %d bytes: want %d", retinue.ErrInvalid, number, len(data), want)}
		}
		if err := errors.Join(tx.PutChunk(u.Key, number, data), tx.ProlongUpload(u.Key, tx.At().Add(uploadLife))); err != nil {
			return err
		}
		u, err = tx.Upload(id)
		out = handInView(u)
		return err
	})
	return out, err
}

// checkDigest holds data to a Content-Digest (RFC 9530).
func checkDigest(header string, data []byte) error {
	for part := range strings.SplitSeq(header, ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(part), "sha-256=:")
		if !ok {
			continue
		}
		want, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, ":"))
		sum := sha256.Sum256(data)
		if err == nil && string(want) == string(sum[:]) {
			return nil
		}
		return &retinue.FieldError{Field: "header.Content-Digest", Err: fmt.Errorf("%w: the chunk did not come as it was sent", retinue.ErrInvalid)}
	}
	return &retinue.FieldError{Field: "header.Content-Digest", Err: fmt.Errorf("%w: want sha-256=:BASE64: (RFC 9530)", retinue.ErrInvalid)}
}

// CompleteHandIn implements api.HandIns.
func (a *App) CompleteHandIn(ctx context.Context, c auth.Caller, id store.UploadID) (out api.HandIn, err error) {
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		u, err := ownUpload(tx, c, id)
		if err != nil {
			return err
		}
		if u.State == store.UploadOpen {
			if n := int64(len(u.Have)); n != u.Chunks() {
				return fmt.Errorf("%w: hand-in %s: %d of %d chunks have come", retinue.ErrConflict, u.ID, n, u.Chunks())
			}
			u.State = store.UploadWaiting
			if err := tx.SaveUpload(u); err != nil {
				return err
			}
			tx.Record(c.Actor, retinue.RecordHandInReceived, string(u.ID), map[string]any{"collector": u.Collector, "digest": u.Digest, "size": u.Size})
			if err := a.queueHandIn(ctx, tx, u); err != nil {
				return err
			}
		}
		out = handInView(u)
		return nil
	})
	return out, err
}

func (a *App) queueHandIn(ctx context.Context, tx *sqlstore.Tx, u store.Upload) error {
	_, err := a.queue.Insert(ctx, queueTx(tx), handInJob{u.ID}, jobs.Options{Key: string(u.ID)})
	return err
}

// tendHandIns inserts the jobs of hand-ins that wait and have none, and ends
// those that could not be taken in for a day.
func (a *App) tendHandIns(ctx context.Context, tx *sqlstore.Tx) error {
	waiting, err := tx.WaitingUploads()
	if err != nil {
		return err
	}
	for _, u := range waiting {
		if u.ExpiresAt.After(tx.At()) {
			err = a.queueHandIn(ctx, tx, u)
		} else {
			u.State, u.EndedAt, u.Error = store.UploadFailed, tx.At(), "it could not be taken in"
			err = tx.SaveUpload(u)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeHandIn takes in what a collector handed in. A job that comes again goes
// on with the source at which the one before ended.
func (a *App) takeHandIn(ctx context.Context, job handInJob) error {
	var u store.Upload
	var col store.Collector
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		if u, err = tx.Upload(job.Upload); err != nil {
			return err
		}
		col, err = tx.Collector(u.Collector)
		return err
	})
	if errors.Is(err, retinue.ErrNotFound) || err == nil && u.State != store.UploadWaiting {
		return nil
	}
	if err != nil {
		return err
	}
	err = a.takeSources(ctx, &u, col)
	switch {
	case err == nil:
		u.State = store.UploadDone
	case errors.Is(err, retinue.ErrInvalid), errors.Is(err, retinue.ErrDenied):
		u.State, u.Error = store.UploadFailed, retinue.CleanName(err.Error())
	default:
		return err // it is tried again
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		u.EndedAt = tx.At()
		action := retinue.RecordHandInTaken
		if u.State == store.UploadFailed {
			action = retinue.RecordHandInInterrupted
		}
		tx.Record(collectorActor(col), action, string(u.ID), map[string]any{"collector": col.ID, "sources": u.Taken, "refused": u.Refused})
		return tx.SaveUpload(u)
	})
}

func collectorActor(c store.Collector) retinue.Actor {
	return retinue.Actor{Kind: "collector", Name: c.Name, Host: c.Host}
}

func (a *App) takeSources(ctx context.Context, u *store.Upload, col store.Collector) error {
	if err := a.verifyUpload(ctx, *u); err != nil {
		return err
	}
	unzip, err := gzip.NewReader(&chunkReader{ctx: ctx, db: a.DB, upload: *u})
	if err != nil {
		return fmt.Errorf("%w: read hand-in: it is not compressed with gzip", retinue.ErrInvalid)
	}
	var keys []string // without the key nothing compares, and a made-up fingerprint would join what is not one
	if col.Enrolment == store.EnrolmentDone {
		keys = a.Keys.IDs()
	}
	read := ingest.NewHandInReader(&bounded{r: unzip, left: maxUnpacked}, keys)
	read.Bind(func(r retinue.Realm) bool { return mayState(col, r) })
	for i := 0; ; i++ {
		h, err := read.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if i < u.Taken {
			continue
		}
		if err := a.takeSource(ctx, u, col, h); err != nil {
			return err
		}
	}
}

// maxSourceWords bounds what a collector calls its sources.
const maxSourceWords = 200

// takeSource takes one source of a hand-in in, and notes how far the hand-in
// is.
func (a *App) takeSource(ctx context.Context, u *store.Upload, col store.Collector, h *ingest.Handed) error {
	src, err := a.handedSource(ctx, col, h)
	if err != nil {
		return err
	}
	st := &handedStore{DB: a.DB, src: src}
	opt := ingest.Options{Actor: collectorActor(col), Log: a.log, Now: a.now, Holder: holder(), Redact: redactor(h.Target)}
	run, err := ingest.Run(ctx, st, src.Kind, src.Name, src.Target, h, opt)
	if err != nil {
		return fmt.Errorf("%w: take in %s: %v", retinue.ErrUnavailable, src.Name, err)
	}
	if run.State == store.RunRefused {
		return fmt.Errorf("%w: take in %s: another scan holds its system", retinue.ErrUnavailable, src.Name)
	}
	refused, realms := h.Refused()
	done := store.HandedRun{Source: src.Name, Run: run.ID, State: run.State, Refused: int64(refused), Dropped: int64(h.Dropped()), Error: run.Error}
	for _, s := range run.Scopes {
		done.Facts += s.Counts.Facts
	}
	u.Runs = append(u.Runs, done)
	u.Refused += int64(refused)
	u.Taken++
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if refused > 0 {
			tx.Record(collectorActor(col), retinue.RecordHandInRefused, src.Name, map[string]any{"collector": col.ID, "hand_in": u.ID, "statements": refused, "realms": realms})
		}
		return tx.SaveUpload(*u)
	})
}

// handedSource makes the source known under the collector's name, so that none
// can pass for another's, or for one that is configured here.
func (a *App) handedSource(ctx context.Context, col store.Collector, h *ingest.Handed) (src store.Source, err error) {
	kind := clipWord(h.Kind, 50)
	if kind == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return src, fmt.Errorf("%w: hand-in: kind %q: want a lower-case word", retinue.ErrInvalid, kind)
	}
	name := col.Name + "/" + cmp.Or(clipWord(h.Name, maxSourceWords), kind)
	target := clipWord(redactor(h.Target)(h.Target), maxSourceWords)
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		c, err := tx.SourceConfig(name)
		switch {
		case err == nil && c.Origin == store.OriginCollector && c.Collector == col.ID && c.Source.Kind == kind:
			src = c.Source
			return nil
		case err == nil && c.Origin != "":
			return fmt.Errorf("%w: hand-in: the name %s belongs to a source of kind %s", retinue.ErrInvalid, name, c.Source.Kind)
		case err != nil && !errors.Is(err, retinue.ErrNotFound):
			return err
		}
		c, err = tx.CreateSource(store.SourceConfig{Source: store.Source{Kind: kind, Name: name, Target: target}, Origin: store.OriginCollector, Target: target,
			Options: map[string]string{}, Collector: col.ID, UpdatedBy: collectorActor(col)})
		if err != nil {
			return err
		}
		src = c.Source
		tx.Record(collectorActor(col), retinue.RecordSourceConfigured, name, sourceDetails(c))
		return nil
	})
	if errors.Is(err, retinue.ErrConflict) {
		err = fmt.Errorf("%w: %v", retinue.ErrInvalid, err)
	}
	return src, err
}

func clipWord(s string, n int) string {
	s = retinue.CleanName(s)
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// handedStore is the store of a source that was handed in: it is known by its
// own name, never by what it reads.
type handedStore struct {
	*sqlstore.DB
	src store.Source
}

// StartRun implements ingest.Store.
func (st *handedStore) StartRun(ctx context.Context, _, _, _ string, actor retinue.Actor) (run store.Run, err error) {
	err = st.Update(ctx, func(tx *sqlstore.Tx) error {
		run, err = tx.StartRun(st.src, actor)
		return err
	})
	return run, err
}

// verifyUpload holds the chunks together to the digest that was announced.
func (a *App) verifyUpload(ctx context.Context, u store.Upload) error {
	h := sha256.New()
	n, err := io.Copy(h, &chunkReader{ctx: ctx, db: a.DB, upload: u})
	if err != nil {
		return err
	}
	if n != u.Size || hex.EncodeToString(h.Sum(nil)) != u.Digest {
		return fmt.Errorf("%w: read hand-in: its content is not what was announced", retinue.ErrInvalid)
	}
	return nil
}

// chunkReader reads the chunks of a hand-in one after the other, each in a
// transaction of its own.
type chunkReader struct {
	ctx    context.Context //nolint:containedctx // that of the one reading
	db     *sqlstore.DB
	upload store.Upload
	next   int64
	rest   []byte
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.next >= r.upload.Chunks() {
			return 0, io.EOF
		}
		err := r.db.View(r.ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
			r.rest, err = tx.Chunk(r.upload.Key, r.next)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read hand-in: %w", err)
		}
		r.next++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// bounded fails when more is read than allowed, where a plain limit would make
// the rest look as if it ended.
type bounded struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%w: read hand-in: larger than %d bytes", retinue.ErrInvalid, int64(maxUnpacked))
	}
	return n, err
}
