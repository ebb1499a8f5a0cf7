package accounts

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// How long links live.
const (
	linkFor       = 10 * time.Minute
	invitationFor = 7 * 24 * time.Hour
)

// NeedsSetUp reports whether nobody has an account yet.
func (s *Service) NeedsSetUp(ctx context.Context) (need bool, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		n, err := tx.CountAccounts()
		need = n == 0
		return err
	})
	return need, err
}

// link is the address of a page with a secret in the fragment: browsers send
// fragments to no server, and into no log or referrer.
func (s *Service) link(page, secret string) string { return s.front.Origin() + page + "#" + secret }

// SetUpLink makes the link by which the first administrator is made. It counts
// once and for ten minutes; a link that was made before ends. ErrConflict says
// that there are accounts already.
func (s *Service) SetUpLink(ctx context.Context) (link string, err error) {
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := untouched(tx); err != nil {
			return err
		}
		if err := tx.EndFlows(flowSetUp); err != nil {
			return err
		}
		secret, flow, err := s.beginSecret(tx, store.Flow{Kind: flowSetUp}, linkFor, struct{}{})
		link = s.link("/setup", secret)
		record(tx, retinue.Actor{Kind: "system", Name: "set-up"}, retinue.RecordLinkMade, string(flow.ID), details{"kind": flowSetUp}, nil)
		return err
	})
	return link, err
}

func untouched(tx *sqlstore.Tx) error {
	n, err := tx.CountAccounts()
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: set up: there are accounts already", retinue.ErrConflict)
	}
	return err
}

func checkPerson(n auth.NewPerson) error {
	if err := CheckLogin(n.Login); err != nil {
		return err
	}
	return auth.CheckPassword(n.Password, n.Login, n.Name, n.Email)
}

// CheckLogin reports a login that cannot be one.
func CheckLogin(login string) error {
	login = strings.TrimSpace(login)
	bad := strings.IndexFunc(login, func(r rune) bool { return r <= ' ' || r == 0x7f || r > 0xffff })
	if login == "" || len(login) > 200 || bad >= 0 || login != retinue.CleanName(login) {
		return &retinue.FieldError{Field: "body.login", Err: fmt.Errorf("%w: a login has 1 to 200 characters and no spaces, such as an e-mail address", retinue.ErrInvalid)}
	}
	return nil
}

// SetUp makes the first administrator and signs them in.
func (s *Service) SetUp(ctx context.Context, p auth.Presented, n auth.NewPerson) (out auth.Outcome, err error) {
	if err := checkPerson(n); err != nil {
		return out, err
	}
	hash, err := s.passwords.Hash(ctx, n.Password)
	if err != nil {
		return out, err
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := untouched(tx); err != nil {
			return err
		}
		if _, err := take(tx, flowSetUp, n.Token, nil); err != nil {
			return err
		}
		account, err := s.firstAdmin(tx, n)
		if err != nil {
			return err
		}
		if err := tx.SetPassword(account.Key, hash); err != nil {
			return err
		}
		e := entry{method: "set-up", pending: auth.PendingEnrol}
		if s.loopback {
			e = entry{method: "set-up", fresh: true}
		}
		out, err = s.enter(tx, p, account, e)
		return err
	})
	return s.refused(ctx, p, out, err)
}

// refused counts a link that was wrong.
func (s *Service) refused(ctx context.Context, p auth.Presented, out auth.Outcome, err error) (auth.Outcome, error) {
	if _, wrong := wrongReason(err); wrong {
		return auth.Outcome{}, s.failed(ctx, p, "link")
	}
	return out, err
}

// firstAdmin makes the account of the first administrator.
func (s *Service) firstAdmin(tx *sqlstore.Tx, n auth.NewPerson) (store.Account, error) {
	account, err := tx.CreateAccount(store.Account{Login: strings.TrimSpace(n.Login), Name: clean(n.Name), Email: strings.TrimSpace(n.Email), Origin: store.OriginLocal, Active: true})
	if err != nil {
		return account, err
	}
	by := retinue.Actor{Kind: "system", Name: "set-up"}
	b, err := tx.Bind(store.RoleBinding{Role: string(auth.RoleAdmin), Scope: store.Everything(), Origin: "manual", CreatedBy: "set-up"}, account.Key, 0)
	record(tx, by, retinue.RecordSetUp, string(account.ID), nil, map[string]string{"login": account.Login})
	record(tx, by, retinue.RecordRoleBound, string(b.ID), details{"account": account.ID, "role": b.Role, "scope": b.Scope}, nil)
	return account, err
}

// localLogin is the login of the account that one-time links of a new
// installation sign in.
const localLogin = "local"

// OneTimeLink makes a link that signs the local administrator in without a
// password, once and within ten minutes. It is for the terminal of whoever
// started the server, and made only while the server listens on loopback
// alone; the request that uses it must come from loopback too.
func (s *Service) OneTimeLink(ctx context.Context) (link string, err error) {
	if !s.loopback {
		return "", fmt.Errorf("%w: make one-time link: the server is not bound to loopback only", retinue.ErrUnsupported)
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, err := s.localAdmin(tx)
		if err != nil {
			return err
		}
		secret, flow, err := s.beginSecret(tx, store.Flow{Kind: flowLink, AccountKey: account.Key}, linkFor, struct{}{})
		link = s.link("/sign-in", secret)
		record(tx, retinue.Actor{Kind: "system", Name: "terminal"}, retinue.RecordLinkMade, string(flow.ID), details{"kind": flowLink, "account": account.ID}, nil)
		return err
	})
	return link, err
}

// localAdmin finds or makes the account that one-time links sign in: the local
// one, else the first active administrator of the whole installation.
func (s *Service) localAdmin(tx *sqlstore.Tx) (store.Account, error) {
	n, err := tx.CountAccounts()
	if err != nil {
		return store.Account{}, err
	}
	if n == 0 {
		return s.firstAdmin(tx, auth.NewPerson{Login: localLogin, Name: "Local administrator"})
	}
	admins, err := admins(tx)
	if err != nil {
		return store.Account{}, err
	}
	for _, a := range admins {
		if a.Login == localLogin {
			return a, nil
		}
	}
	if len(admins) == 0 {
		return store.Account{}, fmt.Errorf("%w: make one-time link: no active administrator", retinue.ErrConflict)
	}
	return admins[0], nil
}

// SignInLink signs in by a one-time link.
func (s *Service) SignInLink(ctx context.Context, p auth.Presented, secret string) (out auth.Outcome, err error) {
	client, perr := netip.ParseAddr(p.Client)
	if !s.loopback || perr != nil || !client.IsLoopback() {
		return out, s.failed(ctx, p, "link")
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		flow, err := take(tx, flowLink, secret, nil)
		if err != nil {
			return err
		}
		account, err := tx.AccountByKey(flow.AccountKey)
		if err != nil {
			return err
		}
		if !account.Active {
			return auth.Wrong("inactive")
		}
		out, err = s.enter(tx, p, account, entry{method: "link", fresh: true})
		return err
	})
	return s.refused(ctx, p, out, err)
}

// invite makes the link of an invitation. One that the account had ends.
func (s *Service) invite(tx *sqlstore.Tx, by retinue.Actor, account store.Account) (string, error) {
	open, err := tx.Flows(flowInvitation)
	if err != nil {
		return "", err
	}
	for _, f := range open {
		if f.AccountKey == account.Key {
			if _, err := tx.EndFlow(f.Key); err != nil {
				return "", err
			}
		}
	}
	secret, flow, err := s.beginSecret(tx, store.Flow{Kind: flowInvitation, AccountKey: account.Key}, invitationFor, struct{}{})
	record(tx, by, retinue.RecordInvited, string(flow.ID), details{"account": account.ID}, nil)
	return s.link("/invitation", secret), err
}

// Invitations lists the invitations that were not accepted.
func (s *Service) Invitations(ctx context.Context) (out []auth.Invitation, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		flows, err := tx.Flows(flowInvitation)
		if err != nil {
			return err
		}
		for _, f := range flows {
			a, err := tx.AccountByKey(f.AccountKey)
			if err != nil {
				return err
			}
			out = append(out, auth.Invitation{ID: f.ID, Account: a.ID, Login: a.Login, Name: a.Name, CreatedAt: f.CreatedAt, ExpiresAt: f.ExpiresAt})
		}
		return nil
	})
	return out, err
}

// WithdrawInvitation ends an invitation.
func (s *Service) WithdrawInvitation(ctx context.Context, c auth.Caller, id store.FlowID) error {
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		f, err := tx.Flow(id)
		if err != nil || f.Kind != flowInvitation {
			return fmt.Errorf("%w: no such invitation", retinue.ErrNotFound)
		}
		record(tx, c.Actor, retinue.RecordInvitationWithdrawn, string(id), nil, nil)
		_, err = tx.EndFlow(f.Key)
		return err
	})
}

// invitedAs returns the login and name that an invitation is for.
func (s *Service) invitedAs(ctx context.Context, p auth.Presented, secret string) (login, name string, err error) {
	err = s.view(ctx, func(tx *sqlstore.Tx) error {
		f, err := peek(tx, flowInvitation, secret, nil)
		if err != nil {
			return err
		}
		a, err := tx.AccountByKey(f.AccountKey)
		login, name = a.Login, a.Name
		return err
	})
	if _, wrong := wrongReason(err); wrong {
		err = s.failed(ctx, p, "link")
	}
	return login, name, err
}

// AcceptInvitation sets the password of an invited account and signs in as far
// as setting up a second factor.
func (s *Service) AcceptInvitation(ctx context.Context, p auth.Presented, n auth.NewPerson) (out auth.Outcome, err error) {
	var name string
	if n.Login, name, err = s.invitedAs(ctx, p, n.Token); err != nil {
		return out, err
	}
	if n.Name = clean(n.Name); n.Name == "" {
		n.Name = name
	}
	if err := auth.CheckPassword(n.Password, n.Login, n.Name); err != nil {
		return out, err
	}
	hash, err := s.passwords.Hash(ctx, n.Password)
	if err != nil {
		return out, err
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		flow, err := take(tx, flowInvitation, n.Token, nil)
		if err != nil {
			return err
		}
		account, err := tx.AccountByKey(flow.AccountKey)
		if err != nil {
			return err
		}
		if !account.Active {
			return auth.Wrong("inactive")
		}
		account.Name = n.Name
		if err := tx.UpdateAccount(account); err != nil {
			return err
		}
		if err := tx.SetPassword(account.Key, hash); err != nil {
			return err
		}
		record(tx, person(account.ID), retinue.RecordInvitationAccepted, string(flow.ID), details{"account": account.ID}, nil)
		account.HasPassword = true
		out, err = s.afterPassword(tx, p, account)
		return err
	})
	return s.refused(ctx, p, out, err)
}
