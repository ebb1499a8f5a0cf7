package secrets

import (
	"encoding/json"
	"strings"

	"github.com/retinue-id/retinue"
)

// pairDistance is how many lines may lie between the id and the secret of one
// AWS key: credential files, .env files and Terraform put them side by side.
const pairDistance = 6

// relate completes findings by what stands beside them in the same text.
func relate(t *text, found []Finding) {
	for i := range found {
		switch found[i].Rule {
		case "aws-secret-access-key":
			pairAWS(&found[i], found)
		case "private-key":
			readServiceAccount(t, &found[i])
		}
	}
}

// pairAWS gives the secret half of a key the id of the nearest key, so that
// both are one credential.
func pairAWS(f *Finding, found []Finding) {
	var nearest *Finding
	best := pairDistance + 1
	for i := range found {
		o := &found[i]
		if o.Rule != "aws-access-token" {
			continue
		}
		// An id in front of its secret is nearer than one behind it.
		distance := 2 * abs(o.Line-f.Line)
		if o.Line > f.Line {
			distance++
		}
		if distance/2 <= pairDistance && (nearest == nil || distance < best) {
			nearest, best = o, distance
		}
	}
	if nearest == nil {
		return
	}
	p := nearest.Parsed
	p.IDOnly = false
	f.Parsed, f.Kind, f.Confidence = p, nearest.Kind, retinue.ConfidenceHigh
}

// readServiceAccount reads the key file of a Google Cloud service account around
// a private key: its id, its project and whose it is.
func readServiceAccount(t *text, f *Finding) {
	if !strings.Contains(f.Field, "private_key") {
		return
	}
	const around = 8 << 10
	from := strings.LastIndexByte(string(t.data[max(0, f.Start-around):f.Start]), '{')
	to := strings.IndexByte(string(t.data[f.End:min(len(t.data), f.End+around)]), '}')
	if from < 0 || to < 0 {
		return
	}
	from += max(0, f.Start-around)
	var key struct {
		Type    string `json:"type"`
		Project string `json:"project_id"`
		ID      string `json:"private_key_id"`
		Email   string `json:"client_email"`
	}
	if json.Unmarshal(t.data[from:f.End+to+1], &key) != nil || key.Type != "service_account" || key.ID == "" {
		return
	}
	f.Subtype = "gcp_service_account_key"
	f.Parsed.Issuer, f.Parsed.Account = "gcp", cleanClaim(key.Project)
	f.Parsed.Subject = cleanClaim(key.Email)
	f.join("gcp", cleanClaim(key.ID))
}
