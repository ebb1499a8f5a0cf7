// Package account answers what the identities of AWS accounts can do, from the
// facts of all accounts in an inventory.
//
// An [Engine] puts every question to the evaluator of package awsiam with all
// layers that were read in force: the policies of the identity and of its
// groups, its permissions boundary, the organisation's service control policies
// over its account and the resource control policies over the account of the
// resource, and the resource's own policy (a role's is its trust policy). The
// context of a question is open: what the caller or the circumstances decide
// stands in Decision.Remains. Three things are taken as settled: requests come
// by TLS, as those of AWS's own tools do (aws:SecureTransport); they are made
// by the identity and not by a service on its behalf (aws:CalledVia,
// aws:ViaAWSService); and the tags that the inventory holds of an identity are
// all that it has.
//
// # Layers that were not read
//
// Service and resource control policies are read where the account lies in an
// organisation whose policies were listed whole. A resource's policy is read
// where the inventory holds the resource and the listing of such policies was
// whole; services without resource-based policies have none. What was not read
// stands in Decision.Unread of a yes, and makes a no Unknown where it could
// allow. Documents of AWS's managed policies that no source brought come from
// the reference data (package awsdata).
//
// # Actions and resources
//
// An action is service:Name in any case. One with a wildcard, such as "s3:Get*",
// asks for all that it covers: the answer is a yes only if every known action
// that the pattern covers is allowed, and one that AWS may add. A resource is an
// ARN without wildcards, or "*" for actions that have none. The empty resource
// means any: the answer is the best over the resource patterns that the
// statements name and the resources of the inventory.
package account

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
)

// Engine answers for all AWS accounts of an inventory. It is not changed after
// it is made and may be asked from several goroutines.
type Engine struct {
	data  *awsdata.Data
	kinds *Consequences
	forms *forms
	state *escalate.State

	principals []*principal // sorted by Ref
	byRef      map[retinue.Ref]*principal
	resources  map[string]*resource // by ARN
	accounts   map[string]*account
	index      *index
	distinct   []*text // all documents
	whole      map[retinue.Scope]bool
	terraform  map[retinue.Realm]bool // a Terraform state was read
	realms     []access.Known
	gaps       map[retinue.Realm][]string
}

// Language is "aws".
func (e *Engine) Language() string { return "aws" }

// Realms are the accounts, with what was not read of each.
func (e *Engine) Realms() []access.Known { return slices.Clone(e.realms) }

// Asks reports whether an action is of a service that AWS has, and the resource
// an ARN.
func (e *Engine) Asks(action, resource string) bool {
	arn := strings.HasPrefix(resource, "arn:")
	if resource != "" && resource != "*" && !arn {
		return false
	}
	if action == "*" {
		return true
	}
	service, name, ok := strings.Cut(action, ":")
	if !ok || name == "" || strings.ContainsAny(name, ": /") {
		return false
	}
	_, known := e.data.Service(service)
	return known || arn && service != "" && strings.Trim(strings.ToLower(service), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// known puts the realms together with what is missing of each.
func (e *Engine) known(gaps map[retinue.Realm][]string) {
	for _, id := range sortedAccounts(e.principals) {
		realm := retinue.NewRealm("aws", id)
		k := access.Known{Realm: realm, Gaps: slices.Clone(gaps[realm])}
		a := e.accounts[id]
		if a.organization != "" {
			k.Gaps = append(k.Gaps, gaps[retinue.NewRealm("aws", a.organization)]...)
		}
		if !a.read {
			k.Narrowing = append(k.Narrowing, "the organisation's policies over the account were not read")
		}
		k.Gaps = append(k.Gaps, e.gaps[realm]...)
		e.realms = append(e.realms, k)
	}
}

func sortedAccounts(principals []*principal) []string {
	var out []string
	for _, p := range principals {
		if id := p.account.id; len(out) == 0 || out[len(out)-1] != id {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// finish joins what was taken.
func (l *loader) finish(e *Engine, whole []retinue.Scope) {
	e.whole, e.terraform = make(map[retinue.Scope]bool, len(whole)), make(map[retinue.Realm]bool)
	for _, s := range whole {
		e.whole[s] = true
		if strings.HasPrefix(s.Path, "terraform/") {
			e.terraform[s.Realm] = true
		}
	}
	l.managed(e.data)
	e.byRef = l.principals
	for ref, p := range l.principals {
		if !p.known {
			delete(l.principals, ref)
			continue
		}
		p.account = l.accountOf(p.as.Account(), e.whole)
		p.groups = sortedGroups(p.groups)
		e.principals = append(e.principals, p)
	}
	slices.SortFunc(e.principals, func(a, b *principal) int { return a.ref.Compare(b.ref) })
	e.resources = make(map[string]*resource)
	for ref, r := range l.resources {
		r.account = l.accountOf(ref.Realm.ID(), e.whole)
		if have := e.resources[ref.Key]; have == nil || !have.known && r.known {
			e.resources[ref.Key] = r
		}
	}
	for _, p := range e.principals {
		l.missing(p)
	}
	e.accounts, e.gaps = l.accounts, l.gaps
	l.number()
	e.distinct = l.distinct
	e.index = newIndex(e.principals, l.distinct)
	for _, p := range e.principals {
		e.index.guard(p.ref.Key, p.trust)
	}
	for arn, r := range e.resources {
		e.index.guard(arn, r.policies)
	}
	e.index.closed()
}

// principalOf finds a principal by its ARN, or returns nil.
func (e *Engine) principalOf(arn string) *principal {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "iam" {
		return nil
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	return e.byRef[retinue.NewRef(retinue.NewRealm("aws", parts[4]), kind, arn)]
}

func sortedGroups(groups []*group) []*group {
	slices.SortFunc(groups, func(a, b *group) int { return a.ref.Compare(b.ref) })
	return slices.Compact(groups)
}

// number gives policies and groups their numbers.
func (l *loader) number() {
	n := int32(0)
	for _, p := range l.policies {
		n++
		p.number = n
	}
	for _, g := range l.groups {
		n++
		g.number = n
	}
}

// managed fills in the documents of AWS's managed policies that no source
// brought.
func (l *loader) managed(data *awsdata.Data) {
	for ref, p := range l.policies {
		if p.Policy == nil && ref.Realm.ID() == "aws" {
			if m, ok := data.ManagedPolicy(ref.Key); ok {
				l.parse(p, m.Document)
			}
		}
	}
}

// missing notes the documents of a principal that were not read.
func (l *loader) missing(p *principal) {
	for _, list := range [][]*policy{p.own, p.boundary, p.trust} {
		for _, doc := range list {
			if doc.Policy == nil {
				l.gap(p.ref.Realm, fmt.Sprintf("the document of %s, attached to %s, was not read", doc.ref.Key, p.ref.Key))
			}
		}
	}
	for _, g := range p.groups {
		if !g.known {
			l.gap(p.ref.Realm, fmt.Sprintf("the policies of %s, of which %s is a member, were not read", g.ref.Key, p.ref.Key))
		}
	}
}

// unread lists the layers of a principal that were not read.
func (p *principal) unread() []awsiam.Layer {
	var out []awsiam.Layer
	unread := func(list []*policy) bool {
		return slices.ContainsFunc(list, func(d *policy) bool { return d.Policy == nil })
	}
	if unread(p.own) || slices.ContainsFunc(p.groups, func(g *group) bool { return !g.known || unread(g.own) }) {
		out = append(out, awsiam.LayerIdentity)
	}
	if unread(p.boundary) {
		out = append(out, awsiam.LayerBoundary)
	}
	if !p.account.read {
		out = append(out, awsiam.LayerServiceControl)
	}
	return out
}
