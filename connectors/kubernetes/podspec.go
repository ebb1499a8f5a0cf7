package kubernetes

import (
	"slices"

	"github.com/retinue-id/retinue"
)

// podSpec is what is read of a pod's specification. Literal values of
// variables are not among it.
type podSpec struct {
	ServiceAccountName string      `json:"serviceAccountName"`
	ServiceAccount     string      `json:"serviceAccount"` // its name before 1.0
	Automount          *bool       `json:"automountServiceAccountToken"`
	ImagePullSecrets   []localRef  `json:"imagePullSecrets"`
	InitContainers     []container `json:"initContainers"`
	Containers         []container `json:"containers"`
	Ephemeral          []container `json:"ephemeralContainers"`
	Volumes            []volume    `json:"volumes"`
	HostNetwork        bool        `json:"hostNetwork"`
	HostPID            bool        `json:"hostPID"`
}

type container struct {
	Env []struct {
		ValueFrom struct {
			SecretKeyRef *keyRef `json:"secretKeyRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	EnvFrom []struct {
		SecretRef *localRef `json:"secretRef"`
	} `json:"envFrom"`
	SecurityContext struct {
		Privileged bool `json:"privileged"`
	} `json:"securityContext"`
}

type keyRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type secretSource struct {
	SecretName string    `json:"secretName"`
	Name       string    `json:"name"` // in projected volumes
	Items      []keyPath `json:"items"`
}

type keyPath struct {
	Key string `json:"key"`
}

type volume struct {
	Secret    *secretSource `json:"secret"`
	Projected *struct {
		Sources []struct {
			Secret              *secretSource `json:"secret"`
			ServiceAccountToken *struct {
				Audience string `json:"audience"`
			} `json:"serviceAccountToken"`
		} `json:"sources"`
	} `json:"projected"`
	CSI *struct {
		NodePublishSecretRef *localRef `json:"nodePublishSecretRef"`
	} `json:"csi"`
}

// account returns the name of the account that a pod runs as: the server puts
// "default" where none is named.
func (p *podSpec) account() string {
	for _, name := range []string{p.ServiceAccountName, p.ServiceAccount} {
		if validName(name) {
			return retinue.CleanName(name)
		}
	}
	return "default"
}

func (p *podSpec) containers() []container {
	return slices.Concat(p.InitContainers, p.Containers, p.Ephemeral)
}

func (p *podSpec) privileged() bool {
	return slices.ContainsFunc(p.containers(), func(c container) bool { return c.SecurityContext.Privileged })
}

// audiences lists for whom, other than the API server itself, tokens of the
// pod's account are mounted.
func (p *podSpec) audiences() []string {
	var out []string
	for _, v := range p.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil && validName(s.ServiceAccountToken.Audience) {
				out = append(out, retinue.CleanName(s.ServiceAccountToken.Audience))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// use is one key of a Secret, or all of them with an empty key.
type use struct{ secret, key string }

// uses collects how Secrets are used: by which means each key is read.
type uses map[use][]string

func (u uses) add(secret, key, how string) {
	if !validName(secret) || len(key) > maxName {
		return
	}
	k := use{retinue.CleanName(secret), retinue.CleanName(key)}
	if !slices.Contains(u[k], how) {
		u[k] = append(u[k], how)
	}
}

func (u uses) source(name string, items []keyPath, how string) {
	if len(items) == 0 {
		u.add(name, "", how)
	}
	for _, i := range items {
		u.add(name, i.Key, how)
	}
}

// secrets lists the names of the Secrets, in order.
func (u uses) secrets() []string {
	var out []string
	for k := range u {
		out = append(out, k.secret)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// uses returns the Secrets that the pod reads.
func (p *podSpec) uses() uses {
	u := uses{}
	for _, c := range p.containers() {
		for _, e := range c.Env {
			if r := e.ValueFrom.SecretKeyRef; r != nil {
				u.add(r.Name, r.Key, "environment")
			}
		}
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil {
				u.add(e.SecretRef.Name, "", "environment")
			}
		}
	}
	for _, v := range p.Volumes {
		if v.Secret != nil {
			u.source(v.Secret.SecretName, v.Secret.Items, "volume")
		}
		if v.Projected != nil {
			for _, s := range v.Projected.Sources {
				if s.Secret != nil {
					u.source(s.Secret.Name, s.Secret.Items, "volume")
				}
			}
		}
		if v.CSI != nil && v.CSI.NodePublishSecretRef != nil {
			u.add(v.CSI.NodePublishSecretRef.Name, "", "csi driver")
		}
	}
	for _, s := range p.ImagePullSecrets {
		u.add(s.Name, "", "image pull")
	}
	return u
}

// placements states where a consumer reads Secrets. Only their names were seen.
func (m *mapper) placements(namespace string, consumer retinue.Ref, u uses) []retinue.Fact {
	var out []retinue.Fact
	for k, how := range u {
		slices.Sort(how)
		out = append(out, retinue.Placement{
			Credential: m.secretRef(namespace, k.secret),
			Place: retinue.Place{
				Kind: retinue.PlaceKubernetes, Realm: m.realm, Container: m.namespaceRef(namespace), Path: k.secret, Field: k.key,
			},
			Consumer: consumer, Confidence: retinue.ConfidenceCertain, Reference: true, Attrs: retinue.Attrs{"readBy": how},
		})
	}
	slices.SortFunc(out, func(a, b retinue.Fact) int { return a.FactRef().Compare(b.FactRef()) })
	return out
}
