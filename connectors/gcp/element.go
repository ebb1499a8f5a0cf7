package gcp

import (
	"encoding/json"
	"strings"
)

// kind is what an object of an export is.
type kind int

const (
	kindUnknown   kind = iota
	kindAsset          // gcloud asset export / list
	kindSearched       // gcloud asset search-all-iam-policies
	kindPolicy         // gcloud … get-iam-policy, which names no resource
	kindAccount        // gcloud iam service-accounts list
	kindKey            // gcloud iam service-accounts keys list
	kindRole           // gcloud iam roles list / describe
	kindPool           // gcloud iam workload-identity-pools list
	kindProvider       // gcloud iam workload-identity-pools providers list
	kindDeny           // gcloud iam policies get / list --kind=denypolicies
	kindProject        // gcloud projects list
	kindContainer      // gcloud resource-manager folders / organizations list
	kindLastUse        // gcloud policy-intelligence query-activity
)

// element is one object, with the fields of every kind.
type element struct {
	raw json.RawMessage

	Name        string          `json:"name"`
	AssetType   string          `json:"assetType"`
	Resource    json.RawMessage `json:"resource"`
	IAMPolicy   json.RawMessage `json:"iamPolicy"`
	Policy      json.RawMessage `json:"policy"`
	Ancestors   []string        `json:"ancestors"`
	Project     string          `json:"project"`
	Bindings    json.RawMessage `json:"bindings"`
	Etag        string          `json:"etag"`
	DisplayName string          `json:"displayName"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Disabled    bool            `json:"disabled"`
	State       string          `json:"state"`

	Email          string `json:"email"`
	UniqueID       string `json:"uniqueId"`
	OAuth2ClientID string `json:"oauth2ClientId"`

	KeyType         string `json:"keyType"`
	KeyOrigin       string `json:"keyOrigin"`
	KeyAlgorithm    string `json:"keyAlgorithm"`
	ValidAfterTime  string `json:"validAfterTime"`
	ValidBeforeTime string `json:"validBeforeTime"`

	IncludedPermissions json.RawMessage `json:"includedPermissions"`
	Stage               string          `json:"stage"`
	Deleted             bool            `json:"deleted"`

	AttributeCondition string            `json:"attributeCondition"`
	AttributeMapping   map[string]string `json:"attributeMapping"`
	OIDC               *struct {
		IssuerURI        string   `json:"issuerUri"`
		AllowedAudiences []string `json:"allowedAudiences"`
	} `json:"oidc"`
	AWS *struct {
		AccountID string `json:"accountId"`
	} `json:"aws"`
	SAML json.RawMessage `json:"saml"`
	X509 json.RawMessage `json:"x509"`

	Rules json.RawMessage `json:"rules"`

	ActivityType     string          `json:"activityType"`
	FullResourceName string          `json:"fullResourceName"`
	Activity         json.RawMessage `json:"activity"`
	Observed         *struct {
		From string `json:"startTime"`
		To   string `json:"endTime"`
	} `json:"observationPeriod"`

	ProjectID      string            `json:"projectId"`
	ProjectNumber  json.RawMessage   `json:"projectNumber"`
	Parent         json.RawMessage   `json:"parent"`
	LifecycleState string            `json:"lifecycleState"`
	Labels         map[string]string `json:"labels"`
}

// parse reads an object; a value of an unexpected type makes it unknown.
func parse(raw json.RawMessage) (element, kind) {
	var e element
	if json.Unmarshal(raw, &e) != nil {
		return element{}, kindUnknown
	}
	e.raw = raw
	return e, e.kind()
}

// kind recognises an object by its shape.
func (e *element) kind() kind {
	var resource string
	switch {
	case strings.HasSuffix(e.ActivityType, "LastAuthentication") && e.FullResourceName != "":
		return kindLastUse
	case e.AssetType != "" && strings.HasPrefix(e.Name, "//") && (e.IAMPolicy != nil || e.Resource != nil):
		return kindAsset
	case json.Unmarshal(e.Resource, &resource) == nil && strings.HasPrefix(resource, "//") && e.Policy != nil:
		return kindSearched
	case strings.HasPrefix(e.Name, "policies/") && strings.Contains(e.Name, "/denypolicies/"):
		return kindDeny
	case strings.Contains(e.Name, "/workloadIdentityPools/") && strings.Contains(e.Name, "/providers/"):
		return kindProvider
	case strings.Contains(e.Name, "/workloadIdentityPools/"):
		return kindPool
	case strings.Contains(e.Name, "/serviceAccounts/") && strings.Contains(e.Name, "/keys/"):
		return kindKey
	case strings.Contains(e.Name, "/serviceAccounts/") && e.Email != "":
		return kindAccount
	case strings.HasPrefix(e.Name, "roles/"), strings.Contains(e.Name, "/roles/"):
		return kindRole
	case e.ProjectID != "" && e.ProjectNumber != nil:
		return kindProject
	case strings.HasPrefix(e.Name, "folders/"), strings.HasPrefix(e.Name, "organizations/"):
		return kindContainer
	case e.Bindings != nil, e.Etag != "" && e.Name == "" && e.Email == "":
		return kindPolicy
	}
	return kindUnknown
}

// resource is the resource that a searched policy is about.
func (e *element) resource() string {
	var s string
	_ = json.Unmarshal(e.Resource, &s) // it was text when the element was recognised
	return s
}

// data is the resource inside an asset, as its own API gives it.
func (e *element) data() (element, bool) {
	var r struct {
		Data   json.RawMessage `json:"data"`
		Parent string          `json:"parent"`
	}
	if json.Unmarshal(e.Resource, &r) != nil || len(r.Data) == 0 {
		return element{}, false
	}
	var d element
	if json.Unmarshal(r.Data, &d) != nil {
		// Another service's object with fields of the same name.
		d = element{}
	}
	d.raw = r.Data
	if d.Parent == nil && r.Parent != "" {
		d.Parent, _ = json.Marshal(canonicalName(r.Parent))
	}
	return d, true
}

// number is a project's number, which is text in some outputs.
func (e *element) number() string { return strings.Trim(string(e.ProjectNumber), `"`) }

// parent is the node above a project or folder, in both spellings of the
// Resource Manager.
func (e *element) parent() string {
	var s string
	if json.Unmarshal(e.Parent, &s) == nil {
		return s
	}
	var p struct{ Type, ID string }
	if json.Unmarshal(e.Parent, &p) == nil && p.ID != "" && p.Type != "" {
		return p.Type + "s/" + p.ID
	}
	return ""
}
