//go:build tools

// Package tools pins the version of nats-server, of which the live tests run
// three as a cluster. It is a module of its own, so that the server never enters
// the product's module graph.
package tools

import _ "github.com/nats-io/nats-server/v2"
