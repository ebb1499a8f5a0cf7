// Package exec reads any system through a program that prints facts, one JSON
// object a line. It is how a connector is written in another language.
//
// The program first declares the realms that it speaks for. Facts about
// anything in another realm are refused, so that it cannot speak for a system
// that another connector reads; refs that point there are fine. A credential's
// value may be passed beside the fact: it is fingerprinted here and dropped.
//
// Completions are held back until the program has ended, so that a fact that
// comes late, or a line that cannot be read, keeps the scopes concerned from
// being completed. The line format is protocol version 1: schema.json beside
// this file, and docs/connectors/exec.md.
package exec
