package kubernetes

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/retinue-id/retinue"
)

// objectKind and pathKind are the kinds of what a request is about. Their keys
// are as the access engine is asked: see docs/access-kubernetes.md.
const (
	objectKind = "object"
	pathKind   = "path"
)

// resource names what a request is about. The name of an object that is being
// made is left out, because no rule can depend on it, and so are names that
// controllers make up: they are new each time, and would be without end.
func (d *auditDecoder) resource(a *auditEvent) retinue.Ref {
	o := a.Object
	if o == nil || o.Resource == "" {
		path, _, _ := strings.Cut(a.RequestURI, "?")
		if !strings.HasPrefix(path, "/") {
			return retinue.Ref{}
		}
		return d.ref(pathKind, path)
	}
	var b strings.Builder
	switch {
	case o.Namespace != "":
		b.WriteString(o.Namespace + "/")
	case o.Subresource != "":
		b.WriteString("*/")
	}
	b.WriteString(o.Resource)
	if o.APIGroup != "" {
		b.WriteString("." + o.APIGroup)
	}
	if o.Subresource != "" {
		b.WriteString("/" + o.Subresource)
	}
	if o.Name != "" && (a.Verb != "create" || o.Subresource != "") && !isMadeUp(o) {
		b.WriteString(":" + o.Name)
	}
	return d.ref(objectKind, b.String())
}

// workload names what stands behind a pod. The pods of a Deployment and of a
// CronJob come and go under names of a form of their own: the hash of a template
// (k8s.io/apimachinery/pkg/util/rand spells it and the suffix without vowels), or
// the minute of a schedule. Those of others, such as a DaemonSet, cannot be told
// from bare pods, and stand for themselves.
func (d *auditDecoder) workload(namespace, pod string) (retinue.Ref, string) {
	parts := strings.Split(pod, "-")
	n := len(parts)
	if n < 3 || len(parts[n-1]) != 5 || !isRandom(parts[n-1]) {
		return d.ref(kindPod.element, namespace+"/"+pod), ""
	}
	name, middle := strings.Join(parts[:n-2], "-"), parts[n-2]
	switch {
	case name == "":
	case len(middle) >= 8 && strings.Trim(middle, "0123456789") == "":
		return d.ref(kindCronJob.element, namespace+"/"+name), pod
	case len(middle) >= 8 && len(middle) <= 10 && isRandom(middle):
		return d.ref(kindDeployment.element, namespace+"/"+name), pod
	}
	return d.ref(kindPod.element, namespace+"/"+pod), ""
}

// isRandom reports what k8s.io/apimachinery/pkg/util/rand may have spelled.
func isRandom(s string) bool { return s != "" && strings.Trim(s, "bcdfghjklmnpqrstvwxz2456789") == "" }

// isMadeUp reports an object that a controller named: an event, or one whose
// name ends in a random suffix or in the hash of a template.
func isMadeUp(o *auditObject) bool {
	suffix := o.Name[strings.LastIndexByte(o.Name, '-')+1:]
	switch o.Resource {
	case "events":
		return true
	case "pods", "jobs", "endpointslices":
		return len(suffix) == 5 && len(suffix) < len(o.Name) && isRandom(suffix) || len(suffix) >= 8 && strings.Trim(suffix, "0123456789") == ""
	case "replicasets", "controllerrevisions":
		return len(suffix) >= 8 && len(suffix) < len(o.Name) && isRandom(suffix)
	}
	return false
}

// awsPrincipal names a user or role of AWS as the connector to AWS does: by its
// ARN in the account's realm; a session names its role.
func awsPrincipal(arn string) retinue.Ref {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || len(parts[4]) != 12 || strings.Trim(parts[4], "0123456789") != "" || len(arn) > 2048 {
		return retinue.Ref{}
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && (kind == "user" || kind == "role") && name != "":
	case parts[2] == "sts" && kind == "assumed-role" && name != "":
		role, _, _ := strings.Cut(name, "/")
		kind, arn = "role", "arn:"+parts[1]+":iam::"+parts[4]+":role/"+role
	default:
		return retinue.Ref{}
	}
	return retinue.NewRef(retinue.NewRealm("aws", parts[4]), kind, retinue.CleanName(arn))
}

// googlePrincipal names an account of Google as the connector to Google Cloud
// does: a service account in the project that its address tells, a person in the
// domain's. Zero for subjects of the cluster, and for accounts whose address tells
// the project by its number only.
func googlePrincipal(email string) retinue.Ref {
	email = strings.ToLower(retinue.CleanName(email))
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || len(email) > retinue.MaxRefKey || strings.HasPrefix(email, "system:") {
		return retinue.Ref{}
	}
	realm := retinue.NewRealm("google", domain)
	kind := "user"
	if project, isAccount := strings.CutSuffix(domain, ".iam.gserviceaccount.com"); isAccount && !strings.HasPrefix(local, "service-") {
		realm, kind = retinue.NewRealm("gcp", project), "service_account"
	} else if domain == "appspot.gserviceaccount.com" {
		realm, kind = retinue.NewRealm("gcp", local), "service_account"
	} else if strings.HasSuffix(domain, "gserviceaccount.com") {
		return retinue.Ref{}
	}
	if realm.Validate() != nil {
		return retinue.Ref{}
	}
	return retinue.NewRef(realm, kind, email)
}

// eventText makes foreign text fit for an event.
func eventText(s string) string {
	if len(s) > 4*retinue.MaxEventText {
		s = s[:4*retinue.MaxEventText]
	}
	return cutText(retinue.CleanName(s), retinue.MaxEventText)
}

// cutText cuts text to a number of bytes, at a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// jsonReason says why a text is not what was wanted, without any of the text.
func jsonReason(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "field " + retinue.CleanName(t.Field) + " is of another type"
	}
	return "not JSON"
}
