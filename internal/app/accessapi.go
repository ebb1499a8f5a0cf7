package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// accessNote says what grants are: nobody should take them for an evaluation.
const accessNote = "What single documents say, one by one. Conditions, denies, boundaries and organisation policies are not applied: the truth may be less."

// consequences are the groups of sentences, the gravest first.
var consequences = []struct{ kind, title string }{
	{"administers", "Can do everything"},
	{"escalates", "Can gain further rights"},
	{"secrets", "Can read secrets"},
	{"writes", "Can change things"},
	{"reads", "Can read"},
	{"other", "Not known: the document was not seen or cannot be summed up"},
}

// Access implements api.Things.
func (a *App) Access(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf) (out api.GrantedAccess, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		out = accessOf(v.row, v.thing)
		return nil
	})
	return out, err
}

func accessOf(row store.ListRow, th *inventory.Thing) api.GrantedAccess {
	out := api.GrantedAccess{Note: accessNote, Grants: orEmpty(inventory.GrantsOf(row.Entity, th)), Limited: []string{}, Consequences: []api.Consequence{}}
	groups := map[string][]api.GrantSentence{}
	name := cmp.Or(row.Name, row.Key)
	for _, at := range th.Attachments {
		role := at.Attachment.Role
		switch role {
		case retinue.AttachTrust, retinue.AttachResource:
			continue
		case retinue.AttachBoundary, retinue.AttachServiceControl, retinue.AttachResourceControl, retinue.AttachDeny, retinue.AttachSession:
			out.Limited = append(out.Limited, fmt.Sprintf("%s %s", strings.ReplaceAll(string(role), "_", " "), cmp.Or(at.Policy.Policy.Name, at.Policy.Policy.Ref.Key)))
			continue
		}
		kind := consequence(at.Policy)
		if kind == "other" {
			out.Missing++
		}
		path := append(append([]string{name}, at.Path...), cmp.Or(at.Policy.Policy.Name, at.Policy.Policy.Ref.Key))
		for _, text := range sentencesOf(at.Policy) {
			groups[kind] = append(groups[kind], api.GrantSentence{Text: text, Policy: at.Policy.Policy.Name, Path: path, Within: at.Attachment.Within.Key})
		}
		out.Limited = append(out.Limited, limits(at.Policy)...)
	}
	for _, g := range out.Grants {
		if g.Kind != "grant" {
			continue
		}
		kind, text := "other", strings.Join(g.Privileges, ", ")+" on "+cmp.Or(g.Resource, "everything")
		if len(g.Privileges) > 0 {
			kind = privilegeKind(g.Privileges)
		}
		groups[kind] = append(groups[kind], api.GrantSentence{Text: text, Path: []string{name, cmp.Or(g.Via, "direct grant")}, Within: g.Within})
	}
	for _, c := range consequences {
		if s := groups[c.kind]; len(s) > 0 {
			out.Consequences = append(out.Consequences, api.Consequence{Kind: c.kind, Title: c.title, Sentences: s})
		}
	}
	slices.Sort(out.Limited)
	out.Limited = slices.Compact(out.Limited)
	return out
}

// consequence is the gravest thing that a policy gives.
func consequence(p *inventory.Policy) string {
	s := p.Summary
	switch {
	case !p.Known || p.Problem != "":
		return "other"
	case s.Admin:
		return "administers"
	case len(s.Escalates) > 0:
		return "escalates"
	case s.ReadsSecrets:
		return "secrets"
	case s.Writes:
		return "writes"
	}
	return "reads"
}

func sentencesOf(p *inventory.Policy) []string {
	switch {
	case p.Problem != "":
		return []string{"its document could not be read: " + p.Problem}
	case !p.Known:
		return []string{"its document was not seen"}
	case len(p.Summary.Sentences) > 0:
		return p.Summary.Sentences
	case len(p.Summary.Services) > 0:
		return []string{"some actions of " + strings.Join(p.Summary.Services, ", ")}
	}
	return []string{"nothing by itself"}
}

func limits(p *inventory.Policy) []string {
	name := cmp.Or(p.Policy.Name, p.Policy.Ref.Key)
	var out []string
	if p.Summary.Conditional {
		out = append(out, "conditions in "+name)
	}
	if p.Summary.HasDeny {
		out = append(out, "denies in "+name)
	}
	return out
}

// privilegeKind classes privileges of sources without a policy language: any
// that is not plainly reading counts as changing.
func privilegeKind(privileges []string) string {
	for _, p := range privileges {
		switch strings.ToLower(p) {
		case "select", "read", "usage", "connect", "viewer", "view", "get", "list", "pull", "triage":
		case "all", "admin", "owner", "superuser", "*":
			return "administers"
		default:
			return "writes"
		}
	}
	return "reads"
}

// trustSentence says who can become an identity, in words.
func trustSentence(t retinue.Trust, name string) string {
	who := cmp.Or(t.Name, t.Trustee.Key)
	switch t.Kind {
	case retinue.TrusteeAnyone:
		who = "anyone"
	case retinue.TrusteeService:
		who = "the service " + who
	case retinue.TrusteeAccount:
		who = "every principal of account " + who + " that its administrators allow"
	case retinue.TrusteeFederated:
		who = "tokens of " + who
		if t.Federation != nil && t.Federation.Subject != "" {
			who += " for the subject " + t.Federation.Subject
		}
	case retinue.TrusteeKey:
		who = "the holder of the key " + who
	}
	out := who + " can act as " + name
	if t.Vendor != "" {
		out += "; it belongs to " + t.Vendor
	}
	if t.ThirdParty {
		out += ", a third party"
	}
	if len(t.Conditions) > 0 {
		out += "; limited by " + strings.Join(t.Conditions, ", ")
	}
	return out
}
