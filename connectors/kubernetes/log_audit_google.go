package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// googleEntry is an entry of Cloud Logging that holds an audit event of a GKE
// cluster in Google's own form.
// https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging
type googleEntry struct {
	LogName   string         `json:"logName"`
	InsertID  string         `json:"insertId"`
	Timestamp rawJSON        `json:"timestamp"` // of other forms of delivery a number
	Payload   *googlePayload `json:"protoPayload"`
	Operation struct {
		ID    string `json:"id"`
		First bool   `json:"first"`
		Last  bool   `json:"last"`
	} `json:"operation"`
	Labels map[string]string `json:"labels"`
	// Resource says of which cluster the entry is.
	// https://cloud.google.com/monitoring/api/resources#tag_k8s_cluster
	Resource rawJSON `json:"resource"`
}

// cluster is the cluster's name of an entry, in full and as it was given; empty
// where the entry does not say it.
func (g *googleEntry) cluster() (full, name string) {
	var r struct {
		Labels struct {
			Project  string `json:"project_id"`
			Location string `json:"location"`
			Cluster  string `json:"cluster_name"`
		} `json:"labels"`
	}
	if json.Unmarshal(g.Resource, &r) != nil || r.Labels.Cluster == "" {
		return "", ""
	}
	return "projects/" + r.Labels.Project + "/locations/" + r.Labels.Location + "/clusters/" + r.Labels.Cluster, r.Labels.Cluster
}

// elsewhere reports an entry of another cluster than the one that is asked for.
// Where none is, all must be of one cluster: their events go to one realm.
func (d *auditDecoder) elsewhere(g *googleEntry) (bool, error) {
	full, name := g.cluster()
	switch {
	case full == "" || d.gke != "" && (d.gke == full || d.gke == name):
		return false, nil
	case d.gke != "":
		return true, nil
	case d.only == nil || d.only.CompareAndSwap(nil, &full) || *d.only.Load() == full:
		return false, nil
	}
	return false, fmt.Errorf("%w: an entry of cluster %s among those of %s: give gke-cluster=, and import each cluster with its own cluster-uid", retinue.ErrInvalid, eventText(full), eventText(*d.only.Load()))
}

type googlePayload struct {
	Service      string `json:"serviceName"`
	Method       string `json:"methodName"`
	ResourceName string `json:"resourceName"`
	Authn        struct {
		Email string `json:"principalEmail"`
	} `json:"authenticationInfo"`
	Authz []struct {
		Granted *bool `json:"granted"`
	} `json:"authorizationInfo"`
	Request struct {
		Address string `json:"callerIp"`
		Agent   string `json:"callerSuppliedUserAgent"`
	} `json:"requestMetadata"`
	Status struct {
		Code int `json:"code"`
	} `json:"status"`
	Body rawJSON `json:"request"`
}

// google states an entry of a GKE cluster. An entry of another service, which a
// sink of audit logs often holds as well, has its home in the log of the project and
// is passed over. Where an operation has an entry for
// its beginning and one for its end, both have the operation's id.
func (d *auditDecoder) google(g *googleEntry, record []byte) ([]retinue.Event, error) {
	p := g.Payload
	if p.Service != "k8s.io" && !strings.HasPrefix(p.Method, "io.k8s.") {
		return nil, nil
	}
	if left, err := d.elsewhere(g); left || err != nil {
		return nil, err
	}
	at, ok := parseTime(strings.Trim(string(g.Timestamp), `"`))
	if !ok {
		return nil, fmt.Errorf("%w: an audit event without a time", retinue.ErrInvalid)
	}
	a := auditEvent{
		Verb: p.Method[strings.LastIndexByte(p.Method, '.')+1:], User: auditUser{Username: p.Authn.Email}, UserAgent: p.Request.Agent,
		Annotations: g.Labels, RequestObject: []byte(p.Body),
	}
	if p.Request.Address != "" {
		a.SourceIPs = []string{p.Request.Address}
	}
	a.Object, a.RequestURI = googleObject(p.ResourceName)
	a.Response = &auditResponse{}
	a.Response.Code, a.Response.Reason = googleStatus(p.Status.Code)
	if len(p.Authz) > 0 && p.Authz[0].Granted != nil && a.Annotations[annotationDecided] == "" {
		a.Annotations = map[string]string{annotationDecided: map[bool]string{true: "allow", false: "forbid"}[*p.Authz[0].Granted]}
	}
	e := d.request(&a, at)
	if by := googlePrincipal(p.Authn.Email); !by.IsZero() {
		e.Via = append(e.Via, by)
	}
	switch {
	case g.Operation.ID != "" && g.Operation.First != g.Operation.Last:
		e.ID = eventText(g.Operation.ID)[:min(len(eventText(g.Operation.ID)), retinue.MaxEventIDLength)]
	case g.InsertID != "" && len(g.InsertID) < 128:
		e.ID = retinue.CleanName(g.InsertID) + "@" + at.Format("2006-01-02T15:04:05.000000Z")
	default:
		e.Digest = digest(bytes.TrimSpace(record))
	}
	return []retinue.Event{e}, nil
}

// rawJSON keeps a value as it stands.
type rawJSON []byte

// UnmarshalJSON implements json.Unmarshaler.
func (r *rawJSON) UnmarshalJSON(b []byte) error {
	*r = bytes.Clone(b)
	return nil
}

// googleObject reads "core/v1/namespaces/pay/pods/web/exec"; what has no version
// in its second place is a path.
func googleObject(name string) (*auditObject, string) {
	parts := strings.Split(name, "/")
	if len(parts) < 3 || !isVersion(parts[1]) {
		return nil, "/" + strings.TrimPrefix(name, "/")
	}
	o := &auditObject{APIGroup: parts[0]}
	if o.APIGroup == "core" {
		o.APIGroup = ""
	}
	rest := parts[2:]
	if rest[0] == "namespaces" && len(rest) > 2 {
		o.Namespace, rest = rest[1], rest[2:]
	}
	o.Resource = rest[0]
	if len(rest) > 1 {
		o.Name = rest[1]
	}
	if len(rest) > 2 {
		o.Subresource = strings.Join(rest[2:], "/")
	}
	return o, ""
}

func isVersion(s string) bool {
	return len(s) > 1 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9'
}

// googleStatus turns a code of google.rpc into one of HTTP, with its name.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
func googleStatus(code int) (int, string) {
	switch code {
	case 0:
		return 200, ""
	case 7:
		return 403, "Forbidden"
	case 16:
		return 401, "Unauthorized"
	case 5:
		return 404, "NotFound"
	case 6, 10:
		return 409, "Conflict"
	case 3, 9, 11:
		return 400, "Invalid"
	case 8:
		return 429, "TooManyRequests"
	}
	return 500, "InternalError"
}
