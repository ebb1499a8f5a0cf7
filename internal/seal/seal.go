// Package seal encrypts the secrets that the platform must keep: AES-256-GCM
// under keys that are never in the database, each value bound to the row and
// column where it stands, so that a value moved elsewhere does not open.
package seal

import "context"

// Place is where a sealed value stands. It is authenticated with the value.
type Place struct {
	Table, Row, Column string
}

// Keys provide data keys. Implementations are safe for concurrent use.
type Keys interface {
	// Current returns the id of the key under which new values are sealed.
	Current(ctx context.Context) (string, error)
	// DataKey returns a key for new values.
	DataKey(ctx context.Context) (DataKey, error)
	// Unwrap returns the data key of a value that is opened. ErrNotFound says
	// that the key is not there.
	Unwrap(ctx context.Context, id string, wrapped []byte) ([]byte, error)
}

// DataKey is a 256-bit key with the id of the key that protects it.
type DataKey struct {
	ID string
	// Wrapped is the data key encrypted by the provider; it travels with each
	// value. It is empty where the provider gives the key itself.
	Wrapped []byte
	Key     []byte
}
