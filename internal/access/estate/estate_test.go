package estate_test

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// world collects facts, each stated by a scope of the realm that it is about.
type world struct {
	t *testing.T
	c estate.Collector
}

func (w *world) add(facts ...retinue.Fact) {
	w.t.Helper()
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			w.t.Fatal(err)
		}
		if err := w.c.Add(f.FactRef().Realm, f); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) estate() *estate.Estate {
	w.t.Helper()
	e, err := w.c.Estate()
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// way is the shortest way between two things as verbs and the things behind
// them, or "" where there is none.
func way(e *estate.Estate, opt graph.Options, from, to retinue.Ref) string {
	g := e.Graph()
	a, b := g.Find(e.Same(from)), g.Find(e.Same(to))
	if a == graph.None || b == graph.None {
		return ""
	}
	var out []string
	for _, h := range g.Hops(g.Path(opt, b, a)) {
		out = append(out, string(g.Step(h.Main).Verb)+" "+g.Node(h.To).Ref.Key)
	}
	return strings.Join(out, ", ")
}

const account = "111122223333"

func arn(name string) string { return "arn:aws:iam::" + account + ":" + name }

func aws(kind, key string) retinue.Ref { return retinue.NewRef("aws:"+account, kind, key) }

var (
	host     = retinue.NewRef("host:h1", "host", "h1")
	deploy   = retinue.NewRef("host:h1", "account", "deploy")
	guest    = retinue.NewRef("host:h1", "account", "guest")
	rootUser = retinue.NewRef("host:h1", "account", "root")
	appRole  = retinue.NewRef("postgres:p1", "role", "app_rw")
)

// machine is a host with three accounts.
func (w *world) machine() {
	w.add(retinue.Container{Ref: host, Kind: retinue.ContainerHost, Environment: retinue.EnvironmentProduction})
	for _, ref := range []retinue.Ref{deploy, guest, rootUser} {
		w.add(retinue.Identity{Ref: ref, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman, Container: host})
	}
}

// TestPlacedCredentialsLeadToTheirIdentities puts one credential of a database
// role into places, and looks who comes to the role.
func TestPlacedCredentialsLeadToTheirIdentities(t *testing.T) {
	cred := retinue.NewRef("postgres:p1", "password", "app_rw")
	file := retinue.Place{Kind: retinue.PlaceFile, Realm: "host:h1", Container: host, Path: "/etc/app.env", Field: "PASSWORD"}
	for _, c := range []struct {
		name      string
		placement retinue.Placement
		state     retinue.CredentialState
		from      retinue.Ref
		want      string
		possible  bool
	}{
		{name: "consumer", placement: retinue.Placement{Place: file, Consumer: deploy}, from: deploy, want: "reads secret app_rw, acts as app_rw"},
		{name: "another account", placement: retinue.Placement{Place: file, Consumer: deploy}, from: guest},
		{name: "open to all", placement: retinue.Placement{Place: file, Exposure: retinue.ExposureWorld}, from: guest,
			want: "reads h1:/etc/app.env, placed at app_rw, acts as app_rw"},
		{name: "root", placement: retinue.Placement{Place: file}, from: rootUser, want: "administers h1, contains h1:/etc/app.env, placed at app_rw, acts as app_rw"},
		{name: "revoked", placement: retinue.Placement{Place: file, Consumer: deploy}, state: retinue.CredentialRevoked, from: deploy},
		{name: "only its name", placement: retinue.Placement{Place: file, Exposure: retinue.ExposureWorld, Reference: true}, from: guest},
		{name: "only its public half", placement: retinue.Placement{Reference: true, Consumer: deploy,
			Place: retinue.Place{Kind: retinue.PlaceAuthorizedKeys, Realm: "host:h1", Container: host, Path: "/home/deploy/.ssh/authorized_keys"}}, from: deploy},
		{name: "mounted by a pod", placement: retinue.Placement{Reference: true, Consumer: deploy, Attrs: retinue.Attrs{"readBy": []any{"image pull", "volume"}},
			Place: retinue.Place{Kind: retinue.PlaceKubernetes, Realm: "kubernetes:k1", Path: "app"}}, from: deploy, want: "reads secret app_rw, acts as app_rw"},
		{name: "only to pull images", placement: retinue.Placement{Reference: true, Consumer: deploy, Attrs: retinue.Attrs{"readBy": []string{"image pull"}},
			Place: retinue.Place{Kind: retinue.PlaceKubernetes, Realm: "kubernetes:k1", Path: "app"}}, from: deploy},
		{name: "in the history", placement: retinue.Placement{Place: file, Exposure: retinue.ExposureWorld, Historic: true}, from: guest,
			want: "reads h1:/etc/app.env, placed at app_rw, acts as app_rw", possible: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t: t}
			w.machine()
			c.placement.Credential = cred
			w.add(retinue.Identity{Ref: appRole, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman},
				retinue.Credential{Ref: cred, Kind: retinue.CredentialPassword, Identity: appRole, State: c.state}, c.placement)
			e := w.estate()
			if got := way(e, graph.Options{}, c.from, appRole); got != c.want {
				t.Errorf("way %q, want %q", got, c.want)
			}
			certain := c.want
			if c.possible {
				certain = ""
			}
			if got := way(e, graph.Options{Certain: true}, c.from, appRole); got != certain {
				t.Errorf("certain way %q, want %q", got, certain)
			}
		})
	}
}

// TestPipelineToDatabase goes from a pipeline over a role of a cloud and a secret
// to a database role: four systems, one way, each step with its proof.
func TestPipelineToDatabase(t *testing.T) {
	const issuer = "token.actions.githubusercontent.com"
	repository := retinue.NewRef("git:r1", "repository", "r1")
	pipeline := retinue.NewRef("git:r1", "pipeline", ".github/workflows/deploy.yml")
	role, trust := aws("role", arn("role/deploy")), aws("policy", arn("role/deploy")+"#trust")
	rights := aws("policy", arn("role/deploy")+"#inline/secrets")
	secret := aws("secret", "arn:aws:secretsmanager:eu-west-1:"+account+":secret:shop/db-AbCdEf")
	found := retinue.NewRef("git:r1", "secret", "old/config.yml#password")
	build := func(subject string) *estate.Estate {
		w := &world{t: t}
		w.add(
			retinue.Container{Ref: repository, Kind: retinue.ContainerRepository, Name: "shop", Attrs: retinue.Attrs{"remotes": []string{"github.com/acme/shop"}}},
			retinue.Identity{Ref: pipeline, Name: "deploy", Kind: retinue.IdentityPipeline, Subtype: "github_actions", Class: retinue.ClassNonHuman, Container: repository,
				Federation: &retinue.Federation{Issuer: "https://" + issuer, Subject: "repo:acme/shop:ref:refs/heads/main", Audience: "sts.amazonaws.com"}},
			retinue.Identity{Ref: role, Name: "deploy", Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman},
			retinue.Policy{Ref: trust, Language: retinue.LanguageAWSIAM, Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
				"Principal":{"Federated":"arn:aws:iam::` + account + `:oidc-provider/` + issuer + `"},"Action":"sts:AssumeRoleWithWebIdentity",
				"Condition":{"StringEquals":{"` + issuer + `:aud":"sts.amazonaws.com","` + issuer + `:sub":"` + subject + `"}}}]}`},
			retinue.Attachment{Policy: trust, Target: role, Role: retinue.AttachTrust},
			retinue.Trust{Subject: role, Kind: retinue.TrusteeFederated, Name: "https://" + issuer, Via: trust,
				Federation: &retinue.Federation{Issuer: "https://" + issuer, Subject: subject, Audience: "sts.amazonaws.com"}},
			retinue.Policy{Ref: rights, Language: retinue.LanguageAWSIAM,
				Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"` + secret.Key + `"}]}`},
			retinue.Attachment{Policy: rights, Target: role, Role: retinue.AttachIdentity},
			retinue.Resource{Ref: secret, Name: "shop/db", Kind: "secret"},
			retinue.Credential{Ref: secret, Name: "shop/db", Kind: retinue.CredentialGenericSecret, State: retinue.CredentialActive},
			retinue.Placement{Credential: secret, Place: retinue.Place{Kind: retinue.PlaceVault, Realm: "aws:" + account, Container: aws("account", account), Path: "shop/db"}},
			// The value that was found in a repository is that of the secret, and
			// lets in as a role of the database.
			retinue.Identity{Ref: appRole, Name: "app_rw", Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman},
			retinue.Credential{Ref: found, Kind: retinue.CredentialPassword, Identity: appRole},
		)
		w.c.Same(7, secret)
		w.c.Same(7, found)
		return w.estate()
	}
	e := build("repo:acme/shop:ref:refs/heads/main")
	want := "federates " + role.Key + ", reads secret " + secret.Key + ", acts as app_rw"
	if got := way(e, graph.Options{}, pipeline, appRole); got != want {
		t.Errorf("way %q, want %q", got, want)
	}
	g := e.Graph()
	for _, id := range g.Path(graph.Options{}, g.Find(appRole), g.Find(pipeline)) {
		if s := g.Step(id); len(s.Because) == 0 && s.Verb != graph.Contains {
			t.Errorf("step %s by %s has no proof", s.Verb, s.Technique)
		}
	}
	// Nobody but them comes to the role.
	if got := way(build("repo:acme/other:ref:refs/heads/main"), graph.Options{}, pipeline, appRole); got != "" {
		t.Errorf("a role that trusts another repository: %q", got)
	}
}

// TestOneKeyInTwoSystems lets the holder of a key into both.
func TestOneKeyInTwoSystems(t *testing.T) {
	w := &world{t: t}
	w.machine()
	const spki = "11223344"
	key := func(realm retinue.Realm, kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, key) }
	mine, theirs := key("host:h1", "ssh_key", "SHA256:a"), key("host:h2", "certificate", "b")
	other := retinue.NewRef("host:h2", "account", "admin")
	w.add(retinue.Identity{Ref: other, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman},
		retinue.Credential{Ref: mine, Kind: retinue.CredentialSSHKey, PublicKey: spki},
		retinue.Placement{Credential: mine, Consumer: deploy, Place: retinue.Place{Kind: retinue.PlaceFile, Realm: "host:h1", Container: host, Path: "/home/deploy/.ssh/id"}},
		retinue.Credential{Ref: theirs, Kind: retinue.CredentialCertificate, PublicKey: spki},
		retinue.Trust{Subject: other, Kind: retinue.TrusteeKey, Trustee: theirs, Name: "b"})
	e := w.estate()
	if got, want := way(e, graph.Options{}, deploy, other), "reads secret SHA256:a, same key b, signs in as admin"; got != want {
		t.Errorf("way %q, want %q", got, want)
	}
	if got := way(e, graph.Options{}, guest, other); got != "" {
		t.Errorf("guest comes to admin: %q", got)
	}
}

// TestSudo tells every command from some, and a password from none.
func TestSudo(t *testing.T) {
	for _, c := range []struct {
		name       string
		privileges []string
		noPassword bool
		certain    bool
		possible   bool
	}{
		{"all without a password", []string{"ALL"}, true, true, true},
		{"all with a password", []string{"ALL"}, false, false, true},
		{"some", []string{"/usr/bin/systemctl restart app"}, true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t: t}
			w.machine()
			w.add(retinue.Grant{Subject: deploy, Privileges: c.privileges, Resource: host, Attrs: retinue.Attrs{"runAs": "ALL", "noPassword": c.noPassword}})
			e := w.estate()
			if got := way(e, graph.Options{Certain: true}, deploy, host) != ""; got != c.certain {
				t.Errorf("certain %t, want %t", got, c.certain)
			}
			if got := way(e, graph.Options{}, deploy, host) != ""; got != c.possible {
				t.Errorf("possible %t, want %t", got, c.possible)
			}
		})
	}
}

// TestQuestionsFindTheirLanguage puts one question to two systems.
func TestQuestionsFindTheirLanguage(t *testing.T) {
	w := &world{t: t}
	user := aws("user", arn("user/ci"))
	policy := aws("policy", arn("user/ci")+"#inline/read")
	sa := retinue.NewRef("kubernetes:k1", "service_account", "shop/web")
	w.add(retinue.Identity{Ref: user, Kind: retinue.IdentityUser, Class: retinue.ClassNonHuman},
		retinue.Policy{Ref: policy, Language: retinue.LanguageAWSIAM, Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`},
		retinue.Attachment{Policy: policy, Target: user, Role: retinue.AttachIdentity},
		retinue.Identity{Ref: sa, Kind: retinue.IdentityServiceAccount, Class: retinue.ClassNonHuman})
	e := w.estate()
	answers, err := e.Can(user, "s3:GetObject", "arn:aws:s3:::b/k")
	if err != nil || len(answers) != 1 || answers[0].Language != "aws" || answers[0].Outcome != access.Allowed {
		t.Errorf("can: %+v, %v", answers, err)
	}
	if _, err := e.Can(sa, "s3:GetObject", "arn:aws:s3:::b/k"); err == nil || !strings.Contains(err.Error(), "is no question in kubernetes") {
		t.Errorf("a service account asked in the words of AWS: %v", err)
	}
	if _, err := e.Can(user, "fly", ""); err == nil || !strings.Contains(err.Error(), "is no question in") {
		t.Errorf("no language: %v", err)
	}
	holders, err := e.WhoCan("", "", "s3:GetObject", "arn:aws:s3:::b/k")
	if err != nil || len(holders) == 0 || holders[0].Subject != user || holders[0].Decision.Outcome != access.Allowed {
		t.Errorf("who can: %+v, %v", holders, err)
	}
	if held := e.Held(user); len(held) == 0 {
		t.Error("nothing is held")
	}
}
