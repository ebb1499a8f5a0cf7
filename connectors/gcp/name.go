package gcp

import (
	"strings"

	"github.com/retinue-id/retinue"
)

const crmPrefix = "//cloudresourcemanager.googleapis.com/"

// canonicalName is the one spelling of a resource's name: nodes of the
// hierarchy without their service, buckets as IAM names them.
func canonicalName(name string) string {
	name = strings.TrimSuffix(name, "/")
	if rest, ok := strings.CutPrefix(name, crmPrefix); ok {
		return rest
	}
	if rest, ok := strings.CutPrefix(name, "//storage.googleapis.com/"); ok && !strings.HasPrefix(rest, "projects/") {
		return "//storage.googleapis.com/projects/_/buckets/" + rest
	}
	return name
}

// names knows which number is which project.
type names struct {
	ids     map[string]string // number to id
	unknown map[string]bool   // numbers that no file explains
}

// project is a project's id, from its id or number.
func (n *names) project(id string) string {
	id = strings.TrimPrefix(id, "projects/")
	if id == "" || strings.Trim(id, "0123456789") != "" {
		return id
	}
	if known := n.ids[id]; known != "" {
		return known
	}
	n.unknown[id] = true
	return id
}

// node is a node of the hierarchy with projects by their id.
func (n *names) node(name string) string {
	if rest, ok := strings.CutPrefix(name, "projects/"); ok {
		return "projects/" + n.project(rest)
	}
	return name
}

// realm is the realm of a node of the hierarchy.
func realmOf(node string) retinue.Realm {
	if id, ok := strings.CutPrefix(node, "projects/"); ok {
		node = id
	}
	return retinue.NewRealm("gcp", retinue.CleanName(node))
}

// container names a node of the hierarchy; zero for anything else.
func container(node string) retinue.Ref {
	var kind string
	switch head, _, _ := strings.Cut(node, "/"); head {
	case "projects":
		kind = "project"
	case "folders":
		kind = "folder"
	case "organizations":
		kind = "organization"
	default:
		return retinue.Ref{}
	}
	return retinue.NewRef(realmOf(node), kind, retinue.CleanName(node))
}

// projectIn is the project that a resource's name holds, as "projects/ID".
func (n *names) projectIn(name string) string {
	_, rest, ok := strings.Cut("/"+name, "/projects/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	if id == "" || id == "_" || id == "-" {
		return ""
	}
	return "projects/" + n.project(id)
}

// account names a service account in the project that its address tells.
func (n *names) account(email string) retinue.Ref {
	email = strings.ToLower(email)
	local, domain, _ := strings.Cut(email, "@")
	var project string
	switch p, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com"); {
	case ok && strings.HasPrefix(local, "service-") && strings.Trim(local[len("service-"):], "0123456789") == "":
		project = n.project(local[len("service-"):])
	case ok:
		project = p
	case domain == "appspot.gserviceaccount.com":
		project = local
	default: // NUMBER-compute@developer…, NUMBER@cloudservices…
		number, _, _ := strings.Cut(local, "-")
		if project = n.project(number); project == "" {
			project = "google"
		}
	}
	return retinue.NewRef(realmOf("projects/"+project), "service_account", retinue.CleanName(email))
}

// agent reports whether an address is one of a service of Google's.
func agent(email string) bool {
	local, domain, _ := strings.Cut(strings.ToLower(email), "@")
	return strings.HasPrefix(local, "service-") && strings.Contains(domain, ".iam.gserviceaccount.com") && strings.Trim(local[len("service-"):], "0123456789") == "" ||
		strings.HasPrefix(domain, "cloudservices.") || strings.HasPrefix(domain, "gcp-sa-") || domain == "cloudbuild.gserviceaccount.com"
}

// byDefault reports the accounts that Google makes in a project for its
// machines and App Engine.
func byDefault(email string) bool {
	_, domain, _ := strings.Cut(strings.ToLower(email), "@")
	return domain == "developer.gserviceaccount.com" || domain == "appspot.gserviceaccount.com"
}

// google is the realm of a domain's people and groups.
func google(email string) retinue.Realm {
	_, domain, _ := strings.Cut(strings.ToLower(email), "@")
	if domain == "" {
		domain = "unknown"
	}
	return retinue.NewRealm("google", retinue.CleanName(domain))
}

// assetKind turns "storage.googleapis.com/Bucket" into "storage_bucket".
func assetKind(assetType string) string {
	service, name, _ := strings.Cut(assetType, "/")
	service, _, _ = strings.Cut(service, ".")
	var b strings.Builder
	b.WriteString(strings.ToLower(service))
	for i, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			if i == 0 || name[i-1] >= 'a' && name[i-1] <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(c - 'A' + 'a')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 || b.Len() > 64 || name == "" {
		return "resource"
	}
	return b.String()
}
