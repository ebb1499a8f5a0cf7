package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

const (
	realmKind = "kubernetes"

	defaultPage = 500
	maxPage     = 5000
)

// options are the settings of a source, checked.
type options struct {
	namespaces []string
	secrets    secretMode
	clusterUID string
	page       int
	// contextNamespace is the namespace that the kubeconfig's context names.
	contextNamespace string
	// scanner tells what values of Secrets are, with secretsFingerprint.
	scanner *secrets.Scanner
}

func readOptions(cfg connector.Config) (options, error) {
	o := options{
		namespaces: cfg.List("namespaces"), secrets: secretMode(cfg.Option("secrets", "")),
		clusterUID: cfg.Option("cluster-uid", ""), page: defaultPage,
	}
	slices.Sort(o.namespaces)
	o.namespaces = slices.Compact(o.namespaces)
	if v := cfg.Option("page-size", ""); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxPage {
			return options{}, fmt.Errorf("%w: source kubernetes: option page-size=%q: want a number from 1 to %d", retinue.ErrInvalid, v, maxPage)
		}
		o.page = n
	}
	if o.clusterUID != "" {
		if err := retinue.NewRealm(realmKind, o.clusterUID).Validate(); err != nil {
			return options{}, fmt.Errorf("source kubernetes: option cluster-uid: %w", err)
		}
	}
	return o, nil
}

// open makes the connector that a target asks for. It reads the kubeconfig and
// the beginning of files and calls nobody.
func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	opts, err := readOptions(cfg)
	if err != nil {
		return nil, err
	}
	if opts.secrets == secretsFingerprint {
		if opts.scanner, err = secrets.Default(); err != nil {
			return nil, fmt.Errorf("source kubernetes: prepare to read values: %w", err)
		}
	}
	target := expand(cfg.Target, env)
	if target == "in-cluster" {
		rc, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("%w: source kubernetes: in-cluster: %v", retinue.ErrInvalid, err)
		}
		return openLive([]contextConfig{{config: rc}}, nil, opts, env)
	}
	if name, ok := strings.CutPrefix(target, "context:"); ok {
		return openKubeconfig("", []string{name}, opts, env)
	}
	if target != "" {
		isExport, err := looksExported(target)
		if err != nil {
			return nil, err
		}
		if isExport {
			if cfg.Option("contexts", "") != "" {
				return nil, fmt.Errorf("%w: source kubernetes: option contexts: %s holds objects and not contexts", retinue.ErrInvalid, target)
			}
			return &exportConnector{path: target, opts: opts, env: env}, nil
		}
	}
	return openKubeconfig(target, cfg.List("contexts"), opts, env)
}

// expand replaces a leading ~ by the home folder.
func expand(path string, env connector.Env) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator) {
		if home := env.Getenv("HOME"); home != "" {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// looksExported tells objects that kubectl printed from a kubeconfig: a folder,
// or a file whose first value is JSON of another kind than Config.
func looksExported(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, fileError("open", path, err)
	}
	if info.IsDir() {
		return true, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, fileError("open", path, err)
	}
	defer func() { _ = f.Close() }()
	start := make([]byte, 64<<10)
	n, _ := f.Read(start)
	start = bytes.TrimSpace(bytes.TrimPrefix(start[:n], []byte("\xef\xbb\xbf")))
	if len(start) == 0 || (start[0] != '{' && start[0] != '[') {
		return false, nil
	}
	var config struct {
		Kind           string `json:"kind"`
		CurrentContext string `json:"current-context"`
	}
	if json.Unmarshal(start, &config) == nil && (config.Kind == "Config" || config.CurrentContext != "") {
		return false, nil
	}
	return true, nil
}

func fileError(verb, path string, err error) error {
	kind := retinue.ErrUnavailable
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = retinue.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		kind = retinue.ErrDenied
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%w: %s %s: %w", kind, verb, retinue.CleanName(path), err)
}

// contextConfig is one context of a kubeconfig, ready to call.
type contextConfig struct {
	name      string
	namespace string
	config    *rest.Config
}

// openKubeconfig reads a kubeconfig, by default those of $KUBECONFIG or
// ~/.kube/config, and takes the named contexts, all of them, or the current one.
func openKubeconfig(path string, wanted []string, opts options, env connector.Env) (connector.Connector, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: path}
	if path == "" {
		rules.Precedence = filepath.SplitList(env.Getenv("KUBECONFIG"))
		if len(rules.Precedence) == 0 {
			rules.Precedence = []string{filepath.Join(env.Getenv("HOME"), ".kube", "config")}
		}
	}
	from := path
	if from == "" {
		from = strings.Join(rules.Precedence, string(filepath.ListSeparator))
	}
	from = retinue.CleanName(from)
	config, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("%w: read kubeconfig %s: %s", retinue.ErrInvalid, from, retinue.CleanName(clip(err.Error(), 300)))
	}
	names, others, err := chooseContexts(config, wanted, from)
	if err != nil {
		return nil, err
	}
	var out []contextConfig
	for _, n := range names {
		cc := clientcmd.NewNonInteractiveClientConfig(*config, n, &clientcmd.ConfigOverrides{}, rules)
		rc, err := cc.ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("%w: kubeconfig %s: context %q: %s", retinue.ErrInvalid, from, n, retinue.CleanName(clip(err.Error(), 300)))
		}
		if rc.AuthProvider != nil {
			return nil, fmt.Errorf("%w: kubeconfig %s: context %q: auth-provider %q was removed from Kubernetes clients; use a credential plugin (exec)", retinue.ErrUnsupported, from, n, rc.AuthProvider.Name)
		}
		ns, _, _ := cc.Namespace()
		out = append(out, contextConfig{name: n, namespace: ns, config: rc})
	}
	return openLive(out, others, opts, env)
}

// chooseContexts returns the contexts to read and the names of the others.
func chooseContexts(config *clientapi.Config, wanted []string, from string) (names, others []string, err error) {
	all := make([]string, 0, len(config.Contexts))
	for n := range config.Contexts {
		all = append(all, n)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("%w: kubeconfig %s: no contexts in it", retinue.ErrNotFound, from)
	}
	switch {
	case len(wanted) == 1 && (wanted[0] == "all" || wanted[0] == "*"):
		return all, nil, nil
	case len(wanted) == 0 && config.CurrentContext == "":
		return nil, nil, fmt.Errorf("%w: kubeconfig %s: no current context: name some of %s with contexts=, or contexts=all", retinue.ErrInvalid, from, retinue.CleanName(strings.Join(all, ", ")))
	case len(wanted) == 0:
		wanted = []string{config.CurrentContext}
	}
	for _, w := range wanted {
		if !slices.Contains(all, w) {
			return nil, nil, fmt.Errorf("%w: kubeconfig %s: no context %q: it has %s", retinue.ErrNotFound, from, w, retinue.CleanName(strings.Join(all, ", ")))
		}
	}
	others = slices.DeleteFunc(all, func(n string) bool { return slices.Contains(wanted, n) })
	return wanted, others, nil
}
