// Package record packs events into blocks and reads them back: for
// installations that keep the events themselves for some days, beside what is
// counted of them.
//
// A block is a table of the texts that its events have, a table of the things
// that they name, and the events as numbers of rows of these tables, compressed
// with Zstandard (RFC 8878). Each text stands in it once, so that the detector of
// secrets passes over each once before anything is kept.
//
// What is packed is the event as its reader understood it, which by contract
// holds names and no values: no statement, no request body, no token.
package record
