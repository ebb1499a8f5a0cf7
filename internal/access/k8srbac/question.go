package k8srbac

import (
	"slices"
	"strings"
)

// verbs are what can be asked for: those of requests to resources and to paths
// (Kubernetes documentation, "Authorization", section "Determine the request
// verb"), and those that the server asks for on other occasions.
func verbs() []string {
	return []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "head", "options", "post", "put",
		"bind", "escalate", "impersonate", "approve", "sign", "attest", "use", "*"}
}

// subresources are those that the server has, by which pods/exec is told from
// the resource exec of a namespace pods.
func subresources() []string {
	return []string{"approval", "attach", "binding", "ephemeralcontainers", "eviction", "exec", "finalize", "log", "portforward", "proxy",
		"resize", "scale", "status", "token", "*"}
}

// asked reads a question of people: see Engine. An empty resource gives
// attributes with the verb alone.
func asked(action, resource string) (Attributes, bool) {
	a := Attributes{Verb: action}
	if !slices.Contains(verbs(), action) {
		return a, false
	}
	if resource == "" || strings.HasPrefix(resource, "/") {
		a.Path = resource
		return a, true
	}
	path, name, named := strings.Cut(resource, ":")
	a.Name = name
	if named && name == "" {
		return a, false
	}
	parts := strings.Split(path, "/")
	switch len(parts) {
	case 1:
	case 2:
		if _, _, group := strings.Cut(parts[0], "."); !group && !slices.Contains(subresources(), parts[1]) {
			a.Namespace, parts = parts[0], parts[1:]
		}
	case 3:
		a.Namespace, parts = parts[0], parts[1:]
	default:
		return a, false
	}
	if a.Namespace == "*" {
		a.Namespace = ""
	}
	if len(parts) == 2 {
		a.Subresource = parts[1]
	}
	a.Resource, a.APIGroup, _ = strings.Cut(parts[0], ".")
	return a, word(a.Resource) && !slices.ContainsFunc(parts, func(p string) bool { return !word(p) })
}

// word reports whether a part of a resource's name can be one: other languages
// write theirs with spaces and capitals.
func word(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.*") == ""
}

// name writes what is asked about as people ask for it.
func (a *Attributes) name() string {
	if a.isPath() {
		return a.Path
	}
	s := a.Resource
	if a.APIGroup != "" {
		s += "." + a.APIGroup
	}
	if a.Subresource != "" {
		s += "/" + a.Subresource
	}
	if a.Namespace != "" {
		s = a.Namespace + "/" + s
	} else if a.Subresource != "" {
		s = "*/" + s
	}
	if a.Name != "" {
		s += ":" + a.Name
	}
	return s
}

// admitted reports whether admission control sees a request: those that write,
// and those that connect to something. Kubernetes documentation, "Admission
// Control in Kubernetes", section "What are they?".
func (a *Attributes) admitted() bool {
	if a.isPath() {
		return false
	}
	switch a.Verb {
	case "create", "update", "patch", "delete", "deletecollection", "*":
		return true
	case "get":
		return slices.Contains([]string{"exec", "attach", "portforward", "proxy"}, a.Subresource)
	}
	return false
}

// Admission is the layer that is not read: what it would refuse is not known
// from RBAC.
const Admission = "admission control (Pod Security, policies and webhooks)"
