package demo

import (
	"time"

	"github.com/retinue-id/retinue"
)

func (c *Company) clusters() {
	c.cluster("k8s-production", "harbour-production", "7f1c2a60-5a4e-4a52-9f0b-1f2d3c4b5a60", retinue.EnvironmentProduction, 100)
	s := c.cluster("k8s-staging", "harbour-staging", "c3f0d8b1-2e77-4d0c-8b7a-90f1e2d3c4b5", retinue.EnvironmentStaging, 70)
	// Its certificate ran out; nobody has looked yet.
	s.broken = append(s.broken, outage{from: c.ago(9), cause: unavailable("connect to https://k8s.staging." + Domain + ":6443: certificate has expired")})
}

func (c *Company) cluster(name, title, uid string, env retinue.Environment, share int) *estate {
	e := c.estate("kubernetes", name, "context:"+title, retinue.NewRealm("kubernetes", uid), title)
	e.principal = "system:serviceaccount:retinue:reader"
	cl := e.ref("cluster", title)
	e.always("cluster", retinue.Container{Ref: cl, Name: title, Kind: retinue.ContainerCluster, Environment: env})
	for n, doc := range clusterRoles() {
		e.always("clusterrole", retinue.Policy{Ref: e.ref("cluster_role", n), Name: n, Language: retinue.LanguageK8sRBAC, Document: doc, Container: cl})
	}
	for _, ns := range []string{"kube-system", "monitoring", "ingress-nginx", "cert-manager", "argocd"} {
		c.namespace(e, cl, ns, env, app{id: ns, name: ns, team: 0})
	}
	for _, x := range c.apps {
		if c.chance(share) {
			c.namespace(e, cl, x.id, env, x)
		}
	}
	return e
}

func (c *Company) namespace(e *estate, cl retinue.Ref, name string, env retinue.Environment, x app) {
	path := "namespace/" + name
	ns := e.ref("namespace", name)
	team := c.teams[x.team].id
	labels := map[string]string{"team": team}
	if c.chance(30) {
		labels = nil
	}
	e.always(path, retinue.Container{Ref: ns, Name: name, Kind: retinue.ContainerNamespace, Parent: cl, Environment: env, Labels: labels},
		retinue.Identity{Ref: e.ref("service_account", name+"/default"), Name: "default", Kind: retinue.IdentityServiceAccount,
			Subtype: "service_account", Class: retinue.ClassNonHuman, ClassReason: "service accounts are made for software",
			State: retinue.StateActive, Container: ns, Managed: retinue.ManagedByPlatform, CreatedAt: c.ago(900)})
	if labels != nil {
		e.always(path, retinue.OwnerSignal{Subject: e.ref("service_account", name+"/default"), Candidate: team, Signal: "namespace_label", Quote: "namespace label team=" + team})
	}
	for i, suffix := range []string{"", "-worker", "-cron", "-migrate", "-metrics"} {
		if i > 0 && c.chance(45) {
			continue
		}
		c.serviceAccount(e, ns, name, name+suffix, labels != nil, x)
	}
	if c.chance(60) {
		c.tls(e, ns, path, name, env)
	}
}

func (c *Company) serviceAccount(e *estate, ns retinue.Ref, namespace, name string, labelled bool, x app) {
	path := "namespace/" + namespace
	ref := e.ref("service_account", namespace+"/"+name)
	born := c.born()
	life := c.life(born)
	id := retinue.Identity{Ref: ref, Name: name, Kind: retinue.IdentityServiceAccount, Subtype: "service_account", Class: retinue.ClassNonHuman,
		ClassReason: "service accounts are made for software", State: retinue.StateActive, Container: ns, CreatedAt: born,
		Federation: &retinue.Federation{Issuer: "https://oidc." + e.title + "." + Domain, Subject: "system:serviceaccount:" + namespace + ":" + name}}
	e.during(path, life.from, life.to, id)
	c.owned(e, path, life, ref, x, "label")
	if labelled {
		t := c.teams[x.team].id
		e.during(path, life.from, life.to, retinue.OwnerSignal{Subject: ref, Candidate: t, Signal: "namespace_label", Quote: "namespace label team=" + t})
	}
	c.bind(e, ns, path, ref, life, namespace)
	if !c.chance(15) {
		e.during(path, life.from, life.to, retinue.Resource{Ref: e.ref("deployment", namespace+"/"+name), Name: name, Kind: "deployment",
			Container: ns, RunsAs: []retinue.Ref{ref}, CreatedAt: born, Attrs: retinue.Attrs{"automount": true, "automountFrom": "default",
				"privileged": c.chance(4)}})
	}
	if c.chance(18) {
		tok := e.ref("secret", namespace+"/"+name+"-token")
		e.during(path, life.from, life.to, retinue.Credential{Ref: tok, Name: name + "-token", Kind: retinue.CredentialServiceToken,
			Subtype: "kubernetes.io/service-account-token", Identity: ref, State: retinue.CredentialActive, CreatedAt: born, NeverExpires: true},
			retinue.Placement{Credential: tok, Confidence: retinue.ConfidenceCertain, Detector: "sample",
				Place: retinue.Place{Kind: retinue.PlaceKubernetes, Realm: e.realm, Container: ns, Path: namespace + "/" + name + "-token", Field: "token"}})
		e.used(path, life, tok, c.use(born, "last_used", 10))
	}
}

func (c *Company) bind(e *estate, ns retinue.Ref, path string, ref retinue.Ref, life span, namespace string) {
	bind := func(role string, within retinue.Ref, from time.Time) {
		e.during(path, from, life.to, retinue.Attachment{Policy: e.ref("cluster_role", role), Target: ref, Role: retinue.AttachIdentity, Within: within,
			Via: e.ref("role_binding", ref.Key+"/"+role)})
	}
	bind(pick(c, []string{"config-reader", "config-reader", "lease-holder", "view", "edit", "secret-reader"}), ns, life.from)
	switch n := c.rng.IntN(100); {
	case n < 3 || namespace == "argocd" && n < 60:
		bind("cluster-admin", retinue.Ref{}, life.from)
	case n < 6:
		bind("cluster-admin", retinue.Ref{}, c.ago(2+c.rng.IntN(60)))
	case n < 12:
		bind("secret-reader", retinue.Ref{}, life.from)
	case n < 18:
		bind("metrics-reader", retinue.Ref{}, life.from)
	}
}

// tls is the certificate of a namespace's front door. Most are renewed in
// time.
func (c *Company) tls(e *estate, ns retinue.Ref, path, name string, env retinue.Environment) {
	host := name + "." + Domain
	if env != retinue.EnvironmentProduction {
		host = name + "." + string(env) + "." + Domain
	}
	ref := e.ref("secret", name+"/tls")
	life := 90
	if c.chance(20) {
		life = 700
	}
	state := func(from, to, until time.Time) {
		e.during(path, from, to, retinue.Credential{Ref: ref, Name: host, Kind: retinue.CredentialCertificate, State: retinue.CredentialActive,
			CreatedAt: from, NotBefore: from, ExpiresAt: until, Algorithm: "ECDSA", Bits: 256,
			Certificate: &retinue.Certificate{Issuer: "CN=Tidewater Issuing CA", Subject: "CN=" + host, SANs: []string{host}, SignatureAlgorithm: "ECDSA-SHA256"}})
	}
	at := c.ago(lately + 5 + c.rng.IntN(60))
	for {
		until := at.AddDate(0, 0, life)
		next := until.AddDate(0, 0, -15)
		if next.After(c.end) || c.chance(9) {
			state(at, time.Time{}, until)
			break
		}
		state(at, next, until)
		at = next
	}
	e.always(path, retinue.Placement{Credential: ref, Confidence: retinue.ConfidenceCertain, Detector: "sample",
		Place: retinue.Place{Kind: retinue.PlaceKubernetes, Realm: e.realm, Container: ns, Path: name + "/tls", Field: "tls.key"}})
}
