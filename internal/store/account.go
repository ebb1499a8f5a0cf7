package store

// The ids of people, sessions and tokens of the platform itself. They have the
// form of all public ids.
type (
	// AccountID names an account of the platform: acc_.
	AccountID string
	// SessionID names a session: ses_. It is no secret.
	SessionID string
	// TokenID names an API token: tok_. It is no secret.
	TokenID string
	// BindingID names a role binding: rbd_.
	BindingID string
	// AccountGroupID names a group of accounts: agr_.
	AccountGroupID string
)
