package aws

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// actor is who acted by a record's userIdentity.
type actor struct {
	kind       string // "IAMUser", "AssumedRole", …
	identity   retinue.Ref
	credential retinue.Ref
	joins      []retinue.JoinKey
	via        []retinue.Ref
	onBehalf   retinue.Ref
	person     bool
	account    string
	partition  string
	session    string // the name of an assumed role's session
	service    string // invokedBy
	workload   retinue.Ref
	mfa        string // "true", "false", "" where it does not apply
	source     string // the source identity
	provider   string // the federated provider
	instance   bool   // the session's keys came from an instance's metadata service
}

// userIdentity is as much of the element as is used (CloudTrail User Guide,
// "CloudTrail userIdentity element").
type userIdentity struct {
	kind, principal, arn, account, key, user  string
	provider, userID, store, invokedBy        string
	issuerKind, issuerARN, issuerAccount      string
	mfa, source, federated, subject, instance string
	behalfID, behalfStore                     string
	scopeARN, scopeKind                       string
}

func readIdentity(v logs.Value) userIdentity {
	var u userIdentity
	f := object(v).Fields()
	for f.Next() {
		switch strings.ToLower(string(f.Key)) {
		case "type":
			u.kind = f.Value.Text()
		case "principalid":
			u.principal = f.Value.Text()
		case "arn":
			u.arn = f.Value.Text()
		case "accountid":
			u.account = f.Value.Word()
		case "accesskeyid":
			u.key = f.Value.Text()
		case "username":
			u.user = f.Value.Text()
		case "identityprovider":
			u.provider = f.Value.Text()
		case "userid":
			u.userID = f.Value.Text()
		case "identitystorearn":
			u.store = f.Value.Text()
		case "invokedby":
			u.invokedBy = f.Value.Text()
		case "sessioncontext":
			u.readSession(f.Value)
		case "onbehalfof":
			u.behalfID, u.behalfStore = member(f.Value, "userId").Text(), member(f.Value, "identityStoreArn").Text()
		case "inscopeof":
			u.scopeARN, u.scopeKind = member(f.Value, "sourceArn").Text(), member(f.Value, "issuerType").Text()
		}
	}
	return u
}

func (u *userIdentity) readSession(v logs.Value) {
	f := object(v).Fields()
	for f.Next() {
		switch strings.ToLower(string(f.Key)) {
		case "attributes":
			u.mfa = member(f.Value, "mfaAuthenticated").Word()
		case "sessionissuer":
			u.issuerKind, u.issuerARN = member(f.Value, "type").Text(), member(f.Value, "arn").Text()
			u.issuerAccount = member(f.Value, "accountId").Word()
		case "sourceidentity":
			u.source = f.Value.Text()
		case "ec2roledelivery":
			u.instance = f.Value.Word()
		case "webidfederationdata":
			u.federated = member(f.Value, "federatedProvider").Text()
			u.subject = subjectOf(member(f.Value, "attributes"))
		}
	}
}

// subjectOf finds the subject among the attributes of a web identity, which are
// named after the issuer: "token.actions.githubusercontent.com:sub".
func subjectOf(v logs.Value) string {
	f := object(v).Fields()
	for f.Next() {
		if k := string(f.Key); k == "sub" || strings.HasSuffix(k, ":sub") {
			return f.Value.Text()
		}
	}
	return ""
}

// member is a member of an object whatever the case of its name.
func member(v logs.Value, name string) logs.Value {
	f := object(v).Fields()
	for f.Next() {
		if strings.EqualFold(string(f.Key), name) {
			return f.Value
		}
	}
	return nil
}

// newActor tells who acted. home is the account whose log it is.
func newActor(v logs.Value, home string) *actor {
	u := readIdentity(v)
	a := &actor{kind: u.kind, account: u.account, partition: "aws", service: cleanText(u.invokedBy), source: cleanText(u.source)}
	if !isAccountID(a.account) {
		a.account = home
	}
	if n, ok := parseARN(u.arn); ok {
		a.partition = n.partition
		if isAccountID(n.account) {
			a.account = n.account
		}
	}
	a.name(u)
	a.keys(u)
	a.chain(u)
	return a
}

// name finds the identity by the kind of the element.
func (a *actor) name(u userIdentity) {
	switch u.kind {
	case "Root":
		if !isAccountID(a.account) {
			break
		}
		a.identity = refTo("root", iamARN(a.partition, a.account, "root"), a.account)
	case "IAMUser":
		if u.arn == "" && u.user != "" {
			u.arn = iamARN(a.partition, a.account, "user/"+u.user)
		}
		a.identity, _ = principalRef(u.arn)
	case "AssumedRole", "Role", "FederatedUser":
		a.identity = a.issuer(u)
	case "SAMLUser", "SAML":
		a.person, a.provider = true, cleanText(u.provider)
		a.identity = named(a.account, "saml_user", first(u.user, u.principal))
	case "WebIdentityUser":
		a.provider = cleanText(u.provider)
		a.identity = webIdentity(a.account, u.provider, first(u.user, u.principal))
	case "IdentityCenterUser":
		a.person = true
		a.identity = centerUser(a.account, u.store, first(u.userID, u.behalfID))
	case "Directory":
		a.person = true
		a.identity = named(a.account, "directory_user", first(u.user, u.principal))
	case "AWSService":
		a.identity = serviceRef(u.invokedBy)
	case "AWSAccount":
		if ref, ok := principalRef(u.arn); ok {
			a.identity = ref
		} else if isAccountID(u.account) {
			a.identity = accountRef(u.account)
		}
	case "AWSInternal":
	default:
		if ref, ok := principalRef(u.arn); ok {
			a.identity = ref
		}
	}
	if strings.HasPrefix(u.principal, "AROA") {
		_, a.session, _ = strings.Cut(u.principal, ":")
	}
}

// issuer is whose session it is: the role with its path where the log names the
// issuer, and else the role that the session's name tells.
func (a *actor) issuer(u userIdentity) retinue.Ref {
	if u.issuerARN != "" {
		if isAccountID(u.issuerAccount) {
			a.account = u.issuerAccount
		}
		if u.issuerKind == "Root" {
			return refTo("root", u.issuerARN, a.account)
		}
		if ref, ok := principalRef(u.issuerARN); ok {
			return ref
		}
	}
	ref, _ := principalRef(u.arn)
	return ref
}

// keys tells with what it acted. Keys of sessions live for hours and are listed
// nowhere: their sessions are known by whose they are.
func (a *actor) keys(u userIdentity) {
	if id := u.key; strings.HasPrefix(id, "AKIA") && isKeyID(id) && isAccountID(a.account) && (u.kind == "IAMUser" || u.kind == "Root") {
		a.credential = retinue.NewRef(realmOf(a.account), "access_key", id)
		a.joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + id}}
	}
	if u.kind == "Root" && a.credential.IsZero() {
		a.person = true
	}
	if u.mfa == "true" || u.mfa == "false" {
		a.mfa = u.mfa
	}
	a.instance = u.instance != ""
}

// chain tells through whom it came to act.
func (a *actor) chain(u userIdentity) {
	if u.federated != "" {
		a.provider = cleanText(u.federated)
		if u.subject != "" {
			a.via = append(a.via, webIdentity(a.account, u.federated, u.subject))
		}
	}
	if u.behalfID != "" && a.identity != centerUser(a.account, u.behalfStore, u.behalfID) {
		a.onBehalf = centerUser(a.account, u.behalfStore, u.behalfID)
	}
	if u.source != "" {
		a.via = append(a.via, named(a.account, "source_identity", u.source))
	}
	role := a.identity.Key
	if strings.Contains(role, "/AWSReservedSSO_") {
		a.person = true
		if a.session != "" && a.onBehalf.IsZero() {
			a.via = append(a.via, named(a.account, "sso_user", a.session))
		}
	}
	if u.scopeARN != "" {
		if n, ok := parseARN(u.scopeARN); ok && u.scopeKind != "" {
			a.workload = refTo(arnKind(n), u.scopeARN, a.account)
		}
	}
}

// named names somebody that only the log knows.
func named(account, kind, name string) retinue.Ref {
	if name == "" || !isAccountID(account) {
		return retinue.Ref{}
	}
	return retinue.NewRef(realmOf(account), kind, cut(key(name), retinue.MaxEventText))
}

// centerUser names a user of IAM Identity Center as its assignments do. The
// store's id is that in its ARN.
func centerUser(account, store, id string) retinue.Ref {
	if i := strings.LastIndexByte(store, '/'); i >= 0 {
		store = store[i+1:]
	}
	if store == "" {
		return named(account, "identity_center_user", id)
	}
	return named(account, "identity_center_user", store+"/"+id)
}

// serviceRef names a service of AWS, which is the same in every account.
func serviceRef(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	return retinue.NewRef(awsManaged, "service", cut(key(name), retinue.MaxEventText))
}

// webIdentity names the subject of a token of another issuer: a pipeline where
// the issuer runs pipelines. A principal id ("provider:audience:subject") gives
// its subject.
func webIdentity(account, provider, subject string) retinue.Ref {
	host := provider
	if n, ok := parseARN(provider); ok {
		if isAccountID(n.account) {
			account = n.account
		}
		_, host, _ = strings.Cut(n.resource, "/")
	}
	if rest, ok := strings.CutPrefix(subject, provider+":"); ok {
		if _, sub, ok := strings.Cut(rest, ":"); ok {
			subject = sub
		}
	}
	if runsPipelines(host) {
		return named(account, "pipeline", subject)
	}
	if host == "" {
		return named(account, "oidc_subject", subject)
	}
	return named(account, "oidc_subject", host+"#"+subject)
}

// runsPipelines reports issuers whose tokens are those of pipelines' runs.
func runsPipelines(host string) bool {
	host, _, _ = strings.Cut(strings.TrimPrefix(host, "https://"), "/")
	switch host {
	case "token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io", "oidc.circleci.com",
		"agent.buildkite.com", "api.pulumi.com", "vstoken.dev.azure.com", "api.bitbucket.org":
		return true
	}
	return false
}

func isKeyID(s string) bool {
	if len(s) < 16 || len(s) > 128 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// cleanText makes a text of the log safe and short enough for an event.
func cleanText(s string) string { return cut(retinue.CleanName(s), retinue.MaxEventText) }

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
