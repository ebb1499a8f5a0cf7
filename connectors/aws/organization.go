package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// orgAccount is an account as the organisation lists it.
type orgAccount struct {
	Id, Arn, Email, Name, Status, State, JoinedMethod string //nolint:revive // the vendor's spelling
	JoinedTimestamp                                   moment
}

// suspended reports an account that is closed or about to be. State took the
// place of Status in 2025; either may be there.
func (a orgAccount) suspended() bool {
	s := a.State
	if s == "" {
		s = a.Status
	}
	return s != "" && !strings.EqualFold(s, "ACTIVE")
}

// organization is what Organizations says about itself.
type organization struct {
	id, management string
	accounts       []orgAccount
}

// members returns the ids of the accounts; nil where they are not known.
func (o *organization) members() map[string]bool {
	if o == nil || len(o.accounts) == 0 {
		return nil
	}
	m := map[string]bool{}
	for _, a := range o.accounts {
		m[a.Id] = true
	}
	return m
}

// orgReader reads an organisation through one of its accounts.
type orgReader struct {
	*accountReader
	org organization
}

// readOrganization reads the organisation that the account manages or belongs
// to. It returns nil where there is none, or none that may be read. A member
// account may ask which organisation it belongs to and nothing more, which is
// why a denied listing is a problem only where the organisation was asked for.
func (a *accountReader) readOrganization(ctx context.Context, asked bool) (*organization, error) {
	if len(a.services) > 0 && !containsFold(a.services, "organizations") && !asked {
		return nil, nil
	}
	o := &orgReader{accountReader: a}
	w := newScopeWriter(a.sink, a.scope("organization"))
	err := o.identify(ctx, w)
	if err == nil {
		err = o.listAccounts(ctx, w)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
	case errors.Is(err, errNotExported), errors.Is(err, errAbsent):
		return nil, nil
	case errors.Is(err, retinue.ErrDenied) && !asked:
		a.sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Scope: a.scope(""),
			Text: "account " + a.account + ": its organisation is not visible from it: " + retinue.CleanName(err.Error())})
		return nil, nil
	default:
		a.sink.Problem(a.scope("organization"), fmt.Errorf("read the organisation: %w", err))
		return nil, nil
	}
	if err := o.readTree(ctx); err != nil {
		return nil, err
	}
	return &o.org, o.readControlPolicies(ctx)
}

func (o *orgReader) realm() retinue.Realm { return realmOf(o.org.id) }

func (o *orgReader) identify(ctx context.Context, w *scopeWriter) error {
	err := o.pages(ctx, w, call{op: opOrganization}, func(r io.Reader) error {
		var p struct {
			Organization struct{ Id, MasterAccountId string } //nolint:revive // the vendor's spelling
		}
		if err := one(r, &p); err != nil {
			return err
		}
		o.org.id, o.org.management = p.Organization.Id, p.Organization.MasterAccountId
		return nil
	})
	if err == nil && o.org.id == "" {
		return errAbsent
	}
	return err
}

func (o *orgReader) listAccounts(ctx context.Context, w *scopeWriter) error {
	return o.pages(ctx, w, call{op: opOrgAccounts}, func(r io.Reader) error {
		return listOf(r, "Accounts", func(a orgAccount) error {
			if isAccountID(a.Id) {
				o.org.accounts = append(o.org.accounts, a)
			}
			return nil
		})
	})
}

// readTree states the accounts, and in a scope of its own the organisation, its
// roots and units, and in which of them each account lies.
func (o *orgReader) readTree(ctx context.Context) error {
	when := o.src.when(o.account)
	w := newScopeWriter(o.sink, retinue.NewScope(o.realm(), "accounts"))
	w.observed(when)
	err := o.emitAccounts(w)
	if err = w.finish(ctx, err, connector.Completion{Basis: basisPaged + "organizations:ListAccounts", Authority: connector.AuthoritySystem}); err != nil {
		return err
	}
	w = newScopeWriter(o.sink, retinue.NewScope(o.realm(), "tree"))
	w.observed(when)
	root := retinue.NewRef(o.realm(), "organization", o.org.id)
	parents := map[string]retinue.Ref{}
	err = o.pages(ctx, w, call{op: opOrgRoots}, func(r io.Reader) error {
		return listOf(r, "Roots", func(u orgUnit) error {
			ref := retinue.NewRef(o.realm(), "unit", key(u.Id))
			if err := w.emit(retinue.Container{Ref: ref, Name: retinue.CleanName(u.Name), Kind: retinue.ContainerUnit, Parent: root}); err != nil {
				return err
			}
			return o.readUnit(ctx, w, u.Id, parents, 0)
		})
	})
	if err == nil {
		err = w.emit(retinue.Container{Ref: root, Name: o.org.id, Kind: retinue.ContainerOrganization, State: retinue.StateActive,
			Attrs: attrs("managementAccount", o.org.management)})
	}
	for _, id := range sortedKeys(parents) {
		if err == nil {
			err = w.emit(retinue.Container{Ref: accountRef(id), Kind: retinue.ContainerAccount, Parent: parents[id]})
		}
	}
	err = w.finish(ctx, err, connector.Completion{Basis: basisPaged + "organizations:ListRoots and the children of every unit",
		Authority: connector.AuthoritySystem})
	if errors.Is(err, errNotExported) {
		return nil
	}
	return err
}

type orgUnit struct{ Id, Name string } //nolint:revive // the vendor's spelling

// maxUnitDepth bounds the tree; AWS allows units five deep.
const maxUnitDepth = 16

func (o *orgReader) readUnit(ctx context.Context, w *scopeWriter, id string, parents map[string]retinue.Ref, depth int) error {
	if depth > maxUnitDepth {
		return fmt.Errorf("%w: units nested more than %d deep", retinue.ErrInvalid, maxUnitDepth)
	}
	ref := retinue.NewRef(o.realm(), "unit", key(id))
	err := o.pages(ctx, w, call{op: opOrgMembers, subject: id}, func(r io.Reader) error {
		return listOf(r, "Accounts", func(a orgAccount) error {
			if isAccountID(a.Id) {
				parents[a.Id] = ref
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	var children []orgUnit
	err = o.pages(ctx, w, call{op: opOrgUnits, subject: id}, func(r io.Reader) error {
		return listOf(r, "OrganizationalUnits", func(u orgUnit) error {
			children = append(children, u)
			return w.emit(retinue.Container{Ref: retinue.NewRef(o.realm(), "unit", key(u.Id)), Name: retinue.CleanName(u.Name), Kind: retinue.ContainerUnit, Parent: ref})
		})
	})
	if err != nil {
		return err
	}
	for _, u := range children {
		if err := o.readUnit(ctx, w, u.Id, parents, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (o *orgReader) emitAccounts(w *scopeWriter) error {
	for _, a := range o.org.accounts {
		c := retinue.Container{Ref: accountRef(a.Id), Name: retinue.CleanName(a.Name), Kind: retinue.ContainerAccount,
			State: retinue.StateActive,
			Attrs: attrs("management", a.Id == o.org.management, "joined", a.JoinedMethod, "joinedAt", a.JoinedTimestamp, "email", a.Email)}
		if a.suspended() {
			c.State = retinue.StateDisabled
		}
		if err := w.emit(c); err != nil {
			return err
		}
	}
	return nil
}

// controlPolicyTypes are the types of policy that limit what accounts can do.
func controlPolicyTypes() []string {
	return []string{"SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"}
}

// readControlPolicies states service and resource control policies with their
// documents and what they are attached to.
func (o *orgReader) readControlPolicies(ctx context.Context) error {
	w := newScopeWriter(o.sink, retinue.NewScope(o.realm(), "control-policies"))
	w.observed(o.src.when(o.account))
	roles := map[string]retinue.AttachmentRole{}
	var ids []string
	var err error
	for _, kind := range controlPolicyTypes() {
		err = o.pages(ctx, w, call{op: opOrgPolicies, subject: kind}, func(r io.Reader) error {
			return listOf(r, "Policies", func(p struct{ Id string }) error { //nolint:revive // the vendor's spelling
				roles[p.Id] = retinue.AttachServiceControl
				if kind == "RESOURCE_CONTROL_POLICY" {
					roles[p.Id] = retinue.AttachResourceControl
				}
				ids = append(ids, p.Id)
				return nil
			})
		})
		if err != nil && !errors.Is(err, errAbsent) {
			break
		}
		err = nil
	}
	refs := map[string]retinue.Ref{}
	if err == nil {
		err = o.eachSubject(ctx, w, ids, call{op: opOrgPolicy}, func(id string, r io.Reader) error { return o.controlPolicy(w, refs, id, r) })
	}
	if err == nil {
		err = o.eachSubject(ctx, w, ids, call{op: opOrgTargets}, func(id string, r io.Reader) error {
			return listOf(r, "Targets", func(t struct{ TargetId, Type string }) error { //nolint:revive // the vendor's spelling
				target := retinue.NewRef(o.realm(), "unit", key(t.TargetId))
				if t.Type == "ACCOUNT" {
					target = accountRef(t.TargetId)
				}
				return w.emit(retinue.Attachment{Policy: refs[id], Target: target, Role: roles[id]})
			})
		})
	}
	err = w.finish(ctx, err, connector.Completion{Basis: basisPaged + "organizations:ListPolicies for service and resource control policies",
		Authority: connector.AuthoritySystem})
	if errors.Is(err, errNotExported) {
		return nil
	}
	return err
}

func (o *orgReader) controlPolicy(w *scopeWriter, refs map[string]retinue.Ref, id string, r io.Reader) error {
	var p struct {
		Policy struct {
			Content       json.RawMessage
			PolicySummary struct {
				Arn, Name, Description, Type string
				AwsManaged                   bool
			}
		}
	}
	if err := one(r, &p); err != nil {
		return err
	}
	s := p.Policy.PolicySummary
	ref := retinue.NewRef(o.realm(), "policy", key(s.Arn))
	if s.AwsManaged || strings.Contains(s.Arn, "::aws:") {
		ref.Realm = awsManaged
	}
	refs[id] = ref
	f := policyFact(ref, s.Name, document(p.Policy.Content), retinue.NewRef(o.realm(), "organization", o.org.id))
	f.Attrs = attrs("policyType", s.Type, "description", s.Description)
	if s.AwsManaged {
		f.Managed, f.Container = retinue.ManagedByProvider, retinue.Ref{}
	}
	return w.emit(f)
}

// noteSuspended names the accounts that are skipped.
func noteSuspended(sink connector.Sink, o *organization) {
	var names []string
	for _, a := range o.accounts {
		if a.suspended() {
			names = append(names, retinue.CleanName(a.Name)+" ("+a.Id+")")
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	sink.Note(connector.Note{Kind: connector.NoteFold, Scope: retinue.NewScope(realmOf(o.id), ""), Count: len(names),
		Text: "accounts that are suspended or closing were skipped: " + strings.Join(names, ", ")})
}
