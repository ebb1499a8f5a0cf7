// Package rest is the HTTP client of connectors that read a vendor's REST API.
//
// It is polite and bounded: requests to one host are paced, what may be repeated
// safely is repeated with growing, jittered pauses and no sooner than the server
// allows (Retry-After, X-RateLimit-Reset), bodies and pages are limited, and
// credentials go to the configured host only. Errors name the method, the host
// and the path, never a query, a header or a body, any of which may hold a
// credential.
//
// A [Client] is safe for concurrent use.
package rest
