package aws

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// classOf tells what sort of event it is. A call through a network endpoint
// that a trail logs for the endpoint's sake counts as data: the call itself
// stands in the trail beside it.
func classOf(r *trailRecord, c *callInfo) retinue.EventClass {
	if c.prefix == "signin" || string(raw(r.kind)) == "AwsConsoleSignIn" || c.prefix == "sts" && issuesSession(c.name) ||
		(c.prefix == "sso" || c.prefix == "sso-oauth") && (c.name == "Authenticate" || c.name == "CreateToken" || c.name == "GetRoleCredentials" || c.name == "Federate") {
		return retinue.EventSignIn
	}
	switch string(raw(r.category)) {
	case "Data", "NetworkActivity":
		return retinue.EventData
	case "Management":
		return retinue.EventManagement
	}
	if string(r.management) == "false" || string(raw(r.kind)) == "AwsVpceEvent" || dataCall(c) {
		return retinue.EventData
	}
	return retinue.EventManagement
}

func issuesSession(name string) bool {
	return strings.HasPrefix(name, "AssumeR") || name == "GetSessionToken" || name == "GetFederationToken"
}

// dataCall reports calls that are always data events, for records of versions
// that do not say (before 1.08).
func dataCall(c *callInfo) bool {
	switch c.action {
	case "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "lambda:InvokeFunction":
		return true
	}
	return false
}

// outcome tells how the call ended by its error code.
func (d *trailDecoder) outcome(r *trailRecord, c *callInfo) (retinue.Outcome, string) {
	code := raw(r.errorCode)
	if len(code) == 0 {
		if c.name == "ConsoleLogin" || c.source == "signin.amazonaws.com" {
			if f := object(r.answer).Fields(); f.Next() && f.Value.Text() == "Failure" {
				return retinue.OutcomeDenied, "Failure"
			}
		}
		return retinue.OutcomeSuccess, ""
	}
	reason := cut(d.text(code), retinue.MaxEventText)
	if deniedCode(reason) {
		return retinue.OutcomeDenied, reason
	}
	return retinue.OutcomeError, reason
}

// deniedCode reports error codes of refusals: of services' own ("Client." and
// "Server." are those of the EC2 family) and of those that all share (IAM API
// reference, "Common errors").
func deniedCode(code string) bool {
	code = strings.TrimPrefix(strings.TrimPrefix(code, "Client."), "Server.")
	for _, prefix := range []string{"AccessDenied", "Unauthorized", "NotAuthorized", "AuthFailure", "InvalidClientTokenId",
		"CloudTrailInvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "UnrecognizedClient", "InvalidAccessKeyId",
		"VpceAccessDenied", "Forbidden", "AuthorizationError", "MissingAuthenticationToken", "IncompleteSignature",
		"InvalidIdentityToken", "IDPRejectedClaim", "RequestExpired", "OptInRequired", "InvalidSignature", "AllAccessDisabled",
		"NoPermission", "KMSAccessDenied", "KMS.AccessDenied", "PendingVerification"} {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

// origin tells where the call came from.
func (d *trailDecoder) origin(r *trailRecord, a *actor, c *callInfo, ev *retinue.Event) {
	o := &ev.Origin
	from := raw(r.address)
	if len(from) <= 64 {
		if addr, err := netip.ParseAddr(string(from)); err == nil {
			o.Address = addr.Unmap().WithZone("")
		}
	}
	// Where no address stands, a service of AWS does, or "AWS Internal".
	if !o.Address.IsValid() && strings.ContainsAny(string(from), "abcdefghijklmnopqrstuvwxyzAWS") && !strings.Contains(string(from), ":") {
		o.Service = cut(d.text(from), retinue.MaxEventText)
	}
	if a.service != "" {
		o.Service = a.service
	}
	o.Agent = cut(d.text(raw(r.agent)), retinue.MaxEventText)
	o.Workload = a.workload
	if a.instance && strings.HasPrefix(a.session, "i-") && o.Workload.IsZero() && ev.Region != "" {
		arnText := "arn:" + partitionOf(ev.Region) + ":ec2:" + ev.Region + ":" + a.account + ":instance/" + cleanText(a.session)
		o.Workload = refTo("ec2_instance", arnText, a.account)
	}
	console := r.consoleSession.IsTrue() || strings.HasPrefix(string(raw(r.kind)), "AwsConsole")
	o.Interactive = console || o.Agent == "signin.amazonaws.com" || strings.HasPrefix(o.Agent, "[S3Console") || strings.HasPrefix(o.Agent, "Mozilla/")
	if console && (a.kind == "IAMUser" || a.kind == "Root" || c.name == "ConsoleLogin") {
		ev.Person = true
	}
	if c.name == "ConsoleLogin" && ev.Identity.Kind == "user" {
		ev.Credential = retinue.NewRef(ev.Identity.Realm, "password", ev.Identity.Key)
	}
}

// context gives the conditions that policies test and the record shows. The
// address is in the origin (aws:SourceIp).
func (d *trailDecoder) context(r *trailRecord, a *actor, c *callInfo, ev *retinue.Event) []retinue.ContextValue {
	out := make([]retinue.ContextValue, 0, 8)
	add := func(k, v string) {
		if v != "" {
			out = append(out, retinue.ContextValue{Key: k, Value: cut(v, retinue.MaxEventText)})
		}
	}
	if !a.identity.IsZero() && a.identity.Kind != "service" && strings.Contains(a.service, ".") {
		add("aws:CalledVia", a.service)
	}
	add("aws:FederatedProvider", a.provider)
	add("aws:MultiFactorAuthPresent", a.mfa)
	if a.identity.Kind == "service" {
		add("aws:PrincipalIsAWSService", "true")
	}
	if !r.tls.IsNull() {
		add("aws:SecureTransport", "true")
	}
	add("aws:SourceIdentity", a.source)
	if v := raw(r.vpcEndpoint); len(v) > 0 {
		add("aws:SourceVpce", d.text(v))
	}
	if service, ok := strings.CutSuffix(a.service, ".amazonaws.com"); ok && c.prefix == "kms" && ev.Region != "" && !strings.Contains(service, ".") {
		add("kms:ViaService", service+"."+ev.Region+".amazonaws.com")
	}
	if c.prefix == "s3" {
		o := object(r.additional)
		if o != nil {
			switch string(raw(o.Get("AuthenticationMethod"))) {
			case "AuthHeader":
				add("s3:authType", "REST-HEADER")
			case "QueryString":
				add("s3:authType", "REST-QUERY-STRING")
			}
			switch string(raw(o.Get("SignatureVersion"))) {
			case "SigV4":
				add("s3:signatureversion", "AWS4-HMAC-SHA256")
			case "SigV2":
				add("s3:signatureversion", "AWS")
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return slices.Clip(out)
}

// givesProfile reports a call that gives an instance a profile, which passes the
// profile's role.
func givesProfile(r *trailRecord, c *callInfo) bool {
	if c.prefix != "ec2" {
		return false
	}
	p := object(r.parameters)
	profile := p.Get("iamInstanceProfile")
	if profile == nil {
		profile = member(firstValue(p), "IamInstanceProfile")
	}
	return profile.IsObject() && len(profile) > 2 && strings.Contains(strings.ToLower(c.name), "instance")
}

// firstValue is the value of an object's only member: some calls wrap their
// parameters in the request's name.
func firstValue(v logs.Value) logs.Value {
	f := object(v).Fields()
	if f.Next() {
		return f.Value
	}
	return nil
}
