// Package connectortest is the conformance suite of connectors: what every
// connector must do, as tests that run against any of them. A connector's own
// test calls [Run] with a [Subject] that says how to open it on a system that
// the test made; tests of particular facts use [Env] and [Discover].
//
// The suite is itself tested: for each clause there is a connector with one
// fault planted that only this clause must find.
package connectortest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// testKey is the fixed fingerprint key of tests: 32 bytes that say so.
const testKey = "636f6e6e6563746f72746573742066696e6765727072696e74206b6579203030"

// Epoch is the fixed time of Env's clock.
func Epoch() time.Time { return time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC) }

// Env returns a deterministic environment for a connector: the clock stands at
// Epoch, fingerprints are made with a fixed key (none for low-entropy kinds),
// the process environment is empty, logs and progress are dropped. The caller
// may replace any field.
func Env(t testing.TB) connector.Env { return EnvAt(t, Epoch()) }

// EnvAt is Env with the clock standing at another time.
func EnvAt(t testing.TB, now time.Time) connector.Env {
	t.Helper()
	key := Key(t)
	return connector.Env{
		Now: func() time.Time { return now },
		Log: slog.New(slog.DiscardHandler),
		Fingerprint: func(kind retinue.CredentialKind, s retinue.Secret) []retinue.Fingerprint {
			if kind.LowEntropy() || s.IsZero() {
				return nil
			}
			return []retinue.Fingerprint{key.Fingerprint(s)}
		},
		FingerprintHash: func(_ retinue.CredentialKind, sum [32]byte) []retinue.Fingerprint {
			return []retinue.Fingerprint{key.FingerprintHash(sum)}
		},
		Progress:  func(connector.Progress) {},
		Getenv:    func(string) string { return "" },
		UserAgent: "retinue-connectortest",
	}
}

// Key returns the fingerprint key of Env, for tests that compute the
// fingerprint they expect.
func Key(t testing.TB) retinue.FingerprintKey {
	t.Helper()
	key, err := retinue.ParseFingerprintKey(testKey)
	if err != nil {
		t.Fatalf("parse the test key: %v", err)
	}
	return key
}
