package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) serveCommand() *cobra.Command {
	var o app.ServeOptions
	var logFormat string
	c := &cobra.Command{Use: "serve", Short: "Serve the console and the interface",
		Long: `Serve the console and the interface over HTTP, and run scans, notices and
everything else that is scheduled.

Without TLS it listens on this machine only. To be reached from others, give it
a certificate (--tls-cert, --tls-key), have it get one (--acme-domain, on port
443), or put it behind a proxy that terminates TLS (--behind-proxy with the
proxy's address, and --public-url).

On a SQLite file the server is alone: other commands then go through it with
--server. On PostgreSQL any number of servers share the work.`,
		Args: cobra.NoArgs,
		Example: `  retinue serve
  retinue serve --listen :443 --acme-domain retinue.example.com
  retinue serve --listen 10.0.0.5:8420 --behind-proxy 10.0.0.4 --public-url https://retinue.example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.serve(cmd.Context(), o, logFormat) }}
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8420", "where to listen: host:port")
	f.StringVar(&o.PublicURL, "public-url", "", "how people reach the server, such as https://retinue.example.com (default: as --listen says)")
	f.StringVar(&o.TLSCert, "tls-cert", "", "file of the certificate chain, PEM; a renewed one is read without a restart")
	f.StringVar(&o.TLSKey, "tls-key", "", "file of its private key, PEM")
	f.StringVar(&o.ACMEDomain, "acme-domain", "", "get a certificate for this name from Let's Encrypt, or from --acme-directory (this accepts its terms)")
	f.StringVar(&o.ACMEDirectory, "acme-directory", "", "directory of another ACME authority, https (default: Let's Encrypt)")
	f.StringSliceVar(&o.BehindProxy, "behind-proxy", nil, "addresses or ranges of proxies that terminate TLS and whose X-Forwarded-For is believed")
	f.StringVar(&o.Metrics, "metrics", "", "where to serve /metrics for Prometheus, apart: host:port (default: nowhere)")
	f.BoolVar(&o.OneTimeLink, "sign-in-link", false, "print a link that signs you in once, without a password (on this machine only)")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	return c
}

func (e *env) serve(ctx context.Context, o app.ServeOptions, logFormat string) error {
	level := slog.LevelInfo
	if e.verbose {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(e.err, opts)
	switch logFormat {
	case "text":
	case "json":
		h = slog.NewJSONHandler(e.err, opts)
	default:
		return usageError{fmt.Errorf("--log-format %q: want text or json", logFormat)}
	}
	cfg, err := e.settings()
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, app.Options{Log: slog.New(h)})
	if err != nil {
		return err
	}
	o.Started = func(url string, _ net.Addr) { e.say("retinue serves %s", url) }
	o.Link = func(what, link string) { e.say("%s, once and within ten minutes:\n  %s", what, link) }
	return errors.Join(a.Serve(ctx, o), a.Close())
}
