package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// machines are servers and developers' computers, with accounts, SSH keys and
// AI agents.
func (c *Company) machines() {
	for _, n := range []string{"bastion-1", "edi-gateway", "build-runner-1", "build-runner-2", "report-server"} {
		c.server(n)
	}
	for i := range 6 {
		c.workstation(c.people[3+i*17])
	}
}

func (c *Company) host(name string, env retinue.Environment) (*estate, retinue.Ref) {
	sum := sha256.Sum256([]byte(name))
	e := c.estate("host", "host-"+name, "", retinue.NewRealm("host", hex.EncodeToString(sum[:16])), name)
	e.principal = "root"
	m := e.ref("host", name)
	e.always("host", retinue.Container{Ref: m, Name: name, Kind: retinue.ContainerHost, Environment: env})
	return e, m
}

func (c *Company) server(name string) {
	e, m := c.host(name, retinue.EnvironmentProduction)
	e.always("ssh", retinue.Resource{Ref: e.ref("ssh_server", "sshd"), Name: "OpenSSH server", Kind: "ssh_server", Container: m,
		Attrs: retinue.Attrs{"passwordAuthentication": map[bool]string{true: "yes", false: "no"}[c.chance(40)], "permitRootLogin": "no"}})
	for i, n := range []string{"root", "deploy", "backup", "edi", "runner", "monitoring", "postgres"} {
		if i > 2 && c.chance(40) {
			continue
		}
		ref := e.ref("account", n)
		e.always("accounts", retinue.Identity{Ref: ref, Name: n, Kind: retinue.IdentityServiceAccount, Subtype: "os_account", Class: retinue.ClassNonHuman,
			ClassReason: "its number is below those given to persons, or no person is behind it", State: retinue.StateActive, Container: m,
			Attrs: retinue.Attrs{"home": "/home/" + n, "shell": "/bin/bash"}})
		if n == "runner" || n == "deploy" && c.chance(50) {
			e.always("sudo", retinue.Grant{Subject: ref, Privileges: []string{"ALL"}, ResourceName: m.Key, Attrs: retinue.Attrs{"noPassword": true, "runAs": "ALL"}})
		}
		c.authorized(e, m, ref, n)
	}
	file := e.ref("credential", "/srv/app/app.env#API_KEY")
	e.always("files", retinue.Credential{Ref: file, Name: "API_KEY", Kind: retinue.CredentialAPIKey, State: retinue.CredentialUnknown},
		retinue.Placement{Credential: file, Confidence: retinue.ConfidenceHigh, Detector: "sample", Exposure: pick(c, []retinue.Exposure{retinue.ExposureOwner, retinue.ExposureWorld}),
			Place: retinue.Place{Kind: retinue.PlaceFile, Realm: e.realm, Container: m, Path: "/srv/app/app.env", Field: "API_KEY", Line: 4}})
}

// authorized are the keys that open an account: those of people, of whom some
// left, and of machines.
func (c *Company) authorized(e *estate, m, account retinue.Ref, name string) {
	for range 1 + c.rng.IntN(3) {
		p := c.people[c.rng.IntN(len(c.people))]
		sum := sha256.Sum256([]byte("public key of " + p.email))
		pub := hex.EncodeToString(sum[:])
		key := retinue.NewRef("ssh:keys", "public_key", pub[:40])
		from := c.ago(30 + c.rng.IntN(600))
		alg, bits := "Ed25519", 0
		if sum[0]%5 == 0 {
			alg, bits = "RSA", 1024
		}
		e.during("ssh", from, time.Time{},
			retinue.Credential{Ref: key, Name: "SSH key of " + p.email, Kind: retinue.CredentialSSHKey, State: retinue.CredentialActive, Algorithm: alg, Bits: bits, NeverExpires: true,
				PublicKey: pub, Joins: []retinue.JoinKey{{Kind: retinue.JoinPublicKey, Value: pub}}},
			retinue.Trust{Subject: account, Kind: retinue.TrusteeKey, Trustee: key, Name: p.email, OrganizationKnown: true},
			retinue.Placement{Credential: key, Consumer: account, Reference: true, Detector: "sample", Confidence: retinue.ConfidenceCertain,
				Place: retinue.Place{Kind: retinue.PlaceAuthorizedKeys, Realm: e.realm, Container: m, Path: "/home/" + name + "/.ssh/authorized_keys", Field: p.email}},
			retinue.OwnerSignal{Subject: key, Candidate: p.email, Signal: "key_comment", Quote: p.email})
	}
}

// workstation is a developer's computer with AI agents and tool servers.
func (c *Company) workstation(p person) {
	user := strings.TrimSuffix(p.email, "@"+Domain)
	e, m := c.host("laptop-"+strings.ReplaceAll(user, ".", "-"), retinue.EnvironmentDevelopment)
	acc := e.ref("account", user)
	e.always("accounts", retinue.Identity{Ref: acc, Name: user, Kind: retinue.IdentityUser, Subtype: "os_account", Class: retinue.ClassPerson,
		ClassReason: "its number is one of those given to persons, and it can log in", State: retinue.StateActive, Container: m})
	since := c.ago(10 + c.rng.IntN(100))
	agent := e.ref("agent", "code-assistant")
	e.during("agents", since, time.Time{}, retinue.Identity{Ref: agent, Name: "code-assistant", Kind: retinue.IdentityAgent, Subtype: "code-assistant", Class: retinue.ClassNonHuman,
		ClassReason: "an AI agent that acts for a person", State: retinue.StateActive, Container: m},
		retinue.Trust{Subject: acc, Kind: retinue.TrusteePrincipal, Trustee: agent, Name: "code-assistant", OrganizationKnown: true},
		retinue.OwnerSignal{Subject: agent, Candidate: p.email, Signal: "home", Quote: "it lies in the home of " + p.email})
	if c.chance(50) {
		e.during("agents", since, time.Time{}, retinue.Grant{Subject: agent, Privileges: []string{"everything (bypassPermissions)"}, Condition: "without asking"})
	}
	for _, t := range []struct{ name, pkg string }{{"files", "@example/files"}, {"tickets", "@example/tickets"}, {"database", "@example/pg-tool"}} {
		if c.chance(35) {
			continue
		}
		ref := e.ref("mcp_server", t.name)
		pinned := c.chance(40)
		e.during("agents", since, time.Time{}, retinue.Identity{Ref: ref, Name: t.name, Kind: retinue.IdentityAgent, Subtype: "mcp_server_stdio", Class: retinue.ClassNonHuman,
			ClassReason: "a tool server that an AI agent starts or calls", State: retinue.StateActive, Container: m,
			Attrs: retinue.Attrs{"package": t.pkg, "pinned": pinned, "command": "npx"}})
		if t.name == "files" {
			continue
		}
		cred := e.ref("credential", "mcp.json#"+t.name)
		e.during("agents", since, time.Time{}, retinue.Credential{Ref: cred, Name: strings.ToUpper(t.name) + "_TOKEN", Kind: retinue.CredentialPersonalAccessToken, State: retinue.CredentialUnknown},
			retinue.Placement{Credential: cred, Consumer: ref, Confidence: retinue.ConfidenceHigh, Detector: "sample", Exposure: retinue.ExposureOwner,
				Place: retinue.Place{Kind: retinue.PlaceMCPConfig, Realm: e.realm, Container: m, Path: "/home/" + user + "/.config/mcp.json", Field: "servers/" + t.name + "/env"}})
	}
}
