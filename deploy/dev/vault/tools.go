//go:build tools

// Package tools pins the version of Vault that the live tests run against. It is
// a module of its own, so that Vault never enters the product's module graph.
package tools

import _ "github.com/hashicorp/vault"
