package kubernetes

import (
	"context"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// reviewPath is where one asks what one may do oneself. The question is posted
// and changes nothing.
const reviewPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

// access is one thing that one may or may not be allowed to do.
type access struct {
	Verb        string `json:"verb"`
	Group       string `json:"group,omitempty"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
}

type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		ResourceAttributes access `json:"resourceAttributes"`
	} `json:"spec"`
}

// allowed asks the server.
func (c *cluster) allowed(ctx context.Context, a access) (bool, error) {
	q := review{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
	q.Spec.ResourceAttributes = a
	var answer struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	err := c.client.ask(ctx, reviewPath, q, &answer)
	return answer.Status.Allowed, err
}

// whoami asks under which name the server knows the caller; servers before
// 1.28 do not say.
func (c *cluster) whoami(ctx context.Context) string {
	q := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}{"authentication.k8s.io/v1", "SelfSubjectReview"}
	var answer struct {
		Status struct {
			UserInfo struct {
				Username string `json:"username"`
			} `json:"userInfo"`
		} `json:"status"`
	}
	if c.client.ask(ctx, "/apis/authentication.k8s.io/v1/selfsubjectreviews", q, &answer) != nil {
		return ""
	}
	return retinue.CleanName(clip(answer.Status.UserInfo.Username, maxName))
}

// Check implements connector.Connector. It looks at every context and answers
// for the first.
func (l *liveConnector) Check(ctx context.Context) (connector.Access, error) {
	var out connector.Access
	var names []string
	for i, c := range l.clusters {
		c.announce()
		if err := c.identify(ctx); err != nil {
			return connector.Access{}, err
		}
		a, err := c.check(ctx)
		if err != nil {
			return connector.Access{}, err
		}
		names = append(names, c.name())
		if i == 0 {
			out = a
			continue
		}
		out.Missing = append(out.Missing, a.Missing...)
		out.CouldRead = append(out.CouldRead, a.CouldRead...)
		out.Calls += a.Calls
	}
	out.Name = strings.Join(names, ", ")
	return out, nil
}

func (c *cluster) check(ctx context.Context) (connector.Access, error) {
	a := connector.Access{Realm: c.realm, Principal: c.whoami(ctx), Calls: 3}
	for _, k := range kinds() {
		if k == kindSecret && c.opts.secrets == secretsNone {
			continue
		}
		a.Calls++
		missing, err := c.missing(ctx, k)
		if err != nil {
			return connector.Access{}, err
		}
		a.Missing = append(a.Missing, missing...)
	}
	if _, err := c.issuer(ctx); denied(err) {
		a.Missing = append(a.Missing, connector.Missing{
			Permission: "get on the path /.well-known/openid-configuration", Scope: clusterScope(c.realm),
			Consequence: "the issuer of service account tokens is not known, so trusts of clouds are matched by subject only",
		})
	}
	var err error
	a.CouldRead, err = c.couldRead(ctx)
	return a, err
}

// missing asks whether a kind may be listed everywhere, or in the namespaces
// that the options name.
func (c *cluster) missing(ctx context.Context, k kind) ([]connector.Missing, error) {
	namespaces := []string{""}
	if k.namespaced && len(c.opts.namespaces) > 0 {
		namespaces = c.opts.namespaces
	}
	var out []connector.Missing
	for _, ns := range namespaces {
		ok, err := c.allowed(ctx, access{Verb: "list", Group: k.group, Resource: k.resource, Namespace: ns})
		if err != nil {
			return nil, err
		}
		if ok || (k == kindNamespace && len(c.opts.namespaces) > 0) {
			continue
		}
		scope := k.scope(c.realm, ns)
		if k.namespaced && ns == "" {
			scope = kindNamespace.scope(c.realm, "")
		}
		out = append(out, connector.Missing{
			Permission: k.permission("list", ns), Scope: scope,
			Consequence: k.resource + " are not seen, except in namespaces where listing them is allowed",
		})
	}
	return out, nil
}

// couldRead names what the credentials allow beyond what is read.
func (c *cluster) couldRead(ctx context.Context) ([]string, error) {
	var out []string
	for _, p := range []struct {
		access
		text string
	}{
		{access{Verb: "list", Resource: "secrets"}, "every Secret with its value (list secrets): Kubernetes cannot grant the names alone"},
		{access{Verb: "create", Resource: "serviceaccounts", Subresource: "token"}, "anything that any service account can: it may issue their tokens (create serviceaccounts/token)"},
		{access{Verb: "create", Resource: "pods", Subresource: "exec"}, "files and variables of every container (create pods/exec)"},
		{access{Verb: "get", Resource: "pods", Subresource: "log"}, "the logs of every container (get pods/log)"},
		{access{Verb: "impersonate", Resource: "users"}, "anything that any user can (impersonate users)"},
		{access{Verb: "list", Resource: "configmaps"}, "every ConfigMap (list configmaps)"},
	} {
		ok, err := c.allowed(ctx, p.access)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, p.text)
		}
	}
	return out, nil
}
