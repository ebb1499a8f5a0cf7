package gcp

import (
	"encoding/json"
	"strings"

	"github.com/retinue-id/retinue"
)

// lastUse states when a service account or key last authenticated, by Activity
// Analyzer. It gives a day of Pacific Standard Time, in which attempts that failed
// count, and for a key also that it was merely listed while somebody authenticated.
// Of what was not seen in its observation period it says nothing older, so that
// this is not "never".
// https://cloud.google.com/policy-intelligence/docs/activity-analyzer-service-account-authentication
func (m *mapper) lastUse(e *element) error {
	_, rest, ok := strings.Cut(e.FullResourceName, "/serviceAccounts/")
	email, keyID, isKey := strings.Cut(rest, "/keys/")
	if known := m.names.ids["account:"+email]; known != "" {
		email = known // by the account's number
	}
	if !ok || !strings.Contains(email, "@") || isKey != (e.ActivityType == "serviceAccountKeyLastAuthentication") {
		m.unplaced++
		return nil
	}
	account := m.names.account(email)
	subject, path := account, "service-account-last-authentication"
	if isKey {
		subject, path = retinue.NewRef(account.Realm, "service_account_key", account.Key+"/"+retinue.CleanName(keyID)), "service-account-key-last-authentication"
	}
	sc := m.covers("gcloud policy-intelligence query-activity", account.Realm, "iam", path)
	var activity struct {
		Last string `json:"lastAuthenticatedTime"`
	}
	_ = json.Unmarshal(e.Activity, &activity) // without it there was none
	at := moment(activity.Last)
	if at.IsZero() {
		m.silent++
		return nil
	}
	u := retinue.Use{Subject: subject, Meaning: "last_authenticated", At: at, Precision: 86400, Grade: retinue.GradeC, Attrs: retinue.Attrs{}}
	if e.Observed != nil && !moment(e.Observed.From).IsZero() && !moment(e.Observed.To).IsZero() {
		u.Attrs["observedFrom"], u.Attrs["observedTo"] = retinue.CleanName(e.Observed.From), retinue.CleanName(e.Observed.To)
	}
	return m.w.Emit(sc, u)
}
