package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app/accounts"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web"
	"github.com/retinue-id/retinue/internal/web/api"
)

// AccessConfig is how people sign in to the server.
type AccessConfig struct {
	// SessionIdle ends a session that is not used for so long; 12h by default.
	SessionIdle time.Duration `yaml:"sessionIdle"`
	// SessionLength ends any session; 168h by default.
	SessionLength time.Duration `yaml:"sessionLength"`
	// SessionRotate is after how long the value of a session's cookie changes;
	// 15m by default.
	SessionRotate time.Duration `yaml:"sessionRotate"`
}

// Accounts opens the people of the installation as a server at an address sees
// them. LoopbackOnly says that it listens on loopback addresses only.
func (a *App) Accounts(front auth.Front, loopbackOnly bool, edit ...func(*accounts.Options)) (*accounts.Service, error) {
	if a.sealer == nil {
		return nil, fmt.Errorf("%w: open accounts: there are no sealing keys", retinue.ErrUnsupported)
	}
	c := a.Config.Access
	o := accounts.Options{DB: a.DB, Seal: a.sealer, Log: a.log, Front: front, LoopbackOnly: loopbackOnly,
		Limits: auth.SessionLimits{Idle: c.SessionIdle, Absolute: c.SessionLength, Rotate: c.SessionRotate},
		HTTP:   a.fleet.dialler.Client(15 * time.Second)}
	for _, fn := range edit {
		fn(&o)
	}
	return accounts.New(o)
}

// frontOf is how people reach a server that is configured so.
func frontOf(cfg web.Config) (front auth.Front, loopbackOnly bool, err error) {
	public, hosts, err := cfg.Reached()
	if err != nil {
		return front, false, err
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	return auth.Front{Public: public, Hosts: hosts}, web.IsLoopback(host) && len(cfg.TrustedProxies) == 0, err
}

// withPeople adds what the interface needs to know about people.
func withPeople(s api.Services, p *accounts.Service) api.Services {
	s.Accounts, s.SignIn, s.SetUp, s.SignInSSO, s.Factors, s.OwnPasskeys, s.Refresh = p, p, p, p, p, p, p
	s.Devices, s.OwnSessions, s.People, s.Invitations, s.RoleBindings, s.AccountGroups = p, p, p, p, p, p
	s.Tokens, s.SSO = p, p
	return s
}

// Interface is the HTTP interface of an installation with its people: handlers
// by pattern, and the people themselves.
type Interface struct {
	API    http.Handler
	Raw    map[string]http.Handler
	People *accounts.Service
}

// Interface puts the interface together for a server at an address.
func (a *App) Interface(front auth.Front, loopbackOnly bool, edit ...func(*accounts.Options)) (Interface, error) {
	people, err := a.Accounts(front, loopbackOnly, edit...)
	if err != nil {
		return Interface{}, err
	}
	sessions := web.NewSessions(people, front)
	handler, err := api.New(withPeople(a.services(sessions), people))
	if err != nil {
		return Interface{}, err
	}
	scim := sessions.Handler(api.NewSCIM(sessions, people, people, front.Origin()))
	return Interface{API: sessions.Handler(handler), Raw: map[string]http.Handler{api.SCIMBase + "/": scim}, People: people}, nil
}

// runPeople sweeps what has run out, and writes the records of refusals, until
// ctx ends.
func (a *App) runPeople(ctx context.Context, people *accounts.Service) {
	tick := time.NewTicker(accounts.RunEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := people.Close(rest); err != nil {
				a.log.Error("refusals not recorded", "error", err.Error())
			}
			return
		case <-tick.C:
			if err := people.Sweep(ctx, false); err != nil {
				a.log.Error("sign-in not swept", "error", err.Error())
			}
		}
	}
}

// OneTimeLink makes a link that signs the local administrator in once, for the
// terminal of whoever starts a server that listens on loopback only.
func (a *App) OneTimeLink(ctx context.Context, public *url.URL) (string, error) {
	people, err := a.Accounts(auth.Front{Public: public}, true)
	if err != nil {
		return "", err
	}
	return people.OneTimeLink(ctx)
}

// checkSealer keeps on record under which key secrets are sealed now. A service
// that holds the keys and cannot be reached does not keep a scan from running.
func (a *App) checkSealer(ctx context.Context) error {
	if a.sealer == nil {
		return nil
	}
	id, err := a.sealer.KeyID(ctx)
	if err != nil {
		a.log.Warn("sealing key not reached", "error", err.Error())
		return nil
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		have, err := tx.Meta(metaSealingKey)
		if err != nil || have == id {
			return err
		}
		if have != "" {
			tx.Record(retinue.Actor{Kind: "system", Name: "sealing"}, retinue.RecordSealKey, id, map[string]any{"before": have})
		}
		if err := tx.SetMeta(metaSealingSince, tx.At().Format(time.RFC3339Nano)); err != nil {
			return err
		}
		return tx.SetMeta(metaSealingKey, id)
	})
}

// showLink shows whoever started a server the link by which they come in.
func (a *App) showLink(ctx context.Context, people *accounts.Service, o ServeOptions) {
	if o.Link == nil {
		return
	}
	what, issue := "Sign in", people.OneTimeLink
	if !o.OneTimeLink {
		need, err := people.NeedsSetUp(ctx)
		if err != nil || !need {
			return
		}
		what, issue = "Nobody has an account yet. Make the first administrator", people.SetUpLink
	}
	link, err := issue(ctx)
	if err != nil {
		a.log.Error("link not made", "error", err.Error())
		return
	}
	o.Link(what, link)
}
