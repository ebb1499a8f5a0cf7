package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// maxOffers is how many other contexts are offered by name.
const maxOffers = 20

// liveConnector reads the clusters of one or more contexts.
type liveConnector struct {
	clusters []*cluster
	others   []string // contexts that were not asked for
	env      connector.Env
}

func openLive(contexts []contextConfig, others []string, opts options, env connector.Env) (connector.Connector, error) {
	if opts.secrets == "" {
		opts.secrets = secretsNone
	}
	if opts.clusterUID != "" && len(contexts) > 1 {
		return nil, fmt.Errorf("%w: source kubernetes: option cluster-uid names one cluster, and there are %d contexts", retinue.ErrInvalid, len(contexts))
	}
	l := &liveConnector{others: others, env: env}
	for _, cc := range contexts {
		cc.config.UserAgent = env.UserAgent
		if env.Dial != nil {
			cc.config.Dial = env.Dial
			cc.config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
		}
		client, err := newClient(cc.config, env.Now, opts.page)
		if err != nil {
			return nil, fmt.Errorf("context %q: %w", retinue.CleanName(cc.name), err)
		}
		o := opts
		o.contextNamespace = cc.namespace
		l.clusters = append(l.clusters, &cluster{context: cc.name, config: cc.config, client: client, opts: o, env: env})
	}
	return l, nil
}

// Close implements connector.Connector.
func (l *liveConnector) Close() error {
	for _, c := range l.clusters {
		// The wrappers of client-go hide the transport from http.Client.
		utilnet.CloseIdleConnectionsFor(c.client.http.Transport)
	}
	return nil
}

// Discover implements connector.Connector. Contexts that lead to one cluster
// are one source: it is read through the first of them.
func (l *liveConnector) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if req.DryRun {
		l.wouldRead(sink)
		return ctx.Err()
	}
	l.offer(sink)
	read := map[retinue.Realm]string{}
	var failed []error
	for _, c := range l.clusters {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.announce()
		if err := c.identify(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed = append(failed, err)
			continue
		}
		if first, ok := read[c.realm]; ok {
			sink.Note(connector.Note{Kind: connector.NoteFold, Scope: retinue.Scope{Realm: c.realm}, Count: 1,
				Text: fmt.Sprintf("%s is the cluster that was read as %s", c.name(), first)})
			continue
		}
		read[c.realm] = c.name()
		if err := c.discover(ctx, sink); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// wouldRead says what a scan would read, by the kubeconfig alone.
func (l *liveConnector) wouldRead(sink connector.Sink) {
	for _, c := range l.clusters {
		note := func(text string) {
			sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: c.name() + ": " + text})
		}
		if c.config.ExecProvider != nil {
			note("run the credential plugin " + retinue.CleanName(c.config.ExecProvider.Command))
		}
		note("get the namespace kube-system, /version and /.well-known/openid-configuration")
		for _, k := range kinds() {
			if k == kindSecret && c.opts.secrets == secretsNone {
				continue
			}
			text := k.permission("list", "")
			switch {
			case k == kindSecret && c.opts.secrets == secretsMetadata:
				text += ", as a table without values"
			case k == kindSecret:
				text += ", with their values, which are fingerprinted and dropped"
			}
			note(text)
		}
	}
}

func (l *liveConnector) offer(sink connector.Sink) {
	for i, n := range l.others {
		if i == maxOffers {
			sink.Note(connector.Note{Kind: connector.NoteFold, Count: len(l.others) - i, Text: "further contexts of the kubeconfig were not read"})
			return
		}
		n = retinue.CleanName(n)
		sink.Note(connector.Note{Kind: connector.NoteOffer, Text: "the kubeconfig has the context " + n, Command: "kubernetes=context:" + n})
	}
}
