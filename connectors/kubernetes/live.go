package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	// parallel is how many kinds are listed at once: a client of the API
	// server is asked to be modest, and the server's fairness queues others.
	parallel = 4
	// maxFallback is in how many namespaces a kind is tried that may not be
	// listed everywhere.
	maxFallback = 200
)

// secretMode says how much of Secrets is read.
type secretMode string

const (
	secretsNone        secretMode = "none"
	secretsMetadata    secretMode = "metadata"
	secretsFingerprint secretMode = "fingerprint"
)

// cluster is one API server as one context reaches it.
type cluster struct {
	context string // of the kubeconfig, "" in a cluster
	config  *rest.Config
	client  *client
	opts    options
	env     connector.Env
	realm   retinue.Realm // once identified
}

// announce names the server, and the program that gives the credentials,
// before the first call.
func (c *cluster) announce() {
	plugin := ""
	if c.config.ExecProvider != nil {
		plugin = c.config.ExecProvider.Command
	}
	c.env.Log.Info("calling kubernetes api server", "server", c.server(), "context", c.context, "credential_plugin", plugin)
	c.env.Progress(connector.Progress{Stage: "connecting to " + c.server()})
}

func (c *cluster) server() string { return c.client.base.String() }

func (c *cluster) name() string {
	if c.context == "" {
		return c.server()
	}
	return retinue.CleanName(c.context) + " (" + c.server() + ")"
}

// identify asks for the namespace kube-system, whose uid names the cluster: it
// is made once and cannot be deleted.
func (c *cluster) identify(ctx context.Context) error {
	given := c.opts.clusterUID
	var h head
	err := c.client.get(ctx, kindNamespace.path("")+"/kube-system", &h)
	if err != nil && given != "" && denied(err) {
		c.realm = retinue.NewRealm(realmKind, given)
		return nil
	}
	if err != nil && denied(err) {
		return fmt.Errorf("identify cluster %s: %w; allow get on namespaces, or give cluster-uid=", c.name(), err)
	}
	if err != nil {
		return fmt.Errorf("identify cluster %s: %w", c.name(), err)
	}
	if given != "" && h.Metadata.UID != given {
		return fmt.Errorf("%w: option cluster-uid=%s: %s is the cluster %s", retinue.ErrInvalid, given, c.name(), retinue.CleanName(clip(h.Metadata.UID, maxName)))
	}
	if !validName(h.Metadata.UID) {
		return fmt.Errorf("%w: identify cluster %s: namespace kube-system has no uid", retinue.ErrInvalid, c.name())
	}
	c.realm = retinue.NewRealm(realmKind, retinue.CleanName(h.Metadata.UID))
	return c.realm.Validate()
}

// discover reads the cluster.
func (c *cluster) discover(ctx context.Context, sink connector.Sink) error {
	m := newMapper(c.realm, c.env)
	m.scanner = c.opts.scanner
	r := newRun(m, sink, c.env)
	reader := &reader{cluster: c, run: r, read: map[string]bool{}}
	m.listed = reader.listed
	c.notes(sink)
	for _, step := range []func(context.Context) error{
		reader.readCluster, reader.readNamespaces,
		func(ctx context.Context) error { return reader.readKind(ctx, kindAccount) },
		reader.readMost,
		func(ctx context.Context) error { return reader.readKind(ctx, kindPod) },
		reader.finish,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (c *cluster) notes(sink connector.Sink) {
	scope := retinue.Scope{Realm: c.realm}
	if c.opts.secrets == secretsNone {
		sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Scope: scope, Text: "Secrets are not listed: those that pods and service accounts name are known by name only, others and the last use of legacy tokens not at all; secrets=metadata lists them"})
	}
	if c.config.Insecure {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: scope, Text: "the kubeconfig turns off the check of the server's certificate: whoever answers there gets the credentials"})
	}
}

// reader reads one cluster for one run.
type reader struct {
	*cluster
	run *run

	mu   sync.Mutex
	read map[string]bool // kinds and namespaces that were listed whole
	all  bool            // every namespace is known
	seen time.Time       // the server's time at the listing of namespaces
}

// listed reports whether a kind was listed whole in a namespace.
func (r *reader) listed(k kind, namespace string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read[k.element] || r.read[k.element+"/"+namespace]
}

// readCluster states the cluster itself.
func (r *reader) readCluster(ctx context.Context) error {
	scope := clusterScope(r.realm)
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := r.client.get(ctx, "/version", &version); err != nil && !r.tolerate(ctx, scope, err) {
		return ctx.Err()
	}
	issuer, err := r.issuer(ctx)
	if err != nil && !r.tolerate(ctx, scope, err) {
		return ctx.Err()
	}
	r.run.m.issuer = issuer
	if err := r.run.sink.Emit(scope, r.run.m.clusterFacts("", clip(retinue.CleanName(version.GitVersion), 64))...); err != nil {
		return err
	}
	return r.run.complete(scope, r.when(), "the server's own description", connector.AuthoritySystem)
}

// tolerate reports what failed unless it is not allowed or not there, which
// leaves an attribute empty. It returns false when the run has ended.
func (r *reader) tolerate(ctx context.Context, scope retinue.Scope, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if denied(err) || unserved(err) {
		r.run.sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Scope: scope, Text: "not readable: " + err.Error()})
		return true
	}
	r.run.problem(scope, err)
	return true
}

// issuer asks who issues the tokens of service accounts.
func (c *cluster) issuer(ctx context.Context) (string, error) {
	var d struct {
		Issuer string `json:"issuer"`
	}
	if err := c.client.get(ctx, "/.well-known/openid-configuration", &d); err != nil {
		return "", err
	}
	return clip(retinue.CleanName(d.Issuer), maxName), nil
}

// readNamespaces states the namespaces: all of them, or those that the options
// name.
func (r *reader) readNamespaces(ctx context.Context) error {
	l := r.run.listing(kindNamespace, r.server(), r.when())
	if len(r.opts.namespaces) > 0 {
		return r.readNamed(ctx, l)
	}
	err := r.list(ctx, l, "")
	if stop := stopped(ctx, err); stop != nil {
		return stop
	}
	if err == nil {
		err = l.bad
	}
	if err == nil {
		r.all, r.seen = true, l.time
		return nil
	}
	r.run.problem(kindNamespace.scope(r.realm, ""), err)
	if ns := r.opts.contextNamespace; ns != "" {
		r.run.exists(ns)
	}
	return nil
}

func (r *reader) readNamed(ctx context.Context, l *listing) error {
	for _, ns := range r.opts.namespaces {
		if strings.Contains(ns, "/") {
			return fmt.Errorf("%w: option namespaces: %q is no name", retinue.ErrInvalid, ns)
		}
		var raw json.RawMessage
		err := r.client.get(ctx, kindNamespace.path("")+"/"+ns, &raw)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.run.problem(namespaceScope(r.realm, ns), err)
			if !unserved(err) {
				r.run.exists(ns)
			}
		default:
			if err := l.object(raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// when is the server's time at its last answer.
func (r *reader) when() time.Time { return r.client.lastAnswer() }

// readMost reads the kinds whose order does not matter, some at a time.
func (r *reader) readMost(ctx context.Context) error {
	most := slices.DeleteFunc(kinds(), func(k kind) bool {
		return k == kindNamespace || k == kindAccount || k == kindPod || (k == kindSecret && r.opts.secrets == secretsNone)
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, parallel)
	for _, k := range most {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := r.readKind(ctx, k); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		})
	}
	wg.Wait()
	return first
}

// readKind lists a kind everywhere, or namespace by namespace where only that
// is allowed or asked for.
func (r *reader) readKind(ctx context.Context, k kind) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if k.namespaced && len(r.opts.namespaces) > 0 {
		return r.readEach(ctx, k, r.run.known())
	}
	l := r.run.listing(k, r.server(), r.when())
	err := r.list(ctx, l, "")
	if stop := stopped(ctx, err); stop != nil {
		return stop
	}
	if err != nil && k.namespaced && denied(err) {
		known := r.run.known()
		if len(known) > 0 && len(known) <= maxFallback {
			return r.readEach(ctx, k, known)
		}
		err = fmt.Errorf("%w; of %d namespaces, name those to read with namespaces=", err, len(known))
	}
	if err != nil && unserved(err) {
		r.run.sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Scope: retinue.Scope{Realm: r.realm}, Text: "the server does not serve " + k.resource + "." + k.group + "/" + k.version})
		return nil
	}
	if err == nil && l.bad == nil {
		r.mark(k.element)
	}
	return l.finish(r.run.known(), "listed everywhere to the last page, without a selector", err)
}

// readEach lists a kind in each of the namespaces.
func (r *reader) readEach(ctx context.Context, k kind, namespaces []string) error {
	for _, ns := range namespaces {
		l := r.run.listing(k, r.server(), r.when())
		err := r.list(ctx, l, ns)
		if stop := stopped(ctx, err); stop != nil {
			return stop
		}
		if err == nil && l.bad == nil {
			r.mark(k.element + "/" + ns)
		}
		if err := l.finish([]string{ns}, "listed in the namespace to the last page, without a selector", err); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) mark(what string) {
	r.mu.Lock()
	r.read[what] = true
	r.mu.Unlock()
}

// stopped returns the error that ends the run: the context's or the sink's.
func stopped(ctx context.Context, err error) error {
	var stop errSink
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &stop):
		return stop.error
	}
	return nil
}

// list reads a kind page by page into a listing.
func (r *reader) list(ctx context.Context, l *listing, namespace string) error {
	accept, visit := acceptJSON, func(_ *document, raw json.RawMessage) error { return l.object(raw) }
	if l.k == kindSecret && r.run.m.scanner == nil {
		accept, visit = acceptTable, func(d *document, raw json.RawMessage) error { return l.row(d, raw) }
	}
	l.progress()
	return r.client.list(ctx, l.k, namespace, accept, func(at time.Time) { l.time = at }, func(d *document, raw json.RawMessage) error {
		l.total = max(l.total, l.count+d.Metadata.RemainingItemCount)
		if l.count%500 == 499 {
			l.progress()
		}
		if err := visit(d, raw); err != nil {
			return errSink{err}
		}
		return nil
	})
}

// errSink marks an error of the sink, which ends the run.
type errSink struct{ error }

func (e errSink) Unwrap() error { return e.error }

// row states a Secret of which a table shows the metadata and the type.
func (l *listing) row(d *document, raw json.RawMessage) error {
	var row struct {
		Cells  []any `json:"cells"`
		Object struct {
			Metadata json.RawMessage `json:"metadata"`
		} `json:"object"`
	}
	if err := decode(raw, &row); err != nil {
		l.count++
		l.spoiled("", err)
		return nil
	}
	i := slices.Index(d.Columns, "Type")
	var typ string
	if i >= 0 && i < len(row.Cells) {
		typ, _ = row.Cells[i].(string)
	}
	if typ == "" {
		l.count++
		l.spoiled("", fmt.Errorf("%w: the server's table of Secrets has no column Type", retinue.ErrUnsupported))
		return nil
	}
	quoted, err := json.Marshal(typ)
	if err != nil {
		return fmt.Errorf("encode type: %w", err)
	}
	object := bytes.Join([][]byte{[]byte(`{"type":`), quoted, []byte(`,"metadata":`), row.Object.Metadata, []byte(`}`)}, nil)
	return l.object(object)
}

// finish says which namespaces there are, once every kind has been read.
func (r *reader) finish(context.Context) error {
	if !r.all {
		return nil
	}
	return r.run.completeNamespaces(r.seen, "all namespaces listed to the last page, without a selector")
}
