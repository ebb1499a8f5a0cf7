// Package usage turns what systems log into what is known of how identities are
// used.
//
//   - [Folder] reduces events to behaviours: who, with what, from where, did what
//     to what, with which outcome. Two events of one behaviour differ only in time
//     and address, so that storage grows with distinct behaviour and not with
//     traffic. What changes from call to call (the key of an object, the hash in a
//     pod's name) is taken off by rules that look at one event alone: events may
//     come in any order, cut anywhere, and the result is the same.
//   - package rhythm learns when an identity acts, package verdict says whether
//     it still does and on what evidence.
//
// Everything here is pure: no clock, no file, no database.
package usage
