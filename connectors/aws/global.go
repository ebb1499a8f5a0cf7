package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
	w.observed(a.env.Now())
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

// readIAM reads the authorization details into four scopes and the scope of
// what AirIAM adds.
func (a *accountReader) readIAM(ctx context.Context) error {
	if len(a.services) > 0 && !containsFold(a.services, "iam") {
		return nil
	}
	r := newIAMReader(a)
	at, err := a.src.pages(ctx, call{account: a.account, op: opAuthz}, r.page)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.finish(ctx, at, err)
}

// iamReader takes the pages of the authorization details.
type iamReader struct {
	a                       *accountReader
	users, groups, roles    *scopeWriter
	policies, services      *scopeWriter
	report                  *scopeWriter
	found                   authzSections
	members                 []membership
	whole                   bool // a page said that it was the last
	sawServices, sawReports bool
}

type membership struct {
	user  retinue.Ref
	group string
}

func newIAMReader(a *accountReader) *iamReader {
	w := func(path string) *scopeWriter { return newScopeWriter(a.sink, a.scope(path)) }
	return &iamReader{a: a, users: w(scopeUsers), groups: w(scopeGroups), roles: w(scopeRoles), policies: w(scopePolicies),
		services: w("iam-service-last-accessed"), report: w("iam-credential-report")}
}

// page reads one page, or one file.
func (r *iamReader) page(in io.Reader) error {
	found, err := readAuthz(in, authzHandlers{user: r.user, group: r.group, role: r.role, policy: r.policy, report: r.reportRow, invalid: r.invalid})
	f := &r.found
	f.users, f.groups = f.users || found.users, f.groups || found.groups
	f.roles, f.policies = f.roles || found.roles, f.policies || found.policies
	r.whole = r.whole || !found.truncated
	return err
}

func (r *iamReader) user(u authzUser) error {
	if u.Arn == "" {
		r.users.fail(errNoARN("UserDetailList"))
		return nil
	}
	ref := refTo("user", u.Arn, r.a.account)
	r.a.remember("user", u.UserName, u.Arn)
	for _, g := range u.GroupList {
		r.members = append(r.members, membership{user: ref, group: g})
	}
	if err := r.lastServices(ref, u.LastAccessed); err != nil {
		return err
	}
	return emitUser(r.users, r.a.account, u)
}

func (r *iamReader) lastServices(ref retinue.Ref, s []lastService) error {
	if s == nil {
		return nil
	}
	r.sawServices = true
	return emitLastServices(r.services, ref, s)
}

func (r *iamReader) group(g authzGroup) error {
	if g.Arn == "" {
		r.groups.fail(errNoARN("GroupDetailList"))
		return nil
	}
	r.a.remember("group", g.GroupName, g.Arn)
	return emitGroup(r.groups, r.a.account, g)
}

func (r *iamReader) role(x authzRole) error {
	if x.Arn == "" {
		r.roles.fail(errNoARN("RoleDetailList"))
		return nil
	}
	r.a.remember("role", x.RoleName, x.Arn)
	for _, p := range x.InstanceProfileList {
		r.a.remember("instance-profile", p.InstanceProfileName, p.Arn)
	}
	if err := r.lastServices(refTo("role", x.Arn, r.a.account), x.LastAccessed); err != nil {
		return err
	}
	return emitRole(r.roles, r.a.account, r.a.known, x)
}

func (r *iamReader) policy(p authzPolicy) error {
	if p.Arn == "" {
		r.policies.fail(errNoARN("Policies"))
		return nil
	}
	return emitPolicy(r.policies, r.a.account, p)
}

func (r *iamReader) reportRow(row reportRow) error {
	r.sawReports = true
	if err := emitReport(r.report, r.a.account, row); err != nil {
		r.report.fail(err)
	}
	return nil
}

func (r *iamReader) invalid(list string, index int, err error) {
	w := map[string]*scopeWriter{"UserDetailList": r.users, "AccountUsers": r.users, "GroupDetailList": r.groups,
		"AccountGroups": r.groups, "RoleDetailList": r.roles, "AccountRoles": r.roles, "CredentialReport": r.report}[list]
	if w == nil {
		w = r.policies
	}
	w.fail(fmt.Errorf("read element %d of %s: %w", index, list, err))
}

// finish states the memberships and ends the scopes.
func (r *iamReader) finish(ctx context.Context, at time.Time, err error) error {
	for _, m := range r.members {
		f := retinue.Membership{Group: refTo("group", r.a.named("group", m.group), r.a.account), Member: m.user}
		if e := r.users.emit(f); e != nil {
			return e
		}
	}
	r.a.haveAuthz = r.found.users || r.found.roles
	if err == nil && !r.whole {
		err = fmt.Errorf("%w: the listing says that there is more (IsTruncated): export it without --max-items", retinue.ErrInvalid)
	}
	basis := basisPaged + "iam:GetAccountAuthorizationDetails"
	for _, s := range []struct {
		w     *scopeWriter
		there bool
		basis string
	}{{r.users, r.found.users, basis}, {r.groups, r.found.groups, basis}, {r.roles, r.found.roles, basis}, {r.policies, r.found.policies, basis},
		{r.services, r.sawServices, "service last accessed details beside each user and role"}} {
		if e := r.end(ctx, s.w, at, s.there, err, s.basis, connector.AuthoritySystem); e != nil {
			return e
		}
	}
	return r.end(ctx, r.report, at, r.sawReports, err, "the credential report lists every user and the root user", authorityOverListing)
}

func (r *iamReader) end(ctx context.Context, w *scopeWriter, at time.Time, there bool, err error, basis string, au connector.Authority) error {
	if !there && (err == nil || errors.Is(err, errNotExported) || w == r.services || w == r.report) {
		if w != r.services && w != r.report {
			r.a.absent = append(r.a.absent, w.scope.Path)
		}
		return nil
	}
	w.observed(orNow(at, r.a.env))
	if w == r.report {
		r.a.covered[w.scope.Path] = true
	}
	e := w.finish(ctx, err, connector.Completion{Basis: basis, Authority: au})
	if errors.Is(e, errNotExported) {
		return nil
	}
	return e
}

func (a *accountReader) readReportPages(ctx context.Context, w *scopeWriter) error {
	if a.covered[w.scope.Path] {
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

// readAccessKeys states the keys of every user. The report tells when they were
// last used; the call for each key tells the same with the key's id.
func (a *accountReader) readAccessKeys(ctx context.Context, w *scopeWriter, refs *[]retinue.Ref) error {
	users, err := a.userNames(ctx, w)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	take := func(_ string, r io.Reader) error {
		return listOf(r, "AccessKeyMetadata", func(k accessKey) error {
			if k.AccessKeyId == "" {
				return nil
			}
			seen[k.UserName] = true
			c := k.credential(a)
			*refs = append(*refs, c.Ref)
			return w.emit(append([]retinue.Fact{c}, k.use(c.Ref)...)...)
		})
	}
	if f, ok := a.src.(*fileSource); ok && len(f.docs[call{account: a.account, op: opAccessKeys}]) > 0 {
		if err := a.pages(ctx, w, call{op: opAccessKeys}, func(r io.Reader) error { return take("", r) }); err != nil {
			return err
		}
		return bareKeys(w, users, seen, len(f.docs[call{account: a.account, op: opAccessKeys}]))
	}
	return a.eachSubject(ctx, w, users, call{op: opAccessKeys}, take)
}

// bareKeys decides whether bare outputs of list-access-keys cover every user.
// An output names its user only where the user has a key, so as many outputs as
// there are users cover them all, and else each user must have been named.
func bareKeys(w *scopeWriter, users []string, seen map[string]bool, outputs int) error {
	if outputs >= len(users) {
		return nil
	}
	var without []string
	for _, u := range users {
		if !seen[u] {
			without = append(without, retinue.CleanName(u))
		}
	}
	if len(without) == 0 {
		return nil
	}
	return fmt.Errorf("%w: no output of list-access-keys names %d of %d users, such as %s: export it for each user",
		retinue.ErrNotFound, len(without), len(users), without[0])
}

// readKeyUses asks for the last use of each key.
func (a *accountReader) readKeyUses(ctx context.Context, w *scopeWriter, refs []retinue.Ref) error {
	if !a.covered["iam-access-keys"] {
		return errNotExported // there is no list of keys to ask for
	}
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.Key
	}
	return a.eachSubject(ctx, w, ids, call{op: opKeyLastUsed}, func(id string, r io.Reader) error {
		var page struct{ AccessKeyLastUsed lastUsed }
		if err := one(r, &page); err != nil {
			return err
		}
		return w.emit(keyUse(retinue.NewRef(a.realm(), "access_key", id), page.AccessKeyLastUsed)...)
	})
}

// userNames lists the users by name. The listing is one cheap call for a
// thousand of them; files without it are searched for what they hold.
func (a *accountReader) userNames(ctx context.Context, w *scopeWriter) ([]string, error) {
	var names []string
	err := a.pages(ctx, w, call{op: opUsers}, func(r io.Reader) error {
		return listOf(r, "Users", func(u struct{ UserName, Arn string }) error {
			names = append(names, u.UserName)
			a.remember("user", u.UserName, u.Arn)
			return nil
		})
	})
	if !errors.Is(err, errNotExported) {
		return names, err
	}
	if names = a.listedUsers(); len(names) > 0 {
		return names, nil
	}
	if f, ok := a.src.(*fileSource); ok {
		names = f.subjects(a.account, "", opAccessKeys)
		if len(names) == 0 && len(f.docs[call{account: a.account, op: opAccessKeys}]) > 0 {
			return nil, nil // bare outputs, and nothing tells which users there are
		}
	}
	if len(names) == 0 {
		return nil, errNotExported
	}
	return names, nil
}

type accessKey struct {
	UserName    string
	AccessKeyId string //nolint:revive // the vendor's spelling
	Status      string
	CreateDate  moment
	// Some tools write the last use beside the key.
	LastUsedDate    moment
	LastUsedService string
	LastUsedRegion  string
}

func (k accessKey) credential(a *accountReader) retinue.Credential {
	id := retinue.CleanName(k.AccessKeyId)
	c := retinue.Credential{Ref: retinue.NewRef(a.realm(), "access_key", key(id)), Name: id, Kind: retinue.CredentialAccessKey,
		Subtype: "iam_access_key", State: keyState(strings.EqualFold(k.Status, "Active")), CreatedAt: k.CreateDate.Time, NeverExpires: true,
		Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + id}}}
	if k.UserName != "" {
		userARN := a.named("user", k.UserName)
		c.Identity = refTo("user", userARN, a.account)
		if !k.CreateDate.IsZero() {
			c.Joins = append(c.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: "aws:" + keyBirthID(userARN, k.CreateDate.Time)})
		}
	}
	return c
}

func (k accessKey) use(ref retinue.Ref) []retinue.Fact {
	if k.LastUsedDate.IsZero() {
		return nil
	}
	return keyUse(ref, lastUsed{LastUsedDate: k.LastUsedDate, ServiceName: k.LastUsedService, Region: k.LastUsedRegion})
}

// keyUse states the last use of a key. AWS answers "N/A" both for a key that
// was never used and for one not used since it began to record, in April 2015.
func keyUse(ref retinue.Ref, u lastUsed) []retinue.Fact {
	when := ""
	if !u.LastUsedDate.IsZero() {
		when = u.LastUsedDate.Format(time.RFC3339)
	}
	return useFact(ref, "last_used", when, keyPrecision, when == "", attrs("service", noValue(u.ServiceName),
		"region", noValue(u.Region), "trackedSince", keyTrackingSince().Format(time.DateOnly)))
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
