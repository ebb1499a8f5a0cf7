// Package replay says what a change would have refused, had it been made before
// the uses that a history holds.
//
// [Run] puts every behaviour of a history to a [Judge], which stands for the
// change: [Disable], [Grants] (a grant taken away, a policy replaced) or [Deny]
// (an environment closed). Each use then has one fate: it would have been
// refused, it goes on, it cannot be judged, or it is not explained by what is
// known of access, since the engine denies it before the change already. The
// last two are never counted as judged. [Split] says who would go with which
// uses, were an identity divided among its consumers.
//
// What is not a use is left out: attempts that were refused, which nobody loses,
// and a log's observations about its own entries. An entry that no reader
// understood may be a use, so that it cannot be judged.
//
// A history keeps less than the log: the permission of a call may not be known,
// resources are kept without what changes from call to call, and of the request
// conditions there are those that some policy tested. A use is judged only where
// all that it may have been gives the same answer.
//
// Everything here is pure: no clock, no file, no database.
package replay
