package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app/accounts"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web"
	"github.com/retinue-id/retinue/internal/web/api"
)

// API returns the HTTP interface over the installation to whom somebody else
// tells who calls, as on this machine.
func (a *App) API(who api.Authenticator) (*api.API, error) {
	people, err := a.Accounts(auth.Front{Public: &url.URL{Scheme: "http", Host: "localhost:8420"}}, true)
	if err != nil {
		return nil, err
	}
	return api.New(withPeople(a.services(who), people))
}

// services lists what the interface is made of.
func (a *App) services(who api.Authenticator) api.Services {
	return api.Services{Auth: who, Log: a.log, Now: a.DB.Now, Version: Version, Demo: a.demo, DemoStep: a.DemoStep,
		Identities: a, Things: a, Relations: a, Wholes: a, Findings: a, Undoer: a, Rules: a, Records: a, Inventory: a, Overviewer: a, Populations: a, Exporter: a, Events: a, Stopping: a.stopping, Views: a, Answers: a,
		Sources: a, SourceLogReader: a, ActivityImporter: a, LogWords: a, EventStreamer: a, Connectors: a, Scans: scansAPI{a}, Hooks: a, Collectors: a, HandIns: a, EventReceiver: a,
		Registrations: a, Owners: a, OwnershipRules: a,
		Outlets: a, NoticeRoutes: a, Notices: a, Tickets: a, Checkpoints: a, ThirdParties: a, Retentions: a, IdleThresholds: a, Sealings: a,
		AccessEngine: a, AccessCutter: a, UsageHistory: a, Simulator: a, RightSizer: a, Signals: a, UsageEventReader: a}
}

// ServeOptions say how an installation is served.
type ServeOptions struct {
	Listen          string
	PublicURL       string
	TLSCert, TLSKey string
	ACMEDomain      string
	ACMEDirectory   string
	// BehindProxy are the addresses, or ranges, of proxies that terminate TLS.
	BehindProxy []string
	Metrics     string
	// Started is called once the server listens.
	Started func(url string, addr net.Addr)
	// OneTimeLink asks for a link that signs in once without a password, on
	// loopback only.
	OneTimeLink bool
	// Link is called with a link to be shown to whoever started the server: the
	// one-time link, or while nobody has an account the link of the set-up.
	Link func(what, link string)
	// Beside is run while the server runs, once it listens. The server waits for
	// its end.
	Beside func(context.Context)
}

// Serve serves the installation until ctx ends: the interface, the console,
// and the jobs and schedules behind them. On a SQLite file it must be alone,
// and ErrConflict says that it is not; on PostgreSQL any number of servers
// share the work.
func (a *App) Serve(ctx context.Context, o ServeOptions) error {
	if err := a.DB.LockExclusive(); err != nil {
		return err
	}
	srv, people, err := a.server(o)
	if err != nil {
		return err
	}
	if err := a.openEventStreams(ctx, os.Getenv); err != nil {
		return err
	}
	who := Actor()
	if err := a.record(ctx, who, retinue.RecordServerStarted, map[string]any{"listen": o.Listen, "version": Version}); err != nil {
		return err
	}
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()
	if err := a.StartFleet(ctx); err != nil {
		return err
	}
	if err := a.startPopulation(ctx); err != nil {
		return err
	}
	if err := a.startUsage(ctx); err != nil {
		return err
	}
	if err := a.StartItself(ctx); err != nil {
		return err
	}
	a.tell.PublicURL = srv.PublicURL()
	if err := a.scheduleTelling(ctx); err != nil {
		return err
	}
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		a.runPeople(work, people)
	}()
	streamed := make(chan struct{})
	go func() {
		defer close(streamed)
		_ = a.RunEventStreams(work) // what cannot be read is told, and the rest is served
	}()
	var reading sync.WaitGroup
	reading.Go(func() { a.RunSourceLogs(work) })
	ends := make(chan error, 2)
	go func() { ends <- a.RunQueue(work) }()
	go func() {
		ends <- srv.Run(work, func(addr net.Addr) {
			if o.Started != nil {
				o.Started(srv.PublicURL(), addr)
			}
			a.showLink(work, people, o)
			if o.Beside != nil {
				reading.Go(func() { o.Beside(work) })
			}
		})
	}()
	err = <-ends // of whichever ends first: the other has nothing to do without it
	stopWork()
	err = errors.Join(err, <-ends)
	<-swept
	<-streamed
	reading.Wait()
	return errors.Join(err, a.record(context.WithoutCancel(ctx), who, retinue.RecordServerStopped, map[string]any{"listen": o.Listen}))
}

func (a *App) record(ctx context.Context, who retinue.Actor, action retinue.RecordAction, details any) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(who, action, "server", details)
		return nil
	})
}

// server puts the HTTP server together.
func (a *App) server(o ServeOptions) (*web.Server, *accounts.Service, error) {
	proxies, err := ranges(o.BehindProxy)
	if err != nil {
		return nil, nil, err
	}
	cfg := web.Config{Listen: o.Listen, PublicURL: strings.TrimSuffix(o.PublicURL, "/"), TLSCert: o.TLSCert, TLSKey: o.TLSKey, ACMEDomain: o.ACMEDomain, ACMEDirectory: o.ACMEDirectory,
		ACMECache: filepath.Join(filepath.Dir(a.Config.KeyFile), "acme"), TrustedProxies: proxies, Metrics: o.Metrics, Collectors: append(a.logs.metrics.Collectors(), streamCollector{a}),
		Ready: a.ready, Log: a.log, Now: a.now}
	front, loopbackOnly, err := frontOf(cfg)
	if err != nil {
		return nil, nil, err
	}
	i, err := a.Interface(front, loopbackOnly)
	if err != nil {
		return nil, nil, err
	}
	cfg.API, cfg.Raw = i.API, i.Raw
	srv, err := web.New(cfg)
	return srv, i.People, err
}

// ready reports whether the database answers.
func (a *App) ready(ctx context.Context) error {
	return a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		_, err := tx.Meta("installation")
		return err
	})
}

// ranges reads addresses and ranges of addresses.
func ranges(words []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, w := range words {
		p, err := netip.ParsePrefix(w)
		if ip, ipErr := netip.ParseAddr(w); ipErr == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: --behind-proxy %q: want an address or a range such as 10.0.0.0/8", retinue.ErrInvalid, w)
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("%w: --behind-proxy %q: anyone could then say from where they come", retinue.ErrInvalid, w)
		}
		out = append(out, p)
	}
	return out, nil
}
