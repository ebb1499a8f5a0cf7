package api

import (
	"context"
	"net/netip"
)

// Origin is where a request came from and how the server is reached.
type Origin struct {
	// Addr is the client's address, as far as trusted proxies tell.
	Addr netip.Addr
	// Secure says that people reach the server by https, so that cookies are
	// for https only.
	Secure bool
	// PublicURL is how people reach the server, without a slash at the end.
	PublicURL string
}

type originKey struct{}

// WithOrigin gives a request its origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of a request, zero outside of one.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
