//go:build tools

// Package tools pins the version of Pebble, the authority for tests of
// automatic certificates, that the live tests run against. It is a module of
// its own, so that Pebble never enters the product's module graph.
package tools

import (
	_ "github.com/letsencrypt/pebble/v2/cmd/pebble"
	_ "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv"
)
