package demo

import (
	"time"

	"github.com/retinue-id/retinue"
)

const (
	org         = "tidewater"
	forgeIssuer = "https://token.actions.githubusercontent.com"
)

// forge is the company's organisation on a code forge: repositories with
// pipelines, apps, tokens, deploy keys, and owners' files.
func (c *Company) forge() {
	e := c.estate("exec", "forge", "/usr/local/bin/forge-facts", retinue.NewRealm("forge", org), "forge.example/"+org)
	e.principal = "app retinue-reader"
	o := e.ref("organization", org)
	e.always("organization", retinue.Container{Ref: o, Name: org, Kind: retinue.ContainerOrganization})
	e.broken = append(e.broken, outage{path: "tokens", from: c.ago(2), cause: denied("list tokens of members: the app lost the permission organization_personal_access_tokens:read")})
	for i, x := range c.apps {
		for j, suffix := range []string{"", "-infra"} {
			if j == 1 && i%2 == 0 {
				continue
			}
			c.repository(e, o, x, x.id+suffix)
		}
	}
	c.oauthApps(e, o)
	c.bots(e, o)
}

func (c *Company) repository(e *estate, o retinue.Ref, x app, name string) {
	path := "repository/" + name
	repo := e.ref("repository", name)
	e.always(path, retinue.Container{Ref: repo, Name: org + "/" + name, Kind: retinue.ContainerRepository, Parent: o})
	for _, w := range []string{"ci", "release", "nightly"} {
		if w == "nightly" && c.chance(60) {
			continue
		}
		ref := e.ref("workflow", name+"/.ci/"+w+".yml")
		born := c.born()
		attrs := retinue.Attrs{"system": "github_actions", "permissionsDeclared": true, "tokenPermissions": []string{"contents:read"}, "secrets": []string{"DEPLOY"}}
		if c.chance(18) {
			attrs["tokenPermissions"] = []string{"write-all"}
		}
		if c.chance(16) {
			attrs["unpinnedActions"] = []string{"example-actions/publish@v2"}
		}
		if w == "ci" && c.chance(6) {
			attrs["pullRequestTargetWithSecrets"] = true
		}
		e.during(path, born, time.Time{}, retinue.Identity{Ref: ref, Name: name + " " + w, Kind: retinue.IdentityPipeline, Subtype: "github_actions",
			Class: retinue.ClassNonHuman, ClassReason: "A pipeline runs without a person.", State: retinue.StateActive, Container: repo, CreatedAt: born, Attrs: attrs})
		c.codeowners(e, path, ref, born, x)
		if w == "release" {
			c.pipelineSecret(e, path, repo, ref, name, x)
		}
	}
	if c.chance(30) {
		c.deployKey(e, path, repo, name, x)
	}
}

func (c *Company) codeowners(e *estate, path string, ref retinue.Ref, born time.Time, x app) {
	t := c.teams[x.team]
	if c.chance(55) {
		e.during(path, born, time.Time{}, retinue.OwnerSignal{Subject: ref, Candidate: "@" + org + "/" + t.id, Signal: "codeowners", Quote: "* @" + org + "/" + t.id})
	}
	if c.chance(60) {
		p := c.member(x.team, true)
		e.during(path, born, time.Time{}, retinue.OwnerSignal{Subject: ref, Candidate: p.email, Signal: "git_author", At: born,
			Quote: itoa(3+c.rng.IntN(40)) + " of the last 60 commits to this file"})
	}
}

// pipelineSecret is a variable of a pipeline: a registry's token, sometimes a
// cloud's static key, sometimes a person's own token.
func (c *Company) pipelineSecret(e *estate, path string, repo, pipeline retinue.Ref, name string, x app) {
	kind, label, sub := retinue.CredentialAPIKey, "REGISTRY", "ci_secret"
	switch n := c.rng.IntN(100); {
	case n < 22:
		kind, label = retinue.CredentialAccessKey, "AWS_ACCESS_KEY_ID"
	case n < 36:
		kind, label = retinue.CredentialPersonalAccessToken, "RELEASE_PAT"
	}
	born := c.born()
	ref := e.ref("variable", name+"/"+label)
	e.during(path, born, time.Time{}, retinue.Credential{Ref: ref, Name: label, Kind: kind, Subtype: sub, State: retinue.CredentialUnknown, CreatedAt: born, RotatedAt: born},
		retinue.Placement{Credential: ref, Consumer: pipeline, Confidence: retinue.ConfidenceCertain, Detector: "sample", Exposure: retinue.ExposureGroup,
			Place: retinue.Place{Kind: retinue.PlaceCIVariable, Realm: e.realm, Container: repo, Path: label}, Reference: true})
	if !c.chance(14) {
		return
	}
	leaked := e.ref("credential", name+"/config/settings.yml#"+label)
	from := c.ago(1 + c.rng.IntN(lately+60))
	e.during(path, from, time.Time{}, retinue.Credential{Ref: leaked, Name: label + " in config/settings.yml", Kind: kind, Subtype: "generic", State: retinue.CredentialUnknown},
		retinue.Placement{Credential: leaked, Confidence: retinue.ConfidenceHigh, Detector: "sample", Author: c.member(x.team, true).email, At: from,
			Historic: c.chance(45), Place: retinue.Place{Kind: retinue.PlaceGit, Realm: e.realm, Container: repo, Path: "config/settings.yml", Line: 10 + c.rng.IntN(60)}})
}

func (c *Company) deployKey(e *estate, path string, repo retinue.Ref, name string, x app) {
	born := c.born()
	id := e.ref("deploy_key", name+"/deploy")
	ref := e.ref("ssh_key", name+"/deploy")
	bits, alg := 0, "Ed25519"
	if c.chance(30) {
		bits, alg = 1024, "RSA"
	}
	e.during(path, born, time.Time{}, retinue.Identity{Ref: id, Name: "deploy key of " + name, Kind: retinue.IdentityIntegration, Subtype: "deploy_key",
		Class: retinue.ClassNonHuman, ClassReason: "a deploy key belongs to a repository and to no person", State: retinue.StateActive, Container: repo, CreatedAt: born},
		retinue.Credential{Ref: ref, Name: "deploy key of " + name, Kind: retinue.CredentialSSHKey, Identity: id, State: retinue.CredentialActive, CreatedAt: born,
			Algorithm: alg, Bits: bits, NeverExpires: true},
		retinue.Grant{Subject: id, Privileges: []string{"contents:write"}, Resource: repo, ResourceName: name})
	e.used(path, span{from: born}, ref, c.use(born, "last_used", 5))
	c.codeowners(e, path, id, born, x)
}

// oauthApps are third parties' applications that were granted scopes.
func (c *Company) oauthApps(e *estate, o retinue.Ref) {
	for i, a := range []struct {
		name, publisher string
		scopes          []string
		since           int
	}{
		{"Lighthouse Code Review", "Lighthouse Labs", []string{"repo", "read:org"}, 620}, {"Anchor Deploy", "Anchor Systems", []string{"repo", "admin:org", "workflow"}, 480},
		{"Driftwood Docs", "Driftwood", []string{"read:user"}, 380}, {"Compass Planner", "Compass Software", []string{"repo", "project"}, 300},
		{"Riptide Scanner", "Riptide Security", []string{"repo", "security_events"}, 210}, {"Bilge Metrics", "", []string{"repo", "admin:repo_hook"}, 800},
		{"Sextant Assistant", "Sextant AI", []string{"repo", "write_all"}, 55}, {"Jetty Notifier", "Jetty", []string{"read:org"}, 25},
	} {
		born := c.ago(a.since)
		ref := e.ref("oauth_app", a.name)
		e.during("applications", born, time.Time{}, retinue.Identity{Ref: ref, Name: a.name, Kind: retinue.IdentityOAuthApp, Subtype: "oauth_app", Class: retinue.ClassNonHuman,
			ClassReason: "an application of another company", State: retinue.StateActive, Container: o, CreatedAt: born, Publisher: a.publisher},
			retinue.Grant{Subject: ref, Privileges: a.scopes, Resource: o, ResourceName: org})
		use := c.use(born, "last_used", i)
		e.used("applications", span{from: born}, ref, use)
		if i%3 == 0 {
			p := c.member(0, true)
			e.during("applications", born, time.Time{}, retinue.OwnerSignal{Subject: ref, Candidate: p.email, Signal: "approver", Quote: "approved by " + p.email, At: born})
		}
	}
}

// bots are machine users, with tokens that people made for them.
func (c *Company) bots(e *estate, o retinue.Ref) {
	for i, n := range []string{"tide-bot", "release-train", "dependency-bot", "translation-sync", "status-reporter", "ticket-linker", "coverage-bot", "sbom-uploader"} {
		born := c.born()
		ref := e.ref("user", n)
		e.during("organization", born, time.Time{}, retinue.Identity{Ref: ref, Name: n, Kind: retinue.IdentityBot, Subtype: "machine_user", Class: retinue.ClassNonHuman,
			ClassReason: "it is listed as a machine user", State: retinue.StateActive, Container: o, CreatedAt: born},
			retinue.Grant{Subject: ref, Privileges: []string{pick(c, []string{"write", "maintain", "admin"})}, Resource: o, ResourceName: org})
		tok := e.ref("token", n+"/1")
		cred := retinue.Credential{Ref: tok, Name: "token of " + n, Kind: retinue.CredentialPersonalAccessToken, Identity: ref, State: retinue.CredentialActive,
			CreatedAt: born, Scopes: []string{"repo", "workflow"}}
		if cred.NeverExpires = c.chance(55); !cred.NeverExpires {
			cred.ExpiresAt = c.end.AddDate(0, 0, 3+c.rng.IntN(200))
		}
		e.during("tokens", born, time.Time{}, cred)
		e.used("tokens", span{from: born}, tok, c.use(born, "last_used", 0))
		if i%2 == 0 {
			p := c.member(0, true)
			e.during("organization", born, time.Time{}, retinue.OwnerSignal{Subject: ref, Candidate: p.email, Signal: "creator", Quote: "invited by " + p.email, At: born})
		}
	}
}
