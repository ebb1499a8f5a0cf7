package seal

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
)

// Ring is a set of 256-bit keys that the process holds itself, the current one
// first; the others open what was sealed before. It implements [Keys].
//
// A ring of a file follows the file: of several processes that share it, each
// seals under the key that another one put in front.
type Ring struct {
	mu   sync.Mutex
	path string // empty where the keys do not come from a file
	keys []ringKey
	read os.FileInfo // of the file as it was read or written last
}

type ringKey struct {
	id  string
	key []byte
}

// newRingKey derives a key's id from the key, so that equal keys have equal
// ids and the id tells nothing of the key.
func newRingKey(origin string, key []byte) ringKey {
	id := sha256.Sum256(append([]byte("retinue sealing key id\x00"), key...))
	return ringKey{origin + ":" + hex.EncodeToString(id[:6]), key}
}

func randomKey() []byte {
	b := make([]byte, keySize)
	if _, err := rand.Read(b); err != nil {
		panic("seal: no randomness: " + err.Error()) // crypto/rand never fails on supported systems
	}
	return b
}

// maxRing bounds a ring, in keys and in bytes of its text.
const (
	maxRing     = 64
	maxRingText = 16 << 10
)

// ParseRing reads keys in hexadecimal, separated by commas or white space, the
// current one first: the form of an environment variable.
func ParseRing(text string) (*Ring, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == '\r' })
	r := &Ring{}
	for i, w := range words {
		if err := r.add("env", w); err != nil {
			return nil, fmt.Errorf("read sealing keys: key %d: %w", i+1, err)
		}
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("%w: read sealing keys: there is none: want 64 hexadecimal characters, as `openssl rand -hex 32` makes them", retinue.ErrInvalid)
	}
	return r, nil
}

func (r *Ring) add(origin, text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != keySize {
		return fmt.Errorf("%w: want %d hexadecimal characters", retinue.ErrInvalid, 2*keySize)
	}
	if len(r.keys) == maxRing {
		return fmt.Errorf("%w: more than %d keys", retinue.ErrInvalid, maxRing)
	}
	r.keys = append(r.keys, newRingKey(origin, b))
	return nil
}

// OpenFile reads the keys of a file, one a line in hexadecimal, and makes the
// file with a random key and mode 0600 where there is none. A file that others
// can read is refused.
func OpenFile(path string) (*Ring, error) {
	r := &Ring{path: path}
	err := r.load()
	if errors.Is(err, os.ErrNotExist) {
		r.keys = []ringKey{newRingKey("file", randomKey())}
		err = r.save(true)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// load reads the keys of the file.
func (r *Ring) load() error {
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: read sealing keys: %w", retinue.ErrNotFound, err)
	}
	if err != nil {
		return fmt.Errorf("%w: read sealing keys: %v", retinue.ErrDenied, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || tooOpen(info) {
		return fmt.Errorf("%w: read sealing keys: %s can be read by others: chmod 600 it", retinue.ErrDenied, r.path)
	}
	read := &Ring{}
	lines := bufio.NewScanner(io.LimitReader(f, maxRingText))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if err := read.add("file", text); err != nil {
			return fmt.Errorf("read sealing keys: %s:%d: %w", r.path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: read sealing keys: %v", retinue.ErrUnavailable, err)
	}
	if len(read.keys) == 0 {
		return fmt.Errorf("%w: read sealing keys: %s holds none", retinue.ErrInvalid, r.path)
	}
	r.keys, r.read = read.keys, info
	return nil
}

// follow reads the file again where another process wrote it. While it cannot
// be read the keys stay as they were.
func (r *Ring) follow() {
	if r.path == "" {
		return
	}
	info, err := os.Stat(r.path)
	if err != nil || r.read != nil && os.SameFile(info, r.read) && info.ModTime().Equal(r.read.ModTime()) && info.Size() == r.read.Size() {
		return
	}
	_ = r.load() // what is held goes on to work
}

// Current implements Keys.
func (r *Ring) Current(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow()
	return r.keys[0].id, nil
}

// DataKey implements Keys: the key itself, from which each value's own is
// derived.
func (r *Ring) DataKey(context.Context) (DataKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow()
	return DataKey{ID: r.keys[0].id, Key: r.keys[0].key}, nil
}

// Unwrap implements Keys.
func (r *Ring) Unwrap(_ context.Context, id string, wrapped []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 2 {
		for _, k := range r.keys {
			if k.id == id && len(wrapped) == 0 {
				return k.key, nil
			}
		}
		r.follow()
	}
	return nil, fmt.Errorf("%w: there is no sealing key %q: restore it, or set the secret again", retinue.ErrNotFound, retinue.CleanName(id))
}

// IDs lists the ids of the keys, the current one first.
func (r *Ring) IDs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow()
	out := make([]string, len(r.keys))
	for i, k := range r.keys {
		out[i] = k.id
	}
	return out
}

// Rotate puts a new random key in front of a file's keys. What was sealed
// before is then sealed again, and Retire drops the old ones.
func (r *Ring) Rotate() error {
	return r.change(func(keys []ringKey) []ringKey {
		return append([]ringKey{newRingKey("file", randomKey())}, keys...)
	})
}

// Retire drops every key of a file but the current one.
func (r *Ring) Retire() error {
	return r.change(func(keys []ringKey) []ringKey { return keys[:1] })
}

func (r *Ring) change(fn func([]ringKey) []ringKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == "" {
		return fmt.Errorf("%w: rotate sealing keys: they are given by the environment: put the new one first there", retinue.ErrUnsupported)
	}
	r.follow()
	old := r.keys
	if r.keys = fn(old); len(r.keys) > maxRing {
		r.keys = old
		return fmt.Errorf("%w: rotate sealing keys: more than %d: retire old ones", retinue.ErrConflict, maxRing)
	}
	if err := r.save(false); err != nil {
		r.keys = old
		return err
	}
	return nil
}

// save writes the file anew; the old one stays until the new one is whole. A
// file that is made must not be there: of two processes that start at once, one
// makes it.
func (r *Ring) save(create bool) error {
	fail := func(err error) error { return fmt.Errorf("%w: write sealing keys: %v", retinue.ErrDenied, err) }
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), ".seal-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	var b strings.Builder
	b.WriteString("# Sealing keys of Retinue, the current one first. Without them no kept secret opens: keep them in the backup, apart from the database.\n")
	for _, k := range r.keys {
		b.WriteString(hex.EncodeToString(k.key) + "\n")
	}
	_, err = f.WriteString(b.String())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fail(err)
	}
	if create {
		err = os.Link(f.Name(), r.path)
	} else {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		return fail(err)
	}
	r.read, _ = os.Stat(r.path) // without it the file is read again
	return nil
}
