package k8srbac

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// inventory is what is known of a cluster beside its RBAC objects: who there
// is, what runs as whom, and what lies in its Secrets.
type inventory struct {
	version string
	// unread are the roles whose rules could not be read.
	unread map[string]bool
	// subjects are the accounts, users and groups that something names.
	subjects   map[retinue.Ref]Subject
	groups     map[retinue.Ref][]string // groups of a user that a certificate names
	namespaces map[string]namespace
	workloads  map[retinue.Ref]workload
	secrets    map[retinue.Ref]secret
	// holds lists the credentials that lie in a Secret.
	holds map[retinue.Ref][]retinue.Ref
	// clouds are the identities of other systems that an account's annotations
	// say take its tokens.
	clouds map[retinue.Ref][]retinue.Ref
}

type namespace struct {
	// enforce is the Pod Security Standard that its label asks of pods.
	enforce string
}

// workload is something that runs pods.
type workload struct {
	ref             retinue.Ref
	namespace, name string
	kind            string // deployment, pod, …
	account         string // name in the namespace
	token           bool   // the account's token is mounted
	suspended       bool
	privileged      bool
	static          bool // the node reads it from its own disk
}

// secret is a Secret's own credential.
type secret struct {
	ref             retinue.Ref
	namespace, name string
	// account is the service account whose token it holds.
	account retinue.Ref
	works   bool
	subtype string
}

func newInventory() inventory {
	return inventory{unread: map[string]bool{}, subjects: map[retinue.Ref]Subject{}, groups: map[retinue.Ref][]string{},
		namespaces: map[string]namespace{}, workloads: map[retinue.Ref]workload{}, secrets: map[retinue.Ref]secret{},
		holds: map[retinue.Ref][]retinue.Ref{}, clouds: map[retinue.Ref][]retinue.Ref{}}
}

// labelEnforce is the label by which Pod Security admission is told what to
// refuse in a namespace: Kubernetes documentation, "Pod Security Admission",
// section "Pod Security Admission labels for namespaces".
const labelEnforce = "pod-security.kubernetes.io/enforce"

// thing takes facts about a thing of the cluster.
func (c *realmFacts) thing(f retinue.Fact) {
	switch f := f.(type) {
	case retinue.Container:
		switch f.Ref.Kind {
		case refNamespace:
			if _, have := c.namespaces[f.Ref.Key]; !have {
				c.namespaces[f.Ref.Key] = namespace{enforce: f.Labels[labelEnforce]}
			}
		case refCluster:
			if version, ok := f.Attrs["version"].(string); ok && c.version == "" {
				c.version = version
			}
		}
	case retinue.Identity:
		c.subject(f.Ref)
	case retinue.Group:
		c.subject(f.Ref)
	case retinue.Resource:
		c.resource(f)
	case retinue.Credential:
		c.credential(f)
	}
}

func (c *realmFacts) subject(r retinue.Ref) {
	if s, ok := subjectNamed(r); ok {
		c.subjects[r] = s
	}
}

func (c *realmFacts) resource(r retinue.Resource) {
	ns, name, ok := strings.Cut(r.Ref.Key, "/")
	if !ok || len(r.RunsAs) == 0 {
		return
	}
	if _, have := c.workloads[r.Ref]; have {
		return
	}
	yes := func(attr string) bool { on, _ := r.Attrs[attr].(bool); return on }
	w := workload{ref: r.Ref, namespace: ns, name: name, kind: r.Ref.Kind, token: yes("automount"), suspended: yes("suspended"),
		privileged: yes("privileged"), static: yes("static")}
	if s, ok := subjectNamed(r.RunsAs[0]); ok && s.Kind == ServiceAccount && s.Namespace == ns {
		w.account = s.Name
		c.subjects[r.RunsAs[0]] = s
	}
	c.workloads[r.Ref] = w
}

func (c *realmFacts) credential(f retinue.Credential) {
	ns, name, ok := strings.Cut(f.Ref.Key, "/")
	if f.Ref.Kind != refSecret || !ok {
		return
	}
	s := secret{ref: f.Ref, namespace: ns, name: name, subtype: f.Subtype}
	s.works = f.State == retinue.CredentialActive || f.State == retinue.CredentialUnknown || f.State == ""
	if f.Kind == retinue.CredentialServiceToken && f.Identity.Kind == refAccount {
		s.account = f.Identity
	}
	// A listing says more than the names that other objects mention.
	if have, ok := c.secrets[f.Ref]; ok && have.subtype != "" && s.subtype == "" {
		return
	}
	c.secrets[f.Ref] = s
}

// placement takes where a credential lies.
func (c *realmFacts) placement(p retinue.Placement) {
	if p.Place.Kind != retinue.PlaceKubernetes || p.Place.Container.Kind != refNamespace || p.Reference || p.Historic {
		return
	}
	in := retinue.NewRef(p.Place.Realm, refSecret, p.Place.Container.Key+"/"+p.Place.Path)
	if p.Credential != in && !slices.Contains(c.holds[in], p.Credential) {
		c.holds[in] = append(c.holds[in], p.Credential)
	}
}

func (c *realmFacts) membership(m retinue.Membership) {
	if m.Group.Kind != refGroup || m.Member.Kind != refUser {
		return // those of service accounts follow from their namespaces
	}
	c.subject(m.Group)
	c.subject(m.Member)
	if !slices.Contains(c.groups[m.Member], m.Group.Key) {
		c.groups[m.Member] = append(c.groups[m.Member], m.Group.Key)
	}
}

// trust takes what an account's annotations claim: what the cloud says of it
// stands in the cloud's own facts.
func (c *realmFacts) trust(t retinue.Trust) {
	_, claimed := t.Attrs["claimedBy"]
	if t.Kind == retinue.TrusteeFederated && t.Trustee.Kind == refAccount && claimed && !slices.Contains(c.clouds[t.Trustee], t.Subject) {
		c.clouds[t.Trustee] = append(c.clouds[t.Trustee], t.Subject)
	}
}
