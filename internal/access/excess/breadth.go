package excess

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Breadth says how much of what there is a grant is about.
type Breadth string

// The breadths, widest first.
const (
	Everything Breadth = "everything"
	Type       Breadth = "type"  // every resource of a type or container
	Part       Breadth = "part"  // those whose name fits a pattern
	Named      Breadth = "named" // those that are named
)

// weight is the breadth's part in a factor.
func (b Breadth) weight() float64 {
	switch b {
	case Everything:
		return 1
	case Type:
		return 0.8
	case Part:
		return 0.5
	}
	return 0.25
}

// limited is the most that a grant within a namespace or a database counts.
const limited = 0.6

// BreadthOf says how much the resources of a grant are; none means everything.
func BreadthOf(resources []string) Breadth {
	if len(resources) == 0 {
		return Everything
	}
	widest := Named
	for _, r := range resources {
		if b := breadthOf(r); b.weight() > widest.weight() {
			widest = b
		}
	}
	return widest
}

// arnSegments are the parts of an ARN; the last names the resource.
const arnSegments = 6

func breadthOf(resource string) Breadth {
	switch {
	case strings.Trim(resource, "*:/.") == "":
		return Everything // also the empty name, and / for the root of a hierarchy
	case !strings.ContainsAny(resource, "*?"):
		return container(resource)
	}
	// A policy variable keeps a pattern to what is the caller's own.
	if strings.Contains(resource, "${") {
		return Part
	}
	name := resource
	if strings.HasPrefix(resource, "arn:") {
		parts := strings.SplitN(resource, ":", arnSegments)
		if len(parts) < arnSegments {
			return Type // arn:aws:s3*, whatever it ends in
		}
		if strings.Trim(parts[2], "*") == "" {
			return Everything
		}
		name = arnName(parts[2], parts[5])
	} else if i := strings.LastIndexAny(strings.TrimRight(resource, "*"), "/: "); i >= 0 {
		name = strings.TrimRight(resource, "*")[i+1:] + "*"
	}
	if strings.HasPrefix(name, "*") || strings.Trim(name, "*?/:") == "" {
		return Type
	}
	return Part
}

// arnName is the resource's own name in the last part of an ARN, which mostly
// has the type before it. Services with one type only leave that out ("Actions,
// resources, and condition keys for AWS services").
func arnName(service, rest string) string {
	switch service {
	case "s3", "sns", "sqs", "events", "execute-api":
		return rest
	}
	if i := strings.IndexAny(rest, "/:"); i >= 0 {
		return rest[i+1:]
	}
	return rest
}

// container recognises names of what holds everything of an organisation or
// account: Azure's scopes above resource groups and Google Cloud's above
// resources.
func container(resource string) Breadth {
	lower := strings.ToLower(strings.Trim(resource, "/"))
	lower = strings.TrimPrefix(lower, "cloudresourcemanager.googleapis.com/")
	parts := strings.Split(lower, "/")
	if len(parts) == 2 {
		switch parts[0] {
		case "organizations", "folders", "projects", "subscriptions":
			return Type
		}
	}
	if len(parts) == 4 && parts[0] == "providers" && parts[2] == "managementgroups" {
		return Type
	}
	if len(parts) == 4 && parts[0] == "subscriptions" && parts[2] == "resourcegroups" {
		return Part
	}
	return Named
}

// held is a grant with what was measured of it.
type held struct {
	*access.Held
	breadth Breadth
	// reach is breadth and certainty together, between 0 and 1.
	reach float64
}

func measure(h *access.Held) held {
	b := BreadthOf(h.Resources)
	if isKubernetes(h) {
		b = kubernetesBreadth(h.Resources)
	}
	reach := b.weight()
	if h.Within != "" {
		reach = min(reach, limited)
	}
	return held{Held: h, breadth: b, reach: reach * certainty(h.Outcome)}
}

// kubernetesVerbs are the verbs of requests to a cluster (Kubernetes
// documentation, "Authorization", request verbs), and those that RBAC adds.
const kubernetesVerbs = " get list watch create update patch delete deletecollection impersonate bind escalate approve sign use attest proxy * "

// isKubernetes reports whether a grant is in the words of Kubernetes, where
// resources are kinds of things: "secrets", "pay/secrets", "pay/secrets:db".
func isKubernetes(h *access.Held) bool {
	for _, a := range h.Actions {
		if !strings.Contains(kubernetesVerbs, " "+a+" ") {
			return false
		}
	}
	for _, r := range h.Resources {
		if strings.HasPrefix(r, "arn:") || strings.HasPrefix(r, "/") || strings.Contains(r, " ") {
			return false
		}
	}
	return len(h.Actions) > 0 && len(h.Resources) > 0
}

func kubernetesBreadth(resources []string) Breadth {
	widest := Named
	for _, r := range resources {
		switch {
		case r == "*":
			return Everything
		case !strings.Contains(r, ":"):
			widest = Type
		}
	}
	return widest
}

// words are the grant's actions in the words of the table of combinations: with
// the kind of resource behind them where the action alone says nothing.
func (h held) words() []string {
	var out []string
	kubernetes := isKubernetes(h.Held)
	for _, a := range h.Actions {
		lower := strings.ToLower(a)
		if !kubernetes {
			out = append(out, lower)
		}
		if strings.ContainsAny(a, ":./") {
			continue
		}
		for _, r := range h.Resources[:min(len(h.Resources), MaxList)] {
			if kubernetes {
				if _, after, ok := strings.Cut(r, "/"); ok {
					r = after // the namespace
				}
				r, _, _ = strings.Cut(r, ":")
			}
			out = append(out, lower+" "+strings.ToLower(r))
		}
	}
	return out
}

func certainty(o access.Outcome) float64 {
	switch o {
	case access.Allowed:
		return 1
	case access.Conditional:
		return 0.7
	case access.Unknown:
		return 0.4
	}
	return 0 // what is denied is not held
}

func administers(list []held) bool {
	for _, h := range list {
		if h.Consequence == access.Administers && h.reach == 1 {
			return true
		}
	}
	return false
}
