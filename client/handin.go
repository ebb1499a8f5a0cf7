package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// HandIn is a scan that is handed in by a collector, and what became of it.
type HandIn struct {
	ID        string      `json:"id"`
	State     string      `json:"state"` // open, waiting, done, failed, expired
	ChunkSize int64       `json:"chunkSize"`
	Chunks    int64       `json:"chunks"`
	Have      []int64     `json:"have"`
	Runs      []HandedRun `json:"runs"`
	Refused   int64       `json:"refused"`
	Error     string      `json:"error"`
}

// HandedRun is how one source of a hand-in went.
type HandedRun struct {
	Source  string        `json:"source"`
	Run     retinue.RunID `json:"run"`
	State   string        `json:"state"`
	Facts   int64         `json:"facts"`
	Refused int64         `json:"refused,omitempty"`
	Dropped int64         `json:"dropped,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// Ended reports whether nothing more comes of a hand-in.
func (h HandIn) Ended() bool { return h.State != "open" && h.State != "waiting" }

// HandInOptions are what a collector says of itself.
type HandInOptions struct {
	Program, Host string
	// OnSent is called after each chunk with how many bytes the server has.
	OnSent func(sent, size int64)
}

// How long a hand-in is waited for: chunks are tried again for a while, and
// what was sent is asked after until it was taken in.
const (
	chunkAttempts  = 8
	longestBackoff = 20 * time.Second
	pollPause      = 500 * time.Millisecond
	longestPoll    = 5 * time.Second
)

// SendHandIn sends a scan that was written as a hand-in and compressed with
// gzip, in chunks. The chunks that the server has from an earlier try are not
// sent again. It returns once the server has everything; AwaitHandIn waits for
// what becomes of it.
func (c *Client) SendHandIn(ctx context.Context, file io.ReaderAt, size int64, o HandInOptions) (h HandIn, err error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, size)); err != nil {
		return h, fmt.Errorf("%w: read scan: %v", retinue.ErrUnavailable, err)
	}
	body := map[string]any{"digest": hex.EncodeToString(sum.Sum(nil)), "size": size, "program": o.Program, "host": o.Host}
	err = c.persist(ctx, func() error {
		_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/ingest", Body: body}, &h)
		return err
	})
	if err != nil || h.State != "open" {
		return h, err
	}
	if h.ChunkSize <= 0 || h.Chunks != (size+h.ChunkSize-1)/h.ChunkSize {
		return h, fmt.Errorf("%w: hand in: the server wants %d chunks of %d bytes", retinue.ErrUnsupported, h.Chunks, h.ChunkSize)
	}
	for n := range h.Chunks {
		if slices.Contains(h.Have, n) {
			continue
		}
		if err := c.sendChunk(ctx, file, size, h, n); err != nil {
			return h, err
		}
		if o.OnSent != nil {
			o.OnSent(min((n+1)*h.ChunkSize, size), size)
		}
	}
	err = c.persist(ctx, func() error {
		_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/ingest/" + h.ID + "/complete"}, &h)
		return err
	})
	return h, err
}

func (c *Client) sendChunk(ctx context.Context, file io.ReaderAt, size int64, h HandIn, n int64) error {
	data := make([]byte, min(h.ChunkSize, size-n*h.ChunkSize))
	if _, err := file.ReadAt(data, n*h.ChunkSize); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: read scan: %v", retinue.ErrUnavailable, err)
	}
	sum := sha256.Sum256(data)
	header := http.Header{"Content-Digest": {"sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"}}
	return c.persist(ctx, func() error {
		_, err := c.Do(ctx, Request{Method: http.MethodPut, Path: fmt.Sprintf("/ingest/%s/chunks/%d", h.ID, n), Body: io.Reader(bytes.NewReader(data)),
			ContentType: "application/octet-stream", Header: header}, nil)
		return err
	})
}

// persist tries what does no harm twice again while the server cannot be
// reached.
func (c *Client) persist(ctx context.Context, try func() error) error {
	wait := 250 * time.Millisecond
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == chunkAttempts || !errors.Is(err, retinue.ErrUnavailable) {
			return err
		}
		var e *Error
		pause := wait
		if errors.As(err, &e) && e.retryAfter > 0 {
			pause = e.retryAfter
		}
		if err := c.pause(ctx, min(pause, longestBackoff)); err != nil {
			return err
		}
		wait *= 2
	}
}

// AwaitHandIn waits until a hand-in was taken in, or ctx ends.
func (c *Client) AwaitHandIn(ctx context.Context, id string) (h HandIn, err error) {
	wait := pollPause
	for {
		if _, err := c.Do(ctx, Request{Path: "/ingest/" + id}, &h); err != nil {
			return h, err
		}
		if h.Ended() {
			return h, nil
		}
		if err := c.pause(ctx, wait); err != nil {
			return h, err
		}
		wait = min(wait*3/2, longestPoll)
	}
}

// EnrolledKey is the fingerprint key of an installation, encrypted to a
// recipient.
type EnrolledKey struct {
	KeyID string `json:"keyId"`
	Key   string `json:"key"` // in the armoured form of age
}

// Enroll asks, as a collector, for the fingerprint key of the installation,
// encrypted to an age recipient. It works once for each time that an
// administrator allowed it.
func (c *Client) Enroll(ctx context.Context, recipient string) (k EnrolledKey, err error) {
	_, err = c.Do(ctx, Request{Method: http.MethodPost, Path: "/collectors/self/enroll", Body: map[string]string{"recipient": recipient}}, &k)
	return k, err
}
