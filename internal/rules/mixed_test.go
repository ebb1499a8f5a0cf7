package rules

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// mixed returns subjects of every kind, as an inventory would fill them.
func mixed(n int) []*Subject {
	now := CaseNow()
	realm := retinue.Realm("aws:111111111111")
	account := retinue.Container{Ref: retinue.NewRef(realm, "account", "111111111111"), Name: "acme-prod", Kind: retinue.ContainerAccount,
		Labels: map[string]string{"env": "prod"}}
	var out []*Subject
	for i := range n {
		name := fmt.Sprintf("thing-%d", i)
		s := &Subject{Name: name, Now: now, Containers: []retinue.Container{account}}
		switch i % 4 {
		case 0:
			s.Kind, s.Ref = OverIdentity, retinue.NewRef(realm, "role", name)
			s.Identity = &retinue.Identity{Ref: s.Ref, Name: name, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman, State: retinue.StateActive,
				CreatedAt: now.AddDate(0, 0, -i%900), Labels: map[string]string{"team": "pay"}}
			for j := range 5 {
				s.Attachments = append(s.Attachments, AttachedPolicy{Role: retinue.AttachIdentity, Name: fmt.Sprint("p", j),
					Summary: access.Summary{Admin: i%40 == 0 && j == 0, Services: []string{"s3", "ec2"}, WildcardActions: []string{"s3:Get*"}}})
			}
			s.Uses = []retinue.Use{{Meaning: "last_used", At: now.AddDate(0, 0, -i%300), Grade: retinue.GradeC}}
		case 1:
			s.Kind, s.Ref = OverCredential, retinue.NewRef(realm, "access_key", name)
			s.Credential = &retinue.Credential{Ref: s.Ref, Name: name, Kind: retinue.CredentialAccessKey, State: retinue.CredentialActive,
				CreatedAt: now.AddDate(0, 0, -i%500)}
			for j := range 3 {
				s.Placements = append(s.Placements, retinue.Placement{Credential: s.Ref, Confidence: retinue.ConfidenceHigh, Exposure: retinue.ExposureOwner,
					Place: retinue.Place{Kind: retinue.PlaceFile, Realm: "host:1", Path: fmt.Sprintf("/srv/app/%d/%d.env", i, j)}})
			}
		case 2:
			s.Kind, s.Ref = OverResource, retinue.NewRef(realm, "lambda_function", name)
			s.Resource = &retinue.Resource{Ref: s.Ref, Name: name, Kind: "lambda_function", Attrs: retinue.Attrs{"runtime": "go1.x"}}
		case 3:
			s.Kind, s.Ref = OverTrust, retinue.NewRef(realm, "trust", name)
			s.Identity = &retinue.Identity{Name: name, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman}
			s.Trust = &retinue.Trust{Kind: retinue.TrusteeFederated, Name: "https://gitlab.com", Federation: &retinue.Federation{
				Issuer: "https://gitlab.com", Subject: "project_path:acme/pay:ref_type:branch:ref:main", Audience: "aws"}}
		}
		s.FillCounts()
		out = append(out, s)
	}
	return out
}
