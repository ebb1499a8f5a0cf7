package aws

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// arn is an Amazon Resource Name taken apart.
type arn struct {
	partition, service, region, account, resource string
}

// parseARN reads "arn:partition:service:region:account:resource".
func parseARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || !strings.HasPrefix(p[1], "aws") || p[5] == "" {
		return arn{}, false
	}
	return arn{partition: p[1], service: p[2], region: p[3], account: p[4], resource: p[5]}, true
}

// isAccountID reports whether s is twelve digits.
func isAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// realmOf is the realm of an account, an organisation, or, for "aws", of what
// AWS itself manages.
func realmOf(id string) retinue.Realm { return retinue.NewRealm("aws", id) }

// awsManaged is the realm of policies that AWS manages for every account.
const awsManaged = retinue.Realm("aws:aws")

// key makes a vendor's name safe to use as the key of a Ref.
func key(s string) string {
	s = retinue.CleanName(s)
	if len(s) > retinue.MaxRefKey {
		s = strings.ToValidUTF8(s[:retinue.MaxRefKey], "")
	}
	return s
}

// refTo names a thing by its ARN. The realm is that of the account in the ARN;
// where it has none (a bucket's), that of the account that lists it. Empty text
// gives the zero Ref.
func refTo(kind, text, account string) retinue.Ref {
	if text == "" {
		return retinue.Ref{}
	}
	realm := realmOf(account)
	if a, ok := parseARN(text); ok && (isAccountID(a.account) || a.account == "aws") {
		realm = realmOf(a.account)
	}
	return retinue.NewRef(realm, kind, key(text))
}

func accountRef(id string) retinue.Ref { return retinue.NewRef(realmOf(id), "account", id) }

// iamARN builds the ARN of something of IAM's in an account.
func iamARN(partition, account, resource string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", partition, account, resource)
}

// principalRef names the user, role or other principal behind an ARN, and says
// whether the ARN names one that Ref can name.
func principalRef(text string) (retinue.Ref, bool) {
	a, ok := parseARN(text)
	if !ok || !isAccountID(a.account) {
		return retinue.Ref{}, false
	}
	kind, name, _ := strings.Cut(a.resource, "/")
	switch {
	case a.service == "iam" && a.resource == "root":
		return accountRef(a.account), true
	case a.service == "iam" && (kind == "user" || kind == "role") && name != "":
		return refTo(kind, text, a.account), true
	case a.service == "sts" && kind == "assumed-role":
		// A session's ARN has no path, so it names the role only where the
		// role has none. That is the common case, and AWS offers no better.
		role, _, _ := strings.Cut(name, "/")
		return refTo("role", iamARN(a.partition, a.account, "role/"+role), a.account), true
	case a.service == "sts" && kind == "federated-user":
		return refTo("federated_user", text, a.account), true
	}
	return retinue.Ref{}, false
}

// lastPart returns what follows the last "/" or ":" of an ARN.
func lastPart(s string) string {
	if i := strings.LastIndexAny(s, "/:"); i >= 0 {
		return s[i+1:]
	}
	return s
}
