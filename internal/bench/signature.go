package bench

import (
	"crypto"
	"crypto/md5" //nolint:gosec // the vendor's fingerprints are MD5
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"
)

// signer signs digest files as CloudTrail does. Its key is drawn like everything
// else, so that equal options give equal bytes: it protects nothing but shows
// whether a reader verifies signatures.
type signer struct {
	key         *rsa.PrivateKey
	public      []byte // PKCS #1, as list-public-keys gives it
	fingerprint string
}

func newSigner(d dice) (*signer, error) {
	const bits, exponent = 1024, 65537
	one, e := big.NewInt(1), big.NewInt(exponent)
	p, q := prime(d, bits), prime(d, bits)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent}, D: new(big.Int).ModInverse(e, phi), Primes: []*big.Int{p, q}}
	if key.D == nil {
		return newSigner(d) // the exponent divides phi: one case in thirty thousand
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	s := &signer{key: key, public: x509.MarshalPKCS1PublicKey(&key.PublicKey)}
	sum := md5.Sum(s.public) //nolint:gosec // as above
	s.fingerprint = hex.EncodeToString(sum[:])
	return s, nil
}

// prime draws a prime with the two highest bits set, so that the product of two
// has twice as many bits.
func prime(d dice, bits int) *big.Int {
	buf := make([]byte, bits/8)
	for {
		for i := range buf {
			buf[i] = byte(d.Uint32())
		}
		buf[0] |= 0xc0
		buf[len(buf)-1] |= 1
		if p := new(big.Int).SetBytes(buf); p.ProbablyPrime(20) {
			return p
		}
	}
}

// sign signs a digest file (AWS CloudTrail User Guide, "Custom implementations
// of CloudTrail log file integrity validation").
func (s *signer) sign(end time.Time, object, hash, before string) (string, error) {
	if before == "" {
		before = "null"
	}
	sum := sha256.Sum256([]byte(stamp(end) + "\n" + trailBucket + "/" + object + "\n" + hash + "\n" + before))
	sig, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign digest: %w", err)
	}
	return hex.EncodeToString(sig), nil
}

// publicKeys is the output of `aws cloudtrail list-public-keys`.
func (s *signer) publicKeys(from, to time.Time) map[string]any {
	return map[string]any{"PublicKeyList": []map[string]any{{"Value": base64.StdEncoding.EncodeToString(s.public),
		"ValidityStartTime": stamp(from), "ValidityEndTime": stamp(to), "Fingerprint": s.fingerprint}}}
}
