package aws

import (
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// roleTrackingDays is how far back AWS reports the last use of a role and of a
// service (IAM User Guide, "Refine permissions using last accessed
// information").
const roleTrackingDays = 400

// undecided is why authorization details alone do not tell a person from a
// program.
const undecided = "the authorization details say neither whether it has a console password nor whether it has access keys"

// emitUser states a user, its policies and its tags. Its groups are stated at
// the end, when their ARNs are known.
func emitUser(w *scopeWriter, account string, u authzUser) error {
	ref := refTo("user", u.Arn, account)
	facts := []retinue.Fact{retinue.Identity{
		Ref: ref, Name: retinue.CleanName(u.UserName), Kind: retinue.IdentityUser, Subtype: "iam_user",
		Class: retinue.ClassUnclear, ClassReason: undecided, State: retinue.StateActive,
		Container: accountRef(account), CreatedAt: u.CreateDate.Time, Labels: u.Tags.labels(),
		Attrs: attrs("userId", u.UserId, "path", u.Path),
	}}
	facts = append(facts, attached(ref, account, retinue.AttachIdentity, u.UserPolicyList, u.AttachedManagedPolicies, u.PermissionsBoundary)...)
	facts = append(facts, ownerSignals(ref, u.Tags)...)
	return w.emit(facts...)
}

func emitGroup(w *scopeWriter, account string, g authzGroup) error {
	ref := refTo("group", g.Arn, account)
	facts := []retinue.Fact{retinue.Group{Ref: ref, Name: retinue.CleanName(g.GroupName), Container: accountRef(account),
		Attrs: attrs("groupId", g.GroupId, "path", g.Path, "createdAt", g.CreateDate)}}
	return w.emit(append(facts, attached(ref, account, retinue.AttachGroup, g.GroupPolicyList, g.AttachedManagedPolicies, nil)...)...)
}

// emitRole states a role with its trust policy, whom that admits, its policies,
// its instance profiles and its last use.
func emitRole(w *scopeWriter, account string, known knownAccounts, r authzRole) error {
	ref := refTo("role", r.Arn, account)
	id := retinue.Identity{
		Ref: ref, Name: retinue.CleanName(r.RoleName), Kind: retinue.IdentityRole, Subtype: "iam_role",
		Class: retinue.ClassNonHuman, ClassReason: "a role has no credentials of its own and is assumed by services, workloads or other principals",
		State: retinue.StateActive, Container: accountRef(account), CreatedAt: r.CreateDate.Time, Labels: r.Tags.labels(),
		Attrs: attrs("roleId", r.RoleId, "path", r.Path),
	}
	id.Managed, id.Class, id.ClassReason = roleManagement(r.Path, id.Class, id.ClassReason)
	if id.Managed == retinue.ManagedByProvider {
		id.Subtype = "iam_service_linked_role"
	}
	facts := []retinue.Fact{id}
	if doc := document(r.AssumeRolePolicyDocument); doc != "" {
		trust := inlineRef(ref, "trust")
		facts = append(facts, policyFact(trust, r.RoleName+" (trust policy)", doc, accountRef(account)),
			retinue.Attachment{Policy: trust, Target: ref, Role: retinue.AttachTrust})
		trusts, err := trustFacts(ref, trust, doc, known)
		if err != nil {
			w.fail(fmt.Errorf("read trust policy of %s: %w", ref.Key, err))
		}
		facts = append(facts, trusts...)
	}
	facts = append(facts, attached(ref, account, retinue.AttachIdentity, r.RolePolicyList, r.AttachedManagedPolicies, r.PermissionsBoundary)...)
	for _, p := range r.InstanceProfileList {
		if p.Arn != "" {
			facts = append(facts, instanceProfileFact(p, account, r.Arn))
		}
	}
	facts = append(facts, roleUse(ref, r)...)
	return w.emit(append(facts, ownerSignals(ref, r.Tags)...)...)
}

// roleManagement tells the roles that AWS makes. The roles that IAM Identity
// Center makes are assumed by persons who signed in there, so they are counted
// as people's access and not as non-human identities.
func roleManagement(path string, class retinue.Class, reason string) (retinue.Management, retinue.Class, string) {
	switch {
	case strings.HasPrefix(path, "/aws-reserved/sso.amazonaws.com/"):
		return retinue.ManagedByPlatform, retinue.ClassPerson, "IAM Identity Center made it for people who sign in there"
	case strings.HasPrefix(path, "/aws-service-role/"), strings.HasPrefix(path, "/aws-reserved/"):
		return retinue.ManagedByProvider, class, "a service-linked role, which only the AWS service itself can assume"
	}
	return "", class, reason
}

// roleUse states the role's last use. AWS looks back 400 days, so "never" is
// stated only for a role that is not in the report; its meaning says the window.
func roleUse(ref retinue.Ref, r authzRole) []retinue.Fact {
	if r.RoleLastUsed == nil {
		return nil
	}
	when := ""
	if !r.RoleLastUsed.LastUsedDate.IsZero() {
		when = r.RoleLastUsed.LastUsedDate.Format(time.RFC3339)
	}
	extra := attrs("region", r.RoleLastUsed.Region, "trackingDays", roleTrackingDays)
	return useFact(ref, "last_used_in_400_days", when, 1, when == "", extra)
}

func instanceProfileFact(p instanceProfile, account, roleARN string) retinue.Resource {
	f := resource("instance_profile", p.Arn, account, "", p.InstanceProfileName)
	f.CreatedAt = p.CreateDate.Time
	f.Attrs = attrs("instanceProfileId", p.InstanceProfileId, "path", p.Path)
	f.Labels = p.Tags.labels()
	arns := []string{roleARN}
	for _, r := range p.Roles {
		arns = append(arns, r.Arn)
	}
	f.RunsAs = roleRefs(account, arns...)
	return f
}

// emitPolicy states a managed policy with the document in force. The other
// versions are kept as well: they can be put in force by a single call.
func emitPolicy(w *scopeWriter, account string, p authzPolicy) error {
	ref := policyRef(p.Arn, account)
	f := retinue.Policy{Ref: ref, Name: retinue.CleanName(p.PolicyName), Language: retinue.LanguageAWSIAM,
		Version: retinue.CleanName(p.DefaultVersionId), CreatedAt: p.CreateDate.Time, Labels: p.Tags.labels()}
	var others []string
	documents := map[string]any{}
	for _, v := range p.PolicyVersionList {
		if v.IsDefaultVersion || (p.DefaultVersionId != "" && v.VersionId == p.DefaultVersionId) {
			f.Document = document(v.Document)
			continue
		}
		others = append(others, v.VersionId+" "+v.CreateDate.Format(time.RFC3339))
		if text := document(v.Document); text != "" {
			documents[retinue.CleanName(v.VersionId)] = text
		}
	}
	if ref.Realm == awsManaged {
		f.Managed = retinue.ManagedByProvider
		f.Attrs = attrs("policyId", p.PolicyId, "path", p.Path, "updatedAt", p.UpdateDate)
	} else {
		f.Container = accountRef(account)
		f.Attrs = attrs("policyId", p.PolicyId, "path", p.Path, "updatedAt", p.UpdateDate, "description", p.Description,
			"otherVersions", others, "otherDocuments", documents, "notAttachable", !p.IsAttachable)
	}
	return w.emit(f)
}

// emitLastServices states when a principal last called which service. AWS
// counts attempts that were denied as well, and takes up to four hours to show
// a call (IAM User Guide, "last accessed information").
func emitLastServices(w *scopeWriter, subject retinue.Ref, services []lastService) error {
	var facts []retinue.Fact
	for _, s := range services {
		if s.ServiceNamespace == "" {
			continue
		}
		u := retinue.Use{Subject: subject, Meaning: "last_denied_or_used", At: s.LastAccessed.Time,
			Never: s.LastAccessed.IsZero(), Precision: 4 * 3600, Resource: retinue.CleanName(s.ServiceNamespace),
			Grade: retinue.GradeC, Attrs: attrs("trackingDays", roleTrackingDays)}
		facts = append(facts, u)
	}
	return w.emit(facts...)
}
