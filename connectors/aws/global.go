package aws

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// The scopes of IAM's authorization details. One listing fills them, so they
// are completed together.
const (
	scopeUsers    = "iam/users"
	scopeGroups   = "iam/groups"
	scopeRoles    = "iam/roles"
	scopePolicies = "iam/policies"
)

const basisPaged = "paged to the end with "

// globalTasks are the groups of tasks of the account as a whole.
func (a *accountReader) globalTasks() [][]task {
	sys := connector.AuthoritySystem
	var providers []string
	var buckets []bucket
	var keys []retinue.Ref
	groups := [][]task{
		{{path: "account", service: "iam", authority: sys, basis: "the account's id stands in its own ARNs", read: a.readAccount}},
		{{path: "account-alias", service: "iam", authority: sys, basis: basisPaged + "iam:ListAccountAliases", read: a.readAlias}},
		{{path: "iam-credential-report", service: "iam", authority: authorityOverListing, basis: "the credential report lists every user and the root user", read: a.readReportPages}},
		{
			{path: "iam-access-keys", service: "iam", authority: sys, basis: "listed for every user with iam:ListAccessKeys", read: func(ctx context.Context, w *scopeWriter) error { return a.readAccessKeys(ctx, w, &keys) }},
			{path: "iam-access-key-uses", service: "iam", authority: sys, basis: "asked for every key listed with iam:GetAccessKeyLastUsed", read: func(ctx context.Context, w *scopeWriter) error { return a.readKeyUses(ctx, w, keys) }},
		},
		{{path: "iam-instance-profiles", service: "iam", authority: sys, basis: basisPaged + "iam:ListInstanceProfiles", read: a.readInstanceProfiles}},
		{
			{path: "iam-oidc-providers", service: "iam", authority: sys, basis: "each provider that iam:ListOpenIDConnectProviders lists", read: func(ctx context.Context, w *scopeWriter) error { return a.readOIDC(ctx, w, &providers) }},
		},
		{{path: "iam-saml-providers", service: "iam", authority: sys, basis: "iam:ListSAMLProviders lists them at once", read: a.readSAML}},
		{{path: "iam-listing/users", service: "iam", authority: connector.AuthorityReport, basis: basisPaged + "iam:ListUsers", read: a.readListedUsers}},
		{{path: "iam-listing/roles", service: "iam", authority: connector.AuthorityReport, basis: basisPaged + "iam:ListRoles", read: a.readListedRoles}},
		{{path: "iam-listing/groups", service: "iam", authority: connector.AuthorityReport, basis: basisPaged + "iam:ListGroups", read: a.readListedGroups}},
		{
			{path: "s3-buckets", service: "s3", authority: sys, basis: basisPaged + "s3:ListAllMyBuckets", read: func(ctx context.Context, w *scopeWriter) error { return a.readBuckets(ctx, w, &buckets) }},
			{path: "s3-policies", service: "s3", authority: sys, basis: "the policy of every bucket listed", read: func(ctx context.Context, w *scopeWriter) error { return a.readBucketPolicies(ctx, w, buckets) }},
		},
		{{path: "identity-center", service: "sso", authority: sys, basis: "every permission set of every instance listed", read: a.readIdentityCenter}},
	}
	return groups
}

func (a *accountReader) readAccount(_ context.Context, w *scopeWriter) error {
	w.observed(a.src.when(a.account))
	return w.emit(retinue.Container{Ref: accountRef(a.account), Kind: retinue.ContainerAccount, State: retinue.StateActive,
		Attrs: attrs("partition", a.partition)})
}

func (a *accountReader) readAlias(ctx context.Context, w *scopeWriter) error {
	return a.pages(ctx, w, call{op: opAliases}, func(r io.Reader) error {
		return listOf(r, "AccountAliases", func(alias string) error {
			return w.emit(retinue.Container{Ref: accountRef(a.account), Kind: retinue.ContainerAccount,
				Name: retinue.CleanName(alias), State: retinue.StateActive})
		})
	})
}

func (a *accountReader) readReportPages(ctx context.Context, w *scopeWriter) error {
	if a.hasRead(w.scope.Path) {
		return errElsewhere // AirIAM writes it beside the authorization details
	}
	return a.pages(ctx, w, call{op: opReport}, func(r io.Reader) error {
		csv, err := reportCSV(r)
		if err != nil {
			return err
		}
		return readReport(csv, func(row reportRow) error {
			if err := emitReport(w, a.account, row); err != nil {
				if se := (sinkError{}); errors.As(err, &se) {
					return err
				}
				w.fail(err)
			}
			return nil
		})
	})
}

func (a *accountReader) readInstanceProfiles(ctx context.Context, w *scopeWriter) error {
	return a.pages(ctx, w, call{op: opProfiles}, func(r io.Reader) error {
		return listOf(r, "InstanceProfiles", func(p instanceProfile) error { return w.emit(instanceProfileFact(p, a.account, "")) })
	})
}

func (a *accountReader) readOIDC(ctx context.Context, w *scopeWriter, arns *[]string) error {
	err := a.pages(ctx, w, call{op: opOIDCList}, func(r io.Reader) error {
		return listOf(r, "OpenIDConnectProviderList", func(p struct{ Arn string }) error {
			*arns = append(*arns, p.Arn)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return a.eachSubject(ctx, w, *arns, call{op: opOIDC}, func(arnText string, r io.Reader) error {
		var p struct {
			Url            string //nolint:revive // the vendor's spelling
			ClientIDList   []string
			ThumbprintList []string
			CreateDate     moment
			Tags           tags
		}
		if err := one(r, &p); err != nil {
			return err
		}
		f := resource("oidc_provider", arnText, a.account, "", strings.TrimPrefix(p.Url, "https://"))
		f.CreatedAt, f.Labels = p.CreateDate.Time, p.Tags.labels()
		f.Attrs = attrs("issuer", "https://"+strings.TrimPrefix(p.Url, "https://"), "audiences", p.ClientIDList,
			"thumbprints", p.ThumbprintList, "sharedIssuer", sharedIssuer(p.Url))
		return w.emit(f)
	})
}

func (a *accountReader) readSAML(ctx context.Context, w *scopeWriter) error {
	return a.pages(ctx, w, call{op: opSAML}, func(r io.Reader) error {
		return listOf(r, "SAMLProviderList", func(p struct {
			Arn        string
			ValidUntil moment
			CreateDate moment
		}) error {
			f := resource("saml_provider", p.Arn, a.account, "", "")
			f.CreatedAt, f.Attrs = p.CreateDate.Time, attrs("validUntil", p.ValidUntil)
			return w.emit(f)
		})
	})
}

func containsFold(list []string, s string) bool {
	for _, v := range list {
		if strings.EqualFold(v, s) {
			return true
		}
	}
	return false
}
