// Package polled reads a log page by page from the API of the system that keeps
// it, oldest first, and goes on in the next run where the last one stopped.
//
// What was read is known by a time: everything before it was read, but for what
// the system may still add late. A run begins that much earlier; the host counts
// an event once however often it is read. A run that ends in the middle is gone on
// with, and the stretch that is covered begins where the first of such runs did.
package polled
