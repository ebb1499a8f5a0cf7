package evidence

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/retinue-id/retinue"
)

// SigningKey signs checkpoints: an Ed25519 key with the origin that it signs
// for. It lies in a file of mode 0600 outside the database, so that whoever can
// rewrite the database cannot sign what they made of it. It prints its origin
// and nothing of the key.
type SigningKey struct {
	signer note.Signer
	secret retinue.Secret
	public string
}

// NewSigningKey makes a random key for an origin.
func NewSigningKey(origin string) (SigningKey, error) {
	secret, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return SigningKey{}, fmt.Errorf("make signing key: %w", err)
	}
	if err := (Checkpoint{Origin: origin, Head: retinue.RecordGenesis}).validate(); err != nil {
		return SigningKey{}, fmt.Errorf("make signing key: %w", err)
	}
	return newSigningKey(secret, public)
}

func newSigningKey(secret, public string) (SigningKey, error) {
	s, err := note.NewSigner(secret)
	if err != nil {
		// The note package's error quotes nothing of the key.
		return SigningKey{}, fmt.Errorf("%w: read signing key: %w", retinue.ErrInvalid, err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		return SigningKey{}, fmt.Errorf("%w: read signing key: public half: %w", retinue.ErrInvalid, err)
	}
	if v.Name() != s.Name() || v.KeyHash() != s.KeyHash() {
		return SigningKey{}, fmt.Errorf("%w: read signing key: its halves do not belong together", retinue.ErrInvalid)
	}
	return SigningKey{signer: s, secret: retinue.NewSecret(secret), public: public}, nil
}

// Origin returns the name of the log that the key signs for.
func (k SigningKey) Origin() string {
	if k.signer == nil {
		return ""
	}
	return k.signer.Name()
}

// Public returns the public key in the form of a signed note's verifier key:
// "origin+hash+base64". It is no secret; an auditor keeps it.
func (k SigningKey) Public() string { return k.public }

// String returns the origin only.
func (k SigningKey) String() string { return "signing key of " + k.Origin() }

// GoString returns the origin only.
func (k SigningKey) GoString() string { return k.String() }

// WriteFile writes the key to a new file of mode 0600: two lines, the private
// and the public half. It refuses to replace a file.
func (k SigningKey) WriteFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: write signing key: %s exists", retinue.ErrConflict, path)
	}
	if err != nil {
		return fmt.Errorf("write signing key: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("write signing key: %w", cerr)
		}
	}()
	if _, err := fmt.Fprintf(f, "%s\n%s\n", k.secret.Reveal(), k.public); err != nil {
		return fmt.Errorf("write signing key: %w", err)
	}
	return f.Sync()
}

// ReadSigningKey reads the file that WriteFile wrote. On systems with file
// modes it refuses a file that others than its owner can read or write.
func ReadSigningKey(path string) (SigningKey, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return SigningKey{}, fmt.Errorf("%w: read signing key: %w", retinue.ErrNotFound, err)
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("read signing key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return SigningKey{}, fmt.Errorf("read signing key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return SigningKey{}, fmt.Errorf("%w: read signing key: %s has mode %04o: want 0600", retinue.ErrDenied, path, info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return SigningKey{}, fmt.Errorf("read signing key: %w", err)
	}
	secret, public, ok := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	if !ok {
		return SigningKey{}, fmt.Errorf("%w: read signing key: %s: want two lines", retinue.ErrInvalid, path)
	}
	return newSigningKey(secret, strings.TrimSpace(public))
}

// OpenSigningKey reads the key at path, or makes one for origin and writes it
// there, with the directories that lead to it (mode 0700).
func OpenSigningKey(path, origin string) (SigningKey, error) {
	k, err := ReadSigningKey(path)
	if err == nil && k.Origin() != origin {
		return SigningKey{}, fmt.Errorf("%w: open signing key: %s is for %s, not %s", retinue.ErrConflict, path, k.Origin(), origin)
	}
	if !errors.Is(err, retinue.ErrNotFound) {
		return k, err
	}
	if k, err = NewSigningKey(origin); err != nil {
		return SigningKey{}, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return SigningKey{}, fmt.Errorf("write signing key: %w", err)
	}
	if err := k.WriteFile(path); err != nil {
		return SigningKey{}, err
	}
	return k, nil
}
