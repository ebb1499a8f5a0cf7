package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

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
	read                    int      // entries
	others                  []string // accounts whose elements in the same files are read apart
}

type membership struct {
	user  retinue.Ref
	group string
}

func newIAMReader(a *accountReader) *iamReader {
	w := func(path string) *scopeWriter { return newScopeWriter(a.sink, a.scope(path)) }
	var others []string
	if f, ok := a.src.(*fileSource); ok {
		others = slices.DeleteFunc(f.holding(opAuthz), func(id string) bool { return id == a.account })
	}
	return &iamReader{a: a, others: others, users: w(scopeUsers), groups: w(scopeGroups), roles: w(scopeRoles), policies: w(scopePolicies),
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

// foreign reports an element of another account that is read apart.
func (r *iamReader) foreign(arnText string) bool {
	if len(r.others) == 0 {
		return false
	}
	a, ok := parseARN(arnText)
	return ok && slices.Contains(r.others, a.account)
}

// progress tells how far the listing is, now and then.
func (r *iamReader) progress() {
	if r.read++; r.read%500 == 0 {
		r.a.env.Progress(connector.Progress{Scope: r.a.scope("iam"), Stage: "reading authorization details", Done: int64(r.read), Unit: "entries"})
	}
}

func (r *iamReader) user(u authzUser) error {
	if r.progress(); r.foreign(u.Arn) {
		return nil
	}
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
	if r.foreign(g.Arn) {
		return nil
	}
	if g.Arn == "" {
		r.groups.fail(errNoARN("GroupDetailList"))
		return nil
	}
	r.a.remember("group", g.GroupName, g.Arn)
	return emitGroup(r.groups, r.a.account, g)
}

func (r *iamReader) role(x authzRole) error {
	if r.progress(); r.foreign(x.Arn) {
		return nil
	}
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
	if r.progress(); r.foreign(p.Arn) {
		return nil
	}
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
	if at.IsZero() {
		at = r.a.src.when(r.a.account)
	}
	w.observed(at)
	if w == r.report {
		r.a.covered[w.scope.Path] = true
	}
	e := w.finish(ctx, err, connector.Completion{Basis: basis, Authority: au})
	if errors.Is(e, errNotExported) {
		return nil
	}
	return e
}
