package ocsf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

const logName = "ocsf.api"

// The classes of event that are read (https://schema.ocsf.io).
const (
	classAccountChange  = 3001
	classAuthentication = 3002
	classAPIActivity    = 6003
)

// decoder turns records into events. It is safe for concurrent use.
type decoder struct {
	realm retinue.Realm // of all events, where it is set
}

// record is one event with what was found out about it so far.
type record struct {
	entry.Object
	class    int64
	provider string // of the cloud: "aws", "gcp", "azure", or ""
	ev       retinue.Event
}

func (d decoder) decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	class, ok := o.Int("class_uid")
	if !ok {
		return nil, fmt.Errorf("%w: record has no class_uid: it is no event of OCSF", retinue.ErrInvalid)
	}
	at, ok := o.Time("time", "time_dt", "metadata.original_time")
	if !ok {
		return nil, entry.ErrNoTime()
	}
	r := &record{Object: o, class: class, provider: providerOf(o), ev: retinue.Event{Log: logName, At: at}}
	entry.Name(&r.ev, r.id(), raw)
	r.ev.Realm = r.realm(d)
	r.ev.Operation = o.Text("api.operation", "type_name", "activity_name", "class_name")
	if !slices.Contains([]int64{classAccountChange, classAuthentication, classAPIActivity}, class) || r.ev.Operation == "" || r.ev.Realm == "" {
		return []retinue.Event{entry.Unknown(r.ev, raw)}, nil
	}
	r.ev.Class = classOf(o, class)
	r.ev.Region = o.Text("cloud.region")
	r.origin()
	r.actor()
	r.credential()
	r.resource()
	r.outcome()
	r.context()
	if class == classAccountChange {
		r.accountChange()
	}
	entry.Bound(&r.ev)
	return []retinue.Event{r.ev}, nil
}

// id is the event's id, which is one only together with the product's name.
func (r *record) id() string {
	uid := r.ID("metadata.uid")
	if uid == "" {
		return ""
	}
	return r.Text("metadata.product.vendor_name") + "/" + r.Text("metadata.product.name", "metadata.product.uid") + ":" + uid
}

func providerOf(o entry.Object) string {
	switch p := strings.ToLower(o.Text("cloud.provider")); {
	case strings.Contains(p, "aws"), strings.Contains(p, "amazon"):
		return "aws"
	case strings.Contains(p, "gcp"), strings.Contains(p, "google"):
		return "gcp"
	case strings.Contains(p, "azure"), strings.Contains(p, "microsoft"):
		return "azure"
	}
	return ""
}

func (r *record) realm(d decoder) retinue.Realm {
	if d.realm != "" {
		return d.realm
	}
	account := r.ID("cloud.account.uid", "cloud.account_uid")
	switch r.provider {
	case "aws":
		if account == "" {
			account = r.ID("actor.user.account.uid", "actor.user.account_uid")
		}
		return entry.Realm("aws", account)
	case "gcp":
		return entry.Realm("gcp", orElse(r.ID("cloud.project_uid"), account))
	case "azure":
		return entry.Realm("azure", strings.ToLower(orElse(r.ID("cloud.org.uid", "metadata.tenant_uid"), account)))
	}
	vendor, product := r.Text("metadata.product.vendor_name"), r.Text("metadata.product.name", "metadata.product.uid")
	name := strings.ToLower(strings.Trim(strings.ReplaceAll(vendor, "/", "-")+"/"+strings.ReplaceAll(product, "/", "-"), "/"))
	if org := orElse(r.ID("cloud.org.uid", "metadata.tenant_uid"), account); org != "" && name != "" {
		name += "/" + org
	}
	return entry.Realm("ocsf", name)
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// classOf says what sort of entry an event is. A call that the event says reads or
// writes an object's data is one of data.
func classOf(o entry.Object, class int64) retinue.EventClass {
	if class == classAuthentication {
		return retinue.EventSignIn
	}
	for _, p := range o.Texts("unmapped.eventCategory") {
		if p == "Data" {
			return retinue.EventData
		}
	}
	return retinue.EventManagement
}

// origin says where the call came from. AWS writes a service's name where an
// address would stand.
func (r *record) origin() {
	o := &r.ev.Origin
	o.Address = entry.Address(r.Raw("src_endpoint.ip", "http_request.x_forwarded_for"))
	o.Agent = r.Text("http_request.user_agent", "src_endpoint.agent")
	o.Host = r.Text("src_endpoint.hostname", "device.hostname")
	o.Service = r.Text("actor.invoked_by", "src_endpoint.svc_name")
	if domain := r.Text("src_endpoint.domain"); o.Service == "" && strings.HasSuffix(domain, ".amazonaws.com") {
		o.Service = domain
	}
	o.Application = r.Text("actor.app_name")
	if id := r.ID("src_endpoint.instance_uid"); id != "" {
		o.Workload = entry.Ref(r.ev.Realm, "instance", id)
	}
	interactive, known := r.Flag("is_interactive")
	o.Interactive = known && interactive || r.class == classAuthentication && strings.EqualFold(r.Text("logon_type"), "interactive")
}

// outcome reads status_id: 1 success, 2 failure. Whether a failure was a refusal
// shows from its code only.
func (r *record) outcome() {
	status, _ := r.Int("status_id")
	word := strings.ToLower(r.Text("status"))
	code := r.Text("api.response.error", "status_code", "api.response.code", "status_detail")
	switch {
	case status == 1 || status == 0 && word == "success":
		r.ev.Outcome = retinue.OutcomeSuccess
		return
	case status == 2 || status == 0 && (word == "failure" || word == "failed"):
		r.ev.Outcome = retinue.OutcomeError
		if r.class == classAuthentication || isRefusal(code) {
			r.ev.Outcome = retinue.OutcomeDenied
		}
	default:
		r.ev.Outcome = retinue.OutcomeUnknown
	}
	r.ev.Reason = code
}

func isRefusal(code string) bool {
	code = strings.ToLower(code)
	if code == "401" || code == "403" || code == "7" || code == "16" { // HTTP; gRPC: permission denied, unauthenticated
		return true
	}
	for _, w := range []string{"accessdenied", "access denied", "unauthorized", "forbidden", "permission_denied", "permission denied", "notauthorized", "authfailure",
		"invalidclienttokenid", "signaturedoesnotmatch", "expiredtoken", "unauthenticated"} {
		if strings.Contains(code, w) {
			return true
		}
	}
	return false
}

func (r *record) context() {
	if mfa, known := r.Flag("actor.session.is_mfa"); known && r.provider == "aws" {
		r.ev.Context = append(r.ev.Context, retinue.ContextValue{Key: "aws:MultiFactorAuthPresent", Value: fmt.Sprint(mfa)})
	}
	if vpce := r.ID("src_endpoint.uid"); r.provider == "aws" && strings.HasPrefix(vpce, "vpce-") {
		r.ev.Context = append(r.ev.Context, retinue.ContextValue{Key: "aws:SourceVpce", Value: vpce})
	}
}
