package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Passkeys makes and checks passkeys (WebAuthn Level 3). The authenticator
// verifies its user each time, so that a passkey is two factors at once, and
// keeps the credential, so that nobody types a login and none can be tried.
type Passkeys struct{ rp *webauthn.WebAuthn }

// passkeyTimeout bounds a ceremony.
const passkeyTimeout = 5 * time.Minute

// NewPasskeys returns passkeys for the server's public address.
func NewPasskeys(f Front) (*Passkeys, error) {
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: passkeyTimeout, TimeoutUVD: passkeyTimeout}
	rp, err := webauthn.New(&webauthn.Config{RPID: f.RelyingParty(), RPDisplayName: "Retinue", RPOrigins: []string{f.Origin()},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout}})
	if err != nil {
		return nil, fmt.Errorf("%w: set up passkeys for %s: %v", retinue.ErrInvalid, f.Origin(), err)
	}
	return &Passkeys{rp}, nil
}

// passkeyUser is an account as the library sees it.
type passkeyUser struct {
	account store.Account
	keys    []webauthn.Credential
}

// WebAuthnID implements webauthn.User: the account's id, which says nothing
// about the person.
func (u passkeyUser) WebAuthnID() []byte                         { return []byte(u.account.ID) }
func (u passkeyUser) WebAuthnName() string                       { return u.account.Login }
func (u passkeyUser) WebAuthnDisplayName() string                { return u.account.Name }
func (u passkeyUser) WebAuthnCredentials() []webauthn.Credential { return u.keys }

func userOf(a store.Account, keys []store.Passkey) (passkeyUser, error) {
	u := passkeyUser{account: a}
	for _, k := range keys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Body, &c); err != nil {
			return u, fmt.Errorf("read passkey %s: %w", k.ID, err)
		}
		u.keys = append(u.keys, c)
	}
	return u, nil
}

// Ceremony is a challenge: the options for the browser, and what the server
// must remember.
type Ceremony struct {
	Options any
	State   []byte
}

// BeginAdd asks a browser to make a passkey for an account.
func (p *Passkeys) BeginAdd(a store.Account, have []store.Passkey) (Ceremony, error) {
	u, err := userOf(a, have)
	if err != nil {
		return Ceremony{}, err
	}
	options, state, err := p.rp.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.keys).CredentialDescriptors()))
	return ceremony(options, state, err)
}

// FinishAdd checks what the browser answered and returns the new passkey
// without a name.
func (p *Passkeys) FinishAdd(a store.Account, state, answer []byte) (store.Passkey, error) {
	session, err := sessionData(state)
	if err != nil {
		return store.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return store.Passkey{}, refused(err)
	}
	c, err := p.rp.CreateCredential(passkeyUser{account: a}, session, parsed)
	if err != nil {
		return store.Passkey{}, refused(err)
	}
	body, err := json.Marshal(c)
	return store.Passkey{AccountKey: a.Key, CredentialID: c.ID, Body: body}, err
}

// BeginUse asks a browser for any passkey of this server; with an account, for
// one of its own.
func (p *Passkeys) BeginUse(a *store.Account, have []store.Passkey) (Ceremony, error) {
	if a == nil {
		options, state, err := p.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
		return ceremony(options, state, err)
	}
	u, err := userOf(*a, have)
	if err != nil {
		return Ceremony{}, err
	}
	options, state, err := p.rp.BeginLogin(u, webauthn.WithUserVerification(protocol.VerificationRequired))
	return ceremony(options, state, err)
}

// FinishUse checks what the browser answered. Lookup returns the account and
// passkeys behind the user handle in the answer; with an account in the state
// it is asked for that one. It returns the account and the passkey with its new
// counters.
func (p *Passkeys) FinishUse(state, answer []byte, lookup func(id store.AccountID) (store.Account, []store.Passkey, error)) (store.Account, store.Passkey, error) {
	var account store.Account
	session, err := sessionData(state)
	if err != nil {
		return account, store.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return account, store.Passkey{}, refused(err)
	}
	find := func(_, handle []byte) (webauthn.User, error) {
		a, keys, err := lookup(store.AccountID(handle))
		if err != nil {
			return nil, err
		}
		account = a
		return userOf(a, keys)
	}
	var c *webauthn.Credential
	if len(session.UserID) == 0 {
		c, err = p.rp.ValidateDiscoverableLogin(find, session, parsed)
	} else {
		var u webauthn.User
		if u, err = find(nil, session.UserID); err == nil {
			c, err = p.rp.ValidateLogin(u, session, parsed)
		}
	}
	if err != nil {
		return account, store.Passkey{}, refused(err)
	}
	if c.Authenticator.CloneWarning {
		return account, store.Passkey{}, refused(errors.New("its counter went back, as if it had been copied"))
	}
	body, err := json.Marshal(c)
	return account, store.Passkey{AccountKey: account.Key, CredentialID: c.ID, Body: body}, err
}

func ceremony(options any, state *webauthn.SessionData, err error) (Ceremony, error) {
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin passkey: %w", err)
	}
	b, err := json.Marshal(state)
	return Ceremony{Options: options, State: b}, err
}

func sessionData(state []byte) (webauthn.SessionData, error) {
	var s webauthn.SessionData
	if err := json.Unmarshal(state, &s); err != nil || s.Challenge == "" {
		return s, fmt.Errorf("%w: read challenge of a passkey", retinue.ErrInvalid)
	}
	return s, nil
}

// refused hides the library's particulars, which may quote what was sent.
func refused(err error) error {
	return fmt.Errorf("%w: the passkey was not accepted (%s)", retinue.ErrDenied, passkeyReason(err))
}

func passkeyReason(err error) string {
	var p *protocol.Error
	if errors.As(err, &p) && p.Type != "" {
		return p.Type
	}
	return "it could not be checked"
}
