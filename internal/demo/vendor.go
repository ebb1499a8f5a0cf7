package demo

import (
	"time"

	"github.com/retinue-id/retinue"
)

// vendors are the third parties that an account trusts. The companies are
// invented; so are their account numbers.
func (c *Company) vendors(a *account) {
	for i, v := range []struct {
		name, account, role, policy string
		external                    bool
		since                       int // days ago
		silent                      bool
	}{
		{"Harbourlight Monitoring", "210987654321", "HarbourlightIntegration", "ReadOnlyAccess", true, 700, false},
		{"Gullwing Cost Control", "321098765432", "GullwingCostReader", "ReadOnlyAccess", false, 520, false},
		{"Keelson Compliance", "432109876543", "KeelsonAudit", "SecurityAudit", true, 310, false},
		{"Brackwater Analytics", "543210987654", "brackwater-loader", "AmazonS3FullAccess", false, 260, true},
		{"Fathom Security", "654321098765", "FathomResponder", "AdministratorAccess", true, 45, false},
		{"Spinnaker Consulting", "765432109876", "spinnaker-migration", "AdministratorAccess", false, 400, true},
	} {
		if i > 1 && a.env == retinue.EnvironmentDevelopment || i > 3 && a.env != retinue.EnvironmentProduction {
			continue
		}
		ref := a.role(v.role)
		born := c.ago(v.since)
		a.during("iam", born, time.Time{}, retinue.Identity{Ref: ref, Name: v.role, Kind: retinue.IdentityRole, Subtype: "iam_role",
			Class: retinue.ClassNonHuman, ClassReason: "a role is assumed by services, workloads or other principals",
			State: retinue.StateActive, Container: a.ref, CreatedAt: born, Environment: a.env},
			retinue.Trust{Subject: ref, Kind: retinue.TrusteeAccount, Name: v.account, ThirdParty: true, OrganizationKnown: true,
				Vendor: v.name, ExternalID: v.external, Trustee: retinue.NewRef(retinue.NewRealm("aws", v.account), "account", v.account)},
			retinue.Attachment{Policy: a.policy(v.policy), Target: ref, Role: retinue.AttachIdentity})
		use := rhythm{meaning: "last_used_in_400_days", start: born, every: 4 * time.Hour}
		if v.silent {
			use.stop = c.ago(170)
		}
		a.used("usage", span{from: born}, ref, use)
		if i%2 == 0 {
			c.owned(a.estate, "iam", span{from: born}, ref, c.apps[29], "tag")
		}
	}
}

// instances are machines that act as roles, and a queue that stands open.
func (c *Company) instances(a *account) {
	for _, n := range []string{"edi-gateway", "legacy-customs", "report-server"} {
		ref := a.role(n + "-instance")
		born := c.ago(800 + c.rng.IntN(600))
		a.always("iam", retinue.Identity{Ref: ref, Name: n + "-instance", Kind: retinue.IdentityRole, Subtype: "iam_role",
			Class: retinue.ClassNonHuman, ClassReason: "a role is assumed by services, workloads or other principals",
			State: retinue.StateActive, Container: a.ref, CreatedAt: born, Environment: a.env},
			retinue.Trust{Subject: ref, Kind: retinue.TrusteeService, Name: "ec2.amazonaws.com", OrganizationKnown: true},
			retinue.Attachment{Policy: a.policy("AmazonS3FullAccess"), Target: ref, Role: retinue.AttachIdentity})
		a.used("usage", span{}, ref, rhythm{meaning: "last_used_in_400_days", start: born, every: time.Hour})
		a.always("compute", retinue.Resource{Ref: a.estate.ref("ec2_instance", "arn:aws:ec2:eu-west-1:"+a.id+":instance/"+n), Name: n,
			Kind: "ec2_instance", Container: a.ref, Region: "eu-west-1", RunsAs: []retinue.Ref{ref}, CreatedAt: born,
			Attrs: retinue.Attrs{"httpTokens": "optional", "publicAddress": n == "legacy-customs"}})
	}
	for _, e := range []struct {
		name   string
		public bool
	}{{"tidewater-shipping-documents", false}, {"tidewater-public-tariffs", true}} {
		a.always("storage", retinue.Resource{Ref: a.estate.ref("s3_bucket", "arn:aws:s3:::"+e.name), Name: e.name, Kind: "s3_bucket",
			Container: a.ref, Public: e.public, CreatedAt: c.ago(900)})
	}
}
