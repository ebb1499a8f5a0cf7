package inventory

import (
	"errors"
	"iter"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// Grant is one thing that a principal is granted, as its source states it: a
// policy attached to it directly or through a group, or a privilege given
// without a policy language. It is what the documents say, not an evaluation.
type Grant struct {
	ID           retinue.EntityID       `json:"id"` // of the principal
	Source       string                 `json:"source"`
	Kind         string                 `json:"kind"` // attachment role, or "grant"
	Key          string                 `json:"key"`  // the principal's own key
	Name         string                 `json:"name"` // the principal's name
	Class        retinue.Class          `json:"class,omitempty"`
	Policy       string                 `json:"policy,omitempty"`
	PolicyKey    string                 `json:"policyKey,omitempty"`
	Language     retinue.PolicyLanguage `json:"language,omitempty"`
	Privileges   []string               `json:"privileges,omitempty"`
	Resource     string                 `json:"resource,omitempty"`
	Within       string                 `json:"within,omitempty"`
	Via          string                 `json:"via,omitempty"`
	Path         []string               `json:"path,omitempty"`
	Admin        bool                   `json:"admin,omitempty"`
	Sentences    []string               `json:"sentences,omitempty"`
	Conditional  bool                   `json:"conditional,omitempty"`
	HasDeny      bool                   `json:"hasDeny,omitempty"`
	DocumentSeen bool                   `json:"documentSeen"`
}

// Lister yields what entities a query selects, a page at a time, so that
// nothing is open while one page is worked on.
type Lister interface {
	EntityPages(q store.EntityQuery, size int) iter.Seq2[[]store.Entity, error]
}

// Grants yields what each of the entities that a query selects is granted.
// Entities that are not principals yield nothing.
func (t *Things) Grants(l Lister, q store.EntityQuery) iter.Seq2[Grant, error] {
	return func(yield func(Grant, error) bool) {
		for page, err := range l.EntityPages(q, grantPage) {
			if err != nil {
				yield(Grant{}, err)
				return
			}
			for _, e := range page {
				th, err := t.Thing(e.InternalKey)
				if errors.Is(err, retinue.ErrNotFound) {
					continue // it has ended
				}
				if err != nil {
					yield(Grant{}, err)
					return
				}
				for _, g := range GrantsOf(e, th) {
					if !yield(g, nil) {
						return
					}
				}
			}
		}
	}
}

const grantPage = 500

// GrantsOf lists what one thing is granted. Trust and resource policies say
// what others may do and are left out.
func GrantsOf(e store.Entity, th *Thing) []Grant {
	base := Grant{ID: e.ID, Source: e.Source, Key: e.Key, Name: e.Name, Class: e.Class}
	var out []Grant
	for _, a := range th.Attachments {
		if a.Attachment.Role == retinue.AttachTrust || a.Attachment.Role == retinue.AttachResource {
			continue
		}
		g := base
		g.Kind = string(a.Attachment.Role)
		p := a.Policy
		g.Policy, g.PolicyKey, g.Language = p.Policy.Name, p.Policy.Ref.Key, p.Policy.Language
		g.Within, g.Via, g.Path, g.DocumentSeen = a.Attachment.Within.Key, a.Attachment.Via.Key, a.Path, p.Known && p.Problem == ""
		g.summarise(p)
		out = append(out, g)
	}
	for _, d := range th.Grants {
		if !isSubject(th, d.Subject) {
			continue
		}
		g := base
		g.Kind, g.Privileges, g.Via, g.DocumentSeen = "grant", d.Privileges, d.Via.Key, true
		g.Resource = d.ResourceName
		if g.Resource == "" {
			g.Resource = d.Resource.Key
		}
		g.Conditional = d.Condition != ""
		out = append(out, g)
	}
	return out
}

func isSubject(th *Thing, subject retinue.Ref) bool {
	for _, r := range th.Refs {
		if r == subject {
			return true
		}
	}
	return false
}

// summarise says in words what the document gives.
func (g *Grant) summarise(p *Policy) {
	s := p.Summary
	g.Admin, g.Sentences, g.Conditional, g.HasDeny = s.Admin, s.Sentences, s.Conditional, s.HasDeny
	switch {
	case p.Problem != "":
		g.Sentences = []string{"its document could not be read: " + p.Problem}
	case !p.Known:
		g.Sentences = []string{"its document was not seen"}
	case len(g.Sentences) == 0 && len(s.Services) > 0:
		g.Sentences = []string{"some actions of " + strings.Join(s.Services, ", ")}
	}
}
