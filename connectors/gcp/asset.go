package gcp

import (
	"encoding/json"
	"strings"

	"github.com/retinue-id/retinue"
)

// asset states one object of Cloud Asset Inventory: a policy, or a resource. Of
// resources, those that the other listings hold give the same facts as there.
func (m *mapper) asset(e *element) error {
	name := m.node(canonicalName(e.Name))
	if e.IAMPolicy != nil {
		if err := m.policy(name, e.AssetType, "", e.Ancestors, e.IAMPolicy, "gcloud asset export --content-type=iam-policy", "iam/policies"); err != nil {
			return err
		}
	}
	d, ok := e.data()
	if !ok {
		return nil
	}
	switch e.AssetType {
	case "iam.googleapis.com/ServiceAccount":
		if d.Email == "" {
			return nil
		}
		return m.account(&d)
	case "iam.googleapis.com/ServiceAccountKey":
		return m.key(&d)
	case "iam.googleapis.com/Role":
		return m.role(&d)
	case "iam.googleapis.com/WorkloadIdentityPool":
		return m.pool(&d)
	case "iam.googleapis.com/WorkloadIdentityPoolProvider":
		return m.provider(&d)
	case "cloudresourcemanager.googleapis.com/Project":
		m.holds("", true)
		return m.project(&d)
	case "cloudresourcemanager.googleapis.com/Folder", "cloudresourcemanager.googleapis.com/Organization":
		d.Name = name
		if strings.HasPrefix(name, "organizations/") {
			m.holds(realmOf(name), false)
		}
		return m.container(&d)
	}
	return m.resource(e, &d, name)
}

// dump is what an export of resources holds of an organisation.
type dump struct {
	file         string
	organisation retinue.Realm
	projects     bool
}

// holds notes that the export at hand describes an organisation or a project. One
// that describes both was made of the organisation, and lists its projects: an
// export of a project or folder holds nothing above it (Cloud Asset Inventory,
// "Export assets": --organization, --folder, --project).
func (m *mapper) holds(organisation retinue.Realm, project bool) {
	if m.dump.file != m.file {
		m.dump = dump{file: m.file}
	}
	m.dump.projects = m.dump.projects || project
	if organisation != "" {
		m.dump.organisation = organisation
	}
	if m.dump.projects && m.dump.organisation != "" {
		m.covers("gcloud asset export --organization", m.dump.organisation, retinue.SystemsListed)
	}
}

// resource states a resource with the service accounts that it runs as.
func (m *mapper) resource(e, d *element, name string) error {
	accounts := runsAs(e.AssetType, d.raw)
	if accounts == nil && !holdsData(e.AssetType) {
		return nil // a kind that acts as nobody
	}
	realm := m.home(name, "", e.Ancestors)
	if realm == "" {
		m.unplaced++
		return nil
	}
	sc := m.covers("gcloud asset export --content-type=resource", realm, "resources", assetKind(e.AssetType))
	r := m.described(name, e.AssetType, realm)
	r.Labels = d.Labels
	for _, email := range accounts {
		if strings.Contains(email, "@") {
			r.RunsAs = append(r.RunsAs, m.names.account(email))
		}
	}
	return m.w.Emit(sc, append([]retinue.Fact{r}, owners(r.Ref, d.Labels)...)...)
}

// described is a resource by its name and type.
func (m *mapper) described(name, assetType string, realm retinue.Realm) retinue.Resource {
	return retinue.Resource{Ref: m.resourceRef(name, assetType, realm), Name: retinue.CleanName(name[strings.LastIndexByte(name, '/')+1:]), Kind: assetKind(assetType),
		Container: containerIn(realm), Attrs: retinue.Attrs{"assetType": retinue.CleanName(assetType)}}
}

// holdsData reports the types of resource that hold data or secrets, which are
// stated whether or not they act as an account.
func holdsData(assetType string) bool {
	switch assetType {
	case "storage.googleapis.com/Bucket", "secretmanager.googleapis.com/Secret", "bigquery.googleapis.com/Dataset", "sqladmin.googleapis.com/Instance":
		return true
	}
	return false
}

// runsAs are the service accounts in a resource's description; nil for kinds
// that act as none.
func runsAs(assetType string, raw json.RawMessage) []string {
	type template struct {
		ServiceAccount     string `json:"serviceAccount"`
		ServiceAccountName string `json:"serviceAccountName"`
		Spec               struct {
			ServiceAccountName string `json:"serviceAccountName"`
		} `json:"spec"`
		Template struct {
			ServiceAccount string `json:"serviceAccount"`
		} `json:"template"`
	}
	var d struct {
		ServiceAccounts []struct {
			Email string `json:"email"`
		} `json:"serviceAccounts"`
		ServiceAccount      string `json:"serviceAccount"`
		ServiceAccountEmail string `json:"serviceAccountEmail"`
		ServiceConfig       struct {
			ServiceAccountEmail string `json:"serviceAccountEmail"`
		} `json:"serviceConfig"`
		Template template `json:"template"`
		Spec     struct {
			Template template `json:"template"`
		} `json:"spec"`
		NodeConfig struct {
			ServiceAccount string `json:"serviceAccount"`
		} `json:"nodeConfig"`
		NodePools []struct {
			Config struct {
				ServiceAccount string `json:"serviceAccount"`
			} `json:"config"`
		} `json:"nodePools"`
		Config struct {
			GCEClusterConfig struct {
				ServiceAccount string `json:"serviceAccount"`
			} `json:"gceClusterConfig"`
			NodeConfig struct {
				ServiceAccount string `json:"serviceAccount"`
			} `json:"nodeConfig"`
		} `json:"config"`
	}
	switch assetType {
	case "compute.googleapis.com/Instance", "cloudfunctions.googleapis.com/Function", "cloudfunctions.googleapis.com/CloudFunction", "run.googleapis.com/Service", "run.googleapis.com/Job",
		"container.googleapis.com/Cluster", "dataproc.googleapis.com/Cluster", "composer.googleapis.com/Environment", "notebooks.googleapis.com/Instance",
		"workflows.googleapis.com/Workflow", "appengine.googleapis.com/Version", "cloudbuild.googleapis.com/BuildTrigger":
	default:
		return nil
	}
	if json.Unmarshal(raw, &d) != nil {
		return []string{}
	}
	out := []string{}
	add := func(s string) {
		if i := strings.LastIndexByte(s, '/'); i >= 0 {
			s = s[i+1:] // projects/-/serviceAccounts/EMAIL
		}
		if s != "" && s != "default" {
			out = append(out, s)
		}
	}
	for _, a := range d.ServiceAccounts {
		add(a.Email)
	}
	for _, s := range []string{d.ServiceAccount, d.ServiceAccountEmail, d.ServiceConfig.ServiceAccountEmail, d.Template.ServiceAccount, d.Template.Template.ServiceAccount,
		d.Spec.Template.Spec.ServiceAccountName, d.NodeConfig.ServiceAccount, d.Config.GCEClusterConfig.ServiceAccount, d.Config.NodeConfig.ServiceAccount} {
		add(s)
	}
	for _, p := range d.NodePools {
		add(p.Config.ServiceAccount)
	}
	return out
}
