package bench

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// auditRecord is an entry of the audit log of an API server
// (kubernetes.io/docs/reference/config-api/apiserver-audit.v1).
type auditRecord struct {
	Kind                     string            `json:"kind"`
	APIVersion               string            `json:"apiVersion"`
	Level                    string            `json:"level"`
	AuditID                  string            `json:"auditID"`
	Stage                    string            `json:"stage"`
	RequestURI               string            `json:"requestURI"`
	Verb                     string            `json:"verb"`
	User                     auditUser         `json:"user"`
	SourceIPs                []string          `json:"sourceIPs"`
	UserAgent                string            `json:"userAgent"`
	ObjectRef                auditObject       `json:"objectRef"`
	ResponseStatus           auditStatus       `json:"responseStatus"`
	RequestReceivedTimestamp string            `json:"requestReceivedTimestamp"`
	StageTimestamp           string            `json:"stageTimestamp"`
	Annotations              map[string]string `json:"annotations"`
}

type auditUser struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

type auditObject struct {
	Resource   string `json:"resource"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`
	APIGroup   string `json:"apiGroup,omitempty"`
	APIVersion string `json:"apiVersion"`
}

type auditStatus struct {
	Metadata struct{} `json:"metadata"`
	Status   string   `json:"status,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Code     int      `json:"code"`
}

// kubernetesAudit writes a deed as an API server does, and returns its audit id.
func kubernetesAudit(d *deed) (record []byte, id string, err error) {
	a, namespace := d.action(), d.by.id.app.id
	resource, name, _ := strings.Cut(d.resource(), "/")
	object := auditObject{Resource: resource, Namespace: namespace, Name: name, APIGroup: a.service, APIVersion: "v1"}
	if resource == "nodes" {
		object.Namespace = ""
	}
	if a.operation == "create" {
		object.Name = "" // the server names it, or the body does
	}
	id = uuid(d.draw(1), d.draw(2))
	r := auditRecord{
		Kind: "Event", APIVersion: "audit.k8s.io/v1", Level: "Metadata", AuditID: id, Stage: "ResponseComplete", RequestURI: object.uri(),
		Verb: a.operation, User: auditWho(d), SourceIPs: []string{d.address()}, UserAgent: d.by.host(d.at).agent, ObjectRef: object,
		ResponseStatus: auditStatus{Code: http.StatusOK}, RequestReceivedTimestamp: micro(d.at), StageTimestamp: micro(d.at.Add(time.Duration(d.draw(5)%40_000) * time.Microsecond)),
		Annotations: map[string]string{"authorization.k8s.io/decision": "allow",
			"authorization.k8s.io/reason": `RBAC: allowed by RoleBinding "` + d.by.id.Name + "/" + namespace + `" of Role "` + d.by.id.Name + `" to ServiceAccount "` + d.by.id.Name + "/" + namespace + `"`},
	}
	switch d.outcome {
	case retinue.OutcomeDenied:
		r.ResponseStatus = auditStatus{Status: "Failure", Reason: "Forbidden", Code: http.StatusForbidden}
		r.Annotations = map[string]string{"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}
	case retinue.OutcomeError:
		r.ResponseStatus = auditStatus{Status: "Failure", Reason: "NotFound", Code: http.StatusNotFound}
	}
	record, err = json.Marshal(&r)
	return record, id, err
}

func micro(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func (o *auditObject) uri() string {
	p := "/api/v1"
	if o.APIGroup != "" {
		p = "/apis/" + o.APIGroup + "/v1"
	}
	if o.Namespace != "" {
		p += "/namespaces/" + o.Namespace
	}
	p += "/" + o.Resource
	if o.Name != "" {
		p += "/" + o.Name
	}
	return p
}

// auditWho is the account with what its token is bound to. A token that was
// stolen still names the pod for which it was issued.
func auditWho(d *deed) auditUser {
	id, bound := d.by.id, d.by
	if bound.Workload == "" {
		bound = id.live[0]
	}
	namespace := id.app.id
	pod := newDice(bound.words, uint64(d.at.Unix()/(7*86_400)), 0x90d) // a new pod each week
	token := newDice(bound.words, uint64(d.at.Unix()/3600), 0x70)      // a new token each hour
	return auditUser{
		Username: "system:serviceaccount:" + namespace + ":" + id.Name, UID: id.uid(),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		Extra: map[string][]string{
			"authentication.kubernetes.io/credential-id": {"JTI=" + uuid(token.Uint64(), token.Uint64())},
			"authentication.kubernetes.io/node-name":     {"node-" + itoa(pod.IntN(12))},
			"authentication.kubernetes.io/pod-name":      {bound.Workload + "-" + pod.word("bcdf2456789", 9) + "-" + pod.word("bcdf2456789", 5)},
			"authentication.kubernetes.io/pod-uid":       {uuid(pod.Uint64(), pod.Uint64())},
		},
	}
}

// uid is the account's own in its cluster.
func (id *identity) uid() string {
	return uuid(mix(uint64(id.n), id.live[0].words), mix(id.live[0].words, 3))
}
