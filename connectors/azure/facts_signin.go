package azure

import (
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// credentialSignIn states when a secret or certificate was last used to sign in,
// from Graph's report appCredentialSignInActivities.
// https://learn.microsoft.com/graph/api/resources/appcredentialsigninactivity
func (m *mapper) credentialSignIn(e *element) error {
	sc := m.covers("Graph's report of the last sign-ins by credential", "directory", "credential-sign-ins")
	kind := ""
	switch typ := strings.ToLower(e.KeyType); {
	case strings.Contains(typ, "secret"): // the type's member is clientSecret, and the examples have secret
		kind = "client_secret"
	case typ == "certificate":
		kind = "certificate"
	}
	at := signInMoment(e.SignInActivity)
	if kind == "" {
		m.unnamed++
		return nil
	}
	if at.IsZero() {
		return nil // as the report says, which has no word for never
	}
	return m.w.Emit(sc, retinue.Use{Subject: m.ref(kind, e.KeyID), Meaning: "last_used", At: at, Precision: signInPrecision(at), Grade: retinue.GradeC,
		Attrs: retinue.Attrs{"report": "appCredentialSignInActivities"}})
}

// principalSignIn states when a service principal last signed in as a client, by
// itself or for a user, from Graph's report servicePrincipalSignInActivities. That
// others signed in to it as a resource is no use of its own credentials.
// https://learn.microsoft.com/graph/api/resources/serviceprincipalsigninactivity
func (m *mapper) principalSignIn(e *element) error {
	sc := m.covers("Graph's report of the last sign-ins by service principal", "directory", "service-principal-sign-ins")
	at, flow := signInMoment(e.AppClient), "application"
	if delegated := signInMoment(e.DelegatedClient); delegated.After(at) {
		at, flow = delegated, "delegated"
	}
	if at.IsZero() {
		return nil
	}
	sp := m.sps[lower(e.AppID)]
	if sp == "" { // the report knows applications by their application id
		m.unnamed++
		return nil
	}
	return m.w.Emit(sc, retinue.Use{Subject: m.ref("service_principal", sp), Meaning: "last_used", At: at, Precision: signInPrecision(at), Grade: retinue.GradeC,
		Attrs: retinue.Attrs{"flow": flow, "report": "servicePrincipalSignInActivities"}})
}

// signInMoment reads a time of the reports, which Graph's examples write with an
// hour of one digit in the offset; zero where there is none.
func signInMoment(s *signIn) time.Time {
	if s == nil {
		return time.Time{}
	}
	text := s.Last
	if n := len(text); n > 5 && (text[n-5] == '-' || text[n-5] == '+') && text[n-3] == ':' {
		text = text[:n-4] + "0" + text[n-4:]
	}
	at := moment(text)
	if at.Year() < 2000 { // 0001-01-01T00:00:00Z stands for no sign-in
		return time.Time{}
	}
	return at
}

// signInPrecision is a day where the report gives no more than a day.
func signInPrecision(at time.Time) int {
	if at.Second() == 0 && at.Minute() == 0 {
		return 86400
	}
	return 1
}
