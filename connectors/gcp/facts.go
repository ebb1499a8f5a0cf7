package gcp

import (
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/export"
)

// mapper turns objects into facts.
type mapper struct {
	*names
	w       *export.Writer
	at      time.Time // when the file at hand was made
	file    string
	target  string            // resource of policies that name none
	issuers map[string]string // pool to its only issuer
	// unplaced counts what does not say in which project it lies.
	unplaced int
	// dump is the file of resources that is read now.
	dump dump
	// silent counts accounts and keys without authentication in the time that
	// Google watched.
	silent int
}

// covers opens the scope of a listing.
func (m *mapper) covers(basis string, realm retinue.Realm, path ...string) retinue.Scope {
	for i, elem := range path {
		if path[i] = retinue.CleanName(elem); elem == "" {
			path[i] = "-" // hostile input leaves out what names a listing
		}
	}
	sc := retinue.NewScope(realm, path...)
	m.w.Covers(sc, m.at, connector.Completion{Authority: connector.AuthoritySystem,
		Basis: basis + " was read to its end; that it was not filtered is its maker's word"})
	return sc
}

// element states one object. The error is the sink's.
func (m *mapper) element(e *element, k kind) error {
	switch k {
	case kindAccount:
		return m.account(e)
	case kindKey:
		return m.key(e)
	case kindRole:
		return m.role(e)
	case kindPool:
		return m.pool(e)
	case kindProvider:
		return m.provider(e)
	case kindDeny:
		return m.deny(e)
	case kindProject:
		return m.project(e)
	case kindContainer:
		return m.container(e)
	case kindAsset:
		return m.asset(e)
	case kindSearched:
		return m.policy(m.node(canonicalName(e.resource())), e.AssetType, e.Project, nil, e.Policy, "gcloud asset search-all-iam-policies", "iam/policies")
	case kindLastUse:
		return m.lastUse(e)
	case kindPolicy:
		return m.policy(m.node(canonicalName(m.target)), "", "", nil, e.raw, "the output of get-iam-policy", "iam/policy")
	}
	return nil
}

func (m *mapper) account(e *element) error {
	ref := m.names.account(e.Email)
	sc := m.covers("gcloud iam service-accounts list", ref.Realm, "iam", "service-accounts")
	id := retinue.Identity{Ref: ref, Name: retinue.CleanName(e.Email), Kind: retinue.IdentityServiceAccount, Subtype: "gcp_service_account", Class: retinue.ClassNonHuman,
		ClassReason: "A service account is made for software.", State: retinue.StateActive, Container: container("projects/" + ref.Realm.ID()), Description: e.Description, Attrs: retinue.Attrs{}}
	if e.DisplayName != "" {
		id.Attrs["displayName"] = retinue.CleanName(e.DisplayName)
	}
	if e.UniqueID != "" {
		id.Attrs["uniqueId"] = retinue.CleanName(e.UniqueID)
	}
	if e.Disabled {
		id.State, id.StateReason = retinue.StateDisabled, "The account is disabled."
	}
	switch {
	case agent(e.Email):
		id.Managed = retinue.ManagedByProvider
	case byDefault(e.Email):
		id.Managed = retinue.ManagedByPlatform
	}
	return m.w.Emit(sc, id)
}

func (m *mapper) key(e *element) error {
	_, rest, _ := strings.Cut(e.Name, "/serviceAccounts/")
	email, keyID, _ := strings.Cut(rest, "/keys/")
	if !strings.Contains(email, "@") {
		return nil // by the account's number: the same key stands by its address in the account's own listing
	}
	ref := m.names.account(email)
	sc := m.covers("gcloud iam service-accounts keys list", ref.Realm, "iam", "service-account-keys", ref.Key)
	c := retinue.Credential{Ref: retinue.NewRef(ref.Realm, "service_account_key", ref.Key+"/"+retinue.CleanName(keyID)), Name: retinue.CleanName(keyID),
		Kind: retinue.CredentialPrivateKey, Subtype: "gcp_service_account_key", Identity: ref, State: retinue.CredentialActive,
		Joins:     []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "gcp:" + retinue.CleanName(keyID)}},
		CreatedAt: moment(e.ValidAfterTime), NotBefore: moment(e.ValidAfterTime), ExpiresAt: moment(e.ValidBeforeTime), Attrs: retinue.Attrs{}}
	if c.ExpiresAt.Year() == 9999 {
		c.ExpiresAt, c.NeverExpires = time.Time{}, true
	}
	if e.Disabled {
		c.State = retinue.CredentialInactive
	}
	if e.KeyType == "SYSTEM_MANAGED" {
		c.Managed, c.ShortLived = retinue.ManagedByProvider, true
	}
	if e.KeyOrigin != "" {
		c.Attrs["origin"] = retinue.CleanName(e.KeyOrigin)
	}
	if bits, ok := strings.CutPrefix(e.KeyAlgorithm, "KEY_ALG_RSA_"); ok {
		c.Algorithm = "RSA"
		c.Bits, _ = strconv.Atoi(bits) // zero, not known, where it is no number
	}
	return m.w.Emit(sc, c)
}

// moment reads a time of Google's; zero where there is none.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// roleRef names a role: predefined ones are the same everywhere.
func (m *mapper) roleRef(name string) retinue.Ref {
	owner, _, custom := strings.Cut(name, "/roles/")
	if !custom {
		return retinue.NewRef("gcp:google", "role", retinue.CleanName(name))
	}
	owner = m.node(owner)
	return retinue.NewRef(realmOf(owner), "role", retinue.CleanName(owner+name[strings.Index(name, "/roles/"):]))
}

func (m *mapper) role(e *element) error {
	ref := m.roleRef(e.Name)
	sc := m.covers("gcloud iam roles list", ref.Realm, "iam", "roles")
	p := retinue.Policy{Ref: ref, Name: retinue.CleanName(e.Title), Language: retinue.LanguageGCPIAM, Container: container(owner(ref.Key)), Attrs: retinue.Attrs{}}
	if ref.Realm == "gcp:google" {
		p.Managed = retinue.ManagedByProvider
	}
	if e.Stage != "" {
		p.Attrs["stage"] = retinue.CleanName(e.Stage)
	}
	if e.Deleted {
		p.Attrs["deleted"] = true
	}
	if e.IncludedPermissions == nil {
		p.Attrs["permissionsListed"] = false // a listing without `--format=json` of describe has none
	} else {
		doc, err := export.Canonical(e.raw)
		if err != nil {
			m.w.Fail(sc, err)
			return nil
		}
		p.Document = doc
	}
	return m.w.Emit(sc, p)
}

// owner is the node that a custom role belongs to; empty for predefined ones.
func owner(role string) string {
	node, _, custom := strings.Cut(role, "/roles/")
	if !custom {
		return ""
	}
	return node
}

func (m *mapper) project(e *element) error {
	node := "projects/" + m.names.project(e.ProjectID)
	sc := m.covers("the project's own description", realmOf(node), "project")
	c := retinue.Container{Ref: container(node), Name: retinue.CleanName(e.ProjectID), Kind: retinue.ContainerProject, Parent: container(m.node(e.parent())),
		State: state(e.LifecycleState + e.State), Labels: e.Labels, Attrs: retinue.Attrs{"number": retinue.CleanName(e.number())}}
	if c.Parent.IsZero() {
		c.Attrs["root"] = true
	}
	return m.w.Emit(sc, append([]retinue.Fact{c}, owners(c.Ref, e.Labels)...)...)
}

func (m *mapper) container(e *element) error {
	node := e.Name
	sc := m.covers("the node's own description", realmOf(node), "node")
	c := retinue.Container{Ref: container(node), Name: retinue.CleanName(e.DisplayName), Kind: retinue.ContainerFolder, Parent: container(e.parent()), State: state(e.LifecycleState + e.State)}
	if strings.HasPrefix(node, "organizations/") {
		c.Kind, c.Parent = retinue.ContainerOrganization, retinue.Ref{}
	}
	return m.w.Emit(sc, c)
}

func state(s string) retinue.State {
	switch s {
	case "ACTIVE":
		return retinue.StateActive
	case "DELETE_REQUESTED", "DELETE_IN_PROGRESS", "DELETED":
		return retinue.StateDisabled
	}
	return retinue.StateUnknown
}

// owners states labels that name who answers for a thing.
func owners(subject retinue.Ref, labels map[string]string) []retinue.Fact {
	var out []retinue.Fact
	for _, name := range []string{"owner", "team", "contact", "maintainer"} {
		if v := strings.TrimSpace(labels[name]); v != "" {
			out = append(out, retinue.OwnerSignal{Subject: subject, Candidate: v, Signal: "label", Quote: name + "=" + v})
		}
	}
	return out
}

func (m *mapper) deny(e *element) error {
	point, _, _ := strings.Cut(strings.TrimPrefix(e.Name, "policies/"), "/")
	point = strings.NewReplacer("%2F", "/", "%2f", "/").Replace(point)
	node := m.node(strings.TrimPrefix(point, "cloudresourcemanager.googleapis.com/"))
	target := container(node)
	if target.IsZero() {
		return nil
	}
	sc := m.covers("gcloud iam policies list --kind=denypolicies", target.Realm, "iam", "deny-policies")
	ref := retinue.NewRef(target.Realm, "deny_policy", retinue.CleanName(e.Name))
	p := retinue.Policy{Ref: ref, Name: retinue.CleanName(e.DisplayName), Language: retinue.LanguageGCPIAM, Container: target}
	if e.Rules == nil {
		m.w.Fail(sc, notWhole(e.Name, "the listing leaves out its rules: add the output of `gcloud iam policies get`"))
	} else {
		doc, err := export.Canonical(e.raw)
		if err != nil {
			m.w.Fail(sc, err)
			return nil
		}
		p.Document = doc
	}
	return m.w.Emit(sc, p, retinue.Attachment{Policy: ref, Target: target, Role: retinue.AttachDeny})
}
