package accounts

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// callbackPath is where a provider leads back to. It is registered there.
const callbackPath = "/api/v1/auth/sign-in/oidc/callback"

// Callback is the redirect address to register at a provider.
func (s *Service) Callback() string { return s.front.Origin() + callbackPath }

// ssoFlow is what is remembered while somebody is away at a provider.
type ssoFlow struct {
	Provider store.ProviderID `json:"provider"`
	State    auth.OIDCState   `json:"state"`
	To       string           `json:"to"`
	Session  store.SessionID  `json:"session,omitempty"` // that a fresh sign-in is for
}

// SignInProviders lists the providers that the page of sign-in offers.
func (s *Service) SignInProviders(ctx context.Context) (out []store.SSOProvider, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		out, err = tx.Providers()
		return err
	})
	return slices.DeleteFunc(out, func(p store.SSOProvider) bool { return !p.Enabled }), err
}

// StartSSO returns the address at which a provider signs its user in, and the
// cookie that must come back with them. With a signed-in caller it proves a
// second factor anew: the provider has its user sign in again.
func (s *Service) StartSSO(ctx context.Context, c auth.Caller, provider store.ProviderID, to string) (string, *http.Cookie, error) {
	var p store.SSOProvider
	err := s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		p, err = tx.Provider(provider)
		return err
	})
	if err == nil && !p.Enabled {
		err = fmt.Errorf("%w: no such provider of single sign-on", retinue.ErrNotFound)
	}
	if err != nil {
		return "", nil, err
	}
	flow := ssoFlow{Provider: provider, To: localPath(to)}
	if c.Kind == auth.KindSession && c.SignedIn() {
		flow.Session = c.Session
	}
	flow.State = auth.NewOIDCState(flow.Session != "")
	cfg, err := s.oidcConfig(ctx, p)
	if err != nil {
		return "", nil, err
	}
	address, err := s.oidc.Begin(ctx, cfg, flow.State)
	if err != nil {
		return "", nil, err
	}
	var cookie *http.Cookie
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		if n, err := tx.CountFlows(flowSSO); err != nil || n > maxOpenFlows {
			return errors.Join(err, errBusy)
		}
		cookie, err = s.begin(tx, store.Flow{Kind: flowSSO}, flow)
		return err
	})
	return address, cookie, err
}

// noRole is the reason for which somebody whom a provider knows is not let in.
const noRole = "unknown"

// localPath keeps a path of this server and makes / of anything else, so that
// signing in leads nowhere else.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || len(to) > 1000 {
		return "/"
	}
	return u.RequestURI()
}

func (s *Service) oidcConfig(ctx context.Context, p store.SSOProvider) (auth.OIDCConfig, error) {
	cfg := auth.OIDCConfig{Issuer: p.Issuer, ClientID: p.ClientID, Redirect: s.Callback(), GroupsClaim: p.GroupsClaim, Scopes: p.Scopes}
	if len(p.Sealed) == 0 {
		return cfg, nil
	}
	secret, err := s.seal.Open(ctx, p.Sealed, providerPlace(p.ID))
	cfg.Secret = retinue.NewSecret(string(secret))
	return cfg, err
}

// FinishSSO signs in whoever comes back from a provider.
func (s *Service) FinishSSO(ctx context.Context, p auth.Presented, a auth.SSOAnswer) (auth.Outcome, error) {
	var flow ssoFlow
	var provider store.SSOProvider
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if _, err := take(tx, flowSSO, p.Flow, &flow); err != nil {
			return err
		}
		var err error
		provider, err = tx.Provider(flow.Provider)
		return err
	})
	if err != nil {
		if _, wrong := wrongReason(err); wrong {
			err = s.failed(ctx, p, "sso")
		}
		return auth.Outcome{}, err
	}
	// RFC 9207: an answer of another issuer than the one that was asked.
	mixed := a.Issuer != "" && a.Issuer != provider.Issuer
	if mixed || a.Error != "" || a.Code == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(flow.State.State)) != 1 {
		return auth.Outcome{}, s.failed(ctx, p, "sso")
	}
	cfg, err := s.oidcConfig(ctx, provider)
	if err != nil {
		return auth.Outcome{}, err
	}
	claims, err := s.oidc.Finish(ctx, cfg, flow.State, a.Code)
	if errors.Is(err, retinue.ErrDenied) {
		s.log.Info("single sign-on refused", "provider", provider.ID, "error", err.Error())
		return auth.Outcome{}, s.failed(ctx, p, "sso")
	}
	if err != nil {
		return auth.Outcome{}, err
	}
	var out auth.Outcome
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		out, err = s.ssoSignedIn(tx, p, provider, flow, claims)
		return err
	})
	if reason, wrong := wrongReason(err); wrong {
		if reason != noRole {
			reason = "sso"
		}
		err = s.failed(ctx, p, reason)
	}
	out.To = flow.To
	return out, err
}

func (s *Service) ssoSignedIn(tx *sqlstore.Tx, p auth.Presented, provider store.SSOProvider, flow ssoFlow, claims auth.Claims) (auth.Outcome, error) {
	account, err := s.ssoAccount(tx, provider, claims)
	if err != nil {
		return auth.Outcome{}, err
	}
	if flow.Session != "" {
		session, err := tx.Session(flow.Session)
		if err != nil || session.AccountKey != account.Key {
			return auth.Outcome{}, auth.Wrong("another account")
		}
		cookies, err := s.refreshed(tx, p, auth.Caller{Session: flow.Session}, account, ticket{}, "sso")
		return auth.Outcome{Next: auth.NextDone, Cookies: cookies}, err
	}
	return s.enter(tx, p, account, entry{method: "sso", fresh: flow.State.Fresh})
}

// ssoAccount finds or makes the account of who signed in at a provider, with
// the roles that the provider's groups give. Without any role nobody gets in
// who was not in before.
func (s *Service) ssoAccount(tx *sqlstore.Tx, provider store.SSOProvider, claims auth.Claims) (store.Account, error) {
	matched := slices.DeleteFunc(slices.Clone(provider.Mappings), func(m store.SSOMapping) bool { return !slices.Contains(claims.Groups, m.Group) })
	by := retinue.Actor{Kind: "system", Name: "single sign-on"}
	account, err := tx.AccountOfSubject(claims.Issuer, claims.Subject)
	if notFound(err) {
		account, err = s.ssoLink(tx, by, provider, claims, len(matched) > 0)
	}
	if err != nil {
		return account, err
	}
	if !account.Active {
		return account, auth.Wrong("inactive")
	}
	origin := "sso:" + string(provider.ID)
	changed, err := ssoRoles(tx, account, origin, matched)
	if err != nil {
		return account, err
	}
	if changed {
		record(tx, by, retinue.RecordRoleBound, string(account.ID), details{"account": account.ID, "origin": origin, "roles": matched}, nil)
		if err := keepAdmin(tx); err != nil {
			return account, err
		}
	}
	return account, nil
}

// ssoLink links a subject to the account with its verified e-mail address,
// where the provider is trusted with that, or makes an account, where a mapping
// matches.
func (s *Service) ssoLink(tx *sqlstore.Tx, by retinue.Actor, provider store.SSOProvider, claims auth.Claims, matched bool) (store.Account, error) {
	email := ""
	if claims.EmailVerified {
		email = strings.ToLower(claims.Email)
	}
	if provider.TrustEmail && email != "" {
		account, err := tx.AccountByLogin(email)
		if err == nil {
			n, err := tx.SubjectsOf(account.Key, claims.Issuer)
			if err != nil || n > 0 {
				return account, errors.Join(err, auth.Wrong("linked to another subject"))
			}
			record(tx, by, retinue.RecordAccountChanged, string(account.ID), details{"linked": provider.ID}, map[string]string{"subject": claims.Subject})
			return account, tx.LinkSubject(claims.Issuer, claims.Subject, account.Key)
		}
		if !notFound(err) {
			return account, err
		}
	}
	if !matched {
		return store.Account{}, auth.Wrong(noRole)
	}
	login := email
	if login == "" {
		login = strings.ToLower(string(provider.ID) + ":" + claims.Subject)
	}
	if CheckLogin(login) != nil {
		return store.Account{}, auth.Wrong("login")
	}
	if _, err := tx.AccountByLogin(login); !notFound(err) {
		return store.Account{}, errors.Join(err, auth.Wrong("the login is taken"))
	}
	name := clean(claims.Name)
	if name == "" {
		name = clean(claims.Login)
	}
	account, err := tx.CreateAccount(store.Account{Login: login, Name: name, Email: email, Origin: store.OriginSSO, Active: true})
	if err != nil {
		return account, err
	}
	record(tx, by, retinue.RecordAccountCreated, string(account.ID), details{"origin": store.OriginSSO, "provider": provider.ID},
		map[string]string{"login": account.Login, "name": account.Name, "subject": claims.Subject})
	return account, tx.LinkSubject(claims.Issuer, claims.Subject, account.Key)
}

// ssoRoles replaces what a provider's groups gave at the last sign-in, and
// reports whether anything changed.
func ssoRoles(tx *sqlstore.Tx, account store.Account, origin string, matched []store.SSOMapping) (bool, error) {
	all, err := tx.BindingsOf(account.Key)
	if err != nil {
		return false, err
	}
	key := func(role string, scope store.RowScope, own bool) string {
		return fmt.Sprintf("%s %v %v", role, scope, own)
	}
	var have, want []string
	for _, b := range all {
		if b.Origin == origin {
			have = append(have, key(b.Role, b.Scope, b.Own))
		}
	}
	for _, m := range matched {
		want = append(want, key(m.Role, m.Scope, m.Own))
	}
	slices.Sort(have)
	slices.Sort(want)
	if slices.Equal(have, want) {
		return false, nil
	}
	if err := tx.UnbindOrigin(account.Key, origin); err != nil {
		return false, err
	}
	for _, m := range matched {
		if _, err := tx.Bind(store.RoleBinding{Role: m.Role, Scope: m.Scope, Own: m.Own, Origin: origin, CreatedBy: origin}, account.Key, 0); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Providers lists the providers of single sign-on.
func (s *Service) Providers(ctx context.Context) (out []store.SSOProvider, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		out, err = tx.Providers()
		return err
	})
	return out, err
}

// Provider returns a provider of single sign-on.
func (s *Service) Provider(ctx context.Context, id store.ProviderID) (p store.SSOProvider, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) (err error) {
		p, err = tx.Provider(id)
		return err
	})
	return p, err
}

// PutProvider adds (without an id) or changes a provider. A client secret that
// is nil stays; one that is empty is removed. Its mappings give no more than
// the caller has. The provider must be there.
func (s *Service) PutProvider(ctx context.Context, c auth.Caller, p store.SSOProvider, secret *retinue.Secret, check func(store.SSOProvider) error) (store.SSOProvider, error) {
	if err := checkProvider(c, &p, s.loopback); err != nil {
		return p, err
	}
	if p.Enabled {
		if err := s.oidc.Check(ctx, p.Issuer); err != nil {
			return p, &retinue.FieldError{Field: "body.issuer", Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, strings.TrimPrefix(err.Error(), retinue.ErrUnavailable.Error()+": "))}
		}
	}
	known := p.ID
	if known == "" {
		p.ID = store.ProviderID(retinue.NewID("sso_", s.db.Now()))
	}
	var sealed []byte
	if secret != nil && !secret.IsZero() {
		var err error
		if sealed, err = s.seal.Seal(ctx, []byte(secret.Reveal()), providerPlace(p.ID)); err != nil {
			return p, err
		}
	}
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if known != "" {
			have, err := tx.Provider(known)
			if err != nil {
				return err
			}
			if check != nil {
				if err := check(have); err != nil {
					return err
				}
			}
			p.Key, p.Version, p.CreatedAt, p.Sealed = have.Key, have.Version, have.CreatedAt, have.Sealed
			if have.Issuer != p.Issuer || have.ClientID != p.ClientID {
				// A secret goes only where it was given for.
				p.Sealed = nil
			}
		}
		if secret != nil {
			p.Sealed = sealed
		}
		var err error
		p, err = tx.PutProvider(p)
		record(tx, c.Actor, retinue.RecordSSOChanged, string(p.ID), details{"issuer": p.Issuer, "clientId": p.ClientID, "enabled": p.Enabled,
			"trustEmail": p.TrustEmail, "mappings": p.Mappings, "secretSet": secret != nil}, nil)
		return err
	})
	return p, err
}

func checkProvider(c auth.Caller, p *store.SSOProvider, loopback bool) error {
	field := func(name, why string) error {
		return &retinue.FieldError{Field: "body." + name, Err: fmt.Errorf("%w: %s", retinue.ErrInvalid, why)}
	}
	u, err := url.Parse(p.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return field("issuer", "want the https address of the issuer, as its discovery document names it")
	}
	p.Name, p.GroupsClaim = clean(p.Name), strings.TrimSpace(p.GroupsClaim)
	if p.GroupsClaim == "" {
		p.GroupsClaim = "groups"
	}
	switch {
	case p.Name == "" || len(p.Name) > 100:
		return field("name", "give a name of at most 100 bytes, as the button shows it")
	case p.ClientID == "" || len(p.ClientID) > 500:
		return field("clientId", "give the client id that the provider knows this server by")
	case len(p.Mappings) > 500:
		return field("mappings", "at most 500")
	}
	for i, m := range p.Mappings {
		if m.Group == "" {
			return field(fmt.Sprintf("mappings[%d].group", i), "name the group")
		}
		if err := mayBind(c, m.Role, m.Scope, m.Own); err != nil {
			return err
		}
	}
	return nil
}

// DeleteProvider removes a provider with the roles that it gave. Accounts stay.
func (s *Service) DeleteProvider(ctx context.Context, c auth.Caller, id store.ProviderID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		p, err := tx.Provider(id)
		if err != nil {
			return err
		}
		if err := tx.RemoveProvider(p); err != nil {
			return err
		}
		record(tx, c.Actor, retinue.RecordSSOChanged, string(id), details{"removed": true, "issuer": p.Issuer}, nil)
		return keepAdmin(tx)
	})
}
