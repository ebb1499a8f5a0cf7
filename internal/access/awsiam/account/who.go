package account

import (
	"cmp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// WhoCan lists who may do something, surest first: the principals of the realm,
// or of all with "", and those outside the inventory that the resource's policy
// names. Where that policy was not read, whom it may allow stands as one holder
// without a subject, and principals that nothing else allows it are not listed.
func (e *Engine) WhoCan(realm retinue.Realm, action, resource string) []access.Holder {
	if why := unanswerable(action, resource); why != "" {
		return []access.Holder{{Name: "not answered", Decision: unknown(why)}}
	}
	var out []access.Holder
	var pattern []string
	if strings.ContainsAny(action, "*?") {
		pattern = e.actions(action)
		slices.Reverse(pattern) // what AWS may add decides most
	}
	for _, p := range e.mayHold(action, resource) {
		if realm != "" && p.ref.Realm != realm {
			continue
		}
		a := e.asker(p)
		if len(pattern) > 0 && !a.might(pattern, resource) {
			continue
		}
		d := a.answer(action, resource)
		if d.Outcome == access.ImplicitlyDenied || d.Outcome == access.ExplicitlyDenied || hangsOnResource(&d) {
			continue
		}
		out = append(out, access.Holder{Subject: p.ref, Name: p.name, Decision: d})
	}
	if !strings.ContainsAny(action, "*?") {
		out = append(out, e.outsiders(realm, action, resource)...)
	}
	slices.SortStableFunc(out, func(a, b access.Holder) int {
		return cmp.Or(cmp.Compare(rank(a.Decision.Outcome), rank(b.Decision.Outcome)), a.Subject.Compare(b.Subject), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// might reports whether none of some actions is denied.
func (a *asker) might(actions []string, resource string) bool {
	return !slices.ContainsFunc(actions, func(action string) bool {
		o := a.best(action, resource)
		return o == access.ImplicitlyDenied || o == access.ExplicitlyDenied
	})
}

// mayHold lists everybody whose answer may be other than a no. For all actions
// of a pattern those are whoever may do the first of them.
func (e *Engine) mayHold(action, resource string) []*principal {
	if strings.ContainsAny(action, "*?") {
		all := e.actions(action)
		action = all[len(all)-1]
	}
	return e.among(e.index.texts(action, resource), action, resource)
}

// among is mayHold where the documents that may allow the action are known.
func (e *Engine) among(texts []*text, action, resource string) []*principal {
	out := e.index.mayAllow(texts, action, resource)
	seen := make(map[*principal]bool, len(out))
	for _, p := range out {
		seen[p] = true
	}
	add := func(p *principal) {
		if p != nil && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for _, policies := range e.policiesOn(action, resource) {
		for _, name := range namedBy(policies, action) {
			if name == everyone {
				for _, p := range e.principals {
					add(p)
				}
				return out
			}
			add(e.principalOf(name))
		}
	}
	return out
}

// policiesOn are the resource policies that bear on a question.
func (e *Engine) policiesOn(action, resource string) [][]*policy {
	if resource != "" {
		t := e.thing(action, resource, &account{})
		return [][]*policy{t.policies}
	}
	var out [][]*policy
	for _, arn := range e.index.withPolicies(action) {
		out = append(out, e.index.guards[arn].policies)
	}
	return out
}

// everyone stands for a Principal element that names no one alone.
const everyone = "*"

// namedBy lists whom the allowing statements of resource policies name for an
// action, as they are written; everyone also for NotPrincipal and for what is
// not understood.
func namedBy(policies []*policy, action string) []string {
	var out []string
	for _, d := range policies {
		if d.Policy == nil {
			continue
		}
		if len(d.Statements()) == 0 && len(d.Problems()) > 0 {
			return []string{everyone}
		}
		sts := d.Statements()
		for i := range sts {
			st := &sts[i]
			if st.Effect == awsiam.Deny || !st.MayApplyTo(action) {
				continue
			}
			if st.Principals == nil || st.Principals.All || len(st.Unclear) > 0 || len(st.Principals.CanonicalUser) > 0 {
				return []string{everyone}
			}
			out = append(out, st.Principals.AWS...)
		}
	}
	return out
}

// hangsOnResource reports whether an answer is Unknown only because the
// resource's policy was not read, and could allow what the policies of the
// identity do not.
func hangsOnResource(d *access.Decision) bool {
	if d.Outcome != access.Unknown || len(d.Because) == 0 {
		return false
	}
	unread := d.Because[0]
	if unread.Layer != awsiam.LayerResource.String() || unread.Document != "" || unread.Statement != "" {
		return false
	}
	return slices.ContainsFunc(d.Because, func(r access.Reason) bool {
		return r.Effect == "none" && (r.Layer == awsiam.LayerIdentity.String() || r.Layer == awsiam.LayerBoundary.String())
	})
}

// outsiders are those beyond the inventory that policies of the resource allow,
// and whoever a policy that was not read may allow.
func (e *Engine) outsiders(realm retinue.Realm, action, resource string) []access.Holder {
	if resource == "" || resource == "*" {
		return nil
	}
	t := e.thing(action, resource, &account{})
	if realm != "" && t.account.id != realm.ID() {
		return nil
	}
	var out []access.Holder
	if !t.read {
		d := unknown("the policy of " + resource + " was not read, and could allow it")
		d.Because[0].Layer = awsiam.LayerResource.String()
		out = append(out, access.Holder{Name: "whoever the policy of the resource allows", Decision: d})
	}
	seen := make(map[string]bool)
	for _, o := range strangers(t.policies, action) {
		if seen[o.name] || e.principalOf(o.name) != nil || o.account != "" && len(e.membersOf(o.account)) > 0 {
			continue
		}
		seen[o.name] = true
		d := e.decideFor(o, action, &t)
		if d.Outcome != access.ImplicitlyDenied && d.Outcome != access.ExplicitlyDenied {
			out = append(out, access.Holder{Name: o.name, Decision: d})
		}
	}
	return out
}

// membersOf lists the principals of an account.
func (e *Engine) membersOf(id string) []*principal {
	realm := retinue.NewRealm("aws", id)
	from, _ := slices.BinarySearchFunc(e.principals, realm, func(p *principal, r retinue.Realm) int { return cmp.Compare(p.ref.Realm, r) })
	to := from
	for to < len(e.principals) && e.principals[to].ref.Realm == realm {
		to++
	}
	return e.principals[from:to]
}

// anyone is the name of everybody, with an account of AWS or none.
const anyone = "anyone"

// stranger is somebody that no source lists.
type stranger struct {
	name    string
	account string // of "all of an account"
	as      awsiam.Principal
	unclear bool
}

// strangers lists the principals that allowing statements name, by name.
func strangers(policies []*policy, action string) []stranger {
	var out []stranger
	for _, d := range policies {
		if d.Policy == nil {
			continue
		}
		sts := d.Statements()
		for i := range sts {
			if st := &sts[i]; st.Effect == awsiam.Allow && st.MayApplyTo(action) {
				out = append(out, strangersOf(st)...)
			}
		}
	}
	return out
}

func strangersOf(st *awsiam.Statement) []stranger {
	all := stranger{name: anyone, as: awsiam.Anonymous()}
	if st.NotPrincipals != nil {
		return []stranger{all}
	}
	if st.Principals == nil {
		return nil
	}
	var out []stranger
	if st.Principals.All || slices.Contains(st.Principals.AWS, "*") {
		out = append(out, all)
	}
	for _, name := range st.Principals.AWS {
		as, err := awsiam.ParsePrincipal(name)
		switch {
		case err == nil && as.IsRoot():
			out = append(out, stranger{name: "account " + as.Account(), account: as.Account(), as: as})
		case err == nil:
			out = append(out, stranger{name: name, as: as})
		}
	}
	for _, name := range st.Principals.Service {
		out = append(out, stranger{name: name, as: awsiam.Service(name)})
	}
	for _, name := range st.Principals.Federated {
		out = append(out, stranger{name: name, as: awsiam.Federated(name)})
	}
	for _, name := range st.Principals.CanonicalUser {
		out = append(out, stranger{name: "canonical user " + name, unclear: true})
	}
	return out
}

// decideFor answers for somebody whose own policies are not known. One of
// another account needs them to allow it too: that is left to its account.
func (e *Engine) decideFor(o stranger, action string, t *thing) access.Decision {
	if o.unclear {
		return unknown("the policy names a canonical user id, which no source resolves")
	}
	l := awsiam.Layers{}
	from := e.accounts[o.as.Account()]
	if o.as.Account() != "" {
		l.Identity = []*awsiam.Policy{everything()}
		l.Unread = append(l.Unread, awsiam.LayerIdentity, awsiam.LayerBoundary)
		if from != nil {
			l.ServiceControl = from.service
		}
		if from == nil || !from.read {
			l.Unread = append(l.Unread, awsiam.LayerServiceControl)
		}
	}
	e.on(&l, t)
	r := awsiam.Request{Action: action, Resource: t.arn, ResourceAccount: t.account.id, Principal: o.as}
	settle(&r, from, t)
	d := awsiam.Decide(&l, &r, awsiam.Open)
	d.Because = slices.DeleteFunc(d.Because, func(r access.Reason) bool { return r.Layer == awsiam.LayerIdentity.String() })
	return d
}
