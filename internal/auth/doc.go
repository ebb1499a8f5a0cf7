// Package auth knows the people of the platform and the tokens that act for
// them: how they prove who they are (passwords, one-time codes, passkeys,
// single sign-on, tokens), for how long that holds (sessions), and what they
// may do (roles bound to a scope). It keeps nothing itself: accounts, sessions
// and tokens are rows of the store, and every decision here is a pure function
// of them and of the clock.
//
// A request is made by a [Caller]. What it may do is asked with
// [Caller.Can], what it may see with [Caller.Scope]; nothing else decides.
package auth
