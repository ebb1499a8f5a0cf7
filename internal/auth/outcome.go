package auth

import (
	"fmt"
	"net/http"

	"github.com/retinue-id/retinue"
)

// Next is what comes after a step of signing in.
type Next string

// What can come next.
const (
	NextDone    Next = "done"    // signed in
	NextCode    Next = "code"    // a one-time or recovery code is wanted
	NextPasskey Next = "passkey" // the passkey is wanted, which needs no password
	NextEnrol   Next = "enrol"   // signed in as far as setting up a second factor
)

// Outcome is how a step of signing in ended.
type Outcome struct {
	Next Next
	// Cookies are to be set.
	Cookies []*http.Cookie
	// To is where a provider of single sign-on was left for.
	To string
}

// WrongError says that a proof was wrong. Its text is one for all reasons, so
// that it tells nothing about accounts; Reason is for the audit log.
type WrongError struct {
	Reason string
	Text   string
}

func (e *WrongError) Error() string { return e.Text }

// Unwrap makes it an ErrDenied.
func (e *WrongError) Unwrap() error { return retinue.ErrDenied }

// Wrong returns a WrongError of sign-in.
func Wrong(reason string) error {
	return &WrongError{Reason: reason, Text: "that did not match: check what you typed, and try again"}
}

// ErrNoFactor says that an account has nothing to prove a second factor with.
var ErrNoFactor = fmt.Errorf("%w: the account has no second factor yet: set one up first", retinue.ErrConflict)

// ErrNotFresh says that an operation wants a second factor proven within
// FreshFor.
var ErrNotFresh = fmt.Errorf("%w: confirm your second factor, and try again", retinue.ErrDenied)
