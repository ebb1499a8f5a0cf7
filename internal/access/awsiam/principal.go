package awsiam

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// principalKind is what makes a request.
type principalKind uint8

const (
	principalUnknown principalKind = iota
	principalAnonymous
	principalRoot
	principalUser
	principalRole    // a role, of which any session is meant
	principalSession // one session of a role
	principalFederatedUser
	principalService
	principalFederated // an identity provider, before a role is assumed
)

// Principal is who makes a request ("AWS JSON policy elements: Principal").
// The zero Principal is of no kind and nothing is answered for it.
type Principal struct {
	kind      principalKind
	arn       string
	partition string
	account   string
	// name is the user's, role's or session's name without its path.
	name string
	// issuer is the ARN of the role of a session or of the user who
	// federated, where it is known.
	issuer string
}

// Anonymous is the principal of a request that is not signed.
func Anonymous() Principal { return Principal{kind: principalAnonymous} }

// Service is an AWS service, such as "lambda.amazonaws.com", that calls for
// itself.
func Service(name string) Principal { return Principal{kind: principalService, arn: name} }

// Federated is an identity provider whose users have not assumed a role yet:
// the ARN of a SAML or OpenID Connect provider, or the domain of a public one.
func Federated(provider string) Principal { return Principal{kind: principalFederated, arn: provider} }

// ParsePrincipal reads a principal: the ARN of a user, a role, a role session,
// a federated user or an account's root; an account number; the domain of an
// AWS service; the ARN of a SAML or OpenID Connect provider. The ARN of a role
// stands for a session of it that no policy names.
func ParsePrincipal(text string) (Principal, error) {
	p := Principal{arn: text}
	if isAccount(text) {
		return Principal{kind: principalRoot, arn: "arn:aws:iam::" + text + ":root", partition: "aws", account: text}, nil
	}
	cut := cutARN(text, false)
	if segments := &cut.parts; cut.n != arnSegments || segments[0] != "arn" {
		if strings.HasSuffix(text, ".amazonaws.com") || strings.HasSuffix(text, ".amazonaws.com.cn") {
			return Service(text), nil
		}
		if strings.Contains(text, ".") && !strings.ContainsAny(text, " *:") {
			return Federated(text), nil
		}
		return p, fmt.Errorf("%w: principal %q: it is neither an ARN nor a service", retinue.ErrInvalid, retinue.CleanName(text))
	}
	segments := &cut.parts
	p.partition, p.account = segments[1], segments[4]
	typ, rest, _ := strings.Cut(segments[5], "/")
	p.name = rest[strings.LastIndexByte(rest, '/')+1:]
	switch service := segments[2]; {
	case service == "iam" && segments[5] == "root":
		p.kind = principalRoot
	case service == "iam" && typ == "user" && p.name != "":
		p.kind = principalUser
	case service == "iam" && typ == "role" && p.name != "":
		p.kind, p.issuer = principalRole, text
	case service == "iam" && (typ == "saml-provider" || typ == "oidc-provider"):
		p.kind = principalFederated
	case service == "sts" && typ == "assumed-role" && strings.Contains(rest, "/"):
		p.kind = principalSession
		p.name, _, _ = strings.Cut(rest, "/")
	case service == "sts" && typ == "federated-user" && rest != "":
		p.kind, p.name = principalFederatedUser, rest
	default:
		return p, fmt.Errorf("%w: principal %q: it is not a user, role, session, federated user, root or provider",
			retinue.ErrInvalid, retinue.CleanName(text))
	}
	return p, nil
}

// IssuedBy returns the principal with the ARN of what its session came from:
// the role with its path, which the ARN of a session does not hold, or the user
// who called GetFederationToken.
func (p Principal) IssuedBy(arn string) Principal {
	if p.kind == principalSession || p.kind == principalFederatedUser {
		p.issuer = arn
	}
	return p
}

// Account is the principal's account; empty for anonymous and services.
func (p Principal) Account() string { return p.account }

// String is the principal's ARN or name.
func (p Principal) String() string {
	if p.kind == principalAnonymous {
		return "anonymous"
	}
	return p.arn
}

// principalARN is the value of aws:PrincipalArn: for a session the role's
// ("AWS global condition context keys"). It is empty where the role's path is
// not known.
func (p *Principal) principalARN() string {
	switch p.kind {
	case principalSession:
		return p.issuer
	case principalRole:
		return p.arn
	}
	return p.arn
}

// serviceLinked reports whether the principal is a service-linked role, which
// organisation policies do not restrict ("Service control policies", "Resource
// control policies": tasks and entities not restricted).
func (p *Principal) serviceLinked() bool {
	if p.kind != principalRole && p.kind != principalSession {
		return false
	}
	if p.issuer != "" {
		return strings.Contains(p.issuer, ":role/aws-service-role/")
	}
	return strings.HasPrefix(p.name, "AWSServiceRoleFor")
}

// signed reports whether the principal belongs to an account, whose policies
// apply to it.
func (p *Principal) signed() bool { return p.account != "" && p.kind != principalFederated }

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// grant is how a policy's Principal element names a principal. It decides
// which other policies limit what is granted ("Policy evaluation logic",
// resource-based policies).
type grant uint8

const (
	// unnamed: not at all.
	unnamed grant = iota
	// unsure: it cannot be told.
	unsure
	// byAccount: as one of an account, which delegates to the account's own
	// policies.
	byAccount
	// byIssuer: as a session of a role, or of a user who federated.
	byIssuer
	// directly: itself, or as everybody.
	directly
)

// principalPattern is one compiled name of a Principal element.
type principalPattern struct {
	typ  namedAs
	text string
	// account is set where the name stands for an account.
	account, partition string
	// role is the role's name where the text is a role's ARN.
	role string
	// user is true where the text is a user's ARN.
	user bool
}

type namedAs uint8

const (
	namedAll namedAs = iota
	namedAccount
	namedARN
	namedService
	namedFederated
	namedUnsure
)

// compilePrincipals prepares the names of an element. Only "*" alone is a
// wildcard: "You cannot use a wildcard to match part of a principal name or
// ARN", so that elsewhere a star stands for itself.
func compilePrincipals(m *memory, e *Principals) []principalPattern {
	out := m.named.room(1+len(e.AWS)+len(e.Service)+len(e.Federated)+len(e.CanonicalUser), 1)
	if e.All {
		out = append(out, principalPattern{typ: namedAll})
	}
	for _, n := range e.AWS {
		out = append(out, compilePrincipal(n))
	}
	for _, n := range e.Service {
		out = append(out, principalPattern{typ: namedService, text: n})
	}
	for _, n := range e.Federated {
		out = append(out, principalPattern{typ: namedFederated, text: n})
	}
	for _, n := range e.CanonicalUser {
		out = append(out, principalPattern{typ: namedUnsure, text: n})
	}
	return m.named.taken(out)
}

func compilePrincipal(name string) principalPattern {
	p := principalPattern{typ: namedARN, text: name}
	if name == "*" {
		p.typ = namedAll
		return p
	}
	if isAccount(name) {
		p.typ, p.account = namedAccount, name
		return p
	}
	if cut := cutARN(name, false); cut.n == arnSegments {
		segments := &cut.parts
		p.partition = segments[1]
		if segments[5] == "root" && segments[2] == "iam" {
			p.typ, p.account = namedAccount, segments[4]
		}
		if typ, rest, ok := strings.Cut(segments[5], "/"); ok && segments[2] == "iam" {
			p.account, p.user = segments[4], typ == "user"
			if typ == "role" {
				p.role = rest[strings.LastIndexByte(rest, '/')+1:]
			}
		}
	}
	return p
}

// names says how the pattern names the principal of a request.
func (n *principalPattern) names(q *question) grant {
	p := &q.request.Principal
	switch n.typ {
	case namedAll:
		return directly
	case namedAccount:
		return grantIf(p.signed() && p.account == n.account && (n.partition == "" || n.partition == p.partition), byAccount)
	case namedService:
		return grantIf(p.kind == principalService && p.arn == n.text, directly)
	case namedFederated:
		return grantIf(p.kind == principalFederated && p.arn == n.text, directly)
	case namedUnsure:
		return grantIf(p.signed(), unsure)
	}
	switch p.kind {
	case principalUser, principalRoot:
		return grantIf(p.arn == n.text, directly)
	case principalFederatedUser:
		switch {
		case p.arn == n.text:
			return directly
		case p.issuer == "" && n.user && n.account == p.account:
			return unsure // who federated is not known
		}
		return grantIf(p.issuer == n.text, byIssuer)
	case principalSession:
		if p.arn == n.text {
			return directly
		}
		return grantIf(n.issued(q), byIssuer)
	case principalRole:
		return grantIf(p.arn == n.text, byIssuer)
	}
	return unnamed
}

func grantIf(b bool, g grant) grant {
	if b {
		return g
	}
	return unnamed
}

// issued reports whether the pattern names what the session came from. The
// role's full ARN is the caller's or the request's aws:PrincipalArn; without
// either the path is unknown, and role names are unique in an account whatever
// their path ("IAM identifiers").
func (n *principalPattern) issued(q *question) bool {
	p := &q.request.Principal
	if p.issuer != "" {
		return p.issuer == n.text
	}
	if n.role == "" || n.role != p.name || n.account != p.account || n.partition != p.partition {
		return false
	}
	if v, state := q.lookup("aws:principalarn"); state == keyPresent && !v.isList && strings.Contains(v.text, ":role/") {
		return v.text == n.text
	}
	return true
}
