package aws

import (
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// keyTrackingSince is the day on which IAM began to record the last use of
// access keys; nothing is known of uses before it (IAM API reference,
// AccessKeyLastUsed).
func keyTrackingSince() time.Time { return time.Date(2015, 4, 22, 0, 0, 0, 0, time.UTC) }

// keyBirthID names an access key by its user and its creation: the credential
// report has no key ids, and one user cannot create two keys in one second that
// differ in age.
func keyBirthID(userARN string, created time.Time) string {
	return userARN + "@" + created.UTC().Format(time.RFC3339)
}

// useFact states when something was last used, or that it never was. Where the
// text says neither, it states nothing.
func useFact(subject retinue.Ref, meaning, when string, precision int, never bool, extra retinue.Attrs) []retinue.Fact {
	at := parseMoment(when)
	if at.IsZero() && !never {
		return nil
	}
	return []retinue.Fact{retinue.Use{Subject: subject, Meaning: meaning, At: at, Never: at.IsZero(), Precision: precision,
		Grade: retinue.GradeC, Attrs: extra}}
}

// policyFact makes the policy of a document, which is kept whole.
func policyFact(ref retinue.Ref, name string, doc string, container retinue.Ref) retinue.Policy {
	return retinue.Policy{Ref: ref, Name: retinue.CleanName(name), Language: retinue.LanguageAWSIAM, Document: doc, Container: container}
}

// policyRef names a managed policy by its ARN; what AWS manages is one thing
// for all accounts.
func policyRef(arnText, account string) retinue.Ref { return refTo("policy", arnText, account) }

// inlineRef names a policy that is part of something else: the policies inside
// a user, a role's trust policy, a resource's policy.
func inlineRef(owner retinue.Ref, suffix string) retinue.Ref {
	k := owner.Key + "#" + retinue.CleanName(suffix)
	return retinue.NewRef(owner.Realm, "policy", key(k))
}

// attached states the policies of a user, group or role: inline ones with their
// documents, managed ones by reference, and the permissions boundary.
func attached(target retinue.Ref, account string, role retinue.AttachmentRole, inline []inlinePolicy, managed []attachedPolicy, b *boundary) []retinue.Fact {
	var out []retinue.Fact
	for _, p := range inline {
		if p.PolicyName == "" {
			continue
		}
		ref := inlineRef(target, "inline/"+p.PolicyName)
		out = append(out, policyFact(ref, p.PolicyName, document(p.PolicyDocument), accountRef(account)),
			retinue.Attachment{Policy: ref, Target: target, Role: role})
	}
	for _, p := range managed {
		if p.PolicyArn == "" {
			continue
		}
		out = append(out, retinue.Attachment{Policy: policyRef(p.PolicyArn, account), Target: target, Role: role})
	}
	if b != nil && b.PermissionsBoundaryArn != "" {
		out = append(out, retinue.Attachment{Policy: policyRef(b.PermissionsBoundaryArn, account), Target: target, Role: retinue.AttachBoundary})
	}
	return out
}

// resourcePolicy states the policy of a resource and its attachment.
func resourcePolicy(target retinue.Ref, account, doc string) []retinue.Fact {
	if doc == "" {
		return nil
	}
	ref := inlineRef(target, "policy")
	return []retinue.Fact{policyFact(ref, lastPart(target.Key)+" (resource policy)", doc, accountRef(account)),
		retinue.Attachment{Policy: ref, Target: target, Role: retinue.AttachResource}}
}

// ownerTags are the tag names by which organisations usually say who answers
// for a thing, in lower case without separators.
func ownerTags() []string {
	return []string{"owner", "owners", "owneremail", "team", "teamname", "squad", "contact", "contactemail", "maintainer", "createdby", "creator", "responsible"}
}

// ownerSignals states tags that name an owner.
func ownerSignals(subject retinue.Ref, t tags) []retinue.Fact {
	var out []retinue.Fact
	for k, v := range t {
		plain := strings.NewReplacer("-", "", "_", "", ":", "", " ", "", ".", "").Replace(strings.ToLower(k))
		if v = strings.TrimSpace(v); v != "" && slices.Contains(ownerTags(), plain) {
			out = append(out, retinue.OwnerSignal{Subject: subject, Candidate: v, Signal: "tag", Quote: k + "=" + v})
		}
	}
	slices.SortFunc(out, func(a, b retinue.Fact) int { return a.FactRef().Compare(b.FactRef()) })
	return out
}

// resource makes a resource of an account.
func resource(kind, arnText, account, region, name string) retinue.Resource {
	if a, ok := parseARN(arnText); ok && a.region != "" {
		region = a.region
	}
	if name == "" {
		name = lastPart(arnText)
	}
	return retinue.Resource{Ref: refTo(kind, arnText, account), Name: retinue.CleanName(name), Kind: kind,
		Container: accountRef(account), Region: region}
}

// roleRefs names roles by their ARNs, leaving out empty ones.
func roleRefs(account string, arns ...string) []retinue.Ref {
	var out []retinue.Ref
	for _, a := range arns {
		if strings.HasPrefix(a, "arn:") {
			if r := refTo("role", a, account); !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}
