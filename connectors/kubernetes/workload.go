package kubernetes

import (
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// template is a pod template.
type template struct {
	Spec podSpec `json:"spec"`
}

// controllerSpec covers the controllers that hold a pod template, and CronJobs,
// which hold it one level deeper.
type controllerSpec struct {
	Template    template `json:"template"`
	Suspend     bool     `json:"suspend"`
	JobTemplate struct {
		Spec struct {
			Template template `json:"template"`
		} `json:"spec"`
	} `json:"jobTemplate"`
}

// Labels that the controllers of Deployments and Argo Rollouts put on pods,
// whose owner is a ReplicaSet named after both.
const (
	labelTemplateHash = "pod-template-hash"
	labelRolloutHash  = "rollouts-pod-template-hash"
	// annotationMirror marks the API server's copy of a pod that a kubelet
	// reads from its own disk.
	annotationMirror = "kubernetes.io/config.mirror"
)

// workload states what runs as which account. An object that another one
// controls is left to that one where its kind is read, and stands for it where
// it is not.
func (m *mapper) workload(k kind, h head, raw []byte) ([]batch, error) {
	spec, suspended, err := podSpecOf(k, raw)
	if err != nil {
		return nil, err
	}
	md := h.Metadata
	element, name := k.element, md.Name
	owned := false
	if o, ok := md.controller(); ok && standsFor(k, o) {
		top := controllerKind(md, o)
		if known, ok := kindNamed(top.Kind); ok && m.listed(known, md.Namespace) {
			return nil, nil
		}
		if !validName(top.Name) || strings.Contains(top.Name, "/") {
			return nil, nil
		}
		element, name, owned = snake(top.Kind), retinue.CleanName(top.Name), true
	}
	r := m.resource(element, name, md, spec)
	if suspended {
		r.Attrs["suspended"] = true
	}
	b := batch{scope: k.scope(m.realm, md.Namespace)}
	used := spec.uses()
	facts := m.placements(md.Namespace, r.Ref, used)
	refs := m.referred(k, md.Namespace, spec.account(), used)
	if owned { // its other pods say the same, and its own labels are not theirs
		r.Labels, r.CreatedAt = nil, time.Time{}
		b.shared = append(facts, r)
		return []batch{b, refs}, nil
	}
	b.facts = append(append(facts, r), ownerSignals(r.Ref, md)...)
	return []batch{b, refs}, nil
}

// standsFor reports whether an object is only the work of its controller. Larger
// controllers that an operator made are stated themselves; the pods that a node
// reads from its disk belong to the node in name only.
func standsFor(k kind, o owner) bool {
	switch k.name {
	case kindPod.name:
		return o.Kind != "Node"
	case kindJob.name:
		return o.Kind == kindCronJob.name
	}
	return false
}

func podSpecOf(k kind, raw []byte) (podSpec, bool, error) {
	if k.name == kindPod.name {
		var o struct {
			Spec podSpec `json:"spec"`
		}
		err := decode(raw, &o)
		return o.Spec, false, err
	}
	var o struct {
		Spec controllerSpec `json:"spec"`
	}
	if err := decode(raw, &o); err != nil {
		return podSpec{}, false, err
	}
	if k.name == kindCronJob.name {
		return o.Spec.JobTemplate.Spec.Template.Spec, o.Spec.Suspend, nil
	}
	return o.Spec.Template.Spec, k.name == kindJob.name && o.Spec.Suspend, nil
}

// controllerKind returns what stands behind a pod's controller: the Deployment
// or Rollout of a ReplicaSet, as far as the pod's labels tell.
func controllerKind(md meta, o owner) owner {
	if o.Kind != "ReplicaSet" {
		return o
	}
	for _, by := range []struct{ label, kind string }{{labelTemplateHash, "Deployment"}, {labelRolloutHash, "Rollout"}} {
		hash := md.Labels[by.label]
		if name, ok := strings.CutSuffix(o.Name, "-"+hash); hash != "" && ok && name != "" {
			return owner{Kind: by.kind, Name: name}
		}
	}
	return o
}

func (m *mapper) resource(element, name string, md meta, spec podSpec) retinue.Resource {
	account := spec.account()
	r := retinue.Resource{
		Ref: m.ref(element, md.Namespace+"/"+name), Name: name, Kind: element, Container: m.namespaceRef(md.Namespace),
		RunsAs: []retinue.Ref{m.accountRef(md.Namespace, account)}, CreatedAt: md.created(), Labels: md.labels(),
		Attrs: retinue.Attrs{},
	}
	on, from := m.automounts(md.Namespace, account, spec)
	r.Attrs["automount"], r.Attrs["automountFrom"] = on, from
	if account == "default" {
		r.Attrs["defaultServiceAccount"] = true
	}
	for attr, set := range map[string]bool{"privileged": spec.privileged(), "hostNetwork": spec.HostNetwork, "hostPID": spec.HostPID} {
		if set {
			r.Attrs[attr] = true
		}
	}
	if a := spec.audiences(); len(a) > 0 {
		r.Attrs["tokenAudiences"] = a
	}
	if md.Annotations[annotationMirror] != "" {
		r.Attrs["static"] = true
		if md.Namespace == "kube-system" {
			r.Managed = retinue.ManagedByProvider
		}
	}
	return r
}

// automounts says whether a token of the account is mounted, and which of the
// pod, the account and the server's default decides.
func (m *mapper) automounts(namespace, account string, spec podSpec) (bool, string) {
	if spec.Automount != nil {
		return *spec.Automount, "pod"
	}
	m.mu.Lock()
	on, says := m.automount[namespace+"/"+account]
	m.mu.Unlock()
	switch {
	case says:
		return on, "service account"
	case !m.listed(kindAccount, namespace):
		return true, "default, the account was not read"
	}
	return true, "default"
}
