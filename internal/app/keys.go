package app

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/retinue-id/retinue"
)

// Keys are the fingerprint keys of an installation: the first is current, the
// others stay until every scope was completed under the current one. The file
// has one key a line, in hexadecimal, and mode 0600.
type Keys struct {
	path string
	keys []retinue.FingerprintKey
}

// OpenKeys reads the key file, making it with a random key where there is
// none. A file that others can read is refused.
func OpenKeys(path string) (*Keys, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		k := &Keys{path: path, keys: []retinue.FingerprintKey{retinue.NewFingerprintKey()}}
		return k, k.save()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read fingerprint keys: %v", retinue.ErrDenied, err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && tooOpen(info) {
		return nil, fmt.Errorf("%w: read fingerprint keys: %s can be read by others: chmod 600 it", retinue.ErrDenied, path)
	}
	k := &Keys{path: path}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		key, err := retinue.ParseFingerprintKey(text)
		if err != nil {
			return nil, fmt.Errorf("read fingerprint keys: %s:%d: %w", path, n, err)
		}
		k.keys = append(k.keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: read fingerprint keys: %v", retinue.ErrUnavailable, err)
	}
	if len(k.keys) == 0 {
		return nil, fmt.Errorf("%w: read fingerprint keys: %s holds none", retinue.ErrInvalid, path)
	}
	return k, nil
}

// Current returns the key under which new fingerprints are compared.
func (k *Keys) Current() retinue.FingerprintKey { return k.keys[0] }

// IDs lists the ids of the keys, the current one first.
func (k *Keys) IDs() []string {
	out := make([]string, len(k.keys))
	for i, x := range k.keys {
		out[i] = x.ID
	}
	return out
}

// Rotate puts a new random key in front. Old ones stay until Retire.
func (k *Keys) Rotate() error {
	k.keys = append([]retinue.FingerprintKey{retinue.NewFingerprintKey()}, k.keys...)
	return k.save()
}

// Retire drops every key but the current one.
func (k *Keys) Retire() ([]string, error) {
	old := k.IDs()[1:]
	k.keys = k.keys[:1]
	return old, k.save()
}

// Enroll replaces the keys by those of another installation, so that
// fingerprints taken here compare with those taken there.
func (k *Keys) Enroll(encoded string) error {
	key, err := retinue.ParseFingerprintKey(encoded)
	if err != nil {
		return err
	}
	k.keys = []retinue.FingerprintKey{key}
	return k.save()
}

// Fingerprint returns the function that connectors call.
func (k *Keys) Fingerprint(passwords bool) func(retinue.CredentialKind, retinue.Secret) []retinue.Fingerprint {
	return func(kind retinue.CredentialKind, s retinue.Secret) []retinue.Fingerprint {
		if s.IsZero() || (kind.LowEntropy() && !passwords) {
			return nil
		}
		out := make([]retinue.Fingerprint, len(k.keys))
		for i, key := range k.keys {
			out[i] = key.Fingerprint(s)
		}
		return out
	}
}

// FingerprintHash returns the function that connectors call with a hash that a
// system logs in place of a value.
func (k *Keys) FingerprintHash() func(retinue.CredentialKind, [32]byte) []retinue.Fingerprint {
	return func(kind retinue.CredentialKind, sum [32]byte) []retinue.Fingerprint {
		if kind.LowEntropy() {
			return nil
		}
		out := make([]retinue.Fingerprint, len(k.keys))
		for i, key := range k.keys {
			out[i] = key.FingerprintHash(sum)
		}
		return out
	}
}

// save writes the file anew; the old one stays until the new one is whole.
func (k *Keys) save() error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("%w: write fingerprint keys: %v", retinue.ErrDenied, err)
	}
	var b strings.Builder
	b.WriteString("# Fingerprint keys of Retinue, the current one first. Keep them secret and in the backup.\n")
	for _, key := range k.keys {
		b.WriteString(key.Encode() + "\n")
	}
	f, err := os.CreateTemp(filepath.Dir(k.path), ".fingerprint-*")
	if err != nil {
		return fmt.Errorf("%w: write fingerprint keys: %v", retinue.ErrDenied, err)
	}
	_, err = f.WriteString(b.String())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), k.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("%w: write fingerprint keys: %v", retinue.ErrUnavailable, err)
	}
	return nil
}
