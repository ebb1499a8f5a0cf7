package pipelines

import (
	"encoding/json"
	"testing"

	"github.com/retinue-id/retinue"
)

// scene collects facts as the connectors state them.
type scene struct {
	t testing.TB
	c Collector
}

const (
	shop     = retinue.Realm("git:1111111111111111111111111111111111111111")
	other    = retinue.Realm("git:2222222222222222222222222222222222222222")
	account  = retinue.Realm("aws:111111111111")
	provider = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
)

func newScene(t testing.TB) *scene { return &scene{t: t} }

func (s *scene) add(facts ...retinue.Fact) {
	s.t.Helper()
	for _, f := range facts {
		if err := f.Validate(); err != nil {
			s.t.Fatalf("%s: %v", f.FactType(), err)
		}
		if err := s.c.Add(f); err != nil {
			s.t.Fatal(err)
		}
	}
}

// repository states a repository with its remote.
func (s *scene) repository(realm retinue.Realm, address string) {
	s.t.Helper()
	s.add(retinue.Container{Ref: retinue.NewRef(realm, "repository", realm.ID()), Kind: retinue.ContainerRepository, Attrs: retinue.Attrs{"remotes": []string{address}}})
}

// pipeline states a pipeline by its definition.
func (s *scene) pipeline(realm retinue.Realm, d Definition, attrs retinue.Attrs) retinue.Ref {
	s.t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		s.t.Fatal(err)
	}
	ref, pol := retinue.NewRef(realm, "pipeline", d.File), retinue.NewRef(realm, "pipeline_definition", d.File)
	s.add(retinue.Identity{Ref: ref, Name: d.Name, Kind: retinue.IdentityPipeline, Subtype: d.System, Class: retinue.ClassNonHuman, Attrs: attrs},
		retinue.Policy{Ref: pol, Language: retinue.LanguagePipeline, Document: string(text)}, retinue.Attachment{Policy: pol, Target: ref, Role: retinue.AttachIdentity})
	return ref
}

// workflow is a definition of GitHub's with one job that may ask for tokens.
func workflow(change func(*Definition)) Definition {
	d := Definition{System: systemGitHub, Repository: "github.com/acme/shop", File: ".github/workflows/deploy.yml", Name: "deploy",
		Triggers: []Trigger{{Event: "push", Branches: []string{"main"}}},
		Jobs:     []Job{{Name: "go", Permissions: &Permissions{Scopes: map[string]string{"id-token": "write", "contents": "read"}}, Runners: []string{"ubuntu-latest"}}}}
	if change != nil {
		change(&d)
	}
	return d
}

// role states a role that a provider's tokens may assume.
func (s *scene) role(name, document string) retinue.Ref {
	s.t.Helper()
	ref := retinue.NewRef(account, "role", "arn:aws:iam::111111111111:role/"+name)
	pol := retinue.NewRef(account, "policy", ref.Key+"#trust")
	s.add(retinue.Policy{Ref: pol, Language: retinue.LanguageAWSIAM, Document: document},
		retinue.Trust{Subject: ref, Kind: retinue.TrusteeFederated, Name: githubIssuer, Via: pol, Federation: &retinue.Federation{Issuer: githubIssuer, Subject: "*"}})
	return ref
}

// trusting is a trust policy with a condition, or without one.
func trusting(condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Sid":"CI","Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":"sts:AssumeRoleWithWebIdentity"` + condition + `}]}`
}

// subjects is a condition on the subject beside the usual one on the audience.
func subjects(operator, values string) string {
	return trusting(`{"StringEqualsIgnoreCase":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"},"` + operator + `":{"token.actions.githubusercontent.com:sub":` + values + `}}`)
}

func (s *scene) engine() *Engine {
	s.t.Helper()
	e, err := s.c.Engine(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}
