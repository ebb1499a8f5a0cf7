package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

const (
	// maxBeside bounds a file that lies beside logs: descriptions of trails and
	// public keys.
	maxBeside = 1 << 20
	// maxPublicKeys bounds the public keys of a run; AWS has one for each region
	// and week or so.
	maxPublicKeys = 10_000
)

// errTooLong says that a file is longer than what it may be.
var errTooLong = errors.New("too long")

// isKeysName reports the name of the output of `aws cloudtrail list-public-keys`.
func isKeysName(name string) bool { return filepath.Base(name) == "public-keys.json" }

// isLogName reports the names that CloudTrail gives log files.
func isLogName(name string) bool { return strings.Contains(path.Base(name), "_CloudTrail_") }

// findBeside reads what lies beside logs and says what they prove: digest files,
// public keys, and descriptions of trails. It reads them whole in every run,
// whatever was read before: they say how to understand the logs that are new.
func (r *trailRun) findBeside(ctx context.Context, paths []string) error {
	r.beside = map[string]bool{}
	for in, err := range logs.Files(paths, func(name string) bool { return !isLogName(name) }) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // what is missing the reading of the logs tells
		}
		switch {
		case isDigestName(in.Name):
			err = r.proven.read(ctx, in)
		case isKeysName(in.Name):
			err = r.readKeys(ctx, in)
		case !isLogName(in.Name) && in.Size <= maxBeside:
			err = r.readConfig(ctx, in)
		}
		if err != nil {
			r.sink.Fault(connector.Fault{Input: in.Name[:min(len(in.Name), 1024)], Label: in.Label, Err: err})
		}
	}
	return nil
}

// readKeys takes a file of public keys.
func (r *trailRun) readKeys(ctx context.Context, in logs.Input) error {
	data, err := readWhole(ctx, in, maxBeside)
	if err != nil {
		return fmt.Errorf("%w: public keys of CloudTrail: %w", retinue.ErrInvalid, err)
	}
	keys, err := parsePublicKeys(data)
	if err != nil {
		return err
	}
	if len(r.proven.keys)+len(keys) > maxPublicKeys {
		return fmt.Errorf("%w: more than %d public keys of CloudTrail", retinue.ErrInvalid, maxPublicKeys)
	}
	r.proven.keys = append(r.proven.keys, keys...)
	return nil
}

// readConfig takes a file if it describes trails. What is wrong with others the
// reading of the logs tells.
func (r *trailRun) readConfig(ctx context.Context, in logs.Input) error {
	if !r.describesTrails(ctx, in) {
		return nil
	}
	data, err := readWhole(ctx, in, maxBeside)
	if errors.Is(err, errTooLong) {
		return nil // as any other file
	}
	if err != nil {
		return fmt.Errorf("%w: description of trails: %w", retinue.ErrInvalid, err)
	}
	r.beside[in.Name] = true
	for d := logs.NewReader(bytes.NewReader(data), logs.ReaderOptions{Format: logs.JSON}); ; {
		rec, err := d.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = r.trails.take(rec.Data)
		}
		if err != nil {
			return err
		}
	}
}

// describesTrails looks at the beginning of a file.
func (*trailRun) describesTrails(ctx context.Context, in logs.Input) bool {
	f, err := in.Open(ctx)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // it was only read
	head := make([]byte, configHead)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	if head = head[:n]; !bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		return isTrailConfig(string(head))
	}
	z, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	text := make([]byte, configHead)
	n, _ = io.ReadFull(z, text) // as far as the beginning goes
	return isTrailConfig(string(text[:n]))
}

// configHead is how much of a file is looked at to tell what it is.
const configHead = 4 << 10

// readWhole reads a file, and uncompresses it where it is compressed.
func readWhole(ctx context.Context, in logs.Input, limit int64) ([]byte, error) {
	f, err := in.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return uncompress(f, limit)
}

// uncompress reads all of r.
func uncompress(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("uncompress: %w", err)
		}
		if data, err = io.ReadAll(io.LimitReader(z, limit+1)); err != nil {
			return nil, fmt.Errorf("uncompress: %w", err)
		}
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, limit)
	}
	return data, nil
}
