package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// maxName bounds the names of objects. The server's own limit is 253 for most,
// and names of RBAC objects are path segments.
const maxName = 512

// maxLabels bounds the labels that are kept of one object.
const maxLabels = 64

// meta is the part of an object's metadata that is read.
type meta struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	OwnerReferences   []owner           `json:"ownerReferences"`
}

// owner is an entry of ownerReferences.
type owner struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller bool   `json:"controller"`
}

// head is what every object has.
type head struct {
	Kind     string `json:"kind"`
	Metadata meta   `json:"metadata"`
}

// decodeHead reads an object's kind and metadata and makes its names safe.
func decodeHead(raw []byte) (head, error) {
	var h head
	if err := decode(raw, &h); err != nil {
		return head{}, err
	}
	return h, nil
}

func decode(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: object: %v", retinue.ErrInvalid, err)
	}
	return nil
}

// check reports metadata that cannot name an object of the kind.
func (m *meta) check(k kind) error {
	switch {
	case m.Name == "":
		return fmt.Errorf("%w: %s without a name", retinue.ErrInvalid, k.name)
	case len(m.Name) > maxName || len(m.Namespace) > maxName:
		return fmt.Errorf("%w: %s with a name of more than %d bytes", retinue.ErrInvalid, k.name, maxName)
	case strings.Contains(m.Name, "/") || strings.Contains(m.Namespace, "/"):
		return fmt.Errorf("%w: %s with a slash in its name", retinue.ErrInvalid, k.name)
	case k.namespaced && m.Namespace == "":
		return fmt.Errorf("%w: %s %q without a namespace", retinue.ErrInvalid, k.name, m.Name)
	}
	m.Name, m.Namespace = retinue.CleanName(m.Name), retinue.CleanName(m.Namespace)
	return nil
}

// key returns "namespace/name", or the name for objects of the cluster.
func (m *meta) key() string {
	if m.Namespace == "" {
		return m.Name
	}
	return m.Namespace + "/" + m.Name
}

// created returns the creation time in UTC, zero where it is not known.
func (m *meta) created() time.Time {
	if m.CreationTimestamp.IsZero() || m.CreationTimestamp.Year() < 1970 || m.CreationTimestamp.Year() > 9999 {
		return time.Time{}
	}
	return m.CreationTimestamp.UTC()
}

// controller returns the owner that manages the object.
func (m *meta) controller() (owner, bool) {
	for _, o := range m.OwnerReferences {
		if o.Controller && o.Name != "" && o.Kind != "" {
			return o, true
		}
	}
	return owner{}, false
}

// labels returns the labels without those that controllers move by themselves.
func (m *meta) labels() map[string]string {
	out := map[string]string{}
	for k, v := range m.Labels {
		if len(out) == maxLabels || len(k) > maxName || len(v) > maxName {
			continue
		}
		if strings.HasPrefix(k, "kubernetes.io/legacy-token-") {
			continue
		}
		out[retinue.CleanName(k)] = retinue.CleanName(v)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// snake turns a kind's name into the form of a Ref's kind: "TaskRun" to
// "task_run". What is left of a name that cannot be one is "workload".
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			if i > 0 && !strings.HasSuffix(b.String(), "_") && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
				b.WriteByte('_')
			}
			b.WriteRune(c + 'a' - 'A')
		case (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9' && b.Len() > 0):
			b.WriteRune(c)
		}
	}
	if b.Len() == 0 || b.Len() > 60 || b.String()[0] == '_' {
		return "workload"
	}
	return b.String()
}
