package retinue

import "errors"

// The kinds of error. Every error that crosses a package boundary wraps one of
// them, or is a failure of the program itself. Their text is
// "verb object: cause"; one table each maps them to an HTTP status and to an
// exit code.
var (
	// ErrInvalid says that input is wrong; the text names the place and what
	// would be right. Trying again does not help.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound says that the named thing does not exist, or that the caller
	// may not know that it does.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the state changed underneath the caller, or that
	// something else holds what it needs.
	ErrConflict = errors.New("conflict")
	// ErrDenied says that the caller, or the credentials of a source, lack a
	// permission; the text names it.
	ErrDenied = errors.New("denied")
	// ErrUnsupported says that the system or this build cannot do it.
	ErrUnsupported = errors.New("unsupported")
	// ErrUnavailable says that something is down, throttled or timed out, and
	// that trying again later may help.
	ErrUnavailable = errors.New("unavailable")
)

// FieldError says which field of what was sent is wrong. Err wraps one of the
// kinds.
type FieldError struct {
	// Field is a path such as "body.until" or "query.sort".
	Field string
	Err   error
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the error about the field.
func (e *FieldError) Unwrap() error { return e.Err }
