package api_test

import (
	"fmt"
	"testing"

	"github.com/retinue-id/retinue"
)

func TestThirdParties(t *testing.T) {
	h := newHarness(t)
	admin := retinue.Policy{Ref: retinue.NewRef(cloud, "policy", "AdministratorAccess"), Name: "AdministratorAccess", Language: retinue.LanguageAWSIAM,
		Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}
	trusted, silent, unknown, own := role("monitoring"), role("audit"), role("mystery"), role("inside")
	app := retinue.Identity{Ref: retinue.NewRef(cloud, "app", "planner"), Name: "planner", Kind: retinue.IdentityOAuthApp, Class: retinue.ClassNonHuman,
		State: retinue.StateActive, Publisher: "Compass Software"}
	trust := func(of retinue.Identity, name, vendor string, external, known bool) retinue.Trust {
		return retinue.Trust{Subject: of.Ref, Kind: retinue.TrusteeAccount, Name: name, Vendor: vendor, ThirdParty: true, OrganizationKnown: known, ExternalID: external}
	}
	h.state("aws", cloud, trusted, silent, unknown, own, app, admin,
		retinue.Attachment{Policy: admin.Ref, Target: trusted.Ref, Role: retinue.AttachIdentity},
		retinue.Grant{Subject: app.Ref, Privileges: []string{"repo", "read:org"}, ResourceName: "acme"},
		trust(trusted, "210987654321", "Harbourlight", false, true), trust(silent, "210987654321", "Harbourlight", true, true), trust(unknown, "999988887777", "", false, false),
		retinue.Trust{Subject: own.Ref, Kind: retinue.TrusteeService, Name: "ec2.amazonaws.com", OrganizationKnown: true},
		retinue.Use{Subject: silent.Ref, Meaning: "last_used", Never: true, Grade: retinue.GradeC})
	for name, owner := range map[string]string{"audit": "ann@example.com", "mystery": "ben@example.com"} {
		h.run([]scenario{{name: "own " + name, as: "admin", method: "PATCH", path: fmt.Sprintf("/identities/%s/registration", h.idOf(name)),
			body: fmt.Sprintf(`{"owner":%q}`, owner), status: 200, records: []retinue.RecordAction{retinue.RecordRegistrationSet}}})
	}
	h.settle()
	h.run([]scenario{
		{name: "all", as: "viewer", path: "/third-parties", status: 200, contains: []string{
			`"vendor":"Harbourlight","nameKnown":true,"organizationKnown":true`, `"missingExternalId":1`, `"privileged":1`, `"neverUsed":1`, `"useUnknown":1`,
			`"vendor":"999988887777","nameKnown":false,"organizationKnown":false`, `"vendor":"Compass Software"`, "repo, read:org on acme", `"externalId":"not_applicable"`,
			`"externalId":"present"`, `"externalId":"missing"`, `"total":3`, `"unowned":1`}, lacks: []string{"ec2.amazonaws.com", `"name":"inside"`}},
		{name: "what ann owns", as: "ann", path: "/third-parties", status: 200, contains: []string{"Harbourlight", `"name":"audit"`, `"total":1`, `"missingExternalId":0`},
			lacks: []string{"monitoring", "999988887777", "Compass", "ben@example.com"}},
		{name: "anonymous", path: "/third-parties", status: 401},
	})
}
