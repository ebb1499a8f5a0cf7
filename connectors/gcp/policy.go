package gcp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/export"
)

func notWhole(name, why string) error {
	return fmt.Errorf("%w: %s: %s", retinue.ErrInvalid, retinue.CleanName(name), why)
}

// allowPolicy is what a policy's facts are made from; the document itself is
// kept whole.
type allowPolicy struct {
	Bindings []struct {
		Role      string   `json:"role"`
		Members   []string `json:"members"`
		Condition *struct {
			Expression string `json:"expression"`
		} `json:"condition"`
	} `json:"bindings"`
}

// policy states the allow policy of a resource, who is attached by it, and for
// a service account who may become it.
func (m *mapper) policy(resource, assetType, project string, ancestors []string, raw json.RawMessage, basis, path string) error {
	realm := m.home(resource, project, ancestors)
	if realm == "" {
		m.unplaced++
		return nil
	}
	sc := m.covers(basis, realm, strings.Split(path, "/")...)
	var p allowPolicy
	doc, err := export.Canonical(raw)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		m.w.Fail(sc, notWhole(resource, "the policy is not one: "+retinue.CleanName(err.Error())))
		return nil
	}
	target := m.resourceRef(resource, assetType, realm)
	ref := retinue.NewRef(realm, "allow_policy", retinue.CleanName(resource))
	facts := []retinue.Fact{
		retinue.Policy{Ref: ref, Name: retinue.CleanName(resource), Language: retinue.LanguageGCPIAM, Document: doc, Container: containerIn(realm)},
		retinue.Attachment{Policy: ref, Target: target, Role: retinue.AttachResource},
	}
	if holdsData(assetType) {
		facts = append(facts, m.described(resource, assetType, realm))
	}
	type held struct {
		role   retinue.Ref
		member string
	}
	conditions := map[held][]string{}
	var order []held
	for _, b := range p.Bindings {
		for _, member := range b.Members {
			h := held{m.roleRef(b.Role), member}
			if _, dup := conditions[h]; !dup {
				order = append(order, h)
				conditions[h] = []string{}
			}
			if b.Condition != nil && !slices.Contains(conditions[h], b.Condition.Expression) {
				conditions[h] = append(conditions[h], b.Condition.Expression)
			}
		}
	}
	for _, h := range order {
		facts = append(facts, m.attached(h.member, h.role, target, ref, realm, conditions[h])...)
	}
	return m.w.Emit(sc, facts...)
}

// attached states that a member holds a role somewhere, and what the member is.
func (m *mapper) attached(text string, role, target, via retinue.Ref, realm retinue.Realm, conditions []string) []retinue.Fact {
	if strings.HasPrefix(text, "deleted:") || role.Key == "" {
		return nil
	}
	member, facts, attach := m.member(text, realm)
	a := retinue.Attachment{Policy: role, Target: member, Role: attach, Within: target, Via: via}
	if len(conditions) > 0 {
		a.Options = retinue.Attrs{"conditions": conditions}
	}
	facts = append(facts, a)
	if target.Kind == "service_account" && becomes(role.Key) {
		facts = append(facts, m.trust(target, member, text, via, conditions))
	}
	return facts
}

// becomes reports the predefined roles that let their holder act as a service
// account on which they are granted.
func becomes(role string) bool {
	switch role {
	case "roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser",
		"roles/iam.serviceAccountKeyAdmin", "roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountOpenIdTokenCreator", "roles/owner":
		return true
	}
	return false
}

func (m *mapper) trust(account, member retinue.Ref, text string, via retinue.Ref, conditions []string) retinue.Trust {
	t := retinue.Trust{Subject: account, Kind: retinue.TrusteePrincipal, Trustee: member, Name: retinue.CleanName(text), Via: via, Conditions: conditions}
	switch {
	case text == "allUsers" || text == "allAuthenticatedUsers":
		t.Kind = retinue.TrusteeAnyone
	case strings.Contains(text, ".svc.id.goog["):
		_, inside, _ := strings.Cut(strings.TrimSuffix(text, "]"), "[")
		t.Kind = retinue.TrusteeFederated
		t.Federation = &retinue.Federation{Subject: "system:serviceaccount:" + strings.Replace(inside, "/", ":", 1)}
	case strings.HasPrefix(text, "principal"):
		t.Kind = retinue.TrusteeFederated
		pool, subject := m.federated(text)
		t.Federation = &retinue.Federation{Issuer: m.issuers[pool], Subject: subject}
	}
	return t
}

// federated splits a member of a pool into the pool and the subjects that it
// admits; an attribute is said in words of its own.
func (m *mapper) federated(text string) (pool, subject string) {
	_, rest, ok := strings.Cut(text, "://iam.googleapis.com/")
	if !ok {
		return "", ""
	}
	i := strings.Index(rest, "Pools/")
	if i < 0 {
		return "", ""
	}
	i += len("Pools/")
	name, what, _ := strings.Cut(rest[i:], "/")
	pool = rest[:i] + name
	if s, ok := strings.CutPrefix(what, "subject/"); ok {
		return pool, retinue.CleanName(s)
	}
	return pool, retinue.CleanName(what)
}

// member names a member of a policy and states what its text tells about it.
func (m *mapper) member(text string, realm retinue.Realm) (retinue.Ref, []retinue.Fact, retinue.AttachmentRole) {
	kind, name, _ := strings.Cut(text, ":")
	lower := strings.ToLower(name)
	switch {
	case kind == "serviceAccount" && strings.Contains(name, ".svc.id.goog["):
		return m.subject(text, "kubernetes_service_account", realm)
	case kind == "serviceAccount":
		return m.names.account(name), nil, retinue.AttachIdentity
	case kind == "user":
		ref := retinue.NewRef(google(lower), "user", retinue.CleanName(lower))
		return ref, []retinue.Fact{retinue.Identity{Ref: ref, Name: retinue.CleanName(name), Kind: retinue.IdentityUser, Subtype: "google_account",
			Class: retinue.ClassPerson, ClassReason: "A Google account is made for a person.", State: retinue.StateUnknown}}, retinue.AttachIdentity
	case kind == "group":
		ref := retinue.NewRef(google(lower), "group", retinue.CleanName(lower))
		return ref, []retinue.Fact{retinue.Group{Ref: ref, Name: retinue.CleanName(name)}}, retinue.AttachGroup
	case strings.HasPrefix(text, "principal://"):
		return m.subject(text, "federated_subject", realm)
	}
	ref := retinue.NewRef(realm, "principal_set", retinue.CleanName(text))
	return ref, []retinue.Fact{retinue.Group{Ref: ref, Name: retinue.CleanName(text)}}, retinue.AttachGroup
}

// subject states one identity of a pool.
func (m *mapper) subject(text, subtype string, realm retinue.Realm) (retinue.Ref, []retinue.Fact, retinue.AttachmentRole) {
	if p := m.projectIn(text); p != "" {
		realm = realmOf(p)
	}
	ref := retinue.NewRef(realm, "federated", retinue.CleanName(text))
	pool, subject := m.federated(text)
	id := retinue.Identity{Ref: ref, Name: retinue.CleanName(text), Kind: retinue.IdentityFederated, Subtype: subtype, Class: retinue.ClassNonHuman,
		ClassReason: "A workload of another issuer.", State: retinue.StateUnknown}
	switch {
	case strings.Contains(text, "/workforcePools/"):
		id.Class, id.ClassReason = retinue.ClassPerson, "Workforce identity federation is for people."
	case subject != "":
		id.Federation = &retinue.Federation{Issuer: m.issuers[pool], Subject: subject}
	}
	return ref, []retinue.Fact{id}, retinue.AttachIdentity
}

// home is the realm that a resource lies in: that of its name's project, else
// what the export says beside it; empty where neither tells.
func (m *mapper) home(resource, project string, ancestors []string) retinue.Realm {
	if c := container(resource); !c.IsZero() {
		return c.Realm
	}
	for _, p := range append([]string{m.projectIn(resource), project}, ancestors...) {
		if c := container(m.node(p)); !c.IsZero() {
			return c.Realm
		}
	}
	return ""
}

// containerIn is the node of a realm.
func containerIn(realm retinue.Realm) retinue.Ref {
	id := realm.ID()
	if !strings.Contains(id, "/") {
		id = "projects/" + id
	}
	return container(id)
}

// resourceRef names what a policy is attached to.
func (m *mapper) resourceRef(name, assetType string, realm retinue.Realm) retinue.Ref {
	if c := container(name); !c.IsZero() {
		return c
	}
	if _, account, ok := strings.Cut(name, "/serviceAccounts/"); ok && strings.Contains(account, "@") {
		return m.names.account(account)
	}
	if _, account, ok := strings.Cut(name, "/serviceAccounts/"); ok && m.ids["account:"+account] != "" {
		return m.names.account(m.ids["account:"+account])
	}
	return retinue.NewRef(realm, assetKind(assetType), retinue.CleanName(name))
}

func (m *mapper) pool(e *element) error {
	project := m.projectIn(e.Name)
	if project == "" {
		return nil
	}
	sc := m.covers("gcloud iam workload-identity-pools list", realmOf(project), "iam", "workload-identity-pools")
	return m.w.Emit(sc, retinue.Resource{Ref: m.poolRef(e.Name), Name: poolID(e.Name), Kind: "workload_identity_pool", Container: container(project),
		Attrs: retinue.Attrs{"disabled": e.Disabled, "state": retinue.CleanName(e.State)}})
}

func poolID(name string) string {
	return retinue.CleanName(name[strings.LastIndexByte(name, '/')+1:])
}

func (m *mapper) poolRef(name string) retinue.Ref {
	return retinue.NewRef(realmOf(m.projectIn(name)), "workload_identity_pool", retinue.CleanName(name))
}

// provider states an issuer of a pool and that its tokens are trusted.
func (m *mapper) provider(e *element) error {
	project := m.projectIn(e.Name)
	pool, id, _ := strings.Cut(e.Name, "/providers/")
	if project == "" || pool == "" || id == "" {
		return nil
	}
	realm := realmOf(project)
	sc := m.covers("gcloud iam workload-identity-pools providers list", realm, "iam", "workload-identity-providers", poolID(pool))
	ref := retinue.NewRef(realm, "workload_identity_provider", retinue.CleanName(e.Name))
	attrs := retinue.Attrs{"disabled": e.Disabled}
	t := retinue.Trust{Subject: m.poolRef(pool), Kind: retinue.TrusteeFederated, Via: ref, Name: "an issuer of an unknown kind"}
	switch {
	case e.OIDC != nil:
		t.Name = retinue.CleanName(e.OIDC.IssuerURI)
		t.Federation = &retinue.Federation{Issuer: t.Name}
		if len(e.OIDC.AllowedAudiences) == 1 {
			t.Federation.Audience = retinue.CleanName(e.OIDC.AllowedAudiences[0])
		}
		attrs["type"], attrs["issuer"], attrs["audiences"] = "oidc", t.Name, cleaned(e.OIDC.AllowedAudiences)
	case e.AWS != nil:
		t.Kind, t.Name = retinue.TrusteeAccount, "AWS account "+retinue.CleanName(e.AWS.AccountID)
		if e.AWS.AccountID != "" {
			t.Trustee = retinue.NewRef(retinue.NewRealm("aws", retinue.CleanName(e.AWS.AccountID)), "account", retinue.CleanName(e.AWS.AccountID))
		}
		attrs["type"] = "aws"
	case e.SAML != nil:
		t.Name, attrs["type"] = "a SAML identity provider", "saml"
	case e.X509 != nil:
		t.Name, attrs["type"] = "holders of X.509 certificates", "x509"
	}
	if e.AttributeCondition != "" {
		t.Conditions = []string{e.AttributeCondition}
		attrs["attributeCondition"] = e.AttributeCondition
	}
	for _, k := range sortedKeys(e.AttributeMapping) {
		list, _ := attrs["attributeMapping"].([]string)
		attrs["attributeMapping"] = append(list, retinue.CleanName(k+"="+e.AttributeMapping[k]))
	}
	facts := []retinue.Fact{retinue.Resource{Ref: ref, Name: retinue.CleanName(id), Kind: "workload_identity_provider", Container: container(project), Attrs: attrs}}
	if !e.Disabled {
		facts = append(facts, t)
	}
	return m.w.Emit(sc, facts...)
}

func cleaned(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, retinue.CleanName(s))
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
