package auth

import (
	"crypto/sha1" //nolint:gosec // RFC 6238
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
	"testing"
	"time"
)

// TestRFC6238 holds the code to the vectors of RFC 6238, appendix B.
func TestRFC6238(t *testing.T) {
	seed := func(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }
	for _, v := range []struct {
		at                   int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		step := stepOf(time.Unix(v.at, 0))
		for _, c := range []struct {
			h    func() hash.Hash
			key  []byte
			want string
		}{{sha1.New, seed(20), v.sha1}, {sha256.New, seed(32), v.sha256}, {sha512.New, seed(64), v.sha512}} {
			if got := hotp(c.h, c.key, step, 8); got != c.want {
				t.Errorf("at %d: %s, want %s", v.at, got, c.want)
			}
		}
	}
}

func TestTOTPCountsOnce(t *testing.T) {
	secret, now := NewTOTPSecret(), time.Unix(1_700_000_010, 0)
	step, ok := CheckTOTP(secret, TOTPCode(secret, now), 0, now)
	if !ok || step != stepOf(now) {
		t.Fatalf("the present code: %d %v", step, ok)
	}
	if _, ok := CheckTOTP(secret, TOTPCode(secret, now), step, now); ok {
		t.Error("a code was accepted twice")
	}
	for _, skew := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		if _, ok := CheckTOTP(secret, TOTPCode(secret, now.Add(skew)), 0, now); !ok {
			t.Errorf("a code of %s beside was refused", skew)
		}
	}
	for _, skew := range []time.Duration{-60 * time.Second, 60 * time.Second} {
		if _, ok := CheckTOTP(secret, TOTPCode(secret, now.Add(skew)), 0, now); ok {
			t.Errorf("a code of %s beside was accepted", skew)
		}
	}
	for _, bad := range []string{"", "12345", "abcdef", TOTPCode(secret, now) + "0"} {
		if _, ok := CheckTOTP(secret, bad, 0, now); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}
