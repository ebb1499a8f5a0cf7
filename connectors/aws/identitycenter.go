package aws

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
)

// readIdentityCenter states the permission sets of IAM Identity Center with
// their policies, and who is assigned them in which account. People and groups
// are named by their ids in the identity store: their names are personal data
// that nothing here needs.
func (a *accountReader) readIdentityCenter(ctx context.Context, w *scopeWriter) error {
	stores := map[string]string{}
	var instances []string
	err := a.pages(ctx, w, call{op: opSSOInstances}, func(r io.Reader) error {
		return listOf(r, "Instances", func(i struct{ InstanceArn, IdentityStoreId string }) error { //nolint:revive // the vendor's spelling
			instances = append(instances, i.InstanceArn)
			stores[i.InstanceArn] = i.IdentityStoreId
			return nil
		})
	})
	if err != nil {
		return err
	}
	var sets []string
	err = a.eachSubject(ctx, w, instances, call{op: opPermSets}, func(instance string, r io.Reader) error {
		return listOf(r, "PermissionSets", func(s string) error {
			sets = append(sets, instance+subjectSeparator+s)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := a.readPermissionSets(ctx, w, sets); err != nil {
		return err
	}
	return a.readAssignments(ctx, w, sets, stores)
}

// permissionSetRef names a permission set. Its ARN has no account; it belongs
// to the account that owns the instance.
func (a *accountReader) permissionSetRef(subject string) retinue.Ref {
	return retinue.NewRef(a.realm(), "permission_set", key(call{subject: subject}.args(2)[1]))
}

func (a *accountReader) readPermissionSets(ctx context.Context, w *scopeWriter, sets []string) error {
	err := a.eachSubject(ctx, w, sets, call{op: opPermSet}, func(subject string, r io.Reader) error {
		var p struct {
			PermissionSet struct {
				Name, Description, SessionDuration string
				CreatedDate                        moment
			}
		}
		if err := one(r, &p); err != nil {
			return err
		}
		s := p.PermissionSet
		return w.emit(retinue.Resource{Ref: a.permissionSetRef(subject), Name: retinue.CleanName(s.Name), Kind: "permission_set",
			Container: accountRef(a.account), CreatedAt: s.CreatedDate.Time,
			Attrs: attrs("description", s.Description, "sessionDuration", s.SessionDuration)})
	})
	if err != nil {
		return err
	}
	err = a.eachSubject(ctx, w, sets, call{op: opPermInline}, func(subject string, r io.Reader) error {
		var p struct{ InlinePolicy json.RawMessage }
		if err := one(r, &p); err != nil {
			return err
		}
		doc := document(p.InlinePolicy)
		if doc == "" {
			return nil
		}
		set := a.permissionSetRef(subject)
		ref := inlineRef(set, "inline")
		return w.emit(policyFact(ref, "inline policy of a permission set", doc, accountRef(a.account)),
			retinue.Attachment{Policy: ref, Target: set, Role: retinue.AttachIdentity})
	})
	if err != nil {
		return err
	}
	return a.eachSubject(ctx, w, sets, call{op: opPermManaged}, func(subject string, r io.Reader) error {
		return listOf(r, "AttachedManagedPolicies", func(p struct{ Arn string }) error {
			return w.emit(retinue.Attachment{Policy: policyRef(p.Arn, a.account), Target: a.permissionSetRef(subject), Role: retinue.AttachIdentity})
		})
	})
}

func (a *accountReader) readAssignments(ctx context.Context, w *scopeWriter, sets []string, stores map[string]string) error {
	var places []string
	err := a.eachSubject(ctx, w, sets, call{op: opPermAccounts}, func(subject string, r io.Reader) error {
		return listOf(r, "AccountIds", func(id string) error {
			places = append(places, subject+subjectSeparator+id)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return a.eachSubject(ctx, w, places, call{op: opAssignments}, func(subject string, r io.Reader) error {
		args := call{subject: subject}.args(3)
		set := a.permissionSetRef(args[0] + subjectSeparator + args[1])
		return listOf(r, "AccountAssignments", func(s struct{ PrincipalType, PrincipalId string }) error { //nolint:revive // the vendor's spelling
			kind := "identity_center_" + strings.ToLower(s.PrincipalType)
			if kind != "identity_center_user" && kind != "identity_center_group" {
				kind = "identity_center_principal"
			}
			principal := retinue.NewRef(a.realm(), kind, key(stores[args[0]]+"/"+s.PrincipalId))
			return w.emit(retinue.Grant{Subject: principal, Privileges: []string{"sign in with the permission set"}, Resource: accountRef(args[2]), Via: set})
		})
	})
}
