package kubernetes

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// isPerson reports a user whose name is a person's address.
func isPerson(user string) bool {
	class, _, _ := classifyUser(user)
	return class == retinue.ClassPerson
}

// touches says which identities, credentials and controls a request changed or
// read. Whom a change concerns beyond the object itself stands in the request's
// body, which the server only logs at level Request and above.
func (d *auditDecoder) touches(a *auditEvent) []retinue.Touch {
	o := a.Object
	if o == nil {
		return nil
	}
	var out []retinue.Touch
	switch {
	case o.APIGroup == "" && o.Resource == "secrets" && o.Subresource == "":
		out = d.secretTouches(a)
	case o.APIGroup == "" && o.Resource == "serviceaccounts":
		out = d.accountTouches(a)
	case o.APIGroup == "" && o.Resource == "pods" && slices.Contains([]string{"exec", "attach", "ephemeralcontainers"}, o.Subresource):
		out = []retinue.Touch{{Kind: retinue.TouchRun, Target: d.objectRef(kindPod, o)}}
	case o.APIGroup == rbacGroup:
		out = d.rbacTouches(a)
	case o.APIGroup == kindCSR.group && o.Resource == kindCSR.resource:
		out = d.requestTouches(a)
	case o.APIGroup == "" && o.Resource == "configmaps" && o.Namespace == "kube-system" && o.Name == "aws-auth":
		out = change(a.Verb, d.resource(a), retinue.TouchEdit) // who of AWS is whom in an EKS cluster
	case o.Subresource == "":
		out = d.runTouches(a)
	}
	return out[:min(len(out), retinue.MaxEventTouches)]
}

// objectRef names an object as the connector does; zero without a name.
func (d *auditDecoder) objectRef(k kind, o *auditObject) retinue.Ref {
	switch {
	case o.Name == "":
		return retinue.Ref{}
	case k.namespaced && o.Namespace != "":
		return d.ref(k.element, o.Namespace+"/"+o.Name)
	}
	return d.ref(k.element, o.Name)
}

// change turns a verb that writes into a touch; made is what creating is.
func change(verb string, target retinue.Ref, made retinue.TouchKind) []retinue.Touch {
	switch verb {
	case "create":
		return []retinue.Touch{{Kind: made, Target: target}}
	case "update", "patch":
		return []retinue.Touch{{Kind: retinue.TouchEdit, Target: target}}
	case "delete", "deletecollection":
		return []retinue.Touch{{Kind: retinue.TouchDelete, Target: target}}
	}
	return nil
}

// secretTouches: reading a Secret, or a list of them, which holds their values.
// A list or watch names the namespace, or the cluster. Whether an update changed a
// value or a label the log does not say: it is an edit.
func (d *auditDecoder) secretTouches(a *auditEvent) []retinue.Touch {
	target := d.objectRef(kindSecret, a.Object)
	switch a.Verb {
	case "get", "list", "watch":
		switch {
		case !target.IsZero():
		case a.Object.Namespace != "":
			target = d.ref(kindNamespace.element, a.Object.Namespace)
		case d.realm != "":
			target = d.ref("cluster", d.realm.ID())
		}
		return []retinue.Touch{{Kind: retinue.TouchRead, Target: target}}
	}
	out := change(a.Verb, target, retinue.TouchIssue)
	var body struct {
		Type     string `json:"type"`
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if a.Verb == "create" && len(a.RequestObject) > 0 && json.Unmarshal(a.RequestObject, &body) == nil && body.Type == typeAccountToken {
		if name := body.Metadata.Annotations[annotationAccount]; validName(name) {
			out = append(out, retinue.Touch{Kind: retinue.TouchIssue, Target: d.ref(kindAccount.element, a.Object.Namespace+"/"+name)})
		}
	}
	return out
}

// accountTouches: service accounts and the tokens that are issued of them. The
// token's id lets its later uses be followed to who asked for it.
func (d *auditDecoder) accountTouches(a *auditEvent) []retinue.Touch {
	account := d.objectRef(kindAccount, a.Object)
	switch a.Object.Subresource {
	case "":
		return change(a.Verb, account, retinue.TouchCreate)
	case "token":
		out := []retinue.Touch{{Kind: retinue.TouchIssue, Target: account}}
		if jti, ok := strings.CutPrefix(a.Annotations[annotationIssued], "JTI="); ok && jti != "" {
			out = append(out, retinue.Touch{Kind: retinue.TouchIssue, Target: d.ref("token", jti)})
		}
		return out
	}
	return nil
}

// rbacTouches: a role or binding, and where the body is logged the subjects of
// the binding.
func (d *auditDecoder) rbacTouches(a *auditEvent) []retinue.Touch {
	k, ok := kindOfResource(a.Object.Resource)
	if !ok || k.group != rbacGroup || a.Object.Subresource != "" {
		return nil
	}
	out := change(a.Verb, d.objectRef(k, a.Object), retinue.TouchEdit)
	if len(out) == 0 || len(a.RequestObject) == 0 || (k.name != kindBinding.name && k.name != kindClusterBind.name) {
		return out
	}
	var body bindingObject
	if json.Unmarshal(a.RequestObject, &body) != nil {
		return out
	}
	for _, s := range body.Subjects {
		if len(out) == retinue.MaxEventTouches {
			break
		}
		if r := d.subjectRef(s, a.Object.Namespace); !r.IsZero() {
			out = append(out, retinue.Touch{Kind: retinue.TouchEdit, Target: r})
		}
	}
	return out
}

func (d *auditDecoder) subjectRef(s subject, namespace string) retinue.Ref {
	switch {
	case !validName(s.Name):
	case s.Kind == "ServiceAccount":
		return d.ref(kindAccount.element, orText(s.Namespace, namespace)+"/"+s.Name)
	case s.Kind == "User":
		return d.userRef(s.Name)
	case s.Kind == "Group":
		return d.ref("group", s.Name)
	}
	return retinue.Ref{}
}

// requestTouches: approving a signing request issues a certificate.
func (d *auditDecoder) requestTouches(a *auditEvent) []retinue.Touch {
	if a.Object.Subresource != "approval" || a.Verb != "update" && a.Verb != "patch" {
		return nil
	}
	return []retinue.Touch{{Kind: retinue.TouchIssue, Target: d.objectRef(kindCSR, a.Object)}}
}

// runTouches: starting or changing something that runs as a service account,
// where the body says as which.
func (d *auditDecoder) runTouches(a *auditEvent) []retinue.Touch {
	k, ok := kindOfResource(a.Object.Resource)
	if !ok || k.group != a.Object.APIGroup || len(a.RequestObject) == 0 || !slices.Contains([]string{"create", "update", "patch"}, a.Verb) ||
		k.name != kindPod.name && !slices.Contains(workloadKinds(), k) {
		return nil
	}
	spec, _, err := podSpecOf(k, a.RequestObject)
	if err != nil || a.Object.Namespace == "" {
		return nil
	}
	if a.Verb == "patch" && spec.account() == "default" {
		return nil // a patch that does not name an account leaves it as it is
	}
	return []retinue.Touch{{Kind: retinue.TouchRun, Target: d.ref(kindAccount.element, a.Object.Namespace+"/"+retinue.CleanName(spec.account()))}}
}
