package cli

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/ingest"
)

// handInSuffix names the scans that wait in the outbox to be handed in.
const handInSuffix = ".handin.gz"

// handInWait is how long a command waits for the server to take a scan in.
const handInWait = 10 * time.Minute

// collector returns a client with the token of a collector: RETINUE_TOKEN, the
// file that RETINUE_TOKEN_FILE names, or that of `retinue login`.
func (e *env) collector() (*client.Client, error) {
	name := e.getenv("RETINUE_TOKEN_FILE")
	if name == "" || e.getenv("RETINUE_TOKEN") != "" {
		return e.connect()
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: read token: %v", retinue.ErrInvalid, err)
	}
	return client.New(e.address(), client.Options{Token: retinue.NewSecret(strings.TrimSpace(string(b))), UserAgent: "retinue/" + app.Version})
}

// push scans sources here and hands what they state in to the server. A scan
// that could not be sent waits in the outbox, and is sent before the next one.
func (e *env) push(ctx context.Context, cfg app.Config, sources []app.SourceConfig, f scanFlags) error {
	if err := f.served(); err != nil {
		return err
	}
	c, err := e.collector()
	if err != nil {
		return err
	}
	outbox := filepath.Join(filepath.Dir(cfg.KeyFile), "outbox")
	if err := os.MkdirAll(outbox, 0o700); err != nil {
		return fmt.Errorf("%w: make outbox: %v", retinue.ErrDenied, err)
	}
	done, err := e.spool(ctx, cfg, outbox, sources)
	if err != nil {
		return err
	}
	incomplete := false
	for _, h := range done {
		incomplete = incomplete || h.Problems > 0 || h.Error != ""
		if h.Error != "" {
			e.say("%s: %s", h.Name, h.Error)
		}
	}
	handed, err := e.sendOutbox(ctx, c, outbox)
	if err != nil {
		return errors.Join(err, e.handedIn(handed, f))
	}
	return e.took(handed, incomplete, f)
}

// served refuses flags that are the server's to decide.
func (f scanFlags) served() error {
	if f.acceptEnded || f.failOn != "" {
		return usageError{errors.New("--accept-ended and --fail-on are the server's to decide: leave them out with --server")}
	}
	return nil
}

// handIn hands in a scan that `scan --out` wrote.
func (e *env) handIn(ctx context.Context, r io.Reader, f scanFlags) error {
	if err := f.served(); err != nil {
		return err
	}
	c, err := e.collector()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "retinue-*"+handInSuffix)
	if err != nil {
		return fmt.Errorf("%w: hand in scan: %v", retinue.ErrUnavailable, err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	z := gzip.NewWriter(file)
	_, err = io.Copy(z, r)
	if err := errors.Join(err, z.Close(), file.Close()); err != nil {
		return fmt.Errorf("%w: hand in scan: %v", retinue.ErrUnavailable, err)
	}
	h, err := e.sendOne(ctx, c, file.Name())
	if err != nil {
		return err
	}
	return e.took([]client.HandIn{h}, false, f)
}

// took shows what became of scans, and gives the exit code.
func (e *env) took(handed []client.HandIn, incomplete bool, f scanFlags) error {
	if err := e.handedIn(handed, f); err != nil {
		return err
	}
	for _, h := range handed {
		incomplete = incomplete || h.State != "done" || slices.ContainsFunc(h.Runs, func(r client.HandedRun) bool { return r.State != "complete" })
	}
	if incomplete {
		return &exitError{ExitIncomplete, "the scan was not complete"}
	}
	return nil
}

// spool writes a scan into the outbox, whole or not at all.
func (e *env) spool(ctx context.Context, cfg app.Config, outbox string, sources []app.SourceConfig) ([]ingest.HandIn, error) {
	keys, err := app.OpenKeys(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(outbox, ".scan-*")
	if err != nil {
		return nil, fmt.Errorf("%w: write scan: %v", retinue.ErrDenied, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already where it was renamed
	z := gzip.NewWriter(file)
	p := newProgress(e.err, len(sources))
	done, err := app.ScanTo(ctx, z, app.Specs(), keys, sources, app.ScanOptions{OnProgress: p.progress, Getenv: e.getenv})
	p.close()
	err = errors.Join(err, z.Close(), file.Sync(), file.Close())
	if err != nil {
		return done, err
	}
	name := filepath.Join(outbox, time.Now().UTC().Format("20060102T150405.000000000Z")+handInSuffix)
	if err := os.Rename(file.Name(), name); err != nil {
		return done, fmt.Errorf("%w: write scan: %v", retinue.ErrDenied, err)
	}
	return done, nil
}

// sendOutbox sends what waits in the outbox, the oldest first, and removes what
// the server has taken in.
func (e *env) sendOutbox(ctx context.Context, c *client.Client, outbox string) ([]client.HandIn, error) {
	names, err := filepath.Glob(filepath.Join(outbox, "*"+handInSuffix))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []client.HandIn
	for _, name := range names {
		h, err := e.sendOne(ctx, c, name)
		if err != nil {
			return out, fmt.Errorf("%w; the scan waits in %s and is sent with the next one", err, outbox)
		}
		out = append(out, h)
		if h.Ended() {
			if err := os.Remove(name); err != nil {
				return out, fmt.Errorf("%w: empty outbox: %v", retinue.ErrDenied, err)
			}
		}
	}
	return out, nil
}

func (e *env) sendOne(ctx context.Context, c *client.Client, name string) (client.HandIn, error) {
	file, err := os.Open(name)
	if err != nil {
		return client.HandIn{}, fmt.Errorf("%w: read outbox: %v", retinue.ErrUnavailable, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return client.HandIn{}, fmt.Errorf("%w: read outbox: %v", retinue.ErrUnavailable, err)
	}
	host, _ := os.Hostname() // for people only
	h, err := c.SendHandIn(ctx, file, info.Size(), client.HandInOptions{Program: app.Version, Host: host})
	if err != nil {
		return h, err
	}
	wait, cancel := context.WithTimeout(ctx, handInWait)
	defer cancel()
	done, err := c.AwaitHandIn(wait, h.ID)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		e.say("%s: sent; the server has not taken it in yet", h.ID)
		return h, nil
	}
	return done, err
}

// handedIn shows what became of scans.
func (e *env) handedIn(list []client.HandIn, f scanFlags) error {
	if f.format == "json" {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"handIns": list})
	}
	for _, h := range list {
		for _, r := range h.Runs {
			e.printf("%s: %s, %d facts\n", retinue.CleanName(r.Source), retinue.CleanName(r.State), r.Facts)
			if r.Refused > 0 {
				e.printf("  %d statements were refused: this collector is not bound to what they are about\n", r.Refused)
			}
			if r.Dropped > 0 {
				e.printf("  %d fingerprints were dropped: run `retinue keys enroll --server URL` once\n", r.Dropped)
			}
			if r.Error != "" {
				e.printf("  %s\n", retinue.CleanName(r.Error))
			}
		}
		if h.Error != "" {
			e.printf("%s: %s\n", retinue.CleanName(h.ID), retinue.CleanName(h.Error))
		}
	}
	return nil
}

// enrollAt takes over the fingerprint key of a server. It comes encrypted to a
// key that exists for the length of this command.
func (e *env) enrollAt(ctx context.Context, k *app.Keys) error {
	c, err := e.collector()
	if err != nil {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	sealed, err := c.Enroll(ctx, id.Recipient().String())
	if err != nil {
		return err
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(sealed.Key)), id)
	if err != nil {
		return fmt.Errorf("%w: open the fingerprint key: %v", retinue.ErrInvalid, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return fmt.Errorf("%w: open the fingerprint key: %v", retinue.ErrInvalid, err)
	}
	if err := k.Enroll(strings.TrimSpace(string(text))); err != nil {
		return err
	}
	e.say("fingerprints are now taken under key %s, the server's", k.Current().ID)
	return nil
}
