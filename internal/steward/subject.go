package steward

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Subject is an identity as rules see it.
type Subject struct {
	Name    string
	Key     string // the vendor's
	Realm   retinue.Realm
	Kind    retinue.IdentityKind
	Subtype string
	Labels  map[string]string
	// Sources are the names of the sources that state it.
	Sources []string
	// Containers are what is around it, the nearest first.
	Containers []Container
	// Declared are the files that declare it.
	Declared []retinue.Place
	// Application is the one that it is registered for.
	Application string
	// Owner and Backup are what a person registered.
	Owner, Backup string
}

// Container is something around an identity.
type Container struct {
	ID     retinue.EntityID
	Key    string
	Name   string
	Kind   retinue.ContainerKind
	Labels map[string]string
}

func (s *Subject) accounts() []string {
	out := s.containers(retinue.ContainerAccount, retinue.ContainerProject, retinue.ContainerOrganization)
	if s.Realm.Kind() == "aws" { // the realm is the account
		out = append(out, s.Realm.ID())
	}
	return out
}

func (s *Subject) namespaces() []string { return s.containers(retinue.ContainerNamespace) }

func (s *Subject) units() []string {
	out := s.containers()
	for _, c := range s.Containers {
		out = append(out, string(c.ID))
	}
	return out
}

// containers are the keys and names of the containers of some kinds, or of
// all.
func (s *Subject) containers(kinds ...retinue.ContainerKind) []string {
	var out []string
	for _, c := range s.Containers {
		if len(kinds) > 0 && !slices.Contains(kinds, c.Kind) {
			continue
		}
		out = append(out, c.Name, c.Key)
	}
	return slices.DeleteFunc(out, func(v string) bool { return v == "" })
}

func (s *Subject) repositories() []string {
	out := s.containers(retinue.ContainerRepository)
	for _, p := range s.Declared {
		if p.Container.Kind == "repository" {
			out = append(out, p.Container.Key)
		}
	}
	return out
}

func (s *Subject) paths() []string {
	out := make([]string, 0, len(s.Declared))
	for _, p := range s.Declared {
		out = append(out, p.Path)
	}
	return out
}

// tags are labels as key=value and as a key alone, its own first.
func (s *Subject) tags() []string {
	var out []string
	add := func(labels map[string]string) {
		keys := make([]string, 0, len(labels))
		for k := range labels {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			out = append(out, k+"="+labels[k], k)
		}
	}
	add(s.Labels)
	for _, c := range s.Containers {
		add(c.Labels)
	}
	return out
}

func (s *Subject) applications() []string {
	var out []string
	if s.Application != "" {
		out = append(out, s.Application)
	}
	for _, labels := range append([]map[string]string{s.Labels}, containerLabels(s.Containers)...) {
		for _, k := range []string{"application", "app", "app.kubernetes.io/part-of", "app.kubernetes.io/name", "service"} {
			if v := labels[k]; v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

func containerLabels(list []Container) []map[string]string {
	out := make([]map[string]string, len(list))
	for i, c := range list {
		out[i] = c.Labels
	}
	return out
}

func (s *Subject) names() []string {
	if s.Name == s.Key {
		return []string{s.Key}
	}
	return slices.DeleteFunc([]string{s.Name, s.Key}, func(v string) bool { return v == "" })
}

func (s *Subject) sources() []string { return s.Sources }

func (s *Subject) kinds() []string {
	return slices.DeleteFunc([]string{string(s.Kind), s.Subtype}, func(v string) bool { return v == "" })
}

// Glob reports whether a text matches a pattern in which * stands for any
// characters and ? for one, without regard to case. It takes time in
// proportion to the product of their lengths at worst.
func Glob(pattern, text string) bool {
	p, t := []rune(strings.ToLower(pattern)), []rune(strings.ToLower(text))
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			i = star + 1
			mark++
			j = mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
