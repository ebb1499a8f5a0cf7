package aws

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
)

func TestTrustFacts(t *testing.T) {
	role := retinue.NewRef("aws:111111111111", "role", "arn:aws:iam::111111111111:role/r")
	known := knownAccounts{own: "111111111111", organization: map[string]bool{"111111111111": true, "222222222222": true}, vendors: newVendorTable()}
	stmt := func(principal, rest string) string {
		return `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + principal + rest + `}]}`
	}
	external := `,"Condition":{"StringEquals":{"sts:ExternalId":"x"}}`
	for _, tt := range []struct {
		name, doc string
		want      []retinue.Trust
	}{
		{"service", stmt(`{"Service":"ec2.amazonaws.com"}`, ""), []retinue.Trust{{Kind: retinue.TrusteeService, Name: "ec2.amazonaws.com", OrganizationKnown: true}}},
		{"vendor without external id", stmt(`{"AWS":"arn:aws:iam::464622532012:root"}`, ""), []retinue.Trust{{Kind: retinue.TrusteeAccount, Name: "464622532012",
			Trustee: accountRef("464622532012"), ThirdParty: true, OrganizationKnown: true, Vendor: "Datadog"}}},
		{"stranger with external id", stmt(`{"AWS":"333333333333"}`, external), []retinue.Trust{{Kind: retinue.TrusteeAccount, Name: "333333333333",
			Trustee: accountRef("333333333333"), ThirdParty: true, OrganizationKnown: true, ExternalID: true, Conditions: []string{"sts:ExternalId"}}}},
		{"external id that need not be given", stmt(`{"AWS":"333333333333"}`, `,"Condition":{"StringEqualsIfExists":{"sts:ExternalId":"x"}}`), []retinue.Trust{{Kind: retinue.TrusteeAccount, Name: "333333333333",
			Trustee: accountRef("333333333333"), ThirdParty: true, OrganizationKnown: true, Conditions: []string{"sts:ExternalId"}}}},
		{"same organisation", stmt(`{"AWS":["arn:aws:iam::222222222222:role/x"]}`, ""), []retinue.Trust{{Kind: retinue.TrusteePrincipal, Name: "arn:aws:iam::222222222222:role/x",
			Trustee: retinue.NewRef("aws:222222222222", "role", "arn:aws:iam::222222222222:role/x"), OrganizationKnown: true}}},
		{"anyone", stmt(`"*"`, ""), []retinue.Trust{{Kind: retinue.TrusteeAnyone, Name: "anyone", ThirdParty: true, OrganizationKnown: true}}},
		{"any AWS principal", stmt(`{"AWS":"*"}`, external), []retinue.Trust{{Kind: retinue.TrusteeAnyone, Name: "anyone", ThirdParty: true, OrganizationKnown: true, ExternalID: true, Conditions: []string{"sts:ExternalId"}}}},
		{"deleted principal", stmt(`{"AWS":"AROAEXAMPLEEXAMPLE"}`, ""), []retinue.Trust{{Kind: retinue.TrusteePrincipal, Name: "AROAEXAMPLEEXAMPLE", Attrs: retinue.Attrs{"deletedPrincipal": true}}}},
		{"denied", `{"Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Principal":"*"}]}`, nil},
		{"tags only", `{"Statement":[{"Effect":"Allow","Action":"sts:TagSession","Principal":"*"}]}`, nil},
		{"not principal", `{"Statement":{"Effect":"Allow","Action":"*","NotPrincipal":{"AWS":"x"}}}`, []retinue.Trust{{Kind: retinue.TrusteeAnyone, Name: "everyone except those it names", ThirdParty: true, OrganizationKnown: true}}},
		{"OIDC without a subject", `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/gitlab.com"},"Condition":{"StringEquals":{"gitlab.com:aud":"https://gitlab.com"}}}]}`,
			[]retinue.Trust{{Kind: retinue.TrusteeFederated, Name: "https://gitlab.com", Trustee: retinue.NewRef("aws:111111111111", "oidc_provider", "arn:aws:iam::111111111111:oidc-provider/gitlab.com"),
				Federation: &retinue.Federation{Issuer: "https://gitlab.com", Subject: "*", Audience: "https://gitlab.com"}, Conditions: []string{"gitlab.com:aud"}, Attrs: retinue.Attrs{"sharedIssuer": true}}}},
		{"SAML", `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithSAML","Principal":{"Federated":"arn:aws:iam::111111111111:saml-provider/corp"},"Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}]}`,
			[]retinue.Trust{{Kind: retinue.TrusteeFederated, Name: "arn:aws:iam::111111111111:saml-provider/corp", Trustee: retinue.NewRef("aws:111111111111", "saml_provider", "arn:aws:iam::111111111111:saml-provider/corp"),
				Federation: &retinue.Federation{Issuer: "arn:aws:iam::111111111111:saml-provider/corp", Subject: "*", Audience: "https://signin.aws.amazon.com/saml"}, Conditions: []string{"SAML:aud"}}}},
		{"one trustee in two statements keeps what limits it in both", `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"333333333333"},"Condition":{"StringEquals":{"sts:ExternalId":"x"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}},{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"333333333333"},"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`,
			[]retinue.Trust{{Kind: retinue.TrusteeAccount, Name: "333333333333", Trustee: accountRef("333333333333"), ThirdParty: true, OrganizationKnown: true, Conditions: []string{"aws:MultiFactorAuthPresent"}}}},
		{"partition", stmt(`{"AWS":"arn:aws-cn:iam::222222222222:root"}`, ""), []retinue.Trust{{Kind: retinue.TrusteeAccount, Name: "222222222222", Trustee: accountRef("222222222222"), OrganizationKnown: true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			facts, err := trustFacts(role, retinue.Ref{}, tt.doc, known)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, f := range facts {
				got = append(got, encoded(t, f))
			}
			for _, w := range tt.want {
				w.Subject = role
				want = append(want, encoded(t, w))
			}
			if !slices.Equal(got, want) {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

// TestTrustWithoutOrganization: an account that nothing is known of counts as
// outside, and the fact says that this is not decided.
func TestTrustWithoutOrganization(t *testing.T) {
	facts, err := trustFacts(accountRef("111111111111"), retinue.Ref{}, `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"333333333333"}}}`,
		knownAccounts{own: "111111111111", vendors: newVendorTable()})
	if err != nil {
		t.Fatal(err)
	}
	if tr := facts[0].(retinue.Trust); !tr.ThirdParty || tr.OrganizationKnown {
		t.Errorf("%+v", tr)
	}
}

func encoded(t *testing.T, f retinue.Fact) string {
	t.Helper()
	enc, err := retinue.MarshalFact(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(enc)
}

// TestDocumentIsTheSameWhicheverWayItCame: as an object, as a string, escaped
// for a URL, with other white space and other escapes.
func TestDocumentIsTheSameWhicheverWayItCame(t *testing.T) {
	want := `{"Version":"2012-10-17","Statement":[{"Sid":"a+b <c>\n","Effect":"Allow","Effect":"Deny"}]}`
	spaced := `{ "Version": "2012-10-17",
 "Statement": [ {"Sid": "a+b \u003cc>\n", "Effect": "Allow", "Effect": "Deny"} ] }`
	escaped := `%7B%20%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Sid%22%3A%22a+b%20%3Cc%3E%5Cn%22%2C%22Effect%22%3A%22Allow%22%2C%22Effect%22%3A%22Deny%22%7D%5D%7D`
	inString, err := json.Marshal(spaced)
	if err != nil {
		t.Fatal(err)
	}
	inURL, err := json.Marshal(escaped)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]json.RawMessage{"object": json.RawMessage(spaced), "string": inString, "url": inURL} {
		if got := document(raw); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	for raw, want := range map[string]string{``: "", `null`: "", `""`: "", `"not json"`: "not json", `"%7Bbroken"`: "{broken"} {
		if got := document(json.RawMessage(raw)); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	for in, want := range map[string]string{
		`"2019-12-18 19:10:08+00:00"`: "2019-12-18T19:10:08Z", `"2020-03-19T23:29:12.214+0000"`: "2020-03-19T23:29:12Z",
		`1700000000.5`: "2023-11-14T22:13:20Z", `"2023-01-15T10:30:00"`: "2023-01-15T10:30:00Z", `"N/A"`: "", `null`: "", `1e300`: "", `-5`: "",
	} {
		var m moment
		if err := json.Unmarshal([]byte(in), &m); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		got := ""
		if !m.IsZero() {
			got = m.Format("2006-01-02T15:04:05Z")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestVendorTable(t *testing.T) {
	v := newVendorTable()
	if len(v) < 400 || v.name("464622532012") != "Datadog" || v.name("111111111111") != "" {
		t.Errorf("%d vendors, Datadog %q", len(v), v.name("464622532012"))
	}
}
